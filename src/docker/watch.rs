//! The daemon's events of one stack, subscribed to before anything is done, so that none is missed.

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures_util::{Stream, StreamExt};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::connect::Client;
use crate::plan::observed::label;

/// One change of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    pub container: String,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Died { code: i64 },
    OutOfMemory,
    Healthy,
    Unhealthy,
}

/// Listens until it is dropped.
pub struct Watch {
    sender: broadcast::Sender<ContainerEvent>,
    task: JoinHandle<()>,
}

impl Watch {
    pub fn start(client: &Client, project: &str) -> Self {
        let (sender, _) = broadcast::channel(256);
        let mut stream = Box::pin(events(client, project));
        let out = sender.clone();
        // When the stream breaks, the task ends, and gates rely on their probes and on inspecting.
        let task = tokio::spawn(async move {
            while let Some(Ok(event)) = stream.next().await {
                if let Some(event) = container_event(&event) {
                    let _ = out.send(event);
                }
            }
        });
        Self { sender, task }
    }

    pub fn subscribe(&self) -> broadcast::Receiver<ContainerEvent> {
        self.sender.subscribe()
    }
}

fn events(client: &Client, project: &str) -> impl Stream<Item = Result<EventMessage, bollard::errors::Error>> + use<> {
    let filters = [("type", "container".to_owned()), ("label", format!("{}={project}", label::STACK))];
    let filters = filters.into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect();
    client.docker.clone().events(Some(EventsOptions { filters: Some(filters), ..Default::default() }))
}

/// One item each time that a container of the stack changes; ends when the daemon is unreachable.
pub fn changes(client: &Client, project: &str) -> impl Stream<Item = ()> + use<> {
    let change = |event: EventMessage| {
        let action = event.action.unwrap_or_default();
        // Healthchecks and requests through a tunnel run commands inside containers.
        let quiet = ["exec_", "archive-path", "attach", "export", "resize", "top"];
        !quiet.iter().any(|prefix| action.starts_with(prefix))
    };
    let events = events(client, project).take_while(|event| std::future::ready(event.is_ok()));
    events.filter_map(move |event| std::future::ready(event.ok().filter(|event| change(event.clone())).map(drop)))
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn container_event(event: &EventMessage) -> Option<ContainerEvent> {
    let actor = event.actor.as_ref()?;
    let what = match event.action.as_deref()? {
        "die" => {
            let code = actor.attributes.as_ref().and_then(|attributes| attributes.get("exitCode")?.parse().ok());
            What::Died { code: code.unwrap_or(-1) }
        }
        "oom" => What::OutOfMemory,
        action if action.starts_with("health_status: unhealthy") => What::Unhealthy,
        action if action.starts_with("health_status: healthy") => What::Healthy,
        _ => return None,
    };
    Some(ContainerEvent { container: actor.id.clone()?, what })
}
