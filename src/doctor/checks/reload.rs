//! Does a service run with the configuration that was deployed? A reload answers 200 and may still have failed.

use serde_json::Value;

use crate::doctor::fine;
use crate::doctor::look::{Asked, Deployed, Seen};
use crate::fix::Fix;
use crate::units::parse_duration;
use crate::verify::reload;
use crate::verify::report::Finding;

pub fn prometheus(seen: &Seen<'_>) -> Vec<Finding> {
    let reload = seen.prometheus.as_ref().map(|prometheus| Reload {
        service: &prometheus.service,
        container: container(seen, &prometheus.service),
        succeeded: prometheus.metrics.as_ref().ok().and_then(|metrics| reload::succeeded("prometheus", metrics)),
        in_force: &prometheus.in_force,
        deployed: &prometheus.deployed,
    });
    vec![judge("prometheus", reload)]
}

pub fn alertmanager(seen: &Seen<'_>) -> Vec<Finding> {
    let reload = seen.alertmanager.as_ref().map(|alertmanager| Reload {
        service: &alertmanager.service,
        container: container(seen, &alertmanager.service),
        succeeded: alertmanager.metrics.as_ref().ok().and_then(|metrics| reload::succeeded("alertmanager", metrics)),
        in_force: &alertmanager.in_force,
        deployed: &alertmanager.deployed,
    });
    vec![judge("alertmanager", reload)]
}

fn container<'a>(seen: &'a Seen<'_>, service: &'a str) -> &'a str {
    seen.service(service).map_or(service, |deployed: &Deployed| deployed.container.as_str())
}

struct Reload<'a> {
    service: &'a str,
    container: &'a str,
    /// Did it accept its last configuration? `None`: it does not say.
    succeeded: Option<bool>,
    in_force: &'a Asked<Value>,
    deployed: &'a Asked<Value>,
}

fn judge(component: &str, reload: Result<Reload<'_>, &String>) -> Finding {
    let id = format!("reload:{component}");
    let Reload { service, container, succeeded, in_force, deployed } = match reload {
        Ok(reload) => reload,
        Err(why) => return Finding::not_checked(id, component, why),
    };
    if succeeded == Some(false) {
        return reload::rejected(id, service, container, &[]);
    }
    let (in_force, deployed) = match (in_force, deployed) {
        (Ok(in_force), Ok(deployed)) => (in_force, deployed),
        (Err(why), _) | (_, Err(why)) => return Finding::not_checked(id, service, why),
    };
    match difference(deployed, in_force, "") {
        None => fine(id, service, "runs with the deployed configuration"),
        Some(place) => Finding::broken(id, service, "runs with another configuration than the deployed one")
            .why(format!("they differ at `{place}`"))
            .why("the file changed, and the service was not reloaded or was reloaded too early")
            .fix(Fix::docker(["kill", "-s", "HUP", container])),
    }
}

/// Where the deployed configuration is not in force. What a service adds by itself does not count.
fn difference(deployed: &Value, in_force: &Value, place: &str) -> Option<String> {
    match (deployed, in_force) {
        (Value::Object(wanted), Value::Object(had)) => wanted.iter().find_map(|(key, value)| {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match had.get(key) {
                Some(other) => difference(value, other, &place),
                // Services leave out what equals their default.
                None if is_nothing(value) || place.contains("_configs[") && place.starts_with("receivers[") => None,
                None => Some(place),
            }
        }),
        (Value::Array(wanted), Value::Array(had)) if wanted.len() == had.len() => {
            let pairs = wanted.iter().zip(had).enumerate();
            pairs.into_iter().find_map(|(at, (wanted, had))| difference(wanted, had, &format!("{place}[{at}]")))
        }
        (wanted, had) => (!same(wanted, had)).then(|| place.to_owned()),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(true) => false,
    }
}

/// One value in two notations: `90s` and `1m30s`, a path and the same below its folder, what is hidden or expanded.
fn same(deployed: &Value, in_force: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (deployed, in_force) = (text(deployed), text(in_force));
    deployed == in_force
        || in_force == "<secret>"
        || deployed.contains('$')
        || in_force.strip_suffix(&deployed).is_some_and(|folder| folder.starts_with('/') && folder.ends_with('/'))
        || parse_duration(&deployed).is_some_and(|seconds| parse_duration(&in_force) == Some(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::report::Verdict;

    #[test]
    fn only_what_matters_is_a_difference() {
        let deployed = json!({
            "global": {"scrape_interval": "90s"},
            "rule_files": ["rules/a/*.yml"],
            "scrape_configs": [{"job_name": "a", "honor_labels": false, "password": "x"}],
        });
        let in_force = json!({
            "global": {"scrape_interval": "1m30s", "scrape_timeout": "10s"},
            "rule_files": ["/etc/watchpost/current/rules/a/*.yml"],
            "scrape_configs": [{"job_name": "a", "scheme": "http", "password": "<secret>"}],
        });
        assert_eq!(difference(&deployed, &in_force, ""), None);
        let mut other = in_force.clone();
        other["scrape_configs"][0]["job_name"] = json!("b");
        assert_eq!(difference(&deployed, &other, "").as_deref(), Some("scrape_configs[0].job_name"));
        other["scrape_configs"] = json!([]);
        assert_eq!(difference(&deployed, &other, "").as_deref(), Some("scrape_configs"));
        other["scrape_configs"] = in_force["scrape_configs"].clone();
        other["global"]["scrape_interval"] = json!("1m");
        assert_eq!(difference(&deployed, &other, "").as_deref(), Some("global.scrape_interval"));
    }

    fn judged(succeeded: Option<bool>, in_force: Asked<Value>, deployed: Asked<Value>) -> Finding {
        let (service, container) = ("prometheus", "shop-prometheus-1");
        let reload = Reload { service, container, succeeded, in_force: &in_force, deployed: &deployed };
        judge("prometheus", Ok(reload))
    }

    #[test]
    fn a_service_that_runs_with_the_deployed_configuration_is_fine() {
        let finding = judged(Some(true), Ok(json!({"a": 1})), Ok(json!({"a": 1})));
        assert_eq!((finding.id.as_str(), finding.verdict), ("reload:prometheus", Verdict::Ok));
    }

    #[test]
    fn a_failed_reload_and_another_configuration_are_broken() {
        let failed = judged(Some(false), Ok(json!({"a": 1})), Ok(json!({"a": 1})));
        assert_eq!(failed, reload::rejected("reload:prometheus", "prometheus", "shop-prometheus-1", &[]));
        let other = judged(Some(true), Ok(json!({"a": 1})), Ok(json!({"a": 2})));
        assert_eq!((other.verdict, other.why[0].as_str()), (Verdict::Broken, "they differ at `a`"));
        assert_eq!(other.fix_text(), "docker kill -s HUP shop-prometheus-1");
    }

    #[test]
    fn a_service_that_does_not_answer_is_not_checked() {
        let finding = judged(None, Err("no answer in time".into()), Ok(json!({})));
        assert_eq!((finding.verdict, finding.what.as_str()), (Verdict::NotChecked, "no answer in time"));
        assert_eq!(judge("alertmanager", Err(&"`alertmanager` does not run".into())).verdict, Verdict::NotChecked);
    }
}
