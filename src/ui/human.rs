//! Numbers as people read them.

use std::time::Duration;

/// `412 MB`, `1.2 GB`: powers of a thousand, as disks and registries count.
pub fn bytes(count: u64) -> String {
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
pub fn took(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let seconds = seconds.round() as u64;
    if seconds < 60 { format!("{seconds} s") } else { age(Duration::from_secs(seconds)) }
}

/// A time span in its two largest units: `42 s`, `3 min 4 s`, `5 h 12 min`, `3 d 4 h`.
pub fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (large, large_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => (seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    };
    if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
}

/// `1 service`, `2 services`.
pub fn count(number: usize, singular: &str) -> String {
    if number == 1 {
        return format!("1 {singular}");
    }
    match singular.strip_suffix('y') {
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {singular}s"),
    }
}

/// `a`, `b` and `c`, each in backticks.
pub fn names<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The text broken at spaces, so that with `indent` columns before every line it fits into `width`. The first line's
/// indent is the caller's. Without a width nothing is broken.
pub fn hanging(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        if console::measure_text_width(paragraph) <= room {
            lines.push(paragraph.to_owned());
            continue;
        }
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let full = console::measure_text_width(&line) + 1 + console::measure_text_width(word) > room;
            if full && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        }
        lines.push(line);
    }
    lines.join(&format!("\n{:indent$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_three_digits_and_a_unit() {
        let shown: Vec<_> =
            [0, 999, 1000, 18_400, 412_000_000, 999_600_000, 1_234_000_000].into_iter().map(bytes).collect();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "18 kB", "412 MB", "1.0 GB", "1.2 GB"]);
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        let shown: Vec<_> =
            [0, 59, 60, 184, 18_720, 273_600].into_iter().map(|s| age(Duration::from_secs(s))).collect();
        assert_eq!(shown, ["0 s", "59 s", "1 min", "3 min 4 s", "5 h 12 min", "3 d 4 h"]);
        assert_eq!(took(Duration::from_millis(1840)), "1.8 s");
        assert_eq!(took(Duration::from_millis(59_700)), "1 min");
    }

    #[test]
    fn lists_and_counts_read_like_sentences() {
        assert_eq!(names(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(count(1, "service"), "1 service");
        assert_eq!(count(2, "query"), "2 queries");
    }

    #[test]
    fn a_text_hangs_under_its_beginning() {
        let text = "one two three four five six seven";
        assert_eq!(hanging(text, 4, Some(24)), "one two three four\n    five six seven");
        assert_eq!(hanging(text, 4, None), text);
        assert_eq!(hanging("a\nb", 2, Some(80)), "a\n  b");
    }
}
