//! One component's templates rendered by themselves, for `catalog lint`.

use std::collections::BTreeMap;

use super::context;
use super::template::Templates;
use crate::catalog::{Catalog, Component, answer, lint};
use crate::compose;
use crate::error::Result;
use crate::spec::resolve::{Instance, OwnFiles, Resolved};
use crate::yaml;

/// Renders `service.yml`, `files/` and `rules/` of a component with these answers, amid all other components of the
/// catalog with their own: texts by path in the folder.
///
/// Errors: a template that does not parse or render; a `service.yml` that is no Compose fragment we support.
pub fn sample(
    catalog: &Catalog,
    component: &Component,
    answers: &answer::Resolved,
) -> Result<BTreeMap<String, String>> {
    let mut instances: Vec<Instance<'_>> = catalog
        .components
        .iter()
        .map(|(name, other)| {
            let answers = lint::samples(&other.manifest.questions).0;
            Instance { name: name.clone(), component: other, answers, given: Default::default() }
        })
        .collect();
    let name = &component.manifest.name;
    let subject = Instance { name: name.clone(), component, answers: answers.clone(), given: Default::default() };
    instances.retain(|instance| &instance.name != name);
    instances.push(subject.clone());
    let resolved = Resolved {
        name: "sample".into(),
        catalog,
        instances,
        receivers: Vec::new(),
        routes: Vec::new(),
        targets: Vec::new(),
        probes: Vec::new(),
        secrets: BTreeMap::new(),
        own: OwnFiles::default(),
        address: None,
        host: None,
        source: None,
    };
    let tera = context::tera(&context::of_instance(&context::shared(&resolved), &subject))?;
    let mut templates = Templates::default();
    let mut texts = BTreeMap::new();
    for (path, file) in component.files.iter().filter(|(path, _)| lint::is_template(path)) {
        texts.insert(path.clone(), templates.render(&file.name, file.text()?, &tera)?);
    }
    if let Some((file, text)) = component.files.get("service.yml").zip(texts.get("service.yml")) {
        yaml::from_str::<compose::File>(&format!("{} (rendered)", file.name), text)?;
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(catalog: &Catalog, names: &[String]) -> Vec<String> {
        let found = lint::lint(catalog, names, &|component, answers| sample(catalog, component, answers));
        found.expect("known names").iter().map(|f| format!("{:?} {} {}", f.severity, f.component, f.problem)).collect()
    }

    /// What is to come with the rules: recorded metrics, and the rules that use the host's thresholds.
    fn awaited(finding: &str) -> bool {
        finding.contains("`metrics.prom` is missing") || finding.contains("Warning node-exporter no template uses")
    }

    #[test]
    fn what_ships_passes_its_own_lint() {
        let catalog = Catalog::embedded().expect("valid");
        let mut findings = findings(&catalog, &[]);
        findings.retain(|finding| !awaited(finding));
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn the_worked_example_of_contributing_passes_lint() {
        let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/overlay");
        let catalog = Catalog::with_overlays(&[overlay]).expect("valid");
        let findings = findings(&catalog, &["price-feed".into()]);
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn the_worked_example_of_contributing_is_rendered_into_its_stack() {
        let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/overlay");
        let text = std::fs::read_to_string(format!("{overlay}/watchpost.yaml")).expect("the spec");
        let spec = crate::spec::read("watchpost.yaml", &text).expect("a spec");
        let catalog = Catalog::with_overlays(&[overlay]).expect("valid");
        let resolved = crate::spec::resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
        let bundle = crate::render::render(&resolved).expect("rendered");
        let text = |path: &str| String::from_utf8_lossy(&bundle.files[path]).into_owned();
        assert!(text("files/price-feed/www/metrics.txt").contains("currency=\"EUR\"} 9"));
        assert!(text("files/prometheus/rules/price-feed/price-feed.yml").contains("shop_price < 3"));
        assert!(text("files/prometheus/prometheus.yml").contains("price-feed:8080"));
    }
}
