//! What every service gets beyond its `service.yml`: safe defaults, and what the engine needs to know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::context;
use crate::compose::values::{FILES_PREFIX, FILES_TARGET};
use crate::compose::{Extension, File, Logging, Service};
use crate::spec::resolve::{Instance, Resolved};

/// The defaults that a service keeps unless its `service.yml` departs from them; the manifest then says why.
pub(super) fn harden(service: &mut Service, instance: &Instance<'_>) {
    let manifest = &instance.component.manifest;
    if service.image.is_empty() {
        service.image = context::image(instance);
    }
    service.read_only.get_or_insert(true);
    service.cap_drop.get_or_insert_with(|| vec!["ALL".into()]);
    service.security_opt.get_or_insert_with(|| vec!["no-new-privileges:true".into()]);
    service.user = service.user.take().or_else(|| manifest.user.clone());
    service.restart.get_or_insert_with(|| "unless-stopped".into());
    service.pids_limit.get_or_insert(512);
    if service.mem_limit.is_none() {
        service.mem_limit = instance.answers.get("memory").and_then(Value::as_str).map(str::to_lowercase);
    }
    service.logging.get_or_insert_with(|| Logging {
        driver: "json-file".into(),
        options: BTreeMap::from([("max-file".into(), "3".into()), ("max-size".into(), "10m".into())]),
    });
}

/// The name of the Docker host within containers. Docker Desktop knows it by itself, other engines when they are told.
const DOCKER_HOST: &str = "host.docker.internal";

/// Lets every service find the Docker host whose settings, files or probes name it.
pub(super) fn reach_host(compose: &mut File, files: &BTreeMap<String, Vec<u8>>, resolved: &Resolved<'_>) {
    let prober = resolved.instance_of("blackbox-exporter").map(|instance| instance.name.as_str());
    let probes_host = resolved.probes.iter().any(|probe| probe.url.contains(DOCKER_HOST));
    for (name, service) in &mut compose.services {
        let folder = format!("files/{name}/");
        let mut texts = service.command.iter().flatten().chain(service.environment.values());
        let in_settings = texts.any(|text| text.contains(DOCKER_HOST));
        let in_file = |content: &[u8]| String::from_utf8_lossy(content).contains(DOCKER_HOST);
        let in_files = files.iter().any(|(path, content)| path.starts_with(&folder) && in_file(content));
        let probes = probes_host && prober == Some(name.as_str());
        let known = service.extra_hosts.iter().any(|host| host.starts_with(DOCKER_HOST));
        if !known && (in_settings || in_files || probes) {
            service.extra_hosts.push(format!("{DOCKER_HOST}:host-gateway"));
        }
    }
}

/// What the engine needs to know, from the manifest.
pub(super) fn extend(service: &mut Service, instance: &Instance<'_>, has_files: bool) {
    let manifest = &instance.component.manifest;
    if has_files {
        service.volumes.insert(0, format!("{FILES_PREFIX}{}:{FILES_TARGET}:ro", instance.name));
    }
    let mut page = manifest.page.clone();
    if let Some(note) = page.as_mut().and_then(|page| page.note.as_mut()) {
        for (variable, answer) in &instance.answers {
            let text = answer.get("secret").unwrap_or(answer).as_str().unwrap_or_default();
            *note = note.replace(&format!("{{{variable}}}"), text);
        }
    }
    service.extension = Some(Extension {
        component: manifest.name.clone(),
        title: manifest.title.clone(),
        probe: manifest.probe.clone(),
        page,
        reload: manifest.reload.clone(),
        check: manifest.check.clone(),
    });
}
