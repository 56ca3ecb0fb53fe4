//! Does a service run with the configuration that was deployed? A reload answers 200 and may still not have taken.

use crate::clients::exposition::Exposition;
use serde_json::Value;

use crate::doctor::fine;
use crate::doctor::look::{Asked, Deployed, Seen};
use crate::units::parse_duration;
use crate::verify::report::Finding;

pub fn prometheus(seen: &Seen<'_>) -> Vec<Finding> {
    let judged = seen.prometheus.as_ref().map(|prometheus| Reload {
        service: &prometheus.service,
        successful: sum_of(&prometheus.metrics, "prometheus_config_last_reload_successful"),
        in_force: &prometheus.in_force,
        deployed: &prometheus.deployed,
    });
    vec![check(seen, "prometheus", judged)]
}

pub fn alertmanager(seen: &Seen<'_>) -> Vec<Finding> {
    let judged = seen.alertmanager.as_ref().map(|alertmanager| Reload {
        service: &alertmanager.service,
        successful: sum_of(&alertmanager.metrics, "alertmanager_config_last_reload_successful"),
        in_force: &alertmanager.in_force,
        deployed: &alertmanager.deployed,
    });
    vec![check(seen, "alertmanager", judged)]
}

fn sum_of(metrics: &Asked<Exposition>, metric: &str) -> Option<f64> {
    metrics.as_ref().ok().and_then(|metrics| metrics.value(metric))
}

struct Reload<'a> {
    service: &'a str,
    /// 1 or 0, as the service counts it.
    successful: Option<f64>,
    in_force: &'a Asked<Value>,
    deployed: &'a Asked<Value>,
}

fn check(seen: &Seen<'_>, component: &str, reload: Result<Reload<'_>, &String>) -> Finding {
    let id = format!("reload:{component}");
    let reload = match reload {
        Ok(reload) => reload,
        Err(why) => return Finding::not_checked(id, component, why),
    };
    let service = reload.service;
    let again = || {
        let container = seen.service(service).map_or(service, |deployed: &Deployed| deployed.container.as_str());
        format!("docker kill -s HUP {container}")
    };
    if reload.successful == Some(0.0) {
        return Finding::broken(id, service, "its last reload failed: it runs with the configuration from before")
            .why(format!("`watchpost logs {service} --tail 20` shows what it does not take"))
            .fix(format!("correct the configuration (`watchpost up`), then {}", again()));
    }
    let (in_force, deployed) = match (reload.in_force, reload.deployed) {
        (Ok(in_force), Ok(deployed)) => (in_force, deployed),
        (Err(why), _) | (_, Err(why)) => return Finding::not_checked(id, service, why),
    };
    match difference(deployed, in_force, "") {
        None => fine(id, service, "runs with what was deployed"),
        Some(place) => Finding::broken(id, service, "runs with another configuration than was deployed")
            .why(format!("they differ at `{place}`"))
            .why("the file changed and the service was not told, or was told too early")
            .fix(again()),
    }
}

/// Where the deployed configuration is not in force. What a service adds by itself is no difference.
fn difference(deployed: &Value, in_force: &Value, place: &str) -> Option<String> {
    match (deployed, in_force) {
        (Value::Object(wanted), Value::Object(had)) => wanted.iter().find_map(|(key, value)| {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match had.get(key) {
                Some(other) => difference(value, other, &place),
                // Services leave out what is as it would be anyway.
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
}
