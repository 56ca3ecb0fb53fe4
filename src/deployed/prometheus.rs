//! Prometheus's configuration as it was deployed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stack::Stack;
use crate::units::parse_duration;
use crate::yaml;

/// Prometheus's own interval, where a configuration names none.
const INTERVAL: f64 = 60.0;

/// What a configuration says about when targets are scraped, and what they are called.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// Seconds; of jobs that have none of their own.
    pub scrape_interval: f64,
    /// Seconds; of groups that have none of their own.
    pub evaluation_interval: f64,
    pub jobs: Vec<Job>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub name: String,
    /// Seconds; `None`: the configuration's.
    pub interval: Option<f64>,
    /// Values of the label `job` that its targets are given instead of the job's name.
    pub renamed: Vec<String>,
    /// May its series carry other values of `job` than are written here? Discovery, relabeling and pushed metrics may
    /// bring any.
    pub any_job: bool,
    /// The same for `instance`: only targets that are written here are known before they exist.
    pub any_instance: bool,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { scrape_interval: INTERVAL, evaluation_interval: INTERVAL, jobs: Vec::new() }
    }
}

impl Configuration {
    /// Without jobs when the file is not valid YAML, which Prometheus itself reports.
    pub fn read(content: &[u8]) -> Self {
        let text = std::str::from_utf8(content).unwrap_or_default();
        let Ok(config) = yaml::parse("prometheus.yml", text).map(|node| node.to_json()) else { return Self::default() };
        Self {
            scrape_interval: seconds(&config["global"]["scrape_interval"]).unwrap_or(INTERVAL),
            evaluation_interval: seconds(&config["global"]["evaluation_interval"]).unwrap_or(INTERVAL),
            jobs: items(&config["scrape_configs"]).iter().filter_map(Job::read).collect(),
        }
    }

    /// Names of the scrape jobs.
    pub fn job_names(&self) -> Vec<String> {
        self.jobs.iter().map(|job| job.name.clone()).collect()
    }
}

impl Job {
    fn read(config: &Value) -> Option<Self> {
        let honors = config["honor_labels"].as_bool().unwrap_or_default();
        let renamed = items(&config["static_configs"]).iter().filter_map(|group| group["labels"]["job"].as_str());
        let discovers = |name: &str| name.ends_with("_sd_configs");
        // Files and HTTP hand over groups with labels of their own. Other discoveries have labels of theirs, which only
        // relabeling turns into these.
        let groups_come = ["file_sd_configs", "http_sd_configs"].iter().any(|key| !config[key].is_null());
        Some(Self {
            name: config["job_name"].as_str()?.to_owned(),
            interval: seconds(&config["scrape_interval"]),
            renamed: renamed.map(str::to_owned).collect(),
            any_job: honors
                || groups_come
                || sets(&config["relabel_configs"], "job")
                || sets(&config["metric_relabel_configs"], "job"),
            any_instance: honors
                || config.as_object()?.keys().any(|key| discovers(key))
                || sets(&config["metric_relabel_configs"], "instance"),
        })
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn seconds(duration: &Value) -> Option<f64> {
    parse_duration(duration.as_str()?)
}

/// May one of these relabelings set the label? `labelmap` may set any.
fn sets(relabelings: &Value, label: &str) -> bool {
    items(relabelings).iter().any(|relabeling| {
        let field = |key: &str| relabeling[key].as_str().unwrap_or_default();
        field("action").eq_ignore_ascii_case("labelmap") || field("target_label") == label
    })
}

/// The configuration that was deployed; the default one when there is none.
pub async fn configuration(stack: &Stack) -> Configuration {
    let Some((service, _)) = stack.first_of("prometheus") else { return Configuration::default() };
    let files = stack.files(service).await;
    files.get("prometheus.yml").map(|content| Configuration::read(content)).unwrap_or_default()
}

/// Names of the scrape jobs in the deployed configuration.
pub async fn rendered_jobs(stack: &Stack) -> Vec<String> {
    configuration(stack).await.job_names()
}

/// The stack's services that a deployed configuration names: those that were deployed with it.
///
/// Jobs of the spec's own targets name hosts of other people; they always have a `fallback_scrape_protocol`. Jobs of
/// probes have URLs, and their addresses are rewritten.
pub fn services_named(content: &[u8]) -> BTreeSet<String> {
    let text = std::str::from_utf8(content).unwrap_or_default();
    let Ok(config) = yaml::parse("prometheus.yml", text).map(|node| node.to_json()) else { return BTreeSet::new() };
    let own = |job: &&Value| job["fallback_scrape_protocol"].is_null() && job["relabel_configs"].is_null();
    let jobs = items(&config["scrape_configs"]).iter().filter(own);
    let owners = jobs.chain(items(&config["alerting"]["alertmanagers"]));
    let groups = owners.flat_map(|owner| items(&owner["static_configs"]));
    let targets = groups.flat_map(|group| items(&group["targets"])).filter_map(Value::as_str);
    targets.filter_map(|target| target.split(':').next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_configuration_are_named_and_an_unreadable_one_has_none() {
        let config = b"scrape_configs: [{job_name: node}, {job_name: shop, scheme: https}, {scheme: http}]\n";
        assert_eq!(Configuration::read(config).job_names(), ["node", "shop"]);
        for bad in [&b"global: {}\n"[..], b"{", &[0xff]] {
            assert_eq!(Configuration::read(bad), Configuration::default());
        }
    }

    #[test]
    fn intervals_are_those_of_the_job_or_of_the_configuration() {
        let config = b"global: {scrape_interval: 5m, evaluation_interval: 90s}\n\
            scrape_configs: [{job_name: node}, {job_name: shop, scrape_interval: 10s}]\n";
        let read = Configuration::read(config);
        assert_eq!((read.scrape_interval, read.evaluation_interval), (300.0, 90.0));
        assert_eq!(read.jobs.iter().map(|job| job.interval).collect::<Vec<_>>(), [None, Some(10.0)]);
    }

    #[test]
    fn what_may_bring_other_values_of_job_and_instance_is_known() {
        let of = |text: &str| {
            let read = Configuration::read(format!("scrape_configs: [{{job_name: a, {text}}}]\n").as_bytes());
            (read.jobs[0].any_job, read.jobs[0].any_instance)
        };
        assert_eq!(of("static_configs: [{targets: [a], labels: {team: x}}]"), (false, false));
        assert_eq!(of("honor_labels: true"), (true, true));
        assert_eq!(of("file_sd_configs: [{files: [a]}]"), (true, true));
        assert_eq!(of("docker_sd_configs: [{host: a}]"), (false, true));
        assert_eq!(of("relabel_configs: [{source_labels: [x], target_label: job}]"), (true, false));
        assert_eq!(of("relabel_configs: [{action: labelmap, regex: x}]"), (true, false));
        assert_eq!(of("relabel_configs: [{target_label: instance, replacement: x}]"), (false, false));
        assert_eq!(of("metric_relabel_configs: [{target_label: instance, replacement: x}]"), (false, true));
        let config = b"scrape_configs: [{job_name: a, static_configs: [{targets: [b], labels: {job: c}}]}]\n";
        assert_eq!(Configuration::read(config).jobs[0].renamed, ["c"]);
    }

    #[test]
    fn a_configuration_names_the_services_that_were_deployed_with_it_and_no_hosts_of_others() {
        let config = br#"
alerting: {alertmanagers: [{static_configs: [{targets: ["alertmanager:9093"]}]}]}
scrape_configs:
  - {job_name: node, static_configs: [{targets: ["node-exporter:9100"], labels: {instance: db1}}]}
  - {job_name: postgres, static_configs: [{targets: ["pg-a:9187"]}, {targets: ["pg-b:9187"]}]}
  - {job_name: shop, fallback_scrape_protocol: PrometheusText0.0.4, static_configs: [{targets: ["shop:80"]}]}
  - {job_name: probe-http, static_configs: [{targets: ["https://shop"]}], relabel_configs: []}
"#;
        let named: Vec<String> = services_named(config).into_iter().collect();
        assert_eq!(named, ["alertmanager", "node-exporter", "pg-a", "pg-b"]);
        assert!(services_named(b"{").is_empty() && services_named(&[0xff]).is_empty());
    }
}
