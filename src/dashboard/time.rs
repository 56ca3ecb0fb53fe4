//! Moments and spans as dashboards write them: `now-6h/d`, `30s`.

use crate::units::{grafana_unit, parse_grafana_duration};

/// Grafana's own default.
const DEFAULT_SPAN: f64 = 6.0 * 3600.0;

/// A span of time before now, both ends in seconds before now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub from: f64,
    pub to: f64,
}

impl Range {
    pub fn seconds(&self) -> f64 {
        self.from - self.to
    }

    /// Of a dashboard's `time`, at `now` (seconds since 1970). Fixed dates are Grafana's default span up to now, since
    /// what is asked is whether there is data now.
    pub fn of(time: &serde_json::Value, now: f64) -> Self {
        let end = |key: &str, up: bool| time[key].as_str().and_then(|text| before_now(text, now, up));
        let (from, to) = (end("from", false), end("to", true));
        match (from, to) {
            (Some(from), Some(to)) if from > to => Self { from, to },
            _ => Self { from: DEFAULT_SPAN, to: 0.0 },
        }
    }

    /// With a panel's own `timeFrom` and `timeShift`.
    pub fn of_panel(self, panel: &serde_json::Value) -> Self {
        let span =
            |key: &str| panel[key].as_str().and_then(|text| parse_grafana_duration(text.trim_start_matches("now-")));
        let range = span("timeFrom").map_or(self, |from| Self { from, to: 0.0 });
        let shift = span("timeShift").unwrap_or_default();
        Self { from: range.from + shift, to: range.to + shift }
    }
}

/// `now-6h/d` in seconds before now; `up`: rounding goes to the unit's end.
fn before_now(text: &str, now: f64, up: bool) -> Option<f64> {
    let mut rest = text.trim().strip_prefix("now")?;
    let mut at = now;
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        if sign == '/' {
            let end = rest.find(['+', '-', '/']).unwrap_or(rest.len());
            // `fw` and `fM` are units of a fiscal year, as long as the plain ones.
            let size = grafana_unit(rest[..end].trim_start_matches('f'))?;
            at = (at / size).floor() * size + if up { size } else { 0.0 };
            rest = &rest[end..];
            continue;
        }
        let end = rest.find(['+', '-', '/']).unwrap_or(rest.len());
        let span = parse_grafana_duration(&rest[..end])?;
        at += match sign {
            '-' => -span,
            '+' => span,
            _ => return None,
        };
        rest = &rest[end..];
    }
    Some(now - at)
}

/// Grafana's resolution: the range over the points, in steps that people find round, not below the least.
pub fn step(range: f64, points: u64, least: f64) -> f64 {
    /// Below the first, the second; in seconds.
    const ROUND: [(f64, f64); 20] = [
        (1.5, 1.0),
        (3.5, 2.0),
        (7.5, 5.0),
        (12.5, 10.0),
        (17.5, 15.0),
        (25.0, 20.0),
        (45.0, 30.0),
        (90.0, 60.0),
        (210.0, 120.0),
        (450.0, 300.0),
        (750.0, 600.0),
        (1050.0, 900.0),
        (1500.0, 1200.0),
        (2700.0, 1800.0),
        (5400.0, 3600.0),
        (9000.0, 7200.0),
        (16_200.0, 10_800.0),
        (32_400.0, 21_600.0),
        (86_400.0, 43_200.0),
        (604_800.0, 86_400.0),
    ];
    let wanted = range / points.max(1) as f64;
    let round = ROUND.into_iter().find(|(below, _)| wanted < *below).map_or(604_800.0, |(_, step)| step);
    round.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_are_read_as_grafana_does() {
        let of = |from: &str, to: &str| Range::of(&json!({"from": from, "to": to}), 1_000_000.0);
        assert_eq!(of("now-3h", "now"), Range { from: 10_800.0, to: 0.0 });
        assert_eq!(of("now-1d-1h", "now-1h").seconds(), 86_400.0);
        assert_eq!(of("now/d", "now").from, 1_000_000.0 % 86_400.0);
        assert_eq!(of("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z").from, DEFAULT_SPAN);
        let panel = json!({"timeFrom": "1h", "timeShift": "1d"});
        assert_eq!(of("now-3h", "now").of_panel(&panel), Range { from: 90_000.0, to: 86_400.0 });
        assert_eq!(of("now-1h", "now+1h"), Range { from: 3600.0, to: -3600.0 });
        assert_eq!(of("now-1d+1h", "now").from, 82_800.0);
        assert_eq!(
            of("now-1d/d", "now/d"),
            Range { from: 1_000_000.0 % 86_400.0 + 86_400.0, to: 1_000_000.0 % 86_400.0 - 86_400.0 }
        );
        assert_eq!(of("now/fM-1h", "now").from, 1_000_000.0 % 2_592_000.0 + 3600.0);
        for (from, to) in [("now", "now-1h"), ("now-1h", "now-1h"), ("now", "now"), ("now*1h", "now")] {
            assert_eq!(of(from, to), Range { from: DEFAULT_SPAN, to: 0.0 }, "{from} {to}");
        }
        assert_eq!(parse_grafana_duration("1h30m"), Some(5400.0));
        assert_eq!(parse_grafana_duration("soon"), None);
    }

    #[test]
    fn signs_that_are_none_are_fixed_dates() {
        for odd in ["now\u{2013}6h", "now/\u{2013}", "now-6\u{fb01}", "now\u{1f552}"] {
            assert_eq!(Range::of(&json!({"from": odd, "to": "now"}), 1_000_000.0).from, DEFAULT_SPAN, "{odd}");
            assert_eq!(Range { from: 60.0, to: 0.0 }.of_panel(&json!({"timeFrom": odd})).from, 60.0, "{odd}");
        }
    }

    #[test]
    fn steps_are_round_and_not_below_the_least() {
        for (range, points, least, expected) in [
            (1000.0, 1000, 0.0, 1.0),
            (1499.0, 1000, 0.0, 1.0),
            (1500.0, 1000, 0.0, 2.0),
            (3600.0, 1000, 15.0, 15.0),
            (21_600.0, 1000, 15.0, 20.0),
            (604_800_000.0, 1000, 15.0, 604_800.0),
            (604_799.0, 1, 0.0, 86_400.0),
            (10.0, 0, 0.0, 10.0),
        ] {
            assert_eq!(step(range, points, least), expected, "{range} {points} {least}");
        }
    }
}
