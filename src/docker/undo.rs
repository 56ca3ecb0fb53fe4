//! The end of a run: containers that were set aside are removed, or restored.

use futures_util::future::join_all;

use super::apply::{Change, Run};
use super::gate::Failure;
use super::remove;
use super::restore::{self, Parked};
use crate::error::{Error, Exit, Result};
use crate::event::Event;
use crate::plan::observed::label;

impl Run<'_> {
    /// Every service passed: what was set aside is removed.
    pub async fn finish(&self, changes: &[Change<'_>]) -> Result<()> {
        for change in changes {
            if let Some(parked) = &change.parked {
                remove::remove(self.client, &parked.container).await?;
            }
        }
        for change in changes {
            if let Some((service, container)) = change.leaving {
                remove::stop_and_remove(self.client, container).await?;
                (self.sink)(Event::ServiceRemoved { service: service.to_owned() });
            }
        }
        Ok(())
    }

    /// Reverts the changes. The returned error says what failed first, and how the stack is now.
    pub async fn undo(&self, changes: &[Change<'_>], error: Error) -> Error {
        remove::couriers(self.client, &self.file().name).await;
        let interrupted = error.exit == Exit::Interrupted;
        let unproven: Vec<&str> = changes.iter().filter_map(|change| change.unproven).collect();
        let parked: Vec<&Parked> = changes.iter().filter_map(|change| change.parked.as_ref()).collect();
        let mut problems = Problems::default();
        // Their logs are in the error.
        for name in &unproven {
            if let Err(problem) = remove::remove(self.client, &self.file().container_name(name)).await {
                problems.causes.push(format!("{problem:#}"));
            }
        }
        // All successors go before any old container starts: they may have swapped their ports.
        for old in &parked {
            if let Err(problem) = restore::remove_successor(self.client, old).await {
                problems.not_restored(old, &format!("{problem:#}"));
            }
        }
        let restored = join_all(parked.iter().map(|old| self.restore(old, !interrupted))).await;
        for (old, outcome) in parked.iter().zip(restored) {
            if let Err(why) = outcome {
                problems.not_restored(old, &why);
            }
        }
        if !problems.causes.is_empty() {
            return problems.added_to(error, &self.file().name);
        }
        if interrupted {
            return error.hint("run `watchpost up` again to finish, or `watchpost down` to remove the stack");
        }
        rolled_back(error, !parked.is_empty(), !unproven.is_empty())
    }

    /// Starts an old container again, and waits until it is ready if `wait`. Errors say why it is not.
    async fn restore(&self, old: &Parked, wait: bool) -> Result<(), String> {
        let mut events = self.watch.subscribe();
        restore::restore(self.client, self.file(), old).await.map_err(|problem| format!("{problem:#}"))?;
        let settings = old.settings.as_ref().or_else(|| self.file().services.get(&old.service)).filter(|_| wait);
        if let Some(settings) = settings {
            let gate = self.gate(&old.service, settings, &old.container);
            gate.ready(&mut events).await.map_err(started_and_failed)?;
        }
        let (service, image) = (old.service.clone(), old.image.clone());
        (self.sink)(Event::ServiceRestored { service, image, ready: settings.is_some() });
        Ok(())
    }
}

fn started_and_failed(failure: Failure) -> String {
    let cause = failure.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("it was started again and {}{cause}", failure.outcome)
}

/// What could not be reverted.
#[derive(Default)]
struct Problems<'a> {
    causes: Vec<String>,
    /// The containers that were not restored.
    old: Vec<&'a str>,
}

impl<'a> Problems<'a> {
    fn not_restored(&mut self, old: &'a Parked, why: &str) {
        self.causes.push(format!("`{}` could not be restored: {why}", old.service));
        if !self.old.contains(&old.container.as_str()) {
            self.old.push(&old.container);
        }
    }

    fn added_to(self, error: Error, stack: &str) -> Error {
        let error = self.causes.into_iter().fold(error.exit(Exit::NotRolledBack), Error::cause);
        if self.old.is_empty() {
            return error;
        }
        let old: Vec<String> = self.old.iter().map(|id| format!("`{}`", id.get(..12).unwrap_or(id))).collect();
        let (are, them) = if old.len() == 1 { ("container is", "it") } else { ("containers are", "them") };
        let list = format!("`docker ps -a --filter label={}={stack}`", label::STACK);
        let old = format!("the old {are} {}; list {them} with {list}", old.join(", "));
        error.hint(format!("fix the cause and run `watchpost up` again; {old}"))
    }
}

/// The error of a run whose changes were all reverted.
fn rolled_back(mut error: Error, restored: bool, removed: bool) -> Error {
    let ended = match (restored, removed) {
        (true, _) => "the previous version is running again",
        (false, true) => "the new container was removed; the running services were not touched",
        (false, false) => return error,
    };
    let hint = match error.hint.take() {
        Some(hint) => format!("{hint}; {ended}"),
        None => ended.to_owned(),
    };
    error.exit(Exit::RolledBack).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Error {
        Error::new("`prometheus` exited 1").hint("see its log")
    }

    #[test]
    fn an_error_says_how_the_stack_is_after_it_was_rolled_back() {
        let restored = rolled_back(failed(), true, true);
        assert_eq!(restored.exit, Exit::RolledBack);
        assert_eq!(restored.hint.as_deref(), Some("see its log; the previous version is running again"));
        let removed = rolled_back(Error::new("no"), false, true);
        let untouched = "the new container was removed; the running services were not touched";
        assert_eq!((removed.exit, removed.hint.as_deref()), (Exit::RolledBack, Some(untouched)));
    }

    #[test]
    fn an_error_before_anything_changed_stays_as_it_is() {
        let error = rolled_back(failed(), false, false);
        assert_eq!((error.exit, error.hint.as_deref()), (Exit::Error, Some("see its log")));
    }

    #[test]
    fn what_could_not_be_restored_is_named_with_its_container() {
        let old = Parked { service: "prometheus".into(), container: "0123456789abcdef".into(), ..Parked::default() };
        let mut problems = Problems::default();
        problems.not_restored(&old, "port is already allocated");
        let error = problems.added_to(failed(), "shop");
        assert_eq!(error.exit, Exit::NotRolledBack);
        insta::assert_snapshot!(format!("{}\n{}\n{}", error.message, error.causes().join("\n"), error.hint.as_deref().unwrap_or_default()), @r"
        `prometheus` exited 1
        `prometheus` could not be restored: port is already allocated
        fix the cause and run `watchpost up` again; the old container is `0123456789ab`; list it with `docker ps -a --filter label=watchpost.stack=shop`
        ");
    }
}
