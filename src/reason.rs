//! What the log of another program gives as the reason of a failure.
//!
//! Programs log in logfmt, in JSON or as they like, in colours or not; the reason is the value of `err` or `error` where
//! there is one, with its escapes resolved.

use serde_json::Value;

/// Keys whose value is the reason, the most telling first.
const REASONS: [&str; 5] = ["err", "error", "exception", "msg", "message"];
const LEVELS: [&str; 4] = ["level", "lvl", "severity", "log.level"];
/// Of a reason, so much is quoted, in characters.
const QUOTED: usize = 400;

/// The text without the escape sequences that colour it.
pub fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            // Parameters, then one letter.
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

/// The reasons of all lines that report an error, the last line's first.
pub fn errors(log: &[String]) -> impl Iterator<Item = String> {
    log.iter().rev().filter_map(|line| reason(line))
}

/// The reason of one line; `None` when it reports no error.
pub fn reason(line: &str) -> Option<String> {
    let fields = fields(line);
    let of = |keys: &[&str]| {
        let find = |key: &&str| fields.iter().find(|(name, value)| name == *key && !value.is_empty());
        keys.iter().find_map(find).map(|(_, value)| value.as_str())
    };
    let level = of(&LEVELS).map(str::to_lowercase);
    let harmless = ["trace", "debug", "info", "notice", "warn", "warning"];
    if level.as_deref().is_some_and(|level| harmless.contains(&level)) {
        return None;
    }
    if level.is_some() || of(&REASONS[..3]).is_some() {
        return of(&REASONS).map(cut);
    }
    reports_error(line).then(|| cut(line.trim_matches('"')))
}

fn cut(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn reports_error(line: &str) -> bool {
    let line = line.to_lowercase();
    ["error", "fatal", "panic", "cannot", "failed", "denied"].iter().any(|word| line.contains(word))
}

/// The value of a field, in a line of JSON or logfmt.
pub fn field(line: &str, key: &str) -> Option<String> {
    fields(line).into_iter().find_map(|(name, value)| (name == key).then_some(value))
}

/// The fields of a line in JSON or logfmt; none when it is in neither.
fn fields(line: &str) -> Vec<(String, String)> {
    if let Ok(Value::Object(object)) = serde_json::from_str(line) {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return object.into_iter().map(|(name, value)| (name, text(value).replace(['\n', '\t'], " "))).collect();
    }
    logfmt(line)
}

/// `name=value name="a \"quoted\" value"`; words without a value are passed over.
fn logfmt(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let (value, left) = value(after);
        // A `=` within prose names no field; a quote that it opens is not one either.
        if name.is_empty() || !name.chars().all(plain) {
            rest = after;
            continue;
        }
        found.push((name.to_owned(), value));
        rest = left;
    }
    found
}

/// A value and what follows it: up to the closing quote, with its escapes resolved, or up to a blank.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        // What is not quoted as it should be is better quoted whole than cut.
        let next = text[end..].split_whitespace().next();
        let end = if next.is_none_or(|next| next.contains('=')) { end } else { text.len() };
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n' | 't' | 'r')) => value.push(' '),
                Some((_, c)) => value.push(c),
                None => {}
            },
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_at_the_start_is_no_error() {
        let warning = r#"level=WARN source=main.go:76 msg="Error loading config" err="no such file or directory""#;
        assert_eq!(errors(&[warning.to_owned()]).next(), None);
        assert_eq!(reason(r#"{"level":"warn","error":"slow"}"#), None);
    }

    #[test]
    fn the_reason_is_found_in_logfmt_json_and_prose() {
        for (line, found) in [
            (
                r#"time=x level=error msg="Redis INFO err: NOAUTH Authentication required.""#,
                "Redis INFO err: NOAUTH Authentication required.",
            ),
            (r#"level=error stderr=none msg=failed err=refused attempt=3"#, "refused"),
            (r#"ts=1 level=error err="parsing:\n  line 2: \"a\" found" caller=x"#, "parsing:   line 2: \"a\" found"),
            (
                r#"{"level":"error","ts":1.5,"msg":"cannot start","error":"dial tcp: \"db\" refused"}"#,
                "dial tcp: \"db\" refused",
            ),
            (r#"{"severity":"FATAL","message":"no space\nleft"}"#, "no space left"),
            (r#"FATAL:  database "shop" does not exist"#, r#"FATAL:  database "shop" does not exist"#),
            ("Error: x=1 is not valid", "Error: x=1 is not valid"),
        ] {
            assert_eq!(reason(line).as_deref(), Some(found), "{line}");
        }
        assert_eq!(reason(r#"{"level":"info","error":""}"#), None);
    }

    #[test]
    fn colours_are_left_out_and_a_long_reason_is_cut() {
        assert_eq!(without_colours("\u{1b}[31;1mERROR\u{1b}[0m x [y]"), "ERROR x [y]");
        assert_eq!(without_colours("a\u{1b}b"), "a\u{1b}b");
        let long = reason(&format!("error: {}", "x".repeat(1000))).expect("an error");
        assert_eq!(long.chars().count(), QUOTED + 1);
    }
}
