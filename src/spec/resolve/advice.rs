//! What is accepted, and probably not what was meant.

use serde_json::Value;

use super::{Instance, Resolved};
use crate::catalog::question::Question;
use crate::error::Error;
use crate::units::parse_size;

impl Resolved<'_> {
    /// Each with its place in the spec, where it has one.
    pub fn warnings(&self) -> Vec<Error> {
        let of = |instance: &Instance<'_>| {
            let questions = instance.component.manifest.questions.iter();
            questions.filter_map(|question| small(instance, question)).collect::<Vec<_>>()
        };
        self.instances.iter().flat_map(of).collect()
    }
}

/// A size below what the component needs.
fn small(instance: &Instance<'_>, question: &Question) -> Option<Error> {
    let answer = instance.answers.get(&question.variable)?;
    let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    let least = question.warn_below.as_deref()?;
    if parse_size(&text)? >= parse_size(least)? {
        return None;
    }
    let (name, variable) = (&instance.name, &question.variable);
    let component = &instance.component.manifest.name;
    let default = question.default.as_ref().and_then(Value::as_str).unwrap_or(least);
    let error = Error::new(format!("`{variable}` of `{name}` is {text}, and `{component}` needs at least {least}"))
        .cause("the kernel kills a container at its memory limit")
        .hint(format!("raise `{variable}`, or leave it out: the default is {default}"));
    Some(error.at_node(instance.given.get(variable)))
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;
    use crate::spec::{self, OwnFiles, resolve};

    fn warnings(text: &str) -> Vec<(String, usize)> {
        let catalog = Catalog::embedded().expect("valid");
        let spec = spec::read("watchpost.yaml", text).expect("valid");
        let resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
        let line = |error: &crate::error::Error| error.at.as_ref().map_or(0, |at| at.line);
        resolved.warnings().iter().map(|warning| (warning.message.clone(), line(warning))).collect()
    }

    #[test]
    fn little_memory_is_a_warning_with_its_place_and_enough_is_none() {
        assert_eq!(warnings("stack: standard"), []);
        assert_eq!(warnings("components:\n  prometheus: {memory: 128m}\n"), []);
        assert_eq!(
            warnings("components:\n  prometheus: {memory: 24m}\n  grafana: {memory: 100000000}\n"),
            [
                ("`memory` of `grafana` is 100000000, and `grafana` needs at least 200m".to_owned(), 3),
                ("`memory` of `prometheus` is 24m, and `prometheus` needs at least 128m".to_owned(), 2),
            ]
        );
    }

    #[test]
    fn less_memory_than_docker_accepts_is_an_error() {
        let catalog = Catalog::embedded().expect("valid");
        for memory in ["1k", "5m", "0", "6291455"] {
            let text = format!("components:\n  prometheus:\n    memory: {memory}\n");
            let spec = spec::read("watchpost.yaml", &text).expect("valid");
            let error = resolve(&spec, &catalog, OwnFiles::default()).expect_err(memory);
            assert_eq!(
                error.message,
                format!("`memory` of `prometheus` is {memory}, and Docker accepts no less than 6m")
            );
            assert_eq!(error.at.as_ref().map(|at| at.line), Some(3), "{memory}");
        }
        let spec = spec::read("watchpost.yaml", "components: {prometheus: {memory: 6m}}").expect("valid");
        assert!(resolve(&spec, &catalog, OwnFiles::default()).is_ok());
    }
}
