//! When alerts fired, and when a rule would have fired.

use std::collections::BTreeMap;

use crate::clients::api::ApiError;
use crate::clients::prometheus::{Prometheus, Series};

/// Prometheus returns no more points of a series than this in one answer.
const POINTS: f64 = 10_000.0;
/// A simulation looks at no more points than this: over a longer time they are further apart.
const MOST: f64 = 40_000.0;
/// How far Prometheus looks back for a sample, in seconds: a coarser search would miss fired alerts.
const LOOKBACK: f64 = 300.0;

/// One time that one set of labels fired. Times are seconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    pub labels: BTreeMap<String, String>,
    /// The expression held since then.
    pub active: f64,
    pub began: f64,
    /// `None`: it still fires at the end of the simulated time.
    pub ended: Option<f64>,
}

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Simulation {
    /// By time.
    pub firings: Vec<Firing>,
    /// How often the expression held, but not long enough.
    pub near: usize,
    /// Seconds between two points.
    pub step: f64,
    /// Seconds of the simulated time for which Prometheus has data; `vector(1)` holds in the others too.
    pub covered: f64,
}

/// A rule as it is simulated; all in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedRule {
    pub expr: String,
    pub wait: f64,
    pub keep: f64,
    pub interval: f64,
}

/// Evaluates the expression over the past, as Prometheus would have.
///
/// Errors: Prometheus's own words for an expression that it rejects.
pub async fn simulate(
    prometheus: &Prometheus<'_>,
    rule: &SimulatedRule,
    start: f64,
    end: f64,
) -> Result<Simulation, ApiError> {
    let step = step(rule.interval, end - start);
    let (start, end) = ((start / step).ceil() * step, (end / step).floor() * step);
    let (series, scraped) = tokio::try_join!(
        ranged(prometheus, &rule.expr, start, end, step),
        ranged(prometheus, SCRAPED, start, end, step)
    )?;
    let scraped: Vec<f64> = scraped.iter().flat_map(|series| &series.points).map(|(_, at)| *at).collect();
    Ok(replay(&series, &Coverage::of(scraped, start, step), rule, step, end))
}

/// When the newest sample was scraped, at each point: a series goes on for minutes after its last sample.
const SCRAPED: &str = "max(timestamp(up))";

/// All series of an expression at these points, asked for in parts.
async fn ranged(
    prometheus: &Prometheus<'_>,
    expr: &str,
    start: f64,
    end: f64,
    step: f64,
) -> Result<Vec<Series>, ApiError> {
    let mut all: BTreeMap<Vec<(String, String)>, Series> = BTreeMap::new();
    let mut from = start;
    while from <= end {
        let to = (from + step * POINTS).min(end);
        for mut series in prometheus.range(expr, from, to, step).await? {
            series.labels.remove("__name__");
            let key = series.labels.clone().into_iter().collect();
            match all.get_mut(&key) {
                Some(known) => known.points.extend(series.points),
                None => drop(all.insert(key, series)),
            }
        }
        from = to + step;
    }
    Ok(all.into_values().collect())
}

/// The times for which Prometheus has data, as spans in their order.
#[derive(Debug, Clone, PartialEq, Default)]
struct Coverage(Vec<(f64, f64)>);

impl Coverage {
    /// From the times of scrapes, as far as the points show them. Data lasts until the next scrape is overdue: twice the usual
    /// time between two.
    fn of(mut scraped: Vec<f64>, start: f64, step: f64) -> Self {
        scraped.sort_by(f64::total_cmp);
        scraped.dedup();
        let mut between: Vec<f64> = scraped.windows(2).map(|pair| pair[1] - pair[0]).collect();
        between.sort_by(f64::total_cmp);
        let usual = between.get(between.len() / 2).copied().unwrap_or_default().min(LOOKBACK / 2.0);
        let lasts = (2.0 * usual).max(1.5 * step);
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for at in scraped {
            match spans.last_mut() {
                Some((_, end)) if at <= *end => *end = at + lasts,
                _ => spans.push((at.max(start), at + lasts)),
            }
        }
        Self(spans)
    }

    fn holds(&self, at: f64) -> bool {
        let next = self.0.partition_point(|(from, _)| *from <= at);
        next.checked_sub(1).is_some_and(|index| at <= self.0[index].1)
    }

    /// Seconds up to the end.
    fn seconds(&self, end: f64) -> f64 {
        self.0.iter().map(|(from, to)| (to.min(end) - from).max(0.0)).sum()
    }
}

/// In whole seconds, so that every point falls on a whole second.
fn step(interval: f64, span: f64) -> f64 {
    interval.max((span / MOST).ceil()).max(1.0)
}

fn replay(series: &[Series], coverage: &Coverage, rule: &SimulatedRule, step: f64, end: f64) -> Simulation {
    let mut simulation = Simulation { step, covered: coverage.seconds(end), ..Simulation::default() };
    for series in series {
        let mut firing: Option<Firing> = None;
        for (first, last) in runs(&series.points, coverage, step) {
            // While `keep_firing_for` lasts, it continues without waiting again.
            if let Some(kept) = firing.take_if(|kept| kept.ended.is_some_and(|ended| first <= ended)) {
                let ended = end_of(last, rule.keep, step, end);
                firing = Some(Firing { ended, ..kept });
                continue;
            }
            simulation.firings.extend(firing.take());
            // The first point at which it has held for long enough.
            let began = first + (rule.wait / step).ceil() * step;
            if began > last + step / 2.0 {
                simulation.near += 1;
                continue;
            }
            let ended = end_of(last, rule.keep, step, end);
            firing = Some(Firing { labels: series.labels.clone(), active: first, began, ended });
        }
        simulation.firings.extend(firing);
    }
    simulation.firings.sort_by(|a, b| a.began.total_cmp(&b.began));
    simulation
}

/// It ends at the first point at which it does not hold; `None` when that is past the end.
fn end_of(last: f64, keep: f64, step: f64, end: f64) -> Option<f64> {
    let ended = last + step + keep;
    (ended <= end + step / 2.0).then_some(ended)
}

/// First and last of the points that follow each other without a gap, and for which there is data.
fn runs(points: &[(f64, f64)], coverage: &Coverage, step: f64) -> Vec<(f64, f64)> {
    let mut runs: Vec<(f64, f64)> = Vec::new();
    for (at, _) in points.iter().filter(|(at, _)| coverage.holds(*at)) {
        match runs.last_mut() {
            Some((_, last)) if at - *last <= step * 1.5 => *last = *at,
            _ => runs.push((*at, *at)),
        }
    }
    runs
}

/// When each alert last fired within the last `window` seconds, by its name; `None`: the time is unknown.
pub async fn last_fired(prometheus: &Prometheus<'_>, window: f64) -> Result<BTreeMap<String, Option<f64>>, ApiError> {
    let seconds = window.ceil();
    let fired = format!("count by (alertname) (count_over_time(ALERTS{{alertstate=\"firing\"}}[{seconds}s]))");
    let step = (window / 2000.0).ceil().clamp(1.0, LOOKBACK);
    let when =
        format!("max by (alertname) (max_over_time(timestamp(ALERTS{{alertstate=\"firing\"}})[{seconds}s:{step}s]))");
    let (fired, when) = tokio::join!(prometheus.query(&fired), prometheus.query(&when));
    let name = |labels: &BTreeMap<String, String>| labels.get("alertname").cloned().unwrap_or_default();
    let mut all: BTreeMap<String, Option<f64>> = fired?.iter().map(|sample| (name(&sample.labels), None)).collect();
    for sample in when? {
        all.insert(name(&sample.labels), Some(sample.value));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[f64]) -> Vec<Series> {
        vec![Series { labels: BTreeMap::new(), points: points.iter().map(|at| (*at, 1.0)).collect() }]
    }

    fn rule(wait: f64, keep: f64) -> SimulatedRule {
        SimulatedRule { expr: "x".into(), wait, keep, interval: 10.0 }
    }

    fn replayed(points: &[f64], wait: f64, keep: f64) -> (Vec<(f64, Option<f64>)>, usize) {
        let simulation = replay(&series(points), &always(), &rule(wait, keep), 10.0, 200.0);
        (simulation.firings.iter().map(|firing| (firing.began, firing.ended)).collect(), simulation.near)
    }

    #[test]
    fn it_fires_when_it_has_held_for_long_enough_and_a_gap_starts_the_wait_again() {
        let points = [0.0, 10.0, 20.0, 40.0, 50.0, 60.0, 70.0, 190.0, 200.0];
        assert_eq!(replayed(&points, 30.0, 0.0), (vec![(70.0, Some(80.0))], 2));
        assert_eq!(replayed(&points, 0.0, 0.0), (vec![(0.0, Some(30.0)), (40.0, Some(80.0)), (190.0, None)], 0));
        assert_eq!(replayed(&points, 15.0, 0.0), (vec![(20.0, Some(30.0)), (60.0, Some(80.0))], 1));
    }

    fn always() -> Coverage {
        Coverage(vec![(0.0, 1000.0)])
    }

    #[test]
    fn only_time_with_data_counts() {
        // Prometheus began at 100, and was away from 200 to 400: `vector(1)` has points all the time.
        let scraped = (10..=20).chain(40..=60).map(|at| f64::from(at) * 10.0).collect();
        let coverage = Coverage::of(scraped, 0.0, 10.0);
        assert_eq!(coverage, Coverage(vec![(100.0, 220.0), (400.0, 620.0)]));
        let points: Vec<f64> = (0..=60).map(|at| f64::from(at) * 10.0).collect();
        let simulation = replay(&series(&points), &coverage, &rule(30.0, 0.0), 10.0, 600.0);
        let firings: Vec<_> = simulation.firings.iter().map(|firing| (firing.began, firing.ended)).collect();
        assert_eq!((firings, simulation.covered), (vec![(130.0, Some(230.0)), (430.0, None)], 320.0));
        let nothing = replay(&series(&points), &Coverage::of(vec![], 0.0, 10.0), &rule(0.0, 0.0), 10.0, 600.0);
        assert_eq!((nothing.firings.len(), nothing.covered), (0, 0.0));
    }

    #[test]
    fn slow_scrapes_are_no_gaps() {
        // Every four minutes, looked at each minute; the first was before the simulated time.
        let coverage = Coverage::of(vec![0.0, 240.0, 480.0, 720.0], 60.0, 60.0);
        assert_eq!(coverage, Coverage(vec![(60.0, 1020.0)]));
        assert!(coverage.holds(60.0) && coverage.holds(1000.0) && !coverage.holds(30.0) && !coverage.holds(1021.0));
        // Points further apart than scrapes: nothing is known of the time between.
        let coarse = Coverage::of(vec![8000.0, 16_000.0, 24_000.0], 0.0, 8000.0);
        assert_eq!(coarse.0.len(), 1);
    }

    #[test]
    fn kept_firing_it_outlasts_gaps() {
        assert_eq!(replayed(&[0.0, 10.0, 40.0, 50.0], 10.0, 30.0), (vec![(10.0, Some(90.0))], 0));
    }

    #[test]
    fn label_sets_fire_each_on_their_own() {
        let mut two = series(&[0.0, 10.0]);
        two.push(Series { labels: BTreeMap::from([("a".into(), "b".into())]), points: vec![(10.0, 1.0), (20.0, 1.0)] });
        let simulation = replay(&two, &always(), &rule(10.0, 0.0), 10.0, 200.0);
        assert_eq!(simulation.firings.iter().map(|f| f.began).collect::<Vec<_>>(), [10.0, 20.0]);
    }

    #[test]
    fn a_long_time_is_looked_at_in_fewer_points() {
        assert_eq!(step(15.0, 604_800.0), 16.0);
        assert_eq!(step(15.0, 86_400.0), 15.0);
        assert_eq!(step(1.0, 3600.0), 1.0);
    }
}
