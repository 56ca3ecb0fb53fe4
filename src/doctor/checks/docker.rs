//! The daemon and its host.

use crate::compose::Service;
use crate::compose::values::Mount;
use crate::doctor::fine;
use crate::doctor::look::{Deployed, Seen};
use crate::fix::Fix;
use crate::plan::observed::State;
use crate::verify::report::Finding;

/// From this API on, health checks can run more often while the container starts.
const START_INTERVAL: (u32, u32) = (1, 44);

pub fn engine(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("docker:engine", "engine");
    let what = format!("Docker {}, API {}", seen.engine.version, seen.engine.api_version);
    let api = numbers(&seen.engine.api_version);
    let old = matches!(api.as_slice(), [major, minor, ..] if (*major, *minor) < START_INTERVAL);
    if !old {
        return vec![fine(id, subject, what)];
    }
    vec![
        Finding::note(id, subject, what)
            .why("it lacks `start_interval`: the first health check runs after a whole interval")
            .fix("upgrade to Docker 25 or newer; until then nothing breaks"),
    ]
}

pub fn image_store(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("docker:image-store", "image store");
    let host = match &seen.host {
        Ok(host) => host,
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    if !host.containerd_store {
        return vec![fine(id, subject, host.storage_driver.as_str())];
    }
    let cadvisor = |(name, service): &(&str, &Service)| {
        let ours = service.extension.as_ref().is_some_and(|extension| extension.component == "cadvisor");
        ours.then(|| ((*name).to_owned(), service.image.clone()))
    };
    let running = seen.services.iter().find(|deployed| deployed.component == "cadvisor").map(running_image);
    // What the spec and the flags say is judged; what runs is said beside it.
    let wanted = seen.wanted().iter().find_map(cadvisor);
    if let (Some((name, runs)), Some((_, wanted))) = (&running, &wanted)
        && loses_labels(runs)
        && !loses_labels(wanted)
    {
        let what =
            format!("`{name}` runs `{runs}`, which shows containers without their names; the spec has `{wanted}`");
        return vec![Finding::note(id, subject, what).fix(Fix::up())];
    }
    let cadvisor = wanted.or(running);
    let what = format!("containerd's, {}", host.storage_driver);
    match cadvisor {
        Some((name, image)) if loses_labels(&image) => {
            let pinned = seen.catalog.components.get("cadvisor").map(|component| component.manifest.image.reference());
            let what = format!("`{image}` shows containers without their names");
            let why = "Docker uses containerd's image store, which cAdvisor before 0.54.0, and 0.54.1, cannot read";
            let fix = Fix::set(format_args!("{name}.image"), pinned.unwrap_or_default());
            vec![Finding::broken(id, subject, what).why(why).fix(fix)]
        }
        _ => vec![fine(id, subject, what)],
    }
}

fn running_image(deployed: &Deployed) -> (String, String) {
    (deployed.name.clone(), deployed.image.clone())
}

/// <https://github.com/google/cadvisor/issues/3643>, <https://github.com/google/cadvisor/issues/3860>
fn loses_labels(image: &str) -> bool {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    let version = numbers(tag.trim_start_matches('v'));
    match version.as_slice() {
        [0, 54, 1, ..] => true,
        [major, minor, ..] => (*major, *minor) < (0, 54),
        _ => false,
    }
}

/// `1.44` as numbers; nothing when it does not begin with one.
pub fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

pub fn memory_limits(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("docker:memory-limits", "memory limits");
    match &seen.host {
        Ok(host) if host.memory_limits => vec![fine(id, subject, "enforced by the kernel")],
        Ok(_) => vec![
            Finding::note(id, subject, "the kernel does not enforce them")
                .why("one service may use all the memory of the host")
                .fix("add `cgroup_enable=memory` to the kernel's command line and reboot"),
        ],
        Err(why) => vec![Finding::not_checked(id, subject, why)],
    }
}

/// node-exporter's view of later mounts needs `/` to be shared.
pub fn mounts(seen: &Seen<'_>) -> Vec<Finding> {
    let slave = |service: &Service| {
        service.volumes.iter().filter_map(|text| Mount::parse(text).ok()).any(|mount| {
            matches!(&mount, Mount::HostPath { source, propagation: Some(how), .. } if source == "/" && how == "rslave")
        })
    };
    let wanted = seen.wanted();
    let Some((name, _)) = wanted.iter().find(|(_, service)| slave(service)) else { return Vec::new() };
    let (id, subject) = ("docker:shared-root", "mounts of /");
    if seen.service(name).is_some_and(|deployed| deployed.state == State::Running && slave(&deployed.service)) {
        return vec![fine(id, subject, format!("`{name}` sees later mounts"))];
    }
    match seen.root_shared {
        Some(true) => vec![fine(id, subject, "shared")],
        Some(false) => vec![
            Finding::broken(id, subject, format!("`{name}` would not start"))
                .why("it needs later mounts of the host (`rslave`), but `/` is not a shared mount here")
                .fix(
                    Fix::set(format_args!("{name}.mount_propagation"), "private")
                        .or(Fix::words("run `mount --make-rshared /` on the host")),
                ),
        ],
        None => vec![Finding::not_checked(id, subject, "only the host itself shows whether `/` is a shared mount")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::look::testing::{Bench, deployed};
    use crate::verify::report::Verdict;

    #[track_caller]
    fn only(mut findings: Vec<Finding>, id: &str, verdict: Verdict) -> Finding {
        assert_eq!((findings.len(), findings[0].id.as_str(), findings[0].verdict), (1, id, verdict), "{findings:#?}");
        findings.remove(0)
    }

    #[test]
    fn an_old_docker_is_a_note() {
        let mut bench = Bench::new();
        let found = only(engine(&bench.seen()), "docker:engine", Verdict::Ok);
        assert_eq!(found.what, "Docker 29.1.0, API 1.52");
        bench.engine.api_version = "1.43".into();
        only(engine(&bench.seen()), "docker:engine", Verdict::Note);
    }

    #[test]
    fn a_cadvisor_that_cannot_read_the_image_store_is_broken() {
        let bench = Bench::new();
        let mut seen = bench.seen();
        seen.services = vec![deployed("cadvisor", "ghcr.io/google/cadvisor:v0.49.1")];
        assert_eq!(only(image_store(&seen), "docker:image-store", Verdict::Ok).what, "overlay2");
        seen.host.as_mut().expect("a host").containerd_store = true;
        let found = only(image_store(&seen), "docker:image-store", Verdict::Broken);
        assert!(found.fix_text().starts_with("watchpost up --set cadvisor.image="), "{found:?}");
        seen.services = vec![deployed("cadvisor", "ghcr.io/google/cadvisor:v0.60.0")];
        only(image_store(&seen), "docker:image-store", Verdict::Ok);
        seen.host = Err("no answer".into());
        only(image_store(&seen), "docker:image-store", Verdict::NotChecked);
    }

    #[test]
    fn memory_limits_that_the_kernel_ignores_are_a_note() {
        let bench = Bench::new();
        let mut seen = bench.seen();
        only(memory_limits(&seen), "docker:memory-limits", Verdict::Ok);
        seen.host.as_mut().expect("a host").memory_limits = false;
        only(memory_limits(&seen), "docker:memory-limits", Verdict::Note);
        seen.host = Err("no answer".into());
        only(memory_limits(&seen), "docker:memory-limits", Verdict::NotChecked);
    }

    #[test]
    fn a_root_that_is_not_shared_keeps_node_exporter_from_starting() {
        let bench = Bench::new();
        let mut seen = bench.seen();
        assert_eq!(mounts(&seen), [], "nobody needs it");
        let mut node = deployed("node-exporter", "prom/node-exporter:v1");
        node.service.volumes = vec!["/:/host:ro,rslave".into()];
        seen.services = vec![node];
        only(mounts(&seen), "docker:shared-root", Verdict::Ok);
        seen.services[0].state = State::Exited;
        only(mounts(&seen), "docker:shared-root", Verdict::Ok);
        seen.root_shared = Some(false);
        let found = only(mounts(&seen), "docker:shared-root", Verdict::Broken);
        assert!(found.fix_text().starts_with("watchpost up --set node-exporter.mount_propagation=private, or"));
        seen.root_shared = None;
        only(mounts(&seen), "docker:shared-root", Verdict::NotChecked);
    }

    #[test]
    fn cadvisors_that_lose_labels_are_those_of_the_issues() {
        let image = |tag: &str| loses_labels(&format!("ghcr.io/google/cadvisor:{tag}"));
        assert!(image("v0.49.1") && image("v0.53.0") && image("v0.54.1") && image("0.47.2"));
        assert!(!image("v0.54.0") && !image("v0.60.5") && !image("latest") && !loses_labels("localhost:5000/cadvisor"));
    }
}
