//! Every kind of finding, by the beginning of its id.
//!
//! A finding whose id is not in the table fails a debug assertion. The tests below hold the table against the source:
//! each kind is made where the table says, and a unit test there yields it.

/// One kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The whole id, or its beginning when it ends with `:` or `/`.
    pub id: &'static str,
    /// The module that judges it, as a path below `src/`.
    pub module: &'static str,
    pub about: &'static str,
}

const fn kind(module: &'static str, id: &'static str, about: &'static str) -> Kind {
    Kind { id, module, about }
}

pub const IDS: &[Kind] = &[
    kind("report", "link:", "a link that was not checked"),
    kind("report/accept", "accept:", "an entry of the spec's `accept` is still needed"),
    kind("verify/links/containers", "container:", "a service's container runs and is healthy"),
    kind("verify/links/containers", "files:", "a container's files are as deployed"),
    kind("verify/links/containers", "settings:", "a container's settings are as deployed"),
    kind("verify/links/containers", "restarts:", "a container restarted"),
    kind("verify/links/containers", "network:", "a container is in the stack's network"),
    kind("verify/memory", "memory:", "a container has the memory that it needs"),
    kind("verify/space", "disk:", "a service's volume has room"),
    kind("verify/links/containers", "pending:", "the spec has changes that are not deployed"),
    kind("verify/links/containers", "clock", "the clocks agree"),
    kind("verify/links/targets", "target:", "a target is scraped"),
    kind("verify/links/targets", "prometheus:", "Prometheus answers"),
    kind("verify/links/targets", "configuration:", "Prometheus accepted its configuration"),
    kind("verify/links/targets", "job:", "Prometheus has every deployed scrape job"),
    kind("verify/links/targets", "probe:", "a probed address answers"),
    kind("verify/links/rules", "rule:", "a rule evaluates and can fire"),
    kind("verify/links/rules", "group:", "a rule group is loaded and evaluated in time"),
    kind("verify/links/rules", "interval:", "targets are scraped and rules evaluated often enough"),
    kind("verify/links/alerting", "watchdog", "the Watchdog alert arrives at Alertmanager"),
    kind("verify/links/alerting", "alertmanager:", "Prometheus sends its alerts to Alertmanager, which is configured"),
    kind("verify/links/alerting", "external_url:", "links in messages lead out of the stack"),
    kind("verify/links/alerting", "receivers", "a receiver is configured"),
    kind("verify/links/alerting", "routes", "the routes make sense"),
    kind("verify/links/alerting", "route:", "a route is reached by alerts"),
    kind("verify/links/alerting", "unrouted:", "a receiver has a route"),
    kind("verify/links/delivery", "alertmanager:", "Alertmanager answers"),
    kind("verify/links/delivery", "delivery:", "Alertmanager accepts the test alert"),
    kind("verify/links/delivery", "receiver:", "a receiver gets the test alert"),
    kind("verify/links/delivery", "route:", "a route leads to a receiver"),
    kind("verify/links/dashboards", "grafana", "Grafana answers and accepts the login"),
    kind("verify/links/dashboards", "dashboards:", "Grafana lists its dashboards"),
    kind("verify/links/dashboards", "datasource:", "a data source answers"),
    kind("verify/links/dashboards", "dashboard:", "a dashboard is as deployed"),
    kind("verify/links/dashboards", "panel:", "a panel shows data"),
    kind("doctor/checks/docker", "docker:engine", "the Docker version"),
    kind("doctor/checks/docker", "docker:image-store", "cAdvisor can read the image store"),
    kind("doctor/checks/docker", "docker:memory-limits", "the kernel enforces memory limits"),
    kind("doctor/checks/docker", "docker:shared-root", "containers see later mounts of the host"),
    kind("doctor/checks/clocks", "clock:", "the clocks agree"),
    kind("doctor/checks/ports", "ports:free", "the ports of the spec are free"),
    kind("doctor/checks/ports", "name:", "another project has a name that the stack needs"),
    kind("doctor/checks/ports", "port:", "another program holds a port of the spec"),
    kind("doctor/checks/ports", "open", "no port without a login is open to the network"),
    kind("doctor/checks/ports", "open:", "a port without a login is open to the network"),
    kind("doctor/checks/images", "image:catalog", "the images are those of the catalog"),
    kind("doctor/checks/images", "image:catalog/", "an image is not the one of the catalog"),
    kind("doctor/checks/images", "image:tag/", "a tag now names another image"),
    kind("doctor/checks/storage", "storage:disk", "the retention fits the disk"),
    kind("doctor/checks/storage", "storage:series", "the series fit the memory limit"),
    kind("doctor/checks/storage", "oom:", "the kernel killed a service that ran out of memory"),
    kind("doctor/checks/reload", "reload:", "a service runs with the deployed configuration"),
    kind("doctor/checks/grafana", "grafana:login", "Grafana accepts the stack's password"),
    kind("doctor/checks/grafana", "grafana:sources", "the data sources are as deployed"),
    kind("doctor/checks/grafana", "grafana:source/", "a data source differs from the deployed one"),
    kind("doctor/checks/alerting", "receivers", "a receiver is configured"),
    kind("doctor/checks/alerting", "receiver:", "a receiver accepts messages"),
    kind("doctor/checks/alerting", "watchdog", "an outside service watches the Watchdog alert"),
];

impl Kind {
    fn covers(&self, id: &str) -> bool {
        if self.id.ends_with([':', '/']) { id.starts_with(self.id) } else { id == self.id }
    }
}

/// Is a finding with this id in the table?
pub fn is_known(id: &str) -> bool {
    IDS.iter().any(|kind| kind.covers(id))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// Kinds that still lack a unit test; the list only ever gets shorter.
    const UNTESTED: &[(&str, &str)] = &[];

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    /// The code of a module with all below it, and its unit tests.
    fn source(module: &str) -> (String, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = vec![root.join(format!("{module}.rs"))];
        if root.join(module).is_dir() {
            files(&root.join(module), &mut paths);
        }
        let (mut code, mut tests) = (String::new(), String::new());
        // This table names every id and makes none.
        for path in paths.iter().filter(|path| !path.ends_with("report/ids.rs")) {
            let text = std::fs::read_to_string(path).expect("UTF-8");
            let only_tests = path.strip_prefix(&root).expect("below src").iter().any(|part| {
                let part = part.to_string_lossy();
                part == "tests" || part == "tests.rs"
            });
            let (first, rest) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
            if only_tests {
                tests.push_str(&text);
            } else {
                code.push_str(first);
                tests.push_str(rest);
            }
        }
        (code, tests)
    }

    /// Is there a string that is the id or, for a beginning, starts with it and goes on? `alertmanager:9093` is an
    /// address and no id.
    fn names(text: &str, kind: &Kind) -> bool {
        let literal = format!("\"{}", kind.id);
        let mut rests = text.match_indices(&literal).map(|(at, found)| &text[at + found.len()..]);
        match kind.id.ends_with([':', '/']) {
            true => rests.any(|rest| !rest.starts_with('"') && !rest.starts_with(|c: char| c.is_ascii_digit())),
            false => rests.any(|rest| rest.starts_with('"')),
        }
    }

    #[test]
    fn every_kind_is_made_where_the_table_says() {
        let nowhere: Vec<&Kind> = IDS.iter().filter(|kind| !names(&source(kind.module).0, kind)).collect();
        assert!(nowhere.is_empty(), "the table has kinds that nothing makes: {nowhere:#?}");
    }

    #[test]
    fn every_kind_has_a_unit_test_that_yields_it() {
        let tested = |kind: &&Kind| names(&source(kind.module).1, kind);
        let untested = IDS.iter().filter(|kind| !tested(kind)).map(|kind| (kind.module, kind.id));
        let untested: Vec<(&str, &str)> = untested.collect();
        for missing in &untested {
            assert!(
                UNTESTED.contains(missing),
                "no unit test below src/{} asserts on the id `{}`",
                missing.0,
                missing.1
            );
        }
    }

    #[test]
    fn ids_are_known_by_their_beginning() {
        assert!(is_known("container:prometheus") && is_known("clock") && is_known("open:x/80"));
        assert!(!is_known("clocks") && !is_known("unheard-of:x") && !is_known(""));
    }
}
