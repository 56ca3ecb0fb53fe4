//! One judgement of a configuration that Prometheus or Alertmanager rejected when it was last reloaded.

use crate::clients::exposition::Exposition;
use crate::fix::{Fix, Step};
use crate::verify::report::Finding;

/// `None` when the service does not count its reloads.
pub fn succeeded(component: &str, metrics: &Exposition) -> Option<bool> {
    metrics.value(&format!("{component}_config_last_reload_successful")).map(|value| value > 0.0)
}

/// A service whose last reload failed; `log` holds its last lines, where they were read.
pub fn rejected(id: impl Into<String>, service: &str, container: &str, log: &[String]) -> Finding {
    let finding = Finding::broken(id, service, "rejected the new configuration and still runs the old one");
    let correct = Step::Edit { file: None, at: None, what: format!("correct what `{service}` rejects") };
    let correct = Fix { steps: vec![correct], or: None };
    let correct = correct.then(Fix::up()).then(Fix::docker(["kill", "-s", "HUP", container]));
    match reason(log) {
        Some(reason) => finding.why(reason).fix(correct),
        None => finding.fix(Fix::watchpost(["logs", service]).note("shows why").then(correct)),
    }
}

/// What the last failed reload says in the log: `err="..."` of Alertmanager's and Prometheus's line about it.
fn reason(log: &[String]) -> Option<String> {
    let failed =
        |line: &&String| line.contains("Loading configuration file failed") || line.contains("Error reloading config");
    let line = log.iter().rev().find(failed)?;
    let (_, error) = line.split_once("err=")?;
    Some(error.trim().trim_matches('"').replace("\\\"", "\"").replace("\\n", " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_reload_is_seen_in_the_metrics_of_either_service() {
        let metrics = Exposition::read(
            "prometheus_config_last_reload_successful 1\nalertmanager_config_last_reload_successful 0\n",
        );
        assert_eq!(succeeded("prometheus", &metrics), Some(true));
        assert_eq!(succeeded("alertmanager", &metrics), Some(false));
        assert_eq!(succeeded("alertmanager", &Exposition::default()), None);
    }

    #[test]
    fn the_reason_is_the_last_one_in_the_log() {
        let log = [
            r#"time=x level=ERROR msg="Loading configuration file failed" file=/a.yml err="undefined receiver \"chat\" used in route""#,
            r#"time=x level=INFO msg="Listening on" address=[::]:9093"#,
        ]
        .map(str::to_owned);
        let finding = rejected("alertmanager:config", "alertmanager", "shop-alertmanager-1", &log);
        assert_eq!(finding.why, ["undefined receiver \"chat\" used in route"]);
        insta::assert_snapshot!(
            finding.fix_text(),
            @"in watchpost.yaml: correct what `alertmanager` rejects, then watchpost up && docker kill -s HUP shop-alertmanager-1"
        );
        let prometheus = [r#"time=x level=ERROR source=main.go:1144 msg="Error reloading config" err="couldn't load configuration (--config.file=\"/p.yml\"): parsing YAML file /p.yml: yaml: unmarshal errors:\n  line 2: field globall not found in type config.plain""#.to_owned()];
        let finding = rejected("reload:prometheus", "prometheus", "shop-prometheus-1", &prometheus);
        assert!(finding.why[0].ends_with("unmarshal errors:   line 2: field globall not found in type config.plain"));
        let unknown = rejected("reload:prometheus", "prometheus", "shop-prometheus-1", &log[1..]);
        let fix = unknown.fix_text();
        assert!(fix.starts_with("watchpost logs prometheus (shows why), then in watchpost.yaml: correct"), "{fix}");
    }
}
