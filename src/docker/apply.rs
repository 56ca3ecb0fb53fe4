//! Carrying out a plan: every change, gated, and undone where it fails.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::Receiver;
use tokio::sync::{OnceCell, watch};

use super::connect::Client;
use super::courier::{self, Load};
use super::create::{self, Marks};
use super::gate::{self, Failure, Gate};
use super::restore::{self, Parked};
use super::watch::{ContainerEvent, Watch};
use super::{dag, pull, remove, store};
use crate::compose::{File, Service, values};
use crate::error::{Error, Result};
use crate::event::{Event, Sink};
use crate::plan::Fingerprints;
use crate::plan::operation::{Action, Operation, Plan};
use crate::render::Bundle;
use crate::secrets::Secret;

/// What is to be done, and all that it takes.
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

/// Carries out the plan. When a service fails, or `cancelled` completes, all replaced containers come back.
///
/// Errors: exit 1 when nothing had been changed that needed undoing, 3 when the old state is back, 4 when it could
/// not be brought back, 130 when cancelled.
pub async fn apply(client: &Client, job: &Job<'_>, sink: Sink<'_>, cancelled: impl Future<Output = ()>) -> Result<()> {
    let run = Run {
        client,
        job,
        sink,
        http: crate::http::inside(),
        watch: Watch::start(client, &job.bundle.compose.name),
        generated: OnceCell::new(),
        passed: RefCell::default(),
        parked: RefCell::default(),
        leaving: RefCell::default(),
        unproven: RefCell::default(),
        stopping: watch::Sender::new(false),
    };
    remove::couriers(client, &job.bundle.compose.name).await;
    let pulls = job.plan.operations.iter().filter(|o| matches!(o.action, Action::Pull { .. })).count();
    if pulls > 0 {
        sink(Event::PullsStarted { total: pulls });
    }
    let outcome = run.until(cancelled).await;
    match outcome {
        Ok(()) => run.finish().await,
        Err(error) => Err(run.undo(error).await),
    }
}

pub(super) struct Run<'a> {
    pub client: &'a Client,
    pub job: &'a Job<'a>,
    pub sink: Sink<'a>,
    http: reqwest::Client,
    pub watch: Watch,
    generated: OnceCell<BTreeMap<String, Secret>>,
    passed: RefCell<Vec<Passed<'a>>>,
    /// Containers that this run set aside, to be replaced or to leave.
    pub parked: RefCell<Vec<Parked>>,
    /// Containers that go once all is well, with their service: of those set aside, the ones without a successor.
    pub leaving: RefCell<Vec<(&'a str, &'a str)>>,
    /// Services created in this run that have not passed their gate.
    pub unproven: RefCell<BTreeSet<&'a str>>,
    /// Something failed, or the run was interrupted: waiting ends, and nothing more is begun.
    stopping: watch::Sender<bool>,
}

/// A service that was ready, and must stay so for a while.
struct Passed<'a> {
    service: &'a str,
    container: String,
    events: Receiver<ContainerEvent>,
    stable_at: tokio::time::Instant,
    /// Made by this run, or one that was there before and only started?
    created: bool,
}

impl<'a> Run<'a> {
    pub fn file(&self) -> &'a File {
        &self.job.bundle.compose
    }

    /// All of it, or up to where it is cancelled. What the daemon was told to do is done by the end in any case.
    async fn until(&self, cancelled: impl Future<Output = ()>) -> Result<()> {
        let mut work = std::pin::pin!(self.all());
        tokio::select! {
            outcome = &mut work => return outcome,
            () = cancelled => {}
        }
        (self.sink)(Event::Interrupted);
        self.stop();
        drop(work.await);
        Err(Error::interrupted())
    }

    async fn all(&self) -> Result<()> {
        dag::run(&self.job.plan.operations, |operation| self.carry_out(operation), || self.stop()).await?;
        self.stay().await
    }

    fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn go_on(&self) -> Result<()> {
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

    async fn carry_out(&self, operation: &'a Operation) -> Result<()> {
        self.go_on()?;
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
            Action::Create { service } => self.create(service).await,
            Action::Recreate { service, container } => {
                self.park(service, container).await?;
                self.create(service).await
            }
            Action::Start { service, container } => self.start(service, container.clone(), Instant::now()).await,
            Action::Remove { service, container } => self.leave(service, container).await,
            Action::RemoveNetwork { .. } | Action::RemoveVolume { .. } => {
                remove::one(self.client, operation, self.sink).await
            }
        }
    }

    /// Sets a container aside. It counts as set aside before the first step, so that half of it is undone as well.
    async fn park(&self, service: &str, container: &str) -> Result<()> {
        let Some(parked) = restore::find(self.client, service, container).await? else { return Ok(()) };
        self.parked.borrow_mut().push(parked.clone());
        let outcome = restore::park(self.client, &parked).await;
        outcome.map_err(|error| error.within(format!("`{}` cannot be set aside", parked.name)))
    }

    /// A container without a successor gives up its place now, and goes when all else is well.
    async fn leave(&self, service: &'a str, container: &'a str) -> Result<()> {
        self.leaving.borrow_mut().push((service, container));
        match restore::find(self.client, service, container).await? {
            Some(found) if !found.aside => self.park(service, container).await,
            _ => Ok(()),
        }
    }

    async fn create(&self, name: &'a str) -> Result<()> {
        let began = Instant::now();
        (self.sink)(Event::ServiceCreating { service: name.to_owned() });
        let service = &self.file().services[name];
        self.go_on()?;
        self.bring_files(name, service).await?;
        self.go_on()?;
        self.unproven.borrow_mut().insert(name);
        let fingerprints = self.job.fingerprints;
        let mark = |marks: &'a BTreeMap<String, String>| marks.get(name).map_or("", String::as_str);
        let marks = Marks { files: mark(&fingerprints.files), secrets: mark(&fingerprints.secrets) };
        let container = create::container(self.client, self.file(), name, &marks).await?;
        self.start(name, container, began).await
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
            let values: Result<BTreeMap<String, Secret>> =
                service.secrets.iter().map(|name| Ok((name.clone(), self.secret(name, generated)?))).collect();
            load.secrets(self.file().secrets_volume(name), &values?, owner);
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

    /// A secret's value, in the form its reader wants.
    fn secret(&self, name: &str, generated: &BTreeMap<String, Secret>) -> Result<Secret> {
        let extension = self.file().secrets.get(name).and_then(|secret| secret.extension.clone()).unwrap_or_default();
        let source = extension.of.as_deref().unwrap_or(name);
        let value = self.job.secrets.get(source).or_else(|| generated.get(source));
        let value = value.ok_or_else(|| Error::new(format!("the secret `{source}` has no value")))?;
        Ok(match extension.json_key {
            Some(key) => Secret::new(serde_json::json!({key: value.expose()}).to_string()),
            None => value.clone(),
        })
    }

    async fn start(&self, name: &'a str, container: String, began: Instant) -> Result<()> {
        let service = &self.file().services[name];
        let mut events = self.watch.subscribe();
        (self.sink)(Event::ServiceStarting { service: name.to_owned() });
        self.go_on()?;
        if let Err(error) = restore::wake(self.client, &container, service.restart.as_deref()).await {
            let why = error.causes.first().unwrap_or(&error.message);
            return Err(self.not_started(name, service, why));
        }
        let gate = self.gate(name, service, &container);
        if let Err(failure) = self.unless_stopping(gate.ready(&mut events)).await? {
            return Err(self.refused(name, failure));
        }
        let created = self.unproven.borrow_mut().remove(name);
        (self.sink)(Event::ServiceReady { service: name.to_owned(), took: began.elapsed() });
        let stable_at = tokio::time::Instant::now() + gate::STABLE;
        self.passed.borrow_mut().push(Passed { service: name, container, events, stable_at, created });
        Ok(())
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

    /// All windows of stability side by side, from the moment each service was ready.
    async fn stay(&self) -> Result<()> {
        for mut passed in self.passed.take() {
            let service = &self.file().services[passed.service];
            let gate = self.gate(passed.service, service, &passed.container);
            if let Err(failure) = self.unless_stopping(gate.stays(&mut passed.events, passed.stable_at)).await? {
                // What was there before this run is not taken away.
                if passed.created {
                    self.unproven.borrow_mut().insert(passed.service);
                }
                return Err(self.refused(passed.service, failure));
            }
        }
        Ok(())
    }

    fn not_started(&self, name: &str, service: &Service, why: &str) -> Error {
        (self.sink)(Event::ServiceFailed { service: name.to_owned(), cause: why.to_owned(), log: Vec::new() });
        let error = Error::new(format!("`{name}` did not start with `{}`", service.image)).cause(why);
        let port = why.contains("port is already allocated") || why.contains("address already in use");
        if port {
            error.hint(format!("another program took the port meanwhile; choose another: `--set {name}.port=…`"))
        } else {
            error
        }
    }

    fn refused(&self, name: &str, failure: Failure) -> Error {
        let Failure { outcome, cause, log } = failure;
        (self.sink)(Event::ServiceFailed { service: name.to_owned(), cause: outcome.clone(), log: log.clone() });
        let image = &self.file().services[name].image;
        let error = Error::new(format!("`{name}` {outcome}")).cause(format!("with the image `{image}`")).quote(log);
        match cause {
            Some(cause) => error.cause(cause),
            None => error.cause("it logged nothing"),
        }
    }
}
