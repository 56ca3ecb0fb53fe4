//! One container as it is now.

use bollard::query_parameters::InspectContainerOptions;

use super::connect::Client;
use crate::plan::observed::{Container, Health, PublishedPort, State};

/// The container with its addresses and published ports; `None` when it is gone.
pub async fn locate(client: &Client, id: &str) -> Option<Container> {
    let found = client.docker.inspect_container(id, None::<InspectContainerOptions>).await.ok()?;
    let settings = found.network_settings.unwrap_or_default();
    let ports = settings.ports.unwrap_or_default().into_iter().flat_map(|(port, bindings)| {
        let (number, protocol) =
            port.split_once('/').map_or((port.clone(), "tcp".to_owned()), |(n, p)| (n.to_owned(), p.to_owned()));
        bindings.unwrap_or_default().into_iter().filter_map(move |binding| {
            Some(PublishedPort {
                ip: binding.host_ip.unwrap_or_default(),
                port: binding.host_port?.parse().ok()?,
                container_port: number.parse().ok()?,
                protocol: protocol.clone(),
            })
        })
    });
    let networks = settings.networks.unwrap_or_default();
    Some(Container {
        id: id.to_owned(),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        service: String::new(),
        image: String::new(),
        image_id: found.image.unwrap_or_default(),
        labels: Default::default(),
        state: State::Running,
        health: Health::None,
        ports: ports.collect(),
        addresses: networks
            .into_iter()
            .filter_map(|(name, e)| Some((name, e.ip_address.filter(|ip| !ip.is_empty())?)))
            .collect(),
        parked: false,
    })
}
