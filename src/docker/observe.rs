//! One snapshot of the host, by reading calls only.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as Summary};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::archive::download;
use super::connect::Client;
use super::failed;
use super::host::image_ids;
use super::obstacles::{self, Others};
use crate::error::Result;
use crate::plan::observed::{Container, Health, Network, Observed, PublishedPort, State, Volume, label};
use crate::render::Bundle;

/// Names of parked containers end with this.
pub(super) const PARKED: &str = ".parked";

pub(super) fn is_parked(name: &str) -> bool {
    name.ends_with(PARKED)
}

/// Reads everything that belongs to the stack `project`, and whatever would get in the way of `bundle`.
pub async fn observe(client: &Client, project: &str, bundle: Option<&Bundle>) -> Result<Observed> {
    let all = ListContainersOptions { all: true, ..Default::default() };
    let (containers, networks, volumes, images) = tokio::join!(
        client.docker.list_containers(Some(all)),
        client.docker.list_networks(None::<ListNetworksOptions>),
        client.docker.list_volumes(None::<ListVolumesOptions>),
        images(client, bundle),
    );
    let containers = containers.map_err(failed("containers cannot be listed"))?;
    let networks = networks.map_err(failed("networks cannot be listed"))?;
    let volumes = volumes.map_err(failed("volumes cannot be listed"))?.volumes.unwrap_or_default();

    let mut observed = Observed { engine: client.engine.clone(), images, ..Observed::default() };
    let mut others = Others::default();
    for summary in &containers {
        let container = container(summary);
        let ours = container.label(label::STACK) == project;
        if ours { observed.containers.push(container) } else { others.containers.push(container) }
    }
    for network in networks {
        let labels: BTreeMap<String, String> = network.labels.unwrap_or_default().into_iter().collect();
        let ours = labels.get(label::STACK).is_some_and(|stack| stack == project);
        let (id, name) = (network.id.unwrap_or_default(), network.name.unwrap_or_default());
        observed.networks.push(Network { id, name, labels, ours });
    }
    for volume in volumes {
        let ours = volume.labels.get(label::STACK).is_some_and(|stack| stack == project);
        if ours {
            observed.volumes.push(Volume { name: volume.name, labels: volume.labels.into_iter().collect() });
        } else {
            others.volumes.push(volume.name);
        }
    }
    observed.volumes.sort_by(|a, b| a.name.cmp(&b.name));

    if let Some(bundle) = bundle {
        observed.foreign = obstacles::foreign(&bundle.compose, project, &others, &observed.networks);
        observed.taken_ports =
            obstacles::taken_ports(client.engine.local, &bundle.compose, &observed.containers, &others.containers);
        observed.files = deployed_files(client, bundle, &observed.containers).await;
    }
    Ok(observed)
}

/// A container that may be meant by a host's name, of whatever project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    pub name: String,
    pub state: State,
    /// Names of its networks; of a container that does not run, none.
    pub networks: Vec<String>,
}

/// The containers that are called `host`, whose Compose service is, or whose address it is.
pub async fn neighbours(client: &Client, host: &str) -> Vec<Neighbour> {
    let options = ListContainersOptions { all: true, ..Default::default() };
    let all = client.docker.list_containers(Some(options)).await.unwrap_or_default();
    let meant = |c: &Container| c.name == host || c.service == host || c.addresses.values().any(|ip| ip == host);
    let found = all.iter().map(container).filter(meant);
    found.map(|c| Neighbour { name: c.name, state: c.state, networks: c.addresses.into_keys().collect() }).collect()
}

/// The key of the stack's fingerprints, from its store volume.
pub fn fingerprint_key(observed: &Observed) -> Option<&str> {
    observed.volumes.iter().find_map(|volume| volume.labels.get(label::FINGERPRINT_KEY)).map(String::as_str)
}

/// The bundle's images that the host has.
async fn images(client: &Client, bundle: Option<&Bundle>) -> BTreeMap<String, String> {
    let Some(bundle) = bundle else { return BTreeMap::new() };
    let references: BTreeSet<&str> = bundle.compose.services.values().map(|service| service.image.as_str()).collect();
    image_ids(client, &references.into_iter().collect::<Vec<_>>()).await
}

fn label_of<'a>(container: &'a ContainerSummary, key: &str) -> &'a str {
    container.labels.as_ref().and_then(|labels| labels.get(key)).map_or("", String::as_str)
}

fn name_of(container: &ContainerSummary) -> String {
    // A container that others link to has several names; its own has one slash.
    let names = container.names.as_deref().unwrap_or_default();
    let own = names.iter().find(|name| name.matches('/').count() == 1).or(names.first());
    own.map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default()
}

/// A container as the daemon lists it.
fn container(summary: &ContainerSummary) -> Container {
    let name = name_of(summary);
    let status = summary.status.as_deref().unwrap_or_default();
    let networks = summary.network_settings.as_ref().and_then(|settings| settings.networks.clone()).unwrap_or_default();
    Container {
        id: summary.id.clone().unwrap_or_default(),
        service: label_of(summary, label::COMPOSE_SERVICE).to_owned(),
        image: summary.image.clone().unwrap_or_default(),
        image_id: summary.image_id.clone().unwrap_or_default(),
        labels: summary.labels.clone().unwrap_or_default().into_iter().collect(),
        state: match summary.state {
            Some(Summary::RUNNING) => State::Running,
            Some(Summary::RESTARTING) => State::Restarting,
            Some(Summary::PAUSED) => State::Paused,
            Some(Summary::CREATED) => State::Created,
            Some(Summary::REMOVING) => State::Removing,
            Some(Summary::DEAD) => State::Dead,
            _ => State::Exited,
        },
        // Engines before API 1.52 show it in the status only: `Up 3 minutes (healthy)`.
        health: match status {
            status if status.ends_with("(healthy)") => Health::Healthy,
            status if status.ends_with("(unhealthy)") => Health::Unhealthy,
            status if status.ends_with("(health: starting)") => Health::Starting,
            _ => Health::None,
        },
        ports: published_ports(summary),
        addresses: networks
            .into_iter()
            .filter_map(|(name, e)| Some((name, e.ip_address.filter(|ip| !ip.is_empty())?)))
            .collect(),
        parked: is_parked(&name),
        name,
    }
}

fn published_ports(summary: &ContainerSummary) -> Vec<PublishedPort> {
    let mut published = Vec::new();
    for port in summary.ports.as_deref().unwrap_or_default() {
        // Ports that the image declares are listed too, without a port of the host.
        let Some(public) = port.public_port else { continue };
        published.push(PublishedPort {
            ip: port.ip.clone().unwrap_or_default(),
            port: public,
            container_port: port.private_port,
            protocol: port.typ.map_or_else(|| "tcp".into(), |protocol| protocol.to_string()),
        });
    }
    published
}

/// Files of services whose files are to change, read out of their containers.
async fn deployed_files(
    client: &Client,
    bundle: &Bundle,
    containers: &[Container],
) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    let changing = containers.iter().filter(|container| files_change(bundle, container));
    let read = join_all(changing.map(async |container| {
        let folder = format!("/etc/watchpost/{}", container.label(label::FILES));
        Some((container.service.clone(), download(client, &container.id, &folder).await?))
    }));
    read.await.into_iter().flatten().collect()
}

fn files_change(bundle: &Bundle, container: &Container) -> bool {
    let hash = container.label(label::FILES);
    if container.parked || hash.is_empty() {
        return false;
    }
    let service = bundle.compose.services.get(&container.service);
    service.is_some_and(|service| service.has_files()) && bundle.files_hash(&container.service) != hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_container_is_read_with_its_health_and_its_published_ports() {
        let summary = serde_json::json!({
            "Id": "abc",
            "Names": ["/web/alias", "/shop-prometheus-1.parked"],
            "State": "restarting",
            "Status": "Up 3 minutes (unhealthy)",
            "Labels": {"com.docker.compose.service": "prometheus"},
            "Ports": [
                {"PrivatePort": 9090, "Type": "tcp"},
                {"PrivatePort": 9090, "PublicPort": 19090, "IP": "127.0.0.1", "Type": "tcp"},
            ],
            "NetworkSettings": {"Networks": {"shop": {"IPAddress": "172.18.0.3"}, "gone": {"IPAddress": ""}}},
        });
        let found = container(&serde_json::from_value(summary).expect("a summary"));
        assert_eq!((found.name.as_str(), found.service.as_str()), ("shop-prometheus-1.parked", "prometheus"));
        assert!(found.parked);
        assert_eq!((found.state, found.health), (State::Restarting, Health::Unhealthy));
        let published =
            PublishedPort { ip: "127.0.0.1".into(), port: 19090, container_port: 9090, protocol: "tcp".into() };
        assert_eq!(found.ports, [published]);
        assert_eq!(found.addresses, BTreeMap::from([("shop".to_owned(), "172.18.0.3".to_owned())]));
    }
}
