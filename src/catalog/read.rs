//! Reading the catalog: the embedded folders, then the user's over them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use include_dir::{Dir, include_dir};

use super::manifest::{Manifest, ReceiverKind, StackManifest};
use super::question::{Kind, Question};
use super::{Catalog, CatalogFile, Component};
use crate::error::{Error, Result};
use crate::yaml::{self, Node};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static STACKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/stacks");

/// Files by path below a component's folder.
type Files = BTreeMap<String, CatalogFile>;

impl Catalog {
    /// The catalog that ships with the binary.
    pub fn embedded() -> Result<Self> {
        let mut catalog = Self::default();
        for folder in TEMPLATES.dirs() {
            let name = folder.path().to_string_lossy().into_owned();
            let mut files = Files::new();
            embedded_files(folder, folder.path(), &mut files);
            catalog.add_component(&name, files, false)?;
        }
        for file in STACKS.files() {
            let name = format!("stacks/{}", file.path().display());
            catalog.add_stack(&CatalogFile { name, content: Cow::Borrowed(file.contents()) })?;
        }
        catalog.check_references()?;
        Ok(catalog)
    }

    /// The embedded catalog with each overlay folder laid over it, in order. A folder holds `templates/` and
    /// `stacks/`, or components directly. A component of the same name replaces ours wholly.
    pub fn with_overlays<P: AsRef<Path>>(overlays: &[P]) -> Result<Self> {
        let mut catalog = Self::embedded()?;
        for folder in overlays {
            catalog.overlay(folder.as_ref())?;
        }
        catalog.check_references()?;
        Ok(catalog)
    }

    fn overlay(&mut self, folder: &Path) -> Result<()> {
        let templates = folder.join("templates");
        let templates = if templates.is_dir() { templates } else { folder.to_owned() };
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
                self.add_stack(&disk_file(entry)?)?;
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        Err(Error::new(format!("the catalog folder `{}` holds no component and no stack", folder.display()))
            .hint("a component is `templates/NAME/component.yaml`, a stack `stacks/NAME.yaml`"))
    }

    fn add_component(&mut self, name: &str, mut files: Files, overlaid: bool) -> Result<()> {
        let Some(file) = files.remove("component.yaml") else {
            return Err(Error::new(format!("component `{name}` has no `component.yaml`")));
        };
        let node = yaml::parse(&file.name, file.text()?)?;
        let manifest: Manifest = node.decode()?;
        check_manifest(name, &manifest, &node)?;
        if !files.contains_key("service.yml") {
            return Err(Error::new(format!("component `{name}` has no `service.yml`"))
                .cause(format!("expected beside `{}`", file.name))
                .hint("it holds the Compose services, as a template"));
        }
        if let Some(receivers) = files.get("receivers.yaml") {
            let kinds: Vec<ReceiverKind> = yaml::from_str(&receivers.name, receivers.text()?)?;
            self.receivers.extend(kinds.into_iter().map(|kind| (kind.name.clone(), kind)));
        }
        self.components.insert(name.to_owned(), Component { manifest, files, overlaid });
        Ok(())
    }

    fn add_stack(&mut self, file: &CatalogFile) -> Result<()> {
        let stack: StackManifest = yaml::from_str(&file.name, file.text()?)?;
        self.stacks.insert(stack.name.clone(), stack);
        Ok(())
    }

    fn check_references(&self) -> Result<()> {
        let known = |name: &String| self.components.contains_key(name);
        for (name, component) in &self.components {
            if let Some(missing) = component.manifest.needs.iter().find(|needed| !known(needed)) {
                return Err(self.unknown_component(missing).within(format!("component `{name}` needs `{missing}`")));
            }
        }
        for (name, stack) in &self.stacks {
            if let Some(missing) = stack.components.keys().find(|component| !known(component)) {
                return Err(self.unknown_component(missing).within(format!("stack `{name}` lists `{missing}`")));
            }
        }
        Ok(())
    }
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
    let content = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    Ok(CatalogFile { name: path.display().to_string(), content: Cow::Owned(content) })
}

/// Paths in a folder in the order of their names; hidden ones left out.
fn sorted_entries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| unreadable(folder, &error))?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("cannot read `{}`", path.display())).cause(error)
}

fn check_manifest(folder: &str, manifest: &Manifest, node: &Node) -> Result<()> {
    let place = |key: &str| node.get(key).unwrap_or(node);
    let valid_name = !folder.is_empty()
        && folder.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && folder.starts_with(|c: char| c.is_ascii_lowercase());
    if !valid_name {
        return Err(place("name")
            .error(format!("`{folder}` is no component's name"))
            .hint("lowercase letters, digits and `-`, beginning with a letter"));
    }
    if manifest.name != folder {
        return Err(place("name")
            .error(format!("component `{}` lies in the folder `{folder}`", manifest.name))
            .hint(format!("expected `name: {folder}`")));
    }
    let questions = place("questions").items();
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (question, node) in manifest.questions.iter().zip(questions) {
        if !seen.insert(&question.variable) {
            errors.push(node.error(format!("the question `{}` is asked twice", question.variable)));
        }
        errors.extend(check_question(question, &manifest.questions, node).err());
    }
    Error::all(errors)
}

fn check_question(question: &Question, all: &[Question], node: &Node) -> Result<()> {
    let variable = &question.variable;
    let place = |key: &str| node.get(key).unwrap_or(node);
    let identifier = variable.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if variable.is_empty() || !identifier {
        return Err(place("variable")
            .error(format!("`{variable}` is no variable's name"))
            .hint("lowercase letters, digits and `_`"));
    }
    if (question.kind == Kind::Enum) == question.options.is_empty() {
        return Err(node.error(format!("`{variable}`: `options` go with `type: enum`, and only with it")));
    }
    for (key, pattern) in [("valid_chars", &question.valid_chars), ("invalid_chars", &question.invalid_chars)] {
        let broken = pattern.as_deref().and_then(|pattern| regex_lite::Regex::new(pattern).err());
        if let Some(error) = broken {
            return Err(place(key).error(format!("`{key}` of `{variable}` is no regular expression")).cause(error));
        }
    }
    if (question.secret.is_some() || question.json_key.is_some()) && question.kind != Kind::Password {
        return Err(node.error(format!("`{variable}`: `secret` and `json_key` go with `type: password`")));
    }
    if let Some(condition) = &question.show_if {
        for part in condition.split("&&") {
            let named = part.split_once('=').map(|(name, _)| name.trim());
            if !named.is_some_and(|name| all.iter().any(|other| other.variable == name && name != variable)) {
                return Err(place("show_if")
                    .error(format!("`show_if` of `{variable}` does not hold: `{condition}`"))
                    .hint("write `variable=value`, naming another question's variable"));
            }
        }
    }
    if let Some(default) = &question.default {
        question
            .check(default)
            .map_err(|problem| place("default").error(format!("the default of `{variable}` {}", problem.message)))?;
    }
    Ok(())
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
