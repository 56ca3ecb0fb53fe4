//! What a delivery came to, as findings.

use std::net::IpAddr;
use std::time::Duration;

use super::cause::{self, Cause, Subject};
use super::track::{Outcome, Over, Track};
use crate::docker::{self, Outgoing};
use crate::proof::report::Finding;
use crate::proof::route::{Integration, Tree};
use crate::proof::stack::Stack;

/// Shorter secrets would make holes in every text.
const SHORTEST: usize = 4;
/// Pieces of an address at least this long may be what is secret in it.
const LONG: usize = 8;

pub async fn findings(stack: &Stack, tracks: &[Track], patience: Duration) -> Vec<Finding> {
    let deployed = super::deployed(stack).await;
    let secrets = if tracks.iter().all(|track| matches!(track.outcome, Some(Outcome::Delivered { .. }))) {
        Vec::new()
    } else {
        secrets(stack, deployed.as_ref()).await
    };
    let mut findings = Vec::new();
    for track in tracks {
        let alone = tracks.iter().filter(|other| other.receiver == track.receiver).count() == 1;
        let name = if alone { track.receiver.clone() } else { format!("{}/{}", track.receiver, track.kind) };
        let id = format!("receiver:{name}");
        let subject = subject(track, deployed.as_ref());
        findings.push(match &track.outcome {
            Some(Outcome::Delivered { took, retries }) => delivered(track, id, name, *took, *retries),
            Some(Outcome::Refused(said)) => {
                broken(id, name, cause::explain(&subject, &without(said, &secrets)), &secrets)
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
    let finding = Finding::broken(id, name, cause.what).mend(without(&cause.mend, secrets));
    cause.why.into_iter().fold(finding, |finding, why| finding.why(without(&why, secrets)))
}

fn delivered(track: &Track, id: String, name: String, took: Duration, retries: usize) -> Finding {
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
            .why(format!("then Alertmanager: {said}"))
            .mend(format!("watchpost alerts test {}", track.receiver));
    }
    let over = match &track.over {
        Over::Untold => String::from("; is not told when alerts are over"),
        Over::Later(seconds) => format!("; that it is over follows within {}", span(*seconds)),
        _ => String::from("; its end was answered too"),
    };
    let mut finding = Finding::ok(id, name);
    finding.what = answered + &over;
    finding
}

fn span(seconds: f64) -> String {
    if seconds >= 120.0 { format!("{:.0} min", seconds / 60.0) } else { format!("{seconds:.0} s") }
}

/// Alertmanager has the alert and sent nothing: it says itself what holds it back.
fn not_sent(stack: &Stack, track: &Track, id: String, name: String) -> Finding {
    let service = stack.of("alertmanager").map_or("alertmanager", |(service, _)| service);
    let (silences, inhibiting, muting) =
        track.held.clone().map(|held| (held.silenced_by, held.inhibited_by, held.muted_by)).unwrap_or_default();
    if let Some(silence) = silences.first() {
        let container = stack.services.get(service).map_or(service, |deployed| deployed.container.name.as_str());
        return Finding::broken(id, name, "is sent nothing: a silence holds the alert back")
            .why(format!("silence {silence}"))
            .mend(format!(
                "docker exec {container} amtool --alertmanager.url=http://127.0.0.1:9093 silence expire {silence}"
            ));
    }
    if !muting.is_empty() || !track.muted.is_empty() {
        let names = if muting.is_empty() { track.muted.join(", ") } else { muting.join(", ") };
        let mut finding = Finding::not_checked(id, name, format!("its route is muted at this time, by `{names}`"));
        finding.mend = Some(format!("watchpost alerts test {}, at another time", track.receiver));
        return finding;
    }
    if !inhibiting.is_empty() {
        let finding = Finding::not_checked(id, name, "a worse alert that fires now holds the test alert back");
        return finding.mend(format!("watchpost alerts test {}, when it is over", track.receiver));
    }
    let finding = Finding::broken(id, name, "is sent nothing");
    let why = if track.held.is_none() {
        "Alertmanager does not have the alert any more"
    } else {
        "Alertmanager has the alert"
    };
    finding.why(why).mend(format!("watchpost logs {service}"))
}

fn subject<'a>(track: &'a Track, deployed: Option<&'a Tree>) -> Subject<'a> {
    Subject { receiver: &track.receiver, kind: &track.kind, integration: integration(track, deployed) }
}

fn integration<'a>(track: &Track, deployed: Option<&'a Tree>) -> Option<&'a Integration> {
    deployed?.receiver(&track.receiver)?.integrations.iter().find(|integration| integration.kind == track.kind)
}

/// Does a connection to the receiver stand? `None` when several may be meant, or none is seen.
pub fn connected(track: &Track, deployed: Option<&Tree>, outgoing: &Outgoing) -> Option<bool> {
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

/// The values of all secrets that Alertmanager reads: none may be in what is shown.
async fn secrets(stack: &Stack, deployed: Option<&Tree>) -> Vec<String> {
    let (Some((_, service)), Some(tree)) = (stack.of("alertmanager"), deployed) else { return Vec::new() };
    let settings = tree.people().flat_map(|receiver| &receiver.integrations).filter_map(|i| i.settings.as_object());
    let paths = settings.flatten().filter(|(key, _)| key.ends_with("_file")).filter_map(|(_, path)| path.as_str());
    let mut values = Vec::new();
    for path in paths.filter(|path| !path.is_empty()) {
        if let Some(secret) = docker::read_secret(&stack.client, &service.container.id, path).await {
            values.extend(parts(secret.expose()));
        }
    }
    values
}

/// The secret, and of an address what follows its host: a receiver may repeat no more than that.
fn parts(secret: &str) -> Vec<String> {
    let path = secret.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let pieces = path.into_iter().flat_map(|path| path.split(['/', '?', '&', '=']));
    let long = pieces.filter(|piece| piece.len() >= LONG).map(str::to_owned);
    [secret.to_owned()].into_iter().chain(path.map(str::to_owned)).chain(long).collect()
}

fn without(text: &str, secrets: &[String]) -> String {
    let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
    long.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_address_is_left_out_in_whole_and_in_part() {
        let secrets = parts("https://hooks.example.com/services/T000/B00000000/abcdefghijkl");
        for text in ["at services/T000/B00000000/abcdefghijkl", "no abcdefghijkl", "B00000000: gone"] {
            let shown = without(text, &secrets);
            assert!(!shown.contains("abcdefghijkl") && !shown.contains("B0000"), "{shown}");
        }
        assert_eq!(without("401 for x", &parts("x")), "401 for x");
    }
}
