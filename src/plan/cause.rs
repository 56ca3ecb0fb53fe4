//! Why a service changes, in words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::operation::FileDiff;
use crate::compose::Service;

/// The settings that differ, each as a cause: `image a → b`, `--retention=15d → 30d`, `environment X changed`.
pub fn settings(old: &Service, new: &Service) -> Vec<String> {
    let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) else { return Vec::new() };
    let keys =
        |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<BTreeSet<_>>()).unwrap_or_default();
    let mut causes = Vec::new();
    for key in keys(&old).union(&keys(&new)).filter(|key| *key != "x-watchpost") {
        let (before, after) = (old.get(key), new.get(key));
        if before == after {
            continue;
        }
        match key.as_str() {
            "environment" => causes.extend(environment(before, after)),
            "command" | "ports" | "volumes" => causes.extend(list(key, before, after)),
            _ => causes.push(match (before.and_then(scalar), after.and_then(scalar)) {
                (Some(before), Some(after)) => format!("{key} {before} → {after}"),
                (None, Some(after)) if before.is_none() => format!("{key} {after}"),
                (Some(before), None) if after.is_none() => format!("{key} {before} taken out"),
                _ => format!("{key} changed"),
            }),
        }
    }
    // The image says most.
    causes.sort_by_key(|cause| !cause.starts_with("image "));
    causes
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Values of the environment are not shown: some programs take secrets there, and templates may be the user's.
fn environment(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let empty = serde_json::Map::new();
    let map = |value: Option<&Value>| value.and_then(Value::as_object).unwrap_or(&empty).clone();
    let (before, after) = (map(before), map(after));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| format!("environment {name} changed")).collect()
}

/// Items gone and come; `--flag=a` and `--flag=b` belong together.
fn list(key: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let items = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let (before, after) = (items(before), items(after));
    let mut gone: Vec<&String> = before.iter().filter(|item| !after.contains(item)).collect();
    let come: Vec<&String> = after.iter().filter(|item| !before.contains(item)).collect();
    let what = match key {
        "command" => String::new(),
        other => format!("{} ", other.trim_end_matches('s')),
    };
    let same = |a: &str, b: &str| match key {
        "command" => a.split_once('=').map(|pair| pair.0) == b.split_once('=').map(|pair| pair.0) && a.contains('='),
        "ports" => a.rsplit(':').next() == b.rsplit(':').next(),
        _ => false,
    };
    let mut causes = Vec::new();
    for item in come {
        match gone.iter().position(|old| same(old, item)) {
            Some(at) => {
                let old = gone.remove(at);
                let new =
                    if key == "command" { item.split_once('=').map_or(item.as_str(), |pair| pair.1) } else { item };
                causes.push(format!("{what}{old} → {new}"));
            }
            None => causes.push(format!("{what}{item} added")),
        }
    }
    causes.extend(gone.iter().map(|item| format!("{what}{item} taken out")));
    if causes.is_empty() {
        causes.push(format!("{key} in another order"));
    }
    causes
}

/// The files that differ: a cause, and a diff of each.
pub fn files(old: Option<&BTreeMap<String, Vec<u8>>>, new: &BTreeMap<&str, &[u8]>) -> (String, Vec<FileDiff>) {
    let Some(old) = old else { return ("files changed".into(), Vec::new()) };
    let paths: BTreeSet<&str> = old.keys().map(String::as_str).chain(new.keys().copied()).collect();
    let mut diffs = Vec::new();
    let mut single = None;
    for path in paths {
        let before = old.get(path).map(Vec::as_slice).unwrap_or_default();
        let after = new.get(path).copied().unwrap_or_default();
        if before == after {
            continue;
        }
        let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
        let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
        single = one_key(&diff).map(|change| format!("{path}: {change}"));
        let unified = diff.unified_diff().context_radius(2).header(path, path).to_string();
        diffs.push(FileDiff { path: path.to_owned(), unified });
    }
    let cause = match (&diffs[..], single) {
        ([], _) => "files changed".into(),
        ([_], Some(change)) => change,
        (several, _) if several.len() <= 3 => {
            let names: Vec<&str> = several.iter().map(|diff| diff.path.as_str()).collect();
            format!("{} changed", names.join(", "))
        }
        (many, _) => format!("{} and {} more files changed", many[0].path, many.len() - 1),
    };
    (cause, diffs)
}

/// `scrape_interval 15s → 30s`, when one line `key: value` became another.
fn one_key<'a>(diff: &TextDiff<'a, 'a, 'a, str>) -> Option<String> {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Delete => gone.push(change.value().trim().to_owned()),
            ChangeTag::Insert => come.push(change.value().trim().to_owned()),
            ChangeTag::Equal => {}
        }
    }
    let ([gone], [come]) = (&gone[..], &come[..]) else { return None };
    let (key, before) = gone.split_once(": ")?;
    let (same, after) = come.split_once(": ")?;
    (key == same)
        .then(|| format!("{} {} → {}", key.trim_start_matches("- "), before.trim_matches('"'), after.trim_matches('"')))
}
