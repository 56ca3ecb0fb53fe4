//! Setting the old container aside while the new one proves itself, and restoring it when the new one fails.
//!
//! Each step leaves a state that the next plan recognizes: a container is renamed before it is stopped.
//!
//! A container is named `….parked` before it is stopped, so that whenever a run dies the next plan sees it: what is parked
//! last passed the gate and is restored on failure; a container beside it under the service's name is half done.

use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::{RenameContainerOptions, StartContainerOptions};

use super::connect::Client;
use super::courier::{self, Load};
use super::inspect::inspect;
use super::observe::PARKED;
use super::{create, failed, remove};
use crate::compose::{File, Service};
use crate::error::Result;
use crate::plan::observed::label;

/// A container that this run set aside.
#[derive(Debug, Clone, Default)]
pub struct Parked {
    pub service: String,
    pub container: String,
    pub image: String,
    /// The name it runs under.
    pub name: String,
    /// An interrupted run had set it aside before.
    pub aside: bool,
    /// What it was made from; `None` when its label cannot be read.
    pub settings: Option<Service>,
    /// The folder of files it ran with; empty when it has none.
    pub files: String,
}

/// The container that is to be set aside; changes nothing. `None` when it does not exist.
pub async fn inspect_parked(client: &Client, service: &str, container: &str) -> Result<Option<Parked>> {
    let Some(found) = inspect(client, container).await? else { return Ok(None) };
    let name = found.name;
    let labels = found.labels;
    Ok(Some(Parked {
        service: service.to_owned(),
        container: container.to_owned(),
        image: found.image,
        aside: name.ends_with(PARKED),
        name: name.strip_suffix(PARKED).map_or(name.clone(), str::to_owned),
        settings: labels.get(label::SERVICE).and_then(|text| serde_json::from_str(text).ok()),
        files: labels.get(label::FILES).cloned().unwrap_or_default(),
    }))
}

/// Renames the container, keeps the daemon from restarting it, and stops it. Where an interrupted run has done so
/// before, only the successor which that run left under the name is removed.
pub async fn park(client: &Client, parked: &Parked) -> Result<()> {
    remove_successor(client, parked).await?;
    let aside = format!("{}{PARKED}", parked.name);
    let named = rename(client, &parked.container, &aside).await;
    set_policy(client, &parked.container, None).await?;
    remove::stop(client, &parked.container).await?;
    // In a crash loop a container has no network for a moment, and the daemon then refuses to rename it.
    if named.is_err() { rename(client, &parked.container, &aside).await } else { Ok(()) }
}

/// Removes the container that runs under the parked one's name, if there is another.
pub async fn remove_successor(client: &Client, parked: &Parked) -> Result<()> {
    match inspect(client, &parked.name).await? {
        Some(found) if found.id != parked.container => remove::remove(client, &found.id).await,
        _ => Ok(()),
    }
}

/// Points its files back, and starts the old container under its name. Its successor must be removed before.
pub async fn restore(client: &Client, file: &File, parked: &Parked) -> Result<()> {
    if !parked.files.is_empty() && parked.name == file.container_name(&parked.service) {
        let mut load = Load::default();
        load.point_to(file.files_volume(&parked.service), &parked.files);
        courier::deliver(client, &file.name, &parked.image, &load).await?;
    }
    rename(client, &parked.container, &parked.name).await?;
    let restart = parked.settings.as_ref().and_then(|settings| settings.restart.as_deref());
    wake(client, &parked.container, restart.or(Some("unless-stopped"))).await
}

/// Starts a container that does not run, with the restart policy `restart`. A paused one continues.
pub async fn wake(client: &Client, container: &str, restart: Option<&str>) -> Result<()> {
    let paused = inspect(client, container).await?.is_some_and(|found| found.paused);
    // An interrupted run may have left it without a policy.
    set_policy(client, container, restart).await?;
    if paused {
        return client.docker.unpause_container(container).await.map_err(failed("it cannot be unpaused"));
    }
    client
        .docker
        .start_container(container, None::<StartContainerOptions>)
        .await
        .map_err(failed("it cannot be started"))
}

/// The daemon refuses the name that a container has already.
async fn rename(client: &Client, container: &str, name: &str) -> Result<()> {
    if inspect(client, container).await?.is_some_and(|found| found.name == name) {
        return Ok(());
    }
    let options = RenameContainerOptions { name: name.to_owned() };
    client
        .docker
        .rename_container(container, options)
        .await
        .map_err(failed(format!("the container cannot be renamed to `{name}`")))
}

async fn set_policy(client: &Client, container: &str, restart: Option<&str>) -> Result<()> {
    let policy: RestartPolicyNameEnum = create::restart_policy(restart);
    let policy = RestartPolicy { name: Some(policy), maximum_retry_count: None };
    let update = ContainerUpdateBody { restart_policy: Some(policy), ..Default::default() };
    client.docker.update_container(container, update).await.map_err(failed("its restart policy cannot be changed"))
}
