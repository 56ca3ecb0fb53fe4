//! What a manifest, a stack or a list of receiver kinds must hold beyond its shape; each complaint is located.

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::manifest::{Manifest, ReceiverKind};
use super::question::{Kind, Question};
use super::{Catalog, Component};
use crate::error::{Error, Result, did_you_mean};
use crate::yaml::{self, Node};

/// Holds a manifest against the rules of its fields and against its folder's name.
pub fn manifest(folder: &str, manifest: &Manifest, node: &Node) -> Result<()> {
    let mut errors = Vec::new();
    errors.extend(name(folder, manifest, node).err());
    errors.extend(image(manifest, node).err());
    errors.extend(addresses(manifest, node));
    errors.extend(questions(&manifest.questions, node));
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
            .error(format!("`{folder}` is no component's name"))
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
            .error(format!("`{repository}` is no image's repository"))
            .hint("write it without tag and digest, such as `prom/prometheus`; the tag stands beside it"));
    }
    let tag = &manifest.image.tag;
    let valid = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !valid {
        return Err(at(image, "tag").error(format!("`{tag}` is no image's tag")));
    }
    Ok(())
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

fn questions(questions: &[Question], node: &Node) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (question, node) in questions.iter().zip(at(node, "questions").items()) {
        if !seen.insert(&question.variable) {
            errors.push(at(node, "variable").error(format!("the question `{}` is asked twice", question.variable)));
        }
        errors.extend(self::question(question, questions, node).err());
    }
    errors
}

fn question(question: &Question, all: &[Question], node: &Node) -> Result<()> {
    let variable = &question.variable;
    let identifier = variable.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if variable.is_empty() || !identifier {
        return Err(at(node, "variable")
            .error(format!("`{variable}` is no variable's name"))
            .hint("lowercase letters, digits and `_`"));
    }
    if (question.kind == Kind::Enum) == question.options.is_empty() {
        return Err(node.error(format!("`{variable}`: `options` go with `type: enum`, and only with it")));
    }
    bounds(question, node)?;
    for (key, pattern) in [("valid_chars", &question.valid_chars), ("invalid_chars", &question.invalid_chars)] {
        if let Some(error) = pattern.as_deref().and_then(|pattern| Regex::new(pattern).err()) {
            return Err(at(node, key).error(format!("`{key}` of `{variable}` is no regular expression")).cause(error));
        }
    }
    secret(question, node)?;
    if let Some(condition) = &question.show_if {
        show_if(question, condition, all, at(node, "show_if"))?;
    }
    for (key, value) in [("default", &question.default), ("example", &question.example)] {
        let Some(value) = value else { continue };
        question.check(value).map_err(|problem| {
            let error = at(node, key).error(format!("the {key} of `{variable}` {}", problem.message));
            problem.hint.into_iter().fold(error, Error::hint)
        })?;
    }
    Ok(())
}

fn bounds(question: &Question, node: &Node) -> Result<()> {
    let variable = &question.variable;
    let upside_down = |min: Option<i64>, max: Option<i64>| matches!((min, max), (Some(min), Some(max)) if min > max);
    if upside_down(question.min, question.max) {
        return Err(at(node, "min").error(format!("`{variable}`: `min` is more than `max`")));
    }
    let length = |bound: Option<usize>| bound.map(|bound| i64::try_from(bound).unwrap_or(i64::MAX));
    if upside_down(length(question.min_length), length(question.max_length)) {
        return Err(at(node, "min_length").error(format!("`{variable}`: `min_length` is more than `max_length`")));
    }
    let number = question.min.is_some() || question.max.is_some();
    if number && question.kind != Kind::Int {
        return Err(node
            .error(format!("`{variable}`: `min` and `max` go with `type: int`"))
            .hint("for texts there are `min_length` and `max_length`"));
    }
    let textual = matches!(question.kind, Kind::String | Kind::Multiline | Kind::List);
    let text = question.min_length.is_some() || question.max_length.is_some() || question.valid_chars.is_some();
    if (text || question.invalid_chars.is_some()) && !textual {
        return Err(node.error(format!(
            "`{variable}`: `min_length`, `max_length`, `valid_chars` and `invalid_chars` go with texts"
        )));
    }
    Ok(())
}

fn secret(question: &Question, node: &Node) -> Result<()> {
    let variable = &question.variable;
    let is_password = question.kind == Kind::Password;
    if !is_password && (question.secret.is_some() || question.json_key.is_some()) {
        return Err(node.error(format!("`{variable}`: `secret` and `json_key` go with `type: password`")));
    }
    if is_password && question.default.is_some() {
        return Err(at(node, "default").error(format!("the password `{variable}` has a default")).hint(
            "a value in a manifest is no secret; `secret: {name: NAME, generate: 24}` makes one on the first deploy",
        ));
    }
    if question.secret.as_ref().is_some_and(|secret| !(12..=256).contains(&secret.generate)) {
        return Err(at(at(node, "secret"), "generate")
            .error(format!("the secret of `{variable}` must have 12 to 256 characters")));
    }
    Ok(())
}

fn show_if(question: &Question, condition: &str, all: &[Question], place: &Node) -> Result<()> {
    let wrong = |why: String| {
        place
            .error(format!("`show_if` of `{}` can never be: {why}", question.variable))
            .hint("write `variable=value`, naming another question's variable; join several with `&&`")
    };
    for part in condition.split("&&") {
        let Some((name, value)) = part.split_once('=') else {
            return Err(wrong(format!("`{}` compares nothing", part.trim())));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(other) = all.iter().find(|other| other.variable == name && name != question.variable) else {
            let error = wrong(format!("no other question asks for `{name}`"));
            return Err(match did_you_mean(name, all.iter().map(|other| other.variable.as_str())) {
                Some(guess) if guess != question.variable => error.label(format!("did you mean `{guess}`?")),
                _ => error,
            });
        };
        let possible = match other.kind {
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Enum => other.options.iter().any(|option| option == value),
            _ => true,
        };
        if !possible {
            return Err(wrong(format!("`{name}` is never `{value}`")));
        }
    }
    Ok(())
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
            ("questions: [{variable: A, label: A, type: int}]", 24, "`A` is no variable's name"),
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
                "`valid_chars` of `a` is no regular expression",
            ),
            ("questions: [{variable: a, label: A, type: password, default: x}]", 62, "the password `a` has a default"),
            (
                "questions: [{variable: a, label: A, type: string, secret: {name: a, generate: 24}}]",
                13,
                "`a`: `secret` and `json_key` go with `type: password`",
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
        assert_eq!(error.message, "`shop:v1` is no image's repository");
    }
}
