//! Why a scrape failed, from Prometheus's error text.

/// Kinds of failed scrapes, by what fixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrapeFailure {
    Refused,
    NoHost,
    TimedOut,
    Login,
    NotFound,
    NotMetrics,
    Tls,
    Other,
}

pub struct ScrapeError {
    pub failure: ScrapeFailure,
    /// In plain words.
    pub words: String,
}

/// Parts of Go's and Prometheus's messages, lowercase, the most telling first.
const KNOWN: [(&str, ScrapeFailure); 22] = [
    ("server misbehaving", ScrapeFailure::NoHost),
    ("no such host", ScrapeFailure::NoHost),
    ("connection refused", ScrapeFailure::Refused),
    ("status 401", ScrapeFailure::Login),
    ("status 403", ScrapeFailure::Login),
    ("status 404", ScrapeFailure::NotFound),
    ("x509:", ScrapeFailure::Tls),
    ("tls:", ScrapeFailure::Tls),
    ("http response to https client", ScrapeFailure::Tls),
    ("malformed http response \"\\x15\\x03", ScrapeFailure::Tls),
    ("malformed http", ScrapeFailure::NotMetrics),
    ("context deadline exceeded", ScrapeFailure::TimedOut),
    ("i/o timeout", ScrapeFailure::TimedOut),
    ("client.timeout", ScrapeFailure::TimedOut),
    ("content-type", ScrapeFailure::NotMetrics),
    ("expected a valid start token", ScrapeFailure::NotMetrics),
    ("unexpected end of input", ScrapeFailure::NotMetrics),
    ("expected label name", ScrapeFailure::NotMetrics),
    ("expected value after metric", ScrapeFailure::NotMetrics),
    ("expected equal", ScrapeFailure::NotMetrics),
    ("invalid metric type", ScrapeFailure::NotMetrics),
    ("strconv.parsefloat", ScrapeFailure::NotMetrics),
];

/// `error` is a target's `lastError`.
pub fn explain(error: &str, host: &str, port: u16, timeout: &str) -> ScrapeError {
    let lower = error.to_lowercase();
    let known = KNOWN.iter().find(|(part, _)| lower.contains(part));
    let failure = known.map_or(ScrapeFailure::Other, |(_, failure)| *failure);
    let words = match failure {
        ScrapeFailure::Refused => format!("connection refused: nothing listens on {host}:{port}"),
        ScrapeFailure::NoHost => format!("DNS: the host `{host}` does not exist"),
        ScrapeFailure::TimedOut => format!("no answer within {timeout}"),
        ScrapeFailure::Login => {
            let status = if lower.contains("403") { 403 } else { 401 };
            format!("the target answers {status} and requires a login")
        }
        ScrapeFailure::NotFound => "the target answers 404: it has no such path".into(),
        ScrapeFailure::NotMetrics => "its answer is not in Prometheus's format".into(),
        ScrapeFailure::Tls => format!("TLS: {}", error.rsplit(": ").next().unwrap_or(error)),
        ScrapeFailure::Other => error.to_owned(),
    };
    ScrapeError { failure, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error: &str) -> ScrapeFailure {
        explain(error, "shop", 8080, "10s").failure
    }

    /// Recorded from Prometheus 3.5.
    #[test]
    fn every_error_of_go_is_put_into_its_kind() {
        let lookup = r#"Get "http://shop:8080/metrics": dial tcp: lookup shop on 127.0.0.11:53: server misbehaving"#;
        assert_eq!(failure(lookup), ScrapeFailure::NoHost);
        assert_eq!(
            failure(r#"Get "http://shop:8080/metrics": dial tcp 10.0.0.2:8080: connect: connection refused"#),
            ScrapeFailure::Refused
        );
        assert_eq!(failure(r#"Get "http://shop:8080/metrics": context deadline exceeded"#), ScrapeFailure::TimedOut);
        assert_eq!(failure("server returned HTTP status 401 Unauthorized"), ScrapeFailure::Login);
        assert_eq!(failure("server returned HTTP status 404 Not Found"), ScrapeFailure::NotFound);
        assert_eq!(
            failure(r#"expected a valid start token, got "<" ("INVALID") while parsing: "<""#),
            ScrapeFailure::NotMetrics
        );
        assert_eq!(failure("http: server gave HTTP response to HTTPS client"), ScrapeFailure::Tls);
        assert_eq!(failure("sample limit exceeded"), ScrapeFailure::Other);
    }
}
