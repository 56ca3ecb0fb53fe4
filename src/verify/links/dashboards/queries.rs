//! What each query of each panel shows, and why not.

use std::collections::BTreeMap;

use crate::clients::grafana::{PanelQuery, QueryOutcome};
use crate::dashboard::panel;
use crate::verify::links::dashboards::DashboardsSnapshot;
use crate::verify::links::dashboards::case::{Case, Plan, cases};
use crate::verify::links::dashboards::data_sources::Sources;
use crate::verify::links::dashboards::drift::DashboardDrift;
use crate::verify::links::dashboards::empty::Explainer;
use crate::verify::report::Finding;
use crate::verify::snapshot::Snapshot;

pub type Outcomes = BTreeMap<PanelQuery, QueryOutcome>;

/// What a case comes to.
pub enum Shown<'a> {
    Data,
    /// The query, and the words of Grafana or Prometheus.
    Refused(&'a PanelQuery, &'a str),
    /// The first of its repetitions; `None` when the variable that it is repeated by has no values.
    Empty(Option<&'a PanelQuery>),
}

impl<'a> Shown<'a> {
    /// One repetition with data is enough.
    pub fn by(runs: &'a [PanelQuery], outcomes: &'a Outcomes) -> Self {
        let mut refused = None;
        for query in runs {
            match outcomes.get(query) {
                Some(QueryOutcome::Data) => return Self::Data,
                Some(QueryOutcome::Refused(words)) if refused.is_none() => refused = Some((query, words.as_str())),
                _ => {}
            }
        }
        refused.map_or_else(|| Self::Empty(runs.first()), |(query, words)| Self::Refused(query, words))
    }
}

/// How many queries there are, and the verdict on each.
pub fn judge(
    seen: &DashboardsSnapshot,
    sources: &Sources<'_>,
    dashboards: &[DashboardDrift],
    chain: &Snapshot<'_>,
) -> (usize, Vec<Finding>) {
    let cases = cases(dashboards, &seen.variables, sources, seen.now);
    let outcomes: Outcomes = seen.outcomes.iter().cloned().collect();
    let explainer = Explainer { chain, sources, answers: &seen.answers };
    let mut findings: Vec<Finding> = cases.iter().map(|case| verdict(case, &outcomes, &explainer)).collect();
    findings.extend(dashboards.iter().filter(|dashboard| dashboard.is_live()).flat_map(library_panels));
    (cases.len(), findings)
}

fn verdict(case: &Case<'_>, outcomes: &Outcomes, explainer: &Explainer<'_>) -> Finding {
    let runs = match &case.plan {
        Plan::Skip(finding) => return finding.clone(),
        Plan::Run(runs) => runs,
    };
    match Shown::by(runs, outcomes) {
        Shown::Data => case.ok(),
        Shown::Refused(query, words) => explainer.refused(case, query, words),
        Shown::Empty(_) if case.query.panel.may_be_empty() => case.ok(),
        Shown::Empty(Some(query)) => explainer.empty(case, query),
        Shown::Empty(None) => case.note("the variable that the panel is repeated by has no values"),
    }
}

/// Panels whose queries are in Grafana's library rather than in the dashboard.
fn library_panels(dashboard: &DashboardDrift) -> Vec<Finding> {
    let mut findings = Vec::new();
    for panel in panel::panels(dashboard.model()) {
        if panel.model["libraryPanel"].is_object() && panel.queries().is_empty() {
            let id = format!("panel:{}/{}", dashboard.uid, panel.id);
            let subject = format!("{} / {}", dashboard.title, panel.name());
            let what = "its queries are in Grafana's library, not in the dashboard's file";
            findings.push(Finding::not_checked(id, subject, what));
        }
    }
    findings
}
