//! Ports that another program holds, and ports that are open to the network.

use crate::compose::Service;
use crate::compose::values::Port;
use crate::doctor::fine;
use crate::doctor::look::Seen;
use crate::fix::Fix;
use crate::plan::conflict;
use crate::verify::report::Finding;

/// Are the ports of the spec free?
pub fn free(seen: &Seen<'_>) -> Vec<Finding> {
    let Some(bundle) = seen.bundle else {
        let why = "no spec here names the ports";
        return vec![
            Finding::not_checked("ports:free", "free ports", why).fix(Fix::words("name the spec with `-f FILE`")),
        ];
    };
    let mut findings = Vec::new();
    for name in &seen.observed.foreign {
        let subject = name.split('`').nth(1).unwrap_or(name).to_owned();
        let finding = Finding::broken(format!("name:{subject}"), subject, format!("{name} is not this stack's"))
            .why("the stack needs that name, but the label of this stack is missing there, so it is left alone");
        let rename = Fix::spec("name", "choose another name").then(Fix::up());
        findings.push(finding.fix(rename.or(Fix::words("remove it yourself"))));
    }
    let mut held = 0;
    for (name, service) in &bundle.compose.services {
        for (port, taken) in conflict::clashes(service, seen.observed) {
            held += 1;
            let other = Fix::set(format_args!("{name}.port"), port.host.saturating_add(1));
            let what = format!("port {} of {} is taken: {} holds it", port.host, port.ip, taken.holder);
            findings.push(
                Finding::broken(format!("port:{name}/{held}"), name, what)
                    .why(format!("service `{name}` needs the port"))
                    .fix(other.or(Fix::words(format!("stop {}", taken.holder)))),
            );
        }
    }
    if held == 0 {
        let ports = bundle.compose.services.values().flat_map(ports).map(|port| port.host.to_string());
        let ports: Vec<String> = ports.collect();
        let what = match ports.as_slice() {
            [] => "the spec publishes no ports".into(),
            [port] => format!("{port} is free"),
            ports => format!("{} are free", ports.join(", ")),
        };
        findings.push(fine("ports:free", "free ports", what));
    }
    findings
}

fn ports(service: &Service) -> impl Iterator<Item = Port> {
    service.ports.iter().filter_map(|text| Port::parse(text).ok())
}

/// Docker's published ports bypass the host's firewall, <https://github.com/moby/moby/issues/22054>.
pub fn open(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in seen.wanted() {
        let open = |port: &Port| port.ip.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        for port in ports(service).filter(open) {
            if has_login(service) {
                continue;
            }
            let what = format!("port {} is open to the network, without a login", port.host);
            let finding = Finding::note(format!("open:{name}/{}", port.host), name, what)
                .why("Docker's published ports bypass the host's firewall: anyone who can reach the host can read all of it")
                .fix(
                    Fix::set(format_args!("{name}.bind"), "127.0.0.1")
                        .then(Fix::words("put a proxy with a login in front of it")),
                );
            findings.push(finding);
        }
    }
    if findings.is_empty() {
        findings.push(fine("open", "open ports", "none without a login"));
    }
    findings
}

/// Grafana requires a login, unless anonymous access is on.
fn has_login(service: &Service) -> bool {
    let grafana = service.extension.as_ref().is_some_and(|extension| extension.component == "grafana");
    grafana && service.environment.get("GF_AUTH_ANONYMOUS_ENABLED").is_none_or(|anonymous| anonymous != "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Extension;
    use crate::doctor::look::testing::Bench;
    use crate::plan::observed::TakenPort;
    use crate::render::Bundle;
    use crate::verify::report::Verdict;

    fn service(component: &str, ports: &[&str]) -> Service {
        let extension = Extension { component: component.into(), ..Extension::default() };
        let ports = ports.iter().map(|port| (*port).to_owned()).collect();
        Service { ports, extension: Some(extension), ..Service::default() }
    }

    fn bench(services: &[(&str, Service)]) -> Bench {
        let mut bundle = Bundle::default();
        for (name, service) in services {
            bundle.compose.services.insert((*name).to_owned(), service.clone());
        }
        Bench { bundle: Some(bundle), ..Bench::new() }
    }

    fn ids(findings: &[Finding]) -> Vec<(&str, Verdict)> {
        findings.iter().map(|finding| (finding.id.as_str(), finding.verdict)).collect()
    }

    #[test]
    fn free_ports_are_listed_and_without_a_spec_they_are_not_checked() {
        let bench = bench(&[("prometheus", service("prometheus", &["127.0.0.1:9090:9090"]))]);
        let found = free(&bench.seen());
        assert_eq!(ids(&found), [("ports:free", Verdict::Ok)]);
        assert_eq!(found[0].what, "9090 is free");
        assert_eq!(ids(&free(&Bench::new().seen())), [("ports:free", Verdict::NotChecked)]);
    }

    #[test]
    fn a_port_that_another_program_holds_is_broken_and_the_next_one_is_proposed() {
        let mut bench = bench(&[("prometheus", service("prometheus", &["127.0.0.1:9090:9090"]))]);
        bench.observed.taken_ports = vec![TakenPort {
            ip: "127.0.0.1".into(),
            port: 9090,
            protocol: "tcp".into(),
            holder: "container `other`".into(),
        }];
        let found = free(&bench.seen());
        assert_eq!(ids(&found), [("port:prometheus/1", Verdict::Broken)]);
        assert_eq!(found[0].what, "port 9090 of 127.0.0.1 is taken: container `other` holds it");
        assert_eq!(found[0].fix_text(), "watchpost up --set prometheus.port=9091, or stop container `other`");
    }

    #[test]
    fn a_name_of_another_project_is_broken() {
        let mut bench = bench(&[]);
        bench.observed.foreign = vec!["the container `shop-prometheus-1`".into()];
        let found = free(&bench.seen());
        assert_eq!(found[0].id, "name:shop-prometheus-1");
        assert!(found[0].is_broken() && found[0].fix_text().contains("under `name`: choose another name"), "{found:?}");
    }

    #[test]
    fn an_open_port_is_a_note_unless_a_login_guards_it() {
        let open_port = ["0.0.0.0:3000:3000"];
        let here = bench(&[("prometheus", service("prometheus", &["127.0.0.1:9090:9090"]))]);
        assert_eq!(ids(&open(&here.seen())), [("open", Verdict::Ok)]);
        let prometheus = bench(&[("prometheus", service("prometheus", &open_port))]);
        let found = open(&prometheus.seen());
        assert_eq!(ids(&found), [("open:prometheus/3000", Verdict::Note)]);
        assert!(found[0].why[0].contains("bypass the host's firewall"), "{found:?}");
        assert!(found[0].fix_text().starts_with("watchpost up --set prometheus.bind=127.0.0.1"), "{found:?}");

        let mut grafana = service("grafana", &open_port);
        assert_eq!(ids(&open(&bench(&[("grafana", grafana.clone())]).seen())), [("open", Verdict::Ok)]);
        grafana.environment.insert("GF_AUTH_ANONYMOUS_ENABLED".into(), "true".into());
        assert_eq!(ids(&open(&bench(&[("grafana", grafana)]).seen())), [("open:grafana/3000", Verdict::Note)]);
    }
}
