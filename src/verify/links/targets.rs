//! Every scrape job that was rendered is there, every target is scraped, and every exporter reaches what it watches.

mod scrape_error;

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;

use crate::clients::prometheus::Target;
use crate::compose::Secret;
use crate::deployed::prometheus::rendered_jobs;
use crate::deployed::redact;
use crate::deployed::stack::{Deployed, Stack};
use crate::docker::{self, reach};
use crate::verify::links::containers;
use crate::verify::links::targets::scrape_error::{Cause, cause};
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::{Down, Snapshot};

/// Targets that fail are asked from inside, this many at once.
const AT_ONCE: usize = 8;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    let targets = match &snapshot.targets {
        Ok(targets) => targets,
        Err(refusal) => return unreachable(Link::Targets, stack, &refusal.message),
    };
    let each = stream::iter(targets.iter().map(|target| one(stack, snapshot, target)));
    let (mut findings, subjects) = tokio::join!(each.buffered(AT_ONCE).collect::<Vec<_>>(), subjects(stack, snapshot));
    findings.extend(configuration(stack).await);
    findings.extend(jobs(stack, targets).await);
    // An exporter that answers and does not reach what it watches is down all the same.
    for subject in subjects {
        match findings.iter().position(|finding| finding.id == subject.id) {
            Some(at) if findings[at].is_broken() => {}
            Some(at) => findings[at] = subject,
            None => findings.push(subject),
        }
    }
    findings.extend(probes(stack).await);
    Checked::new(Link::Targets, &[("target", targets.len())], findings)
}

/// A link that needs Prometheus, without it.
pub fn unreachable(link: Link, stack: &Stack, said: &str) -> Checked {
    let finding = match stack.of("prometheus") {
        None => return Checked::not_checked(link, "this stack has no Prometheus", None),
        Some((name, deployed)) => {
            let finding = Finding::broken(format!("prometheus:{}", link.name()), name, "cannot be asked").why(said);
            let because = (!deployed.is_running()).then(|| containers::id(name));
            finding.because(because).fix(format!("watchpost logs {name}"))
        }
    };
    Checked::new(link, &[], vec![finding])
}

pub fn id(target: &Target) -> String {
    format!("target:{}", target.name())
}

/// Broken targets, for what rests on them.
pub fn down(checked: &Checked, snapshot: &Snapshot<'_>) -> Vec<Down> {
    let broken: BTreeSet<&str> = checked.broken().map(|finding| finding.id.as_str()).collect();
    let targets = snapshot.targets.as_deref().unwrap_or_default().iter();
    let is_down = targets.filter(|target| broken.contains(id(target).as_str()));
    is_down
        .map(|target| Down {
            id: id(target),
            job: target.label("job").to_owned(),
            instance: target.label("instance").to_owned(),
        })
        .collect()
}

/// Targets whose container is broken follow from that.
pub fn follow(mut targets: Checked, containers: &Checked, snapshot: &Snapshot<'_>) -> Checked {
    let broken: BTreeSet<&str> = containers.broken().map(|finding| finding.id.as_str()).collect();
    let all = snapshot.targets.as_deref().unwrap_or_default();
    for finding in targets.findings.iter_mut().filter(|finding| finding.is_broken()) {
        let Some(target) = all.iter().find(|target| id(target) == finding.id) else { continue };
        let container = containers::id(host_and_port(&target.scrape_url).0);
        if broken.contains(container.as_str()) {
            finding.because = Some(container);
        }
    }
    targets
}

async fn one(stack: &Stack, snapshot: &Snapshot<'_>, target: &Target) -> Finding {
    let name = target.name();
    match target.health.as_str() {
        "up" => Finding::ok(id(target), name),
        "unknown" => Finding::not_checked(id(target), name, "was not scraped yet")
            .why(format!("it is scraped every {}", target.scrape_interval))
            .fix("watchpost verify, a little later"),
        _ => match silent_exporter(stack, snapshot, target).await {
            Some(finding) => finding,
            None => failing(stack, snapshot, target).await,
        },
    }
}

/// An exporter that gives no answer because it waits for what it watches: its log says what for.
async fn silent_exporter(stack: &Stack, snapshot: &Snapshot<'_>, target: &Target) -> Option<Finding> {
    let (service, deployed) = stack.services.get_key_value(host_and_port(&target.scrape_url).0)?;
    let manifest = &snapshot.catalog.components.get(deployed.component())?.manifest;
    manifest.scrape.as_ref()?.up.as_ref()?;
    docker::error_line(&stack.log(service).await)?;
    Some(subject(stack, snapshot, target.label("job"), service).await)
}

async fn failing(stack: &Stack, snapshot: &Snapshot<'_>, target: &Target) -> Finding {
    let (host, port) = host_and_port(&target.scrape_url);
    let cause = cause(&target.last_error, host, port, &target.scrape_timeout);
    let mut finding = Finding::broken(id(target), target.name(), cause.words.clone());
    if let Some(own) = own_probe(stack, target).await {
        finding = finding.why(own);
    }
    if cause.kind == Cause::Refused
        && let Ok(Some(found)) = docker::inspect(&stack.client, host).await
        && let [port, ..] = found.exposed_ports.as_slice()
    {
        finding = finding.why(format!("the container `{host}` listens on {port}"));
    }
    finding.fix(fix(stack, snapshot, target, host, cause.kind))
}

/// What a container of the stack sees when it asks the same.
async fn own_probe(stack: &Stack, target: &Target) -> Option<String> {
    let (host, port) = host_and_port(&target.scrape_url);
    if !target.scrape_url.starts_with("http://") {
        return None;
    }
    let rest = target.scrape_url.split_once("://")?.1;
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let helper = stack.helpers().into_iter().next()?;
    Some(match reach::get_from(&stack.client, &helper, host, port, path).await {
        Ok(answer) => {
            let first = answer.body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let first: String = redact::shown(first, &[]).chars().take(60).collect();
            format!("asked from inside the network: {} {first}", answer.status).trim_end().to_owned()
        }
        Err(reach::TransportError::Unreachable) => return None,
        Err(silence) => format!("asked from inside the network: {silence}"),
    })
}

fn fix(stack: &Stack, snapshot: &Snapshot<'_>, target: &Target, host: &str, kind: Cause) -> String {
    // A job of the user's own may name a service of ours and another port: that is the spec's to correct.
    let scrape = |deployed: &Deployed| snapshot.catalog.components.get(deployed.component())?.manifest.scrape.clone();
    let ours = |deployed: &&Deployed| scrape(deployed).is_some_and(|scrape| scrape.job == target.label("job"));
    if let Some(deployed) = stack.services.get(host).filter(|deployed| ours(deployed) || !deployed.is_running()) {
        return match deployed.is_running() {
            true => format!("watchpost logs {host}"),
            false => "watchpost up".into(),
        };
    }
    let job = target.label("job");
    let place = match snapshot.bundle.is_some() {
        true => format!("the job `{job}` under `targets:` in watchpost.yaml"),
        false => format!("the job `{job}`"),
    };
    let what = match kind {
        Cause::Refused => "correct the port of",
        Cause::NoHost => "correct the address of",
        Cause::NotFound | Cause::NotMetrics => "correct the path or port of",
        Cause::Tls => "correct the `scheme` of",
        Cause::Login => "let Prometheus in at",
        Cause::TimedOut | Cause::Other => "look at",
    };
    format!("{what} {place}, then watchpost up")
}

/// Did Prometheus refuse the configuration that it has last been given?
async fn configuration(stack: &Stack) -> Option<Finding> {
    let (name, deployed) = stack.of("prometheus")?;
    // From itself: what it scrapes may hold another Prometheus too.
    let metrics = stack.prometheus().await?.metrics().await.ok()?;
    if metrics.value("prometheus_config_last_reload_successful")? != 0.0 {
        return None;
    }
    let finding = Finding::broken("configuration:prometheus", name, "refused its last configuration")
        .why("it goes on with the one before")
        .fix(format!("correct what its log names, then {} restart {}", stack.docker(), deployed.container.name));
    Some(match docker::error_line(&stack.log(name).await) {
        Some(line) => finding.why(line),
        None => finding,
    })
}

/// Scrape jobs that were rendered and that Prometheus does not have.
async fn jobs(stack: &Stack, targets: &[Target]) -> Vec<Finding> {
    let Some((_, deployed)) = stack.of("prometheus") else { return Vec::new() };
    let known: BTreeSet<&str> = targets.iter().map(|target| target.scrape_pool.as_str()).collect();
    let missing = rendered_jobs(stack).await.into_iter().filter(|name| !known.contains(name.as_str()));
    missing
        .map(|name| {
            Finding::broken(format!("job:{name}"), name, "is rendered, and Prometheus does not have it")
                .why("it runs with an older configuration")
                .fix(format!("{} restart {}", stack.docker(), deployed.container.name))
        })
        .collect()
}

/// Exporters whose own metric says that they do not reach what they watch.
async fn subjects(stack: &Stack, snapshot: &Snapshot<'_>) -> Vec<Finding> {
    let Some(prometheus) = stack.prometheus().await else { return Vec::new() };
    let with_up = snapshot.catalog.components.values().filter_map(|component| {
        let scrape = component.manifest.scrape.as_ref()?;
        stack.of(&component.manifest.name)?;
        Some((scrape.job.as_str(), scrape.up.as_deref()?))
    });
    let mut findings = Vec::new();
    for (job, up) in with_up {
        for sample in prometheus.query(&format!("{up}{{job=\"{job}\"}} == 0")).await.unwrap_or_default() {
            let instance = sample.labels.get("instance").cloned().unwrap_or_default();
            findings.push(subject(stack, snapshot, job, &instance).await);
        }
    }
    findings
}

async fn subject(stack: &Stack, snapshot: &Snapshot<'_>, job: &str, instance: &str) -> Finding {
    let name = format!("{job}/{instance}");
    let finding = |what: String| {
        Finding::broken(format!("target:{name}"), name.clone(), what).fix(format!("watchpost logs {instance}"))
    };
    let Some(deployed) = stack.services.get(instance) else {
        return finding("the exporter does not reach what it watches".into());
    };
    let Some(line) = docker::error_or_last_line(&stack.log(instance).await) else {
        return finding("the exporter does not reach what it watches, and does not say why".into());
    };
    let lower = line.to_lowercase();
    let login = ["authentication", "password", "noauth", "wrongpass", "denied"].iter().any(|word| lower.contains(word));
    let fix = match (login, deployed.service.secrets.as_slice()) {
        (true, [name, ..]) => format!("set {} to what the server takes, then watchpost up", secret(snapshot, name)),
        (true, []) => format!("give `{instance}` a password in watchpost.yaml, then watchpost up"),
        (false, _) => format!("correct the address of `{instance}` in watchpost.yaml, then watchpost up"),
    };
    // In Go the cause comes last: `cannot open: pq: no such role`.
    let cause = line.rsplit(": ").next().unwrap_or(&line).to_owned();
    let found = finding(cause.clone()).fix(fix);
    if cause == line { found } else { found.why(format!("its log says: {line}")) }
}

/// A secret by its name, and its source where the spec tells it.
fn secret(snapshot: &Snapshot<'_>, name: &str) -> String {
    let secrets = snapshot.bundle.map(|bundle| &bundle.compose.secrets);
    let of = |name: &str| secrets.and_then(|all| all.get(name));
    let source = of(name).and_then(|secret| secret.extension.as_ref()?.of.clone()).unwrap_or_else(|| name.to_owned());
    match of(&source) {
        Some(Secret { environment: Some(variable), .. }) => format!("the secret `{source}` (the variable {variable})"),
        Some(Secret { file: Some(file), .. }) => format!("the secret `{source}` (the file {file})"),
        _ => format!("the secret `{source}`"),
    }
}

/// Probed addresses that fail: their alerts tell people, and the monitoring works all the same.
async fn probes(stack: &Stack) -> Vec<Finding> {
    let Some(prometheus) = stack.prometheus().await else { return Vec::new() };
    let failed = prometheus.query("probe_success == 0").await.unwrap_or_default();
    failed
        .iter()
        .map(|sample| {
            let instance = sample.labels.get("instance").map_or("", String::as_str);
            Finding::note(format!("probe:{instance}"), instance, "the probe of this address fails")
                .fix("the alert ProbeFailed tells about it; docs/runbooks/blackbox-exporter.md#probefailed")
        })
        .collect()
}

/// Host and port of a scrape's URL.
fn host_and_port(url: &str) -> (&str, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let default = if scheme == "https" { 443 } else { 80 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(host_and_port("http://node-exporter:9100/metrics"), ("node-exporter", 9100));
        assert_eq!(host_and_port("https://shop.example.com/metrics?x=1"), ("shop.example.com", 443));
        assert_eq!(host_and_port("http://[::1]/metrics"), ("[::1]", 80));
    }
}
