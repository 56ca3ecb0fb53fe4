//! When a service needs more memory, and how much more: one judgement for `verify` and `doctor`.

use crate::docker::MemoryUse;
use crate::fix::Fix;
use crate::report::Finding;
use crate::units::{format_bytes, format_thousands};

/// A container that holds more than this share of its limit, in per cent, is about to be killed.
const NEAR_LIMIT: u64 = 90;
/// With its cache it uses this share, in per cent, and holds that much of it: then the kernel takes pages of the program
/// itself, which are soon read again. A cache alone fills every limit and slows nobody down.
const TIGHT: u64 = 95;
const TIGHT_HELD: u64 = 60;
/// So many such reads a second are felt. A program reads some when it starts, or opens files.
const FAULTS: f64 = 100.0;
const MIB: u64 = 1_048_576;
/// No advice goes below this: a smaller limit ends most services while they start.
const LEAST: u64 = 64;

/// May the container lack memory, so that its reads are worth counting? `limit` is in bytes.
pub fn is_tight(memory: &MemoryUse, limit: u64) -> bool {
    let share = |bytes: u64| bytes.saturating_mul(100).checked_div(limit).unwrap_or_default();
    share(memory.used) >= TIGHT && share(memory.held) >= TIGHT_HELD
}

/// A service that works at its memory limit. `limit` is in bytes.
pub fn judge(service: &str, limit: u64, memory: &MemoryUse) -> Option<Finding> {
    let id = format!("memory:{service}");
    let share = memory.held.saturating_mul(100).checked_div(limit)?;
    let starved = is_tight(memory, limit) && memory.faults >= FAULTS;
    let finding = if starved {
        let faults = format_thousands(memory.faults);
        Finding::broken(id, service, format!("works at its memory limit of {} MiB", limit / MIB)).why(format!(
            "{} are in use, and {faults} times a second the program waits until a part of it is read from disk again",
            format_bytes(memory.used)
        ))
    } else if share >= NEAR_LIMIT {
        Finding::broken(id, service, format!("uses {share} % of its memory limit of {} MiB", limit / MIB))
    } else {
        return None;
    };
    Some(finding.fix(raise(service, limit)))
}

/// Twice the limit, in whole megabytes: how much a killed service would have used is unknown, a limit reserves nothing,
/// and a smaller step is soon followed by the next. Without a limit, it is the host that lacks memory.
pub fn raise(service: &str, limit: u64) -> Fix {
    if limit == 0 {
        return Fix::words("free memory on the Docker host, or move services off it");
    }
    let memory = limit.saturating_mul(2).div_ceil(MIB).max(LEAST);
    Fix::set(format_args!("{service}.memory"), format_args!("{memory}m")).or(Fix::spec(
        format!("components.{service}.memory"),
        format!("write `{memory}m`"),
    )
    .then(Fix::up()))
}

/// Why a container ended, for one that the kernel killed.
pub fn killed(limit: u64) -> String {
    match limit {
        0 => "the kernel killed it: the host ran out of memory".into(),
        limit => format!("the kernel killed it at its memory limit of {} MiB", limit / MIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(held: u64, cache: u64, faults: f64, limit: u64) -> Option<String> {
        let memory = MemoryUse { used: held.saturating_add(cache), held, faults };
        let finding = judge("prometheus", limit, &memory)?;
        assert!(finding.is_broken() && finding.id == "memory:prometheus");
        Some(finding.what)
    }

    #[test]
    fn nearly_all_of_the_limit_counts_and_no_limit_does_not() {
        assert_eq!(judged(89 * MIB, 0, 0.0, 100 * MIB), None);
        let near = judged(93 * MIB, 0, 0.0, 100 * MIB);
        assert_eq!(near.as_deref(), Some("uses 93 % of its memory limit of 100 MiB"));
        assert_eq!(judged(90 * MIB, 0, 5000.0, 0), None);
        assert!(judged(u64::MAX, 0, 0.0, MIB).is_some());
    }

    /// Recorded from Prometheus 3.5 at 40 MiB, whose scrapes and rules were slow.
    #[test]
    fn a_program_whose_own_pages_are_read_again_works_at_its_limit() {
        let (limit, held) = (41_943_040, 33_775_616);
        let found = judge("prometheus", limit, &MemoryUse { used: 41_730_048, held, faults: 2149.0 }).expect("broken");
        assert_eq!(found.what, "works at its memory limit of 40 MiB");
        assert_eq!(
            found.why,
            ["42 MB are in use, and 2,149 times a second the program waits until a part of it is read from disk again"]
        );
        assert!(found.fix_text().starts_with("watchpost up --set prometheus.memory=80m"));
    }

    #[test]
    fn a_cache_that_fills_the_limit_is_no_lack_of_memory() {
        // Blocks are read: much of the limit is cache, whatever the number of reads.
        assert_eq!(judged(500 * MIB, 1500 * MIB, 3000.0, 2000 * MIB), None);
        // Nothing is read again: what is cached is not needed.
        assert_eq!(judged(80 * MIB, 20 * MIB, 20.0, 100 * MIB), None);
        assert_eq!(judged(80 * MIB, 20 * MIB, 0.0, 100 * MIB), None);
    }

    #[test]
    fn the_advice_is_twice_the_limit_and_never_tiny() {
        let text = raise("prometheus", 128 * MIB).to_string();
        assert!(text.starts_with("watchpost up --set prometheus.memory=256m, or in watchpost.yaml"), "{text}");
        assert!(raise("x", 6 * MIB).to_string().contains("x.memory=64m"));
        assert!(raise("x", 33 * MIB + 1).to_string().contains("x.memory=67m"));
    }

    #[test]
    fn without_a_limit_the_host_needs_memory_and_no_limit_is_set() {
        assert_eq!(raise("x", 0), Fix::words("free memory on the Docker host, or move services off it"));
    }
}
