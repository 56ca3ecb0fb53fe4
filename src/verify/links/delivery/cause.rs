//! Why a receiver did not take a message, in words, and what fixes it.

use regex_lite::Regex;
use serde_json::Value;

use crate::routing::Integration;

/// Why, and what fixes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `answers 401 Unauthorized`
    pub what: String,
    pub why: Vec<String>,
    pub fix: String,
}

/// Settings that hold where a message goes and who sends it, by kind: (address, login).
const SETTINGS: [(&str, &str, &str); 10] = [
    ("webhook", "url", "url"),
    ("slack", "api_url", "api_url"),
    ("discord", "webhook_url", "webhook_url"),
    ("msteamsv2", "webhook_url", "webhook_url"),
    ("mattermost", "webhook_url", "webhook_url"),
    ("email", "smarthost", "auth_password"),
    ("pagerduty", "url", "routing_key"),
    ("telegram", "api_url", "bot_token"),
    ("opsgenie", "api_url", "api_key"),
    ("pushover", "api_url", "token"),
];

/// A receiver's integration as it was deployed: where secrets come from is in it, they themselves are not.
pub struct Subject<'a> {
    pub receiver: &'a str,
    pub kind: &'a str,
    pub integration: Option<&'a Integration>,
}

impl Subject<'_> {
    fn keys(&self) -> (&str, &str) {
        let found = SETTINGS.iter().find(|(kind, _, _)| *kind == self.kind);
        found.map_or(("url", "url"), |(_, address, login)| (address, login))
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.integration?.settings.get(key).and_then(Value::as_str)
    }

    /// `` `api_url` (the secret `slack_url`) ``
    fn named(&self, key: &str) -> String {
        let file = self.setting(&format!("{key}_file")).filter(|path| !path.is_empty());
        match file.and_then(|path| path.rsplit('/').next()) {
            Some(secret) => format!("`{key}` (the secret `{secret}`)"),
            None => format!("`{key}`"),
        }
    }

    /// Host and port that it speaks with, where the configuration shows them.
    pub fn address(&self) -> Option<(String, u16)> {
        let value = self.setting(self.keys().0).filter(|value| *value != "<secret>")?;
        let (rest, port) = match value.split_once("://") {
            Some(("https", rest)) => (rest, 443),
            Some((_, rest)) => (rest, 80),
            None => (value, 25),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
            None => Some((authority.to_owned(), port)),
        }
    }

    fn correct(&self, settings: &str) -> String {
        format!("correct {settings} of the receiver `{}` in watchpost.yaml, then: watchpost up", self.receiver)
    }

    fn again(&self) -> String {
        format!("watchpost alerts test {}", self.receiver)
    }

    fn place(&self) -> String {
        self.address().map_or_else(|| "its address".into(), |(host, port)| format!("{host}:{port}"))
    }
}

/// From what Alertmanager said of an attempt.
pub fn explain(subject: &Subject<'_>, said: &str) -> Cause {
    let (address, login) = (subject.named(subject.keys().0), subject.named(subject.keys().1));
    let lower = said.to_lowercase();
    let cause = |what: String, fix: String| Cause { what, why: vec![format!("Alertmanager: {said}")], fix };
    if let Some((code, body)) = status(said) {
        return answered(subject, code, &body, said);
    }
    if lower.contains("connection refused") {
        let place = refused_at(said).unwrap_or_else(|| subject.place());
        let fix = format!("start what listens at {place}, or {}", subject.correct(&address));
        return cause(format!("refuses the connection: nothing listens at {place}"), fix);
    }
    if lower.contains("no such host") || lower.contains("server misbehaving") {
        let host = subject.address().map_or_else(|| "its host".into(), |(host, _)| format!("the host `{host}`"));
        return cause(format!("cannot be found: {host} has no address"), subject.correct(&address));
    }
    if subject.kind == "email" {
        return smtp(subject, said);
    }
    if lower.contains("x509") || lower.contains("tls:") || lower.contains("certificate") {
        let fix = format!("put a valid certificate on {}, or {}", subject.place(), subject.correct(&address));
        return cause("has a certificate that Alertmanager does not trust".into(), fix);
    }
    if lower.contains("server gave http response to https client") {
        return cause("speaks HTTP, not HTTPS".into(), subject.correct(&address));
    }
    if lower.contains("no such file") || lower.contains("permission denied") {
        return cause("has a secret that Alertmanager cannot read".into(), "watchpost up".into());
    }
    if ["no route to host", "unreachable", "i/o timeout"].iter().any(|text| lower.contains(text)) {
        let fix = format!("open the way from the Docker host to {}, or {}", subject.place(), subject.correct(&address));
        return cause(format!("cannot be reached at {}", subject.place()), fix);
    }
    let both = if address == login { login } else { format!("{address} and {login}") };
    cause("does not take the message".into(), subject.correct(&both))
}

fn status(said: &str) -> Option<(u16, String)> {
    let shape = Regex::new(r"(?i)(?:unexpected|unhandled|bad|invalid)? ?status code:? (\d{3})[:,;]?\s*(.*)$").ok()?;
    let found = shape.captures(said)?;
    Some((found[1].parse().ok()?, found[2].trim().to_owned()))
}

/// `dial tcp 172.21.0.1:18098: connect: ...`
fn refused_at(said: &str) -> Option<String> {
    let shape = Regex::new(r"dial tcp (\[[^\]]+\]:\d+|[^\s:]+:\d+)").ok()?;
    Some(shape.captures(said)?[1].to_owned())
}

fn answered(subject: &Subject<'_>, code: u16, body: &str, said: &str) -> Cause {
    let (address, login) = (subject.named(subject.keys().0), subject.named(subject.keys().1));
    let words = match code {
        400 => " Bad Request",
        401 => " Unauthorized",
        403 => " Forbidden",
        404 => " Not Found",
        405 => " Method Not Allowed",
        410 => " Gone",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    };
    let fix = match code {
        401 | 403 => subject.correct(&login),
        429 => format!("wait until it takes messages again, then: {}", subject.again()),
        500.. => format!("look into the log of what answers at {}; then: {}", subject.place(), subject.again()),
        _ if address == login => subject.correct(&address),
        _ => subject.correct(&format!("{address} and {login}")),
    };
    let why = if body.is_empty() { said.to_owned() } else { format!("it says: {body}") };
    Cause { what: format!("answers {code}{words}"), why: vec![why], fix }
}

fn smtp(subject: &Subject<'_>, said: &str) -> Cause {
    let lower = said.to_lowercase();
    let cause = |what: &str, fix: String| Cause { what: what.into(), why: vec![format!("Alertmanager: {said}")], fix };
    let (user, password) = ("`auth_username`", subject.named("auth_password"));
    if lower.contains("unencrypted connection") {
        let fix = subject.correct("`smarthost` (the port for TLS, mostly 587 or 465)");
        return cause("offers no encryption, and a password is not sent in the clear", fix);
    }
    if lower.contains("starttls") {
        let fix = subject.correct("`smarthost` (the port for TLS), or `require_tls: false`,");
        return cause("offers no encryption (STARTTLS)", fix);
    }
    if lower.contains("auth") || Regex::new(r"\b5(30|34|35|38)\b").is_ok_and(|code| code.is_match(said)) {
        return cause("refuses the login", subject.correct(&format!("{user} and {password}")));
    }
    if lower.contains("x509") || lower.contains("tls") {
        return cause("does not agree with Alertmanager on TLS", subject.correct("`smarthost`"));
    }
    if Regex::new(r"\b(55[0-4]|45[0-4])\b").is_ok_and(|code| code.is_match(said)) {
        return cause("refuses the message", subject.correct("`to` and `from`"));
    }
    cause("does not take the message", subject.correct("`smarthost`"))
}

/// It was sent, and no answer came within `seconds`. `connected`: does a connection stand; `None`: that could not be told.
pub fn unanswered(subject: &Subject<'_>, seconds: u64, connected: Option<bool>) -> Cause {
    let address = subject.named(subject.keys().0);
    let (what, why, fix) = match connected {
        Some(true) => (
            format!("took the connection and has not answered for {seconds} s"),
            "whatever listens there hangs, or is no such receiver",
            format!("restart what listens at {}, or {}", subject.place(), subject.correct(&address)),
        ),
        Some(false) => (
            format!("does not take the connection: no answer from {} for {seconds} s", subject.place()),
            "the address leads nowhere, or a firewall drops what is sent to it",
            format!("open the way from the Docker host to {}, or {}", subject.place(), subject.correct(&address)),
        ),
        None => (
            format!("has not answered for {seconds} s"),
            "it hangs, or cannot be reached",
            format!("look at what listens at {}, or {}", subject.place(), subject.correct(&address)),
        ),
    };
    Cause { what, why: vec![why.into()], fix }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cause(kind: &str, settings: Value, said: &str) -> String {
        let integration = Integration { kind: kind.into(), send_resolved: true, settings };
        let subject = Subject { receiver: "oncall", kind, integration: Some(&integration) };
        let cause = explain(&subject, said);
        format!("{} | {} | {}", cause.what, cause.why.join("; "), cause.fix)
    }

    #[test]
    fn each_refusal_is_named_with_what_fixes_it() {
        let hook = json!({"url": "http://hook.example.com:8080/x"});
        let slack = json!({"api_url_file": "/run/secrets/slack_url"});
        let mail = json!({"smarthost": "mail.example.com:587", "auth_password_file": "/run/secrets/mail"});
        let text = [
            cause("webhook", hook.clone(), "unexpected status code 401: no"),
            cause("slack", slack, "channel \"#x\": unexpected status code 404: no_team"),
            cause("webhook", hook.clone(), "unexpected status code 500"),
            cause("webhook", hook.clone(), "dial tcp 10.0.0.1:8080: connect: connection refused"),
            cause("webhook", hook.clone(), "dial tcp: lookup hook.example.com on 127.0.0.11:53: no such host"),
            cause("webhook", hook, "something new"),
            cause("email", mail.clone(), "*smtp.loginAuth auth: 535 5.7.8 authentication failed"),
            cause(
                "email",
                mail.clone(),
                "'require_tls' is true (default) but \"mail:25\" does not advertise the STARTTLS extension",
            ),
            cause("email", mail, "establish connection to server: dial tcp 10.0.0.2:587: connect: connection refused"),
        ]
        .join("\n");
        insta::assert_snapshot!(text, @r#"
        answers 401 Unauthorized | it says: no | correct `url` of the receiver `oncall` in watchpost.yaml, then: watchpost up
        answers 404 Not Found | it says: no_team | correct `api_url` (the secret `slack_url`) of the receiver `oncall` in watchpost.yaml, then: watchpost up
        answers 500 Internal Server Error | unexpected status code 500 | look into the log of what answers at hook.example.com:8080; then: watchpost alerts test oncall
        refuses the connection: nothing listens at 10.0.0.1:8080 | Alertmanager: dial tcp 10.0.0.1:8080: connect: connection refused | start what listens at 10.0.0.1:8080, or correct `url` of the receiver `oncall` in watchpost.yaml, then: watchpost up
        cannot be found: the host `hook.example.com` has no address | Alertmanager: dial tcp: lookup hook.example.com on 127.0.0.11:53: no such host | correct `url` of the receiver `oncall` in watchpost.yaml, then: watchpost up
        does not take the message | Alertmanager: something new | correct `url` of the receiver `oncall` in watchpost.yaml, then: watchpost up
        refuses the login | Alertmanager: *smtp.loginAuth auth: 535 5.7.8 authentication failed | correct `auth_username` and `auth_password` (the secret `mail`) of the receiver `oncall` in watchpost.yaml, then: watchpost up
        offers no encryption (STARTTLS) | Alertmanager: 'require_tls' is true (default) but "mail:25" does not advertise the STARTTLS extension | correct `smarthost` (the port for TLS), or `require_tls: false`, of the receiver `oncall` in watchpost.yaml, then: watchpost up
        refuses the connection: nothing listens at 10.0.0.2:587 | Alertmanager: establish connection to server: dial tcp 10.0.0.2:587: connect: connection refused | start what listens at 10.0.0.2:587, or correct `smarthost` of the receiver `oncall` in watchpost.yaml, then: watchpost up
        "#);
    }
}
