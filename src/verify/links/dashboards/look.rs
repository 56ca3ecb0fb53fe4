//! All that Grafana and Prometheus are asked about dashboards.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::clients::grafana::{DataSource, Grafana, PanelQuery, QueryOutcome};
use crate::clients::series::{self, Series};
use crate::deployed::provisioning::Provisioning;
use crate::deployed::stack::Stack;
use crate::time::now;
use crate::verify::links::dashboards::access::{self, Access};
use crate::verify::links::dashboards::case::{Case, Outcomes, Plan, cases};
use crate::verify::links::dashboards::drift::{DashboardDrift, StoredDashboards, drift};
use crate::verify::links::dashboards::once::Once;
use crate::verify::links::dashboards::variables::{Resolved, resolve};
use crate::verify::links::dashboards::{data_sources, empty};
use crate::verify::snapshot::Snapshot;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DashboardsSnapshot {
    /// Seconds since 1970.
    pub now: f64,
    pub access: Access,
    /// Services of the stack that do not run.
    pub stopped: BTreeSet<String>,
    pub provisioning: Provisioning,
    /// All of Grafana.
    pub data_sources: Vec<DataSource>,
    /// Whether Grafana reaches the provisioned ones, by uid.
    pub health: BTreeMap<String, Result<(), String>>,
    /// Errors: why Grafana does not list its dashboards.
    pub stored: Result<StoredDashboards, String>,
    /// By the dashboard's uid.
    pub variables: BTreeMap<String, Resolved>,
    pub outcomes: Vec<(PanelQuery, QueryOutcome)>,
    /// What Prometheus answers to the questions about empty panels.
    pub answers: empty::Answers,
    /// What exists of the metrics and labels that empty panels ask for.
    #[serde(default)]
    pub series: Series,
}

impl DashboardsSnapshot {
    /// `None` when the stack has no Grafana.
    pub async fn look(stack: &Stack, chain: &Snapshot<'_>) -> Option<Self> {
        let (service, deployed) = stack.first_of("grafana")?;
        let (access, opened) = access::look(stack, service, deployed).await;
        let stopped = stack.services.iter().filter(|(_, deployed)| !deployed.is_running());
        let mut seen = Self {
            now: now(),
            access,
            stopped: stopped.map(|(name, _)| name.clone()).collect(),
            provisioning: Provisioning::in_files(stack.files(service).await),
            data_sources: Vec::new(),
            health: BTreeMap::new(),
            stored: Ok(StoredDashboards::default()),
            variables: BTreeMap::new(),
            outcomes: Vec::new(),
            answers: BTreeMap::new(),
            series: Series::default(),
        };
        if let Some(opened) = opened {
            seen.data_sources = opened.data_sources;
            seen.look_inside(stack, &opened.grafana, chain).await;
        }
        Some(seen)
    }

    async fn look_inside(&mut self, stack: &Stack, grafana: &Grafana<'_>, chain: &Snapshot<'_>) {
        let (health, stored) = tokio::join!(
            data_sources::look(grafana, &self.data_sources, &self.provisioning),
            StoredDashboards::look(grafana, &self.provisioning),
        );
        self.health = health;
        self.stored = stored.map_err(|error| error.message);
        let Ok(stored) = &self.stored else { return };
        let dashboards = drift(&self.provisioning, stored);
        self.variables = variables(grafana, &self.data_sources, &dashboards, self.now).await;
        let (sources, _) = data_sources::judge(self);
        let cases = cases(&dashboards, &self.variables, &sources, self.now);
        let outcomes = outcomes(grafana, &self.data_sources, &cases).await;
        let (mut answers, mut series) = (empty::Answers::new(), Series::default());
        if let (Some(prometheus), Ok(names)) = (stack.prometheus().await, &chain.names) {
            let doubtful = empty::doubtful(&cases, &outcomes, &sources, names);
            if !doubtful.is_empty() {
                series = Series::ask(&prometheus, &doubtful).await;
            }
            // Two rounds: what to ask next depends on what exists.
            loop {
                let open = empty::open_questions(&cases, &outcomes, &sources, names, &answers);
                if open.is_empty() {
                    break;
                }
                answers.extend(series::values(&prometheus, open.into_iter().collect()).await);
            }
        }
        self.outcomes = outcomes.into_iter().collect();
        (self.answers, self.series) = (answers, series);
    }
}

/// The variables of each dashboard; each different question is asked once.
async fn variables(
    grafana: &Grafana<'_>,
    sources: &[DataSource],
    dashboards: &[DashboardDrift<'_>],
    now: f64,
) -> BTreeMap<String, Resolved> {
    let once = Once::default();
    let ask = async |source: &DataSource, path: &str| {
        let key = (source.uid.clone(), path.to_owned());
        once.get(&key, async || grafana.prometheus(source, path).await.map_err(|error| error.message)).await
    };
    let live = dashboards.iter().filter(|dashboard| dashboard.is_live());
    let resolved = live.map(async |dashboard| {
        let resolved = resolve(&dashboard.model, sources, now, &ask).await;
        (dashboard.uid.clone(), resolved)
    });
    join_all(resolved).await.into_iter().collect()
}

/// Runs each different query once. A graph that is empty is also asked for its value now: Grafana's points lie at whole
/// steps, so that samples younger than one step are in none of them yet.
async fn outcomes(grafana: &Grafana<'_>, sources: &[DataSource], cases: &[Case<'_>]) -> Outcomes {
    let mut different = BTreeSet::new();
    for case in cases {
        if let Plan::Run(runs) = &case.plan {
            different.extend(runs.iter().cloned());
        }
    }
    let queries: Vec<PanelQuery> = different.into_iter().collect();
    let results = grafana.run(&queries, sources).await;
    let mut outcomes: Outcomes = queries.into_iter().zip(results).collect();

    let is_empty_graph = |query: &PanelQuery, outcome: &QueryOutcome| query.range && *outcome == QueryOutcome::Nothing;
    let graphs: Vec<PanelQuery> = outcomes
        .iter()
        .filter(|(query, outcome)| is_empty_graph(query, outcome))
        .map(|(query, _)| query.clone())
        .collect();
    let instant: Vec<PanelQuery> =
        graphs.iter().map(|graph| PanelQuery { instant: true, range: false, ..graph.clone() }).collect();
    for (graph, now) in graphs.into_iter().zip(grafana.run(&instant, sources).await) {
        if now == QueryOutcome::Data {
            outcomes.insert(graph, now);
        }
    }
    outcomes
}
