//! Copies a component out of the catalog, to be changed in a folder of the user's.

use std::path::{Path, PathBuf};

use super::Catalog;
use super::read::components_folder;
use crate::error::{Error, Result};

impl Catalog {
    /// Writes the component's folder below `overlay`, where `--catalog` finds it, and returns the paths written.
    ///
    /// With `force` its files are written over those that are there; others stay. Errors: an unknown component, one
    /// that comes from a folder already, a folder that exists (without `force`), files that cannot be written.
    pub fn eject(&self, name: &str, overlay: &Path, force: bool) -> Result<Vec<PathBuf>> {
        let component = self.component(name)?;
        if component.overlaid {
            let manifest = component.files.get("component.yaml").map_or(name, |file| file.name.as_str());
            return Err(Error::new(format!("component `{name}` lies in a folder of yours already"))
                .cause(format!("it is read from `{manifest}`"))
                .hint("change it there; for ours again, run without `--catalog`"));
        }
        let folder = target(overlay).join(name);
        if folder.exists() && !force {
            return Err(Error::new(format!("`{}` already exists", folder.display()))
                .hint("`--force` writes over its files, or name another folder"));
        }
        component
            .files
            .iter()
            .map(|(path, file)| {
                let path = folder.join(path);
                write(&path, &file.content)?;
                Ok(path)
            })
            .collect()
    }
}

/// `templates/` in the overlay, unless its components lie in the folder itself: beside a new `templates/` they would
/// be passed over.
fn target(overlay: &Path) -> PathBuf {
    let flat = std::fs::read_dir(overlay)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().join("component.yaml").is_file()));
    if flat { components_folder(overlay) } else { overlay.join("templates") }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let written = match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, content)),
        None => std::fs::write(path, content),
    };
    written.map_err(|error| {
        Error::new(format!("cannot write `{}`", path.display()))
            .cause(error)
            .hint("name a folder that you may write to")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ejected_component_is_read_back_as_an_overlay() {
        let dir = tempfile::tempdir().expect("a folder");
        let ours = Catalog::embedded().expect("valid");
        let written = ours.eject("grafana", dir.path(), false).expect("written");
        assert_eq!(written.len(), ours.components["grafana"].files.len());
        let theirs = Catalog::with_overlays(&[dir.path()]).expect("valid");
        assert!(theirs.components["grafana"].overlaid);
        assert_eq!(theirs.components["grafana"].manifest, ours.components["grafana"].manifest);
        let error = theirs.eject("grafana", dir.path(), true).expect_err("refused");
        assert!(error.message.contains("folder of yours already"));
    }

    #[test]
    fn what_is_there_is_written_over_only_when_forced() {
        let dir = tempfile::tempdir().expect("a folder");
        let ours = Catalog::embedded().expect("valid");
        ours.eject("grafana", dir.path(), false).expect("written");
        let service = dir.path().join("templates/grafana/service.yml");
        std::fs::write(&service, "mine").expect("written");
        let error = ours.eject("grafana", dir.path(), false).expect_err("refused");
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("--force")));
        assert_eq!(std::fs::read_to_string(&service).expect("read"), "mine");
        ours.eject("grafana", dir.path(), true).expect("written");
        assert_ne!(std::fs::read_to_string(&service).expect("read"), "mine");
    }

    #[test]
    fn components_that_lie_in_the_folder_itself_stay_in_sight() {
        let dir = tempfile::tempdir().expect("a folder");
        let ours = Catalog::embedded().expect("valid");
        std::fs::create_dir(dir.path().join("mine")).expect("made");
        std::fs::write(dir.path().join("mine/component.yaml"), "").expect("written");
        ours.eject("grafana", dir.path(), false).expect("written");
        assert!(dir.path().join("grafana/service.yml").is_file());
    }
}
