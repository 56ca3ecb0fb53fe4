//! The Compose subset that we deploy: what is not here is refused, never ignored.

mod check;
mod text;
pub mod types;
pub mod values;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use text::{parse, write};
pub use types::*;

/// Hash of a service's settings, the value of Compose's `config-hash` label. Files and secrets are hashed apart, and
/// what only we read (`x-watchpost`) makes no difference to a container.
pub fn hash(service: &Service) -> String {
    hex(&Sha256::digest(canonical(&Service { extension: None, ..service.clone() })))
}

/// A service as JSON in the order of `Service`: the label from which a later plan tells exactly what changed.
pub fn canonical(service: &Service) -> String {
    // Plain data with string keys always serializes.
    serde_json::to_string(service).unwrap_or_default()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl File {
    /// Services in an order in which each comes after what it depends on; ties by name.
    pub fn startup_order(&self) -> Vec<&str> {
        let mut order = Vec::new();
        let mut done: BTreeMap<&str, ()> = BTreeMap::new();
        while order.len() < self.services.len() {
            let before = order.len();
            for (name, service) in &self.services {
                let ready = service.depends_on.keys().all(|needed| done.contains_key(needed.as_str()));
                if ready && !done.contains_key(name.as_str()) {
                    done.insert(name, ());
                    order.push(name.as_str());
                }
            }
            if order.len() == before {
                break; // A cycle; `parse` has refused it.
            }
        }
        order
    }

    /// The name on the host of the network under `key`.
    pub fn network_name(&self, key: &str) -> String {
        let named = self.networks.get(key).and_then(|network| network.name.clone());
        named.unwrap_or_else(|| self.scoped(key, self.networks.get(key).is_some_and(|network| network.external)))
    }

    /// The name on the host of the volume under `key`.
    pub fn volume_name(&self, key: &str) -> String {
        let named = self.volumes.get(key).and_then(|volume| volume.name.clone());
        named.unwrap_or_else(|| self.scoped(key, self.volumes.get(key).is_some_and(|volume| volume.external)))
    }

    fn scoped(&self, key: &str, external: bool) -> String {
        if external { key.to_owned() } else { format!("{}_{key}", self.name) }
    }

    pub fn container_name(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    pub fn files_volume(&self, service: &str) -> String {
        format!("{}_{service}-files", self.name)
    }

    pub fn secrets_volume(&self, service: &str) -> String {
        format!("{}_{service}-secrets", self.name)
    }

    pub fn store_volume(&self) -> String {
        store_volume(&self.name)
    }
}

/// The small volume of a stack that no service mounts: generated secrets now, releases later.
pub fn store_volume(project: &str) -> String {
    format!("{project}_watchpost")
}

impl Service {
    /// Networks by key; the default one when none is named.
    pub fn network_keys(&self) -> Vec<&str> {
        if self.networks.is_empty() {
            vec![DEFAULT_NETWORK]
        } else {
            self.networks.iter().map(String::as_str).collect()
        }
    }

    /// Has it files of ours, mounted from the bundle?
    pub fn has_files(&self) -> bool {
        self.volumes.iter().any(|volume| volume.starts_with(values::FILES_PREFIX))
    }
}
