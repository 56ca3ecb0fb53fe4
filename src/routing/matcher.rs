//! One condition on a label, in Alertmanager's notation.
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#matcher>

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use regex_lite::Regex;

use crate::promql::{MatchKind, quoted};
use crate::routing::sample;

/// An alert's labels.
pub type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone)]
pub struct Matcher {
    pub label: String,
    pub kind: MatchKind,
    pub value: String,
    /// The value as a pattern that spans the whole label; only for `=~` and `!~`.
    pattern: Option<Regex>,
}

impl Matcher {
    /// Errors: the value is not a pattern that can be read here.
    pub fn new(label: &str, kind: MatchKind, value: &str) -> Result<Self, String> {
        let pattern = match kind {
            MatchKind::Like | MatchKind::NotLike => {
                let anchored = format!("(?s)^(?:{value})$");
                Some(Regex::new(&anchored).map_err(|error| format!("`{value}` cannot be read as a pattern: {error}"))?)
            }
            MatchKind::Equal | MatchKind::NotEqual => None,
        };
        Ok(Self { label: label.to_owned(), kind, value: value.to_owned(), pattern })
    }

    /// Does it hold for this value? A missing label counts as empty.
    pub fn holds(&self, value: &str) -> bool {
        let like = || self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value));
        match self.kind {
            MatchKind::Equal => value == self.value,
            MatchKind::NotEqual => value != self.value,
            MatchKind::Like => like(),
            MatchKind::NotLike => !like(),
        }
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.holds(labels.get(&self.label).map_or("", String::as_str))
    }

    /// Values for which it holds, the likeliest first; the empty one stands for no label.
    pub fn examples(&self) -> Vec<String> {
        let mut examples = match self.kind {
            MatchKind::Equal => vec![self.value.clone()],
            MatchKind::Like => sample::samples(&self.value),
            MatchKind::NotEqual | MatchKind::NotLike => vec![String::new(), "other".into(), "another".into()],
        };
        examples.retain(|value| self.holds(value));
        examples
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = match self.kind {
            MatchKind::Equal => "=",
            MatchKind::NotEqual => "!=",
            MatchKind::Like => "=~",
            MatchKind::NotLike => "!~",
        };
        let plain = !self.label.is_empty() && self.label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let value = quoted(&self.value);
        if plain {
            write!(f, "{}{operator}{value}", self.label)
        } else {
            write!(f, "{}{operator}{value}", quoted(&self.label))
        }
    }
}

/// All matchers of one entry of `matchers:`, such as `severity="critical", "team name"=~"a|b"`, braces or not.
///
/// Errors: what does not fit the notation.
pub fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    let text = text.trim();
    let inner = text.strip_prefix('{').map_or(text, |text| text.strip_suffix('}').unwrap_or(text));
    let mut chars = inner.chars().peekable();
    let mut found = Vec::new();
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        if chars.peek().is_none() {
            return Ok(found);
        }
        let label = word(&mut chars, |c| matches!(c, '=' | '!' | '~' | ','))?;
        let kind = operator(&mut chars).ok_or_else(|| format!("`{text}` has no `=`, `!=`, `=~` or `!~`"))?;
        let value = word(&mut chars, |c| c == ',')?;
        found.push(Matcher::new(&label, kind, &value)?);
    }
}

fn operator(chars: &mut Peekable<Chars<'_>>) -> Option<MatchKind> {
    match (chars.next()?, chars.peek().copied()) {
        ('=', Some('~')) => chars.next().map(|_| MatchKind::Like),
        ('!', Some('~')) => chars.next().map(|_| MatchKind::NotLike),
        ('!', Some('=')) => chars.next().map(|_| MatchKind::NotEqual),
        ('=', _) => Some(MatchKind::Equal),
        _ => None,
    }
}

/// A quoted text, or a bare one up to where `ends` says so.
fn word(chars: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> Result<String, String> {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    let mut text = String::new();
    if chars.next_if_eq(&'"').is_none() {
        while let Some(c) = chars.next_if(|c| !ends(*c)) {
            text.push(c);
        }
        return Ok(text.trim_end().to_owned());
    }
    loop {
        match chars.next() {
            None => return Err(format!("the quote of `{text}` is not closed")),
            Some('"') => break,
            Some('\\') => escape(chars, &mut text),
            Some(c) => text.push(c),
        }
    }
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    Ok(text)
}

/// What follows a backslash; an unknown escape stays as it is.
fn escape(chars: &mut Peekable<Chars<'_>>, text: &mut String) {
    let code = |chars: &mut Peekable<Chars<'_>>, digits: usize| {
        let hex: String = (0..digits).filter_map(|_| chars.next_if(char::is_ascii_hexdigit)).collect();
        u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    match chars.next() {
        Some('n') => text.push('\n'),
        Some('t') => text.push('\t'),
        Some('r') => text.push('\r'),
        Some(c @ ('"' | '\\')) => text.push(c),
        Some('x') => text.push(code(chars, 2)),
        Some('u') => text.push(code(chars, 4)),
        Some('U') => text.push(code(chars, 8)),
        Some(c) => text.extend(['\\', c]),
        None => text.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_in_every_notation() {
        for (text, seen) in [
            ("severity=critical", "severity=\"critical\""),
            ("{a = \"b\", c!~\"d|e\", }", "a=\"b\" c!~\"d|e\""),
            (r#""team name"=~"x\"y\\.z""#, r#""team name"=~"x\"y\\.z""#),
            ("a=\"with, comma\",b!=\"\"", "a=\"with, comma\" b!=\"\""),
            (r#"a="\u00fc""#, "a=\"ü\""),
        ] {
            let all = parse(text).expect(text);
            assert_eq!(all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), seen, "{text}");
        }
        for wrong in ["severity", "a=\"b", "a=~\"(\"", "=~", "\"a\" \"b\""] {
            assert!(parse(wrong).is_err() || wrong == "=~", "{wrong}");
        }
    }

    #[test]
    fn a_missing_label_is_empty_and_patterns_are_anchored() {
        let holds = |text: &str, value: &str| parse(text).expect(text)[0].holds(value);
        assert!(holds("a=~\"b|c\"", "c") && !holds("a=~\"b|c\"", "cc"));
        assert!(holds("a!=\"b\"", "") && holds("a=\"\"", "") && !holds("a=~\".+\"", ""));
    }

    #[test]
    fn each_kind_of_matcher_holds_for_its_own_values() {
        for (text, holds, not) in [
            ("a=\"b\"", &["b"][..], &["", "c", "bb"][..]),
            ("a!=\"b\"", &["", "c"], &["b"]),
            ("a=~\"b|c\"", &["b", "c"], &["", "bc"]),
            ("a!~\"b|c\"", &["", "bc"], &["b", "c"]),
            ("a=~\"b.*\"", &["b\nc"], &["a\nb"]),
        ] {
            let matcher = &parse(text).expect(text)[0];
            assert!(holds.iter().all(|value| matcher.holds(value)), "{text}");
            assert!(!not.iter().any(|value| matcher.holds(value)), "{text}");
            assert!(!matcher.examples().is_empty() && matcher.examples().iter().all(|v| matcher.holds(v)), "{text}");
        }
    }

    #[test]
    fn escapes_are_those_of_alertmanager() {
        for (text, value) in
            [(r"\n\t\r", "\n\t\r"), (r"\x41\u00e9\U0001f600", "Aé😀"), (r"\d\\\.", r"\d\\."), (r"\uzz", "\u{fffd}zz")]
        {
            let text = format!("a=\"{text}\"");
            assert_eq!(parse(&text).expect("a matcher")[0].value, value, "{text}");
        }
    }
}
