//! Is Prometheus connected to every Alertmanager that it was told of?

use futures_util::future::join_all;
use serde_json::Value;

use crate::deployed::stack::{Deployed, Stack};
use crate::docker::{TransportError, reach};
use crate::verify::links::containers;
use crate::verify::report::Finding;
use crate::yaml;

pub async fn findings(stack: &Stack) -> Vec<Finding> {
    let Some((name, prometheus)) = stack.of("prometheus") else { return Vec::new() };
    let wanted = wanted(stack, name).await;
    if wanted.is_empty() {
        let finding = Finding::broken("alertmanager:none", name, "sends its alerts to no Alertmanager");
        return vec![finding.why("its prometheus.yml names none").fix("watchpost up")];
    }
    let active = match stack.prometheus().await {
        Some(asked) => asked.alertmanagers().await,
        None => return Vec::new(),
    };
    let active: Vec<String> = active.unwrap_or_default().iter().map(|url| authority(url).to_owned()).collect();
    join_all(wanted.iter().map(|target| one(stack, prometheus, target, &active))).await
}

/// `host:port` of each Alertmanager in the configuration that was deployed.
async fn wanted(stack: &Stack, prometheus: &str) -> Vec<String> {
    let text = stack.files(prometheus).await.get("prometheus.yml").and_then(|file| std::str::from_utf8(file).ok());
    let config = text.and_then(|text| yaml::parse("prometheus.yml", text).ok()).map(|node| node.to_json());
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let all = config.as_ref().and_then(|config| config.get("alerting")).map(|alerting| list(alerting, "alertmanagers"));
    let fixed = all.unwrap_or_default().into_iter().flat_map(|one| list(&one, "static_configs"));
    let targets = fixed.flat_map(|one| list(&one, "targets"));
    targets.filter_map(|target| target.as_str().map(str::to_owned)).collect()
}

/// `http://alertmanager:9093/api/v2/alerts` to `alertmanager:9093`.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

async fn one(stack: &Stack, prometheus: &Deployed, target: &str, active: &[String]) -> Finding {
    let id = format!("alertmanager:{target}");
    if !active.iter().any(|url| url == target) {
        return Finding::broken(id, target, "is not among those that Prometheus sends to")
            .why("it is in prometheus.yml, and not in the configuration that Prometheus has in force")
            .fix(format!("{} restart {}", stack.docker(), prometheus.container.name));
    }
    let (host, port) = target.rsplit_once(':').unwrap_or((target, "9093"));
    let asked =
        reach::get_from(&stack.client, &prometheus.container.id, host, port.parse().unwrap_or(9093), "/-/ready");
    match asked.await {
        Ok(answer) if answer.is_success() => Finding::ok(id, target),
        Ok(answer) => {
            let finding = Finding::broken(id, target, format!("answers {} to Prometheus", answer.status));
            finding.fix(format!("watchpost logs {host}"))
        }
        Err(TransportError::Unreachable) => {
            Finding::not_checked(id, target, "Prometheus's container has nothing to ask with")
        }
        Err(TransportError::NoAnswer(why)) => unreached(stack, prometheus, id, target, host, &why),
    }
}

fn unreached(stack: &Stack, prometheus: &Deployed, id: String, target: &str, host: &str, why: &str) -> Finding {
    let finding = Finding::broken(id, target, format!("cannot be reached by Prometheus: {why}"));
    let Some(other) = stack.services.get(host) else {
        return finding
            .fix(format!("start what listens at {target}, or correct it in watchpost.yaml, then: watchpost up"));
    };
    if !other.is_running() {
        return finding.because(Some(containers::id(host))).fix("watchpost up");
    }
    let (here, there) = (&prometheus.container.addresses, &other.container.addresses);
    let common = here.keys().any(|network| there.contains_key(network));
    match here.keys().next() {
        Some(network) if !common => finding
            .why(format!("the container {} is not in the network {network}", other.container.name))
            .fix(format!("{} network connect --alias {host} {network} {}", stack.docker(), other.container.name)),
        _ => finding.fix(format!(
            "{} restart {}; if that changes nothing: watchpost logs {host}",
            stack.docker(),
            other.container.name
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_from_its_url() {
        assert_eq!(authority("http://alertmanager:9093/api/v2/alerts"), "alertmanager:9093");
        assert_eq!(authority("alertmanager:9093"), "alertmanager:9093");
    }
}
