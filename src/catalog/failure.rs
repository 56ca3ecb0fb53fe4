//! What an exporter says when it does not reach what it watches: data of its manifest.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

/// One of an exporter's usual failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// A regular expression that matches within the reason: the `err` of a line of its log, or its reason metric.
    pub pattern: String,
    /// What went wrong, in words; `{name}` is what the pattern's group of that name matched.
    pub means: String,
    pub fix: FailureFix,
    /// What to do, for `setting` and `server`; may name groups as `means` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// Recorded from the exporter: whole lines of its log, or texts of its reason metric.
    pub examples: Vec<String>,
}

/// What fixes a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureFix {
    /// The password that the exporter reads.
    Secret,
    /// The address; or the server is not there, or not on a network of the exporter's.
    Address,
    /// Another answer, as `how` says.
    Setting,
    /// Something on the server, as `how` says.
    Server,
}

/// A failure as it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub means: String,
    pub fix: FailureFix,
    pub how: String,
    /// The host that the pattern's group `host` matched.
    pub host: Option<String>,
}

impl Failure {
    pub fn explain(&self, reason: &str) -> Option<Explained> {
        let pattern = Regex::new(&self.pattern).ok()?;
        let found = pattern.captures(reason)?;
        let fill = |text: &str| {
            let mut text = text.to_owned();
            for name in pattern.capture_names().flatten() {
                let value = found.name(name).map_or("", |value| value.as_str());
                text = text.replace(&format!("{{{name}}}"), value);
            }
            text
        };
        Some(Explained {
            means: fill(&self.means),
            fix: self.fix,
            how: self.how.as_deref().map(fill).unwrap_or_default(),
            host: found.name("host").map(|host| host.as_str().to_owned()),
        })
    }
}

/// The first of the failures that explains one of the reasons, which stand the latest first.
pub fn explain(failures: &[Failure], reasons: impl IntoIterator<Item = String>) -> Option<(Explained, String)> {
    reasons.into_iter().find_map(|reason| {
        let explained = failures.iter().find_map(|failure| failure.explain(&reason))?;
        Some((explained, reason))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(pattern: &str, means: &str) -> Failure {
        let fix = FailureFix::Server;
        Failure {
            pattern: pattern.into(),
            means: means.into(),
            fix,
            how: Some("ask {host}".into()),
            examples: Vec::new(),
        }
    }

    #[test]
    fn groups_of_the_pattern_are_named_in_the_words() {
        let host = failure(r"lookup (?P<host>\S+) on", "the host `{host}` does not exist; {other}");
        let found = host.explain("dial tcp: lookup db on 127.0.0.11:53: no such host").expect("explained");
        assert_eq!((found.means.as_str(), found.how.as_str()), ("the host `db` does not exist; {other}", "ask db"));
        assert_eq!(found.host.as_deref(), Some("db"));
        assert_eq!(host.explain("connection refused"), None);
    }

    #[test]
    fn the_latest_reason_that_is_known_counts() {
        let failures = [failure("refused", "refused"), failure("denied", "denied")];
        let reasons = ["closed", "denied", "refused"].map(str::to_owned);
        assert_eq!(
            explain(&failures, reasons).map(|(found, reason)| (found.means, reason)),
            Some(("denied".into(), "denied".into()))
        );
        assert_eq!(explain(&failures, ["closed".to_owned()]), None);
    }
}
