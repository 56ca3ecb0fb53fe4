//! Is every container the one that was deployed, and does it run well?

use std::collections::BTreeMap;

use crate::compose::{self, values};
use crate::deployed::stack::{Deployed, Services};
use crate::docker::{self, Inspection};
use crate::fix::Fix;
use crate::plan::observed::{Health, label};
use crate::render::Bundle;
use crate::time;
use crate::verify::links::containers::id;
use crate::verify::links::containers::look::{Clocks, ContainerState, ContainersSnapshot};
use crate::verify::memory;
use crate::verify::report::{Checked, Finding, Link};

/// Restarts are a fault while the last one is this recent, in seconds; later they are worth knowing.
const RECENT: f64 = 900.0;
const MIB: u64 = 1_048_576;

/// `now` is in seconds since 1970, by the clock of the Docker host.
pub fn judge(services: &Services, bundle: Option<&Bundle>, snapshot: &ContainersSnapshot, now: f64) -> Checked {
    let gone = ContainerState { inspection: Ok(None), files: None, log: Vec::new() };
    let mut findings = Vec::new();
    for (name, deployed) in services.iter() {
        let state = snapshot.services.get(name).unwrap_or(&gone);
        findings.extend(container(name, deployed, bundle, state, now));
    }
    findings.extend(missing(services, bundle));
    findings.extend(clocks(&snapshot.clocks));
    Checked::new(Link::Containers, &[("container", services.len())], findings)
}

/// Services of the spec that the host does not have.
fn missing(services: &Services, bundle: Option<&Bundle>) -> Vec<Finding> {
    let wanted = bundle.map(|bundle| bundle.compose.services.keys()).into_iter().flatten();
    let missing = wanted.filter(|name| !services.contains_key(*name));
    missing.map(|name| Finding::broken(id(name), name, "is in the spec but not deployed").fix(Fix::up())).collect()
}

fn container(
    name: &str,
    deployed: &Deployed,
    bundle: Option<&Bundle>,
    state: &ContainerState,
    now: f64,
) -> Vec<Finding> {
    let found = match &state.inspection {
        Ok(Some(found)) => found,
        Ok(None) => return vec![Finding::broken(id(name), name, "was just removed").fix(Fix::up())],
        Err(error) => {
            let inspect = Fix::docker(["inspect", &deployed.container.name]).note("shows why");
            return vec![Finding::broken(id(name), name, "cannot be inspected").why(error).fix(inspect)];
        }
    };
    if let Some(finding) = not_running(name, deployed, found, &state.log) {
        return vec![finding];
    }
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(files(name, deployed, state.files.as_deref()));
    findings.extend(settings(name, deployed, found));
    findings.extend(restarts(name, deployed, found, now));
    findings.extend(bundle.and_then(|bundle| pending(name, deployed, bundle)));
    if findings.iter().all(|finding| !finding.is_broken()) {
        findings.insert(0, Finding::ok(id(name), name));
    }
    findings
}

/// A container that is paused, has stopped, keeps restarting or is unhealthy.
fn not_running(name: &str, deployed: &Deployed, found: &Inspection, log: &[String]) -> Option<Finding> {
    if found.paused {
        let unpause = Fix::docker(["unpause", &deployed.container.name]);
        return Some(Finding::broken(id(name), name, "is paused").fix(unpause));
    }
    let mut finding = if found.restarting {
        Finding::broken(id(name), name, format!("keeps restarting: {}", times(found.restarts)))
    } else if !found.running {
        Finding::broken(id(name), name, format!("has stopped with exit status {}", found.exit_code))
    } else if found.health == Health::Unhealthy {
        Finding::broken(id(name), name, "is unhealthy")
    } else {
        return None;
    };
    if found.out_of_memory {
        return Some(finding.why(memory::killed(found.memory_limit)).fix(memory::raise(name, found.memory_limit)));
    }
    let check = found.health_output.lines().next_back().unwrap_or_default();
    if found.running && !found.restarting && !check.is_empty() {
        finding = finding.why(format!("its health check says: {check}"));
    }
    // A line about an error explains more than the exit status, unless somebody stopped it.
    let stopped_by_hand = matches!(found.exit_code, 0 | 137 | 143) && !found.restarting;
    if let Some(line) = docker::error_or_last_line(log).filter(|_| !stopped_by_hand) {
        finding = finding.why(format!("its log says: {line}"));
    }
    Some(finding.fix(Fix::up()))
}

fn times(restarts: i64) -> String {
    if restarts == 1 { "1 restart so far".into() } else { format!("{restarts} restarts so far") }
}

/// Containers that use nearly all of their memory. `used` is in bytes, by service.
pub fn memory(services: &Services, used: &BTreeMap<String, u64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, deployed) in services.iter() {
        let limit = deployed.service.mem_limit.as_deref().and_then(values::bytes).unwrap_or_default();
        let used = used.get(name).copied().unwrap_or_default();
        let Some(share) = memory::near_limit(used, limit) else { continue };
        let what = format!("uses {share} % of its memory limit of {} MiB", limit / MIB);
        findings.push(Finding::broken(format!("memory:{name}"), name, what).fix(memory::raise(name, limit)));
    }
    findings
}

/// Removes the container, so that `up` creates it again as the spec says.
fn recreate(deployed: &Deployed) -> Fix {
    Fix::docker(["rm", "-f", &deployed.container.name]).then(Fix::up())
}

/// Are the files still the deployed ones? `now` is their hash.
fn files(name: &str, deployed: &Deployed, now: Option<&str>) -> Option<Finding> {
    let hash = deployed.container.label(label::FILES);
    if hash.is_empty() || now == Some(hash) {
        return None;
    }
    let what = if now.is_some() { "its files were changed on the host" } else { "its files are unreadable" };
    Some(Finding::broken(format!("files:{name}"), name, what).fix(recreate(deployed)))
}

/// Settings that somebody changed on the container itself, where its labels do not show it.
fn settings(name: &str, deployed: &Deployed, found: &Inspection) -> Option<Finding> {
    let service = &deployed.service;
    let limit = service.mem_limit.as_deref().and_then(values::bytes);
    let mut changed = Vec::new();
    if limit.is_some_and(|limit| limit != found.memory_limit) {
        changed.push(match found.memory_limit {
            0 => "no memory limit".into(),
            bytes => format!("memory limit {} MiB", bytes / MIB),
        });
    }
    if !service.image.is_empty() && service.image != found.image {
        changed.push(format!("image {}", found.image));
    }
    if service.command.as_ref().is_some_and(|command| *command != found.command) {
        changed.push("another command".into());
    }
    if changed.is_empty() {
        return None;
    }
    let what = format!("does not run as it was deployed: {}", changed.join(", "));
    Some(Finding::broken(format!("settings:{name}"), name, what).fix(recreate(deployed)))
}

fn restarts(name: &str, deployed: &Deployed, found: &Inspection, now: f64) -> Option<Finding> {
    if found.restarts == 0 {
        return None;
    }
    let id = format!("restarts:{name}");
    let number = if found.restarts == 1 { "once".into() } else { format!("{} times", found.restarts) };
    let what = format!("has restarted {number} since it was deployed");
    let recent = time::parse(&found.started_at).is_some_and(|started| now - started < RECENT);
    if !recent {
        return Some(Finding::note(id, name, what));
    }
    let finding = Finding::broken(id, name, what);
    if found.out_of_memory {
        return Some(finding.why(memory::killed(found.memory_limit)).fix(memory::raise(name, found.memory_limit)));
    }
    let logs = Fix::watchpost(["logs", name]).note("shows why");
    let restart = Fix::docker(["restart", &deployed.container.name]).note("clears the count");
    Some(finding.why(format!("it ended with exit status {}", found.exit_code)).fix(logs.then(restart)))
}

/// Changes of the spec that nobody has deployed.
fn pending(name: &str, deployed: &Deployed, bundle: &Bundle) -> Option<Finding> {
    let service = bundle.compose.services.get(name)?;
    let same_settings = compose::hash(service) == deployed.container.label(label::CONFIG_HASH);
    let same_files = !service.has_files() || bundle.files_hash(name) == deployed.container.label(label::FILES);
    if same_settings && same_files {
        return None;
    }
    let plan = Fix::watchpost(["plan"]).note("shows the changes");
    let what = "the spec has changes that are not deployed";
    Some(Finding::note(format!("pending:{name}"), name, what).fix(plan.then(Fix::up())))
}

/// This machine, the Docker host and Prometheus must agree on the time. One finding: they are rarely off alone.
fn clocks(clocks: &Clocks) -> Option<Finding> {
    let host = clocks.host.and_then(|clock| clock.finding("clock", "clock", "the Docker host's"));
    host.or_else(|| clocks.prometheus.and_then(|clock| clock.finding("clock", "clock", "Prometheus's")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Service;
    use crate::deployed::stack::testing;
    use crate::verify::clock::ClockReading;
    use crate::verify::report::Verdict;

    const NOW: f64 = 1_700_000_000.0;

    fn deployed() -> Deployed {
        let service = Service {
            image: "prom/prometheus:v3".into(),
            command: Some(vec!["--config".into()]),
            mem_limit: Some("128m".into()),
            ..Service::default()
        };
        let mut deployed = testing::deployed("shop", "prometheus", service);
        let hash = compose::hash(&deployed.service);
        deployed.container.labels.insert(label::CONFIG_HASH.into(), hash);
        deployed.container.labels.insert(label::FILES.into(), "abc".into());
        deployed
    }

    fn healthy() -> ContainerState {
        let inspection = Inspection {
            running: true,
            health: Health::Healthy,
            image: "prom/prometheus:v3".into(),
            command: vec!["--config".into()],
            memory_limit: 128 * MIB,
            started_at: time::text(NOW - 60.0),
            ..Inspection::default()
        };
        ContainerState { inspection: Ok(Some(inspection)), files: Some("abc".into()), log: Vec::new() }
    }

    fn with(change: impl FnOnce(&mut Inspection)) -> ContainerState {
        let mut state = healthy();
        change(state.inspection.as_mut().ok().and_then(Option::as_mut).expect("a container"));
        state
    }

    fn judged(state: ContainerState, bundle: Option<&Bundle>) -> Checked {
        let services = Services::from([("prometheus".to_owned(), deployed())]);
        let snapshot = ContainersSnapshot {
            services: BTreeMap::from([("prometheus".to_owned(), state)]),
            clocks: Clocks::default(),
        };
        judge(&services, bundle, &snapshot, NOW)
    }

    /// The one finding of that id.
    #[track_caller]
    fn found(state: ContainerState, id: &str) -> Finding {
        let checked = judged(state, None);
        checked.findings.iter().find(|finding| finding.id == id).cloned().unwrap_or_else(|| panic!("{checked:#?}"))
    }

    #[test]
    fn a_container_that_runs_as_deployed_is_the_only_finding() {
        let checked = judged(healthy(), None);
        assert_eq!(checked.findings, [Finding::ok("container:prometheus", "prometheus")]);
        assert_eq!((checked.verdict, checked.counts[0].number), (Verdict::Ok, 1));
    }

    #[test]
    fn a_container_that_does_not_run_is_named_with_the_way_it_ended() {
        let found = |state| found(state, "container:prometheus");
        let stopped = |exit_code| with(|found| (found.running, found.exit_code) = (false, exit_code));
        let logged = |state| ContainerState { log: vec!["level=ERROR err=\"no such flag\"".into()], ..state };

        let crashed = found(logged(stopped(1)));
        assert_eq!(crashed.what, "has stopped with exit status 1");
        assert_eq!((crashed.why, crashed.fix), (vec!["its log says: no such flag".to_owned()], Some(Fix::up())));
        assert!(found(logged(stopped(143))).why.is_empty(), "somebody stopped it: the log explains nothing");

        let restarting = with(|found| (found.restarting, found.restarts, found.exit_code) = (true, 3, 0));
        let restarting = found(logged(restarting));
        assert_eq!(restarting.what, "keeps restarting: 3 restarts so far");
        assert_eq!(restarting.why, ["its log says: no such flag"]);

        let unhealthy = with(|found| {
            (found.health, found.health_output) = (Health::Unhealthy, "tried\nconnection refused".into());
            found.exit_code = 1;
        });
        let unhealthy = found(unhealthy);
        assert_eq!((unhealthy.what.as_str(), unhealthy.verdict), ("is unhealthy", Verdict::Broken));
        assert_eq!(unhealthy.why, ["its health check says: connection refused"]);

        let paused = found(with(|found| found.paused = true));
        assert_eq!(
            (paused.what.as_str(), paused.fix_text().as_str()),
            ("is paused", "docker unpause shop-prometheus-1")
        );

        let gone = found(ContainerState { inspection: Ok(None), ..healthy() });
        assert_eq!((gone.what.as_str(), gone.fix_text().as_str()), ("was just removed", "watchpost up"));
        let silent = found(ContainerState { inspection: Err("time-out".into()), ..healthy() });
        assert_eq!((silent.verdict, silent.why[0].as_str()), (Verdict::Broken, "time-out"));
        assert_eq!(silent.fix_text(), "docker inspect shop-prometheus-1 (shows why)");
    }

    #[test]
    fn a_container_that_the_kernel_killed_needs_more_memory() {
        let killed = with(|found| (found.running, found.exit_code, found.out_of_memory) = (false, 137, true));
        let killed = found(killed, "container:prometheus");
        assert_eq!(killed.why, ["the kernel killed it at its memory limit of 128 MiB"]);
        assert_eq!(killed.fix, Some(memory::raise("prometheus", 128 * MIB)));
    }

    #[test]
    fn files_that_changed_or_vanished_are_broken_and_the_container_is_recreated() {
        let files = |hash: Option<&str>| ContainerState { files: hash.map(str::to_owned), ..healthy() };
        let changed = found(files(Some("other")), "files:prometheus");
        assert_eq!((changed.verdict, changed.what.as_str()), (Verdict::Broken, "its files were changed on the host"));
        assert_eq!(changed.fix_text(), "docker rm -f shop-prometheus-1 && watchpost up");
        assert_eq!(found(files(None), "files:prometheus").what, "its files are unreadable");
    }

    #[test]
    fn settings_changed_on_the_container_are_named_one_by_one() {
        let changed = with(|found| {
            found.memory_limit = 300 * MIB;
            found.image = "other:1".into();
            found.command = Vec::new();
        });
        let changed = found(changed, "settings:prometheus");
        assert_eq!(
            changed.what,
            "does not run as it was deployed: memory limit 300 MiB, image other:1, another command"
        );
        assert_eq!(changed.fix_text(), "docker rm -f shop-prometheus-1 && watchpost up");
        let lifted = found(with(|found| found.memory_limit = 0), "settings:prometheus");
        assert!(lifted.what.ends_with(": no memory limit"), "{lifted:?}");
    }

    #[test]
    fn a_restart_is_broken_while_it_is_recent_and_known_for_ever() {
        let restarted = |seconds_ago: f64| {
            with(|found| {
                (found.restarts, found.exit_code) = (3, 7);
                found.started_at = time::text(NOW - seconds_ago);
            })
        };
        let now = found(restarted(60.0), "restarts:prometheus");
        assert_eq!((now.verdict, now.why[0].as_str()), (Verdict::Broken, "it ended with exit status 7"));
        assert_eq!(
            now.fix_text(),
            "watchpost logs prometheus (shows why), then docker restart shop-prometheus-1 (clears the count)"
        );
        let before = judged(restarted(86_400.0), None);
        let verdicts: Vec<_> = before.findings.iter().map(|finding| (finding.id.as_str(), finding.verdict)).collect();
        assert_eq!(verdicts, [("container:prometheus", Verdict::Ok), ("restarts:prometheus", Verdict::Note)]);
        let killed = with(|found| {
            (found.restarts, found.out_of_memory) = (1, true);
        });
        assert!(found(killed, "restarts:prometheus").fix_text().contains("prometheus.memory=256m"));
    }

    #[test]
    fn memory_near_its_limit_is_broken() {
        let services = Services::from([("prometheus".to_owned(), deployed())]);
        let used = |mib: u64| memory(&services, &BTreeMap::from([("prometheus".to_owned(), mib * MIB)]));
        assert_eq!(used(100), []);
        assert_eq!(memory(&services, &BTreeMap::new()), [], "a container that does not run");
        let found = used(120).remove(0);
        assert_eq!((found.id.as_str(), found.verdict), ("memory:prometheus", Verdict::Broken));
        assert_eq!(found.what, "uses 93 % of its memory limit of 128 MiB");
        assert!(found.fix_text().starts_with("watchpost up --set prometheus.memory=256m"));
    }

    #[test]
    fn what_the_spec_says_beyond_what_is_deployed_is_pending_or_missing() {
        let mut bundle = Bundle::default();
        bundle.compose.services.insert("prometheus".into(), deployed().service);
        assert_eq!(judged(healthy(), Some(&bundle)).findings.len(), 1, "all of it is deployed");
        bundle.compose.services.insert("grafana".into(), Service::default());
        bundle.compose.services.get_mut("prometheus").expect("a service").image = "prom/prometheus:v4".into();
        let checked = judged(healthy(), Some(&bundle));
        let found: Vec<_> = checked.findings.iter().map(|f| (f.id.as_str(), f.verdict, f.fix_text())).collect();
        assert_eq!(
            found,
            [
                ("container:prometheus", Verdict::Ok, String::new()),
                ("pending:prometheus", Verdict::Note, "watchpost plan (shows the changes), then watchpost up".into()),
                ("container:grafana", Verdict::Broken, "watchpost up".into()),
            ]
        );
    }

    #[test]
    fn a_clock_that_differs_is_found_and_one_that_agrees_is_not() {
        let reading = |theirs| Some(ClockReading { theirs, ours: 1000.0, uncertain: 0.1 });
        assert_eq!(clocks(&Clocks { host: reading(1001.0), prometheus: reading(999.0) }), None);
        assert_eq!(clocks(&Clocks::default()), None);
        let found = clocks(&Clocks { host: reading(1180.0), prometheus: reading(1180.0) }).expect("broken");
        assert_eq!((found.id.as_str(), found.verdict), ("clock", Verdict::Broken));
        assert!(found.what.starts_with("the Docker host's clock is"), "{found:?}");
        let found = clocks(&Clocks { host: None, prometheus: reading(995.0) }).expect("a note");
        assert!(found.verdict == Verdict::Note && found.what.starts_with("Prometheus's clock"), "{found:?}");
    }
}
