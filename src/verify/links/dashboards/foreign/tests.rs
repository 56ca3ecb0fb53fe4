use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::clients::grafana::{DataSource, Meta, PanelQuery, QueryOutcome, StoredDashboard};
use crate::clients::prometheus::Target;
use crate::deployed::provisioning::Provisioning;
use crate::promql::{MatchKind, Query, Selector};
use crate::report::{Checked, Finding};
use crate::verify::links::dashboards::variables::resolve;
use crate::verify::links::dashboards::{DashboardsSnapshot, StoredDashboards, case, data_sources, drift, judge};
use crate::verify::snapshot::Snapshot;

/// What a Prometheus had.
struct Recorded {
    names: BTreeSet<String>,
    targets: Vec<Target>,
}

impl Recorded {
    fn read() -> Self {
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["data"].take();
        let names = read(include_str!("../../../../../tests/fixtures/verify/names.json"));
        let mut targets = read(include_str!("../../../../../tests/fixtures/verify/targets.json"));
        Self {
            names: serde_json::from_value(names).expect("names"),
            targets: serde_json::from_value(targets["activeTargets"].take()).expect("targets"),
        }
    }

    fn values(&self, label: &str) -> BTreeSet<&str> {
        self.targets.iter().map(|target| target.label(label)).filter(|value| !value.is_empty()).collect()
    }

    /// Series have the labels of their targets only, as far as it matters here.
    fn has(&self, selector: &Selector) -> bool {
        let matches = |label: &str, kind: MatchKind, value: &str| {
            let known = self.values(label);
            let pattern = regex_lite::Regex::new(&format!("^(?:{value})$"));
            match kind {
                MatchKind::Equal if known.is_empty() => value.is_empty(),
                MatchKind::Equal => known.contains(value),
                MatchKind::Like if known.is_empty() => pattern.is_ok_and(|pattern| pattern.is_match("")),
                MatchKind::Like => pattern.is_ok_and(|pattern| known.iter().any(|known| pattern.is_match(known))),
                MatchKind::NotEqual | MatchKind::NotLike => true,
            }
        };
        let mut matchers = selector.matchers.iter();
        self.names.contains(&selector.metric) && matchers.all(|one| matches(&one.label, one.kind, &one.value))
    }

    fn outcome(&self, query: &PanelQuery, source: &DataSource) -> QueryOutcome {
        match Query::parse(&query.executed(source)) {
            Ok(parsed) if parsed.can_yield(&|selector| self.has(selector)).is_ok() => QueryOutcome::Data,
            Ok(_) => QueryOutcome::Nothing,
            Err(words) => QueryOutcome::Refused(words),
        }
    }

    /// An answer of the API that variables ask.
    fn answer(&self, path: &str) -> Value {
        let url = url::Url::parse("http://x").and_then(|base| base.join(path)).expect("a path");
        let label = url.path().trim_start_matches("/api/v1/label/").trim_end_matches("/values").to_owned();
        let matched = url.query_pairs().find(|(key, _)| key == "match[]").map(|(_, value)| value.into_owned());
        let exists =
            |text: String| Query::parse(&text).is_ok_and(|query| query.selectors().iter().all(|one| self.has(one)));
        let found = matched.is_none_or(exists);
        if found { self.values(&label).into_iter().map(Value::from).collect() } else { Value::Array(Vec::new()) }
    }
}

/// A Grafana that was provisioned with the files, and shows what the recorded Prometheus has.
async fn shown(files: &BTreeMap<String, Vec<u8>>, recorded: &Recorded) -> DashboardsSnapshot {
    let mut seen: DashboardsSnapshot = serde_json::from_str(include_str!("../recorded.json")).expect("a snapshot");
    let provider = "providers: [{folder: Own, folderUid: own, options: {path: /etc/watchpost/current/dashboards/own}}]";
    let mut all = files.clone();
    all.insert("provisioning/dashboards/own.yml".into(), provider.into());
    seen.provisioning.dashboards = Provisioning::in_files(&all).dashboards;
    let mut stored = StoredDashboards::default();
    for file in seen.provisioning.dashboards.iter().filter(|file| file.rejected.is_none()) {
        let meta = Meta { folder_uid: file.folder_uid.clone(), folder_title: file.folder.clone(), provisioned: true };
        let dashboard = StoredDashboard { dashboard: file.model.clone(), meta };
        stored.by_uid.insert(file.uid.clone(), Ok(Some(dashboard)));
    }
    let ask = async |_: &DataSource, path: &str| Ok(recorded.answer(path));
    let mut variables = BTreeMap::new();
    let dashboards = drift(&seen.provisioning, &stored);
    for dashboard in dashboards.iter().filter(|dashboard| dashboard.is_live()) {
        let resolved = resolve(&dashboard.model, &seen.data_sources, seen.now, &ask).await;
        variables.insert(dashboard.uid.clone(), resolved);
    }
    let sources = data_sources::judge(&seen).0;
    let cases = case::cases(&dashboards, &variables, &sources, seen.now);
    let mut outcomes = Vec::new();
    for case in &cases {
        let case::Plan::Run(runs) = &case.plan else { continue };
        for run in runs {
            let source = sources.by_uid(&run.source).expect("a data source");
            assert_eq!(source.kind, "prometheus", "{run:?} goes to Prometheus alone");
            outcomes.push((run.clone(), recorded.outcome(run, source)));
        }
    }
    drop(cases);
    drop(dashboards);
    (seen.stored, seen.variables, seen.outcomes) = (Ok(stored), variables, outcomes);
    seen
}

async fn judged(files: &BTreeMap<String, Vec<u8>>) -> Checked {
    let recorded = Recorded::read();
    let seen = shown(files, &recorded).await;
    let catalog = Catalog::embedded().expect("the catalog");
    let Recorded { names, targets } = recorded;
    let chain =
        Snapshot { targets: Ok(targets), groups: Ok(Vec::new()), names: Ok(names), ..Snapshot::empty(&catalog) };
    judge(Some(&seen), &chain)
}

fn of_panel<'a>(checked: &'a Checked, title: &str) -> Vec<&'a Finding> {
    checked.findings.iter().filter(|finding| finding.about.panel.as_deref() == Some(title)).collect()
}

fn verdict(finding: &Finding) -> String {
    serde_json::to_value(finding.verdict).expect("JSON").as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn of_each_public_dashboard_is_said_what_must_be_said_and_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dashboards");
    let expected = std::fs::read_to_string(folder.join("expected.json")).expect("what must be said");
    let expected: BTreeMap<String, BTreeMap<String, (String, String)>> = serde_json::from_str(&expected).expect("JSON");
    assert!(expected.len() >= 10);
    for (name, panels) in expected {
        let content = std::fs::read(folder.join(format!("{name}.json"))).expect("a dashboard");
        let checked = judged(&[(format!("dashboards/own/{name}.json"), content)].into()).await;
        for (title, (wanted, cause)) in &panels {
            let found = if title.is_empty() {
                checked.findings.iter().filter(|finding| finding.id.starts_with("dashboard:")).collect()
            } else {
                of_panel(&checked, title)
            };
            let worst = found.iter().max_by_key(|finding| finding.verdict);
            let finding = worst.unwrap_or_else(|| panic!("{name}: nothing is said of `{title}`: {checked:#?}"));
            assert_eq!(verdict(finding), *wanted, "{name}: {finding:#?}");
            let said = finding.cause.as_ref().or(finding.why.first());
            assert!(cause.is_empty() || said == Some(cause), "{name}: {finding:#?}");
        }
        let surplus = checked.findings.iter().filter(|finding| verdict(finding) != "ok");
        let surplus: Vec<&Finding> = surplus
            .filter(|finding| {
                let panel = finding.about.panel.as_deref().unwrap_or_default();
                !panels.contains_key(panel)
            })
            .collect();
        assert!(surplus.is_empty(), "{name} is told more than it must: {surplus:#?}");
    }
}
