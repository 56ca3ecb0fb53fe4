//! Counts, lists and paragraphs as people read them.

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
