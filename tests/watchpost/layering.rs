//! The house's plan, held against the code.

use std::path::{Path, PathBuf};

/// Modules from the outside in; each may use those of its own rank only where it is itself, and those further in.
const RANKS: [&[&str]; 5] = [
    &["cli"],
    &["ui", "wizard", "docker", "proof"],
    &["plan", "render"],
    &["compose", "catalog", "spec", "secrets", "dashboard"],
    &["yaml", "error", "event", "moment", "promql"],
];

/// Uses between modules of one rank that are as the design has them.
const BESIDE: [(&str, &str); 12] = [
    ("plan", "render"),
    ("spec", "catalog"),
    ("spec", "compose"),
    ("compose", "catalog"),
    ("secrets", "compose"),
    ("catalog", "compose"),
    ("catalog", "dashboard"),
    ("yaml", "error"),
    ("wizard", "ui"),
    ("proof", "docker"),
    ("ui", "proof"),
    ("docker", "docker"),
];

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

#[test]
fn imports_go_one_way() {
    for (path, text) in all_sources() {
        let first =
            path.components().next().expect("a name").as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        let tests_only = path.ends_with("scenarios.rs") || path.ends_with("tests.rs");
        let Some(from) = rank(&first).filter(|_| !tests_only) else { continue };
        for (at, _) in without_tests(&text).match_indices("crate::") {
            let to: String = text[at + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let Some(inner) = rank(&to).filter(|_| to != first) else { continue };
            let allowed = inner > from || BESIDE.contains(&(first.as_str(), to.as_str()));
            assert!(
                allowed,
                "{} uses `crate::{to}`, but `{first}` lies further in than or beside `{to}`: imports go one way",
                path.display()
            );
        }
    }
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
