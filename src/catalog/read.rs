//! Reading the catalog: the embedded folders, then the user's over them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::manifest::{Manifest, ReceiverKind, StackManifest};
use super::question::{Kind, Question};
use super::{Catalog, CatalogFile, Component, check};
use crate::error::{Error, Result};
use crate::{input, yaml};

/// The question that every component has.
pub const IMAGE: &str = "image";

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static STACKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/stacks");

/// Files by path below a component's folder.
type Files = BTreeMap<String, CatalogFile>;

impl Catalog {
    /// The catalog that ships with the binary.
    pub fn embedded() -> Result<Self> {
        let catalog = Self::read_embedded()?;
        check::references(&catalog)?;
        Ok(catalog)
    }

    fn read_embedded() -> Result<Self> {
        let mut catalog = Self::default();
        for folder in TEMPLATES.dirs() {
            let name = folder.path().to_string_lossy().into_owned();
            let mut files = Files::new();
            embedded_files(folder, folder.path(), &mut files);
            catalog.add_component(&name, files, false)?;
        }
        for file in STACKS.files() {
            let name = format!("stacks/{}", file.path().display());
            catalog.add_stack(CatalogFile { name, content: Cow::Borrowed(file.contents()) })?;
        }
        Ok(catalog)
    }

    /// The embedded catalog with each overlay folder laid over it, in order. A folder holds `templates/` and
    /// `stacks/`, or components directly. A component of the same name replaces ours wholly.
    pub fn with_overlays<P: AsRef<Path>>(overlays: &[P]) -> Result<Self> {
        let mut catalog = Self::read_embedded()?;
        for folder in overlays {
            catalog.overlay(folder.as_ref())?;
        }
        check::references(&catalog)?;
        Ok(catalog)
    }

    fn overlay(&mut self, folder: &Path) -> Result<()> {
        let templates = components_folder(folder);
        let mut found = false;
        for entry in sorted_entries(&templates)? {
            if entry.join("component.yaml").is_file() {
                let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let mut files = Files::new();
                disk_files(&entry, &entry, &mut files)?;
                self.add_component(&name, files, true)?;
                found = true;
            }
        }
        let stacks = folder.join("stacks");
        if stacks.is_dir() {
            for entry in sorted_entries(&stacks)?.iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
                self.add_stack(disk_file(entry)?)?;
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        Err(Error::new(format!("the catalog folder `{}` holds no component and no stack", folder.display()))
            .hint("a component is `templates/NAME/component.yaml`, a stack `stacks/NAME.yaml`"))
    }

    fn add_component(&mut self, name: &str, files: Files, overlaid: bool) -> Result<()> {
        let Some(file) = files.get("component.yaml") else {
            return Err(Error::new(format!("component `{name}` has no `component.yaml`"))
                .hint("it is the manifest: name, title, description, category, image, questions"));
        };
        let node = yaml::parse(&file.name, file.text()?)?;
        let mut manifest: Manifest = node.decode()?;
        check::manifest(name, &manifest, &node)?;
        add_image_question(&mut manifest);
        if !files.contains_key("service.yml") {
            return Err(Error::new(format!("component `{name}` has no `service.yml`"))
                .cause(format!("expected beside `{}`", file.name))
                .hint("it holds the Compose services, as a template"));
        }
        if let Some(receivers) = files.get("receivers.yaml") {
            let node = yaml::parse(&receivers.name, receivers.text()?)?;
            let kinds: Vec<ReceiverKind> = node.decode()?;
            check::receivers(&kinds, &node)?;
            self.receivers.extend(kinds.into_iter().map(|kind| (kind.name.clone(), kind)));
        }
        self.components.insert(name.to_owned(), Component { manifest, files, overlaid });
        Ok(())
    }

    fn add_stack(&mut self, file: CatalogFile) -> Result<()> {
        let node = yaml::parse(&file.name, file.text()?)?;
        let stack: StackManifest = node.decode()?;
        let stem = Path::new(&file.name).file_stem().unwrap_or_default().to_string_lossy();
        if stack.name != stem {
            return Err(node
                .get("name")
                .unwrap_or(&node)
                .error(format!("stack `{}` lies in the file `{}`", stack.name, file.name))
                .hint(format!("expected `name: {stem}`")));
        }
        self.stack_files.insert(stack.name.clone(), file);
        self.stacks.insert(stack.name.clone(), stack);
        Ok(())
    }
}

/// Where an overlay keeps its components: `templates/` when there is one, else the folder itself.
pub(super) fn components_folder(overlay: &Path) -> PathBuf {
    let templates = overlay.join("templates");
    if templates.is_dir() { templates } else { overlay.to_owned() }
}

/// Every component's image can be another: from a mirror, or of another version.
fn add_image_question(manifest: &mut Manifest) {
    if manifest.questions.iter().any(|question| question.variable == IMAGE) {
        return;
    }
    manifest.questions.push(Question {
        variable: IMAGE.into(),
        label: "Image".into(),
        description: format!(
            "Another image than `{}`, such as one from a mirror of yours.",
            manifest.image.reference()
        ),
        kind: Kind::String,
        default: None,
        required: false,
        options: Vec::new(),
        min: None,
        max: None,
        warn_below: None,
        min_length: None,
        max_length: None,
        valid_chars: Some(r"[a-z0-9][a-zA-Z0-9._/:@-]*".into()),
        invalid_chars: None,
        group: Some("Image".into()),
        show_if: None,
        secret: None,
        json_key: None,
        pgpass: false,
        or_secret: false,
        example: None,
        advanced: true,
    });
}

fn embedded_files(folder: &Dir<'static>, base: &Path, files: &mut Files) {
    for file in folder.files() {
        let path = file.path().strip_prefix(base).unwrap_or(file.path()).to_string_lossy().replace('\\', "/");
        let name = format!("templates/{}", file.path().display());
        files.insert(path, CatalogFile { name, content: Cow::Borrowed(file.contents()) });
    }
    for inner in folder.dirs() {
        embedded_files(inner, base, files);
    }
}

fn disk_files(folder: &Path, base: &Path, files: &mut Files) -> Result<()> {
    for entry in sorted_entries(folder)? {
        if entry.is_dir() {
            disk_files(&entry, base, files)?;
        } else {
            let path = entry.strip_prefix(base).unwrap_or(&entry).to_string_lossy().replace('\\', "/");
            files.insert(path, disk_file(&entry)?);
        }
    }
    Ok(())
}

fn disk_file(path: &Path) -> Result<CatalogFile> {
    let content = input::bytes(path, input::CONTENT).map_err(|error| unreadable(path, error))?;
    Ok(CatalogFile { name: path.display().to_string(), content: Cow::Owned(content) })
}

/// Paths in a folder in the order of their names; hidden ones left out.
fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| unreadable(folder, error))?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(format!("cannot read `{}`", path.display())).cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalog_reads_and_holds_what_ships() {
        let catalog = Catalog::embedded().expect("valid");
        for name in [
            "prometheus",
            "alertmanager",
            "node-exporter",
            "cadvisor",
            "blackbox-exporter",
            "pushgateway",
            "grafana",
            "postgres-exporter",
            "redis-exporter",
        ] {
            assert!(catalog.components.contains_key(name), "{name}");
        }
        assert!(catalog.stacks.contains_key("minimal") && catalog.stacks.contains_key("standard"));
        assert!(catalog.receivers.contains_key("slack"));
    }

    fn overlay(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Catalog>) {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let catalog = Catalog::with_overlays(&[dir.path()]);
        (dir, catalog)
    }

    const HEAD: &str =
        "name: shop\ntitle: Shop\ndescription: A shop.\ncategory: own\nimage: {repository: shop, tag: v1}\n";

    #[test]
    fn an_overlay_adds_a_component() {
        let (_dir, catalog) =
            overlay(&[("templates/shop/component.yaml", HEAD), ("templates/shop/service.yml", "services: {}")]);
        assert!(catalog.expect("valid").components["shop"].overlaid);
    }

    #[test]
    fn a_broken_manifest_in_an_overlay_is_named_with_file_and_line() {
        let text = format!("{HEAD}questions:\n  - {{variable: a, label: A, type: int, default: many}}\n");
        let (_dir, catalog) = overlay(&[("shop/component.yaml", &text), ("shop/service.yml", "")]);
        let error = catalog.expect_err("refused");
        let at = error.at.clone().expect("located");
        assert!(at.file.ends_with("component.yaml") && at.line == 7, "{at}");
        assert_eq!(error.message, "the default of `a` must be a whole number, not `many`");
    }

    #[test]
    fn an_empty_overlay_is_refused() {
        let (_dir, catalog) = overlay(&[]);
        assert!(catalog.expect_err("refused").message.contains("holds no component"));
    }
}
