//! Durations and sizes as people write them.

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
        _ => return None,
    };
    number.checked_mul(1024_u64.checked_pow(power)?)
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
        assert_eq!(parse_size("lots"), None);
        assert_eq!(parse_size("5i"), None);
    }
}
