//! The known traps of this host and stack, looked for without changing anything.
//!
//! Everything is asked first (`seen`); each check then judges what was seen, by itself.

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

/// One check: what it finds in all that was seen.
type Check = fn(&Seen<'_>) -> Vec<Finding>;

/// Every check, in the order in which they are shown, by what they are about.
const CHECKS: [(&str, &[Check]); 7] = [
    ("Docker", &[docker::engine, docker::image_store, docker::memory_limits, docker::mounts, clocks::check]),
    ("Ports", &[ports::free, ports::open]),
    ("Images", &[images::catalog, images::tag]),
    ("Storage and memory", &[storage::disk, storage::series, storage::killed]),
    ("Configuration", &[reload::prometheus, reload::alertmanager]),
    ("Grafana", &[grafana::login, grafana::sources]),
    ("Alerting", &[alerting::receivers, alerting::watchdog]),
];

/// What was found about one part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Area {
    pub about: &'static str,
    pub findings: Vec<Finding>,
}

/// All that was found. As JSON: `{stack, host, sprung, areas: [{about, findings: [...]}]}`, findings as in the proof.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    pub stack: String,
    pub host: String,
    /// How many traps are sprung: findings that are broken.
    pub sprung: usize,
    pub areas: Vec<Area>,
}

impl Diagnosis {
    pub fn of(seen: &Seen<'_>) -> Self {
        let area = |(about, checks): (&'static str, &[Check])| Area {
            about,
            findings: checks.iter().flat_map(|check| check(seen)).collect(),
        };
        let areas: Vec<Area> = CHECKS.into_iter().map(area).filter(|area| !area.findings.is_empty()).collect();
        let sprung = areas.iter().flat_map(|area| &area.findings).filter(|finding| finding.is_broken()).count();
        Self { stack: seen.name.to_owned(), host: seen.engine.name.clone(), sprung, areas }
    }

    /// Makes every fix one for this run: its commands carry the flags that lead to this stack.
    pub fn address(&mut self, addressing: &Addressing) {
        let findings = self.areas.iter_mut().flat_map(|area| &mut area.findings);
        findings.filter_map(|finding| finding.fix.as_mut()).for_each(|fix| fix.address(addressing));
    }

    pub fn count(&self, verdict: Verdict) -> usize {
        self.areas.iter().flat_map(|area| &area.findings).filter(|finding| finding.verdict == verdict).count()
    }
}

/// A finding that says what is the case although all is well.
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
    Diagnosis::of(&look::look(client, name, observed, catalog, bundle).await)
}
