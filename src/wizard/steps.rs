//! Which questions there are, given the answers so far.

use serde_json::{Value, json};

use super::{Answers, Choice, Form, Prompt, Surroundings};
use crate::catalog::answer::{self, Problem};
use crate::catalog::question::{Kind, Question};
use crate::catalog::{Catalog, Manifest};
use crate::compose::values::Port;
use crate::spec::{DEFAULT_STACK, names};

pub const OVERWRITE: &str = "overwrite";
pub const WHERE: &str = "where";
pub const HOST: &str = "host";
pub const STACK: &str = "stack";
pub const ALERTS: &str = "alerts";
pub const GRAFANA: &str = "grafana.address";
pub const ADDRESS: &str = "address";
pub const MORE: &str = "more";
/// The answer that stands for "no receiver".
pub const NOBODY: &str = "nobody";

/// All questions in their order. Those that follow from an answer appear once it is given.
pub fn steps(catalog: &Catalog, surroundings: &Surroundings, answers: &Answers) -> Vec<Prompt> {
    let mut steps = Vec::new();
    if let Some(file) = &surroundings.overwrites {
        let label = format!("Replace {file}?");
        steps.push(confirm(OVERWRITE, &label, "The file exists. Its content would be replaced."));
    }
    if !surroundings.placed {
        steps.extend(host(surroundings, answers));
    }
    steps.push(stack(catalog));
    steps.extend(alerts(catalog, answers));
    let present = components(catalog, answers);
    if let Some(question) = question_of(&present, "prometheus", "retention") {
        steps.push(setting("prometheus", question));
    }
    if let Some(grafana) = present.iter().find(|manifest| manifest.name == "grafana") {
        steps.push(grafana_address(grafana));
    }
    steps.push(address(answers));
    steps.extend(further_settings(&present, answers));
    steps
}

fn answer<'a>(answers: &'a Answers, key: &str) -> &'a str {
    answers.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn host(surroundings: &Surroundings, answers: &Answers) -> Vec<Prompt> {
    let here = surroundings.docker.clone().unwrap_or_else(|| "no Docker daemon answers here".into());
    let choices = vec![("here", "this machine", here.as_str()), ("elsewhere", "another Docker host", "")];
    let mut steps = vec![choice(
        WHERE,
        "Where?",
        "The Docker host that runs the stack: this machine, or another that answers over tcp or a socket.",
        choices,
        "here",
    )];
    if answer(answers, WHERE) == "elsewhere" {
        steps.push(Prompt {
            key: HOST.into(),
            label: "Its address".into(),
            help: "The address of its Docker daemon, as in DOCKER_HOST: unix:///PATH or tcp://HOST:2375.".into(),
            form: Form::Text,
            confidential: false,
            default: json!(""),
            check: Box::new(|value| match value.as_str().unwrap_or_default().split_once("://") {
                Some(("tcp" | "unix" | "npipe" | "ssh", rest)) if !rest.is_empty() => Ok(value.clone()),
                _ => Err(problem("must be the address of a Docker host, such as `unix:///PATH` or `tcp://HOST:2375`")),
            }),
        });
    }
    steps
}

fn stack(catalog: &Catalog) -> Prompt {
    let choices =
        catalog.stacks.values().map(|stack| (stack.name.as_str(), stack.name.as_str(), stack.description.as_str()));
    let help = "The components to begin with. Add or remove single ones in the file later.";
    choice(STACK, "Which stack?", help, choices.collect(), DEFAULT_STACK)
}

fn alerts(catalog: &Catalog, answers: &Answers) -> Vec<Prompt> {
    let mut choices = vec![(NOBODY, "nobody yet", "Alertmanager shows them")];
    choices.extend(
        catalog.receivers.values().map(|kind| (kind.name.as_str(), kind.title.as_str(), kind.description.as_str())),
    );
    let help = "Who gets a message when an alert fires. Add more receivers and routes in the file later.";
    let mut steps = vec![choice(ALERTS, "Alerts to?", help, choices, NOBODY)];
    if let Some(kind) = catalog.receivers.get(answer(answers, ALERTS)) {
        for question in kind.questions.iter().filter(|question| question.required || !question.advanced) {
            steps.push(match question.kind {
                Kind::Password => secret_source(&kind.name, question),
                _ => setting(ALERTS, question),
            });
        }
    }
    steps
}

/// Asks for a secret's source, not for its value: the spec is kept in git.
fn secret_source(kind: &str, question: &Question) -> Prompt {
    let variable = format!("{kind}_{}", question.variable).to_uppercase();
    let required = question.required;
    Prompt {
        key: format!("{ALERTS}.{}", question.variable),
        label: format!("{}: from", question.label),
        help: format!(
            "{} The spec must not hold this secret. Name the environment variable that does, or a file by a path with a \
             slash.{}",
            question.description,
            if required { "" } else { " Leave it empty if there is none." }
        ),
        form: Form::Text,
        confidential: true,
        default: if required { json!(variable) } else { json!("") },
        check: Box::new(move |value| match value.as_str().unwrap_or_default() {
            "" if required => Err(problem("must not be empty: name a variable, or a file by a path with a slash")),
            "" => Ok(value.clone()),
            text if names::is_variable(text) || names::is_path(text) && text.contains('/') => Ok(value.clone()),
            _ => Err(problem(
                "must name a variable, such as `ALERTS_URL`, or a file, such as `./alerts-url`; the secret itself must not \
                 be in the spec",
            )),
        }),
    }
}

/// The manifests of the stack that was chosen.
fn components<'a>(catalog: &'a Catalog, answers: &Answers) -> Vec<&'a Manifest> {
    let stack = catalog.stacks.get(answer(answers, STACK)).or_else(|| catalog.stacks.get(DEFAULT_STACK));
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
        help: "Address and port on the Docker host. 127.0.0.1 keeps it to the host itself; 0.0.0.0 opens it to the \
               network. Ports that Docker publishes bypass the host's firewall."
            .into(),
        form: Form::Text,
        confidential: false,
        default: json!(format!("{}:{}", default("bind"), default("port"))),
        check: Box::new(move |value| {
            let text = value.as_str().unwrap_or_default();
            Port::parse(&format!("{text}:3000"))
                .map_err(|_| problem("must be an address and a port, such as `127.0.0.1:3000`"))?;
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

/// Where links in messages lead. The name in the Docker host's own address is a good guess.
fn address(answers: &Answers) -> Prompt {
    let host = url::Url::parse(answer(answers, HOST)).ok();
    let guess = host.and_then(|url| Some(url.host_str()?.to_owned())).filter(|host| names::is_host(host));
    Prompt {
        key: ADDRESS.into(),
        label: "Reached under which name?".into(),
        help: "The name or IP address under which people reach the Docker host, such as monitor.example.org. Links in \
               messages lead there. Empty: they open on the host itself only."
            .into(),
        form: Form::Text,
        confidential: false,
        default: json!(guess.unwrap_or_default()),
        check: Box::new(|value| match value.as_str().unwrap_or_default() {
            "" => Ok(value.clone()),
            text if names::is_host(text) => Ok(value.clone()),
            _ => {
                Err(problem("must be the name or IP address of a host, such as `monitor.example.org`, without a port"))
            }
        }),
    }
}

/// The other settings, a component at a time, for those who want them.
fn further_settings(present: &[&Manifest], answers: &Answers) -> Vec<Prompt> {
    let help = "Everything else has a default that an expert would choose. Change it in the file at any time.";
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
            steps.extend(settings_of(manifest, &rest, answers));
        }
    }
    steps
}

/// A component's plain settings, then its advanced ones by group, each group only for those who want it.
fn settings_of(manifest: &Manifest, questions: &[&Question], answers: &Answers) -> Vec<Prompt> {
    let prompt = |question: &&Question| arises(manifest, question, answers).then(|| setting(&manifest.name, question));
    let mut steps: Vec<Prompt> = questions.iter().filter(|q| !q.advanced).filter_map(prompt).collect();
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
            steps.extend(members.filter_map(prompt));
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
fn setting(owner: &str, question: &Question) -> Prompt {
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
        confidential: false,
        default: match question.default_value() {
            Value::Null => json!(""),
            Value::Array(items) => json!(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
            value => value,
        },
        check: Box::new(move |value| {
            if question.required && value.as_str() == Some("") {
                return Err(problem("must not be empty"));
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
        confidential: false,
        default: json!(false),
        check: Box::new(
            |value| {
                if value.is_boolean() { Ok(value.clone()) } else { Err(problem("must be `true` or `false`")) }
            },
        ),
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
        confidential: false,
        default: json!(default),
        check: Box::new(move |value| match value.as_str() {
            Some(text) if values.iter().any(|known| known == text) => Ok(value.clone()),
            _ => Err(problem(&format!("must be one of {}", values.join(", ")))),
        }),
    }
}
