//! What a question must hold: fields that go together, patterns that compile, conditions that can be.

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::at;
use crate::catalog::question::{Kind, Question};
use crate::error::{Error, Result, did_you_mean};
use crate::yaml::Node;

/// Each question of a manifest or receiver kind (`node`) by itself, and all together.
pub fn questions(questions: &[Question], node: &Node) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (question, node) in questions.iter().zip(at(node, "questions").items()) {
        if !seen.insert(&question.variable) {
            errors.push(at(node, "variable").error(format!("the question `{}` is asked twice", question.variable)));
        }
        errors.extend(self::question(question, questions, node).err());
    }
    errors
}

fn question(question: &Question, all: &[Question], node: &Node) -> Result<()> {
    let variable = &question.variable;
    let identifier = variable.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if variable.is_empty() || !identifier {
        return Err(at(node, "variable")
            .error(format!("`{variable}` is not a valid name for a variable"))
            .hint("lowercase letters, digits and `_`"));
    }
    if (question.kind == Kind::Enum) == question.options.is_empty() {
        return Err(node.error(format!("`{variable}`: `options` go with `type: enum`, and only with it")));
    }
    bounds(question, node)?;
    for (key, pattern) in [("valid_chars", &question.valid_chars), ("invalid_chars", &question.invalid_chars)] {
        if let Some(error) = pattern.as_deref().and_then(|pattern| Regex::new(pattern).err()) {
            return Err(at(node, key)
                .error(format!("`{key}` of `{variable}` is not a valid regular expression"))
                .cause(error));
        }
    }
    secret(question, node)?;
    if let Some(condition) = &question.show_if {
        show_if(question, condition, all, at(node, "show_if"))?;
    }
    for (key, value) in [("default", &question.default), ("example", &question.example)] {
        let Some(value) = value else { continue };
        question.check(value).map_err(|problem| {
            let error = at(node, key).error(format!("the {key} of `{variable}` {}", problem.message));
            problem.hint.into_iter().fold(error, Error::hint)
        })?;
    }
    Ok(())
}

fn bounds(question: &Question, node: &Node) -> Result<()> {
    let variable = &question.variable;
    let upside_down = |min: Option<i64>, max: Option<i64>| matches!((min, max), (Some(min), Some(max)) if min > max);
    if upside_down(question.min, question.max) {
        return Err(at(node, "min").error(format!("`{variable}`: `min` is more than `max`")));
    }
    let length = |bound: Option<usize>| bound.map(|bound| i64::try_from(bound).unwrap_or(i64::MAX));
    if upside_down(length(question.min_length), length(question.max_length)) {
        return Err(at(node, "min_length").error(format!("`{variable}`: `min_length` is more than `max_length`")));
    }
    let number = question.min.is_some() || question.max.is_some();
    if number && question.kind != Kind::Int {
        return Err(node
            .error(format!("`{variable}`: `min` and `max` go with `type: int`"))
            .hint("for texts there are `min_length` and `max_length`"));
    }
    let textual = matches!(question.kind, Kind::String | Kind::Multiline | Kind::List);
    let text = question.min_length.is_some() || question.max_length.is_some() || question.valid_chars.is_some();
    if (text || question.invalid_chars.is_some()) && !textual {
        return Err(node.error(format!(
            "`{variable}`: `min_length`, `max_length`, `valid_chars` and `invalid_chars` go with texts"
        )));
    }
    Ok(())
}

fn secret(question: &Question, node: &Node) -> Result<()> {
    let variable = &question.variable;
    let is_password = question.kind == Kind::Password;
    if !is_password && (question.secret.is_some() || question.is_derived()) {
        return Err(node.error(format!("`{variable}`: `secret`, `json_key` and `pgpass` go with `type: password`")));
    }
    if question.json_key.is_some() && question.pgpass {
        return Err(node.error(format!("`{variable}`: a file has one form, `json_key` or `pgpass`")));
    }
    if question.or_secret && question.kind != Kind::String {
        return Err(node.error(format!("`{variable}`: `or_secret` goes with `type: string`")));
    }
    if is_password && question.default.is_some() {
        return Err(at(node, "default").error(format!("the password `{variable}` has a default")).hint(
            "a value in a manifest is not secret; `secret: {name: NAME, generate: 24}` makes one on the first deploy",
        ));
    }
    if question.secret.as_ref().is_some_and(|secret| !(12..=256).contains(&secret.generate)) {
        return Err(at(at(node, "secret"), "generate")
            .error(format!("the secret of `{variable}` must have 12 to 256 characters")));
    }
    Ok(())
}

fn show_if(question: &Question, condition: &str, all: &[Question], place: &Node) -> Result<()> {
    let wrong = |why: String| {
        place
            .error(format!("`show_if` of `{}` can never be: {why}", question.variable))
            .hint("write `variable=value`, naming another question's variable; join several with `&&`")
    };
    for part in condition.split("&&") {
        let Some((name, value)) = part.split_once('=') else {
            return Err(wrong(format!("`{}` compares nothing", part.trim())));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(other) = all.iter().find(|other| other.variable == name && name != question.variable) else {
            let error = wrong(format!("no other question asks for `{name}`"));
            return Err(match did_you_mean(name, all.iter().map(|other| other.variable.as_str())) {
                Some(guess) if guess != question.variable => error.label(format!("did you mean `{guess}`?")),
                _ => error,
            });
        };
        let possible = match other.kind {
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Enum => other.options.iter().any(|option| option == value),
            _ => true,
        };
        if !possible {
            return Err(wrong(format!("`{name}` is never `{value}`")));
        }
    }
    Ok(())
}
