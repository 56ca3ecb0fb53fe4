//! The rendered `service.yml`: where it departs from the safe defaults, the manifest must say why.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, place};
use crate::catalog::{CatalogFile, Component};
use crate::error::Error;
use crate::yaml::{self, Kind, Node};

pub(super) fn check(component: &Component, rendered: &BTreeMap<String, String>, report: &mut Report<'_>) {
    let (Some(file), Some(text)) = (component.files.get("service.yml"), rendered.get("service.yml")) else { return };
    let node = match yaml::parse(&file.name, text) {
        Ok(node) => node,
        Err(error) => return report.error(error.within("`service.yml` does not render to valid YAML")),
    };
    let services = node.get("services").map(Node::entries).unwrap_or_default();
    if services.is_empty() {
        let error = Error::new("`service.yml` renders to no service").at(place(file, "services"));
        return report.error(error.hint("it holds at least the service `<< name >>`"));
    }
    let mut departures = BTreeSet::new();
    for (name, service) in services {
        departures.extend(self::departures(service));
        let name = name.as_str().unwrap_or_default();
        image(name, service, component, file, report);
        environment(name, service, file, report);
    }
    if component.manifest.user.as_deref().is_some_and(is_root) {
        departures.insert("user");
    }
    exceptions(component, file, &departures, report);
}

fn exceptions(component: &Component, file: &CatalogFile, departures: &BTreeSet<&str>, report: &mut Report<'_>) {
    let given = &component.manifest.exceptions;
    let manifest = &component.files["component.yaml"];
    for key in departures.iter().filter(|key| given.get(**key).is_none_or(|reason| reason.trim().is_empty())) {
        let place =
            if file.text().is_ok_and(|text| text.contains(key)) { place(file, key) } else { place(manifest, key) };
        let error = Error::new(format!("`{key}` departs from the safe defaults without a reason")).at(place);
        report.error(
            error.hint(format!("keep the default, or say why: `exceptions: {{{key}: ...}}` in `component.yaml`")),
        );
    }
    for key in given.keys().filter(|key| !departures.contains(key.as_str())) {
        let error =
            Error::new(format!("the exception `{key}` excuses nothing")).at(place(manifest, &format!("{key}:")));
        report.warn(error.hint("take it out"));
    }
}

/// Keys in which a service is less safe than what the renderer would write for it.
fn departures(service: &Node) -> Vec<&'static str> {
    let text = |key: &str| service.get(key).and_then(Node::as_str).unwrap_or_default();
    let list = |key: &str| -> Vec<&str> {
        service.get(key).map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect()
    };
    let is = |key: &str, wanted: bool| matches!(service.get(key).map(|node| &node.kind), Some(Kind::Bool(value)) if *value == wanted);
    let held = |key: &str| service.get(key).is_some();
    let host_paths = list("volumes").iter().any(|volume| volume.starts_with('/') || volume.starts_with("~"));
    let all_interfaces = list("ports").iter().any(|port| port.matches(':').count() < 2 || port.starts_with("0.0.0.0:"));
    let found = [
        ("privileged", is("privileged", true)),
        ("read_only", is("read_only", false)),
        ("cap_drop", held("cap_drop") && list("cap_drop") != ["ALL"]),
        ("cap_add", !list("cap_add").is_empty()),
        (
            "security_opt",
            held("security_opt") && !list("security_opt").iter().any(|o| o.starts_with("no-new-privileges")),
        ),
        ("user", held("user") && is_root(text("user"))),
        ("pid", text("pid") == "host"),
        ("devices", !list("devices").is_empty()),
        ("volumes", host_paths),
        ("ports", all_interfaces),
        ("pids_limit", held("pids_limit")),
        ("restart", held("restart") && text("restart") != "unless-stopped"),
        ("logging", held("logging")),
    ];
    found.into_iter().filter_map(|(key, departs)| departs.then_some(key)).collect()
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next().unwrap_or_default(), "0" | "root")
}

fn image(name: &str, service: &Node, component: &Component, file: &CatalogFile, report: &mut Report<'_>) {
    let image = service.get("image").and_then(Node::as_str).unwrap_or_default();
    if name == component.manifest.name && image != component.manifest.image.reference() {
        let error = Error::new(format!("the service `{name}` runs `{image}`, not the image of the manifest"));
        report.error(error.at(place(file, "image:")).hint("write `image: << image >>`"));
    }
}

/// What stands in the environment is shown by `docker inspect`.
fn environment(name: &str, service: &Node, file: &CatalogFile, report: &mut Report<'_>) {
    let entries = service.get("environment").map(Node::entries).unwrap_or_default();
    for (key, value) in entries.iter().filter_map(|(key, value)| Some((key.as_str()?, value))) {
        let upper = key.to_ascii_uppercase();
        let secret =
            ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "PRIVATE_KEY"].iter().any(|w| upper.contains(w));
        let is_path = value.as_str().is_some_and(|text| text.starts_with('/'));
        let harmless =
            value.is_null() || matches!(value.kind, Kind::Bool(_)) || value.as_str().is_some_and(str::is_empty);
        if secret && !is_path && !harmless {
            let error = Error::new(format!("`{key}` of the service `{name}` looks like a secret in the environment"));
            report.error(
                error
                    .at(place(file, key))
                    .hint("ask for it with `type: password` and give the program the file, `<< answers.VARIABLE >>`"),
            );
        }
    }
}
