//! What a manifest, a stack or a list of receiver kinds must hold beyond its shape; each complaint is located.

mod failures;
mod question;

use std::collections::BTreeSet;

use super::manifest::{Manifest, ReceiverKind};
use super::{Catalog, Component};
use crate::error::{Error, Result, did_you_mean};
use crate::yaml::{self, Node};
use question::questions;

/// Holds a manifest against the rules of its fields and against its folder's name.
pub fn manifest(folder: &str, manifest: &Manifest, node: &Node) -> Result<()> {
    let mut errors = Vec::new();
    errors.extend(name(folder, manifest, node).err());
    errors.extend(image(manifest, node).err());
    errors.extend(addresses(manifest, node));
    errors.extend(absences(manifest, node));
    errors.extend(questions(&manifest.questions, node));
    errors.extend(failures::check(manifest, node));
    Error::all(errors)
}

/// Holds the receiver kinds' questions against the same rules as a component's.
pub fn receivers(kinds: &[ReceiverKind], node: &Node) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for (kind, node) in kinds.iter().zip(node.items()) {
        if !seen.insert(&kind.name) {
            errors.push(at(node, "name").error(format!("the receiver kind `{}` is described twice", kind.name)));
        }
        errors.extend(questions(&kind.questions, node));
    }
    Error::all(errors)
}

/// Every component that is named exists, and a stack's answers are answers to its components' questions.
pub fn references(catalog: &Catalog) -> Result<()> {
    let mut errors = Vec::new();
    for (name, component) in &catalog.components {
        for needed in component.manifest.needs.iter().filter(|needed| !catalog.components.contains_key(*needed)) {
            let error = catalog.unknown_component(needed).within(format!("component `{name}` needs `{needed}`"));
            errors.push(match needs_place(component, needed) {
                Some(place) => error.at(place.location()),
                None => error,
            });
        }
    }
    for stack in catalog.stacks.keys() {
        errors.extend(self::stack(catalog, stack));
    }
    Error::all(errors)
}

fn needs_place(component: &Component, needed: &str) -> Option<Node> {
    let file = component.files.get("component.yaml")?;
    let node = yaml::parse(&file.name, file.text().ok()?).ok()?;
    node.get("needs")?.items().iter().find(|item| item.as_str() == Some(needed)).cloned()
}

fn stack(catalog: &Catalog, name: &str) -> Vec<Error> {
    let stack = &catalog.stacks[name];
    let place = |component: &str, variable: Option<&str>| {
        let file = catalog.stack_files.get(name)?;
        let node = yaml::parse(&file.name, file.text().ok()?).ok()?;
        let components = node.get("components")?;
        match variable {
            None => components.key(component).map(Node::location),
            Some(variable) => components.get(component)?.key(variable).map(Node::location),
        }
    };
    let located = |error: Error, component: &str, variable: Option<&str>| match place(component, variable) {
        Some(location) => error.at(location),
        None => error,
    };
    let mut errors = Vec::new();
    for (member, answers) in &stack.components {
        let Some(component) = catalog.components.get(member) else {
            let error = catalog.unknown_component(member).within(format!("stack `{name}` lists `{member}`"));
            errors.push(located(error, member, None));
            continue;
        };
        for needed in component.manifest.needs.iter().filter(|needed| !stack.components.contains_key(*needed)) {
            let error = Error::new(format!("stack `{name}` has `{member}` but not `{needed}`, which it needs"));
            errors.push(located(error.hint(format!("add `{needed}: {{}}`")), member, None));
        }
        for (variable, value) in answers {
            let question = component.manifest.questions.iter().find(|question| &question.variable == variable);
            let error = match question.map(|question| question.check(value)) {
                Some(Ok(_)) => continue,
                Some(Err(problem)) => {
                    let error = Error::new(format!("`{variable}` of component `{member}` {}", problem.message));
                    problem.hint.into_iter().fold(error, Error::hint)
                }
                None => {
                    let known = component.manifest.questions.iter().map(|question| question.variable.as_str());
                    let error = Error::new(format!("unknown setting `{variable}` of component `{member}`"));
                    match did_you_mean(variable, known) {
                        Some(guess) => error.label(format!("did you mean `{guess}`?")),
                        None => error.hint(format!("`watchpost catalog show {member}` lists its settings")),
                    }
                }
            };
            errors.push(located(error, member, Some(variable)));
        }
    }
    errors
}

fn at<'a>(node: &'a Node, key: &str) -> &'a Node {
    node.get(key).unwrap_or(node)
}

fn name(folder: &str, manifest: &Manifest, node: &Node) -> Result<()> {
    let valid = folder.starts_with(|c: char| c.is_ascii_lowercase())
        && folder.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !valid {
        return Err(at(node, "name")
            .error(format!("`{folder}` is not a valid name for a component"))
            .hint("lowercase letters, digits and `-`, beginning with a letter"));
    }
    if manifest.name != folder {
        return Err(at(node, "name")
            .error(format!("component `{}` lies in the folder `{folder}`", manifest.name))
            .hint(format!("expected `name: {folder}`")));
    }
    Ok(())
}

fn image(manifest: &Manifest, node: &Node) -> Result<()> {
    let image = at(node, "image");
    let repository = &manifest.image.repository;
    let last = repository.rsplit('/').next().unwrap_or_default();
    if last.is_empty() || last.contains([':', '@']) || repository.contains(char::is_whitespace) {
        return Err(at(image, "repository")
            .error(format!("`{repository}` is not a valid repository of an image"))
            .hint("write it without tag and digest, such as `prom/prometheus`; the tag stands beside it"));
    }
    let tag = &manifest.image.tag;
    let valid = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !valid {
        return Err(at(image, "tag").error(format!("`{tag}` is not a valid tag of an image")));
    }
    Ok(())
}

/// Patterns of metrics that compile, and flags that a command can have.
fn absences(manifest: &Manifest, node: &Node) -> Vec<Error> {
    let sometimes = manifest.sometimes.iter().map(|one| &one.metrics).zip(at(node, "sometimes").items());
    let collectors = manifest.collectors.iter().map(|one| &one.metrics).zip(at(node, "collectors").items());
    let mut errors = Vec::new();
    for (pattern, node) in sometimes.chain(collectors) {
        if let Err(error) = regex_lite::Regex::new(pattern) {
            let message = format!("`{pattern}` is not a valid regular expression");
            errors.push(at(node, "metrics").error(message).cause(error.to_string()));
        }
    }
    for (collector, node) in manifest.collectors.iter().zip(at(node, "collectors").items()) {
        if !collector.flag.starts_with("--") {
            errors.push(at(node, "flag").error("a collector's flag begins with `--`"));
        }
    }
    errors
}

/// Ports, paths, commands and the questions that they name.
fn addresses(manifest: &Manifest, node: &Node) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut http = |key: &str, port: u16, path: &str| {
        let place = at(node, key);
        if port == 0 {
            errors.push(at(place, "port").error(format!("`{key}` needs the port that the container listens on")));
        }
        if !path.is_empty() && !path.starts_with('/') {
            let error = at(place, "path").error(format!("the path of `{key}` must begin with `/`"));
            errors.push(error.hint(format!("expected `/{path}`")));
        }
    };
    manifest.probe.iter().for_each(|probe| http("probe", probe.port, &probe.path));
    manifest.page.iter().for_each(|page| http("page", page.port, &page.path));
    manifest.reload.iter().for_each(|reload| http("reload", reload.port, &reload.path));
    manifest.scrape.iter().for_each(|scrape| http("scrape", scrape.port, &scrape.path));
    for (check, node) in manifest.check.iter().zip(at(node, "check").items()) {
        if !check.command.first().is_some_and(|program| program.starts_with('/')) {
            let error = at(node, "command").error("a check's command begins with the program's path in the image");
            errors.push(error.hint("such as `[/bin/promtool, check, config, FILE]`"));
        }
    }
    let mut named = |key: &str, inner: &str, variable: &str| {
        if !manifest.questions.iter().any(|question| question.variable == variable) {
            let error = at(at(node, key), inner).error(format!("no question asks for `{variable}`"));
            errors.push(error.hint(format!("`{inner}` of `{key}` names the variable of a question below `questions`")));
        }
    };
    if let Some(variable) = manifest.scrape.as_ref().and_then(|scrape| scrape.instance.as_deref()) {
        named("scrape", "instance", variable);
    }
    if let Some(note) = manifest.page.as_ref().and_then(|page| page.note.as_deref()) {
        note.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).for_each(|v| named("page", "note", v));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "name: shop\ntitle: Shop\ndescription: A shop.\ncategory: own\nimage: {repository: shop, tag: v1}\n";

    fn problem(rest: &str) -> Error {
        let node = yaml::parse("component.yaml", &format!("{HEAD}{rest}\n")).expect("YAML");
        let decoded: Manifest = node.decode().expect("a manifest");
        manifest("shop", &decoded, &node).expect_err("refused")
    }

    #[test]
    fn what_a_manifest_may_not_say_is_located_and_named() {
        for (rest, column, message) in [
            ("probe: {port: 80, path: health}", 25, "the path of `probe` must begin with `/`"),
            ("scrape: {job: shop, port: 0}", 27, "`scrape` needs the port that the container listens on"),
            ("scrape: {job: shop, port: 80, instance: host}", 41, "no question asks for `host`"),
            ("page: {port: 80, note: 'user {admin}'}", 24, "no question asks for `admin`"),
            ("check: [{command: []}]", 19, "a check's command begins with the program's path in the image"),
            ("sometimes: [{metrics: '(', why: x}]", 23, "`(` is not a valid regular expression"),
            ("collectors: [{name: a, metrics: '[', flag: --a}]", 33, "`[` is not a valid regular expression"),
            ("collectors: [{name: a, metrics: b, flag: a}]", 42, "a collector's flag begins with `--`"),
            ("questions: [{variable: A, label: A, type: int}]", 24, "`A` is not a valid name for a variable"),
            (
                "questions: [{variable: a, label: A, type: enum}]",
                13,
                "`a`: `options` go with `type: enum`, and only with it",
            ),
            ("questions: [{variable: a, label: A, type: int, min: 3, max: 2}]", 53, "`a`: `min` is more than `max`"),
            (
                "questions: [{variable: a, label: A, type: string, min: 3}]",
                13,
                "`a`: `min` and `max` go with `type: int`",
            ),
            (
                "questions: [{variable: a, label: A, type: string, valid_chars: '['}]",
                64,
                "`valid_chars` of `a` is not a valid regular expression",
            ),
            ("questions: [{variable: a, label: A, type: password, default: x}]", 62, "the password `a` has a default"),
            (
                "questions: [{variable: a, label: A, type: string, secret: {name: a, generate: 24}}]",
                13,
                "`a`: `secret`, `json_key` and `pgpass` go with `type: password`",
            ),
            (
                "questions: [{variable: a, label: A, type: int, example: many}]",
                57,
                "the example of `a` must be a whole number, not `many`",
            ),
            (
                "questions: [{variable: a, label: A, type: int, show_if: b=1}]",
                57,
                "`show_if` of `a` can never be: no other question asks for `b`",
            ),
        ] {
            let error = problem(rest);
            assert_eq!(error.message, message);
            let at = error.at.clone().expect("located");
            assert_eq!((at.line, at.column), (6, column), "{rest}");
        }
    }

    #[test]
    fn a_condition_that_no_answer_can_meet_is_refused() {
        let mode = "{variable: mode, label: Mode, type: enum, options: [a, b]}";
        let error = problem(&format!("questions: [{mode}, {{variable: x, label: X, type: int, show_if: mode=c}}]"));
        assert_eq!(error.message, "`show_if` of `x` can never be: `mode` is never `c`");
        let error = problem(&format!("questions: [{mode}, {{variable: x, label: X, type: int, show_if: mood=a}}]"));
        assert_eq!(error.label.as_deref(), Some("did you mean `mode`?"));
    }

    #[test]
    fn an_image_is_named_without_its_tag() {
        let text = HEAD.replace("repository: shop", "repository: 'shop:v1'");
        let node = yaml::parse("component.yaml", &text).expect("YAML");
        let error = manifest("shop", &node.decode().expect("a manifest"), &node).expect_err("refused");
        assert_eq!(error.message, "`shop:v1` is not a valid repository of an image");
    }
}
