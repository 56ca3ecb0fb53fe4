//! What the containers of a stack use now, and what room their volumes have.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::compose::values::Mount;
use crate::deployed::stack::{Deployed, Stack};
use crate::docker::{self, MemoryUse, Space};

/// By service; what could not be measured is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    pub memory: BTreeMap<String, MemoryUse>,
    pub volumes: BTreeMap<String, VolumeSpace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpace {
    /// Docker's name of the volume.
    pub volume: String,
    /// Where the container has it.
    pub folder: String,
    pub space: Space,
}

/// Takes a second, or two where memory is tight by `is_tight`; the limit in bytes is its second argument.
pub async fn look(stack: &Stack, is_tight: impl Fn(&MemoryUse, u64) -> bool) -> Resources {
    let running = stack.services.iter().filter(|(_, deployed)| deployed.is_running());
    let found = running.map(async |(name, deployed)| {
        let (container, limit) = (&deployed.container.id, deployed.memory_limit());
        let memory = docker::memory_use(&stack.client, container, |used| is_tight(used, limit));
        let (memory, volume) = tokio::join!(memory, volume(stack, deployed));
        (name.clone(), memory, volume)
    });
    let mut resources = Resources::default();
    for (name, memory, volume) in join_all(found).await {
        resources.memory.extend(memory.map(|memory| (name.clone(), memory)));
        resources.volumes.extend(volume.map(|volume| (name, volume)));
    }
    resources
}

/// The volume of its data, of which a service has one.
async fn volume(stack: &Stack, deployed: &Deployed) -> Option<VolumeSpace> {
    let (key, folder) = data_volume(deployed)?;
    let space = docker::space(&stack.client, &deployed.container.id, &folder).await?;
    Some(VolumeSpace { volume: format!("{}_{key}", stack.name), folder, space })
}

/// Key and folder of a service's data volume.
pub fn data_volume(deployed: &Deployed) -> Option<(String, String)> {
    deployed.service.volumes.iter().find_map(|text| match Mount::parse(text) {
        Ok(Mount::Volume { key, target, read_only: false }) => Some((key, target)),
        _ => None,
    })
}
