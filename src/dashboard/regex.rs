//! The `regex` of a variable, in JavaScript's notation: `/pattern/flags`, or the bare pattern.

use regex_lite::{Regex, RegexBuilder};

/// One choice of a variable: what people see, and what goes into queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub text: String,
    pub value: String,
}

impl Choice {
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { value: text.clone(), text }
    }
}

fn compiled(pattern: &str) -> Option<Regex> {
    let (body, flags) = match pattern.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
        Some((body, flags)) => (body, flags),
        None => (pattern, ""),
    };
    RegexBuilder::new(body).case_insensitive(flags.contains('i')).build().ok()
}

/// Keeps the values that match, each once; a group narrows the value, groups `text` and `value` make a choice. A
/// pattern that cannot be read here (one that looks ahead) keeps all.
pub fn filter(pattern: &str, values: impl IntoIterator<Item = String>) -> Vec<Choice> {
    let regex = if pattern.is_empty() { None } else { compiled(pattern) };
    let mut kept: Vec<Choice> = Vec::new();
    for value in values {
        let Some(choice) = matched(regex.as_ref(), value) else { continue };
        if !kept.iter().any(|known| known.value == choice.value) {
            kept.push(choice);
        }
    }
    kept
}

fn matched(regex: Option<&Regex>, value: String) -> Option<Choice> {
    let Some(regex) = regex else { return Some(Choice::plain(value)) };
    let found = regex.captures(&value)?;
    let named = |name: &str| found.name(name).map(|part| part.as_str().to_owned());
    Some(match (named("text"), named("value")) {
        (Some(text), Some(value)) => Choice { text, value },
        (Some(one), None) | (None, Some(one)) => Choice::plain(one),
        (None, None) => match found.get(1) {
            Some(group) => Choice::plain(group.as_str()),
            None => Choice::plain(value),
        },
    })
}

/// Does the pattern match somewhere in the text? One that cannot be read matches all. For `metrics(pattern)`.
pub fn is_match(pattern: &str, text: &str) -> bool {
    compiled(pattern).is_none_or(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_narrow_and_name_the_choices() {
        let values = || ["db-1:9100", "db-2:9100", "web:80"].map(str::to_owned);
        let texts = |pattern: &str| filter(pattern, values()).into_iter().map(|c| c.value).collect::<Vec<_>>();
        assert_eq!(texts("/^db/"), ["db-1:9100", "db-2:9100"]);
        assert_eq!(texts("/(.*):.*/"), ["db-1", "db-2", "web"]);
        assert_eq!(texts(r"/\w+-?\d*:(\d+)/"), ["9100", "80"]);
        assert_eq!(texts("/^WEB/i"), ["web:80"]);
        assert_eq!(texts(""), ["db-1:9100", "db-2:9100", "web:80"]);
        let named = filter("/(?<text>[^:]+):(?<value>.*)/", values());
        assert_eq!((named[0].text.as_str(), named[0].value.as_str()), ("db-1", "9100"));
        assert_eq!(texts("/nothing/"), Vec::<String>::new());
    }

    #[test]
    fn a_pattern_matches_anywhere_and_one_that_cannot_be_read_matches_all() {
        for (pattern, text, matches) in [
            ("node_", "my_node_load", true),
            ("^node_", "my_node_load", false),
            ("/NODE/i", "my_node_load", true),
            ("/NODE/", "my_node_load", false),
            ("(?!x)", "anything", true),
        ] {
            assert_eq!(is_match(pattern, text), matches, "{pattern}");
        }
        let kept: Vec<String> = filter("(?!x)", ["a".into(), "a".into()]).into_iter().map(|c| c.value).collect();
        assert_eq!(kept, ["a"]);
    }
}
