//! What holds between the rendered parts, said in terms of the spec before anything reads them.

use std::collections::BTreeMap;

use crate::compose::File;
use crate::compose::values::Port;
use crate::error::{Error, Result, did_you_mean};
use crate::spec::resolve::{Instance, Resolved};
use crate::yaml::{self, Node};

pub fn check(resolved: &Resolved<'_>, file: &File, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let mut errors = ports(resolved, file);
    errors.extend(modules(resolved, files));
    Error::all(errors)
}

/// The answer to a service's question that a text is made from, as the spec gives it.
fn given<'a>(resolved: &'a Resolved<'_>, service: &str, is_it: impl Fn(&str) -> bool) -> Option<&'a Node> {
    let instance: &Instance<'_> = resolved.instances.iter().find(|instance| instance.name == service)?;
    let text = |node: &Node| match node.to_json() {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    instance.given.values().find(|node| is_it(&text(node)))
}

fn at(error: Error, node: Option<&Node>) -> Error {
    match node {
        Some(node) => error.at(node.location()),
        None => error,
    }
}

/// Ports that cannot be, and two services on one port.
fn ports(resolved: &Resolved<'_>, file: &File) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut taken: Vec<(&String, Port)> = Vec::new();
    for (name, text) in file.services.iter().flat_map(|(name, s)| s.ports.iter().map(move |text| (name, text))) {
        let port = match Port::parse(text) {
            Ok(port) => port,
            Err(problem) => {
                let address = text.split(':').next().unwrap_or_default();
                let error = Error::new(format!("`{name}` cannot be published on `{text}`"))
                    .cause(problem)
                    .hint("`bind` is an address of the Docker host, such as 127.0.0.1, or 0.0.0.0 for all of them");
                errors.push(at(error, given(resolved, name, |answer| answer == address)));
                continue;
            }
        };
        if let Some((other, _)) = taken.iter().find(|(_, held)| port.clashes(&held.ip, held.host, &held.protocol)) {
            let number = port.host.to_string();
            let place =
                [name, other].into_iter().find_map(|service| given(resolved, service, |answer| answer == number));
            let message = format!("`{other}` and `{name}` would both be published on port {number} of {}", port.ip);
            errors.push(at(Error::new(message).hint("give one of the two another `port`"), place));
        }
        taken.push((name, port));
    }
    errors
}

/// Modules of the blackbox exporter that probes name and its configuration does not have.
fn modules(resolved: &Resolved<'_>, files: &BTreeMap<String, Vec<u8>>) -> Vec<Error> {
    let Some(exporter) = resolved.instance_of("blackbox-exporter") else { return Vec::new() };
    let path = format!("files/{}/blackbox.yml", exporter.name);
    // An overlay's own exporter may keep its modules elsewhere.
    let text = files.get(&path).map(|content| String::from_utf8_lossy(content));
    let Some(Ok(config)) = text.map(|text| yaml::parse(&path, &text)) else { return Vec::new() };
    let modules = config.get("modules").map(Node::entries).unwrap_or_default();
    let known: Vec<&str> = modules.iter().filter_map(|(name, _)| name.as_str()).collect();
    let nodes = resolved.source.as_ref().and_then(|source| source.get("probes")).map(Node::items).unwrap_or_default();
    let unknown = |(index, probe): (usize, &crate::spec::ProbeTarget)| {
        if known.contains(&probe.module.as_str()) {
            return None;
        }
        let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let error = Error::new(format!("unknown module `{}` of the probe", probe.module))
            .hint(format!("known modules: {listed}; default `http_2xx`"));
        let error = match did_you_mean(&probe.module, known.iter().copied()) {
            Some(guess) => error.label(format!("did you mean `{guess}`?")),
            None => error,
        };
        Some(at(error, nodes.get(index).map(|node| node.get("module").unwrap_or(node))))
    };
    resolved.probes.iter().enumerate().filter_map(unknown).collect()
}
