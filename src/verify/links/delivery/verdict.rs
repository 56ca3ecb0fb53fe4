//! What a delivery came to, as findings.

use std::net::IpAddr;
use std::time::Duration;

use crate::deployed::redact::redact as shown;
use crate::deployed::stack::Stack;
use crate::docker::Outgoing;
use crate::fix::Fix;
use crate::routing::{Integration, Tree};
use crate::units::format_span;
use crate::verify::links::delivery::cause::{self, Cause, Subject};
use crate::verify::links::delivery::tracker::{DeliveryTracker, Outcome, Over};
use crate::verify::report::Finding;

pub async fn findings(stack: &Stack, tracks: &[DeliveryTracker], patience: Duration) -> Vec<Finding> {
    let deployed = crate::deployed::alertmanager::rendered_tree(stack).await;
    let secrets = match stack.of("alertmanager") {
        Some((service, _)) => stack.secrets(service).await,
        None => Vec::new(),
    };
    let mut findings = Vec::new();
    for track in tracks {
        let alone = tracks.iter().filter(|other| other.receiver == track.receiver).count() == 1;
        let name = if alone { track.receiver.clone() } else { format!("{}/{}", track.receiver, track.kind) };
        let id = format!("receiver:{name}");
        let subject = subject(track, deployed.as_ref());
        findings.push(match &track.outcome {
            Some(Outcome::Delivered { took, retries }) => delivered(track, id, name, *took, *retries, &secrets),
            Some(Outcome::Refused(said)) => {
                broken(id, name, cause::explain(&subject, &shown(said, &secrets)), &secrets)
            }
            Some(Outcome::Unanswered) => {
                broken(id, name, cause::unanswered(&subject, patience.as_secs(), track.connected), &secrets)
            }
            Some(Outcome::NotSent) | None => not_sent(stack, track, id, name),
        });
    }
    findings
}

fn broken(id: String, name: String, cause: Cause, secrets: &[String]) -> Finding {
    let finding = Finding::broken(id, name, cause.what).fix(shown(&cause.fix, secrets));
    cause.why.into_iter().fold(finding, |finding, why| finding.why(shown(&why, secrets)))
}

fn delivered(
    track: &DeliveryTracker,
    id: String,
    name: String,
    took: Duration,
    retries: usize,
    secrets: &[String],
) -> Finding {
    let tries = match retries {
        0 => String::new(),
        1 => " at the second try".to_owned(),
        more => format!(" after {more} tries that failed"),
    };
    let answered = match took.as_secs_f64() {
        // No more than the time between two looks.
        ..0.25 => format!("answered at once{tries}"),
        seconds => format!("answered after {seconds:.1} s{tries}"),
    };
    if let Over::Failed(said) = &track.over {
        return Finding::broken(id, name, "takes alerts, but not that they are over")
            .why(format!("the alert was {answered}"))
            .why(format!("then Alertmanager: {}", shown(said, secrets)))
            .fix(format!("watchpost alerts test {}", track.receiver));
    }
    let over = match &track.over {
        Over::Untold => String::from("; is not told when alerts are over"),
        Over::Later(seconds) => format!("; that it is over follows within {}", format_span(*seconds)),
        _ => String::from("; its end was answered too"),
    };
    let mut finding = Finding::ok(id, name);
    finding.what = answered + &over;
    finding
}

/// Alertmanager has the alert and sent nothing: it says itself what holds it back.
fn not_sent(stack: &Stack, track: &DeliveryTracker, id: String, name: String) -> Finding {
    let service = stack.of("alertmanager").map_or("alertmanager", |(service, _)| service);
    let (silences, inhibiting, muting) =
        track.held.clone().map(|held| (held.silenced_by, held.inhibited_by, held.muted_by)).unwrap_or_default();
    if let Some(silence) = silences.first() {
        let container = stack.services.get(service).map_or(service, |deployed| deployed.container.name.as_str());
        return Finding::broken(id, name, "is sent nothing: a silence holds the alert back")
            .why(format!("silence {silence}"))
            .fix(format!(
                "{} exec {container} amtool --alertmanager.url=http://127.0.0.1:9093 silence expire {silence}",
                stack.docker()
            ));
    }
    if !muting.is_empty() || !track.muted.is_empty() {
        let names = if muting.is_empty() { track.muted.join(", ") } else { muting.join(", ") };
        let mut finding = Finding::not_checked(id, name, format!("its route is muted at this time, by `{names}`"));
        finding.fix = Some(Fix::watchpost(["alerts", "test", &track.receiver]).note("at another time"));
        return finding;
    }
    if !inhibiting.is_empty() {
        let finding = Finding::not_checked(id, name, "a worse alert that fires now holds the test alert back");
        return finding.fix(format!("watchpost alerts test {}, when it is over", track.receiver));
    }
    let finding = Finding::broken(id, name, "is sent nothing");
    let why = if track.held.is_none() {
        "Alertmanager does not have the alert any more"
    } else {
        "Alertmanager has the alert"
    };
    finding.why(why).fix(format!("watchpost logs {service}"))
}

fn subject<'a>(track: &'a DeliveryTracker, deployed: Option<&'a Tree>) -> Subject<'a> {
    Subject { receiver: &track.receiver, kind: &track.kind, integration: integration(track, deployed) }
}

fn integration<'a>(track: &DeliveryTracker, deployed: Option<&'a Tree>) -> Option<&'a Integration> {
    deployed?.receiver(&track.receiver)?.integrations.iter().find(|integration| integration.kind == track.kind)
}

/// Does a connection to the receiver stand? `None` when several may be meant, or none is seen.
pub fn connected(track: &DeliveryTracker, deployed: Option<&Tree>, outgoing: &Outgoing) -> Option<bool> {
    let address = subject(track, deployed).address();
    let fits = |(ip, port): &&(IpAddr, u16)| match &address {
        Some((host, wanted)) => port == wanted && host.parse::<IpAddr>().map_or(true, |host| host == *ip),
        None => true,
    };
    let (stand, asked) =
        (outgoing.connected.iter().any(|to| fits(&to)), outgoing.connecting.iter().any(|to| fits(&to)));
    match (stand, asked) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}
