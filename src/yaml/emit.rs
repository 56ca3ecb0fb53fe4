//! Writing YAML that reads back the same, whatever the texts hold, in every reader that watchpost's files meet.

use std::fmt::Write;

use serde_json::Value;

/// Block style, keys in the order given, two spaces a level, texts of several lines as blocks; ends with a line break.
pub fn emit(value: &Value) -> String {
    let options = serde_saphyr::ser_options! {
        compact_list_indent: false,
        // Fold nothing: a long line stays one line.
        folded_wrap_chars: usize::MAX,
        prefer_block_scalars: !has_blank_line_with_tab(value),
    };
    let mut text = String::new();
    let written = serde_saphyr::to_fmt_writer_with_options(&mut text, value, options);
    // JSON data has no type that YAML lacks, and writing to a String cannot fail.
    debug_assert!(written.is_ok(), "{written:?}");
    text
}

/// Readers disagree about a line of a block that holds nothing but blanks and tabs: such texts are quoted.
fn has_blank_line_with_tab(value: &Value) -> bool {
    let blank = |line: &str| line.contains('\t') && line.trim().is_empty();
    match value {
        Value::String(text) => text.contains('\n') && text.lines().any(blank),
        Value::Array(items) => items.iter().any(has_blank_line_with_tab),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| has_blank_line_with_tab(value) || key.contains('\n') && key.lines().any(blank)),
        _ => false,
    }
}

/// The same, each line indented by `indent` spaces; without the last line break.
pub fn emit_indented(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let text = emit(value);
    text.lines().map(|line| format!("{pad}{line}")).collect::<Vec<_>>().join("\n")
}

/// A text on one line in double quotes, wherever it is put: what a template's `<< >>` writes.
///
/// Escaped is every character that YAML 1.1 or 1.2 might take for a line break: a reader would fold a plain U+2028.
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
