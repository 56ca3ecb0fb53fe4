//! What a container uses.

use std::collections::HashMap;

use bollard::query_parameters::StatsOptions;
use futures_util::StreamExt;

use super::connect::Client;

/// Bytes of memory that the container cannot give up: in use, without the cache of files.
pub async fn memory_in_use(client: &Client, container: &str) -> Option<u64> {
    let options = StatsOptions { stream: false, one_shot: true };
    let stats = Box::pin(client.docker.stats(container, Some(options))).next().await?.ok()?;
    let memory = stats.memory_stats?;
    Some(memory.usage?.saturating_sub(file_cache(&memory.stats.unwrap_or_default())))
}

fn file_cache(stats: &HashMap<String, u64>) -> u64 {
    let mut bytes = 0;
    for name in ["inactive_file", "active_file"] {
        // Version 1 of control groups reports the sum over all below as `total_…`.
        bytes += stats.get(&format!("total_{name}")).or(stats.get(name)).copied().unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_read_in_both_versions_of_control_groups() {
        let stats = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        assert_eq!(file_cache(&stats(&[("inactive_file", 1), ("active_file", 2), ("anon", 4)])), 3);
        assert_eq!(file_cache(&stats(&[("total_inactive_file", 8), ("inactive_file", 1), ("active_file", 2)])), 10);
    }
}
