//! The wait until a service is ready, and the look whether it stays so.

use std::time::{Duration, Instant};

use bollard::query_parameters::InspectContainerOptions;
use tokio::sync::broadcast::Receiver;
use tokio::time::{sleep_until, timeout_at};

use super::connect::Client;
use super::inspect::inspect;
use super::logs::{error_or_last_line, last_lines};
use super::reach::{self, TransportError};
use super::watch::{ContainerEvent, What};
use crate::compose::Service;
use crate::event::{Event, Sink};

/// How long a service must stay up after it was ready.
pub const STABLE: Duration = Duration::from_secs(2);
/// The first own probe comes after this, later ones after up to `SLOWEST`.
const FIRST: Duration = Duration::from_millis(20);
const SLOWEST: Duration = Duration::from_millis(500);

/// A service that did not get through.
#[derive(Debug, Clone)]
pub struct Failure {
    /// `exited 1 after 0.4 s`
    pub outcome: String,
    /// The likely cause in one line, from the log or the healthcheck.
    pub cause: Option<String>,
    pub log: Vec<String>,
}

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
        let deadline = tokio::time::Instant::now() + self.timeout;
        let mut pause = FIRST;
        let mut out_of_memory = false;
        let mut said = String::new();
        let (mut located, mut why) = (None, String::from("it is starting"));
        loop {
            let probe_at = tokio::time::Instant::now() + pause;
            tokio::select! {
                event = next_of(events, self.container) => match event {
                    What::Died { code } => return Err(self.died(code, out_of_memory, started).await),
                    What::OutOfMemory => out_of_memory = true,
                    What::Healthy => return Ok(()),
                    What::Unhealthy => return Err(self.unhealthy().await),
                },
                () = sleep_until(probe_at) => {
                    match self.probe(&mut located).await {
                        Ok(()) => return Ok(()),
                        Err(Trouble::NotYet(reason)) => why = reason,
                        Err(Trouble::Failed(failure)) => return Err(*failure),
                    }
                    pause = (pause * 3 / 2).min(SLOWEST);
                }
            }
            if why != said {
                (self.sink)(Event::ServiceWaiting { service: self.name.to_owned(), why: why.clone() });
                said.clone_from(&why);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(self.too_slow(&why).await);
            }
        }
    }

    async fn probe(&self, located: &mut Option<crate::plan::observed::Container>) -> Result<(), Trouble> {
        let extension = self.service.extension.as_ref();
        let Some(probe) = extension.and_then(|extension| extension.probe.as_ref()) else { return self.inspect().await };
        if located.as_ref().is_none_or(|container| container.addresses.is_empty()) {
            *located = inspect(self.client, self.container).await.ok().flatten().map(|found| found.to_container());
        }
        let Some(container) = located else { return Err(Trouble::NotYet("it cannot be inspected".into())) };
        match reach::get(self.client, self.http, container, probe.port, &probe.path).await {
            Ok(answer) if answer.is_success() => Ok(()),
            Ok(answer) => Err(Trouble::NotYet(format!("it answers {} on {}", answer.status, probe.path))),
            // Nobody can ask it from here: its own healthcheck decides, and without one that it runs.
            Err(TransportError::Unreachable) => self.inspect().await,
            Err(TransportError::NoAnswer(_)) => match self.inspect().await {
                Err(Trouble::Failed(failure)) => Err(Trouble::Failed(failure)),
                // A container that is healthy by its own check is ready, even if we cannot reach it.
                Ok(()) if self.service.healthcheck.is_some() => Ok(()),
                _ => Err(Trouble::NotYet(format!("it does not answer on port {} yet", probe.port))),
            },
        }
    }

    /// Without a probe: healthy by its healthcheck, or running when it has none. Also finds what the events missed.
    async fn inspect(&self) -> Result<(), Trouble> {
        use bollard::models::HealthStatusEnum as Status;
        let found = self.client.docker.inspect_container(self.container, None::<InspectContainerOptions>).await;
        let state = match found {
            Ok(found) => found.state.unwrap_or_default(),
            Err(error) => return Err(Trouble::NotYet(super::daemon_message(&error))),
        };
        let gone = state.running != Some(true) || state.restarting == Some(true);
        if gone {
            let failure =
                self.died(state.exit_code.unwrap_or(-1), state.oom_killed == Some(true), Instant::now()).await;
            return Err(Trouble::Failed(Box::new(failure)));
        }
        match (&self.service.healthcheck, state.health.and_then(|health| health.status)) {
            (None, _) | (Some(_), Some(Status::HEALTHY)) => Ok(()),
            (Some(_), Some(Status::UNHEALTHY)) => Err(Trouble::Failed(Box::new(self.unhealthy().await))),
            _ => Err(Trouble::NotYet("its healthcheck has not passed yet".into())),
        }
    }

    /// Watches for what befalls the service until `until`.
    pub async fn stays(
        &self,
        events: &mut Receiver<ContainerEvent>,
        until: tokio::time::Instant,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let mut out_of_memory = false;
        while let Ok(event) = timeout_at(until, next_of(events, self.container)).await {
            match event {
                What::Died { code } => return Err(self.died(code, out_of_memory, started).await),
                What::OutOfMemory => out_of_memory = true,
                What::Unhealthy => return Err(self.unhealthy().await),
                What::Healthy => {}
            }
        }
        Ok(())
    }

    async fn died(&self, code: i64, out_of_memory: bool, started: Instant) -> Failure {
        let log = self.log().await;
        let after = started.elapsed().as_secs_f64();
        let meaning = match code {
            _ if out_of_memory => " (out of memory: it reached its memory limit)",
            126 => " (its command cannot be run)",
            127 => " (its command is not in the image)",
            137 => " (killed)",
            139 => " (crashed: segmentation fault)",
            143 => " (asked to stop)",
            _ => "",
        };
        let outcome = if after >= 0.05 {
            format!("exited {code} after {after:.1} s{meaning}")
        } else {
            format!("exited {code}{meaning}")
        };
        Failure { outcome, cause: error_or_last_line(&log), log }
    }

    async fn unhealthy(&self) -> Failure {
        let found = self.client.docker.inspect_container(self.container, None::<InspectContainerOptions>).await.ok();
        let checks = found.and_then(|found| found.state?.health?.log).unwrap_or_default();
        let output = checks.last().and_then(|check| check.output.clone()).unwrap_or_default();
        let output = output.trim();
        let cause = match output {
            "" => "its healthcheck fails and says nothing".to_owned(),
            output => format!("its healthcheck says: {}", output.lines().next_back().unwrap_or_default()),
        };
        Failure { outcome: "is unhealthy".into(), cause: Some(cause), log: self.log().await }
    }

    async fn too_slow(&self, why: &str) -> Failure {
        let outcome = format!("was not ready within {} s", self.timeout.as_secs());
        Failure { outcome, cause: Some(why.to_owned()), log: self.log().await }
    }

    async fn log(&self) -> Vec<String> {
        last_lines(self.client, self.container).await
    }
}

enum Trouble {
    NotYet(String),
    Failed(Box<Failure>),
}

/// The next happening of this container; waits for ever when the stream is gone.
async fn next_of(events: &mut Receiver<ContainerEvent>, container: &str) -> What {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match events.recv().await {
            Ok(happening) if happening.container == container => return happening.what,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
