//! Common problems of this host and stack, found without changing anything.
//!
//! `look` asks everything first; each check then judges what was seen, without asking anything itself.

mod checks;
mod look;

use serde::Serialize;

use crate::catalog::Catalog;
use crate::docker::Client;
use crate::fix::Addressing;
use crate::plan::Observed;
use crate::render::Bundle;
use crate::verify::report::{Finding, Verdict};
use checks::{alerting, clocks, docker, grafana, images, ports, reload, storage};
use look::Seen;

/// One check: what it finds in everything that was seen.
type Check = fn(&Seen<'_>) -> Vec<Finding>;

/// Every check in the order of the output, by what it is about.
const CHECKS: [(&str, &[Check]); 7] = [
    ("Docker", &[docker::engine, docker::image_store, docker::memory_limits, docker::mounts, clocks::check]),
    ("Ports", &[ports::free, ports::open]),
    ("Images", &[images::catalog, images::tag]),
    ("Storage and memory", &[storage::full, storage::disk, storage::series, storage::short, storage::killed]),
    ("Configuration", &[reload::prometheus, reload::alertmanager]),
    ("Grafana", &[grafana::login, grafana::sources]),
    ("Alerting", &[alerting::receivers, alerting::watchdog]),
];

/// What was found about one part of the host or stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Area {
    pub about: &'static str,
    pub findings: Vec<Finding>,
}

/// Everything that was found. As JSON: `{stack, host, problems, areas: [{about, findings: [...]}]}`, findings as in
/// `verify`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    pub stack: String,
    pub host: String,
    /// How many findings are broken.
    pub problems: usize,
    pub areas: Vec<Area>,
}

impl Diagnosis {
    pub fn judge(seen: &Seen<'_>) -> Self {
        let area = |(about, checks): (&'static str, &[Check])| Area {
            about,
            findings: checks.iter().flat_map(|check| check(seen)).collect(),
        };
        let areas: Vec<Area> = CHECKS.into_iter().map(area).filter(|area| !area.findings.is_empty()).collect();
        let problems = areas.iter().flat_map(|area| &area.findings).filter(|finding| finding.is_broken()).count();
        Self { stack: seen.name.to_owned(), host: seen.engine.name.clone(), problems, areas }
    }

    /// Puts the flags of this run into the commands of every fix.
    pub fn address(&mut self, addressing: &Addressing) {
        let findings = self.areas.iter_mut().flat_map(|area| &mut area.findings);
        findings.filter_map(|finding| finding.fix.as_mut()).for_each(|fix| fix.address(addressing));
    }

    pub fn count(&self, verdict: Verdict) -> usize {
        self.areas.iter().flat_map(|area| &area.findings).filter(|finding| finding.verdict == verdict).count()
    }
}

/// A finding that says what was found although all is well.
fn fine(id: impl Into<String>, subject: impl Into<String>, what: impl Into<String>) -> Finding {
    let mut finding = Finding::ok(id, subject);
    finding.what = what.into();
    finding
}

/// Looks at the host and the stack, and judges. Changes nothing.
pub async fn examine(
    client: &Client,
    name: &str,
    observed: &Observed,
    catalog: &Catalog,
    bundle: Option<&Bundle>,
) -> Diagnosis {
    Diagnosis::judge(&look::look(client, name, observed, catalog, bundle).await)
}
