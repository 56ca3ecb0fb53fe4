//! The files that services read: their own, and rules and dashboards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::context;
use super::template::Templates;
use crate::dashboard::{self, Form};
use crate::error::{Error, Result};
use crate::spec::resolve::{Instance, Resolved};

/// By path below the bundle's folder.
type Files = BTreeMap<String, Vec<u8>>;

/// `files/` of a component: templates, but for JSON.
pub(super) fn files(templates: &mut Templates, instance: &Instance<'_>, context: &tera::Context) -> Result<Files> {
    let mut files = Files::new();
    for (path, file) in instance.component.files_in("files", "") {
        let content = match path.ends_with(".json") {
            true => file.content.to_vec(),
            false => templates.render(&file.name, file.text()?, context)?.into_bytes(),
        };
        files.insert(format!("files/{}/{path}", instance.name), content);
    }
    Ok(files)
}

/// Prometheus gets the rules of all components, Grafana the dashboards.
pub(super) fn receives_content(instance: &Instance<'_>) -> bool {
    matches!(instance.component.manifest.name.as_str(), "prometheus" | "grafana")
}

/// Those of the components, and the user's own.
pub(super) fn rules_and_dashboards(
    templates: &mut Templates,
    resolved: &Resolved<'_>,
    shared: &Map<String, Value>,
) -> Result<Files> {
    let mut files = Files::new();
    let prometheus = resolved.instance_of("prometheus").map(|instance| format!("files/{}/rules", instance.name));
    let grafana = resolved.instance_of("grafana").map(|instance| format!("files/{}/dashboards", instance.name));

    let mut seen = BTreeSet::new();
    for instance in &resolved.instances {
        let component = &instance.component.manifest.name;
        // Rules and dashboards are a component's, however many instances it has; thresholds are the first one's.
        if !seen.insert(component) {
            continue;
        }
        if let Some(folder) = &prometheus {
            let context = context::tera(&context::of_instance(shared, instance))?;
            for (path, file) in instance.component.files_in("rules", ".yml") {
                let text = templates.render(&file.name, file.text()?, &context)?;
                files.insert(format!("{folder}/{component}/{path}"), text.into_bytes());
            }
        }
        if let Some(folder) = &grafana {
            for (path, file) in instance.component.files_in("dashboards", ".json") {
                files.insert(format!("{folder}/watchpost/{path}"), file.content.to_vec());
            }
        }
    }

    if let Some(folder) = prometheus {
        let own = &resolved.own.rules;
        files.extend(own.iter().map(|(name, content)| (format!("{folder}/own/{name}"), content.clone())));
    }
    if let (Some(folder), Some(instance)) = (grafana, resolved.instance_of("grafana")) {
        let image = context::image(instance);
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        for (name, content) in &resolved.own.dashboards {
            accepted(name, content, tag)?;
            // Each provider reads its folder to any depth, so that folders need one of their own.
            let provider = if name.contains('/') { "own-folders" } else { "own" };
            files.insert(format!("{folder}/{provider}/{name}"), content.clone());
        }
    }
    Ok(files)
}

/// Errors: a form of dashboard that this Grafana rejects in files.
fn accepted(name: &str, content: &[u8], grafana: &str) -> Result<()> {
    // What is not JSON was refused before it came here.
    let Ok(model) = serde_json::from_slice::<Value>(content) else { return Ok(()) };
    if dashboard::form(&model) == Form::V2Spec {
        return Err(Error::new(format!("`{name}` is a bare schema v2 spec, which Grafana rejects in files"))
            .hint("`watchpost dashboards import FILE` wraps it into the resource that Grafana accepts"));
    }
    if dashboard::too_new(&model, grafana) {
        return Err(Error::new(format!("`{name}` uses schema v2, which Grafana {grafana} does not accept from files"))
            .hint("export it as classic JSON, or deploy Grafana 13 or newer"));
    }
    Ok(())
}
