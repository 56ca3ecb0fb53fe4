//! The user's own targets, URLs to probe, and the host's own address.

use std::collections::BTreeSet;

use super::Reader;
use super::upstream::Place;
use crate::spec::names;
use crate::spec::types::{ProbeTarget, Target};
use crate::yaml::Node;

/// Where Prometheus listens in its container; scraping it there is odd and works.
const PROMETHEUS_PORT: &str = "9090";

impl Reader {
    /// The host in links: a name or an IP address alone.
    pub(super) fn address(&mut self, root: &Node) -> Option<String> {
        let address = self.text_under(root, "address")?;
        if let Some(node) = root.get("address").filter(|_| !names::is_host(&address)) {
            let error = node.error(format!("`{address}` is not the name or IP address of a host"));
            self.errors.push(error.hint(match address.contains("://") {
                true => {
                    "write the host alone, such as `monitor.example.org`; a whole address is `external_url` of `prometheus` \
                     and `alertmanager`, and `root_url` of `grafana`"
                }
                false => "such as `monitor.example.org` or `192.0.2.7`, without a port",
            }));
        }
        Some(address)
    }

    pub(super) fn targets(&mut self, root: &Node) -> Vec<Target> {
        let targets: Vec<(Target, &Node)> = self.entries(root, "targets", Place::Target);
        let mut jobs = BTreeSet::new();
        for (target, node) in &targets {
            let place = node.get("job").unwrap_or(node);
            if target.job.is_empty() {
                self.errors.push(place.error("`job` is empty").hint("name what is scraped there, such as `shop`"));
            } else if !jobs.insert(&target.job) {
                self.errors.push(
                    place
                        .error(format!("the job `{}` is written twice", target.job))
                        .hint("put its addresses into one `static:` list"),
                );
            }
            let places = node.get("static").map(Node::items).unwrap_or_default();
            for (address, place) in
                target.addresses.iter().zip(places).filter(|(address, _)| !names::is_address(address))
            {
                self.errors.push(
                    place
                        .error(format!("`{address}` is not a valid address to scrape"))
                        .hint("write `host:port`; the scheme goes under `scheme:`, the path under `path:`"),
                );
            }
            if let Some(path) = target.path.as_deref().filter(|path| !path.starts_with('/')) {
                let error = node.get("path").unwrap_or(node).error(format!("the path `{path}` must begin with `/`"));
                self.errors.push(error.hint("such as `/metrics`, or `/metrics?format=prometheus`"));
            }
            for (address, place) in target.addresses.iter().zip(places) {
                if let Some(port) = own_port(address) {
                    self.errors.push(
                        place
                            .error(format!("`{address}` is Prometheus's own container, where nothing listens on it"))
                            .hint(format!(
                                "write `host.docker.internal:{port}` for the Docker host, or the container's name"
                            )),
                    );
                }
            }
            self.labels(node, target.labels.keys());
            self.duration(node, "interval", target.interval.as_deref());
            if target.scheme.as_deref().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
                self.errors.push(node.get("scheme").unwrap_or(node).error("`scheme` is `http` or `https`"));
            }
        }
        targets.into_iter().map(|(target, _)| target).collect()
    }

    pub(super) fn probes(&mut self, root: &Node) -> Vec<ProbeTarget> {
        let probes: Vec<(ProbeTarget, &Node)> = self.entries(root, "probes", Place::Probe);
        for (probe, node) in &probes {
            let place = node.get("url").unwrap_or(node);
            let http = probe.url.starts_with("http://") || probe.url.starts_with("https://");
            if probe.module.starts_with("http") && !http {
                self.errors.push(
                    place
                        .error(format!("`{}` is not a valid URL", probe.url))
                        .hint("it begins with `http://` or `https://`"),
                );
            } else if probe.url.is_empty() || probe.url.contains(char::is_whitespace) {
                self.errors.push(place.error(format!("`{}` is not a valid address to probe", probe.url)));
            }
            self.labels(node, probe.labels.keys());
            self.duration(node, "interval", probe.interval.as_deref());
        }
        probes.into_iter().map(|(probe, _)| probe).collect()
    }
}

/// The port of an address that leads to Prometheus's container itself, and not to Prometheus.
fn own_port(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let itself = matches!(host, "localhost" | "[::1]" | "0.0.0.0") || host.starts_with("127.");
    (itself && port != PROMETHEUS_PORT).then_some(port)
}
