//! Which questions there are, given the answers so far.

use serde_json::{Value, json};

use super::{Answers, Choice, Form, Prompt, Surroundings};
use crate::catalog::answer::{self, Problem};
use crate::catalog::question::{Kind, Question};
use crate::catalog::{Catalog, Manifest};
use crate::compose::values::Port;
use crate::spec::DEFAULT_STACK;

pub const OVERWRITE: &str = "overwrite";
pub const WHERE: &str = "where";
pub const HOST: &str = "host";
pub const STACK: &str = "stack";
pub const ALERTS: &str = "alerts";
pub const GRAFANA: &str = "grafana.address";
pub const MORE: &str = "more";
/// The answer that stands for "no receiver".
pub const NOBODY: &str = "nobody";

/// All questions in their order. Those that follow from an answer appear once it is given.
pub fn steps(catalog: &Catalog, surroundings: &Surroundings, answers: &Answers) -> Vec<Prompt> {
    let mut steps = Vec::new();
    if let Some(file) = &surroundings.overwrites {
        let label = format!("Replace {file}?");
        steps.push(confirm(OVERWRITE, &label, "The file is there already. Its present content would be lost."));
    }
    if !surroundings.placed {
        steps.extend(place(surroundings, answers));
    }
    steps.push(stack(catalog));
    steps.extend(alerts(catalog, answers));
    let present = components(catalog, answers);
    if let Some(question) = question_of(&present, "prometheus", "retention") {
        steps.push(asked("prometheus", question));
    }
    if let Some(grafana) = present.iter().find(|manifest| manifest.name == "grafana") {
        steps.push(grafana_address(grafana));
    }
    steps.extend(more(&present, answers));
    steps
}

fn text_of<'a>(answers: &'a Answers, key: &str) -> &'a str {
    answers.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn place(surroundings: &Surroundings, answers: &Answers) -> Vec<Prompt> {
    let here = surroundings.docker.clone().unwrap_or_else(|| "no Docker daemon answers here".into());
    let choices = vec![("here", "this machine", here.as_str()), ("elsewhere", "another Docker host", "")];
    let mut steps = vec![choice(WHERE, "Where?", "The Docker host that the stack is to run on.", choices, "here")];
    if text_of(answers, WHERE) == "elsewhere" {
        steps.push(Prompt {
            key: HOST.into(),
            label: "Its address".into(),
            help: "The address of its Docker daemon, as in DOCKER_HOST: tcp://HOST:2375 or unix:///PATH.".into(),
            form: Form::Text,
            default: json!(""),
            check: Box::new(|value| match value.as_str().unwrap_or_default().split_once("://") {
                Some(("tcp" | "unix" | "npipe" | "ssh", rest)) if !rest.is_empty() => Ok(value.clone()),
                _ => Err(problem("is no address of a Docker host: write `tcp://HOST:2375`")),
            }),
        });
    }
    steps
}

fn stack(catalog: &Catalog) -> Prompt {
    let choices =
        catalog.stacks.values().map(|stack| (stack.name.as_str(), stack.name.as_str(), stack.description.as_str()));
    let help = "A choice of components to begin with. Single ones can be added or left out in the file later.";
    choice(STACK, "Which stack?", help, choices.collect(), DEFAULT_STACK)
}

fn alerts(catalog: &Catalog, answers: &Answers) -> Vec<Prompt> {
    let mut choices = vec![(NOBODY, "nobody yet", "they show in Alertmanager")];
    choices.extend(
        catalog.receivers.values().map(|kind| (kind.name.as_str(), kind.title.as_str(), kind.description.as_str())),
    );
    let help = "Who is told when something is wrong. More receivers and routes can be added in the file later.";
    let mut steps = vec![choice(ALERTS, "Alerts to?", help, choices, NOBODY)];
    if let Some(kind) = catalog.receivers.get(text_of(answers, ALERTS)) {
        for question in kind.questions.iter().filter(|question| question.required || !question.advanced) {
            steps.push(match question.kind {
                Kind::Password => secret_source(&kind.name, question),
                _ => asked(ALERTS, question),
            });
        }
    }
    steps
}

/// A secret's value is not asked for: it would end in a file that is kept in git. Its source is.
fn secret_source(kind: &str, question: &Question) -> Prompt {
    let variable = format!("{kind}_{}", question.variable).to_uppercase();
    let required = question.required;
    Prompt {
        key: format!("{ALERTS}.{}", question.variable),
        label: format!("{}: from", question.label),
        help: format!(
            "{} It is a secret, so the file does not hold it: name the variable of the environment that does, or the \
             path of a file (with a slash).{}",
            question.description,
            if required { "" } else { " Empty: there is none." }
        ),
        form: Form::Text,
        default: if required { json!(variable) } else { json!("") },
        check: Box::new(move |value| match value.as_str().unwrap_or_default() {
            "" if required => Err(problem("is needed: name a variable, or a file with a slash in its path")),
            text if text.is_empty() || text.contains('/') || is_variable(text) => Ok(value.clone()),
            _ => Err(problem("is neither a variable's name nor a path with a slash")),
        }),
    }
}

fn is_variable(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The manifests of the stack that was chosen.
fn components<'a>(catalog: &'a Catalog, answers: &Answers) -> Vec<&'a Manifest> {
    let stack = catalog.stacks.get(text_of(answers, STACK)).or_else(|| catalog.stacks.get(DEFAULT_STACK));
    let names = stack.into_iter().flat_map(|stack| stack.components.keys());
    names.filter_map(|name| Some(&catalog.components.get(name)?.manifest)).collect()
}

fn question_of<'a>(present: &[&'a Manifest], component: &str, variable: &str) -> Option<&'a Question> {
    let manifest = present.iter().find(|manifest| manifest.name == component)?;
    manifest.questions.iter().find(|question| question.variable == variable)
}

/// Address and port in one question, each checked by its own.
fn grafana_address(grafana: &Manifest) -> Prompt {
    let questions = grafana.questions.clone();
    let default = |variable: &str| {
        let question = grafana.questions.iter().find(|question| question.variable == variable);
        question
            .and_then(|question| question.default.clone())
            .map_or(String::new(), |value| value.to_string().replace('"', ""))
    };
    Prompt {
        key: GRAFANA.into(),
        label: "Open Grafana on?".into(),
        help: "Address and port on the Docker host. 127.0.0.1 keeps it to the host itself, 0.0.0.0 opens it to the network: \
               Docker's published ports pass by the host's firewall."
            .into(),
        form: Form::Text,
        default: json!(format!("{}:{}", default("bind"), default("port"))),
        check: Box::new(move |value| {
            let text = value.as_str().unwrap_or_default();
            Port::parse(&format!("{text}:3000")).map_err(|_| problem("is no address and port: write `127.0.0.1:3000`"))?;
            let (bind, port) = text.rsplit_once(':').unwrap_or_default();
            for (variable, value) in [("bind", bind), ("port", port)] {
                if let Some(question) = questions.iter().find(|question| question.variable == variable) {
                    question.check(&json!(value))?;
                }
            }
            Ok(value.clone())
        }),
    }
}

/// The other settings, a component at a time, for those who want them.
fn more(present: &[&Manifest], answers: &Answers) -> Vec<Prompt> {
    let help = "All else has a default that an expert would choose, and can be changed in the file at any time.";
    let mut steps = vec![confirm(MORE, "Change more settings?", help)];
    if answers.get(MORE) != Some(&Value::Bool(true)) {
        return steps;
    }
    for manifest in present {
        let rest: Vec<&Question> =
            manifest.questions.iter().filter(|question| !asked_before(manifest, question)).collect();
        let key = format!("{MORE}.{}", manifest.name);
        let label = format!("{}: {} settings?", manifest.title, rest.len());
        steps.push(confirm(&key, &label, &manifest.description));
        if answers.get(&key) == Some(&Value::Bool(true)) {
            steps.extend(settings(manifest, &rest, answers));
        }
    }
    steps
}

/// A component's plain settings, then its advanced ones by group, each group only for those who want it.
fn settings(manifest: &Manifest, questions: &[&Question], answers: &Answers) -> Vec<Prompt> {
    let asked = |question: &&Question| arises(manifest, question, answers).then(|| asked(&manifest.name, question));
    let mut steps: Vec<Prompt> = questions.iter().filter(|q| !q.advanced).filter_map(asked).collect();
    let group_of = |question: &Question| question.group.clone().unwrap_or_else(|| "Details".into());
    let mut groups: Vec<String> = Vec::new();
    for question in questions.iter().filter(|q| q.advanced && arises(manifest, q, answers)) {
        if !groups.contains(&group_of(question)) {
            groups.push(group_of(question));
        }
    }
    for group in groups {
        let name = group.to_lowercase();
        let key = format!("{MORE}.{}.{}", manifest.name, name.replace(' ', "_"));
        let members = questions.iter().filter(|q| q.advanced && group_of(q) == group);
        let labels: Vec<&str> = members.clone().map(|question| question.label.as_str()).collect();
        steps.push(confirm(&key, &format!("Set its {name} too?"), &format!("{}.", labels.join(", "))));
        if answers.get(&key) == Some(&Value::Bool(true)) {
            steps.extend(members.filter_map(asked));
        }
    }
    steps
}

fn asked_before(manifest: &Manifest, question: &Question) -> bool {
    let variable = question.variable.as_str();
    match manifest.name.as_str() {
        // Another image is for those who edit the file.
        _ if variable == "image" => true,
        "prometheus" => variable == "retention",
        "grafana" => matches!(variable, "bind" | "port") || question.kind == Kind::Password,
        _ => question.kind == Kind::Password,
    }
}

fn arises(manifest: &Manifest, question: &Question, answers: &Answers) -> bool {
    let Some(condition) = &question.show_if else { return true };
    let value = |question: &Question| {
        let key = format!("{}.{}", manifest.name, question.variable);
        (question.variable.clone(), answers.get(&key).cloned().unwrap_or_else(|| question.default_value()))
    };
    answer::holds(condition, &manifest.questions.iter().map(value).collect())
}

/// A question of the catalog, under `<owner>.<variable>`.
fn asked(owner: &str, question: &Question) -> Prompt {
    let form = match question.kind {
        Kind::Boolean => Form::Confirm,
        Kind::Enum => Form::Choice(
            question
                .options
                .iter()
                .map(|o| Choice { value: o.clone(), label: o.clone(), note: String::new() })
                .collect(),
        ),
        _ => Form::Text,
    };
    let question = question.clone();
    Prompt {
        key: format!("{owner}.{}", question.variable),
        label: question.label.clone(),
        help: question.description.clone(),
        form,
        default: match question.default_value() {
            Value::Null => json!(""),
            Value::Array(items) => json!(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
            value => value,
        },
        check: Box::new(move |value| {
            if question.required && value.as_str() == Some("") {
                return Err(problem("is needed"));
            }
            // An empty answer to an optional question is no answer, whatever its type.
            if value.as_str() == Some("") { Ok(value.clone()) } else { question.check(value) }
        }),
    }
}

fn problem(message: &str) -> Problem {
    Problem { message: message.into(), hint: None }
}

fn confirm(key: &str, label: &str, help: &str) -> Prompt {
    Prompt {
        key: key.into(),
        label: label.into(),
        help: help.into(),
        form: Form::Confirm,
        default: json!(false),
        check: Box::new(|value| {
            if value.is_boolean() { Ok(value.clone()) } else { Err(problem("is answered with true or false")) }
        }),
    }
}

fn choice(key: &str, label: &str, help: &str, choices: Vec<(&str, &str, &str)>, default: &str) -> Prompt {
    let values: Vec<String> = choices.iter().map(|(value, ..)| (*value).to_owned()).collect();
    let choices = choices.into_iter().map(|(value, label, note)| Choice {
        value: value.into(),
        label: label.into(),
        note: note.into(),
    });
    Prompt {
        key: key.into(),
        label: label.into(),
        help: help.into(),
        form: Form::Choice(choices.collect()),
        default: json!(default),
        check: Box::new(move |value| match value.as_str() {
            Some(text) if values.iter().any(|known| known == text) => Ok(value.clone()),
            _ => Err(problem(&format!("is one of {}", values.join(", ")))),
        }),
    }
}
