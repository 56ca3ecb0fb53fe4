//! Which findings follow from a container that does not do its work: one cause counts once, and has one fix.

use crate::deployed::stack::Services;
use crate::report::{Checked, Finding, Link};
use crate::verify::space;

/// What keeps a service from its work, the root first: one that lacks memory is unhealthy because of that.
const CAUSES: [&str; 5] = ["disk", "memory", "network", "container", "restarts"];

/// Lets findings follow from what is wrong with the containers, and replaces their fixes by that of the cause.
pub fn follow(links: &mut [Checked], containers: &Checked, services: &Services) {
    for finding in links.iter_mut().flat_map(|checked| &mut checked.findings) {
        if !finding.is_broken() || finding.because.is_some() {
            continue;
        }
        if let Some(cause) = cause_of(finding, containers, services) {
            finding.because = Some(cause.id.clone());
            finding.fix.clone_from(&cause.fix);
        }
    }
}

fn cause_of<'a>(finding: &Finding, containers: &'a Checked, services: &Services) -> Option<&'a Finding> {
    let (kind, about) = finding.id.split_once(':').unwrap_or((&finding.id, ""));
    if kind == "container" || kind == "restarts" {
        return what_ails(about, containers).filter(|cause| is_root_of(cause, finding));
    }
    let named = |component: &str| name_of(component, services).unwrap_or_default();
    let (prometheus, alertmanager, grafana) = (named("prometheus"), named("alertmanager"), named("grafana"));
    let (needed, also): (&str, &str) = match (kind, about) {
        ("prometheus", _) | ("group", _) => (prometheus, ""),
        ("rule", _) => return what_ails(prometheus, containers).filter(|cause| breaks_rule(cause, finding)),
        ("alertmanager", "none" | "config") => return None,
        ("alertmanager", about) if Link::ALL.iter().any(|link| link.name() == about) => (alertmanager, ""),
        // From one to the other: `alertmanager:9093`.
        ("alertmanager", target) => (target.rsplit_once(':').map_or(target, |(host, _)| host), prometheus),
        ("watchdog", _) => (alertmanager, prometheus),
        ("delivery", _) => (alertmanager, ""),
        ("grafana" | "dashboards", _) => (grafana, ""),
        ("datasource", uid) if uid.ends_with("alertmanager") => (alertmanager, grafana),
        ("datasource" | "panel", _) => (prometheus, grafana),
        _ => return None,
    };
    what_ails(needed, containers).or_else(|| what_ails(also, containers))
}

/// The first thing that is wrong with the container of a service.
pub fn what_ails<'a>(service: &str, containers: &'a Checked) -> Option<&'a Finding> {
    if service.is_empty() {
        return None;
    }
    CAUSES.iter().find_map(|kind| {
        let id = format!("{kind}:{service}");
        containers.broken().find(|finding| finding.id == id)
    })
}

fn name_of<'a>(component: &str, services: &'a Services) -> Option<&'a str> {
    services.first_of(component).map(|(name, _)| name).or_else(|| services.removed_of(component))
}

/// Within the link of containers: a service that was killed, is unhealthy, or crashed for want of memory or room.
fn is_root_of(cause: &Finding, finding: &Finding) -> bool {
    cause.id != finding.id && (cause.id.starts_with("disk:") || cause.id.starts_with("memory:"))
}

/// A Prometheus that cannot write stores nothing, so that no rule finds what it uses. One that is slow answers too late.
fn breaks_rule(cause: &Finding, finding: &Finding) -> bool {
    let says = |part: &str| finding.why.iter().any(|why| why.contains(part));
    cause.id.starts_with("disk:")
        || finding.why.iter().any(|why| space::is_said(why))
        || cause.id.starts_with("memory:") && (says("timed out") || says("deadline exceeded") || says("canceled"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::compose::Service;
    use crate::deployed::resources::{Resources, VolumeSpace};
    use crate::deployed::stack::testing;
    use crate::docker::{Inspection, MemoryUse, Space};
    use crate::fix::Fix;
    use crate::plan::observed::{Health, State, label};
    use crate::time;
    use crate::verify::links::containers::{self, ContainerState, ContainersSnapshot};
    use crate::verify::snapshot::Snapshot;

    const NOW: f64 = 1_700_000_000.0;
    const SERVICES: [&str; 4] = ["alertmanager", "grafana", "node-exporter", "prometheus"];
    const STATES: [&str; 8] = ["paused", "exited", "restarting", "removed", "unhealthy", "killed", "apart", "starved"];

    /// A stack in which one service is in one state.
    struct Case {
        services: Services,
        containers: Checked,
        state: &'static str,
        service: &'static str,
    }

    impl Case {
        fn new(service: &'static str, state: &'static str) -> Self {
            let mut services = Services::default();
            let mut seen = ContainersSnapshot::default();
            let mut resources = Resources::default();
            for name in SERVICES {
                let spec = Service { mem_limit: Some("128m".into()), ..Service::default() };
                let mut deployed = testing::deployed("shop", name, spec);
                deployed.container.labels.insert(label::STACK.into(), "shop".into());
                let hash = crate::compose::hash(&deployed.service);
                deployed.container.labels.insert(label::CONFIG_HASH.into(), hash);
                let mut found = Inspection {
                    running: true,
                    health: Health::Healthy,
                    memory_limit: 128 << 20,
                    started_at: time::text(NOW - 3600.0),
                    addresses: [("shop_default".to_owned(), "172.18.0.3".to_owned())].into(),
                    ..Inspection::default()
                };
                if name == service {
                    if state == "removed" {
                        services.removed.insert(name.into());
                        continue;
                    }
                    deployed.container.state = apply(state, &mut found);
                }
                let state = ContainerState { inspection: Ok(Some(found)), files: None, log: Vec::new() };
                seen.services.insert(name.into(), state);
                services.insert(name.into(), deployed);
            }
            if state == "starved" {
                let memory = MemoryUse { used: 134_000_000, held: 110_000_000, faults: 900.0 };
                resources.memory.insert(service.into(), memory);
            }
            let catalog = Catalog::embedded().expect("the catalog");
            let snapshot = Snapshot { services: services.clone(), ..Snapshot::empty(&catalog) };
            let containers = containers::judge(&services, None, &seen, NOW);
            let containers = containers.with(containers::lacks(&snapshot, &resources));
            Self { services, containers, state, service }
        }

        /// The findings of the other links that need the service, as their judges make them without knowing a cause.
        fn others(&self) -> Vec<Checked> {
            let broken = |id: &str| Finding::broken(id, "x", "does not answer").fix(Fix::words("another"));
            let of = |link, ids: &[&str]| Checked::new(link, &[], ids.iter().map(|id| broken(id)).collect());
            match self.service {
                "prometheus" => vec![
                    of(Link::Targets, &["prometheus:targets"]),
                    of(Link::Rules, &["prometheus:rules", "group:f/g"]),
                    of(Link::Alerting, &["prometheus:alerting", "watchdog", "alertmanager:alertmanager:9093"]),
                    of(Link::Dashboards, &["datasource:watchpost-prometheus", "panel:host/CPU"]),
                ],
                "alertmanager" => vec![
                    of(Link::Alerting, &["alertmanager:alerting", "alertmanager:alertmanager:9093", "watchdog"]),
                    of(Link::Delivery, &["alertmanager:delivery", "delivery:alertmanager"]),
                    of(Link::Dashboards, &["datasource:watchpost-alertmanager"]),
                ],
                "grafana" => vec![of(Link::Dashboards, &["grafana", "dashboards:search"])],
                _ => Vec::new(),
            }
        }

        /// The causes that are left, each with its fix.
        fn causes(&self) -> Vec<(String, String)> {
            let mut links = self.others();
            follow(&mut links, &self.containers, &self.services);
            let mut own = [self.containers.clone()];
            follow(&mut own, &self.containers, &self.services);
            let all: Vec<&Finding> = own.iter().chain(&links).flat_map(Checked::broken).collect();
            let causes: Vec<&Finding> = all.iter().copied().filter(|finding| finding.because.is_none()).collect();
            for finding in all.into_iter().filter(|finding| finding.because.is_some()) {
                assert_eq!(finding.fix, causes[0].fix, "{} {}: {finding:?}", self.service, self.state);
            }
            causes.iter().map(|finding| (finding.id.clone(), finding.fix_text())).collect()
        }
    }

    /// Puts a container into a state.
    fn apply(state: &str, found: &mut Inspection) -> State {
        match state {
            "paused" => found.paused = true,
            "exited" => (found.running, found.exit_code) = (false, 0),
            "restarting" => (found.restarting, found.restarts, found.exit_code) = (true, 4, 1),
            "unhealthy" => found.health = Health::Unhealthy,
            "killed" => (found.running, found.exit_code, found.out_of_memory) = (false, 137, true),
            "apart" => found.addresses.clear(),
            // A service that lacks memory is often unhealthy too.
            "starved" => found.health = Health::Unhealthy,
            _ => {}
        }
        match state {
            "paused" => State::Paused,
            "exited" | "killed" => State::Exited,
            "restarting" => State::Restarting,
            _ => State::Running,
        }
    }

    #[test]
    fn each_service_in_each_state_is_one_cause_with_the_fix_of_that_state() {
        for service in SERVICES {
            for state in STATES {
                let (id, fix) = match state {
                    "paused" => ("container", format!("docker unpause shop-{service}-1")),
                    "killed" => ("container", format!("watchpost up --set {service}.memory=256m, or")),
                    "starved" => ("memory", format!("watchpost up --set {service}.memory=256m, or")),
                    "apart" => ("network", format!("docker network connect --alias {service} shop_default")),
                    "restarting" | "unhealthy" => ("container", format!("watchpost logs {service} (shows why), then ")),
                    _ => ("container", "watchpost up".to_owned()),
                };
                let causes = Case::new(service, state).causes();
                assert_eq!(causes.len(), 1, "{service} {state}: {causes:#?}");
                assert_eq!(causes[0].0, format!("{id}:{service}"), "{state}");
                assert!(causes[0].1.starts_with(&fix), "{service} {state}: {causes:#?}");
            }
        }
    }

    #[test]
    fn a_full_volume_under_prometheus_is_the_cause_of_all_its_rules() {
        let mut case = Case::new("prometheus", "full");
        let space = Space { size: 1_500_000, free: 0 };
        let volume = VolumeSpace { volume: "shop_prometheus-data".into(), folder: "/prometheus".into(), space };
        case.containers = case.containers.with(vec![space::judge("prometheus", &volume, true).expect("broken")]);
        let rule = Finding::broken("rule:host/HostCpuHigh", "HostCpuHigh", "does not evaluate");
        let mut links = [Checked::new(Link::Rules, &[], vec![rule])];
        follow(&mut links, &case.containers, &case.services);
        let rule = &links[0].findings[0];
        assert_eq!(rule.because.as_deref(), Some("disk:prometheus"));
        assert!(rule.fix_text().starts_with("free space on the disk"), "{rule:?}");
    }

    #[test]
    fn what_a_container_does_not_explain_stays_a_cause() {
        let case = Case::new("prometheus", "starved");
        let broken = |id: &str, why: &str| Finding::broken(id, "x", "is wrong").why(why).fix(Fix::words("own"));
        let own = vec![
            broken("rule:own/Typo", "no target has `x`"),
            broken("alertmanager:none", "its prometheus.yml names none"),
            broken("alertmanager:config", "rejected"),
            broken("route:severity=critical", "no route"),
            broken("configuration:prometheus", "rejected"),
        ];
        let mut links = [Checked::new(Link::Alerting, &[], own.clone())];
        follow(&mut links, &case.containers, &case.services);
        assert_eq!(links[0].findings, own);
        let slow = broken("rule:host/Slow", "query timed out in expression evaluation");
        let mut links = [Checked::new(Link::Rules, &[], vec![slow])];
        follow(&mut links, &case.containers, &case.services);
        assert_eq!(links[0].findings[0].because.as_deref(), Some("memory:prometheus"));
        // Another service's trouble is none of theirs.
        let mut links = [Checked::new(Link::Alerting, &[], vec![broken("watchdog", "late")])];
        follow(&mut links, &Case::new("grafana", "exited").containers, &case.services);
        assert_eq!(links[0].findings[0].because, None);
    }
}
