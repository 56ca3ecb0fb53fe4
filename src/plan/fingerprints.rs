//! What a service's files and secrets are at present, in a form that may stand in a label.

use std::collections::BTreeMap;

use crate::compose;
use crate::render::Bundle;
use crate::secrets::{self, Secret};

/// By service; services without files or secrets are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprints {
    /// `Bundle::files_hash`
    pub files: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
}

impl Fingerprints {
    /// `values` holds the secrets that have a source; generated ones count by their name alone, since their value
    /// stays as long as the host keeps it.
    pub fn of(bundle: &Bundle, fingerprint_key: &str, values: &BTreeMap<String, Secret>) -> Self {
        let mut fingerprints = Self::default();
        for (name, service) in &bundle.compose.services {
            if service.has_files() {
                fingerprints.files.insert(name.clone(), bundle.files_hash(name));
            }
            if !service.secrets.is_empty() {
                let pairs =
                    service.secrets.iter().map(|secret| (secret.as_str(), value(&bundle.compose, secret, values)));
                fingerprints.secrets.insert(name.clone(), secrets::fingerprint(fingerprint_key, pairs));
            }
        }
        fingerprints
    }
}

fn value<'a>(file: &compose::File, name: &str, values: &'a BTreeMap<String, Secret>) -> &'a str {
    let source = file.secrets.get(name).and_then(|secret| secret.extension.as_ref()?.of.as_deref()).unwrap_or(name);
    values.get(source).map_or("", Secret::expose)
}
