//! Do the links in messages lead to something that people can open?

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::compose::Service;
use crate::compose::values::Port;
use crate::fix::Fix;
use crate::verify::report::Finding;

/// What Prometheus and Alertmanager call it; without it both use the name of their host, which is a container's id.
const FLAG: &str = "--web.external-url=";
/// Services whose messages have links.
pub const COMPONENTS: [&str; 2] = ["prometheus", "alertmanager"];

/// A service, and where its links lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    pub service: String,
    /// What its flag says; `None`: it has none.
    pub url: Option<String>,
    /// `IP:PORT` of the Docker host that its ports are published on.
    pub published: Vec<(String, u16)>,
}

impl Linked {
    pub fn of(name: &str, service: &Service) -> Self {
        let flags = service.command.iter().flatten();
        let url = flags.filter_map(|flag| flag.strip_prefix(FLAG)).next_back().map(str::to_owned);
        let ports = service.ports.iter().filter_map(|text| Port::parse(text).ok());
        Self { service: name.to_owned(), url, published: ports.map(|port| (port.ip, port.host)).collect() }
    }
}

/// `inside`: names and ids of the stack's services and containers, which mean nothing outside of Docker.
pub fn judge(linked: &[Linked], inside: &BTreeSet<String>) -> Vec<Finding> {
    linked.iter().map(|linked| finding(linked, inside)).collect()
}

fn finding(linked: &Linked, inside: &BTreeSet<String>) -> Finding {
    let service = &linked.service;
    let id = format!("external_url:{service}");
    let dead = |what: String| {
        Finding::warning(&id, service, what)
            .cause("links in messages lead to the name of a container")
            .why("only other containers know that name")
    };
    let Some(text) = &linked.url else {
        return dead("links in its messages lead to its container's id".into()).fix(Fix::up().note("sets the address"));
    };
    let url = url::Url::parse(text).ok();
    let Some((url, host)) = url.as_ref().and_then(|url| Some((url, url.host_str()?))) else {
        return Finding::warning(&id, service, format!("links in its messages lead to `{text}`"))
            .cause("links in messages are not addresses")
            .fix(own(service));
    };
    if inside.contains(host) || is_container_id(host) {
        return dead(format!("links in its messages lead to `{text}`")).fix(address());
    }
    if is_loopback(host) {
        return Finding::note(&id, service, format!("links in its messages lead to `{text}`"))
            .why("they open on the Docker host itself only")
            .fix(address());
    }
    let port = url.port_or_known_default();
    let published: Vec<&str> =
        linked.published.iter().filter(|(_, host)| Some(*host) == port).map(|(ip, _)| ip.as_str()).collect();
    if !published.is_empty() && published.iter().all(|ip| is_loopback(ip)) {
        let what = format!("links in its messages lead to `{text}`");
        return Finding::note(&id, service, what)
            .why(format!("the port is published on {} only, so that they open on the Docker host only", published[0]))
            .fix(
                Fix::spec(format!("components.{service}.bind"), "write the address to publish the port on")
                    .then(Fix::up())
                    .or(own(service)),
            );
    }
    Finding::ok(id, service)
}

fn address() -> Fix {
    Fix::spec("address", "write the name or IP of the Docker host, such as `monitor.example.org`").then(Fix::up())
}

fn own(service: &str) -> Fix {
    let what = "write the address that people open, such as `https://monitor.example.org/`";
    Fix::spec(format!("components.{service}.external_url"), what).then(Fix::up())
}

/// Docker's names for containers without one: twelve hex digits, or all 64.
fn is_container_id(host: &str) -> bool {
    matches!(host.len(), 12 | 64) && host.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_loopback(host: &str) -> bool {
    host.starts_with("127.") || matches!(host, "localhost" | "::1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    fn found(url: Option<&str>, bind: &str) -> Finding {
        let command = url.map(|url| vec!["--a=b".to_owned(), format!("--web.external-url={url}")]);
        let service = Service { command, ports: vec![format!("{bind}:9090:9090")], ..Service::default() };
        let inside = ["prometheus", "shop-prometheus-1"].map(str::to_owned).into();
        judge(&[Linked::of("prometheus", &service)], &inside).remove(0)
    }

    #[test]
    fn links_to_a_container_are_a_warning_with_the_way_out() {
        let found_without = found(None, "0.0.0.0");
        assert_eq!(
            (found_without.id.as_str(), found_without.verdict, found_without.what.as_str()),
            ("external_url:prometheus", Verdict::Warning, "links in its messages lead to its container's id")
        );
        assert!(found_without.fix_text().starts_with("watchpost up"), "{found_without:?}");
        for host in ["e14984b4bb4e", "prometheus", "shop-prometheus-1"] {
            let found = found(Some(&format!("http://{host}:9090/")), "0.0.0.0");
            assert_eq!(found.verdict, Verdict::Warning, "{host}");
            assert!(found.what.contains(host) && found.fix_text().contains("address"), "{found:?}");
        }
        assert_eq!(found(Some("monitor"), "0.0.0.0").verdict, Verdict::Warning);
    }

    #[test]
    fn links_that_open_on_the_docker_host_only_are_a_note() {
        let local = found(Some("http://localhost:9090/"), "127.0.0.1");
        assert_eq!((local.verdict, local.why[0].as_str()), (Verdict::Note, "they open on the Docker host itself only"));
        let closed = found(Some("http://monitor.example.org:9090/"), "127.0.0.1");
        assert_eq!(closed.verdict, Verdict::Note);
        assert!(closed.fix_text().contains("components.prometheus.bind"), "{closed:?}");
    }

    #[test]
    fn links_that_lead_out_are_fine() {
        for (url, bind) in [
            ("http://monitor.example.org:9090/", "0.0.0.0"),
            ("http://10.0.0.5:9090/", "10.0.0.5"),
            // Through a proxy.
            ("https://monitor.example.org/prometheus", "127.0.0.1"),
            ("http://[2001:db8::1]:9090/", "0.0.0.0"),
            // Not an id: a name of a host may have twelve letters.
            ("http://monitor-host:9090/", "0.0.0.0"),
        ] {
            assert_eq!(found(Some(url), bind).verdict, Verdict::Ok, "{url}");
        }
    }
}
