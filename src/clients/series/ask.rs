//! Asks Prometheus which series exist, in few queries.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::{Series, label_pairs, metric_names};
use crate::clients::prometheus::{Prometheus, Sample};
use crate::promql::Selector;

/// Questions in one expression: a long one keeps Prometheus's parser busy, many cost a round trip each.
const AT_ONCE: usize = 40;

impl Series {
    /// Asks for the metrics that the selectors name, and for the labels that they need. Without an answer, nothing is
    /// reported as missing.
    pub async fn ask(prometheus: &Prometheus<'_>, selectors: &BTreeSet<Selector>) -> Self {
        let names = metric_names(selectors);
        let present = join_all(names.chunks(AT_ONCE).map(|names| present(prometheus, names))).await;
        let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (metric, job) in present.into_iter().flatten() {
            metrics.entry(metric).or_default().extend(job);
        }
        let pairs = label_pairs(selectors, &metrics);
        let absent = join_all(pairs.chunks(AT_ONCE).map(|pairs| without_label(prometheus, pairs))).await;
        Self { metrics: Some(metrics), without_label: absent.into_iter().flatten().collect() }
    }
}

/// The values of expressions that yield one sample without labels, such as `count(up)`: 0 when it yields nothing, `None`
/// without an answer. An expression that Prometheus rejects does not spoil the others.
pub async fn values(prometheus: &Prometheus<'_>, exprs: Vec<String>) -> Vec<(String, Option<f64>)> {
    let value = async |expr: &String| prometheus.value(expr).await.ok().map(Option::unwrap_or_default);
    let chunks = exprs.chunks(AT_ONCE).map(async |exprs| match prometheus.query(&numbered(exprs)).await {
        Ok(samples) => by_number(exprs.len(), &samples),
        Err(_) => join_all(exprs.iter().map(value)).await,
    });
    let found: Vec<Option<f64>> = join_all(chunks).await.into_iter().flatten().collect();
    exprs.into_iter().zip(found).collect()
}

/// All of them in one; the label `n` is the number of the expression.
fn numbered(exprs: &[String]) -> String {
    let number = |(number, expr): (usize, &String)| format!("label_replace({expr}, \"n\", \"{number}\", \"\", \"\")");
    exprs.iter().enumerate().map(number).collect::<Vec<_>>().join(" or ")
}

fn by_number(count: usize, samples: &[Sample]) -> Vec<Option<f64>> {
    let mut values = vec![Some(0.0); count];
    for sample in samples {
        let number = sample.labels.get("n").and_then(|number| number.parse::<usize>().ok());
        if let Some(value) = number.and_then(|number| values.get_mut(number)) {
            *value = Some(sample.value);
        }
    }
    values
}

/// Those of the metrics that have a sample now, with each of their jobs; all of them when there is no answer.
async fn present(prometheus: &Prometheus<'_>, names: &[&str]) -> Vec<(String, Option<String>)> {
    let all = || names.iter().map(|name| ((*name).to_owned(), None)).collect();
    let Some(query) = presence_query(names) else { return all() };
    let Ok(samples) = prometheus.query(&query).await else { return all() };
    let name_and_job = |mut sample: Sample| Some((sample.labels.remove("__name__")?, sample.labels.remove("job")));
    samples.into_iter().filter_map(name_and_job).collect()
}

/// Those of the pairs whose metric has no series with the label; none when there is no answer.
async fn without_label(prometheus: &Prometheus<'_>, pairs: &[(String, String)]) -> Vec<(String, String)> {
    match prometheus.query(&label_query(pairs)).await {
        Ok(samples) => absent(pairs, &samples),
        Err(_) => Vec::new(),
    }
}

/// `None` when a name holds what a pattern would read as its own: a matcher of `__name__` may hold anything.
fn presence_query(names: &[&str]) -> Option<String> {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let all_plain = names.iter().all(|name| plain(name));
    all_plain.then(|| format!("group by (__name__, job) ({{__name__=~\"{}\"}})", names.join("|")))
}

/// Counts the series of each metric that have the label; the label `n` is the number of the pair.
fn label_query(pairs: &[(String, String)]) -> String {
    let mut counts = Vec::new();
    for (number, (metric, label)) in pairs.iter().enumerate() {
        let count = format!("count({{__name__=\"{metric}\",{label}!=\"\"}})");
        counts.push(format!("label_replace({count}, \"n\", \"{number}\", \"\", \"\")"));
    }
    counts.join(" or ")
}

/// The pairs that the answer to `label_query` does not number.
fn absent(pairs: &[(String, String)], samples: &[Sample]) -> Vec<(String, String)> {
    let present: BTreeSet<usize> = samples.iter().filter_map(|sample| sample.labels.get("n")?.parse().ok()).collect();
    let absent = pairs.iter().enumerate().filter(|(number, _)| !present.contains(number));
    absent.map(|(_, pair)| pair.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Vec<(String, String)> {
        [("up", "job"), ("up", "colour")].map(|(metric, label)| (metric.to_owned(), label.to_owned())).into()
    }

    #[test]
    fn many_values_are_asked_for_in_one_query() {
        let query = numbered(&["count(up)".to_owned(), "count(down)".to_owned()]);
        let second = "label_replace(count(down), \"n\", \"1\", \"\", \"\")";
        assert_eq!(query, format!("label_replace(count(up), \"n\", \"0\", \"\", \"\") or {second}"));
        assert!(crate::promql::Query::parse(&query).is_ok());
        let sample = Sample { labels: [("n".to_owned(), "1".to_owned())].into(), value: 3.0 };
        assert_eq!(by_number(2, &[sample]), [Some(0.0), Some(3.0)]);
    }

    #[test]
    fn many_metrics_are_asked_for_in_one_query_unless_a_name_would_be_a_pattern() {
        let query = presence_query(&["up", "job:x:rate5m"]);
        assert_eq!(query.as_deref(), Some("group by (__name__, job) ({__name__=~\"up|job:x:rate5m\"})"));
        assert_eq!(presence_query(&["up", "a.*"]), None);
    }

    #[test]
    fn pairs_that_the_answer_does_not_number_are_absent() {
        let query = label_query(&pairs());
        assert_eq!(
            query,
            "label_replace(count({__name__=\"up\",job!=\"\"}), \"n\", \"0\", \"\", \"\") or \
             label_replace(count({__name__=\"up\",colour!=\"\"}), \"n\", \"1\", \"\", \"\")"
        );
        assert!(crate::promql::Query::parse(&query).is_ok());
        let sample = Sample { labels: [("n".to_owned(), "0".to_owned())].into(), value: 3.0 };
        assert_eq!(absent(&pairs(), &[sample]), [("up".to_owned(), "colour".to_owned())]);
        assert_eq!(absent(&pairs(), &[]), pairs());
    }
}
