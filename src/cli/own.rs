//! The user's own rules and dashboards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The files of the folders (or single files) that the spec lists under `key`, by name.
///
/// Errors: a path that is not there, a folder without such files, two files of one name.
pub fn read(base: &Path, paths: &[String], extensions: &[&str], key: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for listed in paths {
        let path = base.join(listed);
        let found = if path.is_file() { vec![path] } else { inside(&path, listed, extensions, key)? };
        for file in found {
            let content = std::fs::read(&file).map_err(|error| unreadable(&file, key, &error))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if files.insert(name.clone(), content).is_some() {
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
}
