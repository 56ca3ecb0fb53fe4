//! From Grafana to data in every panel: login, data sources, dashboards, and each query of each panel.

mod data_sources;
mod drift;
mod empty;
mod once;
mod queries;
mod variables;

use crate::clients::grafana::{DataSource, Grafana, Login};
use crate::deployed::provisioning::Expected;
use crate::deployed::stack::{Deployed, Stack};
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::Snapshot;

pub use drift::{DashboardDrift, State, drift};

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    let Some((service, deployed)) = stack.of("grafana") else {
        return Checked::not_checked(Link::Dashboards, "there is no Grafana in this stack", None);
    };
    let opened = match open(stack, service, deployed).await {
        Ok(opened) => opened,
        Err(finding) => return Checked::new(Link::Dashboards, &[], vec![*finding]),
    };
    let Opened { grafana, sources, finding } = opened;
    let expected = Expected::of(stack.files(service).await);
    let (mut findings, unusable) = data_sources::check(stack, service, &grafana, &sources, &expected).await;
    findings.insert(0, finding);
    let kept = match drift(&grafana, &expected).await {
        Ok(kept) => kept,
        Err(refusal) => {
            findings.push(
                Finding::broken("dashboards:search", "dashboards", refusal.message).fix("watchpost logs grafana"),
            );
            return Checked::new(Link::Dashboards, &[], findings);
        }
    };
    findings.extend(kept.iter().filter(|kept| kept.expected.is_some()).map(|kept| drift::finding(stack, kept)));
    let whole = queries::Whole { stack, snapshot, grafana: &grafana, sources: &sources, unusable: &unusable };
    let (asked, panels) = queries::check(&whole, &kept).await;
    findings.extend(panels);
    let boards = kept.iter().filter(|kept| kept.expected.is_some()).count();
    Checked::new(Link::Dashboards, &[("dashboard", boards), ("query", asked)], findings)
}

/// Grafana, let in.
pub struct Opened<'a> {
    pub grafana: Grafana<'a>,
    pub sources: Vec<DataSource>,
    /// That it is up, which version it is, and that the login is valid.
    pub finding: Finding,
}

/// Opens Grafana with the login that the stack has. Errors: the finding that says why not.
pub async fn open<'a>(stack: &'a Stack, service: &str, deployed: &Deployed) -> Result<Opened<'a>, Box<Finding>> {
    let broken = |what: String| Finding::broken("grafana", "Grafana", what);
    let stopped = |what: String| async move { Box::new(stopped(stack, service, what).await) };
    let Some(grafana) = stack.grafana().await else {
        if deployed.is_running() {
            let what = "its login is not known: it was deployed without GF_SECURITY_ADMIN_PASSWORD__FILE";
            return Err(Box::new(broken(what.into()).fix("watchpost up")));
        }
        return Err(stopped("it does not run".into()).await);
    };
    let health = match grafana.health().await {
        Ok(health) => health,
        Err(refusal) => return Err(stopped(format!("it does not answer: {refusal}")).await),
    };
    if !grafana.has_password() {
        let what = "its administrator's password cannot be read from its container";
        return Err(Box::new(broken(what.into()).fix("watchpost up")));
    }
    match grafana.login().await {
        Ok(Login::Valid) => {}
        Ok(login) => return Err(Box::new(locked_out(stack, deployed, &grafana, login))),
        Err(refusal) => return Err(Box::new(broken(refusal.message).fix(format!("watchpost logs {service}")))),
    }
    let sources = match grafana.sources().await {
        Ok(sources) => sources,
        Err(refusal) => return Err(Box::new(broken(format!("it does not list its data sources: {refusal}")))),
    };
    let mut finding = Finding::ok("grafana", "Grafana");
    finding.what = if health.version.is_empty() { "up".into() } else { format!("up, version {}", health.version) };
    Ok(Opened { grafana, sources, finding })
}

/// Grafana is not there: its own last words say more.
async fn stopped(stack: &Stack, service: &str, what: String) -> Finding {
    let log = stack.log(service).await;
    let mut finding = Finding::broken("grafana", "Grafana", what);
    let last = log.iter().rev().find(|line| line.to_lowercase().contains("error")).or(log.last());
    if let Some(line) = last {
        finding = finding.why(format!("it last said: {line}"));
    }
    let provisioning = log.iter().any(|line| line.contains("atasource provisioning error"));
    if provisioning {
        return finding.why(data_sources::OLD_VOLUME).fix(data_sources::REPLACE);
    }
    finding.fix("watchpost up")
}

/// The secret's password is not the volume's: Grafana takes it on the first start only.
fn locked_out(stack: &Stack, deployed: &Deployed, grafana: &Grafana<'_>, login: Login) -> Finding {
    let finding = Finding::broken("grafana", "Grafana", "it refuses the administrator's password")
        .why("Grafana takes the password only when it starts on an empty volume; this volume has another");
    if login == Login::Blocked {
        return finding
            .why("too many wrong passwords: it takes none for five minutes, the right one neither")
            .fix("watchpost dashboards check, in five minutes");
    }
    let path = deployed.service.environment.get("GF_SECURITY_ADMIN_PASSWORD__FILE").map_or("", String::as_str);
    let cli = if grafana.is_before(9, 4) { "grafana-cli" } else { "grafana cli" };
    finding.fix(format!(
        "{} exec {} sh -c '{cli} admin reset-admin-password --password-from-stdin < {path}'",
        stack.docker(),
        deployed.container.name
    ))
}
