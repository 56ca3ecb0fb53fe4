//! What must hold between components, beyond each one's own answers.

use std::collections::BTreeSet;

use super::{Instance, Resolved};
use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::units::{parse_duration, parse_size};
use crate::yaml::Node;

pub(super) fn check(spec: &Spec, resolved: &Resolved<'_>) -> Result<()> {
    let present: BTreeSet<&str> = resolved.instances.iter().map(|i| i.component.manifest.name.as_str()).collect();
    let mut errors = Vec::new();
    if resolved.instances.is_empty() {
        let error = Error::new("nothing is left to deploy");
        errors.push(error.hint("remove a `false` under `components:` or a `--without`"));
    }
    errors.extend(missing_needs(resolved, &present));
    errors.extend(keys_without_component(spec, &present));
    errors.extend(resolved.instances.iter().filter_map(timeout_past_interval));
    errors.extend(resolved.instances.iter().filter_map(less_than_docker_accepts));
    errors.extend(jobs_of_the_stack(spec, resolved));
    Error::all(errors)
}

/// Components whose manifest needs another one that is left out.
fn missing_needs(resolved: &Resolved<'_>, present: &BTreeSet<&str>) -> Vec<Error> {
    let mut errors = Vec::new();
    for instance in &resolved.instances {
        let manifest = &instance.component.manifest;
        for needed in manifest.needs.iter().filter(|needed| !present.contains(needed.as_str())) {
            let error = Error::new(format!("`{}` needs `{needed}`, which this stack leaves out", instance.name));
            errors.push(error.hint(format!("include `{needed}`, or leave out `{}` too", manifest.name)));
        }
    }
    errors
}

/// Keys of the spec that only one component makes use of.
fn keys_without_component(spec: &Spec, present: &BTreeSet<&str>) -> Vec<Error> {
    let users = [
        ("probes", "blackbox-exporter", spec.probes.is_empty()),
        ("dashboards", "grafana", spec.dashboards.is_empty()),
        ("rules", "prometheus", spec.rules.is_empty()),
    ];
    let mut errors = Vec::new();
    for (key, component, is_empty) in users {
        if !is_empty && !present.contains(component) {
            let error = Error::new(format!("`{key}` need the component `{component}`, which this stack does not have"))
                .hint(format!("add `{component}: true` under `components:`, or remove `{key}:`"));
            errors.push(error.at_node(spec.source.as_ref().and_then(|source| source.key(key))));
        }
    }
    errors
}

/// Targets of the spec whose job's name is one that the stack uses itself.
fn jobs_of_the_stack(spec: &Spec, resolved: &Resolved<'_>) -> Vec<Error> {
    let scraped = resolved.instances.iter().filter_map(|instance| instance.component.manifest.scrape.as_ref());
    let jobs: BTreeSet<&str> = scraped.map(|scrape| scrape.job.as_str()).collect();
    let nodes = spec.node("targets").map(Node::items).unwrap_or_default();
    let mut errors = Vec::new();
    for (target, node) in resolved.targets.iter().zip(nodes) {
        if jobs.contains(target.job.as_str()) || target.job.starts_with("probe-") {
            let place = node.get("job").unwrap_or(node);
            let error = place.error(format!("the job `{}` is one of the stack's own", target.job));
            errors.push(error.hint("give it another name"));
        }
    }
    errors
}

/// Docker creates no container with a smaller limit; 0 would be none at all.
/// <https://docs.docker.com/engine/containers/resource_constraints/>
const LEAST_MEMORY: u64 = 6 << 20;

fn less_than_docker_accepts(instance: &Instance<'_>) -> Option<Error> {
    let answer = instance.answers.get("memory")?;
    let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    if parse_size(&text)? >= LEAST_MEMORY {
        return None;
    }
    let error = Error::new(format!("`memory` of `{}` is {text}, and Docker accepts no less than 6m", instance.name));
    Some(error.hint("leave it out: the default is enough for most").at_node(instance.given.get("memory")))
}

/// Prometheus rejects a timeout that is longer than the interval; left out, it is the shorter of 10s and the interval.
fn timeout_past_interval(instance: &Instance<'_>) -> Option<Error> {
    let interval = instance.answers.get("scrape_interval")?.as_str()?;
    let timeout = instance.answers.get("scrape_timeout")?.as_str()?;
    if parse_duration(timeout)? <= parse_duration(interval)? {
        return None;
    }
    let message = format!(
        "`scrape_timeout` of `{}` is longer than its `scrape_interval`: {timeout} and {interval}",
        instance.name
    );
    let place = instance.given.get("scrape_timeout").or_else(|| instance.given.get("scrape_interval"));
    let error = Error::new(message);
    Some(error.hint("leave out `scrape_timeout`: it is then 10s, or the interval if that is shorter").at_node(place))
}
