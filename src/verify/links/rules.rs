//! Every rule group is loaded and evaluated in time, and every rule has the metrics it uses.

mod intervals;
mod judge;
mod look;
mod rule;

pub use judge::judge;
pub use look::RulesSnapshot;

use crate::deployed::Stack;
use crate::verify::report::Checked;
use crate::verify::snapshot::Snapshot;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    judge(snapshot, &look::look(stack, snapshot.groups.as_deref().unwrap_or_default()).await)
}
