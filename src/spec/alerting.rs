//! Where alerts go: receivers and routes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::types::Answers;
use crate::yaml::Node;

/// The receiver of alerts that go to nobody; always there, and no receiver of the spec is named like it.
pub const NOBODY: &str = "nobody";

#[derive(Debug, Clone, Default)]
pub struct Alerting {
    pub receivers: Vec<Receiver>,
    pub routes: Vec<Route>,
}

/// One way to reach people. Which settings a kind has is data: `ReceiverKind` in the catalog.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub name: String,
    /// `slack`, `email`, ...: the `type` key.
    pub kind: String,
    /// All other keys, not yet held against the kind's questions.
    pub settings: Answers,
    /// The receiver's mapping in the file, for errors; `None` when made by the wizard.
    pub node: Option<Node>,
}

/// The first route that matches takes the alert; with `continue` the next ones see it too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Label equals value; empty: everything.
    #[serde(default, rename = "match")]
    pub matches: BTreeMap<String, String>,
    /// A receiver's name.
    pub to: String,
    #[serde(default, rename = "continue")]
    pub continues: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_wait: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_interval: Option<String>,
}

impl Route {
    /// Asks by name for an alert that is news to nobody else; such a route comes before all others.
    pub fn asks_for_a_quiet_one(&self) -> bool {
        self.matches.get("alertname").is_some_and(|name| matches!(name.as_str(), "Watchdog" | "InfoInhibitor"))
    }
}
