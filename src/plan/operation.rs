//! The plan as data.

use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// In an order in which they can be carried out one by one.
    pub operations: Vec<Operation>,
    /// Services that stay as they are.
    pub unchanged: Vec<String>,
}

/// One step; its id is its index in the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    pub id: usize,
    pub action: Action,
    /// Why, for people: `image prom/prometheus:v3.5.0 -> v3.5.1`. Several causes, most telling first.
    pub causes: Vec<String>,
    /// Ids of operations that must have succeeded (for services: passed their gates) before.
    pub depends_on: Vec<usize>,
    /// Removes something that cannot be made again from the bundle.
    pub destructive: bool,
    /// Unified diffs of files and of the service's settings, secrets never among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<FileDiff>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    pub path: String,
    pub unified: String,
}

/// What is done. Networks and volumes carry the name on the host, services their name in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    Pull {
        image: String,
    },
    CreateNetwork {
        key: String,
        name: String,
    },
    CreateVolume {
        name: String,
        role: VolumeRole,
        service: Option<String>,
    },
    /// Create, start and gate a service that has no container.
    Create {
        service: String,
    },
    /// Park the old container, then as `Create`; the old one comes back when the gate fails.
    Recreate {
        service: String,
        container: String,
    },
    /// Start and gate a container that is as it should be but does not run.
    Start {
        service: String,
        container: String,
    },
    /// Stop and remove a container.
    Remove {
        service: String,
        container: String,
    },
    RemoveNetwork {
        name: String,
        id: String,
    },
    RemoveVolume {
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeRole {
    Data,
    Files,
    Secrets,
    Store,
}
