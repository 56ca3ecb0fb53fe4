//! The spec as typed data. Every value that later checks may refuse keeps its place in the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::alerting::Alerting;
use crate::yaml::Node;

/// The name a spec gets when it names none.
pub const DEFAULT_NAME: &str = "monitoring";
/// The stack a spec gets when it names none.
pub const DEFAULT_STACK: &str = "standard";

/// What `watchpost.yaml` says, shape checked; `components` awaits the catalog.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The Compose project.
    pub name: String,
    pub stack: String,
    /// `ssh://`, `tcp://` or `unix://`; left out: what the environment says.
    pub host: Option<String>,
    /// Name or IP address under which people reach the Docker host: links in messages lead there.
    pub address: Option<String>,
    /// A folder that adds or replaces components.
    pub catalog: Option<String>,
    pub components: BTreeMap<String, Selection>,
    pub secrets: BTreeMap<String, SecretSource>,
    pub alerting: Alerting,
    pub targets: Vec<Target>,
    pub probes: Vec<ProbeTarget>,
    /// Folders of the user's own dashboards and rules, relative to the spec.
    pub dashboards: Vec<String>,
    pub rules: Vec<String>,
    /// Findings that are known and lived with.
    pub accept: Vec<Accept>,
    /// The file as read, for errors that come later; `None` for a spec made from flags.
    pub source: Option<Node>,
}

impl Spec {
    /// The value under a key of the file, to point into.
    pub fn node(&self, key: &str) -> Option<&Node> {
        self.source.as_ref()?.get(key)
    }
}

/// What the spec says about one component.
#[derive(Debug, Clone)]
pub enum Selection {
    /// `cadvisor: false`
    Off,
    /// `redis-exporter: true` or a mapping of answers; one instance named like the component.
    One(Answers),
    /// A list of mappings, each with a `name`.
    Many(Vec<(String, Answers)>),
}

/// Raw answers by variable, each with its place; not yet held against the questions.
pub type Answers = BTreeMap<String, Node>;

/// Where a secret's value comes from. The value itself is never in the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A variable of the environment `watchpost` runs in.
    Env(String),
    /// A file, relative to the spec.
    File(String),
    /// A program and its arguments; its output without the last newline.
    Command(Vec<String>),
    /// Made on the first deploy, this many characters, then kept on the host.
    Generate(usize),
}

/// `{secret: NAME}`, wherever the spec wants a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    pub secret: String,
}

/// Static targets of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub job: String,
    /// `host:port`
    #[serde(rename = "static")]
    pub addresses: Vec<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
}

/// A URL that the blackbox exporter probes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeTarget {
    pub url: String,
    #[serde(default = "default_module")]
    pub module: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
}

/// Broken findings that count as accepted. Every part that is given must match; `*` in it stands for any text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// The link of the proof.
    pub link: String,
    /// What `verify` calls it: `postgres/orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    pub because: String,
    /// The last day on which it counts: `2026-12-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Where it is written: `watchpost.yaml, line 61`.
    #[serde(skip)]
    pub place: String,
}

fn default_module() -> String {
    "http_2xx".into()
}
