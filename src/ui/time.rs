//! Docker's times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::epoch;

/// How long ago an RFC 3339 time was; `None` when it is none, lies ahead, or is Docker's "never" (year 1).
pub fn since(text: &str, now: SystemTime) -> Option<Duration> {
    let now = now.duration_since(UNIX_EPOCH).ok()?;
    let then = epoch(text).filter(|seconds| *seconds >= 0.0)?;
    now.checked_sub(Duration::try_from_secs_f64(then).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_no_age() {
        assert_eq!(since("0001-01-01T00:00:00Z", SystemTime::now()), None);
    }
}
