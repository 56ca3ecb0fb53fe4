//! What Prometheus says of a failed scrape, in plain words.

/// Kinds of failures, by what fixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Refused,
    NoHost,
    TimedOut,
    Login,
    NotFound,
    NotMetrics,
    Tls,
    Other,
}

pub struct Words {
    pub kind: Cause,
    pub words: String,
}

/// Parts of Go's and Prometheus's messages, lowercase, the most telling first.
const KNOWN: [(&str, Cause); 22] = [
    ("server misbehaving", Cause::NoHost),
    ("no such host", Cause::NoHost),
    ("connection refused", Cause::Refused),
    ("status 401", Cause::Login),
    ("status 403", Cause::Login),
    ("status 404", Cause::NotFound),
    ("x509:", Cause::Tls),
    ("tls:", Cause::Tls),
    ("http response to https client", Cause::Tls),
    ("malformed http response \"\\x15\\x03", Cause::Tls),
    ("malformed http", Cause::NotMetrics),
    ("context deadline exceeded", Cause::TimedOut),
    ("i/o timeout", Cause::TimedOut),
    ("client.timeout", Cause::TimedOut),
    ("content-type", Cause::NotMetrics),
    ("expected a valid start token", Cause::NotMetrics),
    ("unexpected end of input", Cause::NotMetrics),
    ("expected label name", Cause::NotMetrics),
    ("expected value after metric", Cause::NotMetrics),
    ("expected equal", Cause::NotMetrics),
    ("invalid metric type", Cause::NotMetrics),
    ("strconv.parsefloat", Cause::NotMetrics),
];

/// `error` is a target's `lastError`.
pub fn cause(error: &str, host: &str, port: u16, timeout: &str) -> Words {
    let lower = error.to_lowercase();
    let kind = KNOWN.iter().find(|(part, _)| lower.contains(part)).map_or(Cause::Other, |(_, kind)| *kind);
    let words = match kind {
        Cause::Refused => format!("connection refused: nothing listens on {host}:{port}"),
        Cause::NoHost => format!("DNS: no host is called `{host}`"),
        Cause::TimedOut => format!("no answer within {timeout}"),
        Cause::Login => {
            let status = if lower.contains("403") { 403 } else { 401 };
            format!("it answers {status}: it wants a login")
        }
        Cause::NotFound => "it answers 404: nothing is under that path".into(),
        Cause::NotMetrics => "it answers, and not in Prometheus's format".into(),
        Cause::Tls => format!("TLS: {}", error.rsplit(": ").next().unwrap_or(error)),
        Cause::Other => error.to_owned(),
    };
    Words { kind, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: &str) -> Cause {
        cause(error, "shop", 8080, "10s").kind
    }

    /// Recorded from Prometheus 3.5.
    #[test]
    fn prometheus_says_it_in_go_and_we_say_it_in_words() {
        let lookup = r#"Get "http://shop:8080/metrics": dial tcp: lookup shop on 127.0.0.11:53: server misbehaving"#;
        assert_eq!(kind(lookup), Cause::NoHost);
        assert_eq!(
            kind(r#"Get "http://shop:8080/metrics": dial tcp 10.0.0.2:8080: connect: connection refused"#),
            Cause::Refused
        );
        assert_eq!(kind(r#"Get "http://shop:8080/metrics": context deadline exceeded"#), Cause::TimedOut);
        assert_eq!(kind("server returned HTTP status 401 Unauthorized"), Cause::Login);
        assert_eq!(kind("server returned HTTP status 404 Not Found"), Cause::NotFound);
        assert_eq!(kind(r#"expected a valid start token, got "<" ("INVALID") while parsing: "<""#), Cause::NotMetrics);
        assert_eq!(kind("http: server gave HTTP response to HTTPS client"), Cause::Tls);
        assert_eq!(kind("sample limit exceeded"), Cause::Other);
    }
}
