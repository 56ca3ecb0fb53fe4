//! Each usual failure of an exporter has a recorded example, which it explains and no other does.

use super::{Report, place};
use crate::catalog::Component;
use crate::catalog::failure::Failure;
use crate::error::Error;
use crate::reason;

pub(super) fn check(component: &Component, report: &mut Report<'_>) {
    let Some(file) = component.files.get("component.yaml") else { return };
    let manifest = &component.manifest;
    let is_exporter = manifest.scrape.as_ref().is_some_and(|scrape| scrape.up.is_some());
    if is_exporter && manifest.failures.is_empty() {
        let error = Error::new("nothing says what its log means when it does not reach what it watches");
        let hint = "add `failures`: a pattern, what it means, what fixes it, and recorded examples";
        report.warn(error.at(place(file, "up:")).hint(hint));
    }
    for failure in &manifest.failures {
        if failure.examples.is_empty() {
            let error = Error::new(format!("the failure `{}` has no example", failure.pattern));
            let hint = "make it happen, and add the line that the exporter logs";
            report.error(error.at(place(file, &failure.pattern)).hint(hint));
        }
        for example in &failure.examples {
            if let Some(problem) = example_of(example, failure, &manifest.failures) {
                let hint = "the patterns must tell the failures apart";
                report.error(Error::new(problem).at(place(file, &failure.pattern)).hint(hint));
            }
        }
    }
}

/// What is wrong with an example, which is a line of a log or the reason itself.
fn example_of(example: &str, failure: &Failure, all: &[Failure]) -> Option<String> {
    let reason = reason::reason(example).unwrap_or_else(|| example.to_owned());
    if failure.explain(&reason).is_none() {
        return Some(format!("the failure `{}` does not match its example `{reason}`", failure.pattern));
    }
    let other = all.iter().find(|other| *other != failure && other.explain(&reason).is_some())?;
    Some(format!("the failure `{}` matches the example of `{}`, too", other.pattern, failure.pattern))
}
