//! What ships: its rules, dashboards and recorded samples, as tests look at them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use promql_parser::parser::token::{T_BOTTOMK, T_LAND, T_LOR, T_LUNLESS, T_TOPK};
use promql_parser::parser::{BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use watchpost::catalog::Catalog;

use crate::support::watchpost;

/// Labels that every series gets by being scraped.
pub const TARGET_LABELS: [&str; 2] = ["job", "instance"];
/// Series that Prometheus makes itself, and their labels.
const SYNTHETIC: [(&str, &[&str]); 4] = [
    ("up", &[]),
    ("ALERTS", &["alertname", "alertstate", "severity"]),
    ("scrape_duration_seconds", &[]),
    ("scrape_samples_scraped", &[]),
];
/// Labels of metrics that the recording host cannot show; their manifests say when they are there.
pub const UNRECORDED: [(&str, &[&str]); 3] = [
    ("node_md_disks", &["device", "state"]),
    ("node_md_disks_required", &["device"]),
    ("probe_ssl_earliest_cert_expiry", &[]),
];
/// Labels that the scrape configuration adds to a component's targets.
const RELABELLED: [(&str, &str); 1] = [("blackbox-exporter", "module")];

pub type Labels = BTreeSet<String>;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn catalog() -> Catalog {
    Catalog::embedded().expect("a catalog")
}

/// Files of all components below `folder` with this extension, each with its component.
pub fn files(folder: &str, extension: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for component in catalog().components.into_keys() {
        let folder = root().join("templates").join(&component).join(folder);
        for file in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
            if file.extension().is_some_and(|found| found == extension) {
                found.push((component.clone(), file));
            }
        }
    }
    found.sort();
    found
}

/// One component's recorded `/metrics`.
#[derive(Default, Clone)]
pub struct Sample {
    /// The sets of labels that the series of a metric have; an empty label is none.
    pub variants: BTreeMap<String, BTreeSet<Labels>>,
    pub counters: BTreeSet<String>,
    pub text: String,
}

impl Sample {
    /// Read once; empty for a component that has none.
    pub fn of(component: &str) -> Self {
        static ALL: OnceLock<BTreeMap<String, Sample>> = OnceLock::new();
        let read = || catalog().components.into_keys().map(|name| (name.clone(), Self::read(&name))).collect();
        ALL.get_or_init(read).get(component).cloned().unwrap_or_default()
    }

    fn read(component: &str) -> Self {
        let path = root().join("templates").join(component).join("metrics.prom");
        let mut sample = Self { text: std::fs::read_to_string(path).unwrap_or_default(), ..Self::default() };
        for line in sample.text.lines().filter(|line| !line.is_empty()) {
            if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, kind) = typed.split_once(' ').expect("a type");
                if kind == "counter" {
                    sample.counters.insert(name.to_owned());
                }
            } else if !line.starts_with('#') {
                let end = line.find(['{', ' ']).expect("a value");
                let labels = labels_in(line[end..].strip_prefix('{').unwrap_or_default());
                let labels = labels.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect();
                sample.variants.entry(line[..end].to_owned()).or_default().insert(labels);
            }
        }
        for (metric, labels) in UNRECORDED {
            let prefix = metric.split('_').next().expect("a prefix");
            if sample.variants.keys().any(|known| known.starts_with(&format!("{prefix}_"))) {
                assert!(!sample.variants.contains_key(metric), "`{metric}` is recorded now; take it out of the list");
                let labels = labels.iter().map(|&label| label.to_owned()).collect();
                sample.variants.insert(metric.to_owned(), BTreeSet::from([labels]));
            }
        }
        for (_, label) in RELABELLED.iter().filter(|(relabelled, _)| *relabelled == component) {
            let add = |variant: &Labels| variant.iter().cloned().chain([(*label).to_owned()]).collect::<Labels>();
            for variants in sample.variants.values_mut() {
                variants.extend(variants.iter().map(add).collect::<Vec<_>>());
            }
        }
        sample
    }

    pub fn join(mut self, others: &[&str]) -> Self {
        for other in others {
            let other = Self::of(other);
            for (metric, variants) in other.variants {
                self.variants.entry(metric).or_default().extend(variants);
            }
            self.counters.extend(other.counters);
        }
        self
    }

    /// All labels that series of the metric may have; `None` when nothing has such a metric.
    pub fn labels(&self, metric: &str) -> Option<Labels> {
        let own = self.variants.get(metric).map(|variants| variants.iter().flatten().cloned().collect::<Labels>());
        let synthetic = SYNTHETIC.iter().find(|(name, _)| *name == metric);
        let synthetic = synthetic.map(|(_, labels)| labels.iter().map(|&label| label.to_owned()).collect());
        let mut labels = own.or(synthetic)?;
        labels.extend(TARGET_LABELS.map(str::to_owned));
        Some(labels)
    }
}

/// `a="1",b="2"}...` as pairs, up to the closing brace.
pub fn labels_in(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, value)) = rest.split_once("=\"") {
        let mut escaped = false;
        let close = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let close = close.expect("a closing quote");
        found.insert(name.trim_start_matches([',', ' ']).to_owned(), value[..close].to_owned());
        rest = &value[close + 1..];
    }
    found
}

/// A rule, where it stands and whose it is.
pub struct Rule {
    pub component: String,
    pub path: String,
    pub rule: Value,
}

impl Rule {
    pub fn name(&self) -> &str {
        self.rule["alert"].as_str().or(self.rule["record"].as_str()).expect("a name")
    }

    pub fn is_alert(&self) -> bool {
        self.rule["alert"].is_string()
    }

    pub fn expr(&self) -> &str {
        self.rule["expr"].as_str().expect("an expression")
    }
}

/// Every rule of the catalog, rendered once.
pub fn rules() -> &'static [Rule] {
    static ALL: OnceLock<Vec<Rule>> = OnceLock::new();
    ALL.get_or_init(rendered_rules)
}

fn rendered_rules() -> Vec<Rule> {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = "stack: standard\ncomponents:\n  node-exporter: {textfile_directory: /srv/metrics}\n  pushgateway: true\n  postgres-exporter: {host: db, password: {secret: x}}\n  redis-exporter: {address: \"r:6379\"}\nsecrets: {x: {env: X}}\n";
    std::fs::write(folder.path().join("watchpost.yaml"), spec).expect("written");
    let bundle = watchpost(["render", "-o", "json"]).inside(folder.path()).run().expect(0).json();
    let mut rules = Vec::new();
    for (path, text) in bundle.as_object().expect("files") {
        let Some(short) = path.strip_prefix("files/prometheus/rules/") else { continue };
        let (component, _) = short.split_once('/').expect("a component");
        let document = watchpost::yaml::parse(path, text.as_str().expect("text")).expect("YAML").to_json();
        for group in document["groups"].as_array().expect("groups") {
            for rule in group["rules"].as_array().expect("rules") {
                rules.push(Rule { component: component.to_owned(), path: short.to_owned(), rule: rule.clone() });
            }
        }
    }
    rules
}

/// What a component's rules may ask for: its own sample, and what is recorded by its rules.
pub fn known_to(component: &str, others: &[&str]) -> Sample {
    let mut sample = Sample::of(component).join(others);
    for rule in rules().iter().filter(|rule| !rule.is_alert()) {
        if rule.component == component || others.contains(&rule.component.as_str()) {
            let labels = output_labels(&parsed(rule.name(), rule.expr()), &Sample::of(&rule.component));
            sample.variants.insert(rule.name().to_owned(), BTreeSet::from([labels]));
        }
    }
    sample
}

pub struct Dashboard {
    pub component: String,
    pub path: PathBuf,
    pub json: Value,
}

pub fn dashboards() -> Vec<Dashboard> {
    let read = |(component, path): (String, PathBuf)| {
        let json = serde_json::from_str(&std::fs::read_to_string(&path).expect("UTF-8")).expect("JSON");
        Dashboard { component, path, json }
    };
    files("dashboards", "json").into_iter().map(read).collect()
}

/// One query of a panel.
pub struct PanelQuery {
    pub component: String,
    /// Dashboard and panel, for messages.
    pub place: String,
    /// The panel's own sentence of when it may be empty: `Empty when nothing is probed.`
    pub empty: Option<String>,
    /// As it stands in the file.
    pub raw: String,
    /// With variables that stand for everything.
    pub expr: String,
    pub legend: String,
}

/// The sentence of a panel's description that says when it is empty.
pub fn empty_when(description: &str) -> Option<String> {
    let sentence = description.split(". ").find(|sentence| sentence.starts_with("Empty "))?;
    Some(sentence.to_owned())
}

pub fn panel_queries() -> Vec<PanelQuery> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in dashboard.json["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let raw = target["expr"].as_str().expect("an expression").to_owned();
                queries.push(PanelQuery {
                    component: dashboard.component.clone(),
                    place: format!("{}, {}", dashboard.json["title"], panel["title"]),
                    empty: empty_when(panel["description"].as_str().unwrap_or_default()),
                    expr: substituted(&raw),
                    raw,
                    legend: target["legendFormat"].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
    }
    queries
}

/// Grafana's variables as Prometheus would see them.
fn substituted(text: &str) -> String {
    let mut text = text.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$__interval", "1m");
    while let Some(at) = text.find('$') {
        let name = text[at + 1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text.replace_range(at..name.map_or(text.len(), |end| at + 1 + end), ".*");
    }
    text
}

#[track_caller]
pub fn parsed(place: &str, text: &str) -> Expr {
    promql_parser::parser::parse(text).unwrap_or_else(|error| panic!("{place}: {error}\n{text}"))
}

/// What an expression names: metrics with the labels they are matched on, and labels that series are put together by.
#[derive(Default)]
pub struct Named {
    pub metrics: Vec<(String, Labels)>,
    pub joined_by: Labels,
}

impl Named {
    pub fn of(expr: &Expr) -> Self {
        let mut named = Self::default();
        walk_expr(&mut named, expr).expect("visited");
        named
    }

    fn selector(&mut self, vector: &VectorSelector) {
        let labels = vector.matchers.matchers.iter().map(|matcher| matcher.name.clone());
        self.metrics
            .push((vector.name.clone().unwrap_or_default(), labels.filter(|name| name != "__name__").collect()));
    }
}

impl ExprVisitor for Named {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        let mut join = |modifier: &LabelModifier| match modifier {
            LabelModifier::Include(labels) | LabelModifier::Exclude(labels) => {
                self.joined_by.extend(labels.labels.iter().cloned());
            }
        };
        match expr {
            Expr::VectorSelector(vector) => self.selector(vector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Aggregate(aggregate) => aggregate.modifier.iter().for_each(join),
            Expr::Binary(binary) => {
                if let Some(modifier) = &binary.modifier {
                    modifier.matching.iter().for_each(&mut join);
                    if let VectorMatchCardinality::ManyToOne(labels) | VectorMatchCardinality::OneToMany(labels) =
                        &modifier.card
                    {
                        self.joined_by.extend(labels.labels.iter().cloned());
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// The labels that the result of an expression can have.
pub fn output_labels(expr: &Expr, sample: &Sample) -> Labels {
    match expr {
        Expr::VectorSelector(vector) => sample.labels(vector.name.as_deref().unwrap_or_default()).unwrap_or_default(),
        Expr::MatrixSelector(matrix) => {
            sample.labels(matrix.vs.name.as_deref().unwrap_or_default()).unwrap_or_default()
        }
        Expr::Aggregate(aggregate) => {
            let inner = output_labels(&aggregate.expr, sample);
            match &aggregate.modifier {
                _ if matches!(aggregate.op.id(), T_TOPK | T_BOTTOMK) => inner,
                Some(LabelModifier::Include(labels)) => {
                    inner.into_iter().filter(|l| labels.labels.contains(l)).collect()
                }
                Some(LabelModifier::Exclude(labels)) => {
                    inner.into_iter().filter(|l| !labels.labels.contains(l)).collect()
                }
                None => Labels::new(),
            }
        }
        Expr::Binary(binary) => joined(binary, sample),
        Expr::Call(call) if call.func.name == "absent" => {
            let Some(Expr::VectorSelector(vector)) = call.args.args.first().map(AsRef::as_ref) else {
                return Labels::new();
            };
            vector.matchers.matchers.iter().map(|matcher| matcher.name.clone()).collect()
        }
        Expr::Call(call) => call.args.args.iter().flat_map(|argument| output_labels(argument, sample)).collect(),
        Expr::Unary(unary) => output_labels(&unary.expr, sample),
        Expr::Paren(paren) => output_labels(&paren.expr, sample),
        Expr::Subquery(subquery) => output_labels(&subquery.expr, sample),
        _ => Labels::new(),
    }
}

fn joined(binary: &BinaryExpr, sample: &Sample) -> Labels {
    let (left, right) = (output_labels(&binary.lhs, sample), output_labels(&binary.rhs, sample));
    if binary.op.id() == T_LOR {
        return left.into_iter().chain(right).collect();
    }
    if matches!(binary.op.id(), T_LAND | T_LUNLESS) || right.is_empty() {
        return left;
    }
    if left.is_empty() {
        return right;
    }
    match binary.modifier.as_ref().map(|modifier| (&modifier.card, &modifier.matching)) {
        Some((VectorMatchCardinality::ManyToOne(more), _)) => {
            left.into_iter().chain(more.labels.iter().cloned()).collect()
        }
        Some((VectorMatchCardinality::OneToMany(more), _)) => {
            right.into_iter().chain(more.labels.iter().cloned()).collect()
        }
        Some((_, Some(LabelModifier::Include(on)))) => on.labels.iter().cloned().collect(),
        Some((_, Some(LabelModifier::Exclude(ignored)))) => {
            left.into_iter().filter(|label| !ignored.labels.contains(label)).collect()
        }
        _ => left,
    }
}

/// Patterns of the metrics that are absent on some hosts, as the manifests declare them.
pub fn absences(catalog: &Catalog) -> Vec<regex_lite::Regex> {
    let manifests = || catalog.components.values().map(|component| &component.manifest);
    let sometimes = manifests().flat_map(|manifest| &manifest.sometimes).map(|absent| &absent.metrics);
    let collected = manifests().flat_map(|manifest| &manifest.collectors).map(|collector| &collector.metrics);
    let pattern = |metrics: &String| regex_lite::Regex::new(&format!("^(?:{metrics})$")).expect("a pattern");
    sometimes.chain(collected).map(pattern).collect()
}
