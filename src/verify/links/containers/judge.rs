//! Is every container the one that was deployed, and does it run well?

use crate::clients::prometheus::Group;
use crate::compose;
use crate::deployed::resources::{Resources, data_volume};
use crate::deployed::stack::{Deployed, Services};
use crate::docker::{self, Inspection};
use crate::fix::Fix;
use crate::plan::observed::{Health, label};
use crate::render::Bundle;
use crate::time;
use crate::verify::links::containers::id;
use crate::verify::links::containers::look::{Clocks, ContainerState, ContainersSnapshot};
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::{memory, space};

/// Restarts are a fault while the last one is this recent, in seconds; later they are worth knowing.
const RECENT: f64 = 900.0;
/// A container with so many restarts that runs for less than this, in seconds, is between two crashes: the daemon starts
/// counting its pauses anew after ten seconds.
const LOOPING: (i64, f64) = (3, 10.0);
const MIB: u64 = 1_048_576;

/// `now` is in seconds since 1970, by the clock of the Docker host.
pub fn judge(services: &Services, bundle: Option<&Bundle>, snapshot: &ContainersSnapshot, now: f64) -> Checked {
    let gone = ContainerState { inspection: Ok(None), files: None, log: Vec::new() };
    let mut findings = Vec::new();
    for (name, deployed) in services.iter() {
        let state = snapshot.services.get(name).unwrap_or(&gone);
        findings.extend(container(name, deployed, bundle, state, now));
    }
    let removed = services.removed.iter();
    findings.extend(removed.map(|name| Finding::broken(id(name), name, "was removed").fix(Fix::up())));
    findings.extend(missing(services, bundle));
    findings.extend(clocks(&snapshot.clocks));
    Checked::new(Link::Containers, &[("container", services.len())], findings)
}

/// Services of the spec that the host does not have.
fn missing(services: &Services, bundle: Option<&Bundle>) -> Vec<Finding> {
    let wanted = bundle.map(|bundle| bundle.compose.services.keys()).into_iter().flatten();
    let missing = wanted.filter(|name| !services.contains_key(*name) && !services.removed.contains(*name));
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
    if let Some(finding) = not_running(name, deployed, found, &state.log, now) {
        return vec![finding];
    }
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(files(name, deployed, state.files.as_deref()));
    findings.extend(settings(name, deployed, found));
    findings.extend(network(name, deployed, found));
    findings.extend(restarts(name, deployed, found, &state.log, now));
    findings.extend(bundle.and_then(|bundle| pending(name, deployed, bundle)));
    if findings.iter().all(|finding| !finding.is_broken()) {
        findings.insert(0, Finding::ok(id(name), name));
    }
    findings
}

/// A container that is paused, has stopped, keeps restarting or is unhealthy.
fn not_running(name: &str, deployed: &Deployed, found: &Inspection, log: &[String], now: f64) -> Option<Finding> {
    if found.paused {
        let unpause = Fix::docker(["unpause", &deployed.container.name]);
        return Some(Finding::broken(id(name), name, "is paused").fix(unpause));
    }
    let looping = found.restarting || found.restarts >= LOOPING.0 && age(found, now).is_some_and(|age| age < LOOPING.1);
    let mut finding = if looping {
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
    if found.running && !looping && !check.is_empty() {
        finding = finding.why(format!("its health check says: {check}"));
    }
    // A line about an error explains more than the exit status, unless somebody stopped it.
    let stopped_by_hand = matches!(found.exit_code, 0 | 137 | 143) && !looping;
    let reason = docker::error_or_last_line(log).filter(|_| !stopped_by_hand);
    if let Some(line) = &reason {
        finding = finding.why(format!("its log says: {line}"));
    }
    // `up` leaves a container that runs as it is.
    let logs = Fix::watchpost(["logs", name]).note("shows why");
    let fix = match (looping, found.running) {
        (true, _) => logs.then(Fix::up()),
        (false, true) => logs.then(Fix::docker(["restart", &deployed.container.name])),
        (false, false) => Fix::up(),
    };
    Some(finding.fix(reason.and_then(|reason| fix_of(name, deployed, &reason)).unwrap_or(fix)))
}

/// The fix for the last words of a service, where starting it again would only repeat them.
fn fix_of(name: &str, deployed: &Deployed, reason: &str) -> Option<Fix> {
    // Its volume has data sources of these names with other uids: https://github.com/grafana/grafana/issues/110740
    if deployed.component() == "grafana" && reason.contains("atasource provisioning error") {
        return Some(Fix::set(format_args!("{name}.replace_data_sources"), true));
    }
    let (key, _) = data_volume(deployed).filter(|_| space::is_said(reason))?;
    let volume = format!("{}_{key}", deployed.container.label(label::STACK));
    Some(space::make_room(name, &volume).then(Fix::up()))
}

/// Seconds since it was last started.
fn age(found: &Inspection, now: f64) -> Option<f64> {
    time::parse(&found.started_at).map(|started| now - started)
}

fn times(restarts: i64) -> String {
    if restarts == 1 { "1 restart so far".into() } else { format!("{restarts} restarts so far") }
}

/// Containers that lack memory or room for their data. A Prometheus that cannot write says so of its rules: `groups`.
pub fn lacks(services: &Services, resources: &Resources, groups: &[Group]) -> Vec<Finding> {
    let mut rules = groups.iter().flat_map(|group| &group.rules);
    let said = rules.any(|rule| rule.last_error.as_deref().is_some_and(space::is_said));
    let mut findings = Vec::new();
    for (name, deployed) in services.iter() {
        let memory = resources.memory.get(name);
        findings.extend(memory.and_then(|memory| memory::judge(name, deployed.memory_limit(), memory)));
        let volume = resources.volumes.get(name);
        let said = said && deployed.component() == "prometheus";
        findings.extend(volume.and_then(|volume| space::judge(name, volume, said)));
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
    let limit = deployed.memory_limit();
    let mut changed = Vec::new();
    if limit > 0 && limit != found.memory_limit {
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
    let mut fix = recreate(deployed);
    if let Some(policy) = service.restart.as_deref().filter(|policy| *policy != found.restart_policy) {
        if changed.is_empty() {
            fix = Fix::docker(["update", "--restart", policy, &deployed.container.name]);
        }
        changed.push(match found.restart_policy.as_str() {
            "no" | "" => "nothing restarts it when it ends".into(),
            other => format!("restart policy {other}"),
        });
    }
    if changed.is_empty() {
        return None;
    }
    let what = format!("does not run as it was deployed: {}", changed.join(", "));
    Some(Finding::broken(format!("settings:{name}"), name, what).fix(fix))
}

/// Is it still in the network that all services of the stack are in?
fn network(name: &str, deployed: &Deployed, found: &Inspection) -> Option<Finding> {
    let stack = deployed.container.label(label::STACK);
    let network = format!("{stack}_{}", compose::DEFAULT_NETWORK);
    if stack.is_empty() || found.addresses.contains_key(&network) {
        return None;
    }
    let connect = ["network", "connect", "--alias", name, &network, &deployed.container.name];
    let finding = Finding::broken(format!("network:{name}"), name, format!("is not in the network `{network}`"));
    Some(finding.why("no other service reaches it").fix(Fix::docker(connect)))
}

fn restarts(name: &str, deployed: &Deployed, found: &Inspection, log: &[String], now: f64) -> Option<Finding> {
    if found.restarts == 0 {
        return None;
    }
    let id = format!("restarts:{name}");
    let number = if found.restarts == 1 { "once".into() } else { format!("{} times", found.restarts) };
    let what = format!("has restarted {number} since it was deployed");
    let recent = age(found, now).is_some_and(|age| age < RECENT);
    if !recent {
        return Some(Finding::note(id, name, what));
    }
    let finding = Finding::broken(id, name, what);
    if found.out_of_memory {
        return Some(finding.why(memory::killed(found.memory_limit)).fix(memory::raise(name, found.memory_limit)));
    }
    let logs = Fix::watchpost(["logs", name]).note("shows why");
    let restart = Fix::docker(["restart", &deployed.container.name]).note("clears the count");
    let mut finding = finding.why(format!("it ended with exit status {}", found.exit_code));
    let reason = docker::error_line(log);
    if let Some(line) = &reason {
        finding = finding.why(format!("its log says: {line}"));
    }
    Some(finding.fix(reason.and_then(|reason| fix_of(name, deployed, &reason)).unwrap_or_else(|| logs.then(restart))))
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::compose::Service;
    use crate::deployed::resources::VolumeSpace;
    use crate::deployed::stack::testing;
    use crate::docker::{MemoryUse, Space};
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
        assert_eq!(
            unhealthy.fix_text(),
            "watchpost logs prometheus (shows why), then docker restart shop-prometheus-1"
        );

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
    fn a_service_that_lacks_memory_or_room_is_broken_and_one_that_was_not_measured_is_not() {
        let services = Services::from([("prometheus".to_owned(), deployed())]);
        let lacks = |resources: &Resources, groups: &[Group]| -> Vec<String> {
            lacks(&services, resources, groups).into_iter().map(|finding| finding.id).collect()
        };
        assert!(lacks(&Resources::default(), &[]).is_empty(), "a container that does not run");
        let memory = MemoryUse { used: 120 * MIB, held: 120 * MIB, faults: 0.0 };
        let folder = "/prometheus".to_owned();
        let space = Space { size: 1_500_000, free: 400_000 };
        let mut resources = Resources::default();
        resources.volumes.insert("prometheus".into(), VolumeSpace { volume: "v".into(), folder, space });
        assert!(lacks(&resources, &[]).is_empty());
        resources.memory.insert("prometheus".into(), memory);
        assert_eq!(lacks(&resources, &[]), ["memory:prometheus"]);
        // Recorded from Prometheus 3.5 on a full volume.
        let rule = serde_json::json!({"name": "Watchdog", "query": "vector(1)", "type": "alerting", "health": "err",
            "lastError": "write to WAL: log samples: write /prometheus/wal/00000000: no space left on device"});
        let group =
            serde_json::json!({"name": "g", "file": "f", "interval": 15, "lastEvaluation": "", "rules": [rule]});
        let group: Group = serde_json::from_value(group).expect("a group");
        assert_eq!(lacks(&resources, &[group]), ["memory:prometheus", "disk:prometheus"]);
    }

    #[test]
    fn a_service_that_was_removed_is_named_once_with_and_without_a_spec() {
        let mut services = Services::from([("prometheus".to_owned(), deployed())]);
        services.removed.insert("alertmanager".into());
        let snapshot = ContainersSnapshot {
            services: BTreeMap::from([("prometheus".to_owned(), healthy())]),
            clocks: Clocks::default(),
        };
        let mut bundle = Bundle::default();
        bundle.compose.services.insert("prometheus".into(), deployed().service);
        bundle.compose.services.insert("alertmanager".into(), Service::default());
        for bundle in [None, Some(&bundle)] {
            let checked = judge(&services, bundle, &snapshot, NOW);
            let broken: Vec<_> = checked.broken().map(|f| (f.id.as_str(), f.what.as_str(), f.fix_text())).collect();
            assert_eq!(broken, [("container:alertmanager", "was removed", "watchpost up".to_owned())]);
        }
    }

    #[test]
    fn a_container_outside_the_network_of_its_stack_is_connected_again() {
        let mut deployed = deployed();
        deployed.container.labels.insert(label::STACK.into(), "shop".into());
        let found = |network: &str| {
            let addresses = [(network.to_owned(), "172.18.0.3".to_owned())].into();
            network_finding(&deployed, &Inspection { addresses, ..Inspection::default() })
        };
        assert_eq!(found("shop_default"), None);
        let apart = found("other").expect("broken");
        assert_eq!((apart.id.as_str(), apart.verdict), ("network:prometheus", Verdict::Broken));
        assert_eq!(apart.fix_text(), "docker network connect --alias prometheus shop_default shop-prometheus-1");
    }

    fn network_finding(deployed: &Deployed, found: &Inspection) -> Option<Finding> {
        network("prometheus", deployed, found)
    }

    #[test]
    fn a_restart_policy_that_was_changed_is_put_back() {
        let mut deployed = deployed();
        deployed.service.restart = Some("unless-stopped".into());
        let judged = |policy: &str, memory: u64| {
            let found = Inspection { restart_policy: policy.into(), memory_limit: memory, ..Inspection::default() };
            let found = Inspection { image: deployed.service.image.clone(), command: vec!["--config".into()], ..found };
            settings("prometheus", &deployed, &found)
        };
        assert_eq!(judged("unless-stopped", 128 * MIB), None);
        let changed = judged("no", 128 * MIB).expect("broken");
        assert_eq!(changed.what, "does not run as it was deployed: nothing restarts it when it ends");
        assert_eq!(changed.fix_text(), "docker update --restart unless-stopped shop-prometheus-1");
        let both = judged("on-failure", 0).expect("broken");
        assert!(both.what.ends_with(": no memory limit, restart policy on-failure"), "{both:?}");
        assert!(both.fix_text().starts_with("docker rm -f"), "{both:?}");
    }

    #[test]
    fn a_container_between_two_crashes_keeps_restarting_for_the_reason_in_its_log() {
        let looping = |seconds_ago: f64, log: &str| {
            let state = with(|found| {
                (found.restarts, found.exit_code) = (4, 2);
                found.started_at = time::text(NOW - seconds_ago);
            });
            ContainerState { log: vec![log.to_owned()], ..state }
        };
        let crash = found(looping(2.0, "panic: no memory for a map"), "container:prometheus");
        assert_eq!(crash.what, "keeps restarting: 4 restarts so far");
        assert_eq!(
            (crash.why[0].as_str(), crash.fix_text()),
            (
                "its log says: panic: no memory for a map",
                "watchpost logs prometheus (shows why), then watchpost up".into()
            )
        );
        let later = found(looping(60.0, "level=ERROR err=\"bad flag\""), "restarts:prometheus");
        assert_eq!(later.why, ["it ended with exit status 2", "its log says: bad flag"]);
        let mut deployed = deployed();
        deployed.service.volumes = vec!["prometheus-data:/prometheus".into()];
        deployed.container.labels.insert(label::STACK.into(), "shop".into());
        let state = looping(2.0, "x");
        let inspection = state.inspection.as_ref().ok().and_then(Option::as_ref).expect("a container");
        let full = ["level=ERROR err=\"open /prometheus/wal: no space left on device\"".to_owned()];
        let full = not_running("prometheus", &deployed, inspection, &full, NOW).expect("broken");
        assert!(full.fix_text().starts_with("free space on the disk of the volume `shop_prometheus-data`"), "{full:?}");
        let grafana = testing::deployed("shop", "grafana", Service::default());
        let uid = fix_of("grafana", &grafana, "Datasource provisioning error: data source not found").expect("a fix");
        assert_eq!(uid.to_string(), "watchpost up --set grafana.replace_data_sources=true");
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
