//! What the link rests on: the routes in force, and what came of the test alerts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::tracker::DeliveryTracker;
use crate::deployed::stack::{ServiceState, Stack};
use crate::docker;
use crate::time;

/// What came of the test alerts, when all are followed to their end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliverySnapshot {
    pub alertmanager: ServiceState,
    /// The deployed alertmanager.yml, which names secrets by their files.
    pub deployed: Option<Value>,
    pub trackers: Vec<DeliveryTracker>,
}

/// How far the Docker host's clock is before ours, in seconds.
pub async fn clock_ahead(stack: &Stack) -> f64 {
    let Some((host, here)) = docker::clock(&stack.client).await else { return 0.0 };
    let here = here.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    time::parse(&host).map_or(0.0, |host| host - here)
}
