//! The gate of a deployment: a service must get ready, and then stay up for a while.
//!
//! This file asks Docker and the service; `decide` holds the rules, `failure` the words.
//!
//! The gate probes by itself: Docker runs a healthcheck only after its first interval, which is 30 s by default. The
//! healthcheck counts as well. Windows of stability of several services run side by side.

mod decide;
mod failure;

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use self::decide::{Events, Look, Reason, Verdict};
use super::connect::Client;
use super::inspect::{Inspection, inspect};
use super::logs::last_lines;
use super::reach;
use super::watch::ContainerEvent;
use crate::compose::{Probe, Service};
use crate::event::{Event, Sink};

pub use failure::Failure;

/// How long a service must stay up after it was ready.
const STABLE: Duration = Duration::from_secs(2);

/// One service at the gate.
pub struct Gate<'a> {
    pub client: &'a Client,
    pub http: &'a reqwest::Client,
    pub name: &'a str,
    pub service: &'a Service,
    pub container: &'a str,
    pub timeout: Duration,
    pub sink: Sink<'a>,
}

impl Gate<'_> {
    /// Waits until the service answers its probe or is healthy; `events` were subscribed to before the start.
    pub async fn ready(&self, events: &mut Receiver<ContainerEvent>) -> Result<(), Failure> {
        let started = Instant::now();
        let mut events = Events::of_container(events, self.container);
        let mut located = Inspection::default();
        let look = async || self.look(&mut located).await;
        let waiting = |why: &str| (self.sink)(Event::ServiceWaiting { service: self.name.into(), why: why.into() });
        match decide::until_ready(&mut events, self.timeout, look, waiting).await {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.failure(&reason, &failure::after(started.elapsed())).await),
        }
    }

    /// Watches that the service stays up for a while from the moment it was ready.
    pub async fn stays(&self, events: &mut Receiver<ContainerEvent>, ready_at: Instant) -> Result<(), Failure> {
        let mut events = Events::of_container(events, self.container);
        // Events that were lost leave their mark on the container.
        let look = async || decide::by_inspection(&self.inspect().await, self.has_healthcheck());
        match decide::until_stable(&mut events, ready_at + STABLE, look).await {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.failure(&reason, &failure::after_ready(ready_at.elapsed())).await),
        }
    }

    fn probe(&self) -> Option<&Probe> {
        self.service.extension.as_ref()?.probe.as_ref()
    }

    fn has_healthcheck(&self) -> bool {
        self.service.healthcheck.is_some()
    }

    /// Sends the probe; where it gets no answer, or there is none, the container's own state is looked at.
    async fn look(&self, located: &mut Inspection) -> Verdict {
        let mut look = Look { has_healthcheck: self.has_healthcheck(), ..Look::default() };
        if let Some(probe) = self.probe() {
            if located.addresses.is_empty() {
                match self.inspect().await {
                    Ok(found) => *located = found,
                    Err(why) => return Verdict::Waiting(why),
                }
            }
            let container = located.to_container();
            let answer = reach::get(self.client, self.http, &container, probe.port, &probe.path).await;
            look.probe = Some((probe, answer));
        }
        if look.needs_inspection() {
            look.inspection = self.inspect().await;
        }
        look.verdict()
    }

    async fn inspect(&self) -> Result<Inspection, String> {
        match inspect(self.client, self.container).await {
            Ok(found) => found.ok_or_else(|| "its container was removed".into()),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    async fn failure(&self, reason: &Reason, after: &str) -> Failure {
        let log = last_lines(self.client, self.container).await;
        let inspection = self.inspect().await.unwrap_or_default();
        failure::describe(reason, after, &inspection, log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Extension;
    use crate::plan::observed::Engine;

    #[tokio::test]
    async fn a_container_that_cannot_be_inspected_is_waited_for_with_the_reason_and_not_probed() {
        let docker = bollard::Docker::connect_with_http("http://127.0.0.1:1", 1, bollard::API_DEFAULT_VERSION);
        let client = Client { docker: docker.expect("an address"), engine: Engine::default() };
        let probe = Probe { port: 9090, path: "/-/ready".into() };
        let extension = Extension { probe: Some(probe), ..Extension::default() };
        let service = Service { extension: Some(extension), ..Service::default() };
        let http = crate::http::inside();
        let gate = Gate {
            client: &client,
            http: &http,
            name: "prometheus",
            service: &service,
            container: "shop-prometheus-1",
            timeout: Duration::from_secs(1),
            sink: &|_| {},
        };
        let why = gate.inspect().await.expect_err("no daemon");
        assert_eq!(gate.look(&mut Inspection::default()).await, Verdict::Waiting(why));
    }
}
