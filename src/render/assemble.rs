//! Templates and answers to one bundle.

use std::collections::BTreeMap;

use super::bundle::Bundle;
use super::template::Templates;
use super::{check, content, context, secrets, service};
use crate::compose::{self, File};
use crate::error::{Error, Result};
use crate::spec::resolve::{Instance, Resolved};
use crate::yaml;

const HEADER: [&str; 5] = [
    "Made by watchpost from watchpost.yaml; changes here are lost at the next rendering.",
    "Plain `docker compose up` runs it too. Secrets are files or variables of the environment that you supply: see",
    "`secrets` at the end. `x-watchpost` is what watchpost needs beyond Compose.",
    "",
    "https://github.com/compose-spec/compose-spec",
];

/// Renders the whole bundle. Errors name template, line and column.
pub fn render(resolved: &Resolved<'_>) -> Result<Bundle> {
    let shared = context::shared(resolved);
    let mut templates = Templates::default();
    let mut compose = File { name: resolved.name.clone(), ..File::default() };
    let mut files = BTreeMap::new();
    for instance in &resolved.instances {
        let context = context::tera(&context::of_instance(&shared, instance))?;
        let own_files = content::files(&mut templates, instance, &context)?;
        let has_files = !own_files.is_empty() || content::receives_content(instance);
        files.extend(own_files);
        let fragment = fragment(&mut templates, instance, &context)?;
        merge(&mut compose, instance, fragment, has_files)?;
        secrets::add(&mut templates, &mut compose, resolved, instance, &context)?;
    }
    service::reach_host(&mut compose, &files, resolved);
    files.extend(content::rules_and_dashboards(&mut templates, resolved, &shared)?);
    check::check(resolved, &compose, &files)?;
    let text = compose::write(&compose, &HEADER)?;
    let compose = compose::parse("compose.yaml", &text)?;
    Ok(Bundle { text, compose, files })
}

/// A component's `service.yml`, rendered and read strictly.
fn fragment(templates: &mut Templates, instance: &Instance<'_>, context: &tera::Context) -> Result<File> {
    let component = &instance.component.manifest.name;
    let Some(file) = instance.component.files.get("service.yml") else {
        return Err(Error::new(format!("component `{component}` has no `service.yml`")));
    };
    let text = templates.render(&file.name, file.text()?, context)?;
    // Lines are the rendered text's; the excerpt shows what is meant.
    let fragment: File = yaml::from_str(&format!("{} (rendered)", file.name), &text)?;
    if fragment.services.is_empty() {
        let error = Error::new(format!("`service.yml` of component `{component}` has no service"));
        return Err(error.hint("write `services:` and below it `<< name >>:`"));
    }
    Ok(fragment)
}

/// Adds a component's services, volumes, networks and secrets to the stack's Compose file.
fn merge(compose: &mut File, instance: &Instance<'_>, fragment: File, has_files: bool) -> Result<()> {
    for (name, mut service) in fragment.services {
        service::harden(&mut service, instance);
        if name == instance.name {
            service::extend(&mut service, instance, has_files);
        }
        if service.networks.iter().any(|network| network == compose::DEFAULT_NETWORK) {
            compose.networks.entry(compose::DEFAULT_NETWORK.into()).or_default();
        }
        if compose.services.insert(name.clone(), service).is_some() {
            let error = Error::new(format!("two components define the service `{name}`"));
            return Err(error.hint("begin its name with `<< name >>`"));
        }
    }
    compose.volumes.extend(fragment.volumes);
    compose.networks.extend(fragment.networks);
    compose.secrets.extend(fragment.secrets);
    Ok(())
}
