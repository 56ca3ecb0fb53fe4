//! The daemon and its host.

use crate::compose::Service;
use crate::compose::values::Mount;
use crate::doctor::fine;
use crate::doctor::look::{Deployed, Seen};
use crate::plan::observed::State;
use crate::verify::report::Finding;

/// From this API on, a health check can come sooner while its container starts.
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
            .why("it has no `start_interval`: a health check first comes after its whole interval")
            .fix("upgrade to Docker 25 or newer when you can; nothing breaks until then"),
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
    // What runs counts before what the spec would bring.
    let running = seen.services.iter().find(|deployed| deployed.component == "cadvisor");
    let cadvisor = running.map(running_image).or_else(|| seen.wanted().iter().find_map(cadvisor));
    let what = format!("containerd's, {}", host.storage_driver);
    match cadvisor {
        Some((name, image)) if loses_labels(&image) => {
            let pinned = seen.catalog.components.get("cadvisor").map(|component| component.manifest.image.reference());
            let broken = Finding::broken(id, subject, format!("`{image}` shows containers without their names")).why(
                "Docker keeps images in containerd's store, which cAdvisor before 0.54.0, and 0.54.1, cannot read",
            );
            vec![broken.fix(format!("watchpost up --set {name}.image={}", pinned.unwrap_or_default()))]
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
                .why("one service may take all the memory of the host")
                .fix("boot with `cgroup_enable=memory` on the kernel's command line"),
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
        return vec![fine(id, subject, format!("`{name}` sees later ones"))];
    }
    match seen.root_shared {
        Some(true) => vec![fine(id, subject, "shared")],
        Some(false) => vec![
            Finding::broken(id, subject, format!("`{name}` would not start"))
                .why("it asks for later mounts of the host (`rslave`), and `/` is not a shared mount here")
                .fix(format!("watchpost up --set {name}.mount_propagation=private, or `mount --make-rshared /`")),
        ],
        None => vec![Finding::not_checked(id, subject, "whether `/` is a shared mount shows on the host only")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cadvisors_that_lose_labels_are_those_of_the_issues() {
        let image = |tag: &str| loses_labels(&format!("ghcr.io/google/cadvisor:{tag}"));
        assert!(image("v0.49.1") && image("v0.53.0") && image("v0.54.1") && image("0.47.2"));
        assert!(!image("v0.54.0") && !image("v0.60.5") && !image("latest") && !loses_labels("localhost:5000/cadvisor"));
    }
}
