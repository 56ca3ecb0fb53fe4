//! Answers to spec: only what differs from the defaults is written down.

use serde_json::{Value, json};

use super::Answers;
use super::steps::{ADDRESS, ALERTS, GRAFANA, HOST, MORE, NOBODY, OVERWRITE, STACK, WHERE};
use crate::catalog::Catalog;
use crate::catalog::question::{Kind, Question};
use crate::error::Result;
use crate::spec::alerting::{Receiver, Route};
use crate::spec::{self, SecretSource, Selection, Spec};
use crate::yaml::{self, Node};

/// The name that the first receiver gets.
const RECEIVER: &str = "oncall";

/// The spec that the answers describe.
pub fn spec(catalog: &Catalog, answers: &Answers) -> Result<Spec> {
    let stack = answers.get(STACK).and_then(Value::as_str);
    let mut spec = Spec::from_defaults(None, stack);
    spec.host = answers.get(HOST).and_then(Value::as_str).map(str::to_owned);
    spec.address = answers.get(ADDRESS).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    for (key, value) in answers {
        let Some((component, variable)) = key.split_once('.') else { continue };
        if [OVERWRITE, WHERE, MORE, ALERTS].contains(&component) || key == GRAFANA {
            continue;
        }
        set(catalog, &mut spec, component, variable, value)?;
    }
    if let Some((bind, port)) = answers.get(GRAFANA).and_then(Value::as_str).and_then(|text| text.rsplit_once(':')) {
        set(catalog, &mut spec, "grafana", "bind", &json!(bind))?;
        set(catalog, &mut spec, "grafana", "port", &json!(port.parse::<u16>().unwrap_or_default()))?;
    }
    receiver(catalog, answers, &mut spec)?;
    Ok(spec)
}

fn set(catalog: &Catalog, spec: &mut Spec, component: &str, variable: &str, value: &Value) -> Result<()> {
    let questions = catalog.components.get(component).map(|component| component.manifest.questions.as_slice());
    let question = questions.unwrap_or_default().iter().find(|question| question.variable == variable);
    let default = question.map(Question::default_value).unwrap_or_default();
    let empty = value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
    // Retention is written down even at its default: it is what people look for first.
    let always = (component, variable) == ("prometheus", "retention");
    if !always && (*value == default || (empty && default.is_null())) {
        return Ok(());
    }
    let selection = spec.components.entry(component.into()).or_insert_with(|| Selection::One(spec::Answers::new()));
    if let Selection::One(answers) = selection {
        answers.insert(variable.into(), node(value)?);
    }
    Ok(())
}

fn receiver(catalog: &Catalog, answers: &Answers, spec: &mut Spec) -> Result<()> {
    let name = answers.get(ALERTS).and_then(Value::as_str).unwrap_or(NOBODY);
    let Some(kind) = catalog.receivers.get(name) else { return Ok(()) };
    let mut settings = spec::Answers::new();
    for question in &kind.questions {
        let Some(value) = answers.get(&format!("{ALERTS}.{}", question.variable)) else { continue };
        if value.as_str() == Some("") || *value == question.default_value() {
            continue;
        }
        if question.kind != Kind::Password {
            settings.insert(question.variable.clone(), node(value)?);
            continue;
        }
        let secret = format!("{}_{}", kind.name, question.variable);
        let source = value.as_str().unwrap_or_default().to_owned();
        let source = if source.contains('/') { SecretSource::File(source) } else { SecretSource::Env(source) };
        spec.secrets.insert(secret.clone(), source);
        settings.insert(question.variable.clone(), node(&json!({"secret": secret}))?);
    }
    spec.alerting.receivers.push(Receiver { name: RECEIVER.into(), kind: kind.name.clone(), settings, node: None });
    spec.alerting.routes.push(Route {
        matches: Default::default(),
        to: RECEIVER.into(),
        continues: false,
        group_wait: None,
        repeat_interval: None,
    });
    Ok(())
}

fn node(value: &Value) -> Result<Node> {
    yaml::parse("answer", &yaml::emit::emit(value))
}
