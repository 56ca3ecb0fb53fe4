//! Alertmanager's routes, receivers and inhibitions from the spec's.

use serde_json::{Map, Value, json};

use crate::compose::values::SECRETS_TARGET;
use crate::spec::alerting::{NOBODY, Route};
use crate::spec::resolve::{Receiver, Resolved};

/// `route`, `inhibit_rules` and `receivers` of `alertmanager.yml`.
/// <https://prometheus.io/docs/alerting/latest/configuration/>
pub fn alertmanager(resolved: &Resolved<'_>) -> Value {
    let mut receivers = vec![json!({"name": NOBODY})];
    receivers.extend(resolved.receivers.iter().map(receiver));
    json!({
        "route": route(resolved),
        "inhibit_rules": inhibitions(),
        "receivers": receivers,
    })
}

fn route(resolved: &Resolved<'_>) -> Value {
    let answers = resolved.instance_of("alertmanager").map(|instance| &instance.answers);
    let answer = |name: &str, otherwise: &str| {
        answers.and_then(|answers| answers.get(name)?.as_str()).unwrap_or(otherwise).to_owned()
    };
    // Watchdog always fires and InfoInhibitor only mutes: neither is news to anybody who does not ask for it by name.
    let (asked, others): (Vec<&Route>, Vec<&Route>) =
        resolved.routes.iter().partition(|route| route.asks_for_a_quiet_one());
    let nobody = json!({"receiver": NOBODY, "matchers": ["alertname=~\"Watchdog|InfoInhibitor\""]});
    let routes: Vec<Value> =
        asked.into_iter().map(child).chain([nobody]).chain(others.into_iter().map(child)).collect();
    json!({
        "receiver": fallback(resolved),
        "group_by": ["alertname", "instance"],
        "group_wait": answer("group_wait", "30s"),
        "group_interval": answer("group_interval", "5m"),
        "repeat_interval": answer("repeat_interval", "4h"),
        "routes": routes,
    })
}

/// Who gets what no route matches: the only receiver, when there is no route at all.
fn fallback<'a>(resolved: &'a Resolved<'_>) -> &'a str {
    match resolved.receivers.as_slice() {
        [only] if resolved.routes.is_empty() => &only.name,
        _ => NOBODY,
    }
}

/// A route of the spec in its position. One without conditions has no matchers, and takes everything.
fn child(route: &Route) -> Value {
    let mut child = json!({"receiver": route.to});
    if !route.matches.is_empty() {
        child["matchers"] = route.matches.iter().map(|(label, value)| matcher(label, value)).collect();
    }
    if route.continues {
        child["continue"] = json!(true);
    }
    for (key, value) in [("group_wait", &route.group_wait), ("repeat_interval", &route.repeat_interval)] {
        if let Some(value) = value {
            child[key] = json!(value);
        }
    }
    child
}

/// `label="value"` in Alertmanager's own quoting.
fn matcher(label: &str, value: &str) -> String {
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{label}=\"{quoted}\"")
}

fn inhibitions() -> Value {
    let mutes = |source: &str, target: &str, equal: &[&str]| json!({"source_matchers": [source], "target_matchers": [target], "equal": equal});
    json!([
        mutes("severity=\"critical\"", "severity=~\"warning|info\"", &["alertname", "instance"]),
        mutes("severity=\"warning\"", "severity=\"info\"", &["alertname", "instance"]),
        // Information is only of interest beside something worse on the same instance.
        mutes("alertname=\"InfoInhibitor\"", "severity=\"info\"", &["instance"]),
    ])
}

fn receiver(receiver: &Receiver) -> Value {
    let mut config = Map::new();
    for (variable, value) in &receiver.settings {
        if receiver.passwords.contains(variable) {
            if let Some(secret) = value.get("secret").and_then(Value::as_str) {
                config.insert(format!("{variable}_file"), json!(format!("{SECRETS_TARGET}/{secret}")));
            }
        } else if !matches!(value, Value::Null) && value.as_str() != Some("") {
            config.insert(variable.clone(), value.clone());
        }
    }
    // E-mail has no `_file` for the user, and the key of the password's file stays Alertmanager's.
    json!({"name": receiver.name, format!("{}_configs", receiver.kind): [config]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::spec::{self, OwnFiles, resolve};

    fn config(alerting: &str) -> Value {
        let catalog = Catalog::embedded().expect("valid");
        let text = format!("stack: minimal\nsecrets: {{url: {{env: URL}}}}\nalerting: {alerting}\n");
        let spec = spec::read("watchpost.yaml", &text).expect("valid");
        alertmanager(&resolve(&spec, &catalog, OwnFiles::default()).expect("resolved"))
    }

    #[test]
    fn worse_alerts_mute_lesser_ones() {
        let rules = config("{}")["inhibit_rules"].clone();
        let rule = |source: &str, target: &str, equal: Value| json!({"source_matchers": [source], "target_matchers": [target], "equal": equal});
        assert_eq!(
            rules,
            json!([
                rule("severity=\"critical\"", "severity=~\"warning|info\"", json!(["alertname", "instance"])),
                rule("severity=\"warning\"", "severity=\"info\"", json!(["alertname", "instance"])),
                rule("alertname=\"InfoInhibitor\"", "severity=\"info\"", json!(["instance"])),
            ])
        );
    }

    #[test]
    fn the_only_receiver_gets_everything_unless_there_are_routes() {
        let hook = |name: &str| format!("{{name: {name}, type: webhook, url: 'http://hook/'}}");
        for (receivers, routes, fallback) in [
            (vec!["a"], "[]", "a"),
            (vec!["a"], "[{match: {severity: critical}, to: a}]", NOBODY),
            (vec!["a", "b"], "[{match: {severity: critical}, to: a}, {to: b}]", NOBODY),
            (vec![], "[]", NOBODY),
        ] {
            let all = receivers.iter().map(|name| hook(name)).collect::<Vec<_>>().join(", ");
            let config = config(&format!("{{receivers: [{all}], routes: {routes}}}"));
            assert_eq!(config["route"]["receiver"], fallback, "{receivers:?} {routes}");
            assert_eq!(config["receivers"].as_array().map_or(0, Vec::len), receivers.len() + 1);
        }
    }

    #[test]
    fn settings_without_a_value_are_left_out_and_secrets_are_files() {
        let settings = [
            ("url", json!({"secret": "url"})),
            ("password", json!("plain")),
            ("empty", json!("")),
            ("open", Value::Null),
            ("title", json!("x")),
            ("flag", json!(false)),
        ];
        let spec = Receiver {
            name: "a".into(),
            kind: "webhook".into(),
            settings: settings.map(|(key, value)| (key.to_owned(), value)).into_iter().collect(),
            passwords: ["url", "password"].map(str::to_owned).into_iter().collect(),
        };
        let rendered = receiver(&spec);
        assert_eq!(rendered["name"], "a");
        assert_eq!(rendered["webhook_configs"], json!([{"flag": false, "title": "x", "url_file": "/run/secrets/url"}]));
    }

    #[test]
    fn routes_keep_their_conditions_times_and_order() {
        let config = config(
            r#"{receivers: [{name: a, type: webhook, url: 'http://hook/'}], routes: [
                {match: {team: "a\"b\\c"}, to: a, continue: true, group_wait: 1s, repeat_interval: 1h},
                {match: {alertname: Watchdog}, to: a},
                {to: a}]}"#,
        );
        let quiet = json!({"receiver": NOBODY, "matchers": ["alertname=~\"Watchdog|InfoInhibitor\""]});
        assert_eq!(
            config["route"]["routes"],
            json!([
                {"receiver": "a", "matchers": ["alertname=\"Watchdog\""]},
                quiet,
                {"receiver": "a", "matchers": ["team=\"a\\\"b\\\\c\""], "continue": true, "group_wait": "1s", "repeat_interval": "1h"},
                {"receiver": "a"},
            ])
        );
    }
}
