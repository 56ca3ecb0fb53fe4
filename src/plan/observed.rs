//! One snapshot of the Docker host, as far as a plan looks at it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Labels of ours, beside Compose's.
pub mod label {
    /// The stack's id: what does not carry it is never touched. Its value is the project's name.
    pub const STACK: &str = "watchpost.stack";
    /// The service as canonical JSON (`compose::Service`), without secrets: exact diffs, and history from labels.
    pub const SERVICE: &str = "watchpost.service";
    /// Hash of the service's files, and the name of their folder in its files volume.
    pub const FILES: &str = "watchpost.files";
    /// Keyed fingerprint of the service's secrets; the key is `FINGERPRINT_KEY` on the store volume.
    pub const SECRETS: &str = "watchpost.secrets";
    /// On the store volume only: the random key of the fingerprints. cAdvisor does not export volume labels.
    pub const FINGERPRINT_KEY: &str = "watchpost.salt";
    /// What a volume is for: `data`, `files`, `secrets`, `store`.
    pub const ROLE: &str = "watchpost.role";

    /// On the containers that only carry files and are never started; its value is the project's name.
    pub const COURIER: &str = "watchpost.courier";

    pub const PROJECT: &str = "com.docker.compose.project";
    pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";
    pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    pub engine: Engine,
    /// Containers of this stack, parked ones included.
    pub containers: Vec<Container>,
    pub networks: Vec<Network>,
    /// Volumes of this stack.
    pub volumes: Vec<Volume>,
    /// Image id by reference, for the references the bundle names and the host has.
    pub images: BTreeMap<String, String>,
    /// Published ports of containers that are not this stack's, and listening sockets where they can be seen.
    pub taken_ports: Vec<TakenPort>,
    /// Names of containers, networks or volumes that the bundle wants and that belong to somebody else.
    pub foreign: Vec<String>,
    /// The deployed files of services whose files are to change: by service, then path. Read without changing anything.
    pub files: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Engine {
    pub version: String,
    pub api_version: String,
    pub os: String,
    /// Is it this machine's own? Then container addresses and published ports can be reached directly.
    pub local: bool,
    /// `local Docker` or the address.
    pub name: String,
    /// The host's own name; empty when unknown.
    #[serde(skip)]
    pub hostname: String,
}

impl Engine {
    /// What stands in an address that opens a port published on `ip`: for a port on all addresses, this machine's own,
    /// or the host's name.
    pub fn openable<'a>(&'a self, ip: &'a str) -> &'a str {
        match (ip, self.local) {
            ("0.0.0.0" | "::" | "[::]" | "", true) => "127.0.0.1",
            // A forwarded socket does not name its host.
            ("0.0.0.0" | "::" | "[::]" | "", false) if self.host().is_none() && !self.hostname.is_empty() => {
                &self.hostname
            }
            ("0.0.0.0" | "::" | "[::]" | "", false) => self.host().unwrap_or(ip),
            _ => ip,
        }
    }

    /// `db1` of `ssh://ops@db1:22`.
    fn host(&self) -> Option<&str> {
        let (_, rest) = self.name.split_once("://")?;
        let authority = rest.split('/').next()?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let end = host.find(']').map(|end| end + 1).or(host.rfind(':')).unwrap_or(host.len());
        Some(&host[..end]).filter(|host| !host.is_empty())
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    pub service: String,
    pub image: String,
    pub image_id: String,
    pub labels: BTreeMap<String, String>,
    pub state: State,
    pub health: Health,
    /// `HOST_IP:PORT -> container port`, as published now.
    pub ports: Vec<PublishedPort>,
    /// Addresses by network name.
    pub addresses: BTreeMap<String, String>,
    /// Kept aside by a replacement that has not passed its gates.
    pub parked: bool,
}

impl Container {
    pub fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Created,
    Running,
    Restarting,
    Paused,
    Exited,
    Removing,
    Dead,
    /// It was deployed, and its container does not exist any more.
    Missing,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// The container has no healthcheck.
    #[default]
    None,
    Starting,
    Healthy,
    Unhealthy,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    pub ip: String,
    pub port: u16,
    pub container_port: u16,
    pub protocol: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub ours: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    pub ip: String,
    pub port: u16,
    pub protocol: String,
    /// Who holds it: ``container `web` ``, `another program`.
    pub holder: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_on_all_addresses_is_opened_by_one_that_can_be_opened() {
        let engine = |local, name: &str| Engine { local, name: name.into(), ..Engine::default() };
        assert_eq!(engine(true, "local Docker").openable("0.0.0.0"), "127.0.0.1");
        assert_eq!(engine(true, "local Docker").openable("10.0.0.1"), "10.0.0.1");
        assert_eq!(engine(false, "ssh://ops@db1:22").openable("0.0.0.0"), "db1");
        assert_eq!(engine(false, "tcp://[fd00::1]:2375").openable("::"), "[fd00::1]");
        assert_eq!(engine(false, "tcp://db1").openable("127.0.0.1"), "127.0.0.1");
        let forwarded = Engine { hostname: "db2".into(), ..engine(false, "unix:///tmp/docker.sock") };
        assert_eq!(forwarded.openable("0.0.0.0"), "db2");
    }
}
