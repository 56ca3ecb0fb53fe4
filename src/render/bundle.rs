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
            return Err(Error::new(format!("`{}` holds something that is no bundle", folder.display()))
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
