//! What an exporter's failures must hold: patterns that compile, words whose groups exist, what each fix needs.

use regex_lite::Regex;

use super::at;
use crate::catalog::failure::{Failure, FailureFix};
use crate::catalog::manifest::Manifest;
use crate::error::Error;
use crate::yaml::Node;

pub fn check(manifest: &Manifest, node: &Node) -> Vec<Error> {
    let place = at(node, "failures");
    let is_exporter = manifest.scrape.as_ref().is_some_and(|scrape| scrape.up.is_some());
    if !manifest.failures.is_empty() && !is_exporter {
        return vec![
            place
                .error("`failures` go with `scrape.up`")
                .hint("name the metric that is 1 while the exporter reaches what it watches"),
        ];
    }
    manifest.failures.iter().zip(place.items()).filter_map(|(failure, node)| self::failure(failure, node)).collect()
}

fn failure(failure: &Failure, node: &Node) -> Option<Error> {
    let pattern = match Regex::new(&failure.pattern) {
        Ok(pattern) => pattern,
        Err(error) => {
            let place = at(node, "pattern");
            return Some(place.error("the pattern of a failure is not a valid regular expression").cause(error));
        }
    };
    let needs = matches!(failure.fix, FailureFix::Setting | FailureFix::Server);
    if needs != failure.how.is_some() {
        let error = at(node, "fix").error("`how` goes with `fix: setting` and `fix: server`, and only with them");
        return Some(error.hint("`fix: secret` and `fix: address` have words of their own"));
    }
    for (key, text) in [("means", Some(&failure.means)), ("how", failure.how.as_ref())] {
        let unknown = text
            .into_iter()
            .flat_map(|text| placeholders(text))
            .find(|name| !pattern.capture_names().flatten().any(|group| group == *name));
        if let Some(name) = unknown {
            let error = at(node, key).error(format!("the pattern of a failure has no group `{name}`"));
            return Some(error.hint(format!("write `(?P<{name}>...)` in the pattern")));
        }
    }
    None
}

/// The names in braces.
fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
}
