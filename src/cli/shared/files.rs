//! Your own files: the rules and dashboards that the spec lists, and where new ones go.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::catalog::Catalog;
use crate::content::{OwnFile, check_dashboards, check_rules};
use crate::dashboard;
use crate::error::{Error, Result};
use crate::spec::OwnFiles;
use crate::spec::Spec;

/// One of your dashboards.
pub struct OwnDashboard {
    pub path: PathBuf,
    pub text: String,
    pub uid: String,
    pub title: String,
}

/// All rules and dashboards that the spec lists, checked as far as Prometheus and Grafana would ignore faults silently.
///
/// Errors: those of `read`; rules that are not YAML with `groups`; dashboards that are not JSON, or whose `uid` or `title`
/// another dashboard has.
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
/// Errors: a path that does not exist, a folder without such files, two files of one name.
fn read(base: &Path, paths: &[String], extensions: &[&str], key: &str) -> Result<BTreeMap<String, OwnFile>> {
    let mut files = BTreeMap::new();
    for listed in paths {
        let path = join(base, listed);
        let found = if path.is_file() { vec![path] } else { inside(&path, listed, extensions, key)? };
        for file in found {
            let content = std::fs::read(&file).map_err(|error| unreadable(&file, key, error))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let path = file.display().to_string();
            if files.insert(name.clone(), OwnFile { path, content }).is_some() {
                return Err(Error::new(format!("two files of `{key}:` are called `{name}`"))
                    .hint("rename one: both go into one folder"));
            }
        }
    }
    Ok(files)
}

fn inside(folder: &Path, listed: &str, extensions: &[&str], key: &str) -> Result<Vec<PathBuf>> {
    let found = with_extension(folder, extensions).map_err(|error| unreadable(folder, key, error))?;
    if found.is_empty() {
        let endings = extensions.iter().map(|end| format!("`*.{end}`")).collect::<Vec<_>>().join(" or ");
        return Err(Error::new(format!("`{listed}` under `{key}:` contains no {endings} files"))
            .hint("put files there, or remove the folder from the spec"));
    }
    Ok(found)
}

/// The files of a folder that end so, by name.
fn with_extension(folder: &Path, extensions: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let mut found = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()?;
    found.retain(|path| path.extension().is_some_and(|end| extensions.iter().any(|wanted| end == *wanted)));
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, key: &str, error: std::io::Error) -> Error {
    Error::new(format!("cannot read `{}`", path.strip_prefix("./").unwrap_or(path).display()))
        .cause(error)
        .hint(format!("the spec lists it under `{key}:`, relative to the spec's own folder"))
}

/// The dashboards under the spec's `dashboards:`. Files that cannot be read are left out: `up` names them.
pub fn dashboards(base: &Path, listed: &[String]) -> Vec<OwnDashboard> {
    let mut found = Vec::new();
    for listed in listed {
        let path = join(base, listed);
        let paths = if path.is_dir() { json_files(&path) } else { vec![path] };
        for path in paths {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let model = dashboard::parse("", &text).unwrap_or_default();
            let (uid, title) = (dashboard::uid(&model).to_owned(), dashboard::title(&model).to_owned());
            found.push(OwnDashboard { path, text, uid, title });
        }
    }
    found
}

/// The dashboards of a folder, by name; none when it cannot be read.
pub fn json_files(folder: &Path) -> Vec<PathBuf> {
    with_extension(folder, &["json"]).unwrap_or_default()
}

/// The first folder under the spec's `dashboards:`; `None` when it lists none.
pub fn dashboards_folder(base: &Path, listed: &[String]) -> Option<PathBuf> {
    listed.iter().map(|path| join(base, path)).find(|path| path.is_dir() || path.extension().is_none())
}

/// Writes a file, and makes the folder that it is in.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(format!("cannot write `{}`", path.display())).cause(error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// A path below a folder, without its `.` parts: `rules` rather than `././rules`.
pub fn join(folder: &Path, path: impl AsRef<Path>) -> PathBuf {
    let joined = folder.join(path);
    let clean: PathBuf = joined.components().filter(|part| *part != Component::CurDir).collect();
    if clean.as_os_str().is_empty() { PathBuf::from(".") } else { clean }
}

/// A path as people write it: without its `.` parts.
pub fn readable(path: &Path) -> String {
    join(Path::new(""), path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_kind_are_read_and_an_empty_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("boards")).expect("made");
        let read = || read(folder.path(), &["boards".to_owned()], &["json"], "dashboards");
        assert!(read().expect_err("empty").message.contains("contains no `*.json` files"));
        std::fs::write(folder.path().join("boards/a.json"), "{}").expect("written");
        std::fs::write(folder.path().join("boards/notes.txt"), "").expect("written");
        assert_eq!(read().expect("read").into_keys().collect::<Vec<_>>(), ["a.json"]);
    }

    #[test]
    fn paths_are_shown_without_their_dots() {
        for (folder, path, expected) in [
            (".", "./rules", "rules"),
            ("", "rules/./a.yml", "rules/a.yml"),
            ("./shop", "../rules", "shop/../rules"),
            ("/etc", "./x", "/etc/x"),
            (".", ".", "."),
        ] {
            assert_eq!(join(Path::new(folder), path).display().to_string(), expected);
        }
        assert_eq!(readable(Path::new("./a/./b.json")), "a/b.json");
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
    fn faults_that_grafana_and_prometheus_ignore_are_errors_with_their_line() {
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
        assert_eq!(lines, [2, 1, 3, 1, 3], "{found:?}");
        assert!(found[0].0.starts_with("this is not valid YAML"), "{found:?}");
        assert_eq!(found[1].0, "a file of rules needs `groups:`");
        assert!(found[2].0.starts_with("this is not valid JSON: trailing comma"), "{found:?}");
        assert!(
            found[4].0.starts_with("the title `C` is used by `") && found[4].0.ends_with("c.json` too"),
            "{found:?}"
        );
    }

    #[test]
    fn a_dashboard_with_the_uid_of_a_shipped_one_is_an_error() {
        let catalog = Catalog::embedded().expect("valid");
        let (_, ours) = catalog.components["prometheus"].files_in("dashboards", ".json").next().expect("one");
        let ours: serde_json::Value = serde_json::from_slice(&ours.content).expect("JSON");
        let text = format!("{{\"uid\": {},\n\"title\": \"Mine\"}}", ours["uid"]);
        let found = problems(&[("mine.json", &text)]);
        assert!(found.len() == 1 && found[0].1 == 1 && found[0].0.starts_with("the uid `"), "{found:?}");
    }
}
