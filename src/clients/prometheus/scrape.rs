//! A scrape's address, and why it failed, from Prometheus's error text.

use super::Target;

/// Host and port of a scrape's URL.
pub fn address(url: &str) -> (&str, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let default = if scheme == "https" { 443 } else { 80 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    }
}

/// Kinds of failed scrapes, by what fixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrapeFailure {
    Refused,
    NoHost,
    TimedOut,
    /// A firewall that rejects, too.
    NoRoute,
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
const KNOWN: [(&str, ScrapeFailure); 24] = [
    ("server misbehaving", ScrapeFailure::NoHost),
    ("no such host", ScrapeFailure::NoHost),
    ("connection refused", ScrapeFailure::Refused),
    ("no route to host", ScrapeFailure::NoRoute),
    ("network is unreachable", ScrapeFailure::NoRoute),
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

impl Target {
    pub fn address(&self) -> (&str, u16) {
        address(&self.scrape_url)
    }

    /// Why its last scrape failed.
    pub fn failure(&self) -> ScrapeError {
        let (host, port) = self.address();
        explain(&self.last_error, host, port, &self.scrape_timeout)
    }
}

/// `error` is a target's `lastError`.
fn explain(error: &str, host: &str, port: u16, timeout: &str) -> ScrapeError {
    let lower = error.to_lowercase();
    let known = KNOWN.iter().find(|(part, _)| lower.contains(part));
    let failure = known.map_or(ScrapeFailure::Other, |(_, failure)| *failure);
    let words = match failure {
        ScrapeFailure::Refused => format!("connection refused: nothing listens on {host}:{port}"),
        ScrapeFailure::NoHost => format!("DNS: the host `{host}` does not exist"),
        ScrapeFailure::TimedOut => format!("no answer within {timeout}"),
        ScrapeFailure::NoRoute => format!("the host {host} is unreachable"),
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

    #[test]
    fn a_scrape_url_is_split_into_host_and_port() {
        assert_eq!(address("http://node-exporter:9100/metrics"), ("node-exporter", 9100));
        assert_eq!(address("https://shop.example.com/metrics?x=1"), ("shop.example.com", 443));
        assert_eq!(address("http://[::1]/metrics"), ("[::1]", 80));
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
