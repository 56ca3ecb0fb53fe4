//! Taking things away: containers, networks, volumes of ours.

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
    dag::run(&plan.operations, |operation| one(client, operation, sink), || {}).await?;
    couriers(client, project).await;
    Ok(())
}

/// One removal; an operation of another kind is none of ours.
pub async fn one(client: &Client, operation: &Operation, sink: Sink<'_>) -> Result<()> {
    match &operation.action {
        Action::Remove { service, container } => {
            stop_and_remove(client, container).await?;
            sink(Event::ServiceRemoved { service: service.clone() });
        }
        Action::RemoveNetwork { name, id } => {
            gone(client.docker.remove_network(id).await, format!("the network `{name}` cannot be removed"))?;
            sink(Event::Removed { what: "network".into(), name: name.clone() });
        }
        Action::RemoveVolume { name } => {
            let removed = client.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
            gone(removed, format!("the volume `{name}` cannot be removed"))?;
            sink(Event::Removed { what: "volume".into(), name: name.clone() });
        }
        _ => {}
    }
    Ok(())
}

/// What is gone already is as wanted.
fn gone(result: Result<(), bollard::errors::Error>, what: String) -> Result<()> {
    match result {
        Err(error) if status_code(&error) != Some(404) => Err(failed(what)(error)),
        _ => Ok(()),
    }
}

pub async fn stop(client: &Client, container: &str) -> Result<()> {
    gone(
        client.docker.stop_container(container, None::<StopContainerOptions>).await,
        "a container cannot be stopped".into(),
    )
}

pub async fn stop_and_remove(client: &Client, container: &str) -> Result<()> {
    stop(client, container).await?;
    remove(client, container).await
}

/// Removes a container, running or not, and the anonymous volumes of its image.
pub async fn remove(client: &Client, container: &str) -> Result<()> {
    let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
    gone(client.docker.remove_container(container, Some(options)).await, "a container cannot be removed".into())
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
