//! Removing containers, networks and volumes of a stack.

use bollard::query_parameters::{
    ListContainersOptions, RemoveContainerOptions, RemoveVolumeOptions, StopContainerOptions,
};

use super::connect::Client;
use super::{dag, failed, filter, status_code};
use crate::error::Result;
use crate::event::{Event, Sink};
use crate::plan::observed::label;
use crate::plan::operation::{Action, Operation, Plan};

/// Carries out the plan of `down`.
pub async fn tear_down(client: &Client, project: &str, plan: &Plan, sink: Sink<'_>) -> Result<()> {
    let carry_out = async |operation| ((), remove_one(client, operation, sink).await);
    dag::run(&plan.operations, carry_out, || {}).await.1?;
    couriers(client, project).await;
    Ok(())
}

/// One removal; operations of other kinds are left alone.
pub async fn remove_one(client: &Client, operation: &Operation, sink: Sink<'_>) -> Result<()> {
    match &operation.action {
        Action::Remove { service, container } => {
            stop_and_remove(client, container).await?;
            sink(Event::ServiceRemoved { service: service.clone() });
        }
        Action::RemoveNetwork { name, id } => {
            let removed = client.docker.remove_network(id).await;
            unless_missing(removed, format!("the network `{name}` cannot be removed"))?;
            sink(Event::Removed { what: "network".into(), name: name.clone() });
        }
        Action::RemoveVolume { name } => {
            let removed = client.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
            unless_missing(removed, format!("the volume `{name}` cannot be removed"))?;
            sink(Event::Removed { what: "volume".into(), name: name.clone() });
        }
        _ => {}
    }
    Ok(())
}

/// What does not exist any more needs no removal.
fn unless_missing(result: Result<(), bollard::errors::Error>, message: String) -> Result<()> {
    match result {
        Err(error) if status_code(&error) != Some(404) => Err(failed(message)(error)),
        _ => Ok(()),
    }
}

pub async fn stop(client: &Client, container: &str) -> Result<()> {
    let stopped = client.docker.stop_container(container, None::<StopContainerOptions>).await;
    unless_missing(stopped, format!("the container `{container}` cannot be stopped"))
}

pub async fn stop_and_remove(client: &Client, container: &str) -> Result<()> {
    stop(client, container).await?;
    remove(client, container).await
}

/// Removes a container, running or not, and the anonymous volumes of its image.
pub async fn remove(client: &Client, container: &str) -> Result<()> {
    let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
    let removed = client.docker.remove_container(container, Some(options)).await;
    unless_missing(removed, format!("the container `{container}` cannot be removed"))
}

/// Couriers that an interrupted run left behind.
pub async fn couriers(client: &Client, project: &str) {
    let options = ListContainersOptions {
        all: true,
        filters: filter("label", format!("{}={project}", label::COURIER)),
        ..Default::default()
    };
    for courier in client.docker.list_containers(Some(options)).await.unwrap_or_default() {
        let _ = remove(client, courier.id.as_deref().unwrap_or_default()).await;
    }
}
