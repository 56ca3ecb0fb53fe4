//! Keeping the old container aside while the new one proves itself, and bringing it back when it does not.

use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::{InspectContainerOptions, RenameContainerOptions, StartContainerOptions};

use super::connect::Client;
use super::courier::{self, Load};
use super::observe::PARKED;
use super::{failed, remove};
use crate::compose::File;
use crate::error::Result;
use crate::plan::observed::label;

/// A container that was replaced in this run.
#[derive(Debug, Clone)]
pub struct Parked {
    pub service: String,
    pub container: String,
    pub image: String,
    /// What it said about restarting before it was parked.
    policy: Option<RestartPolicy>,
    /// The folder of files it ran with; empty when it has none.
    files: String,
}

/// Stops the container, names it aside, and keeps the daemon from bringing it back by itself.
pub async fn park(client: &Client, file: &File, service: &str, container: &str) -> Result<Parked> {
    let name = file.container_name(service);
    let cannot = || format!("`{name}` cannot be set aside");
    let found =
        client.docker.inspect_container(container, None::<InspectContainerOptions>).await.map_err(failed(cannot()))?;
    let config = found.config.unwrap_or_default();
    let parked = Parked {
        service: service.to_owned(),
        container: container.to_owned(),
        image: config.image.unwrap_or_default(),
        policy: found.host_config.and_then(|host| host.restart_policy),
        files: config.labels.and_then(|labels| labels.get(label::FILES).cloned()).unwrap_or_default(),
    };
    let never = RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None };
    set_policy(client, container, Some(never)).await?;
    remove::stop(client, container).await?;
    rename(client, container, &format!("{name}{PARKED}")).await?;
    Ok(parked)
}

/// The new container goes, the files are turned back, and the old container runs again under its name.
pub async fn restore(client: &Client, file: &File, parked: &Parked) -> Result<()> {
    let name = file.container_name(&parked.service);
    // By name, since the new container may be there only half.
    remove::remove(client, &name).await?;
    if !parked.files.is_empty() {
        let mut load = Load::default();
        load.point_to(file.files_volume(&parked.service), &parked.files);
        courier::deliver(client, &file.name, &parked.image, &load).await?;
    }
    rename(client, &parked.container, &name).await?;
    set_policy(client, &parked.container, parked.policy.clone()).await?;
    let started = client.docker.start_container(&parked.container, None::<StartContainerOptions>).await;
    started.map_err(failed(format!("`{name}` cannot be started again")))
}

async fn rename(client: &Client, container: &str, name: &str) -> Result<()> {
    let options = RenameContainerOptions { name: name.to_owned() };
    client.docker.rename_container(container, options).await.map_err(failed(format!("`{name}` cannot be renamed")))
}

async fn set_policy(client: &Client, container: &str, policy: Option<RestartPolicy>) -> Result<()> {
    let update = ContainerUpdateBody { restart_policy: policy, ..Default::default() };
    client.docker.update_container(container, update).await.map_err(failed("a restart policy cannot be changed"))
}
