//! Durations, sizes and numbers, as people write and read them.

use std::time::Duration;

/// Seconds of a duration in Prometheus's notation: `1h30m`, units y w d h m s ms, largest first.
pub fn parse_duration(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] =
        [("y", 31_536_000.0), ("w", 604_800.0), ("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];
    let (mut rest, mut total, mut next_unit) = (text, 0.0, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..end])?;
        if unit < next_unit {
            return None;
        }
        total += number * UNITS[unit].1;
        next_unit = unit + 1;
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(total)
}

/// Bytes of a size: `512MB`, `512m`, `1GiB`; a bare number is bytes. Units are powers of 1024, as Docker and
/// Prometheus read them.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let power = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    number.checked_mul(1024_u64.checked_pow(power)?)
}

/// Seconds of a duration in Grafana's notation: `30s`, `1h30m`, `1.5h`, `500ms`; `M` is 30 days.
pub fn parse_grafana_duration(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches(['>', '=']);
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number * grafana_unit(&rest[..end])?;
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(total)
}

/// Seconds of one of Grafana's units; a month has 30 days, a quarter is taken for a month.
pub fn grafana_unit(name: &str) -> Option<f64> {
    Some(match name {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        "M" | "Q" => 2_592_000.0,
        "y" => 31_536_000.0,
        _ => return None,
    })
}

/// A duration in Prometheus's notation: `15s`, `90s`, `500ms`.
pub fn format_duration(seconds: f64) -> String {
    if seconds.fract() == 0.0 { format!("{seconds:.0}s") } else { format!("{:.0}ms", seconds * 1000.0) }
}

/// The same in the largest unit that it is whole in: `15s`, `5m`, `90s`, `2h`.
pub fn format_window(seconds: f64) -> String {
    let whole = |unit: f64| seconds >= unit && seconds % unit == 0.0;
    match seconds {
        _ if whole(86_400.0) => format!("{:.0}d", seconds / 86_400.0),
        _ if whole(3600.0) => format!("{:.0}h", seconds / 3600.0),
        _ if whole(60.0) => format!("{:.0}m", seconds / 60.0),
        _ => format_duration(seconds),
    }
}

/// `412 MB`, `1.2 GB`: powers of a thousand, as disks and registries count.
pub fn format_bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ if value < 9.95 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// How long something took: `0.4 s`, `18 s`, `3 min 4 s`.
pub fn format_took(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let seconds = seconds.round() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format_age(Duration::from_secs(seconds)) }
}

/// A time span in its two largest units: `42 s`, `3 min 4 s`, `5 h 12 min`, `3 d 4 h`.
pub fn format_age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (large, large_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => (seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    };
    if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
}

/// The same of seconds; less than none is none.
pub fn format_span(seconds: f64) -> String {
    format_age(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// A time span in its largest unit, which is at least two of it: `9 days`, `14 hours`.
pub fn format_roughly(seconds: f64) -> String {
    let count = |number: f64, unit: &str| format!("{number:.0} {unit}{}", if number == 1.0 { "" } else { "s" });
    match seconds {
        s if s >= 2.0 * 86_400.0 => count((s / 86_400.0).floor(), "day"),
        s if s >= 2.0 * 3600.0 => count((s / 3600.0).floor(), "hour"),
        s if s >= 2.0 * 60.0 => count((s / 60.0).floor(), "minute"),
        s => count(s.max(0.0).round(), "second"),
    }
}

/// A whole number with its thousands set apart: `4,100`.
pub fn format_thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_prometheus_and_docker_do() {
        assert_eq!(parse_duration("1h30m"), Some(5400.0));
        assert_eq!(parse_duration("30m1h"), None);
        assert_eq!(parse_duration("15"), None);
        assert_eq!(parse_size("512MB"), Some(512 << 20));
        assert_eq!(parse_size("1g"), Some(1 << 30));
        for (text, seconds) in [("1y1w1d", 32_227_200.0), ("1m1s", 61.0), ("5ms", 0.005), ("0s", 0.0)] {
            assert_eq!(parse_duration(text), Some(seconds), "{text}");
        }
        for bad in ["", "s", "1h1h", "1M", "-1s", "1.5h"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        for (text, power) in [("1", 0), ("1B", 0), ("1k", 1), ("1KiB", 1), ("1GiB", 3), ("1t", 4), ("1TB", 4)] {
            assert_eq!(parse_size(text), Some(1024_u64.pow(power)), "{text}");
        }
        assert_eq!(parse_size("99999999999t"), None);
        assert_eq!(parse_size("lots"), None);
        assert_eq!(parse_size("5i"), None);
    }

    #[test]
    fn grafanas_durations_have_units_of_their_own() {
        let day = 86_400.0;
        for (text, seconds) in [
            ("500ms", 0.5),
            ("1.5h", 5400.0),
            (">=2m", 120.0),
            ("1d", day),
            ("2w", 14.0 * day),
            ("1M", 30.0 * day),
            ("1Q", 30.0 * day),
            ("1y", 365.0 * day),
            ("1h30m", 5400.0),
        ] {
            assert_eq!(parse_grafana_duration(text), Some(seconds), "{text}");
        }
        for bad in ["", "h", "5", "1x", "1.2.3s"] {
            assert_eq!(parse_grafana_duration(bad), None, "{bad}");
        }
        assert_eq!([15.0, 90.0, 0.5].map(format_duration), ["15s", "90s", "500ms"]);
    }

    #[test]
    fn sizes_have_at_most_three_digits_and_a_unit() {
        let shown: Vec<_> =
            [0, 999, 1000, 18_400, 412_000_000, 999_600_000, 1_234_000_000].into_iter().map(format_bytes).collect();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "18 kB", "412 MB", "1.0 GB", "1.2 GB"]);
        assert_eq!(format_bytes(u64::MAX), "18446744 TB", "there is no unit above");
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        let shown: Vec<_> =
            [0, 59, 60, 184, 18_720, 273_600].into_iter().map(|s| format_age(Duration::from_secs(s))).collect();
        assert_eq!(shown, ["0 s", "59 s", "1 min", "3 min 4 s", "5 h 12 min", "3 d 4 h"]);
        assert_eq!(format_took(Duration::from_millis(1840)), "1.8 s");
        assert_eq!(format_took(Duration::from_millis(59_700)), "1 min");
    }

    #[test]
    fn rough_spans_and_large_numbers_read_naturally() {
        let shown: Vec<_> = [15.0 * 86_400.0, 1.0, 7300.0].into_iter().map(format_roughly).collect();
        assert_eq!(shown, ["15 days", "1 second", "2 hours"]);
        let below_two: Vec<_> = [119.0, 7199.0, 172_799.0].into_iter().map(format_roughly).collect();
        assert_eq!(below_two, ["119 seconds", "119 minutes", "47 hours"]);
        assert_eq!([0.0, 999.0, 999_999.0].map(format_thousands), ["0", "999", "999,999"]);
        assert_eq!([4100.0, 12.0, 1_000_000.0].map(format_thousands), ["4,100", "12", "1,000,000"]);
        assert_eq!((format_span(-1.0), format_span(300.0)), ("0 s".into(), "5 min".into()));
    }
}
