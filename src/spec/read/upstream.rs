//! Keys as Prometheus and Alertmanager spell them, and what stands for them in the spec.

use super::Reader;
use crate::yaml::Node;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    Target,
    Probe,
    Alerting,
    Receiver,
    Route,
}

/// What an unknown key is answered with.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// The spec's own name for it.
    Called(&'static str),
    Words(&'static str),
}

use Answer::{Called, Words};
use Place::{Alerting, Probe, Receiver, Route, Target, Top};

const EJECT: Answer = Words(
    "targets of the spec do not have it; `watchpost catalog eject prometheus ./catalog` copies the whole configuration for you to change",
);
const DISCOVERY: Answer = Words(
    "list the addresses under `static:`; service discovery needs a configuration of your own: `watchpost catalog eject prometheus ./catalog`",
);
const PATTERN: Answer =
    Words("write `match: {label: value}`, and one route for each value: patterns are not supported");
const NESTED: Answer = Words("write the routes one after another; `continue: true` lets an alert go on to the next");
const WINDOWS: Answer = Words("routes of the spec do not have it; silence alerts in Alertmanager");

/// <https://prometheus.io/docs/prometheus/latest/configuration/configuration/>,
/// <https://prometheus.io/docs/alerting/latest/configuration/>
const KEYS: [(Place, &str, Answer); 67] = [
    (Top, "scrape_configs", Called("targets")),
    (Top, "static_configs", Called("targets")),
    (Top, "jobs", Called("targets")),
    (Top, "rule_files", Called("rules")),
    (Top, "groups", Words("write rules into files, and list their folder: `rules: [./rules]`")),
    (Top, "receivers", Words("write it under `alerting:`")),
    (Top, "routes", Words("write it under `alerting:`")),
    (Top, "route", Words("write `routes:` under `alerting:`, one after another")),
    (Top, "inhibit_rules", Words("worse alerts mute lesser ones of the same instance; there is no setting for it")),
    (Top, "global", Words("write `scrape_interval` and `evaluation_interval` under `components.prometheus`")),
    (Top, "scrape_interval", Words("write it under `components.prometheus`")),
    (Top, "evaluation_interval", Words("write it under `components.prometheus`")),
    (Top, "external_labels", Words("write it under `components.prometheus`, each as `name=value`")),
    (Top, "retention", Words("write it under `components.prometheus`")),
    (
        Top,
        "external_url",
        Words("write `address:` with the host's name, or `external_url` under `components.prometheus`"),
    ),
    (Top, "remote_write", EJECT),
    (Top, "remote_read", EJECT),
    (Top, "storage", Words("write `retention` or `retention_size` under `components.prometheus`")),
    (Top, "services", Words("a Compose file is not a spec; name components under `components:`")),
    (Top, "datasources", Words("Grafana gets the stack's own data sources; add others in Grafana")),
    (Target, "job_name", Called("job")),
    (Target, "name", Called("job")),
    (Target, "metrics_path", Called("path")),
    (Target, "scrape_interval", Called("interval")),
    (Target, "static_configs", Called("static")),
    (Target, "targets", Called("static")),
    (Target, "address", Called("static")),
    (Target, "params", Words("write them into the path: `path: /metrics?name=value`")),
    (Target, "scrape_timeout", Words("write it under `components.prometheus`; it holds for all targets")),
    (Target, "basic_auth", EJECT),
    (Target, "authorization", EJECT),
    (Target, "bearer_token", EJECT),
    (Target, "bearer_token_file", EJECT),
    (Target, "oauth2", EJECT),
    (Target, "tls_config", EJECT),
    (Target, "proxy_url", EJECT),
    (Target, "honor_labels", EJECT),
    (Target, "honor_timestamps", EJECT),
    (Target, "relabel_configs", EJECT),
    (Target, "metric_relabel_configs", EJECT),
    (Target, "sample_limit", EJECT),
    (Target, "file_sd_configs", DISCOVERY),
    (Target, "dns_sd_configs", DISCOVERY),
    (Target, "http_sd_configs", DISCOVERY),
    (Target, "docker_sd_configs", DISCOVERY),
    (Target, "dockerswarm_sd_configs", DISCOVERY),
    (Target, "consul_sd_configs", DISCOVERY),
    (Target, "kubernetes_sd_configs", DISCOVERY),
    (Target, "ec2_sd_configs", DISCOVERY),
    (Probe, "target", Called("url")),
    (Probe, "targets", Words("write one entry a URL: `- {url: …}`")),
    (Probe, "static_configs", Words("write one entry a URL: `- {url: …}`")),
    (Probe, "scrape_interval", Called("interval")),
    (Probe, "params", Words("write `module: http_2xx` directly")),
    (Alerting, "route", Called("routes")),
    (Alerting, "alertmanagers", Words("Prometheus sends to the stack's own Alertmanager without a setting")),
    (
        Alerting,
        "inhibit_rules",
        Words("worse alerts mute lesser ones of the same instance; there is no setting for it"),
    ),
    (Alerting, "global", Words("write what it holds into each receiver, such as `smarthost` of an e-mail")),
    (Route, "receiver", Called("to")),
    (Route, "match_re", PATTERN),
    (Route, "matchers", PATTERN),
    (Route, "routes", NESTED),
    (Route, "group_by", Words("alerts are grouped by their name and instance; there is no setting for it")),
    (Route, "group_interval", Words("write it under `components.alertmanager`; it holds for all routes")),
    (Route, "mute_time_intervals", WINDOWS),
    (Route, "active_time_intervals", WINDOWS),
    (Receiver, "url_file", Words("write `url: {secret: NAME}`, and `NAME: {file: PATH}` under `secrets:`")),
];

impl Reader {
    /// Names the keys of a node that are another program's. True when there was one: reading on would name it again.
    pub(super) fn upstream(&mut self, node: &Node, place: Place) -> bool {
        let before = self.errors.len();
        for (key, _) in node.entries() {
            let name = key.as_str().unwrap_or_default();
            let error = || key.error(format!("unknown key `{name}`"));
            if let Some((_, _, answer)) = KEYS.iter().find(|(of, known, _)| *of == place && *known == name) {
                self.errors.push(match answer {
                    Called(own) => error().label(format!("it is called `{own}` here")),
                    Words(words) => error().hint(*words),
                });
            } else if let (Receiver, Some(kind)) = (place, name.strip_suffix("_configs")) {
                let hint = format!("write `type: {kind}` beside `name`, and the settings directly below");
                self.errors.push(error().hint(hint));
            }
        }
        self.errors.len() > before
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::read;

    /// Message and advice of the only error.
    #[track_caller]
    fn only(text: &str) -> (String, String) {
        let error = read("watchpost.yaml", text).expect_err("rejected");
        assert!(error.also.is_empty(), "{text}: {error:?}");
        assert!(error.at.is_some(), "{text}");
        let advice = error.label.clone().or(error.hint.clone()).unwrap_or_default();
        (error.message.clone(), advice)
    }

    #[test]
    fn keys_of_other_programs_are_answered_with_ours() {
        let target = |entry: &str| format!("targets: [{{job: a, static: ['a:1'], {entry}}}]");
        let route =
            |entry: &str| format!("alerting: {{receivers: [{{name: a, type: slack}}], routes: [{{to: a, {entry}}}]}}");
        for (text, key, advice) in [
            (target("metrics_path: /m"), "metrics_path", "it is called `path` here"),
            (target("scrape_interval: 5s"), "scrape_interval", "it is called `interval` here"),
            (target("bearer_token: x"), "bearer_token", "targets of the spec do not have it"),
            (target("relabel_configs: []"), "relabel_configs", "targets of the spec do not have it"),
            (target("params: {a: [b]}"), "params", "write them into the path"),
            ("targets: [{job_name: a, static: ['a:1']}]".into(), "job_name", "it is called `job` here"),
            (
                "targets: [{job: a, file_sd_configs: []}]".into(),
                "file_sd_configs",
                "list the addresses under `static:`",
            ),
            ("probes: [{target: 'http://a'}]".into(), "target", "it is called `url` here"),
            (route("matchers: [a=b]"), "matchers", "write `match: {label: value}`"),
            (route("match_re: {a: b}"), "match_re", "write `match: {label: value}`"),
            (route("group_by: [a]"), "group_by", "alerts are grouped by"),
            ("scrape_configs: []".into(), "scrape_configs", "it is called `targets` here"),
            ("alerting: {route: {}}".into(), "route", "it is called `routes` here"),
            (
                "alerting: {receivers: [{name: a, slack_configs: []}]}".into(),
                "slack_configs",
                "write `type: slack` beside",
            ),
        ] {
            let (message, found) = only(&text);
            assert_eq!(message, format!("unknown key `{key}`"), "{text}");
            assert!(found.starts_with(advice), "{text}: {found}");
        }
    }

    #[test]
    fn several_in_one_entry_are_all_named_and_others_still_get_a_guess() {
        let error = read("watchpost.yaml", "targets: [{job_name: a, static_configs: []}]").expect_err("rejected");
        assert_eq!(error.also.len(), 1);
        assert_eq!(only("targets: [{job: a, static: ['a:1'], pathe: /m}]").1, "did you mean `path`?");
        assert_eq!(only("stcak: a").1, "did you mean `stack`?");
    }
}
