//! How deep and how long an expression may be to be looked at: a walk over a deeper one would not end well.

/// Beyond these, walking an expression would not end well: how deep brackets may lie in each other, and how many
/// operators one may have, each of which may hold the one before it.
pub(super) const DEEPEST: usize = 200;
pub(super) const MOST_OPERATORS: usize = 1000;

/// Errors: what there is too much of. Strings and comments do not count.
pub(super) fn shallow(text: &str) -> Result<(), String> {
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        let length = match first {
            '"' | '\'' | '`' => string(rest, first),
            '#' => rest.find(['\r', '\n']).unwrap_or(rest.len()),
            _ => word.max(first.len_utf8()),
        };
        match first {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '+' | '-' | '*' | '/' | '%' | '^' | '=' | '!' | '<' | '>' => operators += 1,
            _ if ["and", "or", "unless", "atan2"].iter().any(|name| rest[..word].eq_ignore_ascii_case(name)) => {
                operators += 1;
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("its brackets lie more than {DEEPEST} deep in each other"));
        }
        if operators > MOST_OPERATORS {
            return Err(format!("it has more than {MOST_OPERATORS} operators"));
        }
        rest = &rest[length..];
    }
    Ok(())
}

/// The length of the string at the beginning of `text`, with its quotes. The parser knows escapes in backticks too.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_operators_in_strings_and_comments_do_not_count() {
        let many = "(-".repeat(DEEPEST.max(MOST_OPERATORS) + 1);
        for text in [
            format!("a{{b=\"{many}\"}}"),
            format!("a{{b='\\'{many}'}}"),
            format!("a # {many}"),
            format!("a # {many}\n + 1"),
            format!("# \"\n a # {many}\n # \" "),
        ] {
            assert_eq!(shallow(&text), Ok(()), "{text:.20}");
        }
        // Closed brackets do not lie in each other, and quotes end.
        assert_eq!(shallow(&"(a)[b]{c}".repeat(DEEPEST)), Ok(()));
        for text in [format!("\"\"{many}"), format!("'a'{many}"), format!("\"\\\"\"{many}"), format!("#\n{many}")] {
            assert!(shallow(&text).is_err(), "{text:.20}");
        }
        let chained = |count: usize| "a and ".repeat(count) + "a";
        assert_eq!(shallow(&chained(MOST_OPERATORS)), Ok(()));
        assert!(shallow(&chained(MOST_OPERATORS + 1)).is_err());
        assert_eq!(string("\"ab\"c", '"'), 4);
        assert_eq!(string("'a\\'b' c", '\''), 6);
        assert_eq!(string("\"open", '"'), 5);
    }
}
