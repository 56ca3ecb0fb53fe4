//! Secrets that were generated for a stack, kept on its host.

use std::collections::BTreeMap;

use super::connect::Client;
use super::courier::{self, Load};
use crate::compose::{self, File};
use crate::error::{Error, Result};
use crate::plan::Observed;
use crate::secrets::{self, Secret};

/// All generated secrets of the file: those in the store, and new ones, which are stored first.
pub async fn generated(client: &Client, file: &File, image: &str) -> Result<BTreeMap<String, Secret>> {
    let wanted = file.secrets.iter().filter_map(|(name, secret)| Some((name, secret.extension.as_ref()?.generate?)));
    let wanted: Vec<(&String, usize)> = wanted.collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut known = courier::read_store(client, &file.name, image, &file.store_volume()).await?;
    let mut new = BTreeMap::new();
    for (name, length) in wanted {
        if !known.contains_key(name) {
            new.insert(name.clone(), secrets::generate(length)?);
        }
    }
    if !new.is_empty() {
        let mut load = Load::default();
        load.store(file.store_volume(), &new);
        courier::deliver(client, &file.name, image, &load).await?;
        known.extend(new);
    }
    Ok(known)
}

/// One generated secret of a deployed stack, for `watchpost secrets show`.
pub async fn generated_secret(client: &Client, observed: &Observed, project: &str, name: &str) -> Result<Secret> {
    let store = compose::store_volume(project);
    let image = observed.containers.first().map(|container| container.image_id.clone());
    let (Some(image), true) = (image, observed.volumes.iter().any(|volume| volume.name == store)) else {
        return Err(Error::new(format!("the stack `{project}` has no secrets on this Docker host"))
            .hint("check `--name` and the host; `watchpost up` generates the secrets"));
    };
    let mut secrets = courier::read_store(client, project, &image, &store).await?;
    let names = secrets.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    secrets.remove(name).ok_or_else(|| {
        let error = Error::new(format!("no secret `{name}` was generated for the stack `{project}`"));
        if names.is_empty() {
            error.hint("its secrets come from where the spec says, see `secrets:` in it")
        } else {
            error.hint(format!("the stack has {names}"))
        }
    })
}
