//! People's own dashboards: the folders that the spec names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::shared::context::{Choice, Context};
use crate::dashboard;
use crate::spec::Spec;

/// One file of them.
pub struct OwnFile {
    pub path: PathBuf,
    pub text: String,
    pub uid: String,
    pub title: String,
}

/// The spec, where there is one.
pub fn spec(context: &Context) -> Result<Option<Spec>> {
    context.spec_path().map(|_| context.spec(&Choice::default())).transpose()
}

/// All files under the spec's `dashboards:`; what cannot be read is passed over, `up` names it.
pub fn files(context: &Context) -> Result<Vec<OwnFile>> {
    let Some(spec) = spec(context)? else { return Ok(Vec::new()) };
    let base = context.base();
    let mut found = Vec::new();
    for listed in &spec.dashboards {
        let path = base.join(listed);
        let paths = if path.is_dir() { json_files(&path) } else { vec![path] };
        found.extend(paths.into_iter().filter_map(read));
    }
    Ok(found)
}

/// The dashboards of a folder, by name.
pub fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    found.sort();
    found
}

fn read(path: PathBuf) -> Option<OwnFile> {
    let text = std::fs::read_to_string(&path).ok()?;
    let model = dashboard::parse("", &text).unwrap_or_default();
    let (uid, title) = (dashboard::uid(&model).to_owned(), dashboard::title(&model).to_owned());
    Some(OwnFile { path, text, uid, title })
}

/// The first folder under the spec's `dashboards:`; `None` when it lists none.
pub fn folder(context: &Context) -> Result<Option<PathBuf>> {
    let base = context.base();
    let listed = spec(context)?.map(|spec| spec.dashboards).unwrap_or_default();
    Ok(listed.iter().map(|path| base.join(path)).find(|path| path.is_dir() || path.extension().is_none()))
}

/// Writes a file, and the folder that it is in.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(failed)?;
    }
    std::fs::write(path, text).with_context(failed)
}

/// A path as people would write it: without a leading `./`.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
