//! Secrets as Compose declares them: by file or variable, never by value.

use serde_json::Value;

use super::context;
use super::template::Templates;
use crate::catalog::question::Kind;
use crate::compose::{File, Secret, SecretExtension};
use crate::error::{Error, Result};
use crate::spec::SecretSource;
use crate::spec::resolve::{Instance, Resolved};

/// Declares the secrets that an instance's passwords name, and those of receivers for Alertmanager.
pub(super) fn add(
    templates: &mut Templates,
    compose: &mut File,
    resolved: &Resolved<'_>,
    instance: &Instance<'_>,
    context: &tera::Context,
) -> Result<()> {
    let manifest = &instance.component.manifest;
    let mut used = Vec::new();
    for question in manifest.questions.iter().filter(|question| question.kind == Kind::Password) {
        let Some(answer) = instance.answers.get(&question.variable) else { continue };
        let Some(source) = answer.get("secret").and_then(Value::as_str) else { continue };
        compose.secrets.insert(source.into(), declaration(resolved, source)?);
        if !question.is_derived() {
            used.push(source.to_owned());
            continue;
        }
        let name = context::derived_secret(instance, &question.variable);
        let mut extension = SecretExtension { of: Some(source.into()), pgpass: question.pgpass, ..Default::default() };
        if let Some(template) = &question.json_key {
            let place = format!("json_key of {}.{}", manifest.name, question.variable);
            let key = templates.render(&place, template, context)?;
            // An interpolation is written as a JSON string; a template without one is the key itself.
            extension.json_key = Some(serde_json::from_str(&key).unwrap_or(key));
        }
        compose.secrets.insert(name.clone(), in_bundle(&name, extension));
        used.push(name);
    }
    if manifest.name == "alertmanager" {
        for name in receivers_secrets(resolved) {
            compose.secrets.insert(name.into(), declaration(resolved, name)?);
            used.push(name.to_owned());
        }
    }
    used.sort();
    used.dedup();
    if let Some(service) = compose.services.get_mut(&instance.name) {
        service.secrets.extend(used);
    }
    Ok(())
}

/// The secrets that receivers' passwords name.
fn receivers_secrets<'a>(resolved: &'a Resolved<'_>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for receiver in &resolved.receivers {
        for variable in &receiver.passwords {
            names.extend(receiver.settings.get(variable).and_then(|answer| answer.get("secret")?.as_str()));
        }
    }
    names
}

fn declaration(resolved: &Resolved<'_>, name: &str) -> Result<Secret> {
    let source = resolved.secrets.get(name).ok_or_else(|| {
        Error::new(format!("the secret `{name}` is not defined"))
            .hint(format!("add `{name}: {{env: VARIABLE}}` under `secrets:`"))
    })?;
    Ok(match source {
        SecretSource::Env(variable) => Secret { environment: Some(variable.clone()), ..Default::default() },
        SecretSource::File(path) => Secret { file: Some(path.clone()), ..Default::default() },
        SecretSource::Command(command) => {
            in_bundle(name, SecretExtension { command: command.clone(), ..Default::default() })
        }
        SecretSource::Generate(length) => {
            in_bundle(name, SecretExtension { generate: Some(*length), ..Default::default() })
        }
    })
}

/// A secret that watchpost writes; for plain Compose its file lies in the bundle.
fn in_bundle(name: &str, extension: SecretExtension) -> Secret {
    Secret { file: Some(format!("./secrets/{name}")), extension: Some(extension), ..Default::default() }
}
