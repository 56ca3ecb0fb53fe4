//! Queries of panels, run as Grafana runs them: many in one request, or one by one through the proxy of old versions.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::clients::api::with_query;
use crate::clients::grafana::{DataSource, Grafana, refusal};
use crate::dashboard::scope::Scope;
use crate::dashboard::time;
use crate::dashboard::variable::Chosen;
use crate::docker::Request;
use crate::time::now;
use crate::units;

/// Queries in one request. Grafana checks the login once for each request, and that is slow on purpose; more of them at
/// once would fill the memory with their values.
const AT_ONCE: usize = 4;
/// A request of several queries may take this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// One query of a panel with its variables filled in, but for those that depend on the resolution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PanelQuery {
    /// The data source's uid.
    pub source: String,
    pub expr: String,
    pub instant: bool,
    pub range: bool,
    /// The least step, such as `30s`; may be empty.
    pub interval: String,
    pub max_points: u64,
    /// The time span, in seconds before now.
    pub from: u64,
    pub to: u64,
}

/// What a query shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryOutcome {
    Data,
    Nothing,
    /// The words of Grafana or Prometheus.
    Refused(String),
}

impl PanelQuery {
    /// Seconds; a range that ends before it begins has none.
    fn span(&self) -> u64 {
        self.from.saturating_sub(self.to)
    }

    fn step(&self, source: &DataSource) -> f64 {
        let least = units::parse_grafana_duration(&self.interval).unwrap_or_else(|| source.scrape_interval());
        time::step(self.span() as f64, self.max_points, least)
    }

    /// The expression that Prometheus gets: `$__interval` and the like filled in.
    pub fn executed(&self, source: &DataSource) -> String {
        let (step, scrape) = (self.step(source), source.scrape_interval());
        let mut scope = Scope::default();
        let spans = [
            ("__interval", step),
            ("__rate_interval", (step + scrape).max(4.0 * scrape)),
            ("__range", self.span() as f64),
        ];
        for (name, seconds) in spans {
            scope.set(name, Chosen::one(units::format_duration(seconds)));
            scope.set(format!("{name}_ms"), Chosen::one(format!("{:.0}", seconds * 1000.0)));
            scope.set(format!("{name}_s"), Chosen::one(format!("{seconds:.0}")));
        }
        scope.fill(&self.expr).text
    }

    fn as_json(&self, name: &str) -> Value {
        json!({
            "refId": name, "datasource": {"type": "prometheus", "uid": self.source}, "expr": self.expr,
            "instant": self.instant, "range": self.range, "exemplar": false, "format": "time_series",
            "interval": self.interval, "maxDataPoints": self.max_points,
            "intervalMs": self.span().saturating_mul(1000) / self.max_points.max(1), "utcOffsetSec": 0,
        })
    }
}

impl Grafana<'_> {
    /// The outcome of each query, in the order of the queries.
    pub async fn run(&self, queries: &[PanelQuery], sources: &[DataSource]) -> Vec<QueryOutcome> {
        // Queries of one time span go together, since a request has one.
        let mut order: Vec<usize> = (0..queries.len()).collect();
        order.sort_by_key(|index| (queries[*index].from, queries[*index].to));
        let same_span = |a: &usize, b: &usize| (queries[*a].from, queries[*a].to) == (queries[*b].from, queries[*b].to);
        let batches: Vec<&[usize]> = order.chunk_by(same_span).flat_map(|group| group.chunks(AT_ONCE)).collect();
        let answers = join_all(batches.iter().map(async |batch| {
            let queries: Vec<&PanelQuery> = batch.iter().map(|index| &queries[*index]).collect();
            self.run_batch(&queries, sources).await
        }));
        let mut outcomes = vec![QueryOutcome::Nothing; queries.len()];
        for (batch, answers) in batches.iter().zip(answers.await) {
            for (index, answer) in batch.iter().zip(answers) {
                outcomes[*index] = answer;
            }
        }
        outcomes
    }

    async fn run_batch(&self, queries: &[&PanelQuery], sources: &[DataSource]) -> Vec<QueryOutcome> {
        if self.is_before(9, 0) {
            return join_all(queries.iter().map(|query| self.run_by_proxy(query, sources))).await;
        }
        match self.post(queries).await {
            Ok(results) => (0..queries.len()).map(|index| outcome(results.get(&name(index)))).collect(),
            Err(words) if queries.len() == 1 => vec![QueryOutcome::Refused(words)],
            // One invalid query spoils the whole request: each by itself shows which.
            Err(_) => {
                let each = queries.iter().map(async |query| match self.post(&[*query]).await {
                    Ok(results) => outcome(results.get(&name(0))),
                    Err(words) => QueryOutcome::Refused(words),
                });
                join_all(each).await
            }
        }
    }

    /// The `results` of one request; they come with a status of 400 as soon as one query fails.
    async fn post(&self, queries: &[&PanelQuery]) -> Result<BTreeMap<String, QueryResult>, String> {
        let (from, to) = queries.first().map_or((0, 0), |query| (query.from, query.to));
        let time = |ago: u64| if ago == 0 { "now".to_owned() } else { format!("now-{ago}s") };
        let queries: Vec<Value> =
            queries.iter().enumerate().map(|(index, query)| query.as_json(&name(index))).collect();
        let body = json!({"queries": queries, "from": time(from), "to": time(to)}).to_string();
        let request = self.with_login(Request::post("/api/ds/query", "application/json", body));
        let answer = self.endpoint.send_within(&request, PATIENCE).await.map_err(|error| error.to_string())?;
        #[derive(Deserialize)]
        struct Body {
            results: BTreeMap<String, QueryResult>,
        }
        let body: Result<Body, _> = serde_json::from_str(&answer.body);
        body.map(|body| body.results).map_err(|_| refusal(&answer).message)
    }

    async fn run_by_proxy(&self, query: &PanelQuery, sources: &[DataSource]) -> QueryOutcome {
        let Some(source) = sources.iter().find(|source| source.uid == query.source) else {
            return QueryOutcome::Refused("Data source not found".into());
        };
        let expr = query.executed(source);
        let path = if query.range {
            let seconds_ago = |ago: u64| format!("{:.0}", now() - ago as f64);
            let (start, end, step) = (seconds_ago(query.from), seconds_ago(query.to), query.step(source).to_string());
            let fields = [("query", expr.as_str()), ("start", &start), ("end", &end), ("step", &step)];
            with_query("/api/v1/query_range", &fields)
        } else {
            with_query("/api/v1/query", &[("query", &expr)])
        };
        match self.prometheus(source, &path).await {
            Ok(data) if data["result"].as_array().is_some_and(Vec::is_empty) => QueryOutcome::Nothing,
            Ok(_) => QueryOutcome::Data,
            Err(refusal) => QueryOutcome::Refused(refusal.message),
        }
    }
}

fn name(index: usize) -> String {
    format!("q{index}")
}

/// The result of one query. Of its values, only whether there are any is kept: they may be many.
#[derive(Deserialize)]
struct QueryResult {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    values: Vec<Filled>,
}

/// Has a column any value?
struct Filled(bool);

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Column;
        impl<'de> Visitor<'de> for Column {
            type Value = Filled;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column of values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Filled, A::Error> {
                let mut any = false;
                while values.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Filled(any))
            }
        }
        deserializer.deserialize_seq(Column)
    }
}

/// A result shows data when one of its frames has a value; an empty one has a frame without fields.
fn outcome(result: Option<&QueryResult>) -> QueryOutcome {
    let Some(result) = result else { return QueryOutcome::Nothing };
    if let Some(words) = &result.error {
        return QueryOutcome::Refused(words.clone());
    }
    let filled = |frame: &Frame| frame.data.values.iter().any(|column| column.0);
    if result.frames.iter().any(filled) { QueryOutcome::Data } else { QueryOutcome::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> DataSource {
        serde_json::from_value(
            json!({"uid": "p", "name": "P", "type": "prometheus", "jsonData": {"timeInterval": "10s"}}),
        )
        .expect("a data source")
    }

    #[test]
    fn intervals_follow_range_points_and_scrapes() {
        let query = |from: u64, interval: &str| PanelQuery {
            source: "p".into(),
            expr: "rate(a[$__rate_interval]) / ${__interval_ms} > $__range_s".into(),
            instant: false,
            range: true,
            interval: interval.into(),
            max_points: 1000,
            from,
            to: 0,
        };
        assert_eq!(query(3600, "").executed(&source()), "rate(a[40s]) / 10000 > 3600");
        assert_eq!(query(604_800, "").executed(&source()), "rate(a[610s]) / 600000 > 604800");
        assert_eq!(query(3600, "2m").executed(&source()), "rate(a[130s]) / 120000 > 3600");
    }

    #[test]
    fn absurd_ranges_go_into_the_query_unchanged() {
        for (from, to) in [(u64::MAX, 0), (0, u64::MAX), (60, 3600)] {
            let query = PanelQuery {
                source: "p".into(),
                expr: "a[$__range]".into(),
                instant: false,
                range: true,
                interval: String::new(),
                max_points: 1000,
                from,
                to,
            };
            let span = from.saturating_sub(to);
            assert_eq!(query.as_json("q0")["intervalMs"], span.saturating_mul(1000) / 1000);
            assert_eq!(query.executed(&source()), format!("a[{:.0}s]", span as f64));
        }
    }

    #[test]
    fn an_empty_frame_is_no_data_and_an_error_is_a_refusal() {
        let with = |values: Value| json!({"frames": [{"schema": {"fields": []}, "data": {"values": values}}]});
        let outcome_of = |result: Value| outcome(serde_json::from_value(result).ok().as_ref());
        assert_eq!(outcome_of(with(json!([]))), QueryOutcome::Nothing);
        assert_eq!(outcome_of(with(json!([[], []]))), QueryOutcome::Nothing);
        assert_eq!(outcome_of(with(json!([[1], [null]]))), QueryOutcome::Data);
        assert_eq!(outcome_of(json!({"error": "bad_data: no"})), QueryOutcome::Refused("bad_data: no".into()));
    }
}
