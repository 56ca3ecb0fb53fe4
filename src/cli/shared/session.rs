//! A command's talk with the Docker host: connecting, looking, planning.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::shared::context::{Context, Prepared};
use crate::docker::{self, Client, Surroundings};
use crate::error::Error;
use crate::plan::{self, Fingerprints, Observed, Plan};
use crate::secrets::{self, Environment, Secret};
use crate::verify::Finding;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Connects to the host that flags, spec and environment name.
pub async fn connect(host: Option<&str>) -> Result<Client> {
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    let config = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(Path::new(&home?).join(".docker")));
    let endpoint = docker::endpoint(host, &Surroundings { variable: &variable, config })?;
    Ok(docker::connect(&endpoint).await?)
}

/// Warns of what does not fit on the host.
pub async fn caution(context: &Context, client: &Client, prepared: &Prepared) {
    if !plan::room::keeps_data(&prepared.bundle) {
        return;
    }
    if let Some(disk) = docker::disk(client).await {
        plan::room::warnings(&prepared.bundle, disk).iter().for_each(|warning| context.ui.caution(warning));
    }
}

/// A deployed stack, for commands that only need its name.
pub async fn look(context: &Context) -> Result<(Client, String, Observed)> {
    let (name, host) = context.stack()?;
    let client = connect(host.as_deref()).await?;
    let observed = docker::observe(&client, &name, None).await?;
    Ok((client, name, observed))
}

/// A service did not answer as it should: the finding as an error, with its fix.
pub fn unanswered(finding: Finding) -> Error {
    let mut error = Error::new(format!("cannot query `{}`: {}", finding.subject, finding.what));
    for why in &finding.why {
        error = error.cause(why.as_str());
    }
    match finding.fix {
        Some(fix) => error.fix(fix),
        None => error.hint("`watchpost status` shows the services"),
    }
}

/// A plan, and what carrying it out takes.
pub struct Draft {
    pub plan: Plan,
    pub fingerprints: Fingerprints,
    pub secrets: BTreeMap<String, Secret>,
    pub fingerprint_key: String,
}

/// Looks at the host and plans; changes nothing.
pub async fn draft(client: &Client, prepared: &Prepared) -> Result<Draft> {
    let bundle = &prepared.bundle;
    let secrets = load_secrets(prepared)?;
    let observed = docker::observe(client, &bundle.compose.name, Some(bundle)).await?;
    let fingerprint_key = docker::fingerprint_key(&observed)
        .map_or_else(secrets::new_fingerprint_key, |fingerprint_key| Ok(fingerprint_key.to_owned()))?;
    let fingerprints = Fingerprints::of(bundle, &fingerprint_key, &secrets);
    let plan = plan::plan(bundle, &fingerprints, &observed)?;
    Ok(Draft { plan, fingerprints, secrets, fingerprint_key })
}

/// All secrets that have a source here; every one that is missing is named.
fn load_secrets(prepared: &Prepared) -> Result<BTreeMap<String, Secret>> {
    let environment = Environment { variable: &variable, folder: &prepared.base };
    let mut loaded = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, secret) in &prepared.bundle.compose.secrets {
        if secret.extension.as_ref().is_some_and(|extension| extension.of.is_some()) {
            continue;
        }
        match secrets::load(name, secret, &environment) {
            Ok(Some(value)) => drop(loaded.insert(name.clone(), value)),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    Error::all(errors)?;
    Ok(loaded)
}
