//! Every query of every panel, run; and what each shows.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::clients::grafana::{DataSource, Grafana, PanelQuery, QueryOutcome};
use crate::dashboard::time::Range;
use crate::dashboard::{Query, panel};
use crate::deployed::stack::Stack;
use crate::promql;
use crate::time::now;
use crate::verify::links::dashboards::drift::DashboardDrift;
use crate::verify::links::dashboards::empty::{Explainer, Why};
use crate::verify::links::dashboards::variables::{Resolved, Resolver};
use crate::verify::report::Finding;
use crate::verify::snapshot::Snapshot;

/// A repeated panel is looked at for this many of its values.
const REPEATS: usize = 10;

/// What all dashboards share.
pub struct Whole<'a> {
    pub stack: &'a Stack,
    pub snapshot: &'a Snapshot<'a>,
    pub grafana: &'a Grafana<'a>,
    pub sources: &'a [DataSource],
    /// Findings of broken data sources, by uid.
    pub unusable: &'a BTreeMap<String, String>,
}

/// One query, what it comes to, and how it is called.
pub(super) struct Case<'a> {
    pub kept: &'a DashboardDrift,
    pub query: Query<'a>,
    pub resolved: &'a Resolved,
    pub id: String,
    pub subject: String,
    pub planned: Planned,
}

pub(super) enum Planned {
    /// The same query, once for each value that its panel is repeated by.
    Run(Vec<PanelQuery>),
    /// It is not run: its finding says why.
    Not(Finding),
}

/// How many queries were looked at, and what was found.
pub async fn check(whole: &Whole<'_>, kept: &[DashboardDrift]) -> (usize, Vec<Finding>) {
    let deployed: Vec<&DashboardDrift> =
        kept.iter().filter(|kept| kept.expected.is_some() && kept.held.is_some()).collect();
    let resolver = Resolver::new(whole.grafana, whole.sources);
    let resolved = join_all(deployed.iter().map(|kept| resolver.resolve(model(kept)))).await;
    let mut cases = Vec::new();
    let mut names = BTreeMap::new();
    for (kept, resolved) in deployed.iter().zip(&resolved) {
        for query in panel::queries(model(kept)) {
            cases.push(case(whole, &resolver, kept, query, resolved, &mut names));
        }
    }
    let shown = run(whole, &cases).await;
    let explainer = Explainer::new(whole);
    let mut findings = join_all(cases.iter().map(|case| finding(whole, &explainer, case, &shown))).await;
    findings.extend(deployed.iter().flat_map(|kept| from_library(kept)));
    (cases.len(), findings)
}

/// Panels whose queries are in Grafana's library rather than in the dashboard.
fn from_library(kept: &DashboardDrift) -> Vec<Finding> {
    let panels = panel::panels(model(kept));
    let elsewhere = panels.iter().filter(|panel| panel.model["libraryPanel"].is_object() && panel.queries().is_empty());
    let finding = |panel: &panel::Panel<'_>| {
        let (id, subject) = (format!("panel:{}/{}", kept.uid, panel.id), format!("{} / {}", kept.title, panel.name()));
        Finding::not_checked(id, subject, "its queries are in Grafana's library, not in the dashboard's file")
    };
    elsewhere.map(finding).collect()
}

/// Grafana's own where it is classic JSON: that is what people see.
fn model(kept: &DashboardDrift) -> &serde_json::Value {
    let held = kept.held.as_ref().map(|held| &held.dashboard).filter(|model| model.get("panels").is_some());
    let file = kept.expected.as_ref().map(|board| &board.model);
    held.or(file).unwrap_or(&serde_json::Value::Null)
}

fn case<'a>(
    whole: &Whole<'_>,
    resolver: &Resolver<'_>,
    kept: &'a DashboardDrift,
    query: Query<'a>,
    resolved: &'a Resolved,
    names: &mut BTreeMap<String, usize>,
) -> Case<'a> {
    let mut id = format!("panel:{}/{}/{}", kept.uid, query.panel.id, query.ref_id);
    let count = names.entry(id.clone()).or_default();
    *count += 1;
    if *count > 1 {
        // Panels of one number: Grafana takes them, a report needs each by itself.
        id = format!("{id}#{count}");
    }
    let subject = format!("{} / {}", kept.title, query.panel.name());
    let planned = plan(whole, resolver, kept, &query, resolved, &id, &subject);
    Case { kept, query, resolved, id, subject, planned }
}

fn plan(
    whole: &Whole<'_>,
    resolver: &Resolver<'_>,
    kept: &DashboardDrift,
    query: &Query<'_>,
    resolved: &Resolved,
    id: &str,
    subject: &str,
) -> Planned {
    let Some(source) = resolver.source(query.datasource, &resolved.scope) else {
        let given = query.datasource["uid"].as_str().or(query.datasource.as_str()).unwrap_or("default");
        let what = format!("Grafana has no data source `{}`", resolved.scope.fill(given).text);
        let ours = whole.sources.iter().find(|source| source.kind == "prometheus");
        let uid = ours.map_or("watchpost-prometheus", |source| source.uid.as_str());
        let fix = format!("write `\"uid\": \"{uid}\"` as its data source in {}, then watchpost up", file(kept));
        return Planned::Not(Finding::broken(id, subject, what).fix(fix));
    };
    if let Some(because) = whole.unusable.get(&source.uid) {
        let what = format!("the data source `{}` does not answer", source.name);
        return Planned::Not(Finding::not_checked(id, subject, what).because(Some(because.clone())));
    }
    if source.kind != "prometheus" {
        let what = format!("queries of the kind `{}` are not run", source.kind);
        return Planned::Not(Finding::not_checked(id, subject, what));
    }
    let range = Range::of(&model(kept)["time"], now()).of_panel(query.panel.model);
    let scopes = match query.panel.repeat {
        Some(name) if !resolved.empty.contains_key(name) => {
            let values = resolved.scope.repeated(name);
            values.iter().take(REPEATS).map(|value| resolved.scope.with_one(name, value)).collect()
        }
        _ => vec![resolved.scope.clone()],
    };
    let asked = scopes.iter().map(|scope| {
        let expr = scope.fill(query.expr).text;
        PanelQuery {
            source: source.uid.clone(),
            expr: promql::narrowed(&expr, &resolved.filters),
            instant: query.instant,
            range: query.range,
            interval: scope.fill(query.interval).text,
            max_points: query.max_points,
            from: range.from.round() as u64,
            to: range.to.round() as u64,
        }
    });
    Planned::Run(asked.collect())
}

/// The dashboard's file as people know it.
pub(super) fn file(kept: &DashboardDrift) -> String {
    kept.expected.as_ref().map_or_else(|| kept.title.clone(), |board| format!("`{}`", board.file))
}

/// Runs each different query once. A graph that is empty is asked for its value now as well: Grafana's points lie at
/// whole steps, so that what is younger than one step is in none of them yet.
async fn run(whole: &Whole<'_>, cases: &[Case<'_>]) -> BTreeMap<PanelQuery, QueryOutcome> {
    let mut different = BTreeSet::new();
    for case in cases {
        if let Planned::Run(asked) = &case.planned {
            different.extend(asked.iter().cloned());
        }
    }
    let all: Vec<PanelQuery> = different.into_iter().collect();
    let mut shown = whole.grafana.run(&all, whole.sources).await;
    let graphs: Vec<usize> =
        (0..all.len()).filter(|index| shown[*index] == QueryOutcome::Nothing && all[*index].range).collect();
    let now: Vec<PanelQuery> =
        graphs.iter().map(|index| PanelQuery { instant: true, range: false, ..all[*index].clone() }).collect();
    for (index, answer) in graphs.into_iter().zip(whole.grafana.run(&now, whole.sources).await) {
        if answer == QueryOutcome::Data {
            shown[index] = QueryOutcome::Data;
        }
    }
    all.into_iter().zip(shown).collect()
}

async fn finding(
    whole: &Whole<'_>,
    explainer: &Explainer<'_>,
    case: &Case<'_>,
    shown: &BTreeMap<PanelQuery, QueryOutcome>,
) -> Finding {
    let asked = match &case.planned {
        Planned::Not(finding) => return finding.clone(),
        Planned::Run(asked) => asked,
    };
    let results: Vec<&QueryOutcome> = asked.iter().filter_map(|one| shown.get(one)).collect();
    if results.iter().any(|shown| **shown == QueryOutcome::Data) {
        return Finding::ok(&case.id, &case.subject);
    }
    let refused = asked.iter().zip(&results).find_map(|(one, shown)| match shown {
        QueryOutcome::Refused(words) => Some((one, words)),
        _ => None,
    });
    let why = match refused {
        Some((one, words)) => explainer.refused(case, one, words),
        None if case.query.panel.may_be_empty() => return Finding::ok(&case.id, &case.subject),
        None => match asked.first() {
            Some(one) => explainer.empty(case, one, whole).await,
            None => Why::note("the variable that it is repeated by has no values"),
        },
    };
    why.finding(&case.id, &case.subject)
}
