//! Carrying out a plan: every change, gated, and undone where it fails.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::{Duration, Instant};

use bollard::query_parameters::StartContainerOptions;
use tokio::sync::OnceCell;
use tokio::sync::broadcast::Receiver;

use super::connect::Client;
use super::courier::{self, Load};
use super::create::{self, Marks};
use super::gate::{self, Failure, Gate};
use super::restore::{self, Parked};
use super::watch::{Happening, Watch};
use super::{dag, pull, remove, said, store};
use crate::compose::{File, Service, values};
use crate::error::{Error, Exit, Result};
use crate::event::{Event, Sink};
use crate::plan::operation::{Action, Operation, Plan};
use crate::plan::{Fingerprints, observed::label};
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
    pub salt: &'a str,
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
        http: super::http::inside(),
        watch: Watch::start(client, &job.bundle.compose.name),
        generated: OnceCell::new(),
        passed: RefCell::default(),
        parked: RefCell::default(),
        unproven: RefCell::default(),
    };
    remove::couriers(client, &job.bundle.compose.name).await;
    let pulls = job.plan.operations.iter().filter(|o| matches!(o.action, Action::Pull { .. })).count();
    if pulls > 0 {
        sink(Event::PullsStarted { total: pulls });
    }
    let outcome = tokio::select! {
        outcome = run.all() => outcome,
        () = cancelled => Err(Error::interrupted()),
    };
    match outcome {
        Ok(()) => run.finish().await,
        Err(error) => Err(run.undo(error).await),
    }
}

struct Run<'a> {
    client: &'a Client,
    job: &'a Job<'a>,
    sink: Sink<'a>,
    http: reqwest::Client,
    watch: Watch,
    generated: OnceCell<BTreeMap<String, Secret>>,
    passed: RefCell<Vec<Passed<'a>>>,
    parked: RefCell<Vec<Parked>>,
    /// Services created in this run that have not passed their gate.
    unproven: RefCell<BTreeSet<&'a str>>,
}

/// A service that was ready, and must stay so for a while.
struct Passed<'a> {
    service: &'a str,
    container: String,
    events: Receiver<Happening>,
    stable_at: tokio::time::Instant,
}

impl<'a> Run<'a> {
    fn file(&self) -> &'a File {
        &self.job.bundle.compose
    }

    async fn all(&self) -> Result<()> {
        dag::run(&self.job.plan.operations, |operation| self.carry_out(operation)).await?;
        self.stay().await
    }

    async fn carry_out(&self, operation: &'a Operation) -> Result<()> {
        match &operation.action {
            Action::Pull { image } => pull::pull(self.client, image, self.sink).await,
            Action::CreateNetwork { key, name } => {
                create::network(self.client, self.file(), key, name).await?;
                (self.sink)(Event::NetworkCreated { name: name.clone() });
                Ok(())
            }
            Action::CreateVolume { name, role, .. } => {
                create::volume(self.client, self.file(), name, *role, self.job.salt).await?;
                (self.sink)(Event::VolumeCreated { name: name.clone() });
                Ok(())
            }
            Action::Create { service } => self.create(service).await,
            Action::Recreate { service, container } => {
                let parked = restore::park(self.client, self.file(), service, container).await?;
                self.parked.borrow_mut().push(parked);
                self.create(service).await
            }
            Action::Start { service, container } => self.start(service, container.clone(), Instant::now()).await,
            Action::Remove { .. } | Action::RemoveNetwork { .. } | Action::RemoveVolume { .. } => {
                remove::one(self.client, operation, self.sink).await
            }
        }
    }

    async fn create(&self, name: &'a str) -> Result<()> {
        let began = Instant::now();
        (self.sink)(Event::ServiceCreating { service: name.to_owned() });
        let service = &self.file().services[name];
        self.unproven.borrow_mut().insert(name);
        self.bring_files(name, service).await?;
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
        let started = self.client.docker.start_container(&container, None::<StartContainerOptions>).await;
        if let Err(error) = started {
            return Err(self.not_started(name, service, &said(&error)));
        }
        let gate = self.gate(name, &container);
        if let Err(failure) = gate.ready(&mut events).await {
            return Err(self.refused(name, failure));
        }
        self.unproven.borrow_mut().remove(name);
        (self.sink)(Event::ServiceReady { service: name.to_owned(), took: began.elapsed() });
        let stable_at = tokio::time::Instant::now() + gate::STABLE;
        self.passed.borrow_mut().push(Passed { service: name, container, events, stable_at });
        Ok(())
    }

    fn gate<'g>(&'g self, name: &'g str, container: &'g str) -> Gate<'g> {
        let service = &self.file().services[name];
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
            let gate = self.gate(passed.service, &passed.container);
            if let Err(failure) = gate.stays(&mut passed.events, passed.stable_at).await {
                self.unproven.borrow_mut().insert(passed.service);
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

    /// Everything passed: what was kept aside can go.
    async fn finish(&self) -> Result<()> {
        for parked in self.parked.take() {
            remove::remove(self.client, &parked.container).await?;
        }
        Ok(())
    }

    /// Brings back what was replaced; the error then says how it ended.
    async fn undo(&self, mut error: Error) -> Error {
        remove::couriers(self.client, &self.file().name).await;
        // What did not pass goes; its log is in the error. An old container comes back under the name.
        let unproven = self.unproven.take();
        let changed = !unproven.is_empty();
        for name in unproven {
            let _ = remove::remove(self.client, &self.file().container_name(name)).await;
        }
        let parked = self.parked.take();
        let restored_any = !parked.is_empty();
        for parked in parked {
            match restore::restore(self.client, self.file(), &parked).await {
                Ok(()) => (self.sink)(Event::ServiceRestored { service: parked.service, image: parked.image }),
                Err(problem) => {
                    let said = format!("`{}` could not be brought back: {problem}", parked.service);
                    error = error.exit(Exit::NotRolledBack).cause(said).hint(format!(
                        "its old container is `{}`: `docker ps -a --filter label={}={}` shows it",
                        parked.container,
                        label::STACK,
                        self.file().name
                    ));
                    return error;
                }
            }
        }
        if error.exit == Exit::Interrupted {
            return error.hint("run `watchpost up` again to finish, or `watchpost down` to take it away");
        }
        if restored_any || changed {
            error.exit = Exit::RolledBack;
        }
        let ended = match (restored_any, changed) {
            (true, _) => Some("the previous version is running again"),
            (false, true) => Some("it was taken away again, and what ran before was left alone"),
            (false, false) => None,
        };
        let hint: Vec<String> = error.hint.take().into_iter().chain(ended.map(str::to_owned)).collect();
        if hint.is_empty() { error } else { error.hint(hint.join("; ")) }
    }
}
