//! Counts, lists and paragraphs as people read them.

use textwrap::{Options, WordSeparator, WordSplitter};

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
    let lines: Vec<String> = text.lines().flat_map(|paragraph| lines(paragraph, room)).collect();
    lines.join(&format!("\n{:indent$}", ""))
}

/// How text is broken: at spaces only, so that commands and addresses stay whole.
pub fn wrapping<'a>(width: usize) -> Options<'a> {
    Options::new(width)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
}

/// The lines of one paragraph, at most `width` columns each.
pub fn lines(paragraph: &str, width: usize) -> Vec<String> {
    textwrap::wrap(paragraph, wrapping(width)).into_iter().map(|line| line.into_owned()).collect()
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

    #[test]
    fn wide_text_is_broken_by_its_columns() {
        assert_eq!(lines("監視 監視 監視 ab", 10), ["監視 監視", "監視 ab"]);
        assert_eq!(lines("a-long-name-that-stays whole", 10), ["a-long-name-that-stays", "whole"]);
    }
}
