//! Texts that a pattern matches, for labels that lead to a receiver.

use std::iter::Peekable;
use std::str::Chars;

/// At most this many texts for one pattern.
const ENOUGH: usize = 16;

/// A few texts that probably match; the caller holds them against the pattern.
pub fn samples(pattern: &str) -> Vec<String> {
    alternatives(&mut pattern.chars().peekable(), 0)
}

/// Groups nested deeper than this are not followed.
const DEPTH: usize = 8;

/// Up to the closing parenthesis, or the end.
fn alternatives(chars: &mut Peekable<Chars<'_>>, depth: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = vec![String::new()];
    while let Some(c) = chars.next() {
        let atom = match c {
            ')' => break,
            '|' => {
                all.append(&mut current);
                current.push(String::new());
                continue;
            }
            '^' | '$' => continue,
            '(' if depth < DEPTH => {
                skip_flags(chars);
                alternatives(chars, depth + 1)
            }
            '[' => vec![class(chars)],
            '.' => vec!["x".to_owned()],
            '\\' => vec![escaped(chars.next())],
            other => vec![other.to_string()],
        };
        let atom = repeated(chars, atom);
        current =
            current.iter().flat_map(|head| atom.iter().map(move |tail| format!("{head}{tail}"))).take(ENOUGH).collect();
    }
    all.append(&mut current);
    all.truncate(ENOUGH);
    all
}

/// `?:`, `?i:`, `?P<name>` at the beginning of a group.
fn skip_flags(chars: &mut Peekable<Chars<'_>>) {
    if chars.next_if_eq(&'?').is_some() {
        for c in chars.by_ref() {
            if matches!(c, ':' | '>') {
                break;
            }
        }
    }
}

/// The first character of a class; of a negated one, a letter that is seldom excluded.
fn class(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut members = String::new();
    while let Some(c) = chars.next() {
        match c {
            ']' if !members.is_empty() => break,
            '\\' => members.push_str(&escaped(chars.next())),
            c => members.push(c),
        }
    }
    if members.starts_with('^') { "z".into() } else { members.chars().take(1).collect() }
}

fn escaped(c: Option<char>) -> String {
    match c {
        Some('d') => "1".into(),
        Some('w' | 'S' | 'D') => "x".into(),
        Some('s' | 'W') => " ".into(),
        Some('b' | 'B' | 'A' | 'z') | None => String::new(),
        Some(c) => c.to_string(),
    }
}

/// Once is enough for `*`, `+` and `?`; `{2,}` takes two.
fn repeated(chars: &mut Peekable<Chars<'_>>, atom: Vec<String>) -> Vec<String> {
    let times = match chars.peek() {
        Some('*' | '+' | '?') => {
            chars.next();
            1
        }
        Some('{') => {
            let inner: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
            inner.split(',').next().and_then(|least| least.parse::<usize>().ok()).unwrap_or(1).clamp(1, ENOUGH)
        }
        _ => return atom,
    };
    // A lazy or possessive mark changes nothing of what is matched.
    chars.next_if(|c| matches!(c, '?' | '+'));
    atom.into_iter().map(|text| text.repeat(times)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;

    #[test]
    fn the_usual_patterns_have_texts_that_match() {
        for pattern in [
            "critical|warning",
            "db-.*",
            "(a|b)c+",
            "[a-z]{3}",
            "web\\.example\\.com:\\d+",
            "(?:x|y)?z",
            ".+",
            "a(b(c|d))?",
            "^k$",
        ] {
            let regex = Regex::new(&format!("^(?:{pattern})$")).expect(pattern);
            let all = samples(pattern);
            assert!(all.iter().any(|text| regex.is_match(text)), "{pattern}: {all:?}");
        }
        assert_eq!(samples("critical|warning"), ["critical", "warning"]);
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_fail_or_grow(pattern in ".{0,40}") {
            prop_assert!(samples(&pattern).len() <= ENOUGH);
        }
    }

    #[test]
    fn the_first_texts_of_a_pattern_are_the_plain_ones() {
        for (pattern, expected) in [
            ("a(b|c)d", &["abd", "acd"][..]),
            ("(?:a|b)", &["a", "b"]),
            ("(?i:a)", &["a"]),
            ("(?P<name>a)b", &["ab"]),
            ("[abc]x", &["ax"]),
            ("[]a]", &["]"]),
            ("[^a]", &["z"]),
            (r"[\d]", &["1"]),
            ("a{3}b", &["aaab"]),
            ("a{2,}?b+?", &["aab"]),
            (r"\w\s\.\b", &["x ."]),
            ("", &[""]),
        ] {
            assert_eq!(samples(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn groups_are_followed_to_a_depth_and_no_further() {
        let nested = |depth: usize| format!("{}a|b{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(samples(&nested(DEPTH)), ["a", "b"]);
        assert_ne!(samples(&nested(DEPTH + 1)), ["a", "b"]);
        assert!(samples(&nested(100_000)).len() <= ENOUGH);
    }
}
