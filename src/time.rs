//! Points in time as text, RFC 3339, and as seconds since the epoch.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, SecondsFormat};

/// Now.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// `None` when the text is no time, or Go's and Docker's "never" (the year 1).
pub fn parse(text: &str) -> Option<f64> {
    let micros = DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros();
    (micros > 0).then_some(micros as f64 / 1e6)
}

/// In UTC, whole seconds: `2024-02-29T12:30:05Z`.
pub fn text(seconds: f64) -> String {
    let moment = DateTime::from_timestamp(seconds as i64, 0).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The day in UTC: `2024-02-29`. Later days are greater as texts.
pub fn today() -> String {
    text(now()).chars().take(10).collect()
}

/// Is it a day that exists, written as `2024-02-29`?
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// How many seconds ago the time was; `None` when it never was.
pub fn age(text: &str) -> Option<f64> {
    Some(now() - parse(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_seconds_and_never_is_none() {
        assert_eq!(parse("2024-02-29T12:30:05.5Z"), Some(1_709_209_805.5));
        assert_eq!(parse("2024-02-29T14:30:05+02:00"), Some(1_709_209_805.0));
        assert_eq!(parse("0001-01-01T00:00:00Z"), None);
        assert_eq!(parse("yesterday"), None);
        assert_eq!(text(1_709_209_805.9), "2024-02-29T12:30:05Z");
        assert!(is_date("2024-02-29") && is_date(&today()));
        assert!(!is_date("2025-02-29") && !is_date("2024-2-29") && !is_date("29.02.2024"));
    }
}
