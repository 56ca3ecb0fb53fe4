//! Components and stacks: data that says what can be deployed, with which questions.
//!
//! The embedded catalog, overlaid by folders of the user's. Reading is strict: a manifest that
//! would be misunderstood is an error with its file, line and column.

pub mod answer;
mod check;
pub mod describe;
pub mod eject;
pub mod failure;
pub mod lint;
pub mod manifest;
pub mod question;
mod read;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Error, Result, did_you_mean};

pub use manifest::{Collector, Manifest, ReceiverKind, StackManifest};
pub use question::Question;

/// All that can be deployed.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub components: BTreeMap<String, Component>,
    pub stacks: BTreeMap<String, StackManifest>,
    pub receivers: BTreeMap<String, ReceiverKind>,
    /// The stacks' files by stack, to point into.
    pub stack_files: BTreeMap<String, CatalogFile>,
}

/// A component's manifest and the other files of its folder.
#[derive(Debug, Clone)]
pub struct Component {
    pub manifest: Manifest,
    /// By path inside the folder: `component.yaml`, `service.yml`, `files/prometheus.yml`, `rules/host.yml`, `dashboards/host.json`.
    pub files: BTreeMap<String, CatalogFile>,
    /// Does it come from the user's folder?
    pub overlaid: bool,
}

#[derive(Debug, Clone)]
pub struct CatalogFile {
    /// How errors name it: `templates/prometheus/service.yml`, or the path in the user's overlay.
    pub name: String,
    pub content: Cow<'static, [u8]>,
}

impl CatalogFile {
    /// Errors: the file is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.content).map_err(|error| {
            Error::new(format!("`{}` is not a text file", self.name)).cause(error).hint("save it as UTF-8")
        })
    }
}

impl Component {
    /// Files whose path begins with `folder/` and ends with `suffix`; without subfolders of tests.
    pub fn files_in<'a>(
        &'a self,
        folder: &'a str,
        suffix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a CatalogFile)> {
        self.files.iter().filter_map(move |(path, file)| {
            let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
            (rest.ends_with(suffix) && !rest.starts_with("tests/")).then_some((rest, file))
        })
    }
}

impl Catalog {
    pub fn component(&self, name: &str) -> Result<&Component> {
        self.components.get(name).ok_or_else(|| self.unknown_component(name))
    }

    /// An error that says what the catalog has instead; the caller adds the place.
    pub fn unknown_component(&self, name: &str) -> Error {
        let error =
            Error::new(format!("unknown component `{name}`")).hint("`watchpost catalog list` lists all components");
        match did_you_mean(name, self.components.keys().map(String::as_str)) {
            Some(guess) => error.label(format!("did you mean `{guess}`?")),
            None => error,
        }
    }

    pub fn stack(&self, name: &str) -> Result<&StackManifest> {
        self.stacks.get(name).ok_or_else(|| {
            let known = self.stacks.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let error = Error::new(format!("unknown stack `{name}`")).hint(format!("the catalog has {known}"));
            match did_you_mean(name, self.stacks.keys().map(String::as_str)) {
                Some(guess) => error.label(format!("did you mean `{guess}`?")),
                None => error,
            }
        })
    }
}
