//! What every service gets beyond its `service.yml`: safe defaults, and what the engine needs to know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::context;
use crate::compose::values::{FILES_PREFIX, FILES_TARGET};
use crate::compose::{Extension, Logging, Service};
use crate::spec::resolve::Instance;

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
