//! The user's own targets, and URLs to probe.

use std::collections::BTreeSet;

use super::Reader;
use crate::spec::names;
use crate::spec::types::{ProbeTarget, Target};
use crate::yaml::Node;

impl Reader {
    pub(super) fn targets(&mut self, root: &Node) -> Vec<Target> {
        let targets: Vec<(Target, &Node)> = self.list(root, "targets");
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
            self.labels(node, target.labels.keys());
            self.duration(node, "interval", target.interval.as_deref());
            if target.scheme.as_deref().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
                self.errors.push(node.get("scheme").unwrap_or(node).error("`scheme` is `http` or `https`"));
            }
        }
        targets.into_iter().map(|(target, _)| target).collect()
    }

    pub(super) fn probes(&mut self, root: &Node) -> Vec<ProbeTarget> {
        let probes: Vec<(ProbeTarget, &Node)> = self.list(root, "probes");
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
