//! The end of a run: what was set aside goes, or comes back.

use futures_util::future::join_all;

use super::apply::Run;
use super::gate::Failure;
use super::remove;
use super::restore::{self, Parked};
use crate::error::{Error, Exit, Result};
use crate::event::Event;
use crate::plan::observed::label;

impl Run<'_> {
    /// Everything passed: what was kept aside can go.
    pub async fn finish(&self) -> Result<()> {
        for parked in self.parked.take() {
            remove::remove(self.client, &parked.container).await?;
        }
        for (service, container) in self.leaving.take() {
            remove::stop_and_remove(self.client, container).await?;
            (self.sink)(Event::ServiceRemoved { service: service.to_owned() });
        }
        Ok(())
    }

    /// Brings back what was set aside; the error then says how it ended.
    pub async fn undo(&self, mut error: Error) -> Error {
        remove::couriers(self.client, &self.file().name).await;
        let interrupted = error.exit == Exit::Interrupted;
        let (unproven, parked) = (self.unproven.take(), self.parked.take());
        let (changed, restored_any) = (!unproven.is_empty(), !parked.is_empty());
        // What did not pass goes; its log is in the error.
        for name in unproven {
            if let Err(problem) = remove::remove(self.client, &self.file().container_name(name)).await {
                error = error.exit(Exit::NotRolledBack).cause(format!("`{name}` cannot be taken away: {problem}"));
            }
        }
        // All successors go before any old one starts: they may have swapped their ports.
        for old in &parked {
            if let Err(problem) = restore::remove_successor(self.client, old).await {
                error = self.not_back(error, old, &problem.to_string());
            }
        }
        for problem in join_all(parked.iter().map(|old| self.bring_back(old, !interrupted))).await.into_iter().flatten()
        {
            error = self.not_back(error, problem.0, &problem.1);
        }
        if error.exit == Exit::NotRolledBack {
            return error;
        }
        if interrupted {
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

    /// Starts one again, and waits until it is ready if `wait`; says why it is not.
    async fn bring_back<'p>(&self, old: &'p Parked, wait: bool) -> Option<(&'p Parked, String)> {
        let mut events = self.watch.subscribe();
        if let Err(problem) = restore::restore(self.client, self.file(), old).await {
            return Some((old, problem.to_string()));
        }
        let settings = old.settings.as_ref().or_else(|| self.file().services.get(&old.service)).filter(|_| wait);
        if let Some(settings) = settings {
            let gate = self.gate(&old.service, settings, &old.container);
            if let Err(Failure { outcome, cause, .. }) = gate.ready(&mut events).await {
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                return Some((old, format!("it was started again and {outcome}{cause}")));
            }
        }
        let (service, image) = (old.service.clone(), old.image.clone());
        (self.sink)(Event::ServiceRestored { service, image, ready: settings.is_some() });
        None
    }

    fn not_back(&self, error: Error, old: &Parked, why: &str) -> Error {
        let said = format!("`{}` could not be brought back: {why}", old.service);
        error.exit(Exit::NotRolledBack).cause(said).hint(format!(
            "its old container is `{}`: `docker ps -a --filter label={}={}` shows it",
            old.container,
            label::STACK,
            self.file().name
        ))
    }
}
