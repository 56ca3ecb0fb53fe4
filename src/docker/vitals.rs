//! How a container is, beyond what a list of containers says.

use std::time::SystemTime;

use bollard::query_parameters::{InspectContainerOptions, StatsOptions};
use futures_util::StreamExt;

use super::connect::Client;

/// One container as the daemon has it now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vitals {
    pub running: bool,
    pub restarting: bool,
    pub paused: bool,
    /// Of the last end.
    pub exit_code: i64,
    /// Was the last end the kernel's, for want of memory?
    pub out_of_memory: bool,
    /// By its restart policy, since it was last started by hand.
    pub restarts: i64,
    /// RFC 3339.
    pub started_at: String,
    /// `healthy`, `unhealthy`, `starting`; empty without a healthcheck.
    pub health: String,
    /// What its last healthcheck said.
    pub health_said: String,
    /// The reference it was created from.
    pub image: String,
    /// Bytes; 0 without a limit.
    pub memory_limit: u64,
    pub command: Vec<String>,
}

/// `None` when the container is gone.
pub async fn vitals(client: &Client, id: &str) -> Option<Vitals> {
    let found = client.docker.inspect_container(id, None::<InspectContainerOptions>).await.ok()?;
    let state = found.state.unwrap_or_default();
    let config = found.config.unwrap_or_default();
    let health = state.health.unwrap_or_default();
    let said = health.log.unwrap_or_default().last().and_then(|check| check.output.clone());
    Some(Vitals {
        running: state.running.unwrap_or_default(),
        restarting: state.restarting.unwrap_or_default(),
        paused: state.paused.unwrap_or_default(),
        exit_code: state.exit_code.unwrap_or_default(),
        out_of_memory: state.oom_killed.unwrap_or_default(),
        restarts: found.restart_count.unwrap_or_default(),
        started_at: state.started_at.unwrap_or_default(),
        health: health.status.map(|status| status.to_string()).filter(|status| status != "none").unwrap_or_default(),
        health_said: said.unwrap_or_default().trim().to_owned(),
        image: config.image.unwrap_or_default(),
        memory_limit: found.host_config.and_then(|host| host.memory).unwrap_or_default().try_into().unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
    })
}

/// Bytes of memory that the container cannot give up: in use, without the cache of files.
pub async fn memory(client: &Client, id: &str) -> Option<u64> {
    let options = StatsOptions { stream: false, one_shot: true };
    let stats = Box::pin(client.docker.stats(id, Some(options))).next().await?.ok()?;
    let memory = stats.memory_stats?;
    let of = |name: &str| {
        let stats = memory.stats.as_ref()?;
        // Version 1 of control groups says the sum over all below as `total_…`.
        stats.get(&format!("total_{name}")).or(stats.get(name)).copied()
    };
    let cache = of("inactive_file").unwrap_or_default() + of("active_file").unwrap_or_default();
    Some(memory.usage?.saturating_sub(cache))
}

/// The Docker host's own clock as RFC 3339, and this machine's at the middle of the question.
pub async fn clock(client: &Client) -> Option<(String, SystemTime)> {
    let asked = SystemTime::now();
    let info = client.docker.info().await.ok()?;
    let half = asked.elapsed().unwrap_or_default() / 2;
    Some((info.system_time?, asked + half))
}

/// TCP ports that a container's image says it listens on; empty when there is no such container.
pub async fn exposed_ports(client: &Client, name: &str) -> Vec<u16> {
    let found = client.docker.inspect_container(name, None::<InspectContainerOptions>).await.ok();
    let ports = found.and_then(|found| found.config?.exposed_ports).unwrap_or_default();
    let mut ports: Vec<u16> = ports.iter().filter_map(|port| port.strip_suffix("/tcp")?.parse().ok()).collect();
    ports.sort_unstable();
    ports
}
