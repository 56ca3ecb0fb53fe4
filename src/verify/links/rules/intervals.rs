//! What follows from long intervals: series that vanish between two samples, and alerts that come late.

use super::judge::file;
use crate::clients::prometheus::Group;
use crate::fix::Fix;
use crate::units::{format_span, format_window, parse_duration};
use crate::verify::report::Finding;
use crate::verify::snapshot::Snapshot;

/// Prometheus's own lookback, in seconds.
const LOOKBACK: f64 = 300.0;
const LOOKBACK_FLAG: &str = "--query.lookback-delta=";
/// Alerts that come later than this are worth a word, in seconds.
const LATE: f64 = 60.0;

/// How old a series' last sample may be before the series counts as gone, in seconds.
pub fn lookback(snapshot: &Snapshot<'_>) -> f64 {
    let prometheus = snapshot.services.first_of("prometheus");
    let command = prometheus.and_then(|(_, deployed)| deployed.service.command.as_deref()).unwrap_or_default();
    let given = command.iter().find_map(|word| parse_duration(word.strip_prefix(LOOKBACK_FLAG)?));
    given.unwrap_or(LOOKBACK)
}

pub fn judge(snapshot: &Snapshot<'_>, groups: &[Group]) -> Vec<Finding> {
    let lookback = lookback(snapshot);
    let mut findings = slow_jobs(snapshot, lookback);
    findings.extend(slow_evaluation(snapshot, lookback));
    findings.extend(groups.iter().filter_map(|group| slow_group(snapshot, group, lookback)));
    findings
}

fn slow_jobs(snapshot: &Snapshot<'_>, lookback: f64) -> Vec<Finding> {
    let configuration = &snapshot.configuration;
    let mut findings = Vec::new();
    for job in &configuration.jobs {
        let interval = job.interval.unwrap_or(configuration.scrape_interval);
        if interval <= lookback {
            continue;
        }
        let every = format_window(interval);
        let (cause, fix) = match job.interval {
            Some(_) => {
                let fix = Fix::spec("targets", format!("give `{}` an interval of at most 2m", job.name));
                (format!("the scrape interval of `{}` is {every}", job.name), fix.then(Fix::up()))
            }
            None => (format!("the scrape interval is {every}"), Fix::set("prometheus.scrape_interval", "1m")),
        };
        let what = format!("is scraped every {}: its series vanish between scrapes", format_span(interval));
        let gone = format!("a series without a sample for {} counts as gone", format_span(lookback));
        let finding = Finding::warning(format!("interval:job/{}", job.name), &job.name, what);
        findings.push(finding.why(gone).cause(cause).fix(fix));
    }
    findings
}

/// Of the interval that groups without one of their own have.
fn slow_evaluation(snapshot: &Snapshot<'_>, lookback: f64) -> Option<Finding> {
    let interval = snapshot.configuration.evaluation_interval;
    let (id, subject) = ("interval:evaluation", "evaluation_interval");
    let what = format!("rules are evaluated every {}", format_span(interval));
    let late = format!("alerts come up to {} late", format_span(interval));
    let finding = match interval {
        interval if interval <= LATE => return None,
        interval if interval <= lookback => Finding::note(id, subject, what).why(late),
        _ => Finding::warning(id, subject, what).why(late).why("recorded series vanish between evaluations"),
    };
    let cause = format!("rules are evaluated every {}", format_window(interval));
    Some(finding.cause(cause).fix(Fix::set("prometheus.evaluation_interval", "15s")))
}

/// Of a group's own interval, and of alerts that are to fire sooner than it lets them.
fn slow_group(snapshot: &Snapshot<'_>, group: &Group, lookback: f64) -> Option<Finding> {
    let id = format!("interval:group/{}/{}", file(group), group.name);
    let own = group.interval > snapshot.configuration.evaluation_interval;
    let span = format_span(group.interval);
    let fix = || Fix::edit(file(group), format!("give `{}` a shorter `interval`", group.name)).then(Fix::up());
    if own && group.interval > lookback && group.rules.iter().any(|rule| !rule.is_alert()) {
        let what = format!("is evaluated every {span}: the series that it records vanish between evaluations");
        let gone = format!("a series without a sample for {} counts as gone", format_span(lookback));
        return Some(Finding::warning(id, &group.name, what).why(gone).in_file(file(group)).fix(fix()));
    }
    let hasty =
        group.rules.iter().find(|rule| rule.is_alert() && rule.duration > 0.0 && rule.duration < group.interval);
    let rule = hasty.filter(|_| group.interval > LATE)?;
    let meant = format_span(rule.duration);
    let what = format!("`{}` fires {span} after its expression begins to hold, not {meant}", rule.name);
    let finding = Finding::note(id, &group.name, what).why(format!("the group is evaluated every {span}"));
    Some(finding.in_file(file(group)).of_alert(&rule.name).fix(fix()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;
    use crate::deployed::prometheus::Configuration;
    use crate::verify::report::Verdict;

    fn said(configuration: &str, interval: f64, rules: serde_json::Value) -> Vec<(Verdict, String, String)> {
        let catalog = Catalog::embedded().expect("the catalog");
        let mut snapshot = Snapshot::empty(&catalog);
        snapshot.configuration = Configuration::read(configuration.as_bytes());
        let group = json!({"name": "g", "file": "rules/own/a.yml", "interval": interval, "lastEvaluation": "",
            "rules": rules});
        let group: Group = serde_json::from_value(group).expect("a group");
        let findings = judge(&snapshot, &[group]);
        findings.into_iter().map(|found| (found.verdict, found.id, found.what)).collect()
    }

    fn alert(seconds: u32) -> serde_json::Value {
        json!([{"name": "A", "query": "up == 0", "type": "alerting", "health": "ok", "duration": seconds}])
    }

    #[test]
    fn usual_intervals_have_nothing_to_say() {
        let config = "global: {scrape_interval: 5m, evaluation_interval: 1m}\nscrape_configs: [{job_name: node}]\n";
        assert_eq!(said(config, 60.0, alert(30)), []);
        assert_eq!(said("", 60.0, json!([])), []);
    }

    #[test]
    fn series_of_a_slow_target_vanish_between_scrapes() {
        let config = "scrape_configs: [{job_name: node}, {job_name: bill, scrape_interval: 1h}]\n";
        let what = "is scraped every 1 h: its series vanish between scrapes";
        let expected = (Verdict::Warning, "interval:job/bill".to_owned(), what.to_owned());
        assert_eq!(said(config, 15.0, json!([])), [expected]);
    }

    #[test]
    fn a_slow_evaluation_delays_alerts_and_a_slower_one_loses_recordings() {
        let of = |interval: &str| said(&format!("global: {{evaluation_interval: {interval}}}\n"), 15.0, json!([]));
        let id = "interval:evaluation".to_owned();
        assert_eq!(of("2m"), [(Verdict::Note, id.clone(), "rules are evaluated every 2 min".into())]);
        assert_eq!(of("10m"), [(Verdict::Warning, id, "rules are evaluated every 10 min".into())]);
    }

    #[test]
    fn a_group_slower_than_its_alert_or_than_the_lookback_says_what_follows() {
        let id = "interval:group/rules/own/a.yml/g".to_owned();
        let what = "`A` fires 5 min after its expression begins to hold, not 1 min";
        assert_eq!(said("", 300.0, alert(60)), [(Verdict::Note, id.clone(), what.to_owned())]);
        assert_eq!(said("", 300.0, alert(0)), []);
        assert_eq!(said("", 300.0, alert(300)), []);
        let recording = json!([{"name": "a:b", "query": "up", "type": "recording", "health": "ok"}]);
        let what = "is evaluated every 10 min: the series that it records vanish between evaluations";
        assert_eq!(said("", 600.0, recording), [(Verdict::Warning, id, what.to_owned())]);
    }
}
