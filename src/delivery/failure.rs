//! Why a message was not delivered, in words, and what fixes it.

use regex_lite::Regex;
use serde_json::Value;

use crate::delivery::tracker::Connection;
use crate::fix::Fix;
use crate::routing::Integration;

/// What failed, why, and what fixes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// `answers 401 Unauthorized`
    pub what: String,
    pub why: Vec<String>,
    pub fix: Fix,
}

/// The receiver of a message that was not delivered.
pub struct FailedReceiver<'a> {
    pub receiver: &'a str,
    /// `webhook`
    pub kind: &'a str,
    /// Its deployed settings. A secret is named there by its file, `api_url_file`, and its value is not in them.
    pub integration: Option<&'a Integration>,
}

impl FailedReceiver<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.integration?.settings.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let settings = self.integration.and_then(|integration| integration.settings.as_object());
        settings.into_iter().flatten().map(|(key, _)| key.strip_suffix("_file").unwrap_or(key))
    }

    /// The setting that says where messages go, if this receiver has one.
    fn address_key(&self) -> Option<&str> {
        self.keys().find(|key| *key == "url" || key.ends_with("_url") || *key == "smarthost")
    }

    /// The setting that says who sends them: the one that is a secret.
    fn login_key(&self) -> Option<&str> {
        let keys = self.keys();
        let mut secret = keys.filter(|key| self.text(&format!("{key}_file")).is_some());
        secret.next()
    }

    /// `` `api_url` (the secret `slack_url`) ``
    fn setting(&self, key: &str) -> String {
        let file = self.text(&format!("{key}_file"));
        match file.and_then(|path| path.rsplit('/').next()) {
            Some(secret) => format!("`{key}` (the secret `{secret}`)"),
            None => format!("`{key}`"),
        }
    }

    /// All settings that say where messages go and who sends them.
    fn settings(&self) -> String {
        let mut keys: Vec<&str> = self.address_key().into_iter().chain(self.login_key()).collect();
        keys.dedup();
        match keys.iter().map(|key| self.setting(key)).collect::<Vec<_>>().join(" and ") {
            none if none.is_empty() => "the settings".into(),
            settings => settings,
        }
    }

    fn login_setting(&self) -> String {
        self.login_key().map_or_else(|| self.settings(), |key| self.setting(key))
    }

    /// Host and port that messages go to, where the configuration shows them.
    pub fn address(&self) -> Option<(String, u16)> {
        let value = self.text(self.address_key()?).filter(|value| *value != "<secret>")?;
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

    fn place(&self) -> String {
        self.address().map_or_else(|| "its address".into(), |(host, port)| format!("{host}:{port}"))
    }

    fn correct(&self, settings: &str) -> Fix {
        let what = format!("correct {settings} of the receiver `{}`", self.receiver);
        Fix::spec("alerting.receivers", what).then(Fix::up())
    }

    /// `None` for a service with a fixed address, such as Telegram.
    fn correct_address(&self) -> Option<Fix> {
        Some(self.correct(&self.setting(self.address_key()?)))
    }

    fn or_correct_address(&self, fix: Fix) -> Fix {
        match self.correct_address() {
            Some(correct) => fix.or(correct),
            None => fix,
        }
    }

    /// What fixes the way to the receiver: `fix`, or another address where one is configured.
    fn fix_way(&self, fix: Fix) -> Fix {
        self.correct_address().map_or_else(reach_service, |correct| fix.or(correct))
    }

    fn test_again(&self) -> Fix {
        Fix::watchpost(["alerts", "test", self.receiver])
    }
}

fn reach_service() -> Fix {
    Fix::words("let the Docker host resolve and reach the service")
}

/// The failure behind Alertmanager's words for an attempt.
pub fn explain(receiver: &FailedReceiver<'_>, error: &str) -> DeliveryFailure {
    if let Some((code, body)) = http_status(error) {
        return refused(receiver, code, &body, error);
    }
    let lower = error.to_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let place = receiver.place();
    let (what, fix) = if says(&["connection refused"]) {
        let place = dialled(error).unwrap_or(place);
        let fix = receiver.fix_way(Fix::words(format!("start what listens at {place}")));
        (format!("refuses the connection: nothing listens at {place}"), fix)
    } else if says(&["no such host", "server misbehaving"]) {
        let host = receiver.address().map_or_else(|| "its host".into(), |(host, _)| format!("the host `{host}`"));
        (format!("cannot be found: {host} has no address"), receiver.correct_address().unwrap_or_else(reach_service))
    } else if receiver.kind == "email" {
        smtp(receiver, error)
    } else if says(&["x509", "tls:", "certificate"]) {
        let fix = receiver.or_correct_address(Fix::words(format!("install a valid certificate on {place}")));
        ("has a certificate that Alertmanager does not trust".into(), fix)
    } else if says(&["server gave http response to https client"]) {
        ("speaks HTTP, not HTTPS".into(), receiver.correct_address().unwrap_or_else(reach_service))
    } else if says(&["no such file", "permission denied"]) {
        ("has a secret that Alertmanager cannot read".into(), Fix::up())
    } else if says(&["no route to host", "unreachable", "i/o timeout"]) {
        (format!("is unreachable at {place}"), open_the_way(receiver))
    } else {
        ("rejects the message".into(), receiver.correct(&receiver.settings()))
    };
    DeliveryFailure { what, why: vec![format!("Alertmanager says: {error}")], fix }
}

fn open_the_way(receiver: &FailedReceiver<'_>) -> Fix {
    let open = format!("let the Docker host connect to {}", receiver.place());
    receiver.fix_way(Fix::words(open))
}

fn http_status(error: &str) -> Option<(u16, String)> {
    let shape = Regex::new(r"(?i)(?:unexpected|unhandled|bad|invalid)? ?status code:? (\d{3})[:,;]?\s*(.*)$").ok()?;
    let found = shape.captures(error)?;
    Some((found[1].parse().ok()?, found[2].trim().to_owned()))
}

/// `dial tcp 172.21.0.1:18098: connect: ...`
fn dialled(error: &str) -> Option<String> {
    let shape = Regex::new(r"dial tcp (\[[^\]]+\]:\d+|[^\s:]+:\d+)").ok()?;
    Some(shape.captures(error)?[1].to_owned())
}

fn refused(receiver: &FailedReceiver<'_>, code: u16, body: &str, error: &str) -> DeliveryFailure {
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
        401 | 403 => receiver.correct(&receiver.login_setting()),
        429 => Fix::words("wait until the receiver accepts messages again").then(receiver.test_again()),
        500.. => {
            let log = format!("read the log of the server at {}", receiver.place());
            Fix::words(log).then(receiver.test_again())
        }
        _ => receiver.correct(&receiver.settings()),
    };
    let why = if body.is_empty() { format!("Alertmanager says: {error}") } else { format!("the answer: {body}") };
    DeliveryFailure { what: format!("answers {code}{words}"), why: vec![why], fix }
}

fn smtp(receiver: &FailedReceiver<'_>, error: &str) -> (String, Fix) {
    let lower = error.to_lowercase();
    let coded = |codes: &str| Regex::new(codes).is_ok_and(|codes| codes.is_match(error));
    let (what, settings) = if lower.contains("unencrypted connection") {
        let settings = "`smarthost` (the port for TLS, mostly 587 or 465)";
        ("offers no encryption, so Alertmanager does not send the password", settings.to_owned())
    } else if ["x509", "tls:", "tls connection"].iter().any(|text| lower.contains(text)) {
        // Before STARTTLS, since the error of a certificate names the command too.
        ("does not agree with Alertmanager on TLS", "`smarthost`".to_owned())
    } else if lower.contains("starttls") {
        let plain = format!("set `require_tls: false` for the receiver `{}`", receiver.receiver);
        let plain = Fix::spec("alerting.receivers", plain).then(Fix::up());
        return (
            "offers no encryption (STARTTLS)".into(),
            receiver.correct("`smarthost` (the port for TLS)").or(plain),
        );
    } else if lower.contains("auth") || coded(r"\b5(30|34|35|38)\b") {
        ("rejects the login", format!("`auth_username` and {}", receiver.setting("auth_password")))
    } else if coded(r"\b(55[0-4]|45[0-4])\b") {
        ("rejects the message", "`to` and `from`".to_owned())
    } else {
        ("rejects the message", "`smarthost`".to_owned())
    };
    (what.to_owned(), receiver.correct(&settings))
}

/// The message was sent, and no answer came within `seconds`.
pub fn unanswered(receiver: &FailedReceiver<'_>, seconds: u64, connection: Connection) -> DeliveryFailure {
    let place = receiver.place();
    let (what, why, fix) = match connection {
        Connection::Established => (
            format!("accepted the connection but has not answered for {seconds} s"),
            "the server there hangs, or is not such a receiver",
            receiver.fix_way(Fix::words(format!("restart what listens at {place}"))),
        ),
        Connection::Pending => (
            format!("does not accept the connection: no answer from {place} for {seconds} s"),
            "nothing has this address, or a firewall drops the packets to it",
            open_the_way(receiver),
        ),
        Connection::Unknown => (
            format!("has not answered for {seconds} s"),
            "the receiver hangs or is unreachable",
            receiver.fix_way(Fix::words(format!("check what listens at {place}"))),
        ),
    };
    DeliveryFailure { what, why: vec![why.into()], fix }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;
    use crate::catalog::question::Kind;

    fn with<T>(kind: &str, settings: Value, check: impl FnOnce(&FailedReceiver<'_>) -> T) -> T {
        let integration = Integration { kind: kind.into(), send_resolved: true, settings };
        check(&FailedReceiver { receiver: "oncall", kind, integration: Some(&integration) })
    }

    fn line(failure: &DeliveryFailure) -> String {
        format!("{} | {} | {}", failure.what, failure.why.join("; "), failure.fix)
    }

    fn explained(kind: &str, settings: Value, error: &str) -> String {
        with(kind, settings, |receiver| line(&explain(receiver, error)))
    }

    #[test]
    fn each_refusal_is_named_with_what_fixes_it() {
        let hook = json!({"url": "http://hook.example.com:8080/x"});
        let slack = json!({"api_url_file": "/run/secrets/slack_url", "channel": "#x"});
        let pager = json!({"routing_key_file": "/run/secrets/pager"});
        let genie = json!({"api_key_file": "/run/secrets/genie", "api_url": "https://api.eu.opsgenie.com/"});
        let text = [
            explained("webhook", hook.clone(), "unexpected status code 401: no"),
            explained("slack", slack, "channel \"#x\": unexpected status code 404: no_team"),
            explained("pagerduty", pager, "unexpected status code 400: bad key"),
            explained("opsgenie", genie.clone(), "unexpected status code 403"),
            explained("opsgenie", genie, "unexpected status code 422: x"),
            explained("webhook", hook.clone(), "unexpected status code 500"),
            explained("webhook", hook.clone(), "unexpected status code 429: slow down"),
            explained("webhook", hook.clone(), "dial tcp 10.0.0.1:8080: connect: connection refused"),
            explained("webhook", hook.clone(), "dial tcp: lookup hook.example.com on 127.0.0.11:53: no such host"),
            explained("webhook", hook.clone(), "tls: failed to verify certificate: x509: unknown authority"),
            explained("webhook", hook.clone(), "http: server gave HTTP response to HTTPS client"),
            explained("webhook", hook.clone(), "open /run/secrets/x: no such file or directory"),
            explained("webhook", hook.clone(), "dial tcp 10.0.0.1:8080: i/o timeout"),
            explained("webhook", hook, "something new"),
            explained("webhook", Value::Null, "something new"),
        ];
        insta::assert_snapshot!(text.join("\n"), @r"
        answers 401 Unauthorized | the answer: no | in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        answers 404 Not Found | the answer: no_team | in watchpost.yaml under `alerting.receivers`: correct `api_url` (the secret `slack_url`) of the receiver `oncall`, then watchpost up
        answers 400 Bad Request | the answer: bad key | in watchpost.yaml under `alerting.receivers`: correct `routing_key` (the secret `pager`) of the receiver `oncall`, then watchpost up
        answers 403 Forbidden | Alertmanager says: unexpected status code 403 | in watchpost.yaml under `alerting.receivers`: correct `api_key` (the secret `genie`) of the receiver `oncall`, then watchpost up
        answers 422 | the answer: x | in watchpost.yaml under `alerting.receivers`: correct `api_url` and `api_key` (the secret `genie`) of the receiver `oncall`, then watchpost up
        answers 500 Internal Server Error | Alertmanager says: unexpected status code 500 | read the log of the server at hook.example.com:8080, then watchpost alerts test oncall
        answers 429 Too Many Requests | the answer: slow down | wait until the receiver accepts messages again, then watchpost alerts test oncall
        refuses the connection: nothing listens at 10.0.0.1:8080 | Alertmanager says: dial tcp 10.0.0.1:8080: connect: connection refused | start what listens at 10.0.0.1:8080, or in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        cannot be found: the host `hook.example.com` has no address | Alertmanager says: dial tcp: lookup hook.example.com on 127.0.0.11:53: no such host | in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        has a certificate that Alertmanager does not trust | Alertmanager says: tls: failed to verify certificate: x509: unknown authority | install a valid certificate on hook.example.com:8080, or in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        speaks HTTP, not HTTPS | Alertmanager says: http: server gave HTTP response to HTTPS client | in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        has a secret that Alertmanager cannot read | Alertmanager says: open /run/secrets/x: no such file or directory | watchpost up
        is unreachable at hook.example.com:8080 | Alertmanager says: dial tcp 10.0.0.1:8080: i/o timeout | let the Docker host connect to hook.example.com:8080, or in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        rejects the message | Alertmanager says: something new | in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        rejects the message | Alertmanager says: something new | in watchpost.yaml under `alerting.receivers`: correct the settings of the receiver `oncall`, then watchpost up
        ");
    }

    #[test]
    fn each_refusal_of_a_mail_server_is_named_with_what_fixes_it() {
        let mail = json!({"smarthost": "mail.example.com:587", "auth_password_file": "/run/secrets/mail"});
        let starttls = "'require_tls' is true (default) but \"mail:25\" does not advertise the STARTTLS extension";
        let text = [
            explained("email", mail.clone(), "*smtp.plainAuth auth: unencrypted connection"),
            explained("email", mail.clone(), starttls),
            explained("email", mail.clone(), "*smtp.loginAuth auth: 535 5.7.8 authentication failed"),
            explained("email", mail.clone(), "send STARTTLS command: tls: failed to verify certificate: x509: unknown"),
            explained("email", mail.clone(), "establish TLS connection to server: EOF"),
            explained("email", mail.clone(), "send RCPT command: 550 no such user"),
            explained("email", mail.clone(), "something new"),
            explained(
                "email",
                mail,
                "establish connection to server: dial tcp 10.0.0.2:587: connect: connection refused",
            ),
        ];
        insta::assert_snapshot!(text.join("\n"), @r#"
        offers no encryption, so Alertmanager does not send the password | Alertmanager says: *smtp.plainAuth auth: unencrypted connection | in watchpost.yaml under `alerting.receivers`: correct `smarthost` (the port for TLS, mostly 587 or 465) of the receiver `oncall`, then watchpost up
        offers no encryption (STARTTLS) | Alertmanager says: 'require_tls' is true (default) but "mail:25" does not advertise the STARTTLS extension | in watchpost.yaml under `alerting.receivers`: correct `smarthost` (the port for TLS) of the receiver `oncall`, then watchpost up, or in watchpost.yaml under `alerting.receivers`: set `require_tls: false` for the receiver `oncall`, then watchpost up
        rejects the login | Alertmanager says: *smtp.loginAuth auth: 535 5.7.8 authentication failed | in watchpost.yaml under `alerting.receivers`: correct `auth_username` and `auth_password` (the secret `mail`) of the receiver `oncall`, then watchpost up
        does not agree with Alertmanager on TLS | Alertmanager says: send STARTTLS command: tls: failed to verify certificate: x509: unknown | in watchpost.yaml under `alerting.receivers`: correct `smarthost` of the receiver `oncall`, then watchpost up
        does not agree with Alertmanager on TLS | Alertmanager says: establish TLS connection to server: EOF | in watchpost.yaml under `alerting.receivers`: correct `smarthost` of the receiver `oncall`, then watchpost up
        rejects the message | Alertmanager says: send RCPT command: 550 no such user | in watchpost.yaml under `alerting.receivers`: correct `to` and `from` of the receiver `oncall`, then watchpost up
        rejects the message | Alertmanager says: something new | in watchpost.yaml under `alerting.receivers`: correct `smarthost` of the receiver `oncall`, then watchpost up
        refuses the connection: nothing listens at 10.0.0.2:587 | Alertmanager says: establish connection to server: dial tcp 10.0.0.2:587: connect: connection refused | start what listens at 10.0.0.2:587, or in watchpost.yaml under `alerting.receivers`: correct `smarthost` of the receiver `oncall`, then watchpost up
        "#);
    }

    #[test]
    fn a_receiver_without_an_address_of_its_own_is_never_blamed_for_the_network() {
        let telegram = json!({"bot_token_file": "/run/secrets/telegram", "chat_id": 1});
        for error in [
            "dial tcp: lookup api.telegram.org on 127.0.0.11:53: no such host",
            "dial tcp 10.0.0.1:443: connect: connection refused",
            "dial tcp 10.0.0.1:443: i/o timeout",
        ] {
            let fix = with("telegram", telegram.clone(), |receiver| explain(receiver, error).fix);
            assert_eq!(fix, reach_service(), "{error}");
        }
    }

    #[test]
    fn silence_is_explained_by_the_state_of_the_connection() {
        let hook = json!({"url": "https://me:pw@hook.example.com/x"});
        let text = [Connection::Established, Connection::Pending, Connection::Unknown]
            .map(|connection| with("webhook", hook.clone(), |receiver| line(&unanswered(receiver, 10, connection))));
        insta::assert_snapshot!(text.join("\n"), @r"
        accepted the connection but has not answered for 10 s | the server there hangs, or is not such a receiver | restart what listens at hook.example.com:443, or in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        does not accept the connection: no answer from hook.example.com:443 for 10 s | nothing has this address, or a firewall drops the packets to it | let the Docker host connect to hook.example.com:443, or in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        has not answered for 10 s | the receiver hangs or is unreachable | check what listens at hook.example.com:443, or in watchpost.yaml under `alerting.receivers`: correct `url` of the receiver `oncall`, then watchpost up
        ");
    }

    #[test]
    fn an_address_is_found_without_its_login_or_its_path() {
        let address = |settings: Value| with("webhook", settings, |receiver| receiver.address());
        assert_eq!(address(json!({"url": "https://me:pw@a.example/x?y"})), Some(("a.example".into(), 443)));
        assert_eq!(address(json!({"url": "http://a.example:8080"})), Some(("a.example".into(), 8080)));
        assert_eq!(address(json!({"smarthost": "mail.example"})), Some(("mail.example".into(), 25)));
        assert_eq!(address(json!({"url": "<secret>"})), None);
        assert_eq!(address(json!({"url_file": "/run/secrets/x"})), None);
    }

    /// No list of settings is needed beside the catalog's: each kind's own say what they are.
    #[test]
    fn every_kind_of_receiver_in_the_catalog_has_an_address_or_a_login() {
        let catalog = Catalog::embedded().expect("the catalog");
        for (name, kind) in &catalog.receivers {
            let mut settings = serde_json::Map::new();
            for question in &kind.questions {
                let key = question.variable.as_str();
                if question.kind == Kind::Password {
                    settings.insert(format!("{key}_file"), format!("/run/secrets/{key}").into());
                } else {
                    settings.insert(key.to_owned(), "x".into());
                }
            }
            let secret = kind.questions.iter().find(|question| question.kind == Kind::Password);
            with(name, settings.into(), |receiver| {
                assert_eq!(receiver.login_key(), secret.map(|question| question.variable.as_str()), "{name}");
                assert!(receiver.address_key().or(receiver.login_key()).is_some(), "{name}");
                assert!(!receiver.settings().contains("settings"), "{name}");
            });
        }
    }
}
