//! When a service needs more memory, and how much more: one judgement for `verify` and `doctor`.

use crate::fix::Fix;

/// A container that uses more than this share of its limit, in per cent, is about to be killed.
const NEAR_LIMIT: u64 = 90;
const MIB: u64 = 1_048_576;
/// No advice goes below this: a smaller limit ends most services while they start.
const LEAST: u64 = 64;

/// How much of its limit a service uses, in per cent, when that is nearly all of it. Both in bytes.
pub fn near_limit(used: u64, limit: u64) -> Option<u64> {
    let share = used.saturating_mul(100).checked_div(limit)?;
    (share >= NEAR_LIMIT).then_some(share)
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

    #[test]
    fn nearly_all_of_the_limit_counts_and_no_limit_does_not() {
        assert_eq!(near_limit(89 * MIB, 100 * MIB), None);
        assert_eq!(near_limit(90 * MIB, 100 * MIB), Some(90));
        assert_eq!(near_limit(90 * MIB, 0), None);
        assert_eq!(near_limit(u64::MAX, MIB).map(|share| share > 100), Some(true));
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
