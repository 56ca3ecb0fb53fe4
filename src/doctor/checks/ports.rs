//! Ports that somebody else holds, and ports that are open to the network.

use crate::compose::Service;
use crate::compose::values::Port;
use crate::doctor::fine;
use crate::doctor::look::Seen;
use crate::plan::conflict;
use crate::verify::report::Finding;

/// Can the ports that the spec wants be had?
pub fn free(seen: &Seen<'_>) -> Vec<Finding> {
    let Some(bundle) = seen.bundle else {
        let why = "there is no spec here that says which ports are wanted";
        return vec![Finding::not_checked("ports:free", "free ports", why).fix("name the spec with `-f FILE`")];
    };
    let mut findings = Vec::new();
    for name in &seen.observed.foreign {
        let subject = name.split('`').nth(1).unwrap_or(name).to_owned();
        let finding = Finding::broken(format!("name:{subject}"), subject, format!("{name} is not this stack's"))
            .why("it has a name that the spec needs and does not carry this stack's label, so it is left alone");
        findings
            .push(finding.fix("give the stack another name (`--name`, or `name:` in the spec), or remove it yourself"));
    }
    let mut held = 0;
    for (name, service) in &bundle.compose.services {
        for error in conflict::taken(name, service, seen.observed) {
            held += 1;
            let mut finding = Finding::broken(format!("port:{name}/{held}"), name, error.message.clone());
            finding.why.clone_from(&error.causes);
            finding.fix = error.hint.clone().map(Into::into);
            findings.push(finding);
        }
    }
    if held == 0 {
        let ports = bundle.compose.services.values().flat_map(ports).map(|port| port.host.to_string());
        let ports: Vec<String> = ports.collect();
        let what = if ports.is_empty() { "none is wanted".into() } else { format!("{} can be had", ports.join(", ")) };
        findings.push(fine("ports:free", "free ports", what));
    }
    findings
}

fn ports(service: &Service) -> impl Iterator<Item = Port> {
    service.ports.iter().filter_map(|text| Port::parse(text).ok())
}

/// Docker's published ports pass by the host's firewall, <https://github.com/moby/moby/issues/22054>.
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
                .why("Docker's published ports pass by the host's firewall: who reaches the host can read all of it")
                .fix(format!("watchpost up --set {name}.bind=127.0.0.1, and a proxy with a login before it"));
            findings.push(finding);
        }
    }
    if findings.is_empty() {
        findings.push(fine("open", "open ports", "none without a login"));
    }
    findings
}

/// Grafana asks who one is, unless anybody may look.
fn has_login(service: &Service) -> bool {
    let grafana = service.extension.as_ref().is_some_and(|extension| extension.component == "grafana");
    grafana && service.environment.get("GF_AUTH_ANONYMOUS_ENABLED").is_none_or(|anonymous| anonymous != "true")
}
