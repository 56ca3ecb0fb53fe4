//! One container as the daemon has it now: everything that only inspecting shows, read with one call.

use std::collections::BTreeMap;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum};
use bollard::query_parameters::InspectContainerOptions;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::connect::Client;
use super::{failed, status_code};
use crate::error::Result;
use crate::plan::observed::{Container, Health, PublishedPort, State, label};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inspection {
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// The reference it was created from.
    pub image: String,
    pub image_id: String,
    pub labels: BTreeMap<String, String>,
    pub command: Vec<String>,
    pub state: State,
    pub running: bool,
    /// Between two runs: the daemon reports such a container as running, too.
    pub restarting: bool,
    pub paused: bool,
    /// Of the last exit.
    pub exit_code: i64,
    /// The kernel killed it at its memory limit.
    pub out_of_memory: bool,
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart_policy: String,
    /// By its restart policy, since it was last started by hand.
    pub restarts: i64,
    /// RFC 3339.
    pub started_at: String,
    pub health: Health,
    /// What its last healthcheck printed.
    pub health_output: String,
    /// Bytes; 0 without a limit.
    pub memory_limit: u64,
    /// The folder of the host behind each mount, by the path in the container.
    pub mounts: BTreeMap<String, String>,
    /// TCP ports that its image declares.
    pub exposed_ports: Vec<u16>,
    pub published_ports: Vec<PublishedPort>,
    /// Addresses by network name.
    pub addresses: BTreeMap<String, String>,
}

/// `None` when the container does not exist.
pub async fn inspect(client: &Client, container: &str) -> Result<Option<Inspection>> {
    match client.docker.inspect_container(container, None::<InspectContainerOptions>).await {
        Ok(response) => Ok(Some(Inspection::from(response))),
        Err(error) if status_code(&error) == Some(404) => Ok(None),
        Err(error) => Err(failed(format!("the container `{container}` cannot be inspected"))(error)),
    }
}

/// Inspections by container id, without those that the daemon does not give.
pub async fn inspect_all(client: &Client, ids: &[&str]) -> BTreeMap<String, Inspection> {
    let found = join_all(ids.iter().map(|id| inspect(client, id))).await;
    let mut inspections = BTreeMap::new();
    for (id, inspection) in ids.iter().zip(found) {
        if let Ok(Some(inspection)) = inspection {
            inspections.insert((*id).to_owned(), inspection);
        }
    }
    inspections
}

impl Inspection {
    /// The container as a list of containers has it.
    pub fn to_container(&self) -> Container {
        Container {
            id: self.id.clone(),
            name: self.name.clone(),
            service: self.labels.get(label::COMPOSE_SERVICE).cloned().unwrap_or_default(),
            image: self.image.clone(),
            image_id: self.image_id.clone(),
            labels: self.labels.clone(),
            state: self.state,
            health: self.health,
            ports: self.published_ports.clone(),
            addresses: self.addresses.clone(),
            parked: super::observe::is_parked(&self.name),
        }
    }
}

impl From<ContainerInspectResponse> for Inspection {
    fn from(response: ContainerInspectResponse) -> Self {
        let state = response.state.unwrap_or_default();
        let health = state.health.unwrap_or_default();
        let last_check = health.log.unwrap_or_default().pop().and_then(|check| check.output).unwrap_or_default();
        let config = response.config.unwrap_or_default();
        let network = response.network_settings.unwrap_or_default();
        let host = response.host_config.unwrap_or_default();
        let memory_limit = host.memory.unwrap_or_default();
        let restart_policy = host.restart_policy.and_then(|policy| policy.name).map(|name| name.to_string());
        let mut mounts = BTreeMap::new();
        for mount in response.mounts.unwrap_or_default() {
            if let (Some(target), Some(source)) = (mount.destination, mount.source) {
                mounts.insert(target, source);
            }
        }
        let mut exposed_ports = Vec::new();
        for port in config.exposed_ports.unwrap_or_default() {
            exposed_ports.extend(port.strip_suffix("/tcp").and_then(|port| port.parse::<u16>().ok()));
        }
        exposed_ports.sort_unstable();
        let mut addresses = BTreeMap::new();
        for (name, endpoint) in network.networks.unwrap_or_default() {
            addresses.extend(endpoint.ip_address.filter(|ip| !ip.is_empty()).map(|ip| (name, ip)));
        }
        let mut published_ports = Vec::new();
        for (port, bindings) in network.ports.unwrap_or_default() {
            for binding in bindings.unwrap_or_default() {
                let (ip, host_port) = (binding.host_ip.unwrap_or_default(), binding.host_port.unwrap_or_default());
                published_ports.extend(published_port(&port, ip, &host_port));
            }
        }
        Self {
            id: response.id.unwrap_or_default(),
            name: response.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: config.image.unwrap_or_default(),
            image_id: response.image.unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            command: config.cmd.unwrap_or_default(),
            state: state.status.map_or(State::Created, state_of),
            running: state.running.unwrap_or_default(),
            restarting: state.restarting.unwrap_or_default(),
            paused: state.paused.unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            restart_policy: restart_policy.unwrap_or_default(),
            restarts: response.restart_count.unwrap_or_default(),
            started_at: state.started_at.unwrap_or_default(),
            health: health.status.map_or(Health::None, health_of),
            health_output: last_check.trim().to_owned(),
            memory_limit: memory_limit.try_into().unwrap_or_default(),
            mounts,
            exposed_ports,
            published_ports,
            addresses,
        }
    }
}

/// `9090/tcp` of the container, published on the host.
fn published_port(port: &str, ip: String, host_port: &str) -> Option<PublishedPort> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    Some(PublishedPort {
        ip,
        port: host_port.parse().ok()?,
        container_port: number.parse().ok()?,
        protocol: protocol.to_owned(),
    })
}

fn state_of(status: ContainerStateStatusEnum) -> State {
    match status {
        ContainerStateStatusEnum::RUNNING => State::Running,
        ContainerStateStatusEnum::RESTARTING => State::Restarting,
        ContainerStateStatusEnum::PAUSED => State::Paused,
        ContainerStateStatusEnum::STOPPING | ContainerStateStatusEnum::EXITED => State::Exited,
        ContainerStateStatusEnum::REMOVING => State::Removing,
        ContainerStateStatusEnum::DEAD => State::Dead,
        ContainerStateStatusEnum::CREATED | ContainerStateStatusEnum::EMPTY => State::Created,
    }
}

fn health_of(status: HealthStatusEnum) -> Health {
    match status {
        HealthStatusEnum::STARTING => Health::Starting,
        HealthStatusEnum::HEALTHY => Health::Healthy,
        HealthStatusEnum::UNHEALTHY => Health::Unhealthy,
        HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => Health::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_daemon_is_read_whole() {
        let response = serde_json::json!({
            "Id": "abc",
            "Name": "/shop-prometheus-1",
            "Image": "sha256:1",
            "RestartCount": 3,
            "State": {
                "Status": "restarting", "Running": true, "Restarting": true, "Paused": false, "OOMKilled": true,
                "ExitCode": 137, "StartedAt": "2026-11-27T10:00:00Z",
                "Health": {"Status": "unhealthy", "Log": [{"Output": "first"}, {"Output": "refused\n"}]},
            },
            "Config": {
                "Image": "prom/prometheus:v3", "Cmd": ["--log"], "ExposedPorts": {"9091/tcp": {}, "9090/tcp": {}, "53/udp": {}},
                "Labels": {"com.docker.compose.service": "prometheus"},
            },
            "HostConfig": {"Memory": 1024, "RestartPolicy": {"Name": "unless-stopped"}},
            "Mounts": [{"Destination": "/data", "Source": "/var/lib/x"}],
            "NetworkSettings": {
                "Ports": {"9090/tcp": [{"HostIp": "127.0.0.1", "HostPort": "19090"}], "9091/tcp": null},
                "Networks": {"shop": {"IPAddress": "172.18.0.3"}, "gone": {"IPAddress": ""}},
            },
        });
        let response: ContainerInspectResponse = serde_json::from_value(response).expect("an answer");
        let found = Inspection::from(response);
        assert_eq!((found.state, found.health, found.restarts), (State::Restarting, Health::Unhealthy, 3));
        assert!(found.running && found.restarting && found.out_of_memory && !found.paused);
        assert_eq!((found.exit_code, found.memory_limit), (137, 1024));
        assert_eq!((found.health_output.as_str(), found.restart_policy.as_str()), ("refused", "unless-stopped"));
        assert_eq!(found.exposed_ports, [9090, 9091]);
        assert_eq!(found.mounts["/data"], "/var/lib/x");
        assert_eq!((found.command.as_slice(), found.image.as_str()), (&["--log".to_owned()][..], "prom/prometheus:v3"));
        let container = found.to_container();
        assert_eq!((container.name.as_str(), container.service.as_str()), ("shop-prometheus-1", "prometheus"));
        assert_eq!(container.addresses, BTreeMap::from([("shop".to_owned(), "172.18.0.3".to_owned())]));
        let published =
            PublishedPort { ip: "127.0.0.1".into(), port: 19090, container_port: 9090, protocol: "tcp".into() };
        assert_eq!(container.ports, [published]);
    }
}
