//! A component's typed parameter, in the schema of Rancher's catalogs.

use serde::{Deserialize, Serialize};

/// One question. Field names are Rancher's (`questions` of `rancher-compose.yml` and `questions.yaml`);
/// `example`, `warn_below`, `secret`, `json_key`, `pgpass`, `or_secret` and `advanced` are ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub variable: String,
    pub label: String,
    #[serde(default)]
    pub description: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// An answer such as people give; the catalog's checks render with it where there is no default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<serde_json::Value>,
    #[serde(default)]
    pub required: bool,
    /// For `enum`: the values to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// For `size`: a smaller answer is accepted with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_below: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// A regular expression that the whole value must match (Rancher's `valid_chars`, as its users write it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_chars: Option<String>,
    /// A regular expression that must match nowhere in the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_chars: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `a=b`, several joined by `&&`: asked, and allowed, only when these other answers hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_if: Option<String>,
    /// Of a `password`: the secret it is when the spec names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<DefaultSecret>,
    /// Of a `password`: the file is a JSON object that holds the value under this key, a template of answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_key: Option<String>,
    /// Of a `password`: the file is one that PostgreSQL's clients read, `PGPASSFILE`, and holds the value for any server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pgpass: bool,
    /// Of a `string` of a receiver: it may be `{secret: NAME}` as well, where the text itself lets people in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub or_secret: bool,
    /// Asked only of those who want details.
    #[serde(default)]
    pub advanced: bool,
}

impl Question {
    /// Is its file made from the secret, and not the secret itself?
    pub fn is_derived(&self) -> bool {
        self.json_key.is_some() || self.pgpass
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    String,
    Multiline,
    Int,
    Boolean,
    Enum,
    /// Never a literal value: `{secret: NAME}`; templates see the path of the file that holds it.
    Password,
    /// Prometheus's notation, `15s` or `1h30m`.
    Duration,
    /// Bytes with a unit, `512MB`.
    Size,
    /// A list of texts.
    List,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultSecret {
    pub name: String,
    /// Generated on the first deploy with this many characters, then kept on the host.
    pub generate: usize,
}
