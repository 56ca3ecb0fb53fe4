//! Answers held against their questions.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::question::{Kind, Question};
use crate::error::{Error, Result, did_you_mean};
use crate::units::{parse_duration, parse_size};
use crate::yaml::Node;

/// Answers by variable, each valid for its question. A `password` is `{"secret": NAME}` or null.
pub type Resolved = BTreeMap<String, Value>;

/// What is asked, in the words of an error.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// ``component `prometheus` ``
    pub name: &'a str,
    /// The command that lists the settings.
    pub help: &'a str,
}

/// Holds the answers of a spec against the questions; defaults fill what is missing.
///
/// `presets` are the stack's own defaults. Errors: unknown settings, wrong types, values out of bounds,
/// required settings left out (`owner` is pointed at), and answers to questions that do not arise.
pub fn resolve(
    subject: Subject<'_>,
    questions: &[Question],
    answers: &BTreeMap<String, Node>,
    presets: &BTreeMap<String, Value>,
    owner: Option<&Node>,
) -> Result<Resolved> {
    let mut errors = Vec::new();
    let mut resolved = Resolved::new();
    for (variable, node) in answers {
        let Some(question) = questions.iter().find(|question| &question.variable == variable) else {
            errors.push(unknown(subject, questions, variable, node, owner));
            continue;
        };
        match question.check(&node.to_json()) {
            Ok(value) => drop(resolved.insert(variable.clone(), value)),
            Err(problem) => errors.push(
                node.error(format!("`{variable}` of {} {}", subject.name, problem.message))
                    .hint(problem.hint.unwrap_or_else(|| subject.help.to_owned())),
            ),
        }
    }
    for question in questions {
        if resolved.contains_key(&question.variable) || answers.contains_key(&question.variable) {
            continue;
        }
        let preset = presets.get(&question.variable).cloned();
        resolved.insert(question.variable.clone(), preset.unwrap_or_else(|| question.default_value()));
    }
    for question in questions {
        let Some(condition) = &question.show_if else { continue };
        if let (false, Some(node)) = (holds(condition, &resolved), answers.get(&question.variable)) {
            errors.push(
                node.error(format!("`{}` of {} has no effect here", question.variable, subject.name))
                    .hint(format!("it applies only with `{condition}`")),
            );
        }
    }
    for question in questions.iter().filter(|question| question.required) {
        let asked = question.show_if.as_deref().is_none_or(|condition| holds(condition, &resolved));
        if asked && !errors_mention(&errors, &question.variable) && is_empty(resolved.get(&question.variable)) {
            let message = format!("{} needs `{}`", subject.name, question.variable);
            let error = owner.map_or_else(|| Error::new(&message), |node| node.error(&message));
            errors.push(error.cause(question.label.as_str()).hint(subject.help));
        }
    }
    Error::all(errors).map(|()| resolved)
}

fn unknown(subject: Subject<'_>, questions: &[Question], variable: &str, node: &Node, owner: Option<&Node>) -> Error {
    let place = owner.and_then(|owner| owner.key(variable)).unwrap_or(node);
    let error = place.error(format!("unknown setting `{variable}` of {}", subject.name)).hint(subject.help);
    match did_you_mean(variable, questions.iter().map(|question| question.variable.as_str())) {
        Some(guess) => error.label(format!("did you mean `{guess}`?")),
        None => error,
    }
}

fn errors_mention(errors: &[Error], variable: &str) -> bool {
    let name = format!("`{variable}`");
    errors.iter().any(|error| error.message.contains(&name))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// `a=b`, several joined by `&&`.
pub fn holds(condition: &str, answers: &Resolved) -> bool {
    condition.split("&&").all(|part| {
        let Some((variable, wanted)) = part.split_once('=') else { return false };
        let actual = match answers.get(variable.trim()) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        actual == wanted.trim()
    })
}

/// Why a value is no answer, to stand behind "`port` of ...".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub hint: Option<String>,
}

fn problem(message: impl Into<String>) -> Problem {
    Problem { message: message.into(), hint: None }
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
            Kind::Boolean => match value {
                Value::Bool(_) => Ok(value.clone()),
                _ => Err(problem(format!("must be true or false, not {}", show(value)))),
            },
            Kind::Int => self.check_int(value),
            Kind::Password => check_secret(value),
            _ if self.or_secret && value.is_object() => check_secret(value),
            Kind::List => self.check_list(value),
            Kind::Enum => self.check_option(text_of(value)?),
            Kind::String | Kind::Multiline => self.check_text(text_of(value)?),
            Kind::Duration => {
                let text = text_of(value)?;
                parse_duration(&text).ok_or_else(|| Problem {
                    message: format!("must be a duration, not `{text}`"),
                    hint: Some("write a number and a unit: `15s`, `5m`, `12h`, `30d`, `1y`".into()),
                })?;
                Ok(Value::String(text))
            }
            Kind::Size => {
                let text = text_of(value)?;
                parse_size(&text).ok_or_else(|| Problem {
                    message: format!("must be a size, not `{text}`"),
                    hint: Some("write a number and a unit: `256MB`, `10GB`".into()),
                })?;
                Ok(Value::String(text))
            }
        }
    }

    fn check_int(&self, value: &Value) -> Result<Value, Problem> {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| problem(format!("must be a whole number, not {}", show(value))))?;
        let bounds = match (self.min, self.max) {
            (Some(min), Some(max)) => format!("it takes {min} to {max}"),
            (Some(min), None) => format!("it takes {min} or more"),
            (None, Some(max)) => format!("it takes {max} or less"),
            (None, None) => String::new(),
        };
        if self.min.is_some_and(|min| number < min) || self.max.is_some_and(|max| number > max) {
            return Err(Problem { message: format!("is out of bounds: {number}"), hint: Some(bounds) });
        }
        Ok(Value::from(number))
    }

    fn check_text(&self, text: String) -> Result<Value, Problem> {
        let length = text.chars().count();
        if self.kind == Kind::String && text.contains(['\n', '\r']) {
            return Err(problem("must be a single line"));
        }
        if length > 0 && self.min_length.is_some_and(|min| length < min) {
            return Err(problem(format!("is too short: at least {} characters", self.min_length.unwrap_or(0))));
        }
        if self.max_length.is_some_and(|max| length > max) {
            return Err(problem(format!("is too long: at most {} characters", self.max_length.unwrap_or(0))));
        }
        if let Some(pattern) = self.valid_chars.as_deref().filter(|_| length > 0)
            && !matches(&format!("^(?:{pattern})$"), &text)
        {
            return Err(Problem {
                message: format!("does not take `{text}`"),
                hint: Some(format!("it must match `{pattern}`")),
            });
        }
        if self.invalid_chars.as_deref().is_some_and(|pattern| matches(pattern, &text)) {
            return Err(problem(format!("has a character that is not allowed: `{text}`")));
        }
        Ok(Value::String(text))
    }

    fn check_option(&self, text: String) -> Result<Value, Problem> {
        if self.options.contains(&text) {
            return Ok(Value::String(text));
        }
        let options = self.options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ");
        let hint = match did_you_mean(&text, self.options.iter().map(String::as_str)) {
            Some(guess) => format!("did you mean `{guess}`? It takes {options}"),
            None => format!("it takes {options}"),
        };
        Err(Problem { message: format!("does not know `{text}`"), hint: Some(hint) })
    }

    fn check_list(&self, value: &Value) -> Result<Value, Problem> {
        let items = match value {
            Value::Array(items) => items.clone(),
            // What a prompt yields: `a, b`.
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            Value::String(text) => text.split(',').map(|item| Value::String(item.trim().into())).collect(),
            Value::Null => Vec::new(),
            _ => return Err(problem(format!("must be a list of texts, not {}", show(value)))),
        };
        items.iter().map(|item| self.check_text(text_of(item)?)).collect()
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    // Patterns are compiled when the catalog is read; a broken one cannot get here.
    regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

fn check_secret(value: &Value) -> Result<Value, Problem> {
    let name = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("secret")?.as_str());
    match name {
        Some(name) if is_secret_name(name) => Ok(secret_reference(name)),
        Some(name) => Err(Problem {
            message: format!("names no secret: `{name}`"),
            hint: Some("a secret's name has letters, digits, `_`, `-` and `.`, and begins with a letter or digit".into()),
        }),
        None if value.is_null() => Ok(Value::Null),
        None => Err(Problem {
            message: "must name a secret, never hold its value".into(),
            hint: Some("write `{secret: NAME}` and say under `secrets:` where NAME comes from: `{env: VARIABLE}` or `{file: PATH}`".into()),
        }),
    }
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
        _ => Err(problem(format!("must be a text, not {}", show(value)))),
    }
}

fn show(value: &Value) -> String {
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

    fn question(text: &str) -> Question {
        yaml::from_str("q.yaml", text).expect("a question")
    }

    fn questions() -> Vec<Question> {
        vec![
            question("{variable: retention, label: Keep data for, type: duration, default: 15d}"),
            question("{variable: port, label: Port, type: int, default: 9090, min: 1, max: 65535}"),
            question("{variable: mode, label: Mode, type: enum, options: [simple, complex], default: simple}"),
            question("{variable: depth, label: Depth, type: int, show_if: mode=complex, default: 1}"),
        ]
    }

    fn resolve_text(text: &str) -> Result<Resolved> {
        let node = yaml::parse("watchpost.yaml", text).expect("YAML");
        let answers = node.entries().iter().map(|(k, v)| (k.as_str().unwrap_or("").to_owned(), v.clone())).collect();
        let subject =
            Subject { name: "component `prometheus`", help: "`watchpost catalog show prometheus` lists its settings" };
        resolve(subject, &questions(), &answers, &BTreeMap::new(), Some(&node))
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let resolved = resolve_text("port: 9091").expect("valid");
        assert_eq!(resolved["port"], json!(9091));
        assert_eq!(resolved["retention"], json!("15d"));
    }

    #[test]
    fn an_unknown_setting_points_at_its_key_and_guesses() {
        let error = resolve_text("retension: 30d").expect_err("refused");
        assert_eq!(error.message, "unknown setting `retension` of component `prometheus`");
        assert_eq!(error.label.as_deref(), Some("did you mean `retention`?"));
        assert_eq!(error.at.clone().expect("located").column, 1);
    }

    #[test]
    fn values_out_of_bounds_and_of_wrong_type_are_refused() {
        for (text, message) in [
            ("port: 70000", "`port` of component `prometheus` is out of bounds: 70000"),
            ("port: many", "`port` of component `prometheus` must be a whole number, not `many`"),
            ("retention: soon", "`retention` of component `prometheus` must be a duration, not `soon`"),
            ("mode: simpel", "`mode` of component `prometheus` does not know `simpel`"),
        ] {
            assert_eq!(resolve_text(text).expect_err("refused").message, message);
        }
    }

    #[test]
    fn an_answer_to_a_question_that_does_not_arise_is_refused() {
        let error = resolve_text("depth: 3").expect_err("refused");
        assert_eq!(error.hint.as_deref(), Some("it applies only with `mode=complex`"));
        assert!(resolve_text("{mode: complex, depth: 3}").is_ok());
    }

    #[test]
    fn a_password_takes_a_reference_and_never_a_value() {
        let password = question("{variable: password, label: Password, type: password}");
        assert_eq!(password.check(&json!({"secret": "db"})), Ok(json!({"secret": "db"})));
        let problem = password.check(&json!("hunter2")).expect_err("refused");
        assert!(!problem.message.contains("hunter2"));
        assert!(password.check(&json!({"secret": "../../etc/passwd"})).is_err());
    }
}
