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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_setting_that_differs_is_named_with_its_old_and_new_value() {
        let cases = [
            ("an image", json!({"image": "a:1"}), json!({"image": "a:2"}), vec!["image a:1 → a:2"]),
            ("a number", json!({"pids_limit": 512}), json!({"pids_limit": 64}), vec!["pids_limit 512 → 64"]),
            ("a switch", json!({"read_only": true}), json!({"read_only": false}), vec!["read_only true → false"]),
            ("one added", json!({}), json!({"user": "65534"}), vec!["user 65534"]),
            ("one removed", json!({"user": "65534"}), json!({}), vec!["user 65534 taken out"]),
            ("a list", json!({"cap_add": ["A"]}), json!({"cap_add": ["B"]}), vec!["cap_add changed"]),
            ("a list added", json!({}), json!({"cap_add": ["B"]}), vec!["cap_add changed"]),
            ("a list removed", json!({"cap_add": ["A"]}), json!({}), vec!["cap_add changed"]),
            (
                "variables, whose values may be secret",
                json!({"environment": {"A": "1", "B": "1", "C": "1"}}),
                json!({"environment": {"A": "1", "B": "2", "D": "1"}}),
                vec!["environment B changed", "environment C changed", "environment D changed"],
            ),
            (
                "flags",
                json!({"command": ["--keep=1", "--days=15", "--old", "run"]}),
                json!({"command": ["--keep=1", "--days=30", "run", "--new"]}),
                vec!["--days=15 → 30", "--new added", "--old taken out"],
            ),
            (
                "flags without a value are not pairs",
                json!({"command": ["--old"]}),
                json!({"command": ["--new"]}),
                vec!["--new added", "--old taken out"],
            ),
            (
                "flags of other names are not pairs",
                json!({"command": ["--a=1"]}),
                json!({"command": ["--b=1"]}),
                vec!["--b=1 added", "--a=1 taken out"],
            ),
            (
                "ports belong together by the container's",
                json!({"ports": ["127.0.0.1:9090:9090", "127.0.0.1:80:80"]}),
                json!({"ports": ["127.0.0.1:9091:9090", "127.0.0.1:81:81"]}),
                vec![
                    "port 127.0.0.1:9090:9090 → 127.0.0.1:9091:9090",
                    "port 127.0.0.1:81:81 added",
                    "port 127.0.0.1:80:80 taken out",
                ],
            ),
            (
                "mounts",
                json!({"volumes": ["data:/data"]}),
                json!({"volumes": ["other:/data"]}),
                vec!["volume other:/data added", "volume data:/data taken out"],
            ),
            (
                "an order",
                json!({"command": ["a", "b"]}),
                json!({"command": ["b", "a"]}),
                vec!["command in another order"],
            ),
            (
                "the image comes first",
                json!({"command": ["--a=1"], "image": "a:1"}),
                json!({"command": ["--a=2"], "image": "a:2"}),
                vec!["image a:1 → a:2", "--a=1 → 2"],
            ),
            ("what only the engine needs", json!({"x-watchpost": {"title": "A"}}), json!({}), vec![]),
        ];
        for (case, old, new, causes) in cases {
            let service = |value: serde_json::Value| serde_json::from_value::<Service>(value).expect(case);
            assert_eq!(settings(&service(old), &service(new)), causes, "{case}");
        }
    }

    #[test]
    fn up_to_three_changed_files_are_named_and_more_are_counted() {
        let old = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), b"a\nb\n".to_vec())).collect();
        let new = |names: &[&'static str], text: &'static str| -> BTreeMap<&str, &[u8]> {
            names.iter().map(|name| (*name, text.as_bytes())).collect()
        };
        let all = ["a", "b", "c", "d"];
        for (count, cause) in [
            (0, "files changed"),
            (1, "a changed"),
            (2, "a, b changed"),
            (3, "a, b, c changed"),
            (4, "a and 3 more files changed"),
        ] {
            let (found, diffs) = files(Some(&old(&all[..count])), &new(&all[..count], "c\nd\n"));
            assert_eq!((found.as_str(), diffs.len()), (cause, count));
        }
        assert_eq!(files(None, &new(&all, "c\n")), ("files changed".into(), vec![]));
        let (found, diffs) = files(Some(&old(&["gone", "kept"])), &new(&["come", "kept"], "a\nb\n"));
        assert_eq!(found, "come, gone changed");
        assert!(diffs[0].unified.contains("+a\n") && diffs[1].unified.contains("-a\n"), "{diffs:?}");
    }

    #[test]
    fn one_changed_line_is_named_by_its_key_without_quotes() {
        let cause = |before: &str, after: &str| {
            let old = BTreeMap::from([("a.yml".to_owned(), before.as_bytes().to_vec())]);
            files(Some(&old), &BTreeMap::from([("a.yml", after.as_bytes())])).0
        };
        assert_eq!(cause("x: 1\n- wait: \"15s\"\n", "x: 1\n- wait: \"30s\"\n"), "a.yml: wait 15s → 30s");
        for (before, after) in
            [("a: 1\n", "b: 1\n"), ("a: 1\nb: 1\n", "a: 2\nb: 2\n"), ("a: 1\n", ""), ("one\n", "two\n")]
        {
            assert_eq!(cause(before, after), "a.yml changed", "{before:?} {after:?}");
        }
    }
}
