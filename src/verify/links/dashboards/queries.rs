//! What each query of each panel shows, and why not.

use crate::dashboard::panel;
use crate::verify::links::dashboards::DashboardsSnapshot;
use crate::verify::links::dashboards::case::{Case, Outcomes, Plan, Shown, cases};
use crate::verify::links::dashboards::data_sources::Sources;
use crate::verify::links::dashboards::drift::DashboardDrift;
use crate::verify::links::dashboards::empty::Explainer;
use crate::verify::report::Finding;
use crate::verify::snapshot::Snapshot;

/// How many queries there are, and the verdict on each.
pub fn judge(
    seen: &DashboardsSnapshot,
    sources: &Sources<'_>,
    dashboards: &[DashboardDrift<'_>],
    chain: &Snapshot<'_>,
) -> (usize, Vec<Finding>) {
    let cases = cases(dashboards, &seen.variables, sources, seen.now);
    let outcomes: Outcomes = seen.outcomes.iter().cloned().collect();
    let explainer = Explainer { chain, sources, answers: &seen.answers, series: &seen.series };
    let mut findings: Vec<Finding> = cases.iter().map(|case| verdict(case, &outcomes, &explainer)).collect();
    findings.extend(dashboards.iter().filter(|dashboard| dashboard.is_live()).flat_map(library_panels));
    (cases.len(), findings)
}

fn verdict(case: &Case<'_>, outcomes: &Outcomes, explainer: &Explainer<'_>) -> Finding {
    let runs = match &case.plan {
        Plan::Skip(finding) => return finding.as_ref().clone(),
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
fn library_panels(dashboard: &DashboardDrift<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for panel in panel::panels(&dashboard.model) {
        if panel.model["libraryPanel"].is_object() && panel.queries().is_empty() {
            let id = format!("panel:{}/{}", dashboard.uid, panel.id);
            let subject = format!("{} / {}", dashboard.title, panel.name());
            let what = "its queries are in Grafana's library, not in the dashboard's file";
            let file = dashboard.file.map_or(dashboard.title, |file| &file.file);
            findings.push(Finding::not_checked(id, subject, what).in_file(file).of_panel(panel.name()));
        }
    }
    findings
}
