//! Walks the folders that the spec lists: what is loaded, and what lies beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::files::{join, readable};
use crate::error::{Error, Result};

/// What a key of the spec loads.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub key: &'static str,
    /// In lowercase; a file may have them in capitals too.
    pub extensions: &'static [&'static str],
}

pub const RULES: Wanted = Wanted { key: "rules", extensions: &["yml", "yaml", "rules"] };
pub const DASHBOARDS: Wanted = Wanted { key: "dashboards", extensions: &["json"] };

/// More entries than this are no folder of rules or dashboards: `rules: [/]` is a mistake.
const MOST_ENTRIES: usize = 20_000;
/// What editors and patches leave beside a file.
const BACKUPS: [&str; 9] = ["bak", "orig", "rej", "old", "save", "swp", "swo", "tmp", "disabled"];

impl Wanted {
    fn is(&self, path: &Path) -> bool {
        let extension = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        extension.is_some_and(|end| self.extensions.contains(&end.as_str()))
    }

    /// The name under which a file is deployed: Grafana passes over `shop.JSON`, and over what has another ending.
    fn deployed(&self, name: String) -> String {
        match self.key {
            "dashboards" => match name.rsplit_once('.') {
                Some((stem, end)) if end.eq_ignore_ascii_case("json") => format!("{stem}.json"),
                _ => format!("{name}.json"),
            },
            _ => name,
        }
    }

    /// ``no `*.yml`, `*.yaml` or `*.rules` ``
    pub fn endings(&self) -> String {
        let endings: Vec<String> = self.extensions.iter().map(|end| format!("`*.{end}`")).collect();
        match endings.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => endings.concat(),
        }
    }
}

/// The files of everything that the spec lists under one key.
#[derive(Debug, Default)]
pub struct Walk {
    /// The path on disk by the path under which the file is deployed: `team-a/shop.yml`.
    pub found: BTreeMap<String, PathBuf>,
    /// Files in listed folders that have another ending.
    pub others: Vec<PathBuf>,
}

/// A file, and its path below the folder that was listed.
struct Entry {
    below: String,
    path: PathBuf,
    /// Which of the listed paths it was found through.
    listed: usize,
}

/// The files of the folders, or single files, that the spec lists. Hidden files and backups are left out.
///
/// Errors: a path that does not exist, a folder without such files, two files that would be deployed as one.
pub fn walk(base: &Path, listed: &[String], wanted: Wanted) -> Result<Walk> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut others = Vec::new();
    let mut known = BTreeSet::new();
    for (index, text) in listed.iter().enumerate() {
        let path = join(base, text);
        if path.is_file() {
            let below = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            entries.extend(new(Entry { below, path, listed: index }, &mut known));
            continue;
        }
        let mut folder =
            Folder { wanted, listed: index, visited: BTreeSet::new(), seen: 0, found: Vec::new(), others: Vec::new() };
        folder.read(&path, "").map_err(|error| folder.refused(&path, text, error))?;
        if folder.found.is_empty() {
            let message = format!("`{text}` under `{}:` contains no {} files", wanted.key, wanted.endings());
            return Err(Error::new(message).hint("put files there, or remove the folder from the spec"));
        }
        entries.extend(folder.found.into_iter().filter_map(|entry| new(entry, &mut known)));
        others.extend(folder.others);
    }
    Ok(Walk { found: named(entries, listed, wanted)?, others })
}

/// The entry, unless another listed path led to the same file.
fn new(entry: Entry, known: &mut BTreeSet<(PathBuf, String)>) -> Option<Entry> {
    let real = std::fs::canonicalize(&entry.path).unwrap_or_else(|_| entry.path.clone());
    let name = entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    known.insert((real, name)).then_some(entry)
}

/// Entries by the path under which they are deployed. Files of one name from several listed folders keep the folder's path.
fn named(entries: Vec<Entry>, listed: &[String], wanted: Wanted) -> Result<BTreeMap<String, PathBuf>> {
    let mut through: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for entry in &entries {
        through.entry(&entry.below).or_default().insert(entry.listed);
    }
    let clashing: BTreeSet<String> =
        through.iter().filter(|(_, listed)| listed.len() > 1).map(|(below, _)| (*below).to_owned()).collect();
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in entries {
        let mut name = entry.below.clone();
        if clashing.contains(&entry.below) {
            // A listed file is its own name; a folder comes before it.
            let folder = join(Path::new(""), &listed[entry.listed]);
            let folder = if entry.path.ends_with(&folder) { folder.parent().map(Path::to_owned) } else { Some(folder) };
            let parts = folder.iter().flat_map(|folder| folder.components()).filter_map(|part| match part {
                Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
                _ => None,
            });
            name = parts.chain([entry.below]).collect::<Vec<_>>().join("/");
        }
        let name = wanted.deployed(name);
        if let Some(other) = found.get(&name) {
            let message = format!("two files of `{}:` would be deployed as `{name}`", wanted.key);
            return Err(Error::new(message)
                .cause(format!("`{}` and `{}`", readable(other), readable(&entry.path)))
                .hint("rename one of the two"));
        }
        found.insert(name, entry.path);
    }
    Ok(found)
}

/// The walk through one listed folder.
struct Folder {
    wanted: Wanted,
    listed: usize,
    /// Folders by their real paths: a link that leads back is not followed, and a folder is read once.
    visited: BTreeSet<PathBuf>,
    seen: usize,
    found: Vec<Entry>,
    others: Vec<PathBuf>,
}

impl Folder {
    fn read(&mut self, folder: &Path, below: &str) -> std::io::Result<()> {
        if !self.visited.insert(std::fs::canonicalize(folder)?) {
            return Ok(());
        }
        let mut paths = std::fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<_>>>()?;
        paths.sort();
        self.seen += paths.len();
        if self.seen > MOST_ENTRIES {
            return Err(std::io::Error::other(format!("it holds more than {MOST_ENTRIES} files")));
        }
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is_hidden_or_backup(&name) {
                continue;
            }
            let below = if below.is_empty() { name } else { format!("{below}/{name}") };
            if path.is_dir() {
                self.read(&path, &below)?;
            } else if self.wanted.is(&path) {
                self.found.push(Entry { below, path, listed: self.listed });
            } else {
                self.others.push(path);
            }
        }
        Ok(())
    }

    fn refused(&self, path: &Path, listed: &str, error: std::io::Error) -> Error {
        if self.seen > MOST_ENTRIES {
            return Error::new(format!("`{listed}` under `{}:` is too large a folder", self.wanted.key))
                .cause(error)
                .hint(format!("list a folder that holds your {} only", self.wanted.key));
        }
        unreadable(path, self.wanted, error)
    }
}

fn is_hidden_or_backup(name: &str) -> bool {
    let backup = name.rsplit_once('.').is_some_and(|(_, end)| BACKUPS.contains(&end.to_lowercase().as_str()));
    name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#')) || backup
}

pub fn unreadable(path: &Path, wanted: Wanted, error: std::io::Error) -> Error {
    let key = wanted.key;
    Error::new(format!("cannot read `{}`", readable(path)))
        .cause(error)
        .hint(format!("the spec lists it under `{key}:`, relative to the spec's own folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, *file).expect("written");
        }
        folder
    }

    /// Texts of files by the name under which they are deployed, and texts of those beside them.
    type Walked = (Vec<(String, String)>, Vec<String>);

    fn walked(folder: &Path, listed: &[&str]) -> Result<Walked> {
        let listed: Vec<String> = listed.iter().map(|path| (*path).to_owned()).collect();
        let walk = walk(folder, &listed, RULES)?;
        let text = |path: &PathBuf| std::fs::read_to_string(path).expect("read");
        Ok((
            walk.found.iter().map(|(name, path)| (name.clone(), text(path))).collect(),
            walk.others.iter().map(text).collect(),
        ))
    }

    fn names(folder: &Path, listed: &[&str]) -> Vec<String> {
        walked(folder, listed).expect("walked").0.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn every_ending_is_found_in_every_depth_and_what_lies_beside_is_named() {
        let folder = folder(&[
            "rules/a.yml",
            "rules/b.YML",
            "rules/c.yaml",
            "rules/d.rules",
            "rules/team-a/db/shop.yml",
            "rules/team-b/shop.yml",
            "rules/README.md",
            "rules/e.rule",
        ]);
        let (found, others) = walked(folder.path(), &["./rules"]).expect("walked");
        let found: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, ["a.yml", "b.YML", "c.yaml", "d.rules", "team-a/db/shop.yml", "team-b/shop.yml"]);
        assert_eq!(others, ["rules/README.md", "rules/e.rule"]);
    }

    #[test]
    fn hidden_files_and_backups_are_left_out() {
        let folder = folder(&[
            "rules/a.yml",
            "rules/.a.yml",
            "rules/.git/b.yml",
            "rules/a.yml~",
            "rules/#a.yml#",
            "rules/a.yml.bak",
            "rules/a.yml.ORIG",
            "rules/.a.yml.swp",
            "rules/a.yml.disabled",
        ]);
        assert_eq!(
            walked(folder.path(), &["rules"]).expect("walked"),
            (vec![("a.yml".into(), "rules/a.yml".into())], vec![])
        );
    }

    #[test]
    fn equal_names_from_several_folders_keep_the_folders_path() {
        let folder = folder(&["a/rules/shop.yml", "a/rules/only.yml", "b/rules/shop.yml", "c/shop.yml"]);
        let found = walked(folder.path(), &["./a/rules", "b/rules/", "./c/shop.yml"]).expect("walked").0;
        let expected = [
            ("a/rules/shop.yml", "a/rules/shop.yml"),
            ("b/rules/shop.yml", "b/rules/shop.yml"),
            ("c/shop.yml", "c/shop.yml"),
            ("only.yml", "a/rules/only.yml"),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_file_that_is_listed_twice_is_loaded_once() {
        let folder = folder(&["rules/a.yml", "rules/b.yml"]);
        assert_eq!(names(folder.path(), &["rules", "./rules/", "rules/a.yml"]), ["a.yml", "b.yml"]);
    }

    #[test]
    fn a_dashboard_is_deployed_with_the_ending_that_grafana_reads() {
        let listed = |files: &[&str], listed: &str| {
            let folder = folder(files);
            walk(folder.path(), &[listed.into()], DASHBOARDS).map(|walk| walk.found.into_keys().collect::<Vec<_>>())
        };
        assert_eq!(listed(&["d/a.JSON", "d/b.json"], "d").expect("walked"), ["a.json", "b.json"]);
        assert_eq!(listed(&["d/a.txt"], "d/a.txt").expect("walked"), ["a.txt.json"]);
        let error = listed(&["d/a.JSON", "d/a.json"], "d").expect_err("refused");
        assert_eq!(error.message, "two files of `dashboards:` would be deployed as `a.json`");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_never_in_a_circle() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["rules/a/x.yml", "shared/s.yml", "rules/a/deep/y.yml"]);
        let link = |to: &str, at: &str| symlink(folder.path().join(to), folder.path().join(at)).expect("linked");
        link("rules", "rules/a/deep/loop");
        link("shared", "rules/shared");
        link("rules/a/x.yml", "rules/linked.yml");
        assert_eq!(names(folder.path(), &["rules"]), ["a/deep/y.yml", "a/x.yml", "linked.yml", "shared/s.yml"]);
        // A link to nothing is found, so that reading it names it.
        link("gone.yml", "rules/dangling.yml");
        assert!(walk(folder.path(), &["rules".into()], RULES).expect("walked").found.contains_key("dangling.yml"));
    }

    #[test]
    fn what_cannot_be_walked_is_an_error() {
        let folder = folder(&["empty/README.md", "a/rules/x.yml"]);
        let error = |listed: &str| walked(folder.path(), &[listed]).expect_err("refused");
        assert_eq!(error("empty").message, "`empty` under `rules:` contains no `*.yml`, `*.yaml` or `*.rules` files");
        assert!(error("gone").message.starts_with("cannot read `"));
    }

    #[test]
    fn a_folder_with_more_than_rules_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..=MOST_ENTRIES {
            std::fs::write(folder.path().join(number.to_string()), "").expect("written");
        }
        let error = walk(folder.path(), &[".".into()], RULES).expect_err("refused");
        assert_eq!(error.message, "`.` under `rules:` is too large a folder");
        assert_eq!(error.causes(), ["it holds more than 20000 files"]);
    }
}
