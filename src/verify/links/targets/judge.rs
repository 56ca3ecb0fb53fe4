//! Which targets fail, why, and what fixes them.

use std::collections::BTreeSet;

use super::exporter::{self, cut_off};
use super::host;
use super::id;
use super::look::{FailingTarget, TargetsSnapshot};
use crate::clients::prometheus::Target;
use crate::clients::prometheus::scrape::{ScrapeError, ScrapeFailure};
use crate::deployed::freshness::Outdated;
use crate::deployed::stack::{Deployed, Services};
use crate::fix::Fix;
use crate::plan::observed::State;
use crate::verify::chain;
use crate::verify::links::containers;
use crate::verify::reload;
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::{Down, Snapshot};

pub fn judge(snapshot: &Snapshot<'_>, targets: &TargetsSnapshot) -> Checked {
    let all = match &snapshot.targets {
        Ok(all) => all,
        Err(error) => return unreachable(Link::Targets, &snapshot.services, &error.message),
    };
    let mut findings: Vec<Finding> = all.iter().map(|one| target(snapshot, targets, one)).collect();
    findings.extend(configuration(&snapshot.services, targets));
    findings.extend(jobs(&snapshot.services, all, &targets.jobs));
    // An exporter that answers and does not reach what it watches is down all the same.
    for exporter in &targets.cut_off {
        let finding = cut_off(snapshot, targets, exporter);
        match findings.iter().position(|known| known.id == finding.id) {
            Some(at) if findings[at].is_broken() => {}
            Some(at) => findings[at] = finding,
            None => findings.push(finding),
        }
    }
    findings.extend(targets.failed_probes.iter().map(|address| failed_probe(address)));
    Checked::new(Link::Targets, &[("target", all.len())], findings)
}

/// A link that needs Prometheus, without it.
pub fn unreachable(link: Link, services: &Services, error: &str) -> Checked {
    if let Some(removed) = services.removed_of("prometheus") {
        return Checked::new(link, &[], vec![silent(link, removed, false, error)]);
    }
    let Some((name, deployed)) = services.first_of("prometheus") else {
        return Checked::not_checked(link, "this stack has no Prometheus", None);
    };
    Checked::new(link, &[], vec![silent(link, name, deployed.is_running(), error)])
}

/// Prometheus does not answer.
pub fn silent(link: Link, service: &str, running: bool, error: &str) -> Finding {
    let because = (!running).then(|| containers::id(service));
    let logs = Fix::watchpost(["logs", service]).note("shows why");
    let finding = Finding::broken(format!("prometheus:{}", link.name()), service, "does not answer");
    finding.why(error).because(because).fix(logs)
}

/// Broken targets, for what rests on them.
pub fn down(checked: &Checked, snapshot: &Snapshot<'_>) -> Vec<Down> {
    let broken: BTreeSet<&str> = checked.broken().map(|finding| finding.id.as_str()).collect();
    let mut down = Vec::new();
    for target in snapshot.targets.as_deref().unwrap_or_default() {
        if broken.contains(id(target).as_str()) {
            let (job, instance) = (target.label("job").to_owned(), target.label("instance").to_owned());
            down.push(Down { id: id(target), job, instance });
        }
    }
    down
}

/// Targets whose container does not do its work follow from that.
pub fn follow(mut targets: Checked, containers: &Checked, snapshot: &Snapshot<'_>) -> Checked {
    follow_in(&mut targets, containers, snapshot);
    targets
}

/// The same once memory and disks are known: a Prometheus that lacks memory gives up scrapes that would be answered, and
/// one outside the network reaches nobody.
pub fn follow_in(targets: &mut Checked, containers: &Checked, snapshot: &Snapshot<'_>) {
    let prometheus = snapshot.services.first_of("prometheus").map_or("prometheus", |(name, _)| name);
    let ailing = chain::what_ails(prometheus, containers);
    let all = snapshot.targets.as_deref().unwrap_or_default();
    for finding in targets.findings.iter_mut().filter(|finding| finding.is_broken()) {
        let Some(target) = all.iter().find(|target| id(target) == finding.id) else { continue };
        let host = target.address().0;
        let timed_out = target.failure().failure == ScrapeFailure::TimedOut;
        let own = |cause: &&Finding| cause.id.starts_with("network:") || timed_out && cause.id.starts_with("memory:");
        let cause = chain::what_ails(host, containers).or(ailing.filter(own));
        if let Some(cause) = cause {
            finding.because = Some(cause.id.clone());
            finding.fix.clone_from(&cause.fix);
        }
    }
}

fn target(snapshot: &Snapshot<'_>, targets: &TargetsSnapshot, target: &Target) -> Finding {
    match (target.health.as_str(), snapshot.freshness.outdated(target)) {
        ("unknown", _) => later(target, "was not scraped yet"),
        (_, Some(Outdated::Started)) => later(target, "was not scraped since its container was started"),
        (_, Some(Outdated::Answers)) => later(target, "answers again, and was not scraped since"),
        ("up", None) => Finding::ok(id(target), target.name()),
        _ => match exporter::silent(snapshot, &targets.logs, target) {
            Some(exporter) => cut_off(snapshot, targets, &exporter),
            None => failing(snapshot, targets, target),
        },
    }
}

/// Too early to say.
fn later(target: &Target, what: &str) -> Finding {
    Finding::not_checked(id(target), target.name(), what)
        .why(format!("Prometheus scrapes it every {}", target.scrape_interval))
        .fix(Fix::watchpost(["verify"]).note("a little later"))
}

fn failing(snapshot: &Snapshot<'_>, targets: &TargetsSnapshot, target: &Target) -> Finding {
    let name = target.address().0;
    let ScrapeError { failure, words } = target.failure();
    let nothing = FailingTarget::default();
    let seen = targets.failing.get(&target.scrape_url).unwrap_or(&nothing);
    if let Some((what, fix)) = host::explain(target, failure, seen.listening.as_deref()) {
        return Finding::broken(id(target), target.name(), what).why(words).fix(fix);
    }
    let mut finding = Finding::broken(id(target), target.name(), words);
    if let Some(answer) = &seen.answer {
        finding = finding.why(format!("asked from inside the network: {answer}"));
    }
    if let (ScrapeFailure::Refused, [port, ..]) = (failure, seen.ports.as_slice()) {
        finding = finding.why(format!("the container `{name}` listens on port {port}"));
    }
    match absence(snapshot, target, failure, seen) {
        Some((why, fix)) => finding.why(why).fix(fix),
        None => finding.fix(fix_target(snapshot, target, name, failure)),
    }
}

/// The target's container has left the network, or is another project's and cannot be reached.
fn absence(
    snapshot: &Snapshot<'_>,
    target: &Target,
    failure: ScrapeFailure,
    seen: &FailingTarget,
) -> Option<(String, Fix)> {
    if !matches!(failure, ScrapeFailure::NoHost | ScrapeFailure::TimedOut | ScrapeFailure::NoRoute) {
        return None;
    }
    let name = target.address().0;
    if let Some(deployed) = snapshot.services.get(name) {
        let lost = exporter::lost_networks(deployed).into_iter().next()?;
        let why = format!("its container is no longer on the network `{lost}`");
        return Some((why, exporter::recreate(deployed)));
    }
    let (_, prometheus) = snapshot.services.first_of("prometheus")?;
    let meant = seen.containers.first()?;
    match meant.state {
        // Prometheus has no setting for further networks.
        State::Running if !meant.networks.iter().any(|n| prometheus.container.addresses.contains_key(n)) => {
            let network = prometheus.container.addresses.keys().next()?;
            let why = format!("the container `{}` is not on the stack's network `{network}`", meant.name);
            let alias = ["network", "connect", "--alias", name, network, &meant.name];
            Some((why, Fix::docker(alias)))
        }
        _ => exporter::absent(name, &seen.containers, prometheus),
    }
}

fn fix_target(snapshot: &Snapshot<'_>, target: &Target, host: &str, failure: ScrapeFailure) -> Fix {
    if let Some(deployed) = snapshot.services.get(host) {
        if !deployed.is_running() {
            return Fix::up();
        }
        // A job of the user's own may name a service of ours and a wrong port: then the spec is to be corrected.
        if is_own_job(snapshot, deployed, target) {
            return Fix::watchpost(["logs", host]).note("shows why");
        }
    }
    let job = target.label("job");
    let what = match failure {
        ScrapeFailure::Refused => format!("correct the port of the job `{job}`"),
        ScrapeFailure::NoHost => format!("correct the address of the job `{job}`"),
        ScrapeFailure::NotFound | ScrapeFailure::NotMetrics => format!("correct the path or port of the job `{job}`"),
        ScrapeFailure::Tls => format!("correct the `scheme` of the job `{job}`"),
        ScrapeFailure::Login => format!("give the job `{job}` a login, or let Prometheus in without one"),
        ScrapeFailure::TimedOut | ScrapeFailure::NoRoute | ScrapeFailure::Other => {
            format!("check the address of the job `{job}`")
        }
    };
    Fix::spec("targets", what).then(Fix::up())
}

/// Is the target one that we scrape the service by ourselves?
fn is_own_job(snapshot: &Snapshot<'_>, deployed: &Deployed, target: &Target) -> bool {
    let component = snapshot.catalog.components.get(deployed.component());
    let scrape = component.and_then(|component| component.manifest.scrape.as_ref());
    scrape.is_some_and(|scrape| scrape.job == target.label("job"))
}

/// Did Prometheus reject the configuration that it was given last?
fn configuration(services: &Services, targets: &TargetsSnapshot) -> Option<Finding> {
    let (name, deployed) = services.first_of("prometheus")?;
    if targets.accepted != Some(false) {
        return None;
    }
    let log = targets.logs.get(name).map(Vec::as_slice).unwrap_or_default();
    Some(reload::rejected("configuration:prometheus", name, &deployed.container.name, log))
}

/// Deployed scrape jobs that Prometheus does not have.
fn jobs(services: &Services, targets: &[Target], jobs: &[String]) -> Vec<Finding> {
    let Some((_, deployed)) = services.first_of("prometheus") else { return Vec::new() };
    let known: BTreeSet<&str> = targets.iter().map(|target| target.scrape_pool.as_str()).collect();
    let missing = |name: &String| {
        Finding::broken(format!("job:{name}"), name, "is deployed, but Prometheus does not have it")
            .why("Prometheus runs an older configuration")
            .fix(Fix::docker(["restart", &deployed.container.name]))
    };
    jobs.iter().filter(|name| !known.contains(name.as_str())).map(missing).collect()
}

/// Its alert notifies people: the monitoring itself works.
fn failed_probe(address: &str) -> Finding {
    Finding::note(format!("probe:{address}"), address, "the probe of this address fails")
        .why("the alert ProbeFailed fires for it")
        .fix("see docs/runbooks/blackbox-exporter.md#probefailed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::clients::api::ApiError;
    use crate::compose::{Secret, SecretExtension, Service};
    use crate::deployed::stack::testing;
    use crate::plan::observed::State;
    use crate::render::Bundle;
    use crate::verify::links::targets::look::CutOff;
    use crate::verify::report::Verdict;

    fn catalog() -> Catalog {
        Catalog::embedded().expect("the catalog")
    }

    /// Recorded from a stack of Prometheus 3.5 whose spec has targets that fail in every way.
    fn recorded() -> Vec<Target> {
        let text = include_str!("../../../../tests/fixtures/verify/targets.json");
        let answer: serde_json::Value = serde_json::from_str(text).expect("JSON");
        serde_json::from_value(answer["data"]["activeTargets"].clone()).expect("targets")
    }

    fn services() -> Services {
        let exporter = Service { secrets: vec!["db".into()], ..Service::default() };
        Services::from([
            ("prometheus".to_owned(), testing::deployed("shop", "prometheus", Service::default())),
            ("node-exporter".to_owned(), testing::deployed("shop", "node-exporter", Service::default())),
            ("alertmanager".to_owned(), testing::deployed("shop", "alertmanager", Service::default())),
            ("postgres-exporter".to_owned(), testing::deployed("shop", "postgres-exporter", exporter)),
        ])
    }

    fn snapshot<'a>(catalog: &'a Catalog, targets: Vec<Target>) -> Snapshot<'a> {
        Snapshot { targets: Ok(targets), services: services(), ..Snapshot::empty(catalog) }
    }

    #[track_caller]
    fn only<'a>(findings: &'a [Finding], id: &str) -> &'a Finding {
        findings.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("no {id} in {findings:#?}"))
    }

    fn target_named(job: &str, url: &str, health: &str, error: &str) -> Target {
        let instance = url.split_once("://").map_or(url, |(_, rest)| rest.split(['/', ':']).next().unwrap_or(rest));
        serde_json::from_value(serde_json::json!({
            "labels": {"job": job, "instance": instance}, "scrapePool": job, "scrapeUrl": url, "lastError": error,
            "lastScrape": "2026-11-27T10:00:00Z", "health": health, "scrapeInterval": "15s", "scrapeTimeout": "10s",
        }))
        .expect("a target")
    }

    #[test]
    fn healthy_targets_are_the_only_findings() {
        let catalog = catalog();
        let targets = vec![
            target_named("prometheus", "http://prometheus:9090/metrics", "up", ""),
            target_named("node", "http://node-exporter:9100/metrics", "up", ""),
        ];
        let jobs = vec!["prometheus".to_owned(), "node".to_owned()];
        let looked = TargetsSnapshot { jobs, accepted: Some(true), ..TargetsSnapshot::default() };
        let checked = judge(&snapshot(&catalog, targets), &looked);
        let found: Vec<_> = checked.findings.iter().map(|finding| (finding.id.as_str(), finding.verdict)).collect();
        assert_eq!(found, [("target:prometheus/prometheus", Verdict::Ok), ("target:node/node-exporter", Verdict::Ok)]);
        assert_eq!((checked.verdict, checked.counts[0].number), (Verdict::Ok, 2));
    }

    #[test]
    fn a_target_that_waits_for_its_first_scrape_is_not_checked() {
        let catalog = catalog();
        let waiting = target_named("node", "http://node-exporter:9100/metrics", "unknown", "");
        let checked = judge(&snapshot(&catalog, vec![waiting]), &TargetsSnapshot::default());
        let found = only(&checked.findings, "target:node/node-exporter");
        assert_eq!((found.verdict, found.why[0].as_str()), (Verdict::NotChecked, "Prometheus scrapes it every 15s"));
    }

    #[test]
    fn a_target_that_was_not_scraped_since_its_container_started_is_neither_ok_nor_broken() {
        let catalog = catalog();
        for health in ["up", "down"] {
            let node = target_named("node", "http://node-exporter:9100/metrics", health, "lookup: no such host");
            let mut snapshot = snapshot(&catalog, vec![node]);
            let started = crate::time::parse("2026-11-27T10:00:01Z").expect("a time");
            snapshot.freshness.started.insert("node-exporter".into(), started);
            let checked = judge(&snapshot, &TargetsSnapshot::default());
            let found = only(&checked.findings, "target:node/node-exporter");
            assert_eq!(found.verdict, Verdict::NotChecked);
            assert_eq!(found.what, "was not scraped since its container was started");
            snapshot.freshness.started.insert("node-exporter".into(), started - 2.0);
            let checked = judge(&snapshot, &TargetsSnapshot::default());
            let found = only(&checked.findings, "target:node/node-exporter");
            assert_eq!(found.verdict, if health == "up" { Verdict::Ok } else { Verdict::Broken });
        }
    }

    #[test]
    fn a_target_that_failed_and_answers_by_now_is_not_broken_until_it_is_scraped_again() {
        let catalog = catalog();
        let shop = target_named("shop", "http://shop:80/metrics", "down", "context deadline exceeded");
        let mut snapshot = snapshot(&catalog, vec![shop.clone()]);
        snapshot.freshness.asked.insert(shop.scrape_url.clone(), Some(shop.last_scrape.clone()));
        let checked = judge(&snapshot, &TargetsSnapshot::default());
        let found = only(&checked.findings, "target:shop/shop");
        assert_eq!(
            (found.verdict, found.what.as_str()),
            (Verdict::NotChecked, "answers again, and was not scraped since")
        );
        snapshot.freshness.asked.insert(shop.scrape_url, Some("2026-11-27T09:59:45Z".into()));
        let checked = judge(&snapshot, &TargetsSnapshot::default());
        assert!(only(&checked.findings, "target:shop/shop").is_broken(), "it failed once more");
    }

    #[test]
    fn without_an_answer_of_prometheus_the_link_is_broken_and_without_prometheus_not_checked() {
        let catalog = catalog();
        let mut snapshot = snapshot(&catalog, Vec::new());
        snapshot.targets = Err(ApiError::new("connection refused"));
        let checked = judge(&snapshot, &TargetsSnapshot::default());
        let found = only(&checked.findings, "prometheus:targets");
        assert_eq!((found.verdict, found.because.as_deref()), (Verdict::Broken, None));
        assert_eq!(found.why, ["connection refused"]);

        let mut services = services();
        services.get_mut("prometheus").expect("deployed").container.state = State::Exited;
        let checked = unreachable(Link::Rules, &services, "it does not run");
        let found = only(&checked.findings, "prometheus:rules");
        assert_eq!(found.because.as_deref(), Some("container:prometheus"));

        let checked = unreachable(Link::Rules, &Services::default(), "");
        assert_eq!((checked.verdict, checked.findings[0].id.as_str()), (Verdict::NotChecked, "link:rules"));
    }

    #[test]
    fn every_recorded_failure_has_its_words_and_its_fix() {
        let catalog = catalog();
        let checked = judge(&snapshot(&catalog, recorded()), &TargetsSnapshot::default());
        let mut text = String::new();
        for finding in checked.broken() {
            text += &format!("{}: {}\n  fix: {}\n", finding.id, finding.what, finding.fix_text());
        }
        insta::assert_snapshot!(text, @r"
        target:gone/shop:80: the target answers 404: it has no such path
          fix: in watchpost.yaml under `targets`: correct the path or port of the job `gone`, then watchpost up
        target:login/shop:80: the target answers 401 and requires a login
          fix: in watchpost.yaml under `targets`: give the job `login` a login, or let Prometheus in without one, then watchpost up
        target:nowhere/no-such-host:80: DNS: the host `no-such-host` does not exist
          fix: in watchpost.yaml under `targets`: correct the address of the job `nowhere`, then watchpost up
        target:ours/alertmanager:9999: connection refused: nothing listens on alertmanager:9999
          fix: in watchpost.yaml under `targets`: correct the port of the job `ours`, then watchpost up
        target:page/shop:80: its answer is not in Prometheus's format
          fix: in watchpost.yaml under `targets`: correct the path or port of the job `page`, then watchpost up
        target:port/shop:81: connection refused: nothing listens on shop:81
          fix: in watchpost.yaml under `targets`: correct the port of the job `port`, then watchpost up
        target:slow/shop:82: no answer within 2s
          fix: in watchpost.yaml under `targets`: check the address of the job `slow`, then watchpost up
        target:tls/shop:80: TLS: server gave HTTP response to HTTPS client
          fix: in watchpost.yaml under `targets`: correct the `scheme` of the job `tls`, then watchpost up
        ");
    }

    #[test]
    fn what_a_container_of_the_stack_sees_is_said_beside_it() {
        let catalog = catalog();
        let target = target_named("shop", "http://shop:81/metrics", "down", "connect: connection refused");
        let seen = FailingTarget { answer: Some("connection refused".into()), ports: vec![8080], ..Default::default() };
        let looked =
            TargetsSnapshot { failing: [(target.scrape_url.clone(), seen)].into(), ..TargetsSnapshot::default() };
        let checked = judge(&snapshot(&catalog, vec![target]), &looked);
        let why = &only(&checked.findings, "target:shop/shop").why;
        assert_eq!(
            *why,
            ["asked from inside the network: connection refused", "the container `shop` listens on port 8080"]
        );
    }

    #[test]
    fn a_target_of_a_stopped_service_needs_up_and_one_of_ours_its_log() {
        let catalog = catalog();
        let node = target_named("node", "http://node-exporter:9100/metrics", "down", "connection refused");
        let mut snapshot = snapshot(&catalog, vec![node]);
        let fix = |snapshot: &Snapshot<'_>| {
            only(&judge(snapshot, &TargetsSnapshot::default()).findings, "target:node/node-exporter").fix_text()
        };
        assert_eq!(fix(&snapshot), "watchpost logs node-exporter (shows why)");
        snapshot.services.get_mut("node-exporter").expect("deployed").container.state = State::Exited;
        assert_eq!(fix(&snapshot), "watchpost up");
    }

    #[test]
    fn a_broken_container_is_the_cause_of_its_target_and_the_target_is_down() {
        let catalog = catalog();
        let node = target_named("node", "http://node-exporter:9100/metrics", "down", "connection refused");
        let other = target_named("prometheus", "http://prometheus:9090/metrics", "up", "");
        let snapshot = snapshot(&catalog, vec![node, other]);
        let containers = vec![Finding::broken(containers::id("node-exporter"), "node-exporter", "has stopped")];
        let containers = Checked::new(Link::Containers, &[], containers);
        let checked = follow(judge(&snapshot, &TargetsSnapshot::default()), &containers, &snapshot);
        let found = only(&checked.findings, "target:node/node-exporter");
        assert_eq!(found.because.as_deref(), Some("container:node-exporter"));
        let down = down(&checked, &snapshot);
        assert_eq!((down.len(), down[0].job.as_str()), (1, "node"));
    }

    #[test]
    fn a_prometheus_without_memory_or_network_is_the_cause_of_the_scrapes_that_it_gives_up() {
        let catalog = catalog();
        let target = |error: &str| target_named("node", "http://node-exporter:9100/metrics", "down", error);
        let because = |ailing: &str, error: &str| {
            let snapshot = snapshot(&catalog, vec![target(error)]);
            let cause = Finding::broken(ailing, "prometheus", "x").fix(Fix::words("the fix"));
            let containers = Checked::new(Link::Containers, &[], vec![cause]);
            let checked = follow(judge(&snapshot, &TargetsSnapshot::default()), &containers, &snapshot);
            only(&checked.findings, "target:node/node-exporter").because.clone()
        };
        let memory = "memory:prometheus";
        assert_eq!(because(memory, "context deadline exceeded").as_deref(), Some(memory));
        assert_eq!(because(memory, "connection refused"), None, "nobody listens, whoever asks");
        let network = "network:prometheus";
        assert_eq!(because(network, "lookup node-exporter: no such host").as_deref(), Some(network));
        assert_eq!(because("memory:grafana", "context deadline exceeded"), None);
    }

    #[test]
    fn a_rejected_configuration_and_a_job_that_is_missing_are_broken() {
        let catalog = catalog();
        let log = vec!["level=ERROR msg=\"Error reloading config\" err=\"no such field\"".to_owned()];
        let looked = TargetsSnapshot {
            jobs: vec!["node".into(), "shop".into()],
            accepted: Some(false),
            logs: [("prometheus".to_owned(), log)].into(),
            ..TargetsSnapshot::default()
        };
        let node = target_named("node", "http://node-exporter:9100/metrics", "up", "");
        let checked = judge(&snapshot(&catalog, vec![node]), &looked);
        let rejected = only(&checked.findings, "configuration:prometheus");
        assert_eq!(rejected.what, "rejected the new configuration and still runs the old one");
        assert_eq!(rejected.why, ["no such field"]);
        let missing = only(&checked.findings, "job:shop");
        assert_eq!(missing.fix_text(), "docker restart shop-prometheus-1");
        assert!(!checked.findings.iter().any(|finding| finding.id == "job:node"));
    }

    #[test]
    fn an_exporter_that_is_cut_off_is_broken_though_it_is_scraped() {
        let catalog = catalog();
        let target = target_named("postgres", "http://postgres-exporter:9187/metrics", "up", "");
        let mut bundle = Bundle::default();
        let variable = Secret { environment: Some("DB_PASSWORD".into()), ..Secret::default() };
        let written = SecretExtension { of: Some("password".into()), ..SecretExtension::default() };
        bundle.compose.secrets.insert("password".into(), variable);
        bundle.compose.secrets.insert("db".into(), Secret { extension: Some(written), ..Secret::default() });
        let mut snapshot = snapshot(&catalog, vec![target]);
        snapshot.bundle = Some(&bundle);
        let cut_off =
            vec![CutOff { job: "postgres".into(), instance: "postgres-exporter".into(), ..CutOff::default() }];
        let judged = |line: &str| {
            let logs = [("postgres-exporter".to_owned(), vec![line.to_owned()])].into();
            let looked = TargetsSnapshot { cut_off: cut_off.clone(), logs, ..TargetsSnapshot::default() };
            let checked = judge(&snapshot, &looked);
            assert_eq!(checked.findings.len(), 1, "one finding for one target");
            only(&checked.findings, "target:postgres/postgres-exporter").clone()
        };
        let login = judged(r#"level=ERROR err="cannot open: pq: password authentication failed for user \"a\"""#);
        assert_eq!(login.what, "password authentication failed: the server rejects the user `a` or its password");
        let fix = "set the secret `password` (the variable DB_PASSWORD) to the server's password, then watchpost up";
        assert_eq!(login.fix_text(), fix);
        let address = judged("level=ERROR err=\"dial tcp 10.0.0.2:5432: connect: connection refused\"");
        assert!(address.fix_text().contains("correct the address of `postgres-exporter`"), "{address:?}");

        let silent = TargetsSnapshot { cut_off: cut_off.clone(), ..TargetsSnapshot::default() };
        let silent = judge(&snapshot, &silent);
        let silent = only(&silent.findings, "target:postgres/postgres-exporter");
        assert!(silent.what.ends_with("its log does not say why"), "{silent:?}");
    }

    #[test]
    fn an_exporter_that_gives_no_answer_is_explained_by_its_log() {
        let catalog = catalog();
        let error = "Get \"http://postgres-exporter:9187/metrics\": context deadline exceeded";
        let target = target_named("postgres", "http://postgres-exporter:9187/metrics", "down", error);
        let log = |line: &str| {
            let logs = [("postgres-exporter".to_owned(), vec![line.to_owned()])].into();
            let looked = TargetsSnapshot { logs, ..TargetsSnapshot::default() };
            let checked = judge(&snapshot(&catalog, vec![target.clone()]), &looked);
            only(&checked.findings, "target:postgres/postgres-exporter").what.clone()
        };
        let lookup = r#"level=ERROR err="dial tcp: lookup db on 127.0.0.11:53: no such host""#;
        assert_eq!(log(lookup), "the host `db` does not exist");
        assert_eq!(log("level=INFO msg=listening"), "no answer within 10s");
    }

    #[test]
    fn a_failed_probe_is_a_note() {
        let catalog = catalog();
        let looked = TargetsSnapshot { failed_probes: vec!["https://shop".into()], ..TargetsSnapshot::default() };
        let checked = judge(&snapshot(&catalog, Vec::new()), &looked);
        assert_eq!(only(&checked.findings, "probe:https://shop").verdict, Verdict::Note);
    }
}
