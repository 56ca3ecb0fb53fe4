//! What the checks share: the dashboard, what is known of its surroundings, and the findings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::dashboard::import::ProvisionedSource;
use crate::dashboard::places::Places;
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
    /// The data sources there; empty when unknown.
    pub sources: Vec<ProvisionedSource>,
    /// Uids of dashboards that Watchpost brings.
    pub shipped_uids: BTreeSet<String>,
    /// Grafana's version, or the tag of its image; empty when unknown.
    pub grafana: String,
    /// Seconds between two scrapes; `None` when that is not known.
    pub scrape_interval: Option<f64>,
    /// Metrics that exist now.
    pub metrics: Option<BTreeSet<String>>,
    /// Metrics that are gauges, whatever their names look like.
    pub gauges: BTreeSet<String>,
    /// Prometheus's verdict on expressions that our parser cannot read: its words when it rejects one.
    pub answers: BTreeMap<String, Option<String>>,
}

/// Dashboards of the catalog must meet more than what Grafana requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Catalog,
    Own,
}

/// Where a finding is.
pub enum Spot<'a> {
    /// At this value, or at the first text like it.
    Value(&'a Value),
    /// Where the file first has these characters.
    First(&'a str),
}

/// One dashboard, and the findings about it so far.
pub struct LintedDashboard<'a> {
    /// As the file has it.
    pub file: &'a Value,
    /// As classic JSON.
    pub model: &'a Value,
    pub origin: Origin,
    pub places: Places<'a>,
    pub findings: Vec<Finding>,
}

impl<'a> LintedDashboard<'a> {
    pub fn new(name: &'a str, text: &'a str, file: &'a Value, model: &'a Value, origin: Origin) -> Self {
        Self { file, model, origin, places: Places::new(name, text, file), findings: Vec::new() }
    }

    pub fn add(&mut self, severity: Severity, panel: Option<&str>, spot: Spot<'_>, problem: Error) {
        let at = match spot {
            Spot::Value(value) => self.places.of(value),
            Spot::First(text) => self.places.first(text),
        };
        self.findings.push(Finding { severity, panel: panel.map(str::to_owned), problem: problem.at(at) });
    }

    /// An error in the catalog, a warning in your own dashboards.
    pub fn strict(&self) -> Severity {
        if self.origin == Origin::Catalog { Severity::Error } else { Severity::Warning }
    }
}
