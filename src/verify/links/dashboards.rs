//! From Grafana to data in every panel: login, data sources, dashboards, and each query of each panel.
//!
//! `look` asks Grafana and Prometheus everything; `judge` is pure.
//!
//! A dashboard is proved by its queries: variables are resolved as Grafana resolves them when it is opened, and each query
//! goes through Grafana to Prometheus, four to a request. An empty panel is explained by the catalog.

pub mod access;
mod case;
pub mod data_sources;
mod drift;
mod empty;
mod look;
mod once;
mod queries;
mod variables;

use crate::deployed::stack::Stack;
use crate::fix::Fix;
use crate::verify::links::containers;
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::Snapshot;

pub use access::OpenGrafana;
pub use drift::{DashboardDrift, State, StoredDashboards, drift};
pub use look::DashboardsSnapshot;

pub async fn check(stack: &Stack, chain: &Snapshot<'_>) -> Checked {
    judge(DashboardsSnapshot::look(stack, chain).await.as_ref(), chain)
}

/// Opens Grafana with the stack's login. Errors: the finding that says why not.
pub async fn open(stack: &Stack) -> Result<OpenGrafana<'_>, Box<Finding>> {
    let Some((service, deployed)) = stack.first_of("grafana") else {
        return Err(Box::new(Finding::broken("grafana", "Grafana", "this stack has no Grafana")));
    };
    let (access, opened) = access::look(stack, service, deployed).await;
    opened.ok_or_else(|| Box::new(access::judge(&access)))
}

/// `seen`: `None` when the stack has no Grafana. `chain`: what the links before this one saw.
pub fn judge(seen: Option<&DashboardsSnapshot>, chain: &Snapshot<'_>) -> Checked {
    if let Some(removed) = chain.services.removed_of("grafana") {
        let finding = Finding::broken("grafana", "Grafana", "Grafana does not run");
        return Checked::new(
            Link::Dashboards,
            &[],
            vec![finding.because(Some(containers::id(removed))).fix(Fix::up())],
        );
    }
    let Some(seen) = seen else {
        return Checked::not_checked(Link::Dashboards, "this stack has no Grafana", None);
    };
    let mut findings = vec![access::judge(&seen.access)];
    if !seen.access.is_open() {
        return Checked::new(Link::Dashboards, &[], findings);
    }
    let (sources, of_sources) = data_sources::judge(seen);
    findings.extend(of_sources);
    let stored = match &seen.stored {
        Ok(stored) => stored,
        Err(why) => {
            let logs = Fix::watchpost(["logs", &seen.access.service]);
            findings.push(Finding::broken("dashboards:search", "dashboards", why).fix(logs));
            return Checked::new(Link::Dashboards, &[], findings);
        }
    };
    let dashboards = drift(&seen.provisioning, stored);
    let deployed = dashboards.iter().filter(|dashboard| dashboard.file.is_some());
    findings.extend(deployed.clone().map(|dashboard| drift::judge(dashboard, &seen.access)));
    let (queries, of_queries) = queries::judge(seen, &sources, &dashboards, chain);
    findings.extend(of_queries);
    Checked::new(Link::Dashboards, &[("dashboard", deployed.count()), ("query", queries)], findings)
}

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod tests;
