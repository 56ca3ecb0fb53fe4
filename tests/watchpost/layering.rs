//! The house's plan, held against the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules from the outside in; each may use those of its own rank only where it is itself, and those further in.
const RANKS: [&[&str]; 7] = [
    &["cli"],
    &["ui", "wizard"],
    &["doctor", "verify", "live", "history"],
    &["deployed", "delivery", "clients", "docker"],
    &["plan", "render", "report"],
    &["content", "routing", "dashboard", "compose", "catalog", "spec", "secrets"],
    &["yaml", "error", "event", "fix", "http", "time", "promql", "reason", "units", "input"],
];

/// Uses between modules of one rank that are as the design has them: the first uses the second, never the other way.
const BESIDE: [(&str, &str); 16] = [
    ("yaml", "error"),
    ("yaml", "input"),
    ("error", "input"),
    ("error", "fix"),
    ("doctor", "verify"),
    ("deployed", "clients"),
    ("deployed", "docker"),
    ("clients", "docker"),
    ("delivery", "clients"),
    ("plan", "render"),
    ("content", "catalog"),
    ("content", "dashboard"),
    ("spec", "catalog"),
    ("secrets", "compose"),
    ("catalog", "compose"),
    ("catalog", "dashboard"),
];

/// Files that stand for the whole crate, not for a room.
const OUTSIDE: [&str; 2] = ["lib", "main"];

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            (path.strip_prefix(&root).expect("below src").to_owned(), text)
        })
        .collect()
}

/// The code without its tests, which may reach further.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// The rooms that a file names: in `crate::room::…` and in `crate::{room::…, other}`.
fn rooms_named(text: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, found_text) in text.match_indices("crate::") {
        let rest = &text[at + found_text.len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert(name(rest))),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            found.insert(name(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

#[test]
fn rooms_are_seen_in_single_and_grouped_imports() {
    let text =
        "use crate::yaml;\nuse crate::{error::{Error, Result}, verify, time::now};\nlet x = crate::docker::pull();";
    assert_eq!(rooms_named(text).into_iter().collect::<Vec<_>>(), ["docker", "error", "time", "verify", "yaml"]);
}

fn room(path: &Path) -> String {
    path.components().next().expect("a name").as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn imports_go_one_way_and_every_exception_is_in_use() {
    let mut used: BTreeSet<&(&str, &str)> = BTreeSet::new();
    for (path, text) in all_sources() {
        let from = room(&path);
        let tests_only = path.ends_with("scenarios.rs") || path.ends_with("tests.rs");
        if tests_only || OUTSIDE.contains(&from.as_str()) {
            continue;
        }
        let outer = rank(&from).unwrap_or_else(|| panic!("`{from}` has no place in the order of rooms"));
        for to in rooms_named(without_tests(&text)) {
            let Some(inner) = rank(&to).filter(|_| to != from) else { continue };
            let beside = BESIDE.iter().find(|(a, b)| (*a, *b) == (from.as_str(), to.as_str()));
            used.extend(beside);
            assert!(
                inner > outer || beside.is_some(),
                "{} uses `crate::{to}`, but `{from}` lies further in than or beside `{to}`: imports go one way",
                path.display()
            );
        }
    }
    let dead: Vec<_> = BESIDE.iter().filter(|pair| !used.contains(*pair)).collect();
    assert!(dead.is_empty(), "these exceptions are not needed any more: {dead:?}");
}

/// Unit tests stand beside what they test and do not count: a room must not become crooked by being tested.
#[test]
fn no_room_is_past_6000_lines_of_code() {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for (path, text) in all_sources().into_iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
        *lines.entry(room(&path)).or_default() += without_tests(&text).lines().count();
    }
    let large: Vec<_> = lines.into_iter().filter(|(_, lines)| *lines > 6000).collect();
    assert!(large.is_empty(), "these rooms hold more than one thing: {large:?}");
}

#[test]
fn only_the_command_line_prints_and_reads_the_environment() {
    for (path, text) in all_sources() {
        let outside = ["cli", "ui", "wizard", "main"]
            .iter()
            .any(|name| path.starts_with(name) || path == Path::new(&format!("{name}.rs")));
        if outside {
            continue;
        }
        for forbidden in ["println!", "eprintln!", "env::var", "stdin()", "process::exit"] {
            assert!(
                !without_tests(&text).contains(forbidden),
                "{} has `{forbidden}`, which belongs into `cli`, `ui` or `wizard`",
                path.display()
            );
        }
    }
}

#[test]
fn no_file_is_past_600_lines() {
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines: it has more than one reason to change", path.display());
    }
}
