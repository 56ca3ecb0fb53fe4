//! This machine's clock beside those that it talks to.

use crate::doctor::fine;
use crate::doctor::look::{Clock, Seen};
use crate::units::format_roughly;
use crate::verify::report::Finding;

/// From here on, people notice: an alert seems to come from the future.
const NOTICED: f64 = 2.0;
/// From here on, "the last minute" asked from here is empty there.
const HARMFUL: f64 = 30.0;

pub fn check(seen: &Seen<'_>) -> Vec<Finding> {
    let host = match &seen.host {
        Ok(host) => Clock::of(host).ok_or("the Docker host does not tell its time".to_owned()),
        Err(why) => Err(why.clone()),
    };
    let mut findings = vec![judge("clock:host", "clock of the host", "The Docker host's clock", host)];
    if let Ok(prometheus) = &seen.prometheus {
        let clock = prometheus.clock.ok_or("Prometheus does not tell its time".to_owned());
        findings.push(judge("clock:prometheus", "clock of Prometheus", "Prometheus's clock", clock));
    }
    findings
}

fn judge(id: &str, subject: &str, whose: &str, clock: Result<Clock, String>) -> Finding {
    let ahead = match clock {
        Ok(clock) => clock.ahead(),
        Err(why) => return Finding::not_checked(id, subject, why),
    };
    if ahead.abs() < NOTICED {
        return fine(id, subject, "agrees with this machine's");
    }
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    let what = format!("{} {direction} this machine's", format_roughly(ahead.abs()));
    let found =
        if ahead.abs() < HARMFUL { Finding::note(id, subject, what) } else { Finding::broken(id, subject, what) };
    found
        .why(format!("{whose} and this machine's differ: times of alerts and graphs are shifted by as much"))
        .fix("let both take their time from the network: `timedatectl set-ntp true`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    #[test]
    fn only_what_asking_cannot_explain_counts_as_skew() {
        let verdict =
            |theirs, uncertain| judge("clock:host", "", "", Ok(Clock { theirs, ours: 1000.0, uncertain })).verdict;
        assert_eq!(verdict(1001.0, 0.0), Verdict::Ok);
        assert_eq!(verdict(1040.0, 39.0), Verdict::Ok);
        assert_eq!(verdict(995.0, 0.1), Verdict::Note);
        assert_eq!(verdict(900.0, 0.1), Verdict::Broken);
        let said = judge("clock:host", "", "", Ok(Clock { theirs: 900.0, ours: 1000.0, uncertain: 0.0 })).what;
        assert_eq!(said, "100 seconds behind this machine's");
    }
}
