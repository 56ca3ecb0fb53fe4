//! Your own files: the rules and dashboards that the spec lists, and where new ones go.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use super::folders::{self, DASHBOARDS, RULES, Wanted};
use crate::catalog::Catalog;
use crate::content::{OwnFile, RuleFile, check_dashboards, check_rules, looks_like_a_dashboard, looks_like_rules};
use crate::error::{Error, Result};
use crate::spec::{OwnFiles, Spec};
use crate::{dashboard, input};

/// One of your dashboards.
pub struct OwnDashboard {
    pub path: PathBuf,
    pub text: String,
    pub uid: String,
    pub title: String,
}

/// What the spec's folders hold, and what is to be said about them.
#[derive(Debug, Default)]
pub struct Loaded {
    pub own: OwnFiles,
    pub warnings: Vec<Error>,
    /// Files for `promtool test rules`, which Prometheus does not get.
    pub tests: Vec<String>,
}

/// All rules and dashboards that the spec lists, checked as far as Prometheus and Grafana would ignore faults silently.
///
/// Errors: those of `walk`; files that cannot be read or are too large; rules that Prometheus rejects or reads in part;
/// dashboards that are not JSON, or whose `uid` or `title` another dashboard has.
pub fn load(base: &Path, spec: &Spec, catalog: &Catalog) -> Result<Loaded> {
    let (rules, beside_rules) = read(base, &spec.rules, RULES)?;
    let (dashboards, beside_dashboards) = read(base, &spec.dashboards, DASHBOARDS)?;
    let mut errors = Vec::new();
    let mut loaded = Loaded::default();
    for (name, file) in rules {
        match check_rules(&name, &file) {
            Err(error) => errors.push(error),
            Ok(RuleFile::Rules) => drop(loaded.own.rules.insert(name, file.content)),
            Ok(RuleFile::Tests) => loaded.tests.push(file.path),
        }
    }
    errors.extend(check_dashboards(&dashboards, catalog));
    Error::all(errors)?;
    loaded.own.dashboards = dashboards.into_iter().map(|(name, file)| (name, file.content)).collect();
    loaded.warnings.extend(beside_rules.iter().filter_map(|path| beside(path, RULES, looks_like_rules)));
    loaded
        .warnings
        .extend(beside_dashboards.iter().filter_map(|path| beside(path, DASHBOARDS, looks_like_a_dashboard)));
    Ok(loaded)
}

type Files = BTreeMap<String, OwnFile>;

/// The files that the spec lists under a key, by the path under which they are deployed, and the files beside them.
fn read(base: &Path, listed: &[String], wanted: Wanted) -> Result<(Files, Vec<PathBuf>)> {
    let walk = folders::walk(base, listed, wanted)?;
    let (mut files, mut errors, mut bytes) = (Files::new(), Vec::new(), 0);
    for (name, path) in walk.found {
        let content = match input::bytes(&path, input::CONTENT) {
            Ok(content) => content,
            Err(error) => {
                errors.push(folders::unreadable(&path, wanted, error));
                continue;
            }
        };
        bytes += content.len();
        if bytes > input::ALL_CONTENT {
            let most = input::ALL_CONTENT >> 20;
            return Err(Error::new(format!("the files under `{}:` have more than {most} MB together", wanted.key))
                .hint("list fewer folders, or split the stack"));
        }
        files.insert(name, OwnFile { path: readable(&path), content });
    }
    Error::all(errors)?;
    Ok((files, walk.others))
}

/// Says that a file is not loaded, when its content shows that it was meant to be.
fn beside(path: &Path, wanted: Wanted, looks_like: fn(&str) -> bool) -> Option<Error> {
    let text = input::text(path, input::SPEC).ok().filter(|text| looks_like(text))?;
    drop(text);
    Some(
        Error::new(format!("`{}` is not loaded", readable(path)))
            .cause(format!("`{}:` loads {} files", wanted.key, wanted.endings()))
            .hint("give it such an ending, or remove it from the folder"),
    )
}

/// The dashboards under the spec's `dashboards:`. Files that cannot be read are left out: `up` names them.
pub fn dashboards(base: &Path, listed: &[String]) -> Vec<OwnDashboard> {
    let mut found = Vec::new();
    // One at a time: a folder that is missing does not hide the others.
    for path in listed.iter().flat_map(|listed| json_files(base, listed)) {
        let Ok(text) = input::text(&path, input::CONTENT) else { continue };
        let model = dashboard::parse("", &text).unwrap_or_default();
        let (uid, title) = (dashboard::uid(&model).to_owned(), dashboard::title(&model).to_owned());
        found.push(OwnDashboard { path, text, uid, title });
    }
    found
}

/// The dashboards of a folder and of those below it, or the file itself; none when it cannot be read.
pub fn json_files(base: &Path, listed: &str) -> Vec<PathBuf> {
    let walk = folders::walk(base, &[listed.to_owned()], DASHBOARDS);
    walk.map(|walk| walk.found.into_values().collect()).unwrap_or_default()
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

/// The text of a file.
pub fn read_text(path: &Path) -> Result<String> {
    let failed = |error| Error::new(format!("cannot read `{}`", path.display())).cause(error);
    std::fs::read_to_string(path).map_err(failed)
}

/// Changes a file in one step: whoever reads it sees the old text or the new one, and two changes at once both count. A
/// link stays a link.
pub fn change(path: &Path, edit: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(format!("cannot write `{}`", path.display())).cause(error);
    let file = std::fs::canonicalize(path).map_err(failed)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    // The file itself is replaced, so that a lock on it would not hold. Where folders cannot be locked, the rename alone
    // keeps the file whole.
    let lock = std::fs::File::open(folder).ok().filter(|folder| folder.lock().is_ok());
    let text = read_text(&file)?;
    let edited = edit(&text)?;
    if edited != text {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.join(format!(".{name}.{}.new", std::process::id()));
        let written = put(&draft, &file, &edited);
        if written.is_err() {
            drop(std::fs::remove_file(&draft));
        }
        written.map_err(failed)?;
    }
    drop(lock);
    Ok(())
}

/// Writes the text beside the file, with its owner and mode, and puts it in its place.
fn put(draft: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    let old = std::fs::metadata(file)?;
    let mut new = std::fs::File::create(draft)?;
    new.write_all(text.as_bytes())?;
    new.set_permissions(old.permissions())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root may give a file away; for anyone else it is their own already.
        drop(fchown(&new, Some(old.uid()), Some(old.gid())));
    }
    new.sync_all()?;
    std::fs::rename(draft, file)
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
    fn changes_at_once_all_count_and_leave_no_draft() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("spec.yaml");
        std::fs::write(&path, "").expect("written");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for n in 0..10 {
                        change(path, |text| Ok(format!("{text}{thread} {n}\n"))).expect("changed");
                    }
                });
            }
        });
        assert_eq!(read_text(&path).expect("read").lines().count(), 80);
        let failed = change(&path, |_| Err(Error::new("no"))).expect_err("refused");
        assert_eq!(failed.message, "no");
        let names: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_changed_file_keeps_its_mode_and_a_link_stays_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("real.yaml"), folder.path().join("watchpost.yaml"));
        std::fs::write(&path, "a").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        change(&link, |_| Ok("b".into())).expect("changed");
        assert_eq!(read_text(&path).expect("read"), "b");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
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
    fn what_is_not_loaded_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rules, boards) = (folder.path().join("rules/team-a"), folder.path().join("boards"));
        for (folder, name, text) in [
            (&rules, "shop.yml", "groups: []\n"),
            (&rules, "shop.yml.j2", "groups:\n  - name: {{ name }}\n"),
            (&rules, "README.md", "# Rules in groups:\n"),
            (&rules, "test.yml", "rule_files: [shop.yml]\ntests: []\n"),
            (&boards, "a.json", "{\"title\": \"A\"}"),
            (&boards, "b.json5", "{\"title\": \"B\", \"panels\": []}"),
        ] {
            std::fs::create_dir_all(folder).expect("made");
            std::fs::write(folder.join(name), text).expect("written");
        }
        let mut spec = Spec::from_defaults(None, None);
        (spec.rules, spec.dashboards) = (vec!["rules".into()], vec!["boards".into()]);
        let loaded = load(folder.path(), &spec, &Catalog::embedded().expect("valid")).expect("loaded");
        assert_eq!(loaded.own.rules.into_keys().collect::<Vec<_>>(), ["team-a/shop.yml"]);
        let said: Vec<String> = loaded.warnings.iter().map(|warning| format!("{warning:#}")).collect();
        assert!(said.len() == 2 && said[0].contains("team-a/shop.yml.j2` is not loaded"), "{said:?}");
        assert!(said[0].ends_with("`rules:` loads `*.yml`, `*.yaml` or `*.rules` files"), "{said:?}");
        assert!(said[1].contains("b.json5` is not loaded"), "{said:?}");
        assert!(loaded.tests.len() == 1 && loaded.tests[0].ends_with("test.yml"), "{:?}", loaded.tests);
    }

    #[test]
    fn inputs_have_bounds_and_every_file_past_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.yml", "b.yml"] {
            let file = std::fs::File::create(folder.path().join(name)).expect("made");
            file.set_len(50 << 20).expect("sparse");
        }
        let mut spec = Spec::from_defaults(None, None);
        spec.rules = vec![".".into()];
        let error = load(folder.path(), &spec, &Catalog::embedded().expect("valid")).expect_err("refused");
        assert!(error.message.starts_with("cannot read `") && error.message.ends_with("a.yml`"), "{error:#}");
        assert_eq!(error.causes(), ["the file has 50 MB; at most 10 MB is allowed"]);
        assert!(error.also.len() == 1 && error.also[0].message.ends_with("b.yml`"), "{error:?}");
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
