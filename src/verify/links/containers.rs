//! Every container is the one that was deployed, runs, has room, and agrees on the time.

mod judge;
mod look;

pub use judge::judge;
pub use look::{ContainerState, ContainersSnapshot};

use crate::deployed::Stack;
use crate::deployed::resources::{self, Resources};
use crate::verify::memory;
use crate::verify::report::{Checked, Finding};
use crate::verify::snapshot::Snapshot;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    judge(&snapshot.services, snapshot.bundle, &look::look(stack).await, snapshot.now)
}

/// What only asking for a second shows: memory, and the room on volumes.
pub async fn resources(stack: &Stack) -> Resources {
    resources::look(stack, memory::is_tight).await
}

/// Containers that lack memory or room for their data.
pub fn lacks(snapshot: &Snapshot<'_>, resources: &Resources) -> Vec<Finding> {
    judge::lacks(&snapshot.services, resources, snapshot.groups.as_deref().unwrap_or_default())
}

/// The id of a service's container.
pub fn id(service: &str) -> String {
    format!("container:{service}")
}
