//! Which of the series that expressions ask for exist now, asked in few queries.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::facts::Facts;
use super::prometheus::Prometheus;
use crate::promql::{MatchKind, Selector};

/// Questions in one expression; a long one costs Prometheus its parser, many cost a round trip each.
const AT_ONCE: usize = 40;

/// What is known of the labels of metrics that exist.
#[derive(Debug, Default)]
pub struct Series {
    /// Metric and label to whether any series has it; metrics that do not exist are absent.
    labels: BTreeMap<(String, String), bool>,
}

/// What a selector lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    Metric,
    Label(String),
}

impl Series {
    /// Asks for the labels that the selectors need, where their metrics exist.
    pub async fn of(prometheus: &Prometheus<'_>, facts: &Facts<'_>, selectors: &BTreeSet<Selector>) -> Self {
        let Ok(names) = &facts.names else { return Self::default() };
        let pairs: BTreeSet<(String, String)> = selectors
            .iter()
            .filter(|selector| names.contains(&selector.metric))
            .flat_map(|selector| needed(selector).map(|label| (selector.metric.clone(), label.to_owned())))
            .collect();
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let answers = join_all(pairs.chunks(AT_ONCE).map(|chunk| ask(prometheus, chunk))).await;
        Self { labels: answers.into_iter().flatten().collect() }
    }

    /// `None`: all that the selector names exists.
    pub fn missing(&self, facts: &Facts<'_>, selector: &Selector) -> Option<Missing> {
        let Ok(names) = &facts.names else { return None };
        if selector.metric.is_empty() || ["ALERTS", "ALERTS_FOR_STATE"].contains(&selector.metric.as_str()) {
            return None;
        }
        if !names.contains(&selector.metric) {
            return Some(Missing::Metric);
        }
        let absent = |label: &&str| self.labels.get(&(selector.metric.clone(), (*label).to_owned())) == Some(&false);
        needed(selector).find(absent).map(|label| Missing::Label(label.to_owned()))
    }
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
