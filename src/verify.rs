//! Verifies a deployed stack link by link: containers, targets, rules, alerting, delivery, dashboards.
//!
//! Every link looks first (I/O, into a snapshot), then judges (pure, into findings). Verifying changes nothing on the
//! host, except that `Options::deliver` sends test alerts.

pub mod absence;
mod chain;
pub mod clock;
pub mod links;
pub mod memory;
pub mod reload;
mod settle;
pub mod snapshot;
pub mod space;
pub mod window;

use std::time::{Duration, Instant};

/// Kept under this name: the links judge into it.
pub use crate::report;
pub use crate::report::{Checked, Finding, Link, Report, Verdict};
pub use snapshot::Snapshot;

use links::{alerting, containers, dashboards, delivery, rules, targets};

use crate::catalog::Catalog;
use crate::deployed::Stack;
use crate::event::{Event, Sink};
use crate::fix::Fix;
use crate::render::Bundle;
use crate::spec::Accept;
use crate::time;

#[derive(Debug, Clone)]
pub struct Options {
    pub links: Vec<Link>,
    /// Send a test alert to each receiver.
    pub deliver: bool,
    /// The longest wait for first scrapes and evaluations.
    pub patience: Duration,
    /// What the spec accepts.
    pub accept: Vec<Accept>,
    /// `up` has just run, so that `up` is no fix.
    pub deployed: bool,
}

/// Checks the links of the options; what follows from a broken finding names it.
pub async fn prove(
    stack: &Stack,
    catalog: &Catalog,
    bundle: Option<&Bundle>,
    options: &Options,
    sink: Sink<'_>,
) -> Report {
    let began = Instant::now();
    let wanted = |link| options.links.contains(&link);
    let freshness = settle::settle(stack, options.patience, sink).await;
    let mut snapshot = Snapshot::gather(stack, catalog, bundle).await;
    snapshot.freshness = freshness;
    let resources = async {
        match wanted(Link::Containers) {
            true => Some(containers::resources(stack).await),
            false => None,
        }
    };
    let (mut links, resources) = tokio::join!(look(stack, &mut snapshot, options, sink), resources);
    let resources = match resources {
        // What is broken may follow from a container that lacks memory or room.
        None if links.iter().any(|checked| checked.broken().next().is_some()) => containers::resources(stack).await,
        resources => resources.unwrap_or_default(),
    };
    let containers = links.remove(0).with(containers::lacks(&snapshot, &resources));
    conclude(&mut links, &containers, &snapshot);
    if wanted(Link::Containers) {
        links.extend(when(true, sink, async { alone(containers, &snapshot) }).await);
    }
    let mut report = Report::new(&stack.name, &stack.client.engine.name, links, began.elapsed());
    report.accept(&options.accept, &time::today());
    if options.deployed {
        report.without_circles();
    }
    report
}

/// The links: that of the containers first, which all others may follow from, then those that were asked for.
async fn look(stack: &Stack, snapshot: &mut Snapshot<'_>, options: &Options, sink: Sink<'_>) -> Vec<Checked> {
    let wanted = |link| options.links.contains(&link);
    let (containers, targets) = tokio::join!(containers::check(stack, snapshot), targets::check(stack, snapshot));
    let targets = targets::follow(targets, &containers, snapshot);
    snapshot.down = targets::down(&targets, snapshot);
    let snapshot = &*snapshot;
    let rest = tokio::join!(
        when(wanted(Link::Targets), sink, async { targets }),
        when(wanted(Link::Rules), sink, rules::check(stack, snapshot)),
        when(wanted(Link::Alerting), sink, alerting::check(stack, snapshot)),
        when(wanted(Link::Delivery), sink, deliver(stack, options, sink)),
        when(wanted(Link::Dashboards), sink, dashboards::check(stack, snapshot)),
    );
    [Some(containers), rest.0, rest.1, rest.2, rest.3, rest.4].into_iter().flatten().collect()
}

/// Lets what follows from a container's finding name it. Pure.
fn conclude(links: &mut [Checked], containers: &Checked, snapshot: &Snapshot<'_>) {
    links.iter_mut().filter(|checked| checked.link == Link::Targets).for_each(|targets| {
        targets::follow_in(targets, containers, snapshot);
    });
    chain::follow(links, containers, &snapshot.services);
}

/// The link of the containers, in which one finding may follow from another.
fn alone(mut containers: Checked, snapshot: &Snapshot<'_>) -> Checked {
    let seen = containers.clone();
    chain::follow(std::slice::from_mut(&mut containers), &seen, &snapshot.services);
    containers
}

async fn when(wanted: bool, sink: Sink<'_>, check: impl Future<Output = Checked>) -> Option<Checked> {
    if !wanted {
        return None;
    }
    let checked = check.await;
    sink(Event::LinkChecked { link: checked.link.name().into(), broken: checked.broken().count() });
    Some(checked)
}

async fn deliver(stack: &Stack, options: &Options, sink: Sink<'_>) -> Checked {
    if options.deliver {
        return delivery::check(stack, sink).await;
    }
    if stack.state_of("alertmanager").is_none() {
        return Checked::not_checked(Link::Delivery, "this stack has no Alertmanager", None);
    }
    let how = Fix::watchpost(["alerts", "test"]).or(Fix::watchpost(["verify", "--deliver"]));
    Checked::not_checked(Link::Delivery, "this check sends a test alert to every receiver", Some(how))
}

#[cfg(test)]
mod tests;
