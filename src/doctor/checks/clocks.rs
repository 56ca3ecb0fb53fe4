//! The clocks of the Docker host and of Prometheus beside this machine's.

use crate::doctor::fine;
use crate::doctor::look::Seen;
use crate::verify::clock::ClockReading;
use crate::verify::report::Finding;

pub fn check(seen: &Seen<'_>) -> Vec<Finding> {
    let host = match &seen.host {
        Ok(host) => ClockReading::of_host(host).ok_or("the Docker host does not report its time".to_owned()),
        Err(why) => Err(why.clone()),
    };
    let mut findings = vec![judge("clock:host", "clock of the host", "the Docker host's", host)];
    if let Ok(prometheus) = &seen.prometheus {
        let clock = prometheus.clock.ok_or("Prometheus does not report its time".to_owned());
        findings.push(judge("clock:prometheus", "clock of Prometheus", "Prometheus's", clock));
    }
    findings
}

fn judge(id: &str, subject: &str, whose: &str, clock: Result<ClockReading, String>) -> Finding {
    match clock {
        Err(why) => Finding::not_checked(id, subject, why),
        Ok(clock) => {
            clock.finding(id, subject, whose).unwrap_or_else(|| fine(id, subject, "agrees with this machine's"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::doctor::look::testing::{Bench, prometheus};
    use crate::time;
    use crate::verify::report::Verdict;

    fn verdicts(seen: &Seen<'_>) -> Vec<(String, Verdict)> {
        check(seen).into_iter().map(|finding| (finding.id, finding.verdict)).collect()
    }

    #[test]
    fn clocks_that_agree_are_fine_and_those_that_differ_are_judged_as_verify_does() {
        let bench = Bench::new();
        let mut seen = bench.seen();
        let host = seen.host.as_mut().expect("a host");
        host.system_time = time::text(1_700_000_000.0);
        host.asked_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_001));
        let reading = |theirs| Some(ClockReading { theirs, ours: 1000.0, uncertain: 0.0 });
        seen.prometheus = Ok(crate::doctor::look::PrometheusSeen { clock: reading(1000.5), ..prometheus() });
        let fine = [("clock:host".to_owned(), Verdict::Ok), ("clock:prometheus".to_owned(), Verdict::Ok)];
        assert_eq!(verdicts(&seen), fine);

        seen.host.as_mut().expect("a host").system_time = time::text(1_700_000_100.0);
        seen.prometheus = Ok(crate::doctor::look::PrometheusSeen { clock: reading(996.0), ..prometheus() });
        let found = check(&seen);
        assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Broken, Verdict::Note));
        assert_eq!(found[0].what, "the Docker host's clock is 99 seconds ahead of this machine's");
    }

    #[test]
    fn a_clock_that_nobody_reports_is_not_checked() {
        let bench = Bench::new();
        let mut seen = bench.seen();
        seen.prometheus = Ok(prometheus());
        let found = check(&seen);
        assert_eq!((found[0].verdict, found[1].verdict), (Verdict::NotChecked, Verdict::NotChecked));
        assert_eq!(found[0].what, "the Docker host does not report its time");
        seen.host = Err("the daemon does not answer".into());
        assert_eq!(check(&seen)[0].what, "the daemon does not answer");
    }
}
