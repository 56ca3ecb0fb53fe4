//! Writing YAML that reads back the same, whatever the texts hold.
//!
//! Texts that are not plain words are written as JSON strings (a subset of YAML's double-quoted style), with every
//! character escaped that YAML 1.1 or 1.2 might take for a line break: emitters that leave U+2028 as it is do not
//! survive a second reading.

use std::fmt::Write;

use serde_json::Value;

/// Block style, keys in the order given, two spaces a level, ends with a line break.
pub fn emit(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => block(value, 0, &mut text),
        _ => text = scalar(value) + "\n",
    }
    text
}

/// The same, each line indented by `indent` spaces; without the last line break.
pub fn emit_indented(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let text = emit(value);
    text.lines().map(|line| format!("{pad}{line}")).collect::<Vec<_>>().join("\n")
}

/// A text as a JSON string that every YAML reader takes back as it was.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Control characters, the line breaks of YAML 1.1, the byte order mark, and non-characters.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn block(value: &Value, indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                text.push_str(&pad);
                text.push_str(&word(key));
                text.push(':');
                inner(value, indent + 2, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&pad);
                text.push('-');
                if is_empty(item) || !(item.is_object() || item.is_array()) {
                    inner(item, indent + 2, text);
                    continue;
                }
                // The first key stands behind the dash.
                let mut nested = String::new();
                block(item, indent + 2, &mut nested);
                text.push(' ');
                text.push_str(nested.trim_start_matches(' '));
            }
        }
        _ => text.push_str(&scalar(value)),
    }
}

fn inner(value: &Value, indent: usize, text: &mut String) {
    if !is_empty(value) && (value.is_object() || value.is_array()) {
        text.push('\n');
        block(value, indent, text);
    } else {
        text.push(' ');
        text.push_str(&scalar(value));
        text.push('\n');
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        Value::Object(_) => "{}".into(),
        Value::Array(_) => "[]".into(),
        other => other.to_string(),
    }
}

/// Plain where nobody can take it for anything but this text.
fn word(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.' | '_'));
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '=' | '+'));
    let colon_inside =
        text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '=' | ':'))
            && !text.ends_with(':')
            && text.matches(':').count() <= 2
            && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.');
    let looks_typed = matches!(super::plain(text), super::Kind::String(_))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "null" | "true" | "false" | ".inf" | ".nan"
        );
    if first && (rest || colon_inside) && looks_typed { text.to_owned() } else { quote(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::yaml::parse;

    #[test]
    fn people_can_read_it() {
        let value = json!({"name": "a", "ports": ["127.0.0.1:80:80"], "list": [{"a": 1, "b": [true]}, {}], "none": null, "no": "no"});
        let text = "name: a\nports:\n  - \"127.0.0.1:80:80\"\nlist:\n  - a: 1\n    b:\n      - true\n  - {}\nnone: null\n\"no\": \"no\"\n";
        assert_eq!(emit(&value), text);
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a-z0-9:=./-]{0,12}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back_the_same(value in anything()) {
            let text = emit(&value);
            prop_assert_eq!(parse("x.yaml", &text).expect("YAML").to_json(), value, "{}", text);
        }
    }
}
