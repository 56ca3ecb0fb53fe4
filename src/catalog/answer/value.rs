//! One value checked against its question, and brought into its final form.

use serde_json::{Map, Value};

use crate::catalog::question::{Kind, Question};
use crate::error::did_you_mean;
use crate::units::{parse_duration, parse_size};

/// Why a value is not valid, as the rest of a sentence: "`port` of component `prometheus` ...".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Question {
    /// The default in its final form; null when there is none.
    pub fn default_value(&self) -> Value {
        match (&self.secret, &self.default) {
            (Some(secret), _) => secret_reference(&secret.name),
            (None, Some(value)) => self.check(value).unwrap_or_else(|_| value.clone()),
            (None, None) if self.kind == Kind::List => Value::Array(Vec::new()),
            (None, None) => Value::Null,
        }
    }

    /// Checks a value and brings it into its final form (numbers as numbers, texts as texts).
    pub fn check(&self, value: &Value) -> Result<Value, Problem> {
        match self.kind {
            Kind::Boolean if value.is_boolean() => Ok(value.clone()),
            Kind::Boolean => Err(Problem::new(format!("must be true or false, not {}", describe(value)))),
            Kind::Int => self.check_int(value),
            Kind::Password => check_secret(value),
            _ if self.or_secret && value.is_object() => check_secret(value),
            Kind::List => self.check_list(value),
            Kind::Enum => self.check_option(text_of(value)?),
            Kind::String | Kind::Multiline => self.check_text(text_of(value)?),
            Kind::Duration => check_unit(text_of(value)?, "duration", "`15s`, `5m`, `12h`, `30d`, `1y`", |text| {
                parse_duration(text).is_some()
            }),
            Kind::Size => check_unit(text_of(value)?, "size", "`256MB`, `10GB`", |text| parse_size(text).is_some()),
        }
    }

    fn check_int(&self, value: &Value) -> Result<Value, Problem> {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            return Err(Problem::new(format!("must be a whole number, not {}", describe(value))));
        };
        if self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max) {
            return Ok(Value::from(number));
        }
        let allowed = match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            (None, max) => format!("{} or less", max.unwrap_or(i64::MAX)),
        };
        Err(Problem::new(format!("is out of bounds: {number}")).hint(format!("allowed: {allowed}")))
    }

    /// An empty text is an answer left out: it has neither a least length nor characters.
    fn check_text(&self, text: String) -> Result<Value, Problem> {
        let length = text.chars().count();
        if self.kind == Kind::String && text.contains(['\n', '\r']) {
            return Err(Problem::new("must be a single line"));
        }
        if let Some(min) = self.min_length.filter(|min| 0 < length && length < *min) {
            return Err(Problem::new(format!("is too short: at least {min} characters")));
        }
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            return Err(Problem::new(format!("is too long: at most {max} characters")));
        }
        if let Some(pattern) = self.valid_chars.as_deref().filter(|_| length > 0)
            && !matches(&format!("^(?:{pattern})$"), &text)
        {
            // What may be a secret is not repeated.
            let shown = if self.or_secret { String::new() } else { format!(": `{text}`") };
            return Err(Problem::new(format!("is not valid{shown}")).hint(format!("it must match `{pattern}`")));
        }
        if self.invalid_chars.as_deref().is_some_and(|pattern| matches(pattern, &text)) {
            let shown = if self.or_secret { String::new() } else { format!(": `{text}`") };
            return Err(Problem::new(format!("has a character that is not allowed{shown}")));
        }
        Ok(Value::String(text))
    }

    fn check_option(&self, text: String) -> Result<Value, Problem> {
        if self.options.contains(&text) {
            return Ok(Value::String(text));
        }
        let options = self.options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ");
        let problem = Problem::new(format!("cannot be `{text}`"));
        Err(match did_you_mean(&text, self.options.iter().map(String::as_str)) {
            Some(guess) => problem.hint(format!("did you mean `{guess}`? Allowed: {options}")),
            None => problem.hint(format!("allowed: {options}")),
        })
    }

    fn check_list(&self, value: &Value) -> Result<Value, Problem> {
        let items = match value {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            // What a prompt yields: `a, b`.
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            Value::String(text) => text.split(',').map(|item| Value::String(item.trim().into())).collect(),
            _ => return Err(Problem::new(format!("must be a list of texts, not {}", describe(value)))),
        };
        items.iter().map(|item| self.check_text(text_of(item)?)).collect()
    }
}

fn check_unit(text: String, kind: &str, examples: &str, is_valid: fn(&str) -> bool) -> Result<Value, Problem> {
    if is_valid(&text) {
        return Ok(Value::String(text));
    }
    let hint = format!("write a number and a unit: {examples}");
    Err(Problem::new(format!("must be a {kind}, not `{text}`")).hint(hint))
}

fn matches(pattern: &str, text: &str) -> bool {
    // Patterns are compiled when the catalog is read; a broken one cannot get here.
    regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

fn check_secret(value: &Value) -> Result<Value, Problem> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    // The value is not repeated: it may be the secret itself.
    match named_secret(value) {
        Some(name) if is_secret_name(name) => Ok(secret_reference(name)),
        Some(_) => Err(Problem::new("does not name a secret: not a valid name")
            .hint("use letters, digits, `_`, `-` and `.`, and begin with a letter or a digit")),
        None => Err(Problem::new("must name a secret, never hold its value").hint(
            "write `{secret: NAME}`, and under `secrets:` where NAME comes from: `{env: VARIABLE}` or `{file: PATH}`",
        )),
    }
}

fn named_secret(value: &Value) -> Option<&str> {
    value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("secret")?.as_str())
}

/// `{secret: NAME}` with a valid name, or nothing.
pub(super) fn is_secret_reference(value: &Value) -> bool {
    value.is_null() || named_secret(value).is_some_and(is_secret_name)
}

/// A secret's name becomes the name of a file, so that it must not lead out of its folder.
fn is_secret_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn secret_reference(name: &str) -> Value {
    Value::Object(Map::from_iter([("secret".to_owned(), Value::String(name.to_owned()))]))
}

fn text_of(value: &Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        _ => Err(Problem::new(format!("must be a text, not {}", describe(value)))),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;
    use serde_json::json;

    fn question(rules: &str) -> Question {
        yaml::from_str("q.yaml", &format!("{{variable: a, label: A, {rules}}}")).expect("a question")
    }

    /// The message of a rejected value.
    fn rejected(rules: &str, value: Value) -> String {
        question(rules).check(&value).expect_err("rejected").message
    }

    fn accepts(rules: &str, value: Value) -> bool {
        question(rules).check(&value).is_ok()
    }

    #[test]
    fn the_bounds_of_a_number_are_allowed_and_nothing_beyond_them() {
        let port = "type: int, min: 1, max: 65535";
        for (value, allowed) in [(0, false), (1, true), (65535, true), (65536, false)] {
            assert_eq!(accepts(port, json!(value)), allowed, "{value}");
        }
        assert!(accepts("type: int", json!(i64::MIN)) && accepts("type: int", json!(i64::MAX)));
        let hint = |rules: &str, value: i64| question(rules).check(&json!(value)).expect_err("rejected").hint;
        assert_eq!(hint(port, 0).as_deref(), Some("allowed: 1 to 65535"));
        assert_eq!(hint("type: int, min: 5", 4).as_deref(), Some("allowed: 5 or more"));
        assert_eq!(hint("type: int, max: 5", 6).as_deref(), Some("allowed: 5 or less"));
        assert_eq!(rejected(port, json!(70000)), "is out of bounds: 70000");
    }

    #[test]
    fn a_number_may_be_a_text_and_must_be_whole() {
        assert_eq!(question("type: int").check(&json!("80")), Ok(json!(80)));
        for value in [json!("many"), json!(1.5), json!(true), json!([1]), Value::Null] {
            assert!(rejected("type: int", value).starts_with("must be a whole number, not "));
        }
    }

    #[test]
    fn a_boolean_is_true_or_false_and_no_word() {
        assert_eq!(question("type: boolean").check(&json!(true)), Ok(json!(true)));
        assert_eq!(rejected("type: boolean", json!("yes")), "must be true or false, not `yes`");
        assert_eq!(rejected("type: boolean", Value::Null), "must be true or false, not nothing");
    }

    #[test]
    fn only_a_multiline_text_has_several_lines() {
        for text in ["a\nb", "a\rb"] {
            assert_eq!(rejected("type: string", json!(text)), "must be a single line");
            assert!(accepts("type: multiline", json!(text)));
        }
        assert!(accepts("type: string", json!("a b")));
    }

    #[test]
    fn the_length_of_a_text_is_counted_in_characters_and_its_bounds_are_allowed() {
        let rules = "type: string, min_length: 2, max_length: 4";
        for (text, allowed) in [("", true), ("a", false), ("ab", true), ("äöüß", true), ("abcde", false)] {
            assert_eq!(accepts(rules, json!(text)), allowed, "{text}");
        }
        assert_eq!(rejected(rules, json!("a")), "is too short: at least 2 characters");
        assert_eq!(rejected(rules, json!("abcde")), "is too long: at most 4 characters");
    }

    #[test]
    fn a_text_must_match_as_a_whole_unless_it_is_empty() {
        let rules = "type: string, valid_chars: 'a+|b'";
        for (text, allowed) in [("", true), ("aa", true), ("b", true), ("ab", false), ("xb", false), ("bb", false)] {
            assert_eq!(accepts(rules, json!(text)), allowed, "{text}");
        }
        let problem = question(rules).check(&json!("x")).expect_err("rejected");
        assert_eq!(
            (problem.message.as_str(), problem.hint.as_deref()),
            ("is not valid: `x`", Some("it must match `a+|b`"))
        );
    }

    #[test]
    fn a_forbidden_character_is_found_anywhere() {
        let rules = "type: string, invalid_chars: '[$]'";
        assert!(accepts(rules, json!("ab")) && !accepts(rules, json!("a$b")) && !accepts(rules, json!("$")));
    }

    #[test]
    fn a_list_is_written_as_one_or_with_commas_or_left_out() {
        let list = question("type: list, max_length: 3");
        for (value, items) in [
            (json!([]), json!([])),
            (Value::Null, json!([])),
            (json!(""), json!([])),
            (json!("  "), json!([])),
            (json!("a, b"), json!(["a", "b"])),
            (json!("a"), json!(["a"])),
            (json!(["a, b"]), json!(["a, b"])),
            (json!([1, true, null]), json!(["1", "true", ""])),
        ] {
            assert_eq!(question("type: list").check(&value), Ok(items), "{value}");
        }
        assert!(list.check(&json!(["abc", "abcd"])).is_err(), "rules hold for each item");
        assert_eq!(rejected("type: list", json!(5)), "must be a list of texts, not `5`");
        assert_eq!(rejected("type: list", json!([["a"]])), "must be a text, not a list");
    }

    #[test]
    fn a_text_may_be_written_as_a_number_or_a_boolean() {
        for (value, text) in [(json!(5), "5"), (json!(1.5), "1.5"), (json!(true), "true"), (Value::Null, "")] {
            assert_eq!(question("type: string").check(&value), Ok(json!(text)));
        }
        assert_eq!(rejected("type: string", json!({})), "must be a text, not a mapping");
    }

    #[test]
    fn an_option_is_one_of_those_listed() {
        let rules = "type: enum, options: [simple, complex]";
        assert!(accepts(rules, json!("simple")));
        let problem = question(rules).check(&json!("simpel")).expect_err("rejected");
        assert_eq!(problem.message, "cannot be `simpel`");
        assert_eq!(problem.hint.as_deref(), Some("did you mean `simple`? Allowed: `simple`, `complex`"));
        let hint = question(rules).check(&json!("xyzzy")).expect_err("rejected").hint;
        assert_eq!(hint.as_deref(), Some("allowed: `simple`, `complex`"));
    }

    #[test]
    fn durations_and_sizes_have_a_unit() {
        assert_eq!(question("type: duration").check(&json!("1h30m")), Ok(json!("1h30m")));
        assert_eq!(rejected("type: duration", json!("soon")), "must be a duration, not `soon`");
        assert_eq!(question("type: size").check(&json!("10GB")), Ok(json!("10GB")));
        assert_eq!(rejected("type: size", json!("10 apples")), "must be a size, not `10 apples`");
    }

    #[test]
    fn a_password_names_a_secret_and_never_holds_a_value() {
        assert_eq!(question("type: password").check(&json!({"secret": "db"})), Ok(json!({"secret": "db"})));
        assert_eq!(question("type: password").check(&Value::Null), Ok(Value::Null));
        for value in
            [json!("hunter2"), json!(5), json!({"secret": "a", "b": "hunter2"}), json!({"secret": 5}), json!({})]
        {
            assert_eq!(rejected("type: password", value), "must name a secret, never hold its value");
        }
    }

    #[test]
    fn the_name_of_a_secret_cannot_lead_out_of_its_folder() {
        for name in ["db", "DB_2", "a.b-c", "0"] {
            assert!(accepts("type: password", json!({"secret": name})), "{name}");
        }
        for name in
            ["", ".", "..", ".a", "-a", "_a", "a/b", "../../etc/passwd", "a b", "a\nb", "a\0", "ä", "a:b", "a$b"]
        {
            assert!(rejected("type: password", json!({"secret": name})).contains("not a valid name"), "{name}");
        }
    }

    #[test]
    fn a_text_may_be_a_secret_only_where_the_question_says_so() {
        let url = "type: string, or_secret: true";
        assert_eq!(question(url).check(&json!({"secret": "db"})), Ok(json!({"secret": "db"})));
        assert_eq!(question(url).check(&json!("http://a")), Ok(json!("http://a")));
        assert!(!accepts(url, json!({"secret": "../a"})) && !accepts("type: string", json!({"secret": "db"})));
    }

    #[test]
    fn a_default_has_its_final_form() {
        assert_eq!(question("type: list").default_value(), json!([]));
        assert_eq!(question("type: list, default: 'a, b'").default_value(), json!(["a", "b"]));
        assert_eq!(question("type: int, default: '5'").default_value(), json!(5));
        assert_eq!(question("type: string").default_value(), Value::Null);
        let secret = "type: password, secret: {name: db, generate: 24}";
        assert_eq!(question(secret).default_value(), json!({"secret": "db"}));
    }
}
