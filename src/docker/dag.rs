//! Operations carried out as soon as those they wait for are done.

use std::collections::BTreeSet;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::error::Result;
use crate::plan::Operation;

/// Runs each operation after its dependencies, all others side by side. At the first error nothing more is begun,
/// and what is under way is dropped.
pub async fn run<'a, F: Future<Output = Result<()>>>(
    operations: &'a [Operation],
    carry_out: impl Fn(&'a Operation) -> F,
) -> Result<()> {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut begun: BTreeSet<usize> = BTreeSet::new();
    let mut running = FuturesUnordered::new();
    loop {
        for operation in operations.iter().filter(|o| o.depends_on.iter().all(|id| done.contains(id))) {
            if begun.insert(operation.id) {
                let future = carry_out(operation);
                running.push(async move { future.await.map(|()| operation.id) });
            }
        }
        match running.next().await {
            Some(id) => drop(done.insert(id?)),
            None => return Ok(()),
        }
    }
}
