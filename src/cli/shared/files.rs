//! The user's own rules and dashboards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::content::{OwnFile, check_dashboards, check_rules};
use crate::error::{Error, Result};
use crate::spec::OwnFiles;
use crate::spec::Spec;

/// All that the spec lists, checked as far as Prometheus and Grafana would otherwise pass over it in silence.
///
/// Errors: what `read` refuses; rules that are no YAML with `groups`; dashboards that are no JSON, or whose `uid` or
/// `title` another one has.
pub fn load(base: &Path, spec: &Spec, catalog: &Catalog) -> Result<OwnFiles> {
    let rules = read(base, &spec.rules, &["yml", "yaml"], "rules")?;
    let dashboards = read(base, &spec.dashboards, &["json"], "dashboards")?;
    let mut errors: Vec<Error> = rules.values().filter_map(|file| check_rules(file).err()).collect();
    errors.extend(check_dashboards(&dashboards, catalog));
    Error::all(errors)?;
    let contents =
        |files: BTreeMap<String, OwnFile>| files.into_iter().map(|(name, file)| (name, file.content)).collect();
    Ok(OwnFiles { rules: contents(rules), dashboards: contents(dashboards) })
}

/// The files of the folders (or single files) that the spec lists under `key`, by name.
///
/// Errors: a path that is not there, a folder without such files, two files of one name.
fn read(base: &Path, paths: &[String], extensions: &[&str], key: &str) -> Result<BTreeMap<String, OwnFile>> {
    let mut files = BTreeMap::new();
    for listed in paths {
        let path = base.join(listed);
        let found = if path.is_file() { vec![path] } else { inside(&path, listed, extensions, key)? };
        for file in found {
            let content = std::fs::read(&file).map_err(|error| unreadable(&file, key, &error))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let path = file.strip_prefix("./").unwrap_or(&file).display().to_string();
            if files.insert(name.clone(), OwnFile { path, content }).is_some() {
                return Err(Error::new(format!("two files of `{key}:` are called `{name}`"))
                    .hint("rename one: they land in one folder"));
            }
        }
    }
    Ok(files)
}

fn inside(folder: &Path, listed: &str, extensions: &[&str], key: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, key, &error))?;
    let mut found = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| unreadable(folder, key, &error))?;
    found.retain(|path| path.extension().is_some_and(|end| extensions.iter().any(|wanted| end == *wanted)));
    found.sort();
    if found.is_empty() {
        let endings = extensions.iter().map(|end| format!("`*.{end}`")).collect::<Vec<_>>().join(" and ");
        return Err(Error::new(format!("`{listed}` under `{key}:` holds no {endings}"))
            .hint("put files there, or take the folder out of the spec"));
    }
    Ok(found)
}

fn unreadable(path: &Path, key: &str, error: &std::io::Error) -> Error {
    Error::new(format!("cannot read `{}`", path.display()))
        .cause(error)
        .hint(format!("the spec lists it under `{key}:`, relative to the spec's own folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_kind_are_taken_and_an_empty_folder_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("boards")).expect("made");
        let read = || read(folder.path(), &["boards".to_owned()], &["json"], "dashboards");
        assert!(read().expect_err("empty").message.contains("holds no `*.json`"));
        std::fs::write(folder.path().join("boards/a.json"), "{}").expect("written");
        std::fs::write(folder.path().join("boards/notes.txt"), "").expect("written");
        assert_eq!(read().expect("read").into_keys().collect::<Vec<_>>(), ["a.json"]);
    }

    /// Message and line of the errors that these files give.
    fn problems(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).expect("written");
        }
        let mut spec = Spec::from_defaults(None, None);
        let listed = |end: &str| files.iter().map(|f| f.0.to_owned()).filter(|name| name.ends_with(end)).collect();
        (spec.dashboards, spec.rules) = (listed(".json"), listed(".yml"));
        let catalog = Catalog::embedded().expect("valid");
        let Err(error) = load(folder.path(), &spec, &catalog) else { return Vec::new() };
        let line = |error: &Error| (error.message.clone(), error.at.as_ref().map_or(0, |at| at.line));
        std::iter::once(&error).chain(&error.also).map(line).collect()
    }

    #[test]
    fn what_grafana_and_prometheus_would_pass_over_is_refused_with_its_line() {
        assert_eq!(problems(&[("a.json", r#"{"uid": "a", "title": "A"}"#), ("r.yml", "groups: []\n")]), []);
        let found = problems(&[
            ("a.json", "{\n  \"title\": \"A\",\n}"),
            ("b.json", "[]"),
            ("c.json", "{\n\"uid\": \"c\", \"title\": \"C\"}"),
            ("d.json", "{\"uid\": \"d\",\n\n\"title\": \"C\"}"),
            ("q.yml", "groups:\n  - name: [\n"),
            ("r.yml", "rules: []\n"),
        ]);
        let lines: Vec<usize> = found.iter().map(|(_, line)| *line).collect();
        assert_eq!(lines, [3, 1, 3, 1, 3], "{found:?}");
        assert!(found[0].0.starts_with("this is not valid YAML"), "{found:?}");
        assert_eq!(found[1].0, "a file of rules needs `groups:`");
        assert!(found[2].0.starts_with("this is not valid JSON: trailing comma"), "{found:?}");
        assert!(found[4].0.starts_with("the title `C` is taken by `") && found[4].0.ends_with("c.json`"), "{found:?}");
    }

    #[test]
    fn a_dashboard_with_the_uid_of_ours_is_refused() {
        let catalog = Catalog::embedded().expect("valid");
        let (_, ours) = catalog.components["prometheus"].files_in("dashboards", ".json").next().expect("one");
        let ours: serde_json::Value = serde_json::from_slice(&ours.content).expect("JSON");
        let text = format!("{{\"uid\": {},\n\"title\": \"Mine\"}}", ours["uid"]);
        let found = problems(&[("mine.json", &text)]);
        assert!(found.len() == 1 && found[0].1 == 1 && found[0].0.starts_with("the uid `"), "{found:?}");
    }
}
