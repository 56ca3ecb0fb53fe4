//! What `catalog list` and `catalog show` tell, as data.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::manifest::{Manifest, ReceiverKind, StackManifest};
use super::{Catalog, Component};
use crate::error::{Error, Result, did_you_mean};

/// All of the catalog, one line a thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    pub components: Vec<ComponentSummary>,
    pub stacks: Vec<StackSummary>,
    pub receivers: Vec<ReceiverSummary>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentSummary {
    pub name: String,
    pub title: String,
    pub description: String,
    pub category: String,
    /// With tag.
    pub image: String,
    pub multiple: bool,
    /// Does it come from the user's folder?
    pub overlaid: bool,
    /// The stacks that have it.
    pub stacks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackSummary {
    pub name: String,
    pub title: String,
    pub description: String,
    pub components: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiverSummary {
    pub name: String,
    pub title: String,
    pub description: String,
}

/// All about one name; as JSON `{kind: component|stack|receiver, ...}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Description<'a> {
    Component(Box<ComponentDescription<'a>>),
    Stack(&'a StackManifest),
    Receiver(&'a ReceiverKind),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComponentDescription<'a> {
    #[serde(flatten)]
    pub manifest: &'a Manifest,
    pub overlaid: bool,
    /// The stacks that have it, each with the answers that differ from the defaults.
    pub stacks: BTreeMap<&'a str, &'a BTreeMap<String, Value>>,
    /// File names of rules, without `rules/`.
    pub rules: Vec<&'a str>,
    /// Titles of dashboards; the file's name where one cannot be read.
    pub dashboards: Vec<String>,
    /// All paths in its folder.
    pub files: Vec<&'a str>,
}

impl Catalog {
    /// Everything there is, by name.
    pub fn list(&self) -> Listing {
        let component = |component: &Component| {
            let manifest = &component.manifest;
            let has = |stack: &&StackManifest| stack.components.contains_key(&manifest.name);
            ComponentSummary {
                name: manifest.name.clone(),
                title: manifest.title.clone(),
                description: manifest.description.clone(),
                category: manifest.category.clone(),
                image: manifest.image.reference(),
                multiple: manifest.multiple,
                overlaid: component.overlaid,
                stacks: self.stacks.values().filter(has).map(|stack| stack.name.clone()).collect(),
            }
        };
        let stack = |stack: &StackManifest| StackSummary {
            name: stack.name.clone(),
            title: stack.title.clone(),
            description: stack.description.clone(),
            components: stack.components.keys().cloned().collect(),
        };
        let receiver = |kind: &ReceiverKind| ReceiverSummary {
            name: kind.name.clone(),
            title: kind.title.clone(),
            description: kind.description.clone(),
        };
        Listing {
            components: self.components.values().map(component).collect(),
            stacks: self.stacks.values().map(stack).collect(),
            receivers: self.receivers.values().map(receiver).collect(),
        }
    }

    /// One component, stack or kind of receiver. Errors: none of them has that name.
    pub fn describe(&self, name: &str) -> Result<Description<'_>> {
        if let Some(component) = self.components.get(name) {
            return Ok(Description::Component(Box::new(self.describe_component(component))));
        }
        if let Some(stack) = self.stacks.get(name) {
            return Ok(Description::Stack(stack));
        }
        if let Some(kind) = self.receivers.get(name) {
            return Ok(Description::Receiver(kind));
        }
        let known = self.components.keys().chain(self.stacks.keys()).chain(self.receivers.keys());
        let error = Error::new(format!("the catalog has no `{name}`"));
        Err(match did_you_mean(name, known.map(String::as_str)) {
            Some(guess) => error.hint(format!("did you mean `{guess}`? `watchpost catalog list` lists all components")),
            None => error.hint("`watchpost catalog list` lists all components"),
        })
    }

    fn describe_component<'a>(&'a self, component: &'a Component) -> ComponentDescription<'a> {
        let name = &component.manifest.name;
        let stacks = self.stacks.values().filter_map(|stack| Some((stack.name.as_str(), stack.components.get(name)?)));
        let title = |(path, file): (&str, &super::CatalogFile)| {
            let dashboard: Option<Value> = serde_json::from_slice(&file.content).ok();
            let title = dashboard.as_ref().and_then(|dashboard| dashboard["title"].as_str());
            title.unwrap_or(path).to_owned()
        };
        ComponentDescription {
            manifest: &component.manifest,
            overlaid: component.overlaid,
            stacks: stacks.collect(),
            rules: component.files_in("rules", ".yml").map(|(path, _)| path).collect(),
            dashboards: component.files_in("dashboards", ".json").map(title).collect(),
            files: component.files.keys().map(String::as_str).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_components_stacks_and_receivers() {
        let listing = Catalog::embedded().expect("valid").list();
        let cadvisor = listing.components.iter().find(|c| c.name == "cadvisor").expect("listed");
        assert_eq!(cadvisor.stacks, ["standard"]);
        assert!(listing.stacks.iter().any(|stack| stack.name == "minimal" && stack.components.len() == 3));
        assert!(listing.receivers.iter().any(|kind| kind.name == "telegram"));
    }

    #[test]
    fn a_description_is_found_for_each_kind_of_name_and_says_its_kind() {
        let catalog = Catalog::embedded().expect("valid");
        for (name, kind) in [("prometheus", "component"), ("standard", "stack"), ("slack", "receiver")] {
            let json = serde_json::to_value(catalog.describe(name).expect("known")).expect("JSON");
            assert_eq!((json["kind"].as_str(), json["name"].as_str()), (Some(kind), Some(name)));
        }
        let error = catalog.describe("promethues").expect_err("unknown");
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("did you mean `prometheus`?")));
    }
}
