//! Operations carried out as soon as those they wait for are done.

use std::collections::BTreeSet;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::error::Result;
use crate::plan::Operation;

/// Runs each operation after those it depends on, all others side by side, and collects what they return.
///
/// At the first error nothing more is begun and `failed` is called; what is under way is awaited, since the daemon
/// would finish it even if nobody waited.
pub async fn run<'a, T, F: Future<Output = (T, Result<()>)>>(
    operations: &'a [Operation],
    carry_out: impl Fn(&'a Operation) -> F,
    failed: impl Fn(),
) -> (Vec<T>, Result<()>) {
    let mut begun: BTreeSet<usize> = BTreeSet::new();
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut running = FuturesUnordered::new();
    let mut returned = Vec::new();
    let mut outcome = Ok(());
    loop {
        for operation in operations {
            let free = operation.depends_on.iter().all(|id| done.contains(id));
            if outcome.is_ok() && free && begun.insert(operation.id) {
                let future = carry_out(operation);
                running.push(async move { (operation.id, future.await) });
            }
        }
        let Some((id, (value, result))) = running.next().await else { return (returned, outcome) };
        returned.push(value);
        match result {
            Ok(()) => drop(done.insert(id)),
            Err(error) => {
                failed();
                // Later errors follow from the first.
                outcome = outcome.and(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;
    use crate::plan::operation::Action;

    #[tokio::test]
    async fn operations_under_way_when_another_fails_are_awaited_and_no_more_are_begun() {
        let operation = |id, depends_on| Operation {
            id,
            action: Action::Create { service: id.to_string() },
            causes: Vec::new(),
            depends_on,
            destructive: false,
            diff: Vec::new(),
        };
        let operations = [operation(0, vec![]), operation(1, vec![]), operation(2, vec![1])];
        let (failed, finished) = (tokio::sync::Notify::new(), Cell::new(0));
        let carry_out = async |operation: &Operation| {
            if operation.id == 0 {
                return (0, Err(Error::new("no")));
            }
            failed.notified().await;
            finished.set(finished.get() + operation.id);
            (operation.id, Ok(()))
        };
        let (returned, outcome) = run(&operations, carry_out, || failed.notify_one()).await;
        assert_eq!((outcome.expect_err("failed").message.as_str(), finished.get()), ("no", 1));
        assert_eq!(returned, [0, 1], "what failed returns what it did, too");
    }
}
