//! The spec held against the catalog: which services, with which answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::catalog::answer::{self, Subject};
use crate::catalog::question::{Kind, Question};
use crate::catalog::{Catalog, Component};
use crate::error::{Error, Result, did_you_mean};
use crate::spec::alerting::Route;
use crate::spec::{Answers, ProbeTarget, SecretSource, Selection, Spec, Target};
use crate::units::parse_duration;
use crate::yaml::{Kind as YamlKind, Node};

/// All that rendering needs; every answer valid, every reference resolved.
#[derive(Debug, Clone)]
pub struct Resolved<'a> {
    pub name: String,
    pub catalog: &'a Catalog,
    /// In the order of their names.
    pub instances: Vec<Instance<'a>>,
    pub receivers: Vec<Receiver>,
    pub routes: Vec<Route>,
    pub targets: Vec<Target>,
    pub probes: Vec<ProbeTarget>,
    pub secrets: BTreeMap<String, SecretSource>,
    pub own: OwnFiles,
    /// The spec as read, for errors that come later; `None` for one made from flags.
    pub source: Option<Node>,
}

/// One service to be: a component with its answers.
#[derive(Debug, Clone)]
pub struct Instance<'a> {
    /// The service's name: the component's, or `<component>-<name>`.
    pub name: String,
    pub component: &'a Component,
    pub answers: answer::Resolved,
    /// The answers that the spec or a flag gives, with their places, for errors that come later.
    pub given: Answers,
}

#[derive(Debug, Clone)]
pub struct Receiver {
    pub name: String,
    pub kind: String,
    pub settings: answer::Resolved,
    /// Settings that are passwords.
    pub passwords: BTreeSet<String>,
}

/// The user's own rules and dashboards, by file name, as the command line read them.
#[derive(Debug, Clone, Default)]
pub struct OwnFiles {
    pub rules: BTreeMap<String, Vec<u8>>,
    pub dashboards: BTreeMap<String, Vec<u8>>,
}

impl Resolved<'_> {
    pub fn instance_of(&self, component: &str) -> Option<&Instance<'_>> {
        self.instances.iter().find(|instance| instance.component.manifest.name == component)
    }
}

/// Holds the spec against the catalog. Errors name the place in the spec.
pub fn resolve<'a>(spec: &Spec, catalog: &'a Catalog, own: OwnFiles) -> Result<Resolved<'a>> {
    let mut resolved = Resolved {
        name: spec.name.clone(),
        catalog,
        instances: Vec::new(),
        receivers: Vec::new(),
        routes: spec.alerting.routes.clone(),
        targets: spec.targets.clone(),
        probes: spec.probes.clone(),
        secrets: spec.secrets.clone(),
        own,
        source: spec.source.clone(),
    };
    let place = |error: Error, node: Option<&Node>| match node {
        Some(node) if error.at.is_none() => error.at(node.location()),
        _ => error,
    };
    let stack = catalog.stack(&spec.stack).map_err(|error| place(error, top(spec, "stack")))?;
    let mut errors = Vec::new();
    for name in stack.components.keys().chain(spec.components.keys()).collect::<BTreeSet<_>>() {
        let Some(component) = catalog.components.get(name) else {
            let key = top(spec, "components").and_then(|node| node.key(name));
            errors.push(place(catalog.unknown_component(name), key));
            continue;
        };
        let presets = stack.components.get(name);
        let selection = spec.components.get(name);
        match instances(spec, name, component, selection, presets) {
            Ok(instances) => resolved.instances.extend(instances),
            Err(error) => errors.push(error),
        }
    }
    resolved.instances.sort_by(|a, b| a.name.cmp(&b.name));
    errors.extend(receivers(spec, catalog, &mut resolved.receivers));
    Error::all(errors)?;
    default_secrets(&mut resolved);
    check(spec, &resolved)?;
    Ok(resolved)
}

fn top<'a>(spec: &'a Spec, key: &str) -> Option<&'a Node> {
    spec.source.as_ref()?.get(key)
}

fn instances<'a>(
    spec: &Spec,
    name: &str,
    component: &'a Component,
    selection: Option<&Selection>,
    presets: Option<&BTreeMap<String, Value>>,
) -> Result<Vec<Instance<'a>>> {
    let node = top(spec, "components").and_then(|node| node.get(name));
    let none = Answers::new();
    let listed: Vec<(Option<&str>, &Answers, Option<&Node>)> = match selection {
        Some(Selection::Off) => return Ok(Vec::new()),
        None => vec![(None, &none, node)],
        Some(Selection::One(answers)) => vec![(None, answers, node)],
        Some(Selection::Many(list)) => {
            if !component.manifest.multiple {
                let error = Error::new(format!("a stack holds one `{name}`, not a list"));
                let error = error.hint(format!("write its settings directly below `{name}:`"));
                return Err(node.map_or(error.clone(), |node| error.at(node.location())));
            }
            let items = node.map(Node::items).unwrap_or_default();
            let place =
                |wanted: &str| items.iter().find(|item| item.get("name").and_then(Node::as_str) == Some(wanted));
            list.iter().map(|(name, answers)| (Some(name.as_str()), answers, place(name))).collect()
        }
    };
    let subject = format!("component `{name}`");
    let help = format!("`watchpost catalog show {name}` lists its settings");
    let empty = BTreeMap::new();
    let mut errors = Vec::new();
    let resolved = listed
        .into_iter()
        .map(|(instance, answers, owner)| {
            let subject = Subject { name: &subject, help: &help };
            let presets = presets.unwrap_or(&empty);
            Ok(Instance {
                name: instance
                    .map_or_else(|| name.to_owned(), |instance| format!("{name}-{}", instance.to_lowercase())),
                component,
                answers: answer::resolve(subject, &component.manifest.questions, answers, presets, owner)?,
                given: answers.clone(),
            })
        })
        .filter_map(|instance: Result<_>| instance.map_err(|error| errors.push(error)).ok())
        .collect();
    Error::all(errors).map(|()| resolved)
}

fn receivers(spec: &Spec, catalog: &Catalog, resolved: &mut Vec<Receiver>) -> Vec<Error> {
    let mut errors = Vec::new();
    for receiver in &spec.alerting.receivers {
        let node = receiver.node.as_ref();
        let Some(kind) = catalog.receivers.get(&receiver.kind) else {
            errors.push(unknown_kind(catalog, &receiver.kind, node));
            continue;
        };
        let subject = format!("receiver `{}`", receiver.name);
        let known = kind.questions.iter().map(|question| question.variable.as_str()).collect::<Vec<_>>().join(", ");
        let help = format!("a receiver of type `{}` takes {known}, send_resolved", kind.name);
        let mut settings = receiver.settings.clone();
        let send_resolved = settings.remove("send_resolved");
        if let Some(value) = send_resolved.as_ref().filter(|value| !matches!(value.kind, YamlKind::Bool(_))) {
            let message = format!("`send_resolved` of {subject} must be true or false, not {}", value.describe());
            errors.push(value.error(message).hint("left out, it is true: it is told as well when an alert is over"));
        }
        match answer::resolve(
            Subject { name: &subject, help: &help },
            &kind.questions,
            &settings,
            &BTreeMap::new(),
            node,
        ) {
            Ok(mut settings) => {
                let wanted = match send_resolved.as_ref().map(|node| &node.kind) {
                    Some(YamlKind::Bool(wanted)) => *wanted,
                    _ => true,
                };
                settings.insert("send_resolved".into(), Value::Bool(wanted));
                let is_secret = |question: &&Question| {
                    let named =
                        || settings.get(&question.variable).is_some_and(|answer| answer.get("secret").is_some());
                    question.kind == Kind::Password || (question.or_secret && named())
                };
                let passwords = kind.questions.iter().filter(is_secret);
                let passwords = passwords.map(|question| question.variable.clone()).collect();
                resolved.push(Receiver {
                    name: receiver.name.clone(),
                    kind: receiver.kind.clone(),
                    settings,
                    passwords,
                });
            }
            Err(error) => errors.push(error),
        }
    }
    errors
}

fn unknown_kind(catalog: &Catalog, kind: &str, node: Option<&Node>) -> Error {
    let known = catalog.receivers.keys().map(String::as_str);
    let mut error = Error::new(format!("unknown type `{kind}` of receiver"))
        .hint(format!("it is one of {}", known.clone().collect::<Vec<_>>().join(", ")));
    if kind == "msteams" {
        error = error.cause("Microsoft has retired the connectors that `msteams` used").hint("use `type: msteamsv2`");
    } else if let Some(guess) = did_you_mean(kind, known) {
        error = error.label(format!("did you mean `{guess}`?"));
    }
    match node.and_then(|node| node.get("type")) {
        Some(place) => error.at(place.location()),
        None => error,
    }
}

/// Secrets that questions bring along, unless the spec defines them.
fn default_secrets(resolved: &mut Resolved<'_>) {
    for instance in &resolved.instances {
        for question in &instance.component.manifest.questions {
            let used = instance.answers.get(&question.variable).and_then(|value| value.get("secret")?.as_str());
            if let Some(secret) = question.secret.as_ref().filter(|secret| used == Some(&secret.name)) {
                resolved.secrets.entry(secret.name.clone()).or_insert(SecretSource::Generate(secret.generate));
            }
        }
    }
}

/// What holds between components, beyond each one's own answers.
fn check(spec: &Spec, resolved: &Resolved<'_>) -> Result<()> {
    let present: BTreeSet<&str> = resolved.instances.iter().map(|i| i.component.manifest.name.as_str()).collect();
    let mut errors = Vec::new();
    if resolved.instances.is_empty() {
        errors.push(Error::new("nothing is left to deploy").hint("take out some of `false` or `--without`"));
    }
    for instance in &resolved.instances {
        for needed in instance.component.manifest.needs.iter().filter(|needed| !present.contains(needed.as_str())) {
            errors.push(
                Error::new(format!("`{}` is of no use without `{needed}`, which this stack leaves out", instance.name))
                    .hint(format!("put `{needed}` back, or leave `{}` out too", instance.component.manifest.name)),
            );
        }
    }
    for (key, component, listed) in [
        ("probes", "blackbox-exporter", resolved.probes.len()),
        ("dashboards", "grafana", spec.dashboards.len()),
        ("rules", "prometheus", spec.rules.len()),
    ] {
        if listed == 0 || present.contains(component) {
            continue;
        }
        let error = Error::new(format!("`{key}` need the component `{component}`, which this stack does not have"))
            .hint(format!("add `{component}: true` under `components:`, or take `{key}:` out"));
        errors.push(match spec.source.as_ref().and_then(|source| source.key(key)) {
            Some(key) => error.at(key.location()),
            None => error,
        });
    }
    errors.extend(resolved.instances.iter().filter_map(timeout_past_interval));
    let jobs: BTreeSet<&str> =
        resolved.instances.iter().filter_map(|i| Some(i.component.manifest.scrape.as_ref()?.job.as_str())).collect();
    let nodes = top(spec, "targets").map(Node::items).unwrap_or_default();
    for (target, node) in resolved.targets.iter().zip(nodes) {
        if jobs.contains(target.job.as_str()) || target.job.starts_with("probe-") {
            let place = node.get("job").unwrap_or(node);
            errors.push(
                place.error(format!("the job `{}` is one of the stack's own", target.job)).hint("give it another name"),
            );
        }
    }
    Error::all(errors)
}

/// Prometheus refuses a timeout that is longer than the interval; left out, it is the shorter of 10s and the interval.
fn timeout_past_interval(instance: &Instance<'_>) -> Option<Error> {
    let setting = |name: &str| Some((instance.answers.get(name)?.as_str()?, instance.given.get(name)));
    let (interval, interval_at) = setting("scrape_interval")?;
    let (timeout, timeout_at) = setting("scrape_timeout")?;
    if parse_duration(timeout)? <= parse_duration(interval)? {
        return None;
    }
    let name = &instance.name;
    let error = Error::new(format!(
        "`scrape_timeout` of `{name}` is longer than its `scrape_interval`: {timeout} and {interval}"
    ))
    .hint("leave `scrape_timeout` out: it is then 10s, or the interval where that is shorter");
    Some(match timeout_at.or(interval_at) {
        Some(node) => error.at(node.location()),
        None => error,
    })
}
