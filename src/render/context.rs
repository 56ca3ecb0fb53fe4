//! What templates see.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{alerting, external_url, scrape};
use crate::catalog::question::Kind;
use crate::compose::values::SECRETS_TARGET;
use crate::error::{Error, Result};
use crate::spec::resolve::{Instance, Resolved};

/// What is the same for all templates of a stack: `project`, `instances`, `has`, `scrape_configs`, `alertmanagers`,
/// `alertmanager`, `rule_files`, `runbooks`, `own`, `address`, `docker_host`.
pub fn shared(resolved: &Resolved<'_>) -> Map<String, Value> {
    let present: BTreeSet<&str> = resolved.instances.iter().map(|i| i.component.manifest.name.as_str()).collect();
    let has: Map<String, Value> = resolved
        .catalog
        .components
        .keys()
        .map(|name| (name.replace('-', "_"), json!(present.contains(name.as_str()))))
        .collect();
    let of =
        |component: &'static str| resolved.instances.iter().filter(move |i| i.component.manifest.name == component);
    let alertmanagers: Vec<String> = of("alertmanager").map(|instance| format!("{}:9093", instance.name)).collect();
    let prometheus = of("prometheus").next();
    let set = |question: &str| prometheus.and_then(|instance| instance.answers.get(question)).cloned();
    let mut shared = Map::new();
    let mut add = |key: &str, value: Value| drop(shared.insert(key.into(), value));
    add("project", json!(resolved.name));
    add("has", Value::Object(has));
    add("instances", resolved.instances.iter().map(summary).collect());
    add("scrape_configs", scrape::scrape_configs(resolved));
    add("scrape_interval", set("scrape_interval").unwrap_or_else(|| json!("15s")));
    add("runbooks", set("runbooks").unwrap_or_else(|| json!("docs/runbooks")));
    add("alertmanagers", json!(alertmanagers));
    add("alertmanager", alerting::alertmanager(resolved));
    add("rule_files", json!(rule_files(resolved)));
    add("own", own(resolved));
    add("address", external_url::address(resolved));
    add("docker_host", external_url::docker_host(resolved));
    shared
}

/// Patterns of the rule files below Prometheus's own: it accepts a star in the last part of a path only, and a star alone
/// would match folders too.
fn rule_files(resolved: &Resolved<'_>) -> BTreeSet<String> {
    let with_rules = resolved.instances.iter().filter(|i| i.component.files_in("rules", ".yml").next().is_some());
    let mut patterns: BTreeSet<String> =
        with_rules.map(|i| format!("rules/{}/*.yml", i.component.manifest.name)).collect();
    for path in resolved.own.rules.keys() {
        let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
        let slash = if folder.is_empty() { "" } else { "/" };
        patterns.insert(match name.rsplit_once('.') {
            Some((_, extension)) => format!("rules/own/{folder}{slash}*.{extension}"),
            None => format!("rules/own/{path}"),
        });
    }
    patterns
}

/// Which of your files there are; `folders`: dashboards that lie in a folder of their own.
fn own(resolved: &Resolved<'_>) -> Value {
    let (deep, flat): (Vec<&String>, Vec<&String>) =
        resolved.own.dashboards.keys().partition(|path| path.contains('/'));
    json!({"rules": !resolved.own.rules.is_empty(), "dashboards": !flat.is_empty(), "folders": !deep.is_empty()})
}

fn summary(instance: &Instance<'_>) -> Value {
    json!({"name": instance.name, "component": instance.component.manifest.name})
}

/// What one instance's templates see besides: `name`, `component`, `image`, `external_url`, `answers`.
pub fn of_instance(shared: &Map<String, Value>, instance: &Instance<'_>) -> Map<String, Value> {
    let manifest = &instance.component.manifest;
    let mut context = shared.clone();
    context.insert("name".into(), json!(instance.name));
    context.insert("component".into(), json!(manifest.name));
    context.insert("image".into(), json!(image(instance)));
    context.insert("external_url".into(), json!(external_url::of(shared, instance)));
    context.insert("answers".into(), Value::Object(answers(instance)));
    context
}

/// The image that the answer names, or the catalog's.
pub fn image(instance: &Instance<'_>) -> String {
    let answer = instance.answers.get("image").and_then(Value::as_str).filter(|image| !image.is_empty());
    answer.map_or_else(|| instance.component.manifest.image.reference(), str::to_owned)
}

/// Answers as templates see them: a password is the path of the file that holds it, an absent text is empty.
pub fn answers(instance: &Instance<'_>) -> Map<String, Value> {
    let questions = &instance.component.manifest.questions;
    questions
        .iter()
        .map(|question| {
            let answer = instance.answers.get(&question.variable).cloned().unwrap_or(Value::Null);
            let value = match (question.kind, answer) {
                (Kind::Password, answer) => secret_file(instance, &question.variable, question.is_derived(), &answer)
                    .map_or(json!(""), |name| json!(format!("{SECRETS_TARGET}/{name}"))),
                (Kind::Int | Kind::Boolean, answer) => answer,
                (_, Value::Null) => json!(""),
                (_, answer) => answer,
            };
            (question.variable.clone(), value)
        })
        .collect()
}

/// The Compose secret behind a password: the named one, or one derived for this service.
fn secret_file(instance: &Instance<'_>, variable: &str, derived: bool, answer: &Value) -> Option<String> {
    let name = answer.get("secret")?.as_str()?;
    Some(if derived { derived_secret(instance, variable) } else { name.to_owned() })
}

/// A secret that is made from another one, for this service alone.
pub fn derived_secret(instance: &Instance<'_>, variable: &str) -> String {
    format!("{}-{variable}", instance.name)
}

/// A context as Tera takes it.
pub fn tera(context: &Map<String, Value>) -> Result<tera::Context> {
    tera::Context::from_serialize(context)
        .map_err(|error| Error::new("the answers cannot be given to templates").cause(error))
}
