//! What rendering yields, and the truth about what gets deployed.

use std::collections::BTreeMap;

use crate::compose;

/// A `compose.yaml` that plain `docker compose up` takes too, and the files its services read.
#[derive(Debug, Clone, PartialEq)]
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
}
