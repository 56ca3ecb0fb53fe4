//! From Prometheus to Alertmanager, and from there to a receiver.

mod connection;
mod external_url;
mod judge;
mod look;
pub mod routes;
mod watchdog;

pub use judge::judge;
pub use look::{AlertingSnapshot, look};

use crate::deployed::stack::Stack;
use crate::verify::report::Checked;
use crate::verify::snapshot::Snapshot;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    let groups = snapshot.groups.as_deref();
    judge(&look(stack, groups.unwrap_or_default()).await, groups)
}
