//! Answers resolved against their questions.

mod value;

use std::collections::BTreeMap;

use serde_json::Value;

use super::question::{Kind, Question};
use crate::error::{Error, Result, did_you_mean};
use crate::yaml::Node;

pub use value::Problem;
use value::is_secret_reference;

/// Answers by variable, each valid for its question. A `password` is `{"secret": NAME}` or null.
pub type Resolved = BTreeMap<String, Value>;

/// Whose settings these are, as errors name it.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// ``component `prometheus` ``
    pub name: &'a str,
    /// The command that lists the settings.
    pub help: &'a str,
    /// Where the spec has it, for settings that are missing.
    pub place: Option<&'a Node>,
}

/// Resolves the answers of a spec: checks those given, and fills in `presets` (the stack's own defaults), then the
/// questions' defaults.
///
/// Errors: unknown settings, invalid values, required settings left out, and answers to questions that do not apply.
pub fn resolve(
    owner: Owner<'_>,
    questions: &[Question],
    answers: &BTreeMap<String, Node>,
    presets: &BTreeMap<String, Value>,
) -> Result<Resolved> {
    let mut errors = Vec::new();
    for (variable, node) in answers {
        if !questions.iter().any(|question| &question.variable == variable) {
            errors.push(owner.unknown(variable, node, questions));
        }
    }
    // An invalid answer is not in here: neither default nor preset takes its place.
    let mut resolved = Resolved::new();
    for question in questions {
        let variable = &question.variable;
        match answers.get(variable) {
            Some(node) => match question.check(&node.to_json()) {
                Ok(value) => drop(resolved.insert(variable.clone(), value)),
                Err(problem) => errors.push(owner.invalid(variable, node, problem)),
            },
            None => {
                let value = presets.get(variable).cloned().unwrap_or_else(|| question.default_value());
                resolved.insert(variable.clone(), value);
            }
        }
    }
    for question in questions {
        let variable = &question.variable;
        match question.show_if.as_deref().filter(|condition| !holds(condition, &resolved)) {
            Some(unmet) => {
                if let Some(node) = answers.get(variable) {
                    errors.push(owner.without_effect(variable, node, unmet));
                }
            }
            None => {
                if question.required && resolved.get(variable).is_some_and(is_empty) {
                    errors.push(owner.missing(question));
                }
            }
        }
    }
    if may_show_a_secret(questions, answers) {
        errors = errors.into_iter().map(Error::without_excerpt).collect();
    }
    Error::all(errors).map(|()| resolved)
}

/// Is a value given where the name of a secret belongs, or under a key that may be a misspelt secret's? Then no line of
/// these settings is quoted: in `{host: db, password: ...}` they share it.
fn may_show_a_secret(questions: &[Question], answers: &BTreeMap<String, Node>) -> bool {
    let holds_secret = |question: &Question| question.kind == Kind::Password || question.or_secret;
    questions.iter().any(holds_secret)
        && answers.iter().any(|(variable, node)| match questions.iter().find(|q| &q.variable == variable) {
            Some(question) => holds_secret(question) && !is_secret_reference(&node.to_json()),
            None => true,
        })
}

impl Owner<'_> {
    fn unknown(self, variable: &str, node: &Node, questions: &[Question]) -> Error {
        let place = self.place.and_then(|place| place.key(variable)).unwrap_or(node);
        let error = place.error(format!("unknown setting `{variable}` of {}", self.name)).hint(self.help);
        match did_you_mean(variable, questions.iter().map(|question| question.variable.as_str())) {
            Some(guess) => error.label(format!("did you mean `{guess}`?")),
            None => error,
        }
    }

    fn invalid(self, variable: &str, node: &Node, problem: Problem) -> Error {
        node.error(format!("`{variable}` of {} {}", self.name, problem.message))
            .hint(problem.hint.unwrap_or_else(|| self.help.to_owned()))
    }

    fn without_effect(self, variable: &str, node: &Node, unmet: &str) -> Error {
        node.error(format!("`{variable}` of {} has no effect here", self.name))
            .hint(format!("it applies only with `{unmet}`"))
    }

    fn missing(self, question: &Question) -> Error {
        let message = format!("{} needs `{}`", self.name, question.variable);
        let error = self.place.map_or_else(|| Error::new(&message), |node| node.error(&message));
        error.cause(question.label.as_str()).hint(self.help)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;
    use serde_json::json;

    fn questions() -> Vec<Question> {
        let texts = [
            "{variable: retention, label: Keep data for, type: duration, default: 15d}",
            "{variable: port, label: Port, type: int, default: 9090, min: 1, max: 65535}",
            "{variable: mode, label: Mode, type: enum, options: [simple, complex], default: simple}",
            "{variable: depth, label: Depth, type: int, show_if: mode=complex, default: 1}",
            "{variable: target, label: Where to, type: string, show_if: mode=complex, required: true}",
            "{variable: site, label: Site, type: string, required: true, default: home}",
        ];
        texts.iter().map(|text| yaml::from_str("q.yaml", text).expect("a question")).collect()
    }

    fn resolve_with(presets: Value, text: &str) -> Result<Resolved> {
        let node = yaml::parse("watchpost.yaml", text).expect("YAML");
        let answers = node.entries().iter().map(|(k, v)| (k.as_str().unwrap_or("").to_owned(), v.clone())).collect();
        let presets = serde_json::from_value(presets).expect("a mapping");
        let help = "`watchpost catalog show prometheus` lists its settings";
        let owner = Owner { name: "component `prometheus`", help, place: Some(&node) };
        resolve(owner, &questions(), &answers, &presets)
    }

    fn resolve_text(text: &str) -> Result<Resolved> {
        resolve_with(json!({}), text)
    }

    /// Message and column of each error.
    fn errors(text: &str) -> Vec<(String, usize)> {
        let error = resolve_text(text).expect_err("rejected");
        let all = std::iter::once(&error).chain(&error.also);
        all.map(|error| (error.message.clone(), error.at.as_ref().expect("located").column)).collect()
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let resolved = resolve_text("port: 9091").expect("valid");
        assert_eq!(resolved["port"], json!(9091));
        assert_eq!(resolved["retention"], json!("15d"));
        assert_eq!(resolved["target"], Value::Null);
    }

    #[test]
    fn presets_replace_defaults_and_never_answers() {
        let presets = json!({"port": 1, "retention": "30d"});
        let resolved = resolve_with(presets.clone(), "port: 2").expect("valid");
        assert_eq!((&resolved["port"], &resolved["retention"]), (&json!(2), &json!("30d")));
        assert!(resolve_with(presets, "port: many").is_err());
    }

    #[test]
    fn a_required_setting_that_is_missing_or_empty_is_rejected() {
        assert_eq!(errors("{mode: complex}"), [("component `prometheus` needs `target`".into(), 1)]);
        assert_eq!(errors("site: ''"), [("component `prometheus` needs `site`".into(), 1)]);
        assert_eq!(errors("site:"), [("component `prometheus` needs `site`".into(), 1)]);
        assert!(resolve_text("{mode: complex, target: there}").is_ok());
    }

    #[test]
    fn a_required_setting_that_does_not_apply_is_not_asked_for() {
        assert!(resolve_text("{}").is_ok());
    }

    #[test]
    fn an_invalid_answer_is_one_error_also_where_it_is_required() {
        assert_eq!(
            errors("{site: [a], mode: complex, target: {a: b}}"),
            [
                ("`target` of component `prometheus` must be a text, not a mapping".into(), 36),
                ("`site` of component `prometheus` must be a text, not a list".into(), 8),
            ]
        );
    }

    #[test]
    fn a_value_where_the_name_of_a_secret_belongs_is_never_shown() {
        let texts = [
            "{variable: host, label: Host, type: string, valid_chars: '[a-z]+'}",
            "{variable: password, label: Password, type: password}",
            "{variable: url, label: URL, type: string, valid_chars: 'https?://[a-z]+', or_secret: true}",
        ];
        let questions: Vec<Question> =
            texts.iter().map(|text| yaml::from_str("q.yaml", text).expect("a question")).collect();
        for text in [
            "password: hunter2",
            "pasword: hunter2",
            "{host: A, password: hunter2}",
            "{host: A, url: 'https://hunter2'}",
            "url: https://hunter2",
            "password: {secret: 'hunter2!'}",
            "password: {secret: a, value: hunter2}",
            "url: {secret: 'hunter2!'}",
        ] {
            let node = yaml::parse("watchpost.yaml", text).expect("YAML");
            let answers =
                node.entries().iter().map(|(k, v)| (k.as_str().unwrap_or("").to_owned(), v.clone())).collect();
            let owner = Owner { name: "component `a`", help: "`watchpost catalog show a`", place: Some(&node) };
            let error = resolve(owner, &questions, &answers, &BTreeMap::new()).expect_err("rejected");
            let shown = format!("{error:?}");
            assert!(!shown.contains("hunter2"), "{text}: {shown}");
        }
    }

    #[test]
    fn a_condition_holds_when_all_its_parts_do() {
        let answers = Resolved::from([
            ("mode".to_owned(), json!("complex")),
            ("depth".into(), json!(3)),
            ("on".into(), json!(true)),
            ("empty".into(), Value::Null),
        ]);
        for condition in ["mode=complex", "mode = complex && depth=3", "on=true", "empty=", "absent="] {
            assert!(holds(condition, &answers), "{condition}");
        }
        for condition in ["mode=simple", "mode=complex && depth=4", "on=false", "empty=x", "mode"] {
            assert!(!holds(condition, &answers), "{condition}");
        }
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
            ("mode: simpel", "`mode` of component `prometheus` cannot be `simpel`"),
        ] {
            assert_eq!(resolve_text(text).expect_err("refused").message, message);
        }
    }

    #[test]
    fn an_answer_to_a_question_that_does_not_arise_is_refused() {
        let error = resolve_text("depth: 3").expect_err("refused");
        assert_eq!(error.hint.as_deref(), Some("it applies only with `mode=complex`"));
        assert!(resolve_text("{mode: complex, depth: 3, target: x}").is_ok());
    }
}
