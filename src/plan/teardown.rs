//! The plan of `down`.

use super::observed::{Observed, label};
use super::operation::{Action, Plan};
use super::order::{Draft, order};
use crate::compose::Service;

/// Removes containers, networks, and what can be made again. With `purge_data` also data, and the store with the
/// generated secrets: they belong to the data (a new Grafana password does not open an old Grafana).
pub fn teardown(observed: &Observed, purge_data: bool) -> Plan {
    let mut drafts: Vec<Draft> = Vec::new();
    let key = |service: &str| format!("service {service}");
    for container in &observed.containers {
        let action = Action::Remove { service: container.service.clone(), container: container.id.clone() };
        // Dependents stop before what they depend on.
        let dependents = observed.containers.iter().filter(|other| {
            let service: Option<Service> = serde_json::from_str(other.label(label::SERVICE)).ok();
            service.is_some_and(|service| service.depends_on.contains_key(&container.service))
        });
        drafts.push(Draft::new(key(&container.service), action).after(dependents.map(|other| key(&other.service))));
    }
    let containers: Vec<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    for network in observed.networks.iter().filter(|network| network.ours) {
        let action = Action::RemoveNetwork { name: network.name.clone(), id: network.id.clone() };
        drafts.push(Draft::new(format!("network {}", network.name), action).after(containers.iter().cloned()));
    }
    for volume in &observed.volumes {
        let keeps = !matches!(volume.labels.get(label::ROLE).map(String::as_str), Some("files" | "secrets"));
        if keeps && !purge_data {
            continue;
        }
        let action = Action::RemoveVolume { name: volume.name.clone() };
        let mut draft = Draft::new(format!("volume {}", volume.name), action).after(containers.iter().cloned());
        draft.destructive = keeps;
        drafts.push(draft);
    }
    Plan { operations: order(drafts), unchanged: Vec::new() }
}
