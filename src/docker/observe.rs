//! One snapshot of the host, by reading calls only.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as Summary};
use bollard::query_parameters::{
    DownloadFromContainerOptions, ListContainersOptions, ListNetworksOptions, ListVolumesOptions,
};
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::connect::Client;
use super::{failed, listener};
use crate::compose::values::Port;
use crate::error::Result;
use crate::plan::observed::{Container, Health, Network, Observed, PublishedPort, State, TakenPort, Volume, label};
use crate::render::Bundle;
use crate::secrets::Secret;

/// Names of parked containers end with this.
pub(super) const PARKED: &str = ".parked";

pub(super) fn is_parked(name: &str) -> bool {
    name.ends_with(PARKED)
}

/// Looks at everything of the stack `project`, and at what stands in the way of `bundle`. Changes nothing.
pub async fn observe(client: &Client, project: &str, bundle: Option<&Bundle>) -> Result<Observed> {
    let containers = ListContainersOptions { all: true, ..Default::default() };
    let (containers, networks, volumes, images) = tokio::join!(
        client.docker.list_containers(Some(containers)),
        client.docker.list_networks(None::<ListNetworksOptions>),
        client.docker.list_volumes(None::<ListVolumesOptions>),
        images(client, bundle),
    );
    let containers = containers.map_err(failed("containers cannot be listed"))?;
    let networks = networks.map_err(failed("networks cannot be listed"))?;
    let volumes = volumes.map_err(failed("volumes cannot be listed"))?.volumes.unwrap_or_default();
    let (ours, others): (Vec<_>, Vec<_>) = containers.into_iter().partition(|c| label_of(c, label::STACK) == project);
    let mut observed = Observed {
        engine: client.engine.clone(),
        containers: ours.iter().map(container).collect(),
        images,
        ..Observed::default()
    };
    observed.networks = networks
        .into_iter()
        .map(|network| {
            let labels: BTreeMap<String, String> = network.labels.unwrap_or_default().into_iter().collect();
            let ours = labels.get(label::STACK).is_some_and(|stack| stack == project);
            Network { id: network.id.unwrap_or_default(), name: network.name.unwrap_or_default(), labels, ours }
        })
        .collect();
    let (mine, foreign): (Vec<_>, Vec<_>) =
        volumes.into_iter().partition(|volume| volume.labels.get(label::STACK).is_some_and(|stack| stack == project));
    observed.volumes = mine
        .into_iter()
        .map(|volume| Volume { name: volume.name, labels: volume.labels.into_iter().collect() })
        .collect();
    observed.volumes.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(bundle) = bundle {
        let names: Vec<String> = foreign.into_iter().map(|volume| volume.name).collect();
        observed.foreign = in_the_way(bundle, project, &others, &names, &observed.networks);
        observed.taken_ports = taken_ports(client, bundle, &observed.containers, &others);
        observed.files = deployed_files(client, bundle, &observed.containers).await;
    }
    Ok(observed)
}

/// The key of the stack's fingerprints, from its store volume.
pub fn fingerprint_key(observed: &Observed) -> Option<&str> {
    observed.volumes.iter().find_map(|volume| volume.labels.get(label::FINGERPRINT_KEY)).map(String::as_str)
}

async fn images(client: &Client, bundle: Option<&Bundle>) -> BTreeMap<String, String> {
    let mut wanted: Vec<&str> =
        bundle.map(|b| b.compose.services.values().map(|s| s.image.as_str()).collect()).unwrap_or_default();
    wanted.sort_unstable();
    wanted.dedup();
    let found = join_all(wanted.iter().map(|image| client.docker.inspect_image(image))).await;
    let pair = |(image, found): (&&str, Result<bollard::models::ImageInspect, _>)| {
        Some(((*image).to_owned(), found.ok()?.id?))
    };
    wanted.iter().zip(found).filter_map(pair).collect()
}

fn label_of<'a>(container: &'a ContainerSummary, key: &str) -> &'a str {
    container.labels.as_ref().and_then(|labels| labels.get(key)).map_or("", String::as_str)
}

fn name_of(container: &ContainerSummary) -> String {
    // A container linked elsewhere has several names; its own has one slash.
    let names = container.names.as_deref().unwrap_or_default();
    let own = names.iter().find(|name| name.matches('/').count() == 1).or(names.first());
    own.map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default()
}

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
        // Engines before API 1.52 say it in the status only: `Up 3 minutes (healthy)`.
        health: match status {
            status if status.ends_with("(healthy)") => Health::Healthy,
            status if status.ends_with("(unhealthy)") => Health::Unhealthy,
            status if status.ends_with("(health: starting)") => Health::Starting,
            _ => Health::None,
        },
        ports: published(summary),
        addresses: networks
            .into_iter()
            .filter_map(|(name, e)| Some((name, e.ip_address.filter(|ip| !ip.is_empty())?)))
            .collect(),
        parked: is_parked(&name),
        name,
    }
}

fn published(summary: &ContainerSummary) -> Vec<PublishedPort> {
    let ports = summary.ports.as_deref().unwrap_or_default();
    let port = |port: &bollard::models::PortSummary| {
        Some(PublishedPort {
            ip: port.ip.clone().unwrap_or_default(),
            port: port.public_port?,
            container_port: port.private_port,
            protocol: port.typ.map_or_else(|| "tcp".into(), |protocol| protocol.to_string()),
        })
    };
    ports.iter().filter_map(port).collect()
}

/// Things that have our names and are not ours.
fn in_the_way(
    bundle: &Bundle,
    project: &str,
    others: &[ContainerSummary],
    volumes: &[String],
    networks: &[Network],
) -> Vec<String> {
    let file = &bundle.compose;
    let mut found: Vec<String> = Vec::new();
    let wanted: Vec<String> = file.services.keys().map(|service| file.container_name(service)).collect();
    for container in others {
        let name = name_of(container);
        if wanted.contains(&name) || label_of(container, label::PROJECT) == project {
            found.push(format!("the container `{name}`"));
        }
    }
    let data = file.volumes.iter().filter(|(_, volume)| !volume.external).map(|(key, _)| file.volume_name(key));
    let own = file.services.keys().flat_map(|service| [file.files_volume(service), file.secrets_volume(service)]);
    let wanted: Vec<String> = data.chain(own).chain([file.store_volume()]).collect();
    found.extend(volumes.iter().filter(|name| wanted.contains(name)).map(|name| format!("the volume `{name}`")));
    let ours = |key: &str| !file.networks.get(key).is_some_and(|network| network.external);
    let keys = file.services.values().flat_map(|service| service.network_keys()).filter(|key| ours(key));
    let wanted: std::collections::BTreeSet<String> = keys.map(|key| file.network_name(key)).collect();
    let foreign = networks.iter().filter(|network| !network.ours && wanted.contains(&network.name));
    found.extend(foreign.map(|network| format!("the network `{}`", network.name)));
    found
}

fn taken_ports(client: &Client, bundle: &Bundle, ours: &[Container], others: &[ContainerSummary]) -> Vec<TakenPort> {
    let mut taken: Vec<TakenPort> = Vec::new();
    for container in others {
        let holder = format!("container `{}`", name_of(container));
        taken.extend(published(container).into_iter().map(|port| TakenPort {
            ip: port.ip,
            port: port.port,
            protocol: port.protocol,
            holder: holder.clone(),
        }));
    }
    if !client.engine.local || !cfg!(target_os = "linux") {
        return taken;
    }
    // Programs of the host: only they can refuse a port that no container holds.
    let wanted =
        bundle.compose.services.values().flat_map(|service| &service.ports).filter_map(|text| Port::parse(text).ok());
    for port in wanted.filter(|port| port.protocol == "tcp") {
        let held = ours.iter().flat_map(|c| &c.ports).any(|held| port.clashes(&held.ip, held.port, &held.protocol))
            || taken.iter().any(|other| port.clashes(&other.ip, other.port, &other.protocol));
        let in_use = || {
            TcpListener::bind((port.ip.as_str(), port.host)).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse)
        };
        // One that starts over and over shows its ports only in between.
        let restarts = || ours.iter().any(|c| c.state == State::Restarting && recorded(c).any(|p| p == port));
        if !held && in_use() && !restarts() {
            taken.push(TakenPort {
                ip: port.ip,
                port: port.host,
                protocol: port.protocol,
                holder: listener::name(port.host).unwrap_or_else(|| "another program of the host".into()),
            });
        }
    }
    taken
}

/// The ports that a container of ours was deployed with.
fn recorded(container: &Container) -> impl Iterator<Item = Port> {
    let service: crate::compose::Service = serde_json::from_str(container.label(label::SERVICE)).unwrap_or_default();
    service.ports.into_iter().filter_map(|text| Port::parse(&text).ok())
}

/// Files of services whose files are to change, read out of their containers.
async fn deployed_files(
    client: &Client,
    bundle: &Bundle,
    containers: &[Container],
) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    let changing = containers.iter().filter(|container| {
        let hash = container.label(label::FILES);
        let service = bundle.compose.services.get(&container.service);
        !container.parked
            && !hash.is_empty()
            && service.is_some_and(|s| s.has_files())
            && bundle.files_hash(&container.service) != hash
    });
    let read = join_all(changing.map(async |container| {
        let path = format!("/etc/watchpost/{}", container.label(label::FILES));
        Some((container.service.clone(), download(client, &container.id, &path).await?))
    }));
    read.await.into_iter().flatten().collect()
}

/// One of the secrets that a container was given, by its path there.
pub async fn read_secret(client: &Client, container: &str, path: &str) -> Option<Secret> {
    let options = DownloadFromContainerOptions { path: path.to_owned() };
    let bytes = archive(client, container, options).await?;
    let mut text = String::new();
    let mut archive = tar::Archive::new(bytes.as_slice());
    archive.entries().ok()?.next()?.ok()?.read_to_string(&mut text).ok()?;
    Some(Secret::new(text.trim_end_matches('\n')))
}

async fn archive(client: &Client, container: &str, options: DownloadFromContainerOptions) -> Option<Vec<u8>> {
    let mut stream = client.docker.download_from_container(container, Some(options));
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.ok()?);
    }
    Some(bytes)
}

/// A folder of a container, running or not, by path below it.
pub async fn download(client: &Client, container: &str, path: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let options = DownloadFromContainerOptions { path: path.to_owned() };
    let bytes = archive(client, container, options).await?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().ok()? {
        let mut entry = entry.ok()?;
        if entry.header().entry_type().is_file() {
            // The archive begins with the folder's own name.
            let path = entry.path().ok()?.to_string_lossy().into_owned();
            let below = below_its_folder(&path);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).ok()?;
            files.insert(below, content);
        }
    }
    Some(files)
}

/// A path of an archive without its first part, joined by `/` wherever we run.
fn below_its_folder(path: &str) -> String {
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    parts.skip(1).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_archives_are_the_same_on_every_system() {
        assert_eq!(below_its_folder("abc/rules/own/a.yml"), "rules/own/a.yml");
        assert_eq!(below_its_folder("abc\\rules\\a.yml"), "rules/a.yml");
        assert_eq!(below_its_folder("./abc/a.yml"), "a.yml");
    }
}
