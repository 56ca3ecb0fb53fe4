//! What a container uses: memory, and room on its volumes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::models::ContainerMemoryStats;
use bollard::query_parameters::StatsOptions;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::connect::Client;
use super::exec::exec;

/// A container that has no memory left may not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Memory in bytes, at one moment or over a short time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// With the cache of files, which the kernel takes back when it needs to.
    pub used: u64,
    /// Without that cache: what the container cannot give up.
    pub held: u64,
    /// Times a second that the container waited for a page to be read from disk; 0 where that was not measured.
    pub faults: f64,
}

/// One answer of the daemon.
struct Sample {
    used: u64,
    cache: u64,
    /// Since the container started.
    faults: u64,
    at: Instant,
}

/// The daemon takes a second to answer. Where `is_tight` says so of the first answer, it is asked again, which shows how
/// often pages are read from disk.
pub async fn memory_use(client: &Client, container: &str, is_tight: impl Fn(&MemoryUse) -> bool) -> Option<MemoryUse> {
    let first = sample(client, container).await?;
    let mut found = MemoryUse { used: first.used, held: first.used.saturating_sub(first.cache), faults: 0.0 };
    if is_tight(&found)
        && let Some(second) = sample(client, container).await
    {
        let seconds = second.at.duration_since(first.at).as_secs_f64().max(0.1);
        found.faults = second.faults.saturating_sub(first.faults) as f64 / seconds;
    }
    Some(found)
}

async fn sample(client: &Client, container: &str) -> Option<Sample> {
    let options = StatsOptions { stream: false, one_shot: true };
    let stats = Box::pin(client.docker.stats(container, Some(options))).next().await?.ok()?;
    read(stats.memory_stats?)
}

fn read(memory: ContainerMemoryStats) -> Option<Sample> {
    let stats = memory.stats.unwrap_or_default();
    let cache = stat(&stats, "inactive_file") + stat(&stats, "active_file");
    Some(Sample { used: memory.usage?, cache, faults: stat(&stats, "pgmajfault"), at: Instant::now() })
}

/// Version 1 of control groups reports the sum over all below as `total_…`.
fn stat(stats: &HashMap<String, u64>, name: &str) -> u64 {
    stats.get(&format!("total_{name}")).or(stats.get(name)).copied().unwrap_or_default()
}

/// Bytes of the filesystem behind a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    pub size: u64,
    pub free: u64,
}

/// Asked inside the running container; `None` when it has nothing to ask with, or gives no answer.
pub async fn space(client: &Client, container: &str, folder: &str) -> Option<Space> {
    let command = format!("df -Pk {folder}");
    let words = ["sh", "-c", &command];
    let answer = exec(client, container, &words, b"", |_, _| false);
    let answer = tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()?;
    free(&String::from_utf8_lossy(&answer.stdout))
}

/// POSIX's form of `df`, in units of 1024 bytes: size, used, available, capacity, and the mount point behind a name that
/// may have blanks.
fn free(df: &str) -> Option<Space> {
    let words: Vec<&str> = df.lines().last()?.split_whitespace().collect();
    let capacity = words.iter().rposition(|word| word.ends_with('%'))?;
    let number = |back: usize| words.get(capacity.checked_sub(back)?)?.parse::<u64>().ok();
    Some(Space { size: number(3)?.saturating_mul(1024), free: number(1)?.saturating_mul(1024) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_and_the_faults_are_read_in_both_versions_of_control_groups() {
        let read = |pairs: &[(&str, u64)]| {
            let stats = pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            let memory = ContainerMemoryStats { usage: Some(100), stats: Some(stats), ..Default::default() };
            let sample = read(memory).expect("a sample");
            (sample.used, sample.cache, sample.faults)
        };
        assert_eq!(read(&[("inactive_file", 1), ("active_file", 2), ("anon", 4), ("pgmajfault", 7)]), (100, 3, 7));
        let first = [("total_inactive_file", 8), ("inactive_file", 1), ("active_file", 2), ("total_pgmajfault", 9)];
        assert_eq!(read(&first), (100, 10, 9));
        assert!(super::read(ContainerMemoryStats::default()).is_none(), "of a container that does not run");
    }

    #[test]
    fn the_room_is_read_from_the_last_line_of_df() {
        let busybox = "Filesystem           1024-blocks    Used Available Capacity Mounted on\n\
                       tmpfs                     1500      1500         0 100% /prometheus\n";
        assert_eq!(free(busybox), Some(Space { size: 1500 * 1024, free: 0 }));
        let blanks =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n//nas/my share 2000 500 1500 25% /data\n";
        assert_eq!(free(blanks), Some(Space { size: 2000 * 1024, free: 1500 * 1024 }));
        assert_eq!(free("df: /x: No such file"), None);
        assert_eq!(free(""), None);
    }
}
