//! Whether a service is ready, not yet, or failed: rules over events, inspections and probes, without Docker.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout_at};

use crate::compose::Probe;
use crate::docker::inspect::Inspection;
use crate::docker::reach::{Response, TransportError};
use crate::docker::watch::{ContainerEvent, What};
use crate::plan::observed::Health;

/// The first look comes after this, later ones after up to `SLOWEST`.
const FIRST: Duration = Duration::from_millis(20);
const SLOWEST: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Ready,
    /// Not yet, and why.
    Waiting(String),
    Failed(Reason),
}

/// Why a service failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Exited { code: i64, out_of_memory: bool },
    Unhealthy,
    TimedOut { limit: Duration, waiting_for: String },
}

/// The events of one container, as far as they decide something.
pub struct Events<'a> {
    receiver: &'a mut Receiver<ContainerEvent>,
    container: &'a str,
    /// The kernel reports this before the container exits.
    out_of_memory: bool,
}

impl<'a> Events<'a> {
    pub fn of_container(receiver: &'a mut Receiver<ContainerEvent>, container: &'a str) -> Self {
        Self { receiver, container, out_of_memory: false }
    }

    /// The next event that decides. Never returns once the stream is broken: looks must find out then.
    async fn next_verdict(&mut self) -> Verdict {
        loop {
            let event = match self.receiver.recv().await {
                Ok(event) if event.container == self.container => event,
                Ok(_) | Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => std::future::pending().await,
            };
            match event.what {
                What::OutOfMemory => self.out_of_memory = true,
                What::Healthy => return Verdict::Ready,
                What::Unhealthy => return Verdict::Failed(Reason::Unhealthy),
                What::Died { code } => {
                    return Verdict::Failed(Reason::Exited { code, out_of_memory: self.out_of_memory });
                }
            }
        }
    }
}

/// Waits for a verdict of an event or of a look. `waiting` is called with each new reason to wait.
pub async fn until_ready(
    events: &mut Events<'_>,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Verdict,
    waiting: impl Fn(&str),
) -> Result<(), Reason> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST;
    let mut waiting_for = String::from("it is starting");
    while Instant::now() < deadline {
        let verdict = tokio::select! {
            verdict = events.next_verdict() => verdict,
            () = sleep(pause) => {
                pause = (pause * 3 / 2).min(SLOWEST);
                look().await
            }
        };
        match verdict {
            Verdict::Ready => return Ok(()),
            Verdict::Failed(reason) => return Err(reason),
            Verdict::Waiting(why) if why != waiting_for => {
                waiting(&why);
                waiting_for = why;
            }
            Verdict::Waiting(_) => {}
        }
    }
    Err(Reason::TimedOut { limit, waiting_for })
}

/// Watches for a failure until `until`, and looks once more then.
pub async fn until_stable(
    events: &mut Events<'_>,
    until: Instant,
    look: impl AsyncFnOnce() -> Verdict,
) -> Result<(), Reason> {
    while let Ok(verdict) = timeout_at(until, events.next_verdict()).await {
        if let Verdict::Failed(reason) = verdict {
            return Err(reason);
        }
    }
    match look().await {
        Verdict::Failed(reason @ Reason::Exited { .. }) => Err(reason),
        // A service that answered its probe may wait for its next healthcheck; one that was paused has an old result.
        Verdict::Failed(_) | Verdict::Ready | Verdict::Waiting(_) => Ok(()),
    }
}

/// One look at a service: what its probe answered, and its container's state where that matters.
pub struct Look<'a> {
    pub probe: Option<(&'a Probe, Result<Response, TransportError>)>,
    pub has_healthcheck: bool,
    pub inspection: Result<Inspection, String>,
}

impl Default for Look<'_> {
    fn default() -> Self {
        Self { probe: None, has_healthcheck: false, inspection: Err("it was not inspected".into()) }
    }
}

impl Look<'_> {
    /// A service that answers its probe shows by that how it is.
    pub fn needs_inspection(&self) -> bool {
        !matches!(self.probe, Some((_, Ok(_))))
    }

    pub fn verdict(&self) -> Verdict {
        let state = || by_inspection(&self.inspection, self.has_healthcheck);
        match &self.probe {
            Some((_, Ok(response))) if response.is_success() => Verdict::Ready,
            Some((probe, Ok(response))) => {
                Verdict::Waiting(format!("it answers {} on {}", response.status, probe.path))
            }
            Some((probe, Err(TransportError::NoAnswer(_)))) => match state() {
                Verdict::Failed(reason) => Verdict::Failed(reason),
                // Healthy by its own check, even if this machine cannot reach it.
                Verdict::Ready if self.has_healthcheck => Verdict::Ready,
                _ => Verdict::Waiting(format!("it does not answer on port {} yet", probe.port)),
            },
            // Without a probe that can be sent, its healthcheck decides; without one, that it runs.
            Some((_, Err(TransportError::Unreachable))) | None => state(),
        }
    }
}

/// Healthy by its healthcheck, or running when it has none.
pub fn by_inspection(inspection: &Result<Inspection, String>, has_healthcheck: bool) -> Verdict {
    let found = match inspection {
        Ok(found) => found,
        Err(why) => return Verdict::Waiting(why.clone()),
    };
    // In a crash loop a container counts as running while it waits for its next start.
    if !found.running || found.restarting {
        return Verdict::Failed(Reason::Exited { code: found.exit_code, out_of_memory: found.out_of_memory });
    }
    match (has_healthcheck, found.health) {
        (false, _) | (true, Health::Healthy) => Verdict::Ready,
        (true, Health::Unhealthy) => Verdict::Failed(Reason::Unhealthy),
        (true, Health::Starting | Health::None) => Verdict::Waiting("its healthcheck has not passed yet".into()),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
