//! Receivers that nothing was ever sent to, and a Watchdog that nobody hears.

use crate::clients::exposition::Exposition;
use crate::doctor::fine;
use crate::doctor::look::Seen;
use crate::routing::{Labels, Tree};
use crate::verify::report::Finding;

/// Every alert of these labels is fired for as long as the pipeline works.
const WATCHDOG: [(&str, &str); 2] = [("alertname", "Watchdog"), ("severity", "none")];

pub fn receivers(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("receivers", "receivers");
    let asked = seen.alertmanager.as_ref().and_then(|seen| Ok((seen.in_force.as_ref()?, seen.metrics.as_ref()?)));
    let (config, metrics) = match asked {
        Ok(asked) => asked,
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    let tree = match Tree::of(config) {
        Ok(tree) => tree,
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    if tree.people().next().is_none() {
        return vec![
            Finding::note(id, subject, "there are none: alerts are only shown")
                .fix("add one under `alerting.receivers` of the spec, then watchpost up"),
        ];
    }
    let nodes = tree.nodes();
    let named = |name: &str| nodes.iter().any(|node| node.route.receiver == name);
    tree.people().map(|receiver| judge(&receiver.name, named(&receiver.name), metrics)).collect()
}

fn judge(name: &str, routed: bool, metrics: &Exposition) -> Finding {
    let id = format!("receiver:{name}");
    if !routed {
        return Finding::note(id, name, "no route leads to it")
            .fix("add a route to it under `alerting.routes` of the spec, then watchpost up");
    }
    let sent = metrics.total("alertmanager_notifications_total", &[("receiver_name", name)]);
    if sent.is_none() && !metrics.samples().iter().any(|sample| sample.labels.contains_key("receiver_name")) {
        return Finding::not_checked(id, name, "Alertmanager does not count by receiver")
            .fix("it is told to by `--enable-feature=receiver-name-in-metrics`");
    }
    let sent = sent.unwrap_or(0.0);
    let failed = metrics.sum("alertmanager_notifications_failed_total", &[("receiver_name", name)]);
    let test = format!("watchpost alerts test {name}");
    if sent == 0.0 {
        return Finding::note(id, name, "nothing was sent to it since Alertmanager started")
            .why("whether it takes a message shows only when one is sent")
            .fix(test);
    }
    if failed >= sent {
        let found = Finding::broken(id, name, format!("took none of the {sent:.0} messages sent to it"));
        let reasons = reasons(name, metrics);
        let found = if reasons.is_empty() { found } else { found.why(reasons) };
        return found.fix(format!("{test} shows what it answers"));
    }
    let what = match failed {
        0.0 => format!("took all {sent:.0} messages"),
        failed => format!("took {:.0} of {sent:.0} messages", sent - failed),
    };
    fine(id, name, what)
}

/// Alertmanager's own words for why: `clientError`.
fn reasons(name: &str, metrics: &Exposition) -> String {
    let failed = metrics.of("alertmanager_notifications_failed_total");
    let own =
        failed.filter(|sample| sample.value > 0.0 && sample.labels.get("receiver_name").is_some_and(|of| of == name));
    let reasons: Vec<&str> = own.filter_map(|sample| sample.labels.get("reason").map(String::as_str)).collect();
    if reasons.is_empty() { String::new() } else { format!("Alertmanager calls it {}", reasons.join(", ")) }
}

/// A pipeline that is dead sends no alert about it: only somebody outside who misses the Watchdog notices.
pub fn watchdog(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("watchdog", "Watchdog");
    let config = seen.alertmanager.as_ref().and_then(|seen| seen.in_force.as_ref());
    let tree = match config.map(Tree::of) {
        Ok(Ok(tree)) => tree,
        // Said once, with the receivers.
        Ok(Err(_)) | Err(_) => return Vec::new(),
    };
    let labels: Labels = WATCHDOG.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
    let heard = tree.told(&labels);
    if !heard.is_empty() {
        return vec![fine(id, subject, format!("goes to {}", heard.join(", ")))];
    }
    vec![
        Finding::note(id, subject, "goes nowhere: nobody outside notices when alerting itself is dead")
            .why("it always fires, so that a service which misses it can raise the alarm")
            .fix(
                "in the spec, `receivers: [{name: heartbeat, type: webhook, url: ADDRESS}]` and \
                 `routes: [{match: {alertname: Watchdog}, to: heartbeat, repeat_interval: 5m}]` below `alerting`; \
                 ADDRESS is a service that raises the alarm when calls stop",
            ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    const METRICS: &str = "\
alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"good\"} 4
alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"bad\"} 2
alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"new\"} 0
alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"clientError\",receiver_name=\"bad\"} 2
alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"other\",receiver_name=\"bad\"} 0
";

    #[test]
    fn a_receiver_is_judged_by_what_was_sent_to_it() {
        let metrics = Exposition::read(METRICS);
        assert_eq!(judge("good", true, &metrics).verdict, Verdict::Ok);
        assert_eq!(judge("good", false, &metrics).what, "no route leads to it");
        let new = judge("new", true, &metrics);
        assert_eq!((new.verdict, new.fix_text().as_str()), (Verdict::Note, "watchpost alerts test new"));
        let bad = judge("bad", true, &metrics);
        assert_eq!((bad.verdict, bad.what.as_str()), (Verdict::Broken, "took none of the 2 messages sent to it"));
        assert_eq!(bad.why, ["Alertmanager calls it clientError"]);
        assert_eq!(judge("x", true, &Exposition::default()).verdict, Verdict::NotChecked);
    }
}
