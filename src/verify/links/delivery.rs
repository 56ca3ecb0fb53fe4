//! A marked test alert, sent through the real route to the real receiver and followed: accepted by Alertmanager,
//! grouped, sent, answered, and over again.
//!
//! Alertmanager's counters by receiver tell that something was sent and answered; its log tells with what.

mod attempt;
mod cause;
mod test_alert;
mod tracker;
mod verdict;

use std::time::{Duration, Instant};

use futures_util::StreamExt;

use crate::clients::alertmanager::{Alertmanager, Posted};
use crate::clients::api::ApiError;
use crate::deployed::alertmanager::rendered_tree;
use crate::deployed::stack::Stack;
use crate::docker;
use crate::event::{Event, Sink};
use crate::fix::Fix;
use crate::routing::{Labels, Receiver, Tree};
use crate::time;
use crate::verify::links::containers;
use crate::verify::report::{Checked, Finding, Link};

use test_alert::TestAlert;
use tracker::{DeliveryTracker, Outcome};

/// How long a receiver may take to answer, unless somebody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Alertmanager does not announce its counters: they are read again after this.
const PAUSE: Duration = Duration::from_millis(200);
/// The alert ends by itself so long after all that is waited for, in seconds.
const SPARE: f64 = 60.0;

/// To whom.
#[derive(Debug, Clone)]
pub enum To {
    /// Each receiver that tells somebody.
    Everybody,
    /// These, by name.
    Receivers(Vec<String>),
    /// Whom an alert with these labels reaches.
    Labels(Labels),
}

pub async fn check(stack: &Stack, sink: Sink<'_>) -> Checked {
    match tree(stack, Link::Delivery).await {
        Ok(tree) => deliver(stack, &tree, &To::Everybody, PATIENCE, sink).await,
        Err(checked) => checked,
    }
}

/// The routes and receivers that Alertmanager has in force; otherwise why the link cannot be looked at.
pub async fn tree(stack: &Stack, link: Link) -> Result<Tree, Checked> {
    let Some((name, deployed)) = stack.of("alertmanager") else {
        return Err(Checked::not_checked(link, "this stack has no Alertmanager", None));
    };
    let broken = |refusal: ApiError| {
        let because = (!deployed.is_running()).then(|| containers::id(name));
        let fix = if because.is_some() { "watchpost up".to_owned() } else { format!("watchpost logs {name}") };
        let id = format!("alertmanager:{}", link.name());
        let finding = Finding::broken(id, name, "cannot be asked").why(refusal.message).because(because).fix(fix);
        Checked::new(link, &[], vec![finding])
    };
    let Some(alertmanager) = stack.alertmanager().await else { return Err(broken(ApiError::new("it does not run"))) };
    let config = alertmanager.config().await.map_err(broken)?;
    // What cannot be read here may well be read by Alertmanager.
    Tree::of(&config).map_err(|why| Checked::not_checked(link, format!("its routes cannot be read here: {why}"), None))
}

/// Sends and follows. Receivers go side by side; none takes longer than its group's wait and `patience` after that.
pub async fn deliver(stack: &Stack, tree: &Tree, to: &To, patience: Duration, sink: Sink<'_>) -> Checked {
    if tree.people().next().is_none() {
        let how = Fix::spec("alerting", "add receivers and routes").then(Fix::up());
        return Checked::not_checked(Link::Delivery, "no receiver is configured", Some(how));
    }
    let (letters, mut findings) = test_alert::letters(tree, to);
    let mut tracks = tracks(tree, &letters);
    if !tracks.is_empty() {
        match follow(stack, &letters, &mut tracks, patience, sink).await {
            Ok(()) => findings.extend(verdict::findings(stack, &tracks, patience).await),
            Err(refusal) => {
                let name = stack.of("alertmanager").map_or("alertmanager", |(name, _)| name);
                let finding = Finding::broken("delivery:alertmanager", name, "does not take the test alert");
                findings.push(finding.why(refusal.message).fix(format!("watchpost logs {name}")));
            }
        }
    }
    let receivers = findings.iter().filter(|finding| finding.id.starts_with("receiver:")).count();
    Checked::new(Link::Delivery, &[("receiver", receivers)], findings)
}

/// One track for each receiver and kind of integration that a letter reaches.
fn tracks(tree: &Tree, letters: &[TestAlert]) -> Vec<DeliveryTracker> {
    let mut tracks: Vec<DeliveryTracker> = Vec::new();
    for letter in letters {
        for hit in tree.hits(&letter.labels) {
            let Some(receiver) = tree.receiver(&hit.route.receiver) else { continue };
            for (kind, number, send_resolved) in kinds(receiver) {
                if tracks.iter().any(|track| track.receiver == receiver.name && track.kind == kind) {
                    continue;
                }
                let mut track =
                    DeliveryTracker::new(&receiver.name, kind, number, hit.route, &letter.id, &letter.separate());
                track.send_resolved = send_resolved;
                tracks.push(track);
            }
        }
    }
    tracks
}

/// Each kind once: how many there are, and whether all of them are told of an alert's end.
fn kinds(receiver: &Receiver) -> Vec<(&str, usize, bool)> {
    let mut kinds: Vec<(&str, usize, bool)> = Vec::new();
    for integration in &receiver.integrations {
        match kinds.iter_mut().find(|(kind, _, _)| *kind == integration.kind) {
            Some((_, number, told)) => (*number, *told) = (*number + 1, *told && integration.send_resolved),
            None => kinds.push((&integration.kind, 1, integration.send_resolved)),
        }
    }
    kinds
}

/// Errors: Alertmanager does not take the alerts, or does not answer any more.
async fn follow(
    stack: &Stack,
    letters: &[TestAlert],
    tracks: &mut [DeliveryTracker],
    patience: Duration,
    sink: Sink<'_>,
) -> Result<(), ApiError> {
    let gone = || ApiError::new("it does not run");
    let alertmanager = stack.alertmanager().await.ok_or_else(gone)?;
    let container = stack.of("alertmanager").map(|(_, deployed)| deployed.container.id.clone()).ok_or_else(gone)?;
    let ahead = clock_ahead(stack).await;
    // Listened to before anything is sent, so that no line is missed.
    let mut log = docker::follow(&stack.client, &container);
    let metrics = alertmanager.metrics().await?;
    tracks.iter_mut().for_each(|track| track.begin(&metrics));
    let wait = tracks.iter().map(|track| track.wait).fold(0.0, f64::max);
    let now = time::now() + ahead;
    alertmanager.post(&posted(letters, now, now + wait + patience.as_secs_f64() + SPARE)).await?;
    for track in tracks.iter() {
        let grouped =
            if track.wait > 0.0 { format!(", waits {} s for more of its group", track.wait) } else { String::new() };
        sink(step(track, format!("accepted{grouped}")));
    }
    look(&alertmanager, tracks).await;
    // What is silenced is not sent: nothing more is waited for.
    for track in tracks.iter_mut().filter(|track| track.held.as_ref().is_some_and(|held| !held.silenced_by.is_empty()))
    {
        track.outcome = Some(Outcome::NotSent);
    }
    while !tracks.iter().all(|track| track.outcome.is_some()) {
        turn(stack, &alertmanager, &container, &mut log, tracks, patience, sink).await?;
    }
    if tracks.iter().any(|track| track.outcome == Some(Outcome::NotSent)) {
        look(&alertmanager, tracks).await;
    }
    let metrics = alertmanager.metrics().await?;
    alertmanager.post(&posted(letters, now, time::now() + ahead)).await?;
    for track in tracks.iter_mut() {
        if let Some(text) = track.end(&metrics) {
            sink(step(track, text));
        }
    }
    while !tracks.iter().all(DeliveryTracker::is_done) {
        turn(stack, &alertmanager, &container, &mut log, tracks, patience, sink).await?;
    }
    Ok(())
}

/// Listens to the log until it is time to read the counters again, and reads them.
async fn turn(
    stack: &Stack,
    alertmanager: &Alertmanager<'_>,
    container: &str,
    log: &mut (impl futures_util::Stream<Item = String> + Unpin),
    tracks: &mut [DeliveryTracker],
    patience: Duration,
    sink: Sink<'_>,
) -> Result<(), ApiError> {
    let until = Instant::now() + PAUSE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let line = match tokio::time::timeout(left, log.next()).await {
            Ok(Some(line)) => line,
            // A log that has ended yields at once; the counters go on to tell.
            Ok(None) => break tokio::time::sleep(left).await,
            Err(_) => break,
        };
        let Some(attempt) = attempt::read(&line) else { continue };
        for track in tracks.iter_mut() {
            if let Some(text) = track.heard(&attempt) {
                sink(step(track, text));
            }
        }
    }
    let metrics = alertmanager.metrics().await?;
    for track in tracks.iter_mut() {
        if let Some(text) = track.step(&metrics, patience) {
            sink(step(track, text));
        }
    }
    if tracks.iter().any(|track| track.is_slow(patience)) {
        let outgoing = docker::outgoing(&stack.client, container).await.unwrap_or_default();
        let deployed = rendered_tree(stack).await;
        for track in tracks.iter_mut().filter(|track| track.is_slow(patience)) {
            track.connected = verdict::connected(track, deployed.as_ref(), &outgoing);
            track.looked = true;
        }
    }
    Ok(())
}

fn step(track: &DeliveryTracker, step: String) -> Event {
    Event::DeliveryStep { receiver: track.receiver.clone(), step }
}

fn posted(letters: &[TestAlert], starts: f64, ends: f64) -> Vec<Posted> {
    let times = (time::text(starts), time::text(ends));
    let alert = |letter: &TestAlert| Posted {
        labels: letter.labels.clone(),
        annotations: test_alert::annotations(),
        starts_at: times.0.clone(),
        ends_at: times.1.clone(),
    };
    letters.iter().map(alert).collect()
}

/// How far the Docker host's clock is before ours, in seconds.
pub(super) async fn clock_ahead(stack: &Stack) -> f64 {
    let Some((host, here)) = docker::clock(&stack.client).await else { return 0.0 };
    let here = here.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    time::parse(&host).map_or(0.0, |host| host - here)
}

/// What Alertmanager says of each alert, while it has it.
async fn look(alertmanager: &Alertmanager<'_>, tracks: &mut [DeliveryTracker]) {
    let Ok(held) = alertmanager.alerts("watchpost_test!=\"\"").await else { return };
    for track in tracks {
        let own = held.iter().find(|alert| alert.labels.get("watchpost_test") == Some(&track.id));
        track.held = own.map(|alert| alert.status.clone());
    }
}
