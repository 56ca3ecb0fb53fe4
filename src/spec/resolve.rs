//! The spec resolved by the catalog: which services, with which answers.

mod advice;
mod check;
mod receivers;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::catalog::answer::{self, Owner};
use crate::catalog::{Catalog, Component};
use crate::error::{Error, Result};
use crate::spec::alerting::Route;
use crate::spec::{Answers, ProbeTarget, SecretSource, Selection, Spec, Target};
use crate::yaml::Node;

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
    /// The name or IP address in links, and the Docker host, as the spec says.
    pub address: Option<String>,
    pub host: Option<String>,
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

/// Resolves the spec by the catalog. Errors name the place in the spec.
pub fn resolve<'a>(spec: &Spec, catalog: &'a Catalog, own: OwnFiles) -> Result<Resolved<'a>> {
    // The name may come from `--stack`: then the file is not to blame.
    let written = spec.node("stack").filter(|node| node.as_str() == Some(spec.stack.as_str()));
    let stack = catalog.stack(&spec.stack).map_err(|error| error.at_node(written))?;
    let mut errors = Vec::new();
    let mut instances = Vec::new();
    for name in stack.components.keys().chain(spec.components.keys()).collect::<BTreeSet<_>>() {
        let Some(component) = catalog.components.get(name) else {
            let key = spec.node("components").and_then(|node| node.key(name));
            errors.push(catalog.unknown_component(name).at_node(key));
            continue;
        };
        match instances_of(component, spec, stack.components.get(name)) {
            Ok(found) => instances.extend(found),
            Err(error) => errors.push(error),
        }
    }
    instances.sort_by(|a: &Instance<'_>, b| a.name.cmp(&b.name));
    let receivers = receivers::resolve(spec, catalog, &mut errors);
    Error::all(errors)?;

    let resolved = Resolved {
        name: spec.name.clone(),
        catalog,
        secrets: secrets(spec, &instances),
        instances,
        receivers,
        routes: spec.alerting.routes.clone(),
        targets: spec.targets.clone(),
        probes: spec.probes.clone(),
        own,
        address: spec.address.clone(),
        host: spec.host.clone(),
        source: spec.source.clone(),
    };
    check::check(spec, &resolved)?;
    Ok(resolved)
}

/// The services of one component: none, one named like it, or one for each name that the spec lists.
fn instances_of<'a>(
    component: &'a Component,
    spec: &Spec,
    presets: Option<&BTreeMap<String, Value>>,
) -> Result<Vec<Instance<'a>>> {
    let name = &component.manifest.name;
    let node = spec.node("components").and_then(|node| node.get(name));
    match spec.components.get(name) {
        Some(Selection::Off) => Ok(Vec::new()),
        Some(Selection::One(answers)) => Ok(vec![instance(component, None, answers, presets, node)?]),
        None => Ok(vec![instance(component, None, &Answers::new(), presets, node)?]),
        Some(Selection::Many(_)) if !component.manifest.multiple => {
            let error = Error::new(format!("a stack holds one `{name}`, not a list"));
            Err(error.hint(format!("write its settings directly below `{name}:`")).at_node(node))
        }
        Some(Selection::Many(listed)) => {
            let items = node.map(Node::items).unwrap_or_default();
            let mut instances = Vec::new();
            let mut errors = Vec::new();
            for (given_name, answers) in listed {
                let is_it = |item: &&Node| item.get("name").and_then(Node::as_str) == Some(given_name);
                match instance(component, Some(given_name), answers, presets, items.iter().find(is_it)) {
                    Ok(instance) => instances.push(instance),
                    Err(error) => errors.push(error),
                }
            }
            Error::all(errors).map(|()| instances)
        }
    }
}

/// One service; `name` is the one that the spec gives to one of several.
fn instance<'a>(
    component: &'a Component,
    name: Option<&str>,
    answers: &Answers,
    presets: Option<&BTreeMap<String, Value>>,
    place: Option<&Node>,
) -> Result<Instance<'a>> {
    let manifest = &component.manifest;
    let owner = Owner {
        name: &format!("component `{}`", manifest.name),
        help: &format!("`watchpost catalog show {}` lists its settings", manifest.name),
        place,
    };
    let none = BTreeMap::new();
    Ok(Instance {
        name: match name {
            // Names of services are names of hosts, in which capitals make no difference.
            Some(name) => format!("{}-{}", manifest.name, name.to_lowercase()),
            None => manifest.name.clone(),
        },
        component,
        answers: answer::resolve(owner, &manifest.questions, answers, presets.unwrap_or(&none))?,
        given: answers.clone(),
    })
}

/// The spec's secrets, and those that questions bring along: generated, unless the spec says otherwise.
fn secrets(spec: &Spec, instances: &[Instance<'_>]) -> BTreeMap<String, SecretSource> {
    let mut secrets = spec.secrets.clone();
    for instance in instances {
        for question in &instance.component.manifest.questions {
            let used = instance.answers.get(&question.variable).and_then(|answer| answer.get("secret")?.as_str());
            if let Some(default) = question.secret.as_ref().filter(|default| used == Some(&default.name)) {
                secrets.entry(default.name.clone()).or_insert(SecretSource::Generate(default.generate));
            }
        }
    }
    secrets
}

#[cfg(test)]
mod tests;
