//! What rendering yields, and the truth about what gets deployed.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::compose;
use crate::error::{Error, Result};

/// A `compose.yaml` that plain `docker compose up` takes too, and the files its services read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// `compose.yaml` as people read it.
    pub text: String,
    /// The same, parsed back from `text`.
    pub compose: compose::File,
    /// By path below the bundle's folder, `files/<service>/<path>`; never a secret's value.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// The files of one service, by path below `/etc/watchpost/current`.
    pub fn service_files(&self, service: &str) -> BTreeMap<&str, &[u8]> {
        let prefix = format!("files/{service}/");
        self.files
            .iter()
            .filter_map(|(path, content)| Some((path.strip_prefix(&prefix)?, content.as_slice())))
            .collect()
    }

    /// Names the folder of a service's files on the host: sixteen hex digits over paths, lengths and contents.
    pub fn files_hash(&self, service: &str) -> String {
        hash_files(self.service_files(service).into_iter())
    }

    /// Writes the bundle into `folder`, and removes files of an earlier one that this one does not have.
    ///
    /// Refuses a folder that holds something else. Secrets' values are not written; `secrets/` is the user's.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let failed =
            |path: &Path, error: std::io::Error| Error::new(format!("cannot write `{}`", path.display())).cause(error);
        let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if occupied && !folder.join("compose.yaml").is_file() {
            return Err(Error::new(format!("`{}` is not empty and is not a Watchpost bundle", folder.display()))
                .hint("name an empty folder, or one that `watchpost render` wrote before"));
        }
        let files = folder.join("files");
        if files.is_dir() {
            std::fs::remove_dir_all(&files).map_err(|error| failed(&files, error))?;
        }
        for (path, content) in &self.files {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
            std::fs::write(&path, content).map_err(|error| failed(&path, error))?;
        }
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let path = folder.join("compose.yaml");
        std::fs::write(&path, &self.text).map_err(|error| failed(&path, error))
    }
}

/// Sixteen hex digits over paths, lengths and contents, in the order of the paths.
pub fn hash_files<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (path, content) in files {
        for part in [path.as_bytes(), content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    compose::hex(&hash.finalize())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn bundle(files: &[(&str, &str)]) -> Bundle {
        let text = "name: a\nservices:\n  web: {image: web}\n";
        Bundle {
            text: text.into(),
            compose: compose::parse("compose.yaml", text).expect("valid"),
            files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
        }
    }

    /// The files below a folder, by path.
    fn below(folder: &Path) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).expect("below").display().to_string();
                    found.insert(name, fs::read_to_string(&path).expect("text"));
                }
            }
        }
        found
    }

    #[test]
    fn a_bundle_is_written_into_a_new_or_empty_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let bundle = bundle(&[("files/web/a/b.yml", "b"), ("files/web/c.yml", "c")]);
        for folder in [home.path().join("new/deep"), home.path().join("empty")] {
            if folder.ends_with("empty") {
                fs::create_dir(&folder).expect("made");
            }
            bundle.write(&folder).expect("written");
            let files = below(&folder);
            assert_eq!(files.keys().collect::<Vec<_>>(), ["compose.yaml", "files/web/a/b.yml", "files/web/c.yml"]);
            assert_eq!((&files["compose.yaml"], files["files/web/a/b.yml"].as_str()), (&bundle.text, "b"));
        }
    }

    #[test]
    fn a_bundle_is_written_over_an_earlier_one_and_nothing_else_is_removed() {
        let home = tempfile::tempdir().expect("a folder");
        bundle(&[("files/web/old.yml", "old"), ("files/web/kept.yml", "1")]).write(home.path()).expect("written");
        fs::create_dir(home.path().join("secrets")).expect("made");
        fs::write(home.path().join("secrets/pw"), "hunter2").expect("written");
        fs::write(home.path().join("README"), "mine").expect("written");
        bundle(&[("files/web/kept.yml", "2")]).write(home.path()).expect("written again");
        let files = below(home.path());
        assert_eq!(files.keys().collect::<Vec<_>>(), ["README", "compose.yaml", "files/web/kept.yml", "secrets/pw"]);
        assert_eq!((files["files/web/kept.yml"].as_str(), files["README"].as_str()), ("2", "mine"));
    }

    #[test]
    fn a_folder_of_others_is_refused_and_left_as_it_is() {
        for existing in ["files/mine.txt", "notes.txt", "compose.yaml/inside"] {
            let home = tempfile::tempdir().expect("a folder");
            let path = home.path().join(existing);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "mine").expect("written");
            let error = bundle(&[("files/web/a.yml", "a")]).write(home.path()).expect_err(existing);
            assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("empty folder")), "{error}");
            assert_eq!(below(home.path()), BTreeMap::from([(existing.to_owned(), "mine".to_owned())]));
        }
    }

    #[test]
    fn the_hash_changes_with_every_path_and_content_of_the_service_only() {
        let hash = |files: &[(&str, &str)]| bundle(files).files_hash("web");
        let base = hash(&[("files/web/a", "1")]);
        assert_eq!((base.len(), &hash(&[("files/web/a", "1"), ("files/webs/a", "1")])), (16, &base));
        for other in
            [&[("files/web/a", "2")][..], &[("files/web/b", "1")], &[("files/web/a", "1"), ("files/web/b", "")], &[]]
        {
            assert_ne!(hash(other), base, "{other:?}");
        }
        assert_ne!(
            hash(&[("files/web/a", "b"), ("files/web/c", "")]),
            hash(&[("files/web/a", ""), ("files/web/bc", "")])
        );
    }
}
