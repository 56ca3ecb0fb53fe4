//! Every deployed scrape job exists, every target is scraped, and every exporter reaches what it watches.

mod exporter;
mod host;
mod judge;
mod look;

pub use judge::{down, follow, follow_in, judge, silent, unreachable};

use crate::clients::prometheus::Target;
use crate::deployed::Stack;
use crate::verify::report::Checked;
use crate::verify::snapshot::Snapshot;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    judge(snapshot, &look::look(stack, snapshot).await)
}

pub fn id(target: &Target) -> String {
    format!("target:{}", target.name())
}
