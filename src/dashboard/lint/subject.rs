//! What the checks share: the dashboard under them, what is known of its surroundings, and their findings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::dashboard::place;
use crate::error::{Error, Severity};

/// One thing that is wrong with one dashboard.
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
    /// Uids of the data sources there; empty when they are not known.
    pub sources: BTreeSet<String>,
    /// Uids of dashboards that Watchpost brings.
    pub taken: BTreeSet<String>,
    /// Seconds between two scrapes; `None` when that is not known.
    pub scrape_interval: Option<f64>,
    /// Metrics that are there now.
    pub metrics: Option<BTreeSet<String>>,
    /// What Prometheus says to expressions that our parser does not read: its words when it refuses.
    pub answers: BTreeMap<String, Option<String>>,
}

/// How strictly: dashboards of the catalog are held to more than what Grafana refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Catalog,
    Own,
}

/// One dashboard under the checks.
pub struct Subject<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub model: &'a Value,
    pub origin: Origin,
    pub findings: Vec<Finding>,
}

impl Subject<'_> {
    pub fn add(&mut self, severity: Severity, panel: Option<&str>, needle: &str, problem: Error) {
        let problem = if problem.at.is_some() { problem } else { problem.at(place(self.name, self.text, needle)) };
        self.findings.push(Finding { severity, panel: panel.map(str::to_owned), problem });
    }

    /// An error in the catalog, and a warning in people's own.
    pub fn strict(&self) -> Severity {
        if self.origin == Origin::Catalog { Severity::Error } else { Severity::Warning }
    }
}

/// A text as it stands in JSON, without its quotes.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}
