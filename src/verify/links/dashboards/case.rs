//! One query of one panel: what runs for it, and what its finding is called.

use std::collections::BTreeMap;

use crate::clients::grafana::{PanelQuery, QueryOutcome};
use crate::dashboard::source::{Kinds, Reference, kind_of_query};
use crate::dashboard::time::Range;
use crate::dashboard::{Panel, Query, Scope, panel};
use crate::fix::Fix;
use crate::promql;
use crate::verify::links::dashboards::data_sources::{self, Sources};
use crate::verify::links::dashboards::drift::DashboardDrift;
use crate::verify::links::dashboards::variables::Resolved;
use crate::verify::report::Finding;

/// A repeated panel is checked for this many of its values.
const MAX_REPEATS: usize = 10;

pub struct Case<'a> {
    pub dashboard: &'a DashboardDrift<'a>,
    pub query: Query<'a>,
    pub variables: &'a Resolved,
    pub id: String,
    pub subject: String,
    pub plan: Plan,
}

pub enum Plan {
    /// The same query, once for each value that its panel is repeated by.
    Run(Vec<PanelQuery>),
    /// It does not run: the finding says why.
    Skip(Box<Finding>),
}

impl Case<'_> {
    fn about(&self, finding: Finding) -> Finding {
        finding.in_file(self.file()).of_panel(self.query.panel.name())
    }

    pub fn ok(&self) -> Finding {
        self.about(Finding::ok(&self.id, &self.subject))
    }

    pub fn note(&self, what: impl Into<String>) -> Finding {
        self.about(Finding::note(&self.id, &self.subject, what))
    }

    pub fn broken(&self, what: impl Into<String>) -> Finding {
        self.about(Finding::broken(&self.id, &self.subject, what))
    }

    pub fn not_checked(&self, what: impl Into<String>) -> Finding {
        self.about(Finding::not_checked(&self.id, &self.subject, what))
    }

    /// The dashboard's file, as its author knows it.
    pub fn file(&self) -> &str {
        self.dashboard.file.map_or(self.dashboard.title, |file| &file.file)
    }

    pub fn correct_query(&self) -> Fix {
        self.edit(format!("correct the query {} of the panel `{}`", self.query.ref_id, self.query.panel.name()))
    }

    pub fn correct_variable(&self, name: &str) -> Fix {
        self.edit(format!("correct the variable `{name}`"))
    }

    pub fn edit(&self, what: String) -> Fix {
        Fix::edit(self.file(), what).then(Fix::up())
    }
}

/// A case for each query of every dashboard that Grafana has from a file. `now`: seconds since 1970.
pub fn cases<'a>(
    dashboards: &'a [DashboardDrift<'a>],
    variables: &'a BTreeMap<String, Resolved>,
    sources: &Sources<'_>,
    now: f64,
) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    let mut used_ids: BTreeMap<String, usize> = BTreeMap::new();
    for dashboard in dashboards.iter().filter(|dashboard| dashboard.is_live()) {
        let Some(variables) = variables.get(&dashboard.uid) else { continue };
        let kinds = Kinds::of(&dashboard.model);
        for query in panel::panels(&dashboard.model).iter().flat_map(Panel::targets) {
            let mut id = format!("panel:{}/{}/{}", dashboard.uid, query.panel.id, query.ref_id);
            let count = used_ids.entry(id.clone()).or_default();
            *count += 1;
            if *count > 1 {
                // Grafana accepts two panels of one number; a report needs each by itself.
                id = format!("{id}#{count}");
            }
            let subject = format!("{} / {}", dashboard.title, query.panel.name());
            let mut case = Case { dashboard, query, variables, id, subject, plan: Plan::Run(Vec::new()) };
            if let Some(plan) = plan(&case, &kinds, sources, now) {
                case.plan = plan;
                cases.push(case);
            }
        }
    }
    cases
}

/// `None` for what no data source is asked: the results of other queries, Grafana's own, an empty query.
fn plan(case: &Case<'_>, kinds: &Kinds<'_>, sources: &Sources<'_>, now: f64) -> Option<Plan> {
    let (query, variables) = (&case.query, case.variables);
    let reference = Reference::read(query.datasource, &variables.scope, kinds);
    if reference == Reference::BuiltIn {
        return None;
    }
    let skip = |finding: Finding| Some(Plan::Skip(Box::new(finding)));
    let Some(source) = sources.find(&reference) else {
        return skip(data_sources::missing(case, &reference, sources));
    };
    if query.expr.trim().is_empty() && source.kind == "prometheus" {
        // A dashboard for another type of data source, asked of the default one.
        let kind = kind_of_query(query.model).filter(|_| reference == Reference::Default)?;
        return skip(data_sources::needs(case, kind));
    }
    if let Some(finding) = sources.broken(source) {
        let what = format!("the data source `{}` does not answer", source.name);
        return skip(case.not_checked(what).because(Some(finding.to_owned())));
    }
    if source.kind != "prometheus" {
        return skip(case.not_checked(format!("queries of the type `{}` are not run", source.kind)));
    }
    let range = Range::of(&case.dashboard.model["time"], now).of_panel(query.panel.model);
    let run = |scope: &Scope| PanelQuery {
        source: source.uid.clone(),
        expr: promql::narrowed(&scope.fill(query.expr).text, &variables.filters),
        instant: query.instant,
        range: query.range,
        interval: scope.fill(query.interval).text,
        max_points: query.max_points,
        from: range.from.round() as u64,
        to: range.to.round() as u64,
    };
    Some(Plan::Run(repeats(query, variables).iter().map(run).collect()))
}

/// The variables for each repetition of the panel.
fn repeats(query: &Query<'_>, variables: &Resolved) -> Vec<Scope> {
    let scope = &variables.scope;
    match query.panel.repeat {
        Some(name) if !variables.empty.contains_key(name) => {
            let values = scope.repeated(name);
            values.iter().take(MAX_REPEATS).map(|value| scope.with_one(name, value)).collect()
        }
        _ => vec![scope.clone()],
    }
}

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
