//! Alertmanager's log lines about its attempts to notify.

use regex_lite::Regex;

use crate::clients::exposition::unquoted;

/// One attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    pub receiver: String,
    /// `webhook`
    pub kind: String,
    /// The group of alerts that it was about, with the labels that make it one.
    pub group: String,
    /// Does Alertmanager give up, or will it try again?
    pub gives_up: bool,
    /// In Alertmanager's words; addresses are cut after the host.
    pub error: String,
}

/// `None` for a line about something else.
pub fn parse(line: &str) -> Option<FailedAttempt> {
    let field = |name: &str| field(line, name);
    let group = field("aggrGroup")?;
    match field("msg")?.as_str() {
        "Notify attempt failed, will retry later" => {
            let integration = field("integration")?;
            let kind = integration.split('[').next().unwrap_or_default().to_owned();
            let (receiver, error) = (field("receiver")?, redacted(&field("err")?));
            Some(FailedAttempt { receiver, kind, group, gives_up: false, error })
        }
        "Notify for alerts failed" => {
            let error = field("err")?;
            let shape = r"(?s)^(.*?)/([a-z0-9]+)\[\d+\]: notify retry canceled (?:due to unrecoverable error )?after \d+ attempts: (.*)$";
            let parts = Regex::new(shape).ok()?;
            let found = parts.captures(&error)?;
            let (receiver, kind, error) = (found[1].to_owned(), found[2].to_owned(), redacted(&found[3]));
            Some(FailedAttempt { receiver, kind, group, gives_up: true, error })
        }
        _ => None,
    }
}

/// A field of a line in logfmt.
fn field(line: &str, name: &str) -> Option<String> {
    let at = line
        .match_indices(name)
        .map(|(at, _)| at)
        .find(|at| line[at + name.len()..].starts_with('=') && (*at == 0 || line[..*at].ends_with(' ')))?;
    let value = &line[at + name.len() + 1..];
    match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted).map(|(text, _)| text),
        None => Some(value.split(' ').next().unwrap_or_default().to_owned()),
    }
}

/// One line, in which no address shows more than its host: the rest of a webhook's address is often its secret.
fn redacted(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Ok(address) = Regex::new(r#"(https?://)(?:[^/\s"@]*@)?([^/\s"?#]*)[^\s"]*"#) else { return String::new() };
    address.replace_all(&text, "$1$2/…").replace("Post \"<redacted>\": ", "").replace("Post \"http", "\"http")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_failure_are_read_and_other_lines_are_not() {
        let retry = r#"time=2026-11-25T08:44:16.086Z level=WARN source=retry_stage.go:163 msg="Notify attempt failed, will retry later" component=dispatcher receiver=refused integration=webhook[0] aggrGroup="{}/{r=\"refused\"}:{alertname=\"WatchpostTest\"}" attempts=1 err="Post \"<redacted>\": dial tcp 172.21.0.1:18098: connect: connection refused""#;
        let attempt = parse(retry).expect("an attempt");
        assert_eq!((attempt.receiver.as_str(), attempt.kind.as_str(), attempt.gives_up), ("refused", "webhook", false));
        assert_eq!(attempt.error, "dial tcp 172.21.0.1:18098: connect: connection refused");
        assert!(attempt.group.ends_with(":{alertname=\"WatchpostTest\"}"));
        let fatal = r##"time=x level=ERROR source=dispatch.go:580 msg="Notify for alerts failed" component=dispatcher aggrGroup="{}:{}" num_alerts=1 err="my team/slack[0]: notify retry canceled due to unrecoverable error after 1 attempts: channel \"#x\": unexpected status code 404: no\n""##;
        let attempt = parse(fatal).expect("an attempt");
        assert_eq!((attempt.receiver.as_str(), attempt.kind.as_str(), attempt.gives_up), ("my team", "slack", true));
        assert_eq!(attempt.error, "channel \"#x\": unexpected status code 404: no");
        assert_eq!(parse("level=INFO msg=\"Listening on\" address=[::]:9093"), None);
    }

    #[test]
    fn an_address_shows_no_more_than_its_host() {
        let error =
            redacted("Post \"https://me:pw@hooks.example.com/services/T0/B0/s3cret?x=y\": context deadline exceeded");
        assert_eq!(error, "\"https://hooks.example.com/…\": context deadline exceeded");
    }
}
