//! What `component.yaml` and `stacks/<stack>.yaml` hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::question::Question;
use crate::compose::{Check, Page, Probe, Reload};

/// One component's manifest, `templates/<component>/component.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The folder's name: lowercase letters, digits and `-`.
    pub name: String,
    /// How people call it: `Prometheus`.
    pub title: String,
    /// One sentence, shown by `catalog list` and asked about in `init`.
    pub description: String,
    pub category: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    pub image: Image,
    /// May a stack hold several, under different names?
    #[serde(default)]
    pub multiple: bool,
    /// Components without which this one is of no use; a stack that leaves them out is refused.
    #[serde(default)]
    pub needs: Vec<String>,
    /// `uid:gid` the container runs as; owner of the secrets it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// For each hardening default that `service.yml` departs from (`read_only`, `cap_drop`, `user`, ...): why.
    #[serde(default)]
    pub exceptions: BTreeMap<String, String>,
    #[serde(default)]
    pub questions: Vec<Question>,
    /// How readiness is asked for, beside the Compose healthcheck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// The page to open, shown at the end of `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// How a running service takes changed files without a restart; absent: it is recreated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Reload>,
    /// Commands that check the service's files inside the pinned image, run with its files mounted.
    #[serde(default)]
    pub check: Vec<Check>,
    /// What Prometheus scrapes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape: Option<Scrape>,
    /// Metrics that are there only on some hosts or after some events; the proof then says why they are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sometimes: Vec<Sometimes>,
    /// Parts of an exporter that can be off, or that find nothing on many hosts; the proof then names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<Collector>,
    /// What it says when it does not reach what it watches, and what fixes that; the first that matches counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// One part of an exporter, such as node_exporter's `hwmon`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collector {
    pub name: String,
    /// A regular expression that matches whole names of metrics.
    pub metrics: String,
    /// What turns it on: `--collector.hwmon`.
    pub flag: String,
    /// Is it off unless the flag is given?
    #[serde(default)]
    pub off: bool,
    /// What it looks for, in the plural: `hardware sensors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finds: Option<String>,
}

impl Collector {
    /// Is it on in a service with this command? `--no-collector.x` turns off what `--collector.x` turns on, and a list
    /// after `=` turns on each of its parts.
    pub fn is_on(&self, command: &[String]) -> bool {
        let given = match self.flag.split_once('=') {
            Some((flag, part)) => command.iter().any(|word| {
                let list = word.strip_prefix(flag).and_then(|rest| rest.strip_prefix('='));
                list.is_some_and(|list| list.split(',').any(|one| one == part))
            }),
            None => command.contains(&self.flag),
        };
        let opposite = self.flag.strip_prefix("--").map(|name| format!("--no-{name}"));
        given || !self.off && !opposite.is_some_and(|opposite| command.contains(&opposite))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sometimes {
    /// A regular expression that matches whole names of metrics.
    pub metrics: String,
    /// Why they are not there: `no software RAID on this host`.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Without tag: `prom/prometheus`.
    pub repository: String,
    pub tag: String,
}

impl Image {
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// The `job` label; all instances of a component share it.
    pub job: String,
    pub port: u16,
    #[serde(default = "metrics_path")]
    pub path: String,
    /// The question whose answer is the `instance` label; absent: the service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Keeps labels that the metrics bring along (Pushgateway).
    #[serde(default)]
    pub honor_labels: bool,
    /// The metrics bring time stamps: what is gone from them then counts as gone at once, not five minutes later.
    #[serde(default)]
    pub own_timestamps: bool,
    /// A metric that is 1 while the exporter reaches what it watches: `pg_up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<String>,
    /// The metric and label that say why it is 0, where the log does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonMetric>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonMetric {
    /// A metric that is 1 while the exporter fails: `redis_exporter_last_scrape_error`.
    pub metric: String,
    /// Its label that holds the reason: `err`.
    pub label: String,
}

fn metrics_path() -> String {
    "/metrics".into()
}

/// One stack, `stacks/<stack>.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackManifest {
    pub name: String,
    pub title: String,
    pub description: String,
    /// Component names, each with the answers that differ from the component's defaults.
    pub components: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// One kind of alert receiver, an entry of `templates/alertmanager/receivers.yaml`.
///
/// Each question's `variable` is a key of Alertmanager's `<kind>_configs`; a `password` is written there
/// as `<variable>_file`, naming the file that holds the secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverKind {
    /// The spec's `type`: `slack`.
    pub name: String,
    pub title: String,
    pub description: String,
    pub questions: Vec<Question>,
}
