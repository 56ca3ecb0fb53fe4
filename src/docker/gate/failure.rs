//! The words for a service that failed at the gate.

use std::time::Duration;

use super::decide::Reason;
use crate::docker::inspect::Inspection;
use crate::docker::logs::error_or_last_line;

/// A service that did not get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `exited 1 after 0.4 s`
    pub outcome: String,
    /// The likely cause in one line, from the log or the healthcheck.
    pub cause: Option<String>,
    pub log: Vec<String>,
}

/// `after 0.4 s`; nothing for what failed at once.
pub fn after(elapsed: Duration) -> String {
    if elapsed < Duration::from_millis(50) { String::new() } else { format!(" after {:.1} s", elapsed.as_secs_f64()) }
}

pub fn after_ready(elapsed: Duration) -> String {
    format!(", {:.1} s after it was ready", elapsed.as_secs_f64())
}

pub fn describe(reason: &Reason, after: &str, found: &Inspection, log: Vec<String>) -> Failure {
    match reason {
        Reason::Exited { code, out_of_memory } => {
            // The event may have been lost; the container keeps the mark until its next start.
            let meaning = meaning(*code, *out_of_memory || found.out_of_memory);
            Failure { outcome: format!("exited {code}{after}{meaning}"), cause: error_or_last_line(&log), log }
        }
        Reason::Unhealthy => {
            let cause = match found.health_output.lines().next_back() {
                Some(line) => format!("its healthcheck says: {line}"),
                None => "its healthcheck fails and prints nothing".to_owned(),
            };
            Failure { outcome: "is unhealthy".into(), cause: Some(cause), log }
        }
        Reason::TimedOut { limit, waiting_for } => {
            let outcome = format!("was not ready within {} s", limit.as_secs());
            Failure { outcome, cause: Some(waiting_for.clone()), log }
        }
    }
}

/// What an exit status means, where it means the same for every program.
fn meaning(code: i64, out_of_memory: bool) -> &'static str {
    match code {
        _ if out_of_memory => " (out of memory: it reached its memory limit)",
        126 => " (its command cannot run)",
        127 => " (its command is not in the image)",
        137 => " (killed)",
        139 => " (crashed: segmentation fault)",
        143 => " (terminated)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i64, out_of_memory: bool) -> String {
        let reason = Reason::Exited { code, out_of_memory };
        describe(&reason, " after 0.4 s", &Inspection::default(), Vec::new()).outcome
    }

    #[test]
    fn an_exit_is_described_with_what_its_status_means() {
        let all =
            [(1, false), (126, false), (127, false), (137, false), (137, true), (1, true), (139, false), (143, false)];
        let all: Vec<String> = all.iter().map(|(code, out_of_memory)| outcome(*code, *out_of_memory)).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        exited 1 after 0.4 s
        exited 126 after 0.4 s (its command cannot run)
        exited 127 after 0.4 s (its command is not in the image)
        exited 137 after 0.4 s (killed)
        exited 137 after 0.4 s (out of memory: it reached its memory limit)
        exited 1 after 0.4 s (out of memory: it reached its memory limit)
        exited 139 after 0.4 s (crashed: segmentation fault)
        exited 143 after 0.4 s (terminated)
        ");
    }

    #[test]
    fn a_container_that_the_kernel_killed_says_so_although_the_event_was_lost() {
        let reason = Reason::Exited { code: 137, out_of_memory: false };
        let found = Inspection { out_of_memory: true, ..Inspection::default() };
        let failure = describe(&reason, "", &found, vec!["loading".into()]);
        assert_eq!(failure.outcome, "exited 137 (out of memory: it reached its memory limit)");
        assert_eq!(failure.cause.as_deref(), Some("loading"));
        assert_eq!(failure.log, ["loading"]);
    }

    #[test]
    fn a_failing_healthcheck_is_quoted_with_its_last_line() {
        let cause = |output: &str| {
            let found = Inspection { health_output: output.into(), ..Inspection::default() };
            let failure = describe(&Reason::Unhealthy, " after 1.0 s", &found, Vec::new());
            assert_eq!(failure.outcome, "is unhealthy");
            failure.cause.expect("a cause")
        };
        assert_eq!(cause("connecting\nrefused"), "its healthcheck says: refused");
        assert_eq!(cause(""), "its healthcheck fails and prints nothing");
    }

    #[test]
    fn a_service_that_took_too_long_says_what_it_waited_for() {
        let reason = Reason::TimedOut { limit: Duration::from_secs(3), waiting_for: "it answers 503 on /".into() };
        let failure = describe(&reason, "", &Inspection::default(), Vec::new());
        assert_eq!(failure.outcome, "was not ready within 3 s");
        assert_eq!(failure.cause.as_deref(), Some("it answers 503 on /"));
    }

    #[test]
    fn the_time_is_given_unless_it_failed_at_once() {
        assert_eq!(after(Duration::from_millis(49)), "");
        assert_eq!(after(Duration::from_millis(50)), " after 0.1 s");
        assert_eq!(after(Duration::from_millis(1240)), " after 1.2 s");
        assert_eq!(after_ready(Duration::from_millis(1000)), ", 1.0 s after it was ready");
    }
}
