//! Carrying out a plan: every change, gated, and undone where it fails.
//!
//! Each operation returns a `Change`, the record of what it did, also when it failed midway. Once all have ended,
//! `finish` completes these changes, or `undo` reverts them (both in `undo.rs`).

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::Receiver;
use tokio::sync::{OnceCell, watch};

use super::connect::Client;
use super::courier::{self, Load};
use super::create::{self, Marks};
use super::gate::{Failure, Gate};
use super::restore::{self, Parked};
use super::watch::{ContainerEvent, Watch};
use super::{dag, pull, remove, store};
use crate::compose::{File, SecretExtension, Service, values};
use crate::error::{Error, Result};
use crate::event::{Event, Sink};
use crate::plan::Fingerprints;
use crate::plan::operation::{Action, Operation, Plan};
use crate::render::Bundle;
use crate::secrets::Secret;

/// A plan, and all that is needed to carry it out.
pub struct Job<'a> {
    pub plan: &'a Plan,
    pub bundle: &'a Bundle,
    pub fingerprints: &'a Fingerprints,
    /// Values of the secrets that have a source; generated ones are kept on the host.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// The key of the fingerprints, written to the store volume when it is created.
    pub fingerprint_key: &'a str,
    /// How long one service may take until it is ready.
    pub timeout: Duration,
}

/// Carries out the plan. When a service fails, or `cancelled` completes, all replaced containers are restored.
///
/// Errors: exit 1 when nothing needed to be undone, 3 when the old state is restored, 4 when it could not be restored,
/// 130 when cancelled.
pub async fn apply(client: &Client, job: &Job<'_>, sink: Sink<'_>, cancelled: impl Future<Output = ()>) -> Result<()> {
    let run = Run {
        client,
        job,
        sink,
        http: crate::http::inside(),
        watch: Watch::start(client, &job.bundle.compose.name),
        generated: OnceCell::new(),
        stopping: watch::Sender::new(false),
    };
    remove::couriers(client, &job.bundle.compose.name).await;
    let pulls = job.plan.operations.iter().filter(|o| matches!(o.action, Action::Pull { .. })).count();
    if pulls > 0 {
        sink(Event::PullsStarted { total: pulls });
    }
    let (changes, outcome) = run.until(cancelled).await;
    match outcome {
        Ok(()) => run.finish(&changes).await,
        Err(error) => Err(run.undo(&changes, error).await),
    }
}

pub(super) struct Run<'a> {
    pub client: &'a Client,
    pub job: &'a Job<'a>,
    pub sink: Sink<'a>,
    http: reqwest::Client,
    pub watch: Watch,
    generated: OnceCell<BTreeMap<String, Secret>>,
    /// Something failed, or the run was interrupted: waiting ends, and nothing more is begun.
    stopping: watch::Sender<bool>,
}

/// What one operation did. Each step is noted before it is taken, so that half of it is undone as well.
#[derive(Default)]
pub(super) struct Change<'a> {
    /// The container that was set aside, to be replaced or to be removed.
    pub parked: Option<Parked>,
    /// A container without a successor, and its service: it is removed once all else is well.
    pub leaving: Option<(&'a str, &'a str)>,
    /// The service whose new container has not passed its gate.
    pub unproven: Option<&'a str>,
    ready: Option<Ready>,
}

/// A container that was ready, and must stay up for a while.
struct Ready {
    container: String,
    events: Receiver<ContainerEvent>,
    at: tokio::time::Instant,
}

impl<'a> Run<'a> {
    pub fn file(&self) -> &'a File {
        &self.job.bundle.compose
    }

    /// All of it, or up to where it is cancelled. Calls that the daemon has begun are always awaited.
    async fn until(&self, cancelled: impl Future<Output = ()>) -> (Vec<Change<'a>>, Result<()>) {
        let mut work = std::pin::pin!(self.all());
        tokio::select! {
            done = &mut work => return done,
            () = cancelled => {}
        }
        (self.sink)(Event::Interrupted);
        self.stop();
        let (changes, _) = work.await;
        (changes, Err(Error::interrupted()))
    }

    async fn all(&self) -> (Vec<Change<'a>>, Result<()>) {
        let carry_out = async |operation: &'a Operation| {
            let mut change = Change::default();
            let result = self.carry_out(operation, &mut change).await;
            ((operation, change), result)
        };
        let (mut done, mut outcome) = dag::run(&self.job.plan.operations, carry_out, || self.stop()).await;
        if outcome.is_ok() {
            outcome = self.stay(&mut done).await;
        }
        (done.into_iter().map(|(_, change)| change).collect(), outcome)
    }

    fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn check_stopping(&self) -> Result<()> {
        if *self.stopping.borrow() { Err(Error::interrupted()) } else { Ok(()) }
    }

    /// Ends early when the run is stopping: for what only waits, or can be left midway.
    async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            outcome = work => Ok(outcome),
            _ = stopping.wait_for(|stop| *stop) => Err(Error::interrupted()),
        }
    }

    async fn carry_out(&self, operation: &'a Operation, change: &mut Change<'a>) -> Result<()> {
        self.check_stopping()?;
        match &operation.action {
            Action::Pull { image } => self.unless_stopping(pull::pull(self.client, image, self.sink)).await?,
            Action::CreateNetwork { key, name } => {
                create::network(self.client, self.file(), key, name).await?;
                (self.sink)(Event::NetworkCreated { name: name.clone() });
                Ok(())
            }
            Action::CreateVolume { name, role, .. } => {
                create::volume(self.client, self.file(), name, *role, self.job.fingerprint_key).await?;
                (self.sink)(Event::VolumeCreated { name: name.clone() });
                Ok(())
            }
            Action::Create { service } => self.create(service, change).await,
            Action::Recreate { service, container } => {
                if let Some(found) = restore::inspect_parked(self.client, service, container).await? {
                    self.park(found, change).await?;
                }
                self.create(service, change).await
            }
            Action::Start { service, container } => {
                change.ready = Some(self.start(service, container, Instant::now()).await?);
                Ok(())
            }
            Action::Remove { service, container } => self.leave(service, container, change).await,
            Action::RemoveNetwork { .. } | Action::RemoveVolume { .. } => {
                remove::remove_one(self.client, operation, self.sink).await
            }
        }
    }

    async fn park(&self, found: Parked, change: &mut Change<'a>) -> Result<()> {
        let parked = change.parked.insert(found);
        let outcome = restore::park(self.client, parked).await;
        outcome.map_err(|error| error.within(format!("the container `{}` cannot be set aside", parked.name)))
    }

    /// A container without a successor makes room now, and is removed when all else is well.
    async fn leave(&self, service: &'a str, container: &'a str, change: &mut Change<'a>) -> Result<()> {
        change.leaving = Some((service, container));
        match restore::inspect_parked(self.client, service, container).await? {
            Some(found) if !found.aside => self.park(found, change).await,
            _ => Ok(()),
        }
    }

    async fn create(&self, name: &'a str, change: &mut Change<'a>) -> Result<()> {
        let began = Instant::now();
        (self.sink)(Event::ServiceCreating { service: name.to_owned() });
        let service = &self.file().services[name];
        self.check_stopping()?;
        self.bring_files(name, service).await?;
        self.check_stopping()?;
        change.unproven = Some(name);
        let label = |values: &'a BTreeMap<String, String>| values.get(name).map_or("", String::as_str);
        let fingerprints = self.job.fingerprints;
        let marks = Marks { files: label(&fingerprints.files), secrets: label(&fingerprints.secrets) };
        let container = create::container(self.client, self.file(), name, &marks).await?;
        change.ready = Some(self.start(name, &container, began).await?);
        change.unproven = None;
        Ok(())
    }

    /// Files and secrets, into the service's own volumes, before its container is created.
    async fn bring_files(&self, name: &str, service: &Service) -> Result<()> {
        let mut load = Load::default();
        let files = self.job.bundle.service_files(name);
        if let Some(hash) = self.job.fingerprints.files.get(name) {
            load.files(self.file().files_volume(name), hash, &files);
        }
        if !service.secrets.is_empty() {
            let generated =
                self.generated.get_or_try_init(|| store::generated(self.client, self.file(), &service.image)).await?;
            let owner = service.user.as_deref().and_then(values::user_ids).unwrap_or((0, 0));
            let mut values = BTreeMap::new();
            for secret in &service.secrets {
                let extension = self.extension(secret);
                let value = self.secret(secret, &extension, generated)?;
                // PostgreSQL's clients refuse a file of passwords that others may read.
                values.insert(secret.clone(), (value, if extension.pgpass { 0o400 } else { 0o440 }));
            }
            load.secrets(self.file().secrets_volume(name), &values, owner);
        }
        if load.is_empty() {
            return Ok(());
        }
        courier::deliver(self.client, &self.file().name, &service.image, &load).await?;
        if !files.is_empty() {
            (self.sink)(Event::FilesWritten { service: name.to_owned(), files: files.len() });
        }
        Ok(())
    }

    fn extension(&self, secret: &str) -> SecretExtension {
        self.file().secrets.get(secret).and_then(|secret| secret.extension.clone()).unwrap_or_default()
    }

    /// A secret's value, in the form that its reader expects.
    fn secret(&self, name: &str, extension: &SecretExtension, generated: &BTreeMap<String, Secret>) -> Result<Secret> {
        let source = extension.of.as_deref().unwrap_or(name);
        let value = self.job.secrets.get(source).or_else(|| generated.get(source));
        let value = value.ok_or_else(|| Error::new(format!("the secret `{source}` has no value")))?;
        Ok(value.written(extension))
    }

    async fn start(&self, name: &str, container: &str, began: Instant) -> Result<Ready> {
        let service = &self.file().services[name];
        let mut events = self.watch.subscribe();
        (self.sink)(Event::ServiceStarting { service: name.to_owned() });
        self.check_stopping()?;
        if let Err(error) = restore::wake(self.client, container, service.restart.as_deref()).await {
            let why = error.causes().into_iter().next().unwrap_or_else(|| error.message.clone());
            return Err(self.not_started(name, service, &why));
        }
        let gate = self.gate(name, service, container);
        if let Err(failure) = self.unless_stopping(gate.ready(&mut events)).await? {
            return Err(self.rejected(name, failure));
        }
        (self.sink)(Event::ServiceReady { service: name.to_owned(), took: began.elapsed() });
        Ok(Ready { container: container.to_owned(), events, at: tokio::time::Instant::now() })
    }

    pub fn gate<'g>(&'g self, name: &'g str, service: &'g Service, container: &'g str) -> Gate<'g> {
        Gate {
            client: self.client,
            http: &self.http,
            name,
            service,
            container,
            timeout: self.job.timeout,
            sink: self.sink,
        }
    }

    /// All services must stay up for a while; their times run side by side, each from when it was ready.
    async fn stay(&self, done: &mut [(&'a Operation, Change<'a>)]) -> Result<()> {
        for (operation, change) in done {
            let Some(ready) = &mut change.ready else { continue };
            // Only what this run created is removed again: a container that it merely started belongs to the stack.
            let (name, created) = match &operation.action {
                Action::Create { service } | Action::Recreate { service, .. } => (service, true),
                Action::Start { service, .. } => (service, false),
                _ => continue,
            };
            let gate = self.gate(name, &self.file().services[name], &ready.container);
            if let Err(failure) = self.unless_stopping(gate.stays(&mut ready.events, ready.at)).await? {
                change.unproven = created.then_some(name);
                return Err(self.rejected(name, failure));
            }
        }
        Ok(())
    }

    fn not_started(&self, name: &str, service: &Service, why: &str) -> Error {
        (self.sink)(Event::ServiceFailed { service: name.to_owned(), cause: why.to_owned(), log: Vec::new() });
        let error = Error::new(format!("`{name}` did not start with `{}`", service.image)).cause(why);
        let port = why.contains("port is already allocated") || why.contains("address already in use");
        if port {
            error.hint(format!("another program uses the port now; choose another one: `--set {name}.port=…`"))
        } else {
            error
        }
    }

    fn rejected(&self, name: &str, failure: Failure) -> Error {
        let Failure { outcome, cause, log } = failure;
        (self.sink)(Event::ServiceFailed { service: name.to_owned(), cause: outcome.clone(), log: log.clone() });
        let image = &self.file().services[name].image;
        let error = Error::new(format!("`{name}` {outcome}")).cause(format!("with the image `{image}`")).quote(log);
        error.cause(cause.unwrap_or_else(|| "it logged nothing".into()))
    }
}
