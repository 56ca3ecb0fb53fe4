//! Bundle and snapshot to plan.

use std::collections::BTreeSet;

use super::fingerprints::Fingerprints;
use super::observed::{Container, Health, Observed, State, label};
use super::operation::{Action, Plan, VolumeRole};
use super::order::{Draft, order};
use super::{cause, conflict};
use crate::compose::values::Port;
use crate::compose::{self, File, Service};
use crate::error::Result;
use crate::render::Bundle;

/// What turns the observed state into the bundle.
///
/// Errors: names and ports that somebody else holds, and networks that the bundle expects and that are not there.
pub fn plan(bundle: &Bundle, fingerprints: &Fingerprints, observed: &Observed) -> Result<Plan> {
    let file = &bundle.compose;
    let mut services = Vec::new();
    let mut unchanged = Vec::new();
    for name in file.startup_order() {
        let service = &file.services[name];
        match service_draft(bundle, name, service, fingerprints, observed) {
            Some(draft) => services.push((name, draft)),
            None => unchanged.push(name.to_owned()),
        }
    }
    let changing: Vec<&str> = services
        .iter()
        .filter(|(_, draft)| !matches!(&draft.action, Action::Start { service, .. } if is_running(observed, service)))
        .map(|(name, _)| *name)
        .collect();
    conflict::check(file, observed, &changing)?;

    let mut drafts = pulls(file, observed, &changing);
    // Nothing changes before every image is there.
    let pulled: Vec<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    let rest = networks(file, observed).into_iter().chain(volumes(file, observed));
    drafts.extend(rest.map(|draft| draft.after(pulled.iter().cloned())));
    let foundations: Vec<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    for (name, draft) in services {
        let service = &file.services[name];
        let needed = service.depends_on.keys().map(|needed| key(needed));
        let ports = holders(name, service, observed);
        drafts.push(draft.after(foundations.iter().cloned()).after(needed).after(ports));
    }
    let removals = removals(file, observed, &drafts);
    drafts.extend(removals.into_iter().map(|draft| draft.after(pulled.iter().cloned())));
    Ok(Plan { operations: order(drafts), unchanged })
}

fn key(service: &str) -> String {
    format!("service {service}")
}

/// What an interrupted run set aside for a service. It is what last passed the gates, and comes back on failure.
fn parked<'a>(observed: &'a Observed, service: &str) -> Option<&'a Container> {
    observed.containers.iter().find(|container| container.service == service && container.parked)
}

/// The container that stands for the service, parked ones and stray ones aside.
fn main_container<'a>(file: &File, observed: &'a Observed, service: &str) -> Option<&'a Container> {
    let name = file.container_name(service);
    observed.containers.iter().find(|container| container.name == name && !container.parked)
}

fn is_running(observed: &Observed, service: &str) -> bool {
    observed
        .containers
        .iter()
        .any(|c| c.service == service && !c.parked && matches!(c.state, State::Running | State::Restarting))
}

fn service_draft(
    bundle: &Bundle,
    name: &str,
    service: &Service,
    fingerprints: &Fingerprints,
    observed: &Observed,
) -> Option<Draft> {
    let main = main_container(&bundle.compose, observed, name);
    let compare = |container: &Container| changes(bundle, name, service, container, fingerprints, observed);
    if let Some(parked) = parked(observed, name) {
        return Some(resumed(name, main.filter(|main| compare(main).0.is_empty()), parked, compare(parked)));
    }
    let Some(container) = main else {
        return Some(Draft::new(key(name), Action::Create { service: name.into() }).cause("not there yet"));
    };
    let (causes, diff) = compare(container);
    if !causes.is_empty() {
        let action = Action::Recreate { service: name.into(), container: container.id.clone() };
        let mut draft = Draft::new(key(name), action);
        draft.causes = causes;
        draft.diff = diff;
        return Some(draft);
    }
    let why = match (container.state, container.health) {
        (State::Running, Health::Unhealthy) => "it is unhealthy",
        (State::Running, _) => return None,
        (State::Restarting, _) => "it keeps restarting",
        (State::Created, _) => "it was never started",
        (State::Paused, _) => "it is paused",
        (State::Exited | State::Dead | State::Removing | State::Missing, _) => "it has stopped",
    };
    Some(Draft::new(key(name), Action::Start { service: name.into(), container: container.id.clone() }).cause(why))
}

/// A service whose replacement was interrupted. A successor that is as wanted and runs is gated; else it is made anew,
/// from what was set aside.
fn resumed(
    name: &str,
    successor: Option<&Container>,
    parked: &Container,
    (mut causes, diff): (Vec<String>, Vec<super::operation::FileDiff>),
) -> Draft {
    let runs = |container: &&Container| container.state == State::Running && container.health != Health::Unhealthy;
    if let Some(successor) = successor.filter(runs) {
        let action = Action::Start { service: name.into(), container: successor.id.clone() };
        return Draft::new(key(name), action).cause("its replacement was interrupted before it had proved itself");
    }
    let action = Action::Recreate { service: name.into(), container: parked.id.clone() };
    causes.insert(0, "its replacement was interrupted".into());
    let mut draft = Draft::new(key(name), action);
    (draft.causes, draft.diff) = (causes, diff);
    draft
}

fn changes(
    bundle: &Bundle,
    name: &str,
    service: &Service,
    container: &Container,
    fingerprints: &Fingerprints,
    observed: &Observed,
) -> (Vec<String>, Vec<super::operation::FileDiff>) {
    let mut causes = Vec::new();
    let mut diffs = Vec::new();
    if container.label(label::CONFIG_HASH) != compose::hash(service) {
        let old: Option<Service> = serde_json::from_str(container.label(label::SERVICE)).ok();
        let found = old.map(|old| cause::settings(&old, service)).unwrap_or_default();
        if found.is_empty() { causes.push("its settings changed".into()) } else { causes.extend(found) }
    }
    let empty = String::new();
    if container.label(label::FILES) != fingerprints.files.get(name).unwrap_or(&empty) {
        let (found, diff) = cause::files(observed.files.get(name), &bundle.service_files(name));
        causes.push(found);
        diffs = diff;
    }
    if container.label(label::SECRETS) != fingerprints.secrets.get(name).unwrap_or(&empty) {
        causes.push("a secret changed".into());
    }
    let newer = observed.images.get(&service.image).filter(|id| **id != container.image_id);
    if newer.is_some() && !causes.iter().any(|cause| cause.starts_with("image ")) {
        causes.push(format!("image {} is another one now", service.image));
    }
    (causes, diffs)
}

fn pulls(file: &File, observed: &Observed, changing: &[&str]) -> Vec<Draft> {
    let wanted: BTreeSet<&String> = changing.iter().filter_map(|name| Some(&file.services.get(*name)?.image)).collect();
    let missing = wanted.into_iter().filter(|image| !observed.images.contains_key(*image));
    missing
        .map(|image| {
            Draft::new(format!("image {image}"), Action::Pull { image: image.clone() }).cause("not on the host")
        })
        .collect()
}

fn networks(file: &File, observed: &Observed) -> Vec<Draft> {
    let used: BTreeSet<&str> = file.services.values().flat_map(Service::network_keys).collect();
    let missing = used
        .into_iter()
        .filter(|key| !file.networks.get(*key).is_some_and(|network| network.external))
        .filter_map(|key| {
            let name = file.network_name(key);
            let there = observed.networks.iter().any(|network| network.name == name && network.ours);
            (!there).then(|| Draft::new(format!("network {name}"), Action::CreateNetwork { key: key.into(), name }))
        });
    missing.collect()
}

fn volumes(file: &File, observed: &Observed) -> Vec<Draft> {
    let mut wanted: Vec<(String, VolumeRole, Option<String>)> = Vec::new();
    if !file.secrets.is_empty() {
        wanted.push((file.store_volume(), VolumeRole::Store, None));
    }
    let data = file.volumes.iter().filter(|(_, volume)| !volume.external);
    wanted.extend(data.map(|(key, _)| (file.volume_name(key), VolumeRole::Data, None)));
    for (name, service) in &file.services {
        if service.has_files() {
            wanted.push((file.files_volume(name), VolumeRole::Files, Some(name.clone())));
        }
        if !service.secrets.is_empty() {
            wanted.push((file.secrets_volume(name), VolumeRole::Secrets, Some(name.clone())));
        }
    }
    let missing = wanted.into_iter().filter(|(name, ..)| !observed.volumes.iter().any(|volume| volume.name == *name));
    missing
        .map(|(name, role, service)| Draft::new(format!("volume {name}"), Action::CreateVolume { name, role, service }))
        .collect()
}

/// Keys of operations that must first give up a port this service wants.
fn holders(name: &str, service: &Service, observed: &Observed) -> Vec<String> {
    let ports: Vec<Port> = service.ports.iter().filter_map(|text| Port::parse(text).ok()).collect();
    let holds = |container: &&Container| {
        container.service != name
            && container
                .ports
                .iter()
                .any(|held| ports.iter().any(|port| port.clashes(&held.ip, held.port, &held.protocol)))
    };
    observed.containers.iter().filter(holds).flat_map(|c| [key(&c.service), format!("container {}", c.id)]).collect()
}

/// Containers that the bundle does not have, and what an interrupted run left aside. They go last, when all services
/// have passed their gates, unless one needs their port.
fn removals(file: &File, observed: &Observed, drafts: &[Draft]) -> Vec<Draft> {
    let kept: BTreeSet<&str> = drafts
        .iter()
        .filter_map(|draft| match &draft.action {
            Action::Recreate { container, .. } => Some(container.as_str()),
            _ => None,
        })
        .collect();
    let mains: BTreeSet<&str> =
        file.services.keys().filter_map(|service| Some(main_container(file, observed, service)?.id.as_str())).collect();
    let services: Vec<String> = file.services.keys().map(|service| key(service)).collect();
    let stray =
        |container: &&Container| !mains.contains(container.id.as_str()) && !kept.contains(container.id.as_str());
    observed
        .containers
        .iter()
        .filter(stray)
        .map(|container| {
            let in_bundle = file.services.contains_key(&container.service);
            let why = match (container.parked, in_bundle) {
                (true, _) => "left over from an interrupted deployment",
                (false, true) => "a second one of this service",
                (false, false) => "no longer in the spec; its data stays",
            };
            let action = Action::Remove { service: container.service.clone(), container: container.id.clone() };
            let draft = Draft::new(format!("container {}", container.id), action).cause(why);
            let first = drafts.iter().any(|other| other.after.contains(&draft.key));
            if first { draft } else { draft.after(services.iter().cloned()) }
        })
        .collect()
}
