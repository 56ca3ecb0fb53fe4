//! Operations carried out as soon as those they wait for are done.

use std::collections::BTreeSet;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::error::Result;
use crate::plan::Operation;

/// Runs each operation after its dependencies, all others side by side. At the first error nothing more is begun and
/// `failed` is called; what is under way is awaited, since the daemon would finish it even if nobody waited.
pub async fn run<'a, F: Future<Output = Result<()>>>(
    operations: &'a [Operation],
    carry_out: impl Fn(&'a Operation) -> F,
    failed: impl Fn(),
) -> Result<()> {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut begun: BTreeSet<usize> = BTreeSet::new();
    let mut running = FuturesUnordered::new();
    let mut problem = None;
    loop {
        let free = operations.iter().filter(|o| o.depends_on.iter().all(|id| done.contains(id)));
        for operation in free.filter(|_| problem.is_none()) {
            if begun.insert(operation.id) {
                let future = carry_out(operation);
                running.push(async move { future.await.map(|()| operation.id) });
            }
        }
        match running.next().await {
            Some(Ok(id)) => drop(done.insert(id)),
            Some(Err(error)) => {
                failed();
                problem.get_or_insert(error);
            }
            None => return problem.map_or(Ok(()), Err),
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
    async fn what_is_under_way_when_another_fails_is_awaited_and_nothing_more_is_begun() {
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
                return Err(Error::new("no"));
            }
            failed.notified().await;
            finished.set(finished.get() + operation.id);
            Ok(())
        };
        let error = run(&operations, carry_out, || failed.notify_one()).await.expect_err("failed");
        assert_eq!((error.message.as_str(), finished.get()), ("no", 1));
    }
}
