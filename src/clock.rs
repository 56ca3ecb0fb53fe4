//! Times as Docker and Prometheus write them.

/// Seconds since 1970 of an RFC 3339 time, with its fraction.
pub fn epoch(text: &str) -> Option<f64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let fraction = format!("0{}", &rest[..rest.len() - zone.len()]).parse::<f64>().unwrap_or(0.0);
    let offset = match zone.chars().next()? {
        'Z' | 'z' => 0,
        sign @ ('+' | '-') => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if sign == '-' { -minutes * 60 } else { minutes * 60 }
        }
        _ => return None,
    };
    Some((days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset) as f64 + fraction)
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_times_become_seconds() {
        assert_eq!(epoch("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(epoch("2024-02-29T12:30:05.5Z"), Some(1_709_209_805.5));
        assert_eq!(epoch("2024-02-29T14:30:05+02:00"), Some(1_709_209_805.0));
        assert_eq!(epoch("yesterday"), None);
        assert_eq!(epoch("2024-02-29T14:30:05"), None);
    }
}
