//! What the checks share: the dashboard, what is known of its surroundings, and the findings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::dashboard::place;
use crate::error::{Error, Severity};

/// One fault of one dashboard.
///
/// As JSON: `{severity, panel, message, file, line, column, hint}`; what is not known is null.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// The panel's title, when it is about one.
    pub panel: Option<String>,
    /// What, where and what to do, printed as any error is.
    #[serde(flatten)]
    pub problem: Error,
}

/// What is known of the place where the dashboard will be shown.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Uids of the data sources there; empty when unknown.
    pub sources: BTreeSet<String>,
    /// Uids of dashboards that Watchpost brings.
    pub shipped_uids: BTreeSet<String>,
    /// Seconds between two scrapes; `None` when that is not known.
    pub scrape_interval: Option<f64>,
    /// Metrics that exist now.
    pub metrics: Option<BTreeSet<String>>,
    /// Prometheus's verdict on expressions that our parser cannot read: its words when it rejects one.
    pub answers: BTreeMap<String, Option<String>>,
}

/// Dashboards of the catalog must meet more than what Grafana requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Catalog,
    Own,
}

/// One dashboard, and the findings about it so far.
pub struct LintedDashboard<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub model: &'a Value,
    pub origin: Origin,
    pub findings: Vec<Finding>,
}

impl LintedDashboard<'_> {
    pub fn add(&mut self, severity: Severity, panel: Option<&str>, needle: &str, problem: Error) {
        let problem = if problem.at.is_some() { problem } else { problem.at(place(self.name, self.text, needle)) };
        self.findings.push(Finding { severity, panel: panel.map(str::to_owned), problem });
    }

    /// An error in the catalog, a warning in your own dashboards.
    pub fn strict(&self) -> Severity {
        if self.origin == Origin::Catalog { Severity::Error } else { Severity::Warning }
    }
}

/// A text as JSON writes it, without its quotes.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}
