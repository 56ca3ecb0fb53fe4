//! Amounts in words.

/// `61 GB`, `1.2 GB`: powers of a thousand, as disks count.
pub fn size(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (bytes.max(0.0), 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit > 0 && value < 9.95 { format!("{value:.1} {}", units[unit]) } else { format!("{value:.0} {}", units[unit]) }
}

/// `9 days`, `14 hours`.
pub fn span(seconds: f64) -> String {
    let count = |number: f64, unit: &str| format!("{number:.0} {unit}{}", if number == 1.0 { "" } else { "s" });
    match seconds {
        s if s >= 2.0 * 86_400.0 => count((s / 86_400.0).floor(), "day"),
        s if s >= 2.0 * 3600.0 => count((s / 3600.0).floor(), "hour"),
        s if s >= 2.0 * 60.0 => count((s / 60.0).floor(), "minute"),
        s => count(s.max(0.0).round(), "second"),
    }
}

/// `4,100`
pub fn thousands(number: f64) -> String {
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
    fn amounts_read_naturally() {
        assert_eq!((size(61e9), size(1.24e9), size(12.0)), ("61 GB".into(), "1.2 GB".into(), "12 B".into()));
        assert_eq!(
            (span(15.0 * 86_400.0), span(1.0), span(7300.0)),
            ("15 days".into(), "1 second".into(), "2 hours".into())
        );
        assert_eq!(
            (thousands(4100.0), thousands(12.0), thousands(1_000_000.0)),
            ("4,100".into(), "12".into(), "1,000,000".into())
        );
    }
}
