//! The alert that always fires: has it come through to Alertmanager, and lately?

use serde::{Deserialize, Serialize};

use crate::clients::prometheus::{Group, Rule};
use crate::fix::Fix;
use crate::time;
use crate::units::format_span;
use crate::verify::report::Finding;

/// Prometheus sends a firing alert again after this many seconds, `--rules.alert.resend-delay`.
const RESEND: f64 = 60.0;
/// What the way itself may take beyond that, in seconds.
const SLACK: f64 = 30.0;
/// What starting may take, in seconds.
const STARTING: f64 = 15.0;
const ID: &str = "watchdog";

/// What Alertmanager has of the Watchdog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Arrival {
    /// By the clock of the Docker host, in seconds since the epoch.
    pub now: f64,
    /// When the newest one arrived, RFC 3339; `None`: none did.
    pub updated_at: Option<String>,
    /// How long the alert fires, or Alertmanager runs, whichever is shorter; in seconds.
    pub youngest: Option<f64>,
}

impl Arrival {
    /// May it be too early for the first arrival?
    pub fn is_young(&self, group: &Group) -> bool {
        self.youngest.is_some_and(|age| age < resend(group) + STARTING)
    }

    /// Seconds since the last arrival; `None`: there was none.
    fn age(&self) -> Option<f64> {
        let updated_at = self.updated_at.as_deref()?;
        Some(time::parse(updated_at).map_or(0.0, |at| (self.now - at).max(0.0)))
    }

    /// Should the Watchdog have arrived again since?
    pub fn is_late(&self, group: &Group) -> bool {
        match self.age() {
            Some(age) => age > resend(group) + SLACK,
            None => !self.is_young(group),
        }
    }
}

/// At the latest so many seconds after one sending, Prometheus sends the alert again.
fn resend(group: &Group) -> f64 {
    RESEND.max(group.interval) + group.interval
}

fn rule(groups: &[Group]) -> Option<(&Group, &Rule)> {
    for group in groups {
        if let Some(rule) = group.rules.iter().find(|rule| rule.is_alert() && rule.name == "Watchdog") {
            return Some((group, rule));
        }
    }
    None
}

/// The Watchdog's rule and group, when it fires.
pub fn firing(groups: &[Group]) -> Option<(&Group, &Rule)> {
    rule(groups).filter(|(_, rule)| rule.state.as_deref() == Some("firing"))
}

/// The finding, and a remark for the summary. `log` is Prometheus's.
pub fn judge(
    groups: &[Group],
    arrival: Option<&Arrival>,
    prometheus: &str,
    container: &str,
    log: &[String],
) -> (Finding, Option<String>) {
    let Some((group, rule)) = rule(groups) else {
        return (Finding::note(ID, "Watchdog", "rule is missing, so nothing monitors the alert path"), None);
    };
    if rule.health == "unknown" {
        let within = format_span(group.interval);
        let later = Fix::watchpost(["verify"]).note(format!("in {within}"));
        let finding = Finding::not_checked(ID, "Watchdog", "its rule was not evaluated yet");
        return (finding.why(format!("its group is evaluated every {within}")).fix(later), None);
    }
    let Some((group, _)) = firing(groups) else {
        let error = rule.last_error.clone().filter(|error| !error.is_empty());
        let why = error.unwrap_or_else(|| format!("its expression is {}", rule.query));
        let finding = Finding::broken(ID, "Watchdog", "does not fire, although it always should");
        return (finding.why(why).fix(Fix::watchpost(["verify", "--only", "rules"])), None);
    };
    let Some(arrival) = arrival else {
        return (Finding::not_checked(ID, "Watchdog", "Alertmanager does not answer"), None);
    };
    let broken = |what: String| {
        Finding::broken(ID, "Watchdog", what)
            .why(reason(log))
            .fix(Fix::docker(["restart", container]).or(Fix::watchpost(["logs", prometheus]).note("shows why")))
    };
    match arrival.age().map(format_span) {
        None if arrival.is_young(group) => {
            let what = format!("has not arrived yet: Prometheus sends it again within {}", format_span(resend(group)));
            let later = Fix::watchpost(["verify"]).note("a little later");
            let finding = Finding::not_checked(ID, "Watchdog", what).fix(later);
            (finding, Some("Watchdog is on its way to Alertmanager".into()))
        }
        None => (broken("fires in Prometheus but has not arrived at Alertmanager".into()), None),
        Some(age) if arrival.is_late(group) => (broken(format!("last arrived at Alertmanager {age} ago")), None),
        Some(age) => (Finding::ok(ID, "Watchdog"), Some(format!("Watchdog reached Alertmanager {age} ago"))),
    }
}

fn reason(log: &[String]) -> String {
    match log.iter().rev().find(|line| line.to_lowercase().contains("sending alert")) {
        Some(line) => format!("Prometheus's log says: {}", line.trim()),
        None => "Prometheus reaches Alertmanager, and its log does not mention a failure".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::report::Verdict;

    const NOW: f64 = 1_700_000_000.0;

    fn groups(state: &str) -> Vec<Group> {
        let rule =
            json!({"name": "Watchdog", "query": "vector(1)", "type": "alerting", "health": "ok", "state": state});
        let group = json!({"name": "general", "file": "f", "interval": 15, "lastEvaluation": "", "rules": [rule]});
        serde_json::from_value(json!([group])).expect("groups")
    }

    fn arrival(age: Option<f64>, youngest: f64) -> Arrival {
        Arrival { now: NOW, updated_at: age.map(|age| time::text(NOW - age)), youngest: Some(youngest) }
    }

    fn judged(groups: &[Group], arrival: Option<&Arrival>) -> (Finding, Option<String>) {
        judge(groups, arrival, "prometheus", "shop-prometheus-1", &[])
    }

    #[test]
    fn a_watchdog_that_arrived_lately_is_fine() {
        let (finding, remark) = judged(&groups("firing"), Some(&arrival(Some(20.0), 9999.0)));
        assert_eq!((finding.id.as_str(), finding.verdict), ("watchdog", Verdict::Ok));
        assert_eq!(remark.as_deref(), Some("Watchdog reached Alertmanager 20 s ago"));
        // Sent again after 75 s, and 30 s of slack.
        assert_eq!(judged(&groups("firing"), Some(&arrival(Some(105.0), 9999.0))).0.verdict, Verdict::Ok);
        assert!(judged(&groups("firing"), Some(&arrival(Some(106.0), 9999.0))).0.is_broken());
    }

    #[test]
    fn a_watchdog_that_does_not_get_through_is_broken() {
        let log = ["x", r#"level=ERROR msg="Error sending alerts" err="connection refused" "#].map(str::to_owned);
        let arrival = arrival(None, 9999.0);
        let (finding, _) = judge(&groups("firing"), Some(&arrival), "prometheus", "shop-prometheus-1", &log);
        assert!(finding.is_broken());
        assert_eq!(finding.what, "fires in Prometheus but has not arrived at Alertmanager");
        assert_eq!(
            finding.why,
            [r#"Prometheus's log says: level=ERROR msg="Error sending alerts" err="connection refused""#]
        );
        assert_eq!(finding.fix_text(), "docker restart shop-prometheus-1, or watchpost logs prometheus (shows why)");
        let (silent, _) = judged(&groups("firing"), Some(&arrival));
        assert_eq!(silent.why, ["Prometheus reaches Alertmanager, and its log does not mention a failure"]);
    }

    #[test]
    fn a_watchdog_that_may_still_arrive_is_not_judged() {
        let (finding, remark) = judged(&groups("firing"), Some(&arrival(None, 89.0)));
        assert_eq!((finding.verdict, remark.is_some()), (Verdict::NotChecked, true));
        assert_eq!(finding.fix_text(), "watchpost verify (a little later)");
        assert!(judged(&groups("firing"), Some(&arrival(None, 90.0))).0.is_broken());
        assert_eq!(judged(&groups("firing"), None).0.verdict, Verdict::NotChecked);
    }

    #[test]
    fn a_watchdog_whose_rule_was_not_evaluated_yet_is_not_judged() {
        let mut new = groups("inactive");
        (new[0].interval, new[0].rules[0].health) = (600.0, "unknown".into());
        let (finding, remark) = judged(&new, None);
        assert_eq!((finding.verdict, remark), (Verdict::NotChecked, None));
        assert_eq!(finding.what, "its rule was not evaluated yet");
        assert_eq!(finding.fix_text(), "watchpost verify (in 10 min)");
    }

    #[test]
    fn a_watchdog_that_is_missing_or_does_not_fire_is_named() {
        let (missing, _) = judged(&[], None);
        assert_eq!(
            (missing.verdict, missing.what.as_str()),
            (Verdict::Note, "rule is missing, so nothing monitors the alert path")
        );
        let (quiet, _) = judged(&groups("inactive"), Some(&arrival(Some(1.0), 9999.0)));
        assert_eq!((quiet.verdict, quiet.why[0].as_str()), (Verdict::Broken, "its expression is vector(1)"));
        let mut failing = groups("inactive");
        failing[0].rules[0].last_error = Some("no such function".into());
        assert_eq!(judged(&failing, None).0.why, ["no such function"]);
    }
}
