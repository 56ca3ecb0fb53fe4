//! Components and stacks: data that says what can be deployed, with which questions.
//!
//! The embedded catalog, overlaid by folders of the user's. Reading is strict: a manifest that
//! would be misunderstood is an error with its file, line and column.

pub mod manifest;
pub mod question;

pub use manifest::{Manifest, StackManifest};
pub use question::Question;

use std::borrow::Cow;
use std::collections::BTreeMap;

use manifest::ReceiverKind;

/// All that can be deployed.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub components: BTreeMap<String, Component>,
    pub stacks: BTreeMap<String, StackManifest>,
    pub receivers: BTreeMap<String, ReceiverKind>,
}

/// A component's manifest and the other files of its folder.
#[derive(Debug, Clone)]
pub struct Component {
    pub manifest: Manifest,
    /// By path inside the folder: `service.yml`, `files/prometheus.yml`, `rules/host.yml`, `dashboards/host.json`.
    pub files: BTreeMap<String, CatalogFile>,
}

#[derive(Debug, Clone)]
pub struct CatalogFile {
    /// How errors name it: `templates/prometheus/service.yml`, or the path in the user's overlay.
    pub name: String,
    pub content: Cow<'static, [u8]>,
}
