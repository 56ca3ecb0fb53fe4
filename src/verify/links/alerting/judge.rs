//! What is wrong between Prometheus and the receivers.

use crate::clients::api::ApiError;
use crate::clients::prometheus::{Group, Rule};
use crate::verify::links::alerting::look::AlertingSnapshot;
use crate::verify::links::alerting::{connection, external_url, routes, watchdog};
use crate::verify::links::{delivery, targets};
use crate::verify::reload;
use crate::verify::report::{Checked, Finding, Link};

const LINK: Link = Link::Alerting;

/// `groups` are the rules that Prometheus evaluates; otherwise why it does not answer.
pub fn judge(seen: &AlertingSnapshot, groups: Result<&[Group], &ApiError>) -> Checked {
    let Some(alertmanager) = &seen.alertmanager else {
        return Checked::not_checked(LINK, "this stack has no Alertmanager", None);
    };
    let Some(prometheus) = &seen.prometheus else {
        return Checked::not_checked(LINK, "this stack has no Prometheus", None);
    };
    let groups = match groups {
        Ok(groups) => groups,
        Err(error) => {
            let finding = targets::silent(LINK, &prometheus.service, prometheus.running, &error.message);
            return Checked::new(LINK, &[], vec![finding]);
        }
    };
    let mut findings = connection::judge(prometheus, &seen.connections);
    let connected = !findings.iter().any(Finding::is_broken);
    let tree = match delivery::routes_in_force(LINK, Some(alertmanager), &seen.config) {
        Ok(tree) => tree,
        Err(checked) if !alertmanager.running => return checked,
        // When Prometheus does not reach it either, that is the link that is broken.
        Err(_) if !connected => return Checked::new(LINK, &[], findings),
        Err(checked) => return checked.with(findings),
    };
    let mut remarks = Vec::new();
    if connected {
        let (service, container) = (&prometheus.service, &prometheus.container);
        let arrival = seen.watchdog.as_ref();
        let (finding, remark) = watchdog::judge(groups, arrival, service, container, &seen.prometheus_log);
        findings.push(finding);
        remarks.extend(remark);
    }
    if seen.reload_succeeded == Some(false) {
        let (service, container) = (&alertmanager.service, &alertmanager.container);
        findings.push(reload::rejected("alertmanager:config", service, container, &seen.alertmanager_log));
    }
    findings.extend(external_url::judge(&seen.links, &seen.inside));
    let (routes, remark) = routes::judge(&tree, &alert_rules(groups));
    findings.extend(routes);
    remarks.extend(remark);
    let mut checked = Checked::new(LINK, &[], findings);
    checked.remarks = remarks;
    checked
}

fn alert_rules(groups: &[Group]) -> Vec<&Rule> {
    groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.is_alert()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::deployed::stack::ServiceState;
    use crate::time;
    use crate::verify::links::alerting::connection::{Answer, Connection};
    use crate::verify::links::alerting::watchdog::Arrival;
    use crate::verify::report::Verdict;

    const NOW: f64 = 1_700_000_000.0;

    fn service(name: &str, running: bool) -> Option<ServiceState> {
        Some(ServiceState { service: name.into(), container: format!("shop-{name}-1"), running })
    }

    /// A snapshot without a fault, as a real stack yields it.
    fn snapshot() -> AlertingSnapshot {
        let connection =
            Connection { target: "alertmanager:9093".into(), active: true, answer: Answer::Ready, peer: None };
        AlertingSnapshot {
            prometheus: service("prometheus", true),
            alertmanager: service("alertmanager", true),
            connections: vec![connection],
            config: Ok(json!({
                "route": {"receiver": "chat"},
                "receivers": [{"name": "chat", "webhook_configs": [{"url": "<secret>"}]}],
            })),
            reload_succeeded: Some(true),
            watchdog: Some(Arrival { now: NOW, updated_at: Some(time::text(NOW)), youngest: Some(9999.0) }),
            prometheus_log: Vec::new(),
            alertmanager_log: Vec::new(),
            links: Vec::new(),
            inside: BTreeSet::new(),
        }
    }

    /// Recorded from a real Prometheus.
    fn groups() -> Vec<Group> {
        let answer: Value =
            serde_json::from_str(include_str!("../../../clients/recorded/prometheus_rules.json")).expect("JSON");
        serde_json::from_value(answer["data"]["groups"].clone()).expect("groups")
    }

    fn judged(snapshot: &AlertingSnapshot) -> Checked {
        judge(snapshot, Ok(&groups()))
    }

    fn ids(checked: &Checked) -> Vec<&str> {
        checked.findings.iter().map(|finding| finding.id.as_str()).collect()
    }

    #[test]
    fn a_stack_without_a_fault_is_fine_and_says_who_gets_what() {
        let checked = judged(&snapshot());
        assert_eq!(checked.verdict, Verdict::Ok);
        assert_eq!(ids(&checked), ["alertmanager:alertmanager:9093", "watchdog", "routes"]);
        assert_eq!(checked.remarks, ["Watchdog reached Alertmanager 0 s ago", "critical → chat"]);
    }

    #[test]
    fn a_snapshot_is_the_same_after_a_round_through_json() {
        let text = serde_json::to_string(&snapshot()).expect("JSON");
        let read: AlertingSnapshot = serde_json::from_str(&text).expect("a snapshot");
        assert_eq!(judged(&read), judged(&snapshot()));
    }

    #[test]
    fn without_one_of_the_two_services_the_link_is_not_checked() {
        for without in
            [AlertingSnapshot { alertmanager: None, ..snapshot() }, AlertingSnapshot { prometheus: None, ..snapshot() }]
        {
            let checked = judged(&without);
            assert_eq!((checked.verdict, ids(&checked)), (Verdict::NotChecked, vec!["link:alerting"]));
        }
    }

    #[test]
    fn a_prometheus_that_does_not_answer_breaks_the_link() {
        let checked = judge(&snapshot(), Err(&ApiError::new("connection refused")));
        let finding = &checked.findings[0];
        assert_eq!((finding.id.as_str(), finding.what.as_str()), ("prometheus:alerting", "does not answer"));
        assert_eq!((finding.why[0].as_str(), &finding.because), ("connection refused", &None));
        assert_eq!(finding.fix_text(), "watchpost logs prometheus (shows why)");
        let stopped = AlertingSnapshot { prometheus: service("prometheus", false), ..snapshot() };
        let checked = judge(&stopped, Err(&ApiError::new("it does not run")));
        assert_eq!(checked.findings[0].because.as_deref(), Some("container:prometheus"));
    }

    #[test]
    fn an_alertmanager_that_does_not_answer_breaks_the_link() {
        let silent = AlertingSnapshot { config: Err("no answer in time".into()), ..snapshot() };
        assert_eq!(ids(&judged(&silent)), ["alertmanager:alerting", "alertmanager:alertmanager:9093"]);
        let stopped = AlertingSnapshot {
            alertmanager: service("alertmanager", false),
            connections: Vec::new(),
            ..silent.clone()
        };
        let checked = judged(&stopped);
        assert_eq!(ids(&checked), ["alertmanager:alerting"]);
        assert_eq!(checked.findings[0].because.as_deref(), Some("container:alertmanager"));
        // Unreachable for Prometheus too: the connection is the fault.
        let apart = AlertingSnapshot { connections: Vec::new(), ..silent };
        assert_eq!(ids(&judged(&apart)), ["alertmanager:none"]);
    }

    #[test]
    fn across_a_broken_connection_the_watchdog_is_not_judged() {
        let apart = AlertingSnapshot { connections: Vec::new(), watchdog: None, ..snapshot() };
        assert_eq!(ids(&judged(&apart)), ["alertmanager:none", "routes"]);
    }

    #[test]
    fn a_rejected_configuration_is_broken() {
        let rejected = AlertingSnapshot { reload_succeeded: Some(false), ..snapshot() };
        let checked = judged(&rejected);
        let finding = checked.findings.iter().find(|finding| finding.id == "alertmanager:config").expect("a finding");
        assert!(finding.is_broken());
        let silent = AlertingSnapshot { reload_succeeded: None, ..snapshot() };
        assert_eq!(judged(&silent).verdict, Verdict::Ok);
    }

    #[test]
    fn routes_that_cannot_be_read_here_are_not_judged() {
        let odd = AlertingSnapshot { config: Ok(json!({})), ..snapshot() };
        let checked = judged(&odd);
        assert_eq!(ids(&checked), ["link:alerting", "alertmanager:alertmanager:9093"]);
        assert_eq!(checked.findings[0].verdict, Verdict::NotChecked);
    }
}
