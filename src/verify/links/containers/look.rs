//! Asks Docker about every container of the stack, and about the clocks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::deployed::stack::{Deployed, Stack};
use crate::docker::{self, Inspection};
use crate::error::Error;
use crate::plan::observed::{Health, label};
use crate::render::hash_files;
use crate::units::parse_duration;
use crate::verify::clock::ClockReading;

/// Seconds; a check that comes more rarely is not waited for.
const LONGEST_CHECK: f64 = 8.0;
const PAUSE: Duration = Duration::from_millis(500);

/// What the containers of a stack were like at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainersSnapshot {
    pub services: BTreeMap<String, ContainerState>,
    pub clocks: Clocks,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerState {
    /// `Ok(None)`: the container was removed after the stack was read. `Err`: Docker does not say.
    pub inspection: Result<Option<Inspection>, String>,
    /// For a service that has files: their hash as they are now; `None` when they are unreadable.
    pub files: Option<String>,
    /// The end of its log, for one that does not run well or has restarted; without secrets.
    pub log: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Clocks {
    pub host: Option<ClockReading>,
    pub prometheus: Option<ClockReading>,
}

pub async fn look(stack: &Stack) -> ContainersSnapshot {
    let states = stack.services.iter().map(async |(name, deployed)| {
        let state = container(stack, name, deployed).await;
        (name.clone(), state)
    });
    let (services, clocks) = tokio::join!(join_all(states), clocks(stack));
    ContainersSnapshot { services: services.into_iter().collect(), clocks }
}

async fn container(stack: &Stack, name: &str, deployed: &Deployed) -> ContainerState {
    let inspection = inspect(stack, deployed).await.map_err(|error| format!("{error:#}"));
    let well = inspection.iter().flatten().all(runs_well);
    ContainerState {
        inspection,
        files: files_hash(stack, name, deployed).await,
        log: if well { Vec::new() } else { stack.log(name).await },
    }
}

/// Health is that of the last check, which failed while the container was paused: the next one is waited for.
async fn inspect(stack: &Stack, deployed: &Deployed) -> Result<Option<Inspection>, Error> {
    let check = deployed.service.healthcheck.as_ref();
    let interval = check.and_then(|check| parse_duration(check.interval.as_deref()?)).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs_f64(interval.min(LONGEST_CHECK)) + PAUSE;
    loop {
        let found = docker::inspect(&stack.client, &deployed.container.id).await?;
        let unhealthy = |found: &Inspection| found.running && !found.paused && found.health == Health::Unhealthy;
        if !found.as_ref().is_some_and(unhealthy) || Instant::now() >= deadline {
            return Ok(found);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn runs_well(container: &Inspection) -> bool {
    container.running && !container.restarting && container.restarts == 0 && container.health != Health::Unhealthy
}

async fn files_hash(stack: &Stack, name: &str, deployed: &Deployed) -> Option<String> {
    if deployed.container.label(label::FILES).is_empty() {
        return None;
    }
    let files = stack.files(name).await;
    let hash = || hash_files(files.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
    (!files.is_empty()).then(hash)
}

async fn clocks(stack: &Stack) -> Clocks {
    let host = docker::host(&stack.client).await.ok().and_then(|host| ClockReading::of_host(&host));
    let prometheus = match stack.prometheus().await {
        Some(prometheus) => ClockReading::take(async { prometheus.value("time()").await.ok()? }).await,
        None => None,
    };
    Clocks { host, prometheus }
}
