//! Which of the series that expressions ask for exist now.

mod ask;

pub use ask::values;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::promql::{MatchKind, Selector};

/// What Prometheus writes about alerts; nothing while none is pending.
pub const OF_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// What exists, of what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// With the jobs that have them. `None`: Prometheus was not asked, so nothing is reported as missing.
    metrics: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Metric and label, for labels that no series of the metric has.
    without_label: BTreeSet<(String, String)>,
}

/// What a selector lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    Metric,
    Label(String),
}

impl Series {
    /// `None`: everything that the selector names exists.
    pub fn missing(&self, selector: &Selector) -> Option<Missing> {
        // Alerts come and go; there may be none.
        if selector.metric.is_empty() || OF_ALERTS.contains(&selector.metric.as_str()) {
            return None;
        }
        if !self.metrics.as_ref()?.contains_key(&selector.metric) {
            return Some(Missing::Metric);
        }
        for label in needed_labels(selector) {
            if self.without_label.contains(&(selector.metric.clone(), label.to_owned())) {
                return Some(Missing::Label(label.to_owned()));
            }
        }
        None
    }

    /// The jobs that have the metric now.
    pub fn jobs(&self, metric: &str) -> impl Iterator<Item = &str> {
        self.metrics.iter().filter_map(|metrics| metrics.get(metric)).flatten().map(String::as_str)
    }

    /// For tests: only these metrics exist, of no known job, and they have every label but these.
    #[cfg(test)]
    pub fn existing(metrics: &[&str], without_label: &[(&str, &str)]) -> Self {
        let metrics = metrics.iter().map(|metric| ((*metric).to_owned(), BTreeSet::new())).collect();
        let pairs = without_label.iter().map(|(metric, label)| ((*metric).to_owned(), (*label).to_owned()));
        Self { metrics: Some(metrics), without_label: pairs.collect() }
    }
}

/// The metrics that the selectors name.
fn metric_names(selectors: &BTreeSet<Selector>) -> Vec<&str> {
    let names: BTreeSet<&str> = selectors.iter().map(|selector| selector.metric.as_str()).collect();
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

/// Metric and label, for every label that the selectors of existing metrics need.
fn label_pairs(selectors: &BTreeSet<Selector>, metrics: &BTreeMap<String, BTreeSet<String>>) -> Vec<(String, String)> {
    let mut pairs = BTreeSet::new();
    for selector in selectors.iter().filter(|selector| metrics.contains_key(&selector.metric)) {
        for label in needed_labels(selector) {
            pairs.insert((selector.metric.clone(), label.to_owned()));
        }
    }
    pairs.into_iter().collect()
}

/// Labels that a series must have to match: those compared with something that is not empty.
fn needed_labels(selector: &Selector) -> impl Iterator<Item = &str> {
    let needed = selector.matchers.iter().filter(|matcher| match matcher.kind {
        MatchKind::Equal => !matcher.value.is_empty(),
        MatchKind::Like => !matches_empty(&matcher.value),
        MatchKind::NotEqual => matcher.value.is_empty(),
        MatchKind::NotLike => false,
    });
    needed.map(|matcher| matcher.label.as_str())
}

fn matches_empty(pattern: &str) -> bool {
    regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Query;

    fn selectors(expr: &str) -> BTreeSet<Selector> {
        Query::parse(expr).expect("PromQL").selectors()
    }

    #[test]
    fn a_label_is_needed_when_its_absence_would_not_match() {
        let selectors = selectors(r#"a{b="1", c="", d=~"x|y", e=~".*", f!="1", g!="", h!~"z"}"#);
        let selector = selectors.first().expect("one");
        assert_eq!(needed_labels(selector).collect::<Vec<_>>(), ["b", "d", "g"]);
    }

    #[test]
    fn a_selector_lacks_its_metric_or_one_of_its_labels_or_nothing() {
        let selectors = selectors(r#"a{x="1"} + b + ALERTS + {job="j"}"#);
        let missing = |series: &Series| -> Vec<Missing> {
            selectors.iter().filter_map(|selector| series.missing(selector)).collect()
        };
        assert_eq!(missing(&Series::default()), [], "Prometheus was not asked");
        let some = Series::existing(&["a"], &[("a", "x")]);
        assert_eq!(missing(&some), [Missing::Label("x".into()), Missing::Metric]);
        assert_eq!(missing(&Series::existing(&["a", "b"], &[("b", "x")])), []);
    }
}
