//! How far two clocks are apart, and when that matters: one judgement for `verify` and `doctor`.

use crate::docker::Host;
use crate::time;
use crate::units::format_roughly;
use crate::verify::report::{Finding, Verdict};

/// From here on, people notice: a new alert seems to come from the future. Asking takes less than this.
const NOTICEABLE: f64 = 2.0;
/// From here on, comparisons fail: with the default scrape interval of 15 s, "the last samples" asked for from here are
/// mostly missing there, and an evaluation within its tolerance looks late. TLS and sign-ins tolerate more than that.
const HARMFUL: f64 = 10.0;

/// A clock beside ours, both in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClockReading {
    pub theirs: f64,
    /// Halfway through the question.
    pub ours: f64,
    /// Half the time that asking took.
    pub uncertain: f64,
}

impl ClockReading {
    /// The clock of the Docker host; `None` when the daemon does not report one.
    pub fn of_host(host: &Host) -> Option<Self> {
        let ours = host.asked_at?.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?.as_secs_f64();
        let uncertain = host.round_trip.as_secs_f64() / 2.0;
        Some(Self { theirs: time::parse(&host.system_time)?, ours, uncertain })
    }

    /// Reads a clock; `ask` yields its seconds since 1970.
    pub async fn take(ask: impl Future<Output = Option<f64>>) -> Option<Self> {
        let before = time::now();
        let theirs = ask.await?;
        let after = time::now();
        Some(Self { theirs, ours: f64::midpoint(before, after), uncertain: (after - before) / 2.0 })
    }

    /// Seconds that it is surely ahead of ours; 0 where the time that asking took may explain the difference.
    pub fn ahead(&self) -> f64 {
        let skew = self.theirs - self.ours;
        if skew.abs() <= self.uncertain { 0.0 } else { skew - self.uncertain.copysign(skew) }
    }

    /// Does the difference matter?
    pub fn verdict(&self) -> Verdict {
        match self.ahead().abs() {
            ahead if ahead < NOTICEABLE => Verdict::Ok,
            ahead if ahead < HARMFUL => Verdict::Note,
            _ => Verdict::Broken,
        }
    }

    /// What there is to say of a clock that differs; `None` when it agrees. `whose` is a possessive: `Prometheus's`.
    pub fn finding(&self, id: &str, subject: &str, whose: &str) -> Option<Finding> {
        let ahead = self.ahead();
        let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
        let what = format!("{whose} clock is {} {direction} this machine's", format_roughly(ahead.abs()));
        let finding = match self.verdict() {
            Verdict::Broken => Finding::broken(id, subject, what),
            Verdict::Note => Finding::note(id, subject, what),
            _ => return None,
        };
        Some(
            finding
                .why("the times of alerts and graphs are off by as much")
                .fix("synchronize both clocks over the network: `timedatectl set-ntp true`"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(theirs: f64, uncertain: f64) -> ClockReading {
        ClockReading { theirs, ours: 1000.0, uncertain }
    }

    #[test]
    fn only_a_difference_that_asking_cannot_explain_counts() {
        assert_eq!(reading(1001.9, 0.0).verdict(), Verdict::Ok);
        assert_eq!(reading(1040.0, 39.0).verdict(), Verdict::Ok);
        assert_eq!(reading(1002.0, 0.0).verdict(), Verdict::Note);
        assert_eq!(reading(990.1, 0.0).verdict(), Verdict::Note);
        assert_eq!(reading(1010.0, 0.0).verdict(), Verdict::Broken);
        assert_eq!(reading(989.0, 1.0).verdict(), Verdict::Broken);
    }

    #[test]
    fn a_clock_that_differs_is_named_with_its_direction() {
        assert_eq!(reading(1000.0, 0.0).finding("clock", "clock", "Prometheus's"), None);
        let found = reading(820.0, 0.0).finding("clock", "clock", "The Docker host's").expect("broken");
        assert_eq!(found.what, "The Docker host's clock is 3 minutes behind this machine's");
        let found = reading(1005.0, 0.0).finding("clock", "clock", "Prometheus's").expect("a note");
        assert_eq!((found.verdict, found.what.contains("5 seconds ahead of")), (Verdict::Note, true));
    }
}
