//! Every container is the one that was deployed, runs, has room, and agrees on the time.

mod judge;
mod look;

pub use judge::judge;

use crate::deployed::Stack;
use crate::verify::report::{Checked, Finding};
use crate::verify::snapshot::Snapshot;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    judge(&snapshot.services, snapshot.bundle, &look::look(stack).await, snapshot.now)
}

/// What only asking for a second shows: containers that use nearly all of their memory.
pub async fn memory(stack: &Stack) -> Vec<Finding> {
    judge::memory(&stack.services, &look::memory(stack).await)
}

/// The id of a service's container.
pub fn id(service: &str) -> String {
    format!("container:{service}")
}
