//! Receivers of the spec resolved by the kinds of the catalog.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Receiver;
use crate::catalog::answer::{self, Owner};
use crate::catalog::question::Kind;
use crate::catalog::{Catalog, ReceiverKind};
use crate::error::{Error, did_you_mean};
use crate::spec::{Spec, alerting};
use crate::yaml;

/// Whether a receiver is notified again when an alert is over: a setting of every kind.
const SEND_RESOLVED: &str = "send_resolved";

pub(super) fn resolve(spec: &Spec, catalog: &Catalog, errors: &mut Vec<Error>) -> Vec<Receiver> {
    let mut receivers = Vec::new();
    for receiver in &spec.alerting.receivers {
        match catalog.receivers.get(&receiver.kind) {
            Some(kind) => receivers.extend(resolve_one(receiver, kind, errors)),
            None => errors.push(unknown_kind(receiver, catalog)),
        }
    }
    receivers
}

fn resolve_one(receiver: &alerting::Receiver, kind: &ReceiverKind, errors: &mut Vec<Error>) -> Option<Receiver> {
    let known = kind.questions.iter().map(|question| question.variable.as_str()).collect::<Vec<_>>().join(", ");
    let name = format!("receiver `{}`", receiver.name);
    let help = format!("settings of the type `{}`: {known}, {SEND_RESOLVED}", kind.name);
    let owner = Owner { name: &name, help: &help, place: receiver.node.as_ref() };

    let mut given = receiver.settings.clone();
    let send_resolved = match given.remove(SEND_RESOLVED) {
        None => true,
        Some(yaml::Node { kind: yaml::Kind::Bool(wanted), .. }) => wanted,
        Some(other) => {
            let message = format!("`{SEND_RESOLVED}` of {name} must be true or false, not {}", other.describe());
            errors.push(other.error(message).hint("default true: also notify when an alert is resolved"));
            true
        }
    };
    let mut settings = match answer::resolve(owner, &kind.questions, &given, &BTreeMap::new()) {
        Ok(settings) => settings,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let mut passwords = BTreeSet::new();
    for question in &kind.questions {
        let names_secret = settings.get(&question.variable).is_some_and(|answer| answer.get("secret").is_some());
        if question.kind == Kind::Password || (question.or_secret && names_secret) {
            passwords.insert(question.variable.clone());
        }
    }
    settings.insert(SEND_RESOLVED.into(), Value::Bool(send_resolved));
    Some(Receiver { name: receiver.name.clone(), kind: receiver.kind.clone(), settings, passwords })
}

fn unknown_kind(receiver: &alerting::Receiver, catalog: &Catalog) -> Error {
    let kind = &receiver.kind;
    let known: Vec<&str> = catalog.receivers.keys().map(String::as_str).collect();
    let mut error = Error::new(format!("unknown type `{kind}` of receiver `{}`", receiver.name));
    if kind == "msteams" {
        error = error.cause("Microsoft has retired the connectors that `msteams` used").hint("use `type: msteamsv2`");
    } else {
        error = error.hint(format!("known types: {}", known.join(", ")));
        if let Some(guess) = did_you_mean(kind, known) {
            error = error.label(format!("did you mean `{guess}`?"));
        }
    }
    error.at_node(receiver.node.as_ref().and_then(|node| node.get("type")))
}
