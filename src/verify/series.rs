//! Which of the series that expressions ask for exist now, asked in few queries.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::clients::prometheus::Prometheus;
use crate::promql::{MatchKind, Selector};

/// Questions in one expression; a long one costs Prometheus its parser, many cost a round trip each.
const AT_ONCE: usize = 40;

/// What is there, of what was asked for.
#[derive(Debug, Default)]
pub struct Series {
    /// `None`: there is no Prometheus, and nothing is said to be missing.
    metrics: Option<BTreeSet<String>>,
    /// Metric and label to whether any series has it; metrics that are not there are absent.
    labels: BTreeMap<(String, String), bool>,
}

/// What a selector lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    Metric,
    Label(String),
}

impl Series {
    /// Asks for the metrics that the selectors name, and for the labels that they need.
    pub async fn of(prometheus: &Prometheus<'_>, selectors: &BTreeSet<Selector>) -> Self {
        let names: BTreeSet<&str> = selectors.iter().map(|selector| selector.metric.as_str()).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let found = join_all(names.chunks(AT_ONCE).map(|chunk| present(prometheus, chunk))).await;
        // Of what Prometheus did not answer nothing is said to be missing.
        let unsaid = |(chunk, found): (&[&str], Option<Vec<String>>)| {
            found.unwrap_or_else(|| chunk.iter().map(|name| (*name).to_owned()).collect())
        };
        let metrics: BTreeSet<String> = names.chunks(AT_ONCE).zip(found).flat_map(unsaid).collect();
        let pairs: BTreeSet<(String, String)> = selectors
            .iter()
            .filter(|selector| metrics.contains(&selector.metric))
            .flat_map(|selector| needed(selector).map(|label| (selector.metric.clone(), label.to_owned())))
            .collect();
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let answers = join_all(pairs.chunks(AT_ONCE).map(|chunk| ask(prometheus, chunk))).await;
        Self { metrics: Some(metrics), labels: answers.into_iter().flatten().collect() }
    }

    /// `None`: all that the selector names exists.
    pub fn missing(&self, selector: &Selector) -> Option<Missing> {
        // Alerts come and go; there may be none.
        if selector.metric.is_empty() || ["ALERTS", "ALERTS_FOR_STATE"].contains(&selector.metric.as_str()) {
            return None;
        }
        if !self.metrics.as_ref()?.contains(&selector.metric) {
            return Some(Missing::Metric);
        }
        let absent = |label: &&str| self.labels.get(&(selector.metric.clone(), (*label).to_owned())) == Some(&false);
        needed(selector).find(absent).map(|label| Missing::Label(label.to_owned()))
    }
}

/// Those of the metrics that have a sample now.
async fn present(prometheus: &Prometheus<'_>, names: &[&str]) -> Option<Vec<String>> {
    // Old names are words; what a matcher of `__name__` holds may be anything.
    let odd = |name: &&&str| !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if names.iter().any(|name| odd(&name)) {
        return None;
    }
    let expr = format!("group by (__name__) ({{__name__=~\"{}\"}})", names.join("|"));
    let samples = prometheus.query(&expr).await.ok()?;
    Some(samples.into_iter().filter_map(|mut sample| sample.labels.remove("__name__")).collect())
}

/// Labels that a series must have to match: those compared with something that is not empty.
fn needed(selector: &Selector) -> impl Iterator<Item = &str> {
    selector
        .matchers
        .iter()
        .filter(|matcher| match matcher.kind {
            MatchKind::Equal => !matcher.value.is_empty(),
            MatchKind::Like => !matches_empty(&matcher.value),
            MatchKind::NotEqual => matcher.value.is_empty(),
            MatchKind::NotLike => false,
        })
        .map(|matcher| matcher.label.as_str())
}

fn matches_empty(pattern: &str) -> bool {
    regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(""))
}

async fn ask(prometheus: &Prometheus<'_>, pairs: &[(String, String)]) -> Vec<((String, String), bool)> {
    let one = |(index, (metric, label)): (usize, &(String, String))| {
        format!("label_replace(count({{__name__=\"{metric}\",{label}!=\"\"}}), \"n\", \"{index}\", \"\", \"\")")
    };
    let expr = pairs.iter().enumerate().map(one).collect::<Vec<_>>().join(" or ");
    // Without an answer nothing is said to be missing.
    let Ok(samples) = prometheus.query(&expr).await else { return Vec::new() };
    let there: BTreeSet<usize> = samples.iter().filter_map(|sample| sample.labels.get("n")?.parse().ok()).collect();
    pairs.iter().enumerate().map(|(index, pair)| (pair.clone(), there.contains(&index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Query;

    #[test]
    fn a_label_is_needed_when_its_absence_would_not_match() {
        let query = Query::parse(r#"a{b="1", c="", d=~"x|y", e=~".*", f!="1", g!="", h!~"z"}"#).expect("PromQL");
        let selector = query.selectors().into_iter().next().expect("one");
        assert_eq!(needed(&selector).collect::<Vec<_>>(), ["b", "d", "g"]);
    }
}
