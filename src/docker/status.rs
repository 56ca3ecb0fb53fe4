//! How the services of a stack are.

use bollard::query_parameters::ListContainersOptions;
use serde::Serialize;

use super::connect::Client;
use super::inspect::{Inspection, inspect_all};
use crate::compose::Service;
use crate::error::Result;
use crate::plan::Observed;
use crate::plan::observed::{Container, Engine, Health, State, label};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceStatus {
    pub service: String,
    /// `Prometheus`; the service's name when its component is unknown.
    pub title: String,
    pub image: String,
    pub container: String,
    pub state: State,
    pub health: Health,
    /// RFC 3339; null when it does not run.
    pub started_at: Option<String>,
    pub restarts: i64,
    /// Pages and ports published on the host: `http://127.0.0.1:9090`, `127.0.0.1:9091`.
    pub addresses: Vec<String>,
    /// Said beside its page.
    pub note: Option<String>,
}

impl ServiceStatus {
    /// One whose container was removed by hand.
    pub fn missing(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            title: service.to_owned(),
            image: String::new(),
            container: String::new(),
            state: State::Missing,
            health: Health::None,
            started_at: None,
            restarts: 0,
            addresses: Vec::new(),
            note: None,
        }
    }

    /// Does it run, and is nothing known to be wrong with it? One that has just started is not known to be unhealthy.
    pub fn runs(&self) -> bool {
        self.state == State::Running && self.health != Health::Unhealthy
    }
}

/// Services in the order of their names; parked containers are not shown.
pub async fn status(client: &Client, observed: &Observed) -> Result<Vec<ServiceStatus>> {
    let containers: Vec<&Container> = observed.containers.iter().filter(|container| !container.parked).collect();
    let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
    let inspections = inspect_all(client, &ids).await;
    let mut statuses = Vec::new();
    for container in containers {
        statuses.push(service_status(&client.engine, container, inspections.get(&container.id)));
    }
    statuses.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(statuses)
}

/// How many containers run on the host, whosever they are.
pub async fn running(client: &Client) -> Option<usize> {
    Some(client.docker.list_containers(None::<ListContainersOptions>).await.ok()?.len())
}

fn service_status(engine: &Engine, container: &Container, inspection: Option<&Inspection>) -> ServiceStatus {
    let restarts = inspection.map_or(0, |found| found.restarts);
    let started_at = inspection.map(|found| found.started_at.clone()).filter(|_| container.state == State::Running);
    let service: Service = serde_json::from_str(container.label(label::SERVICE)).unwrap_or_default();
    let extension = service.extension.unwrap_or_default();
    let title = if extension.title.is_empty() { container.service.clone() } else { extension.title };
    let page = extension.page;
    let addresses = container.ports.iter().map(|port| match &page {
        Some(page) if page.port == port.container_port => {
            format!("http://{}:{}{}", engine.openable(&port.ip), port.port, page.path)
        }
        _ => format!("{}:{}", port.ip, port.port),
    });
    ServiceStatus {
        service: container.service.clone(),
        title,
        image: container.image.clone(),
        container: container.name.clone(),
        state: container.state,
        health: container.health,
        started_at,
        restarts,
        addresses: addresses.collect(),
        note: page.and_then(|page| page.note),
    }
}
