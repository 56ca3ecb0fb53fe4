//! What a template may not do, seen in its text: the engine's own complaints come from rendering it.

use regex_lite::Regex;

use super::{Report, at_offset, place};
use crate::catalog::{CatalogFile, Component};
use crate::error::Error;

pub(super) fn check(component: &Component, report: &mut Report<'_>) {
    for (path, file) in component.files.iter().filter(|(path, _)| is_template(path)) {
        let text = match file.text() {
            Ok(text) => text,
            Err(error) => {
                report.error(error);
                continue;
            }
        };
        let tags = tags(text);
        tags.iter().filter(|tag| uses_safe(tag.inner)).for_each(|tag| {
            let at = at_offset(file, tag.start, tag.end - tag.start);
            let error = Error::new("`safe` would write an answer unquoted").at(at);
            report.error(error.hint("leave it out: answers are written as quoted scalars, structures with `| yaml`"));
        });
        if path.ends_with(".yml") || path.ends_with(".yaml") {
            whole_scalars(file, text, &tags, report);
        }
    }
    unused_questions(component, report);
}

/// Is the file rendered? Dashboards, other JSON and rules' tests are not.
pub fn is_template(path: &str) -> bool {
    let rendered = path == "service.yml" || path.starts_with("files/") || path.starts_with("rules/");
    rendered && !path.ends_with(".json") && !path.starts_with("rules/tests/")
}

/// One `<< ... >>` or `<% ... %>`, as byte offsets.
struct Tag<'a> {
    start: usize,
    end: usize,
    is_value: bool,
    inner: &'a str,
}

/// All tags but comments; an unclosed one ends the list (the engine complains about it).
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut from = 0;
    while let Some(offset) = text[from..].find(['<']) {
        let start = from + offset;
        let close = match text[start..].get(..2) {
            Some("<<") => ">>",
            Some("<%") => "%>",
            Some("<#") => "#>",
            _ => {
                from = start + 1;
                continue;
            }
        };
        let Some(length) = closing(&text[start + 2..], close) else { return tags };
        let end = start + 2 + length + 2;
        if close != "#>" {
            tags.push(Tag { start, end, is_value: close == ">>", inner: &text[start + 2..end - 2] });
        }
        from = end;
    }
    tags
}

/// Where `close` begins, outside of quoted texts.
fn closing(text: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    for (offset, c) in text.char_indices() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if text[offset..].starts_with(close) => return Some(offset),
            None if matches!(c, '"' | '\'' | '`') && close != "#>" => quote = Some(c),
            None => {}
        }
    }
    None
}

fn uses_safe(inner: &str) -> bool {
    // A constant pattern, compiled in the tests below.
    Regex::new(r"(\||^-?\s*filter\s)\s*safe\b").is_ok_and(|pattern| pattern.is_match(inner.trim()))
}

/// A quoted scalar inside a larger one would end it, so that a value stands alone, or in a block scalar (which
/// only a line break could end, and JSON has none).
fn whole_scalars(file: &CatalogFile, text: &str, tags: &[Tag<'_>], report: &mut Report<'_>) {
    // `bare` writes numbers and booleans only, which end nothing.
    for tag in tags.iter().filter(|tag| tag.is_value && !tag.inner.trim().ends_with("bare")) {
        let line_start = text[..tag.start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[tag.end..].find('\n').map_or(text.len(), |newline| tag.end + newline);
        let before = without_blocks(&text[line_start..tag.start]);
        let after = without_blocks(&text[tag.end..line_end]);
        if starts_scalar(&before) && ends_scalar(&after) || in_block_scalar(&text[..line_start], &text[line_start..]) {
            continue;
        }
        let error = Error::new(format!("`{}` stands inside a larger text", &text[tag.start..tag.end]));
        report.error(error.at(at_offset(file, tag.start, tag.end - tag.start)).hint(
            "a value is written with its quotes, so it must be the whole scalar: join texts inside, \
             `<< \"--port=\" ~ answers.port >>`",
        ));
    }
}

fn without_blocks(part: &str) -> String {
    let mut rest = part.to_owned();
    while let (Some(start), Some(end)) = (rest.find("<%"), rest.find("%>")) {
        if end < start {
            break;
        }
        rest.replace_range(start..end + 2, "");
    }
    rest
}

fn starts_scalar(before: &str) -> bool {
    let trimmed = before.trim_end();
    match trimmed.chars().last() {
        None | Some('[' | '{' | ',') => true,
        Some(':' | '-') => trimmed.len() < before.len(),
        _ => false,
    }
}

fn ends_scalar(after: &str) -> bool {
    let trimmed = after.trim_start();
    let is_key = trimmed.trim_end() == ":" || trimmed.starts_with(": ");
    trimmed.is_empty()
        || is_key
        || trimmed.starts_with([',', ']', '}'])
        || (trimmed.starts_with('#') && trimmed != after)
}

/// Does a line (its text begins `here`) belong to a `|` or `>` scalar that was opened `above`?
fn in_block_scalar(above: &str, here: &str) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut limit = indent(here.lines().next().unwrap_or_default());
    for line in above.lines().rev().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("<%")) {
        if indent(line) >= limit {
            continue;
        }
        limit = indent(line);
        let header = line.trim_end().trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        if header.ends_with([':', '-']) || !header.ends_with(['|', '>']) {
            continue;
        }
        let opener = header[..header.len() - 1].trim_end();
        return opener.ends_with([':', '-']);
    }
    false
}

/// A question that no template asks about has no effect, whatever people answer.
fn unused_questions(component: &Component, report: &mut Report<'_>) {
    let manifest = &component.manifest;
    let templates = component.files.iter().filter(|(path, _)| is_template(path));
    let texts: String = templates.filter_map(|(_, file)| file.text().ok()).collect();
    let keys: String = manifest.questions.iter().filter_map(|question| question.json_key.as_deref()).collect();
    let own = texts + &keys;
    let by_the_renderer = |variable: &str| {
        let instance = manifest.scrape.as_ref().and_then(|scrape| scrape.instance.as_deref());
        let note = manifest.page.as_ref().and_then(|page| page.note.as_deref()).unwrap_or_default();
        // The structure `alertmanager` that the renderer assembles has these in its route.
        let in_route = matches!(variable, "group_wait" | "group_interval" | "repeat_interval");
        in_route && own.contains("<< alertmanager")
            || matches!(variable, "memory" | "image")
            // The address in links, which has defaults that only the renderer knows.
            || matches!(variable, "external_url" | "root_url") && own.contains("external_url >>")
            || instance == Some(variable)
            || note.contains(&format!("{{{variable}}}"))
    };
    for question in &manifest.questions {
        let variable = question.variable.as_str();
        let used = by_the_renderer(variable) || mentions(&own, variable);
        if let (false, Some(file)) = (used, component.files.get("component.yaml")) {
            let error = Error::new(format!("no template uses the answer to `{variable}`"));
            report.warn(
                error
                    .at(place(file, &format!("variable: {variable}")))
                    .hint(format!("write `<< answers.{variable} >>` where it belongs, or drop the question")),
            );
        }
    }
}

/// `answers.<variable>` as a whole word.
fn mentions(text: &str, variable: &str) -> bool {
    let needle = format!("answers.{variable}");
    text.match_indices(&needle)
        .any(|(offset, _)| !text[offset + needle.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> CatalogFile {
        CatalogFile { name: "service.yml".into(), content: text.as_bytes().to_vec().into() }
    }

    fn inside_larger_texts(text: &str) -> usize {
        let mut report = Report { component: "shop", findings: Vec::new() };
        whole_scalars(&file(text), text, &tags(text), &mut report);
        report.findings.len()
    }

    #[test]
    fn a_value_may_be_a_whole_scalar_wherever_one_may_stand() {
        for text in [
            "a: << answers.x >>\n",
            "- << \"a >> b\" ~ answers.x >>  # why\n",
            "a: [<< answers.x >>, << answers.y >>]\n",
            "a: <% if answers.x %><< answers.x >><% endif %>\n",
            "<< name >>:\n  b: 1\n",
            "a: |\n  x < << answers.x >>\n",
            "a:\n  - expr: >-\n      x{a=\"b\"}\n        < << answers.x >>\n",
            "a: x<< answers.x | bare >>\n",
            "jobs:\n<< jobs | yaml(indent=2) >>\n",
        ] {
            assert_eq!(inside_larger_texts(text), 0, "{text}");
        }
    }

    #[test]
    fn a_value_inside_a_larger_text_is_found() {
        for text in [
            "a: x<< answers.x >>\n",
            "a: \"<< answers.x >>\"\n",
            "- --port=<< answers.x >>\n",
            "a: << answers.x >>:9090\n",
            "a: |\n  x\nb: y << answers.x >>\n",
        ] {
            assert_eq!(inside_larger_texts(text), 1, "{text}");
        }
    }

    #[test]
    fn the_filter_safe_is_found_however_it_is_spaced() {
        for inner in [" answers.x | safe ", "answers.x|safe", "- answers.x | upper | safe -", " filter safe "] {
            assert!(uses_safe(inner), "{inner}");
        }
        assert!(!uses_safe(" answers.safe "));
        assert!(!uses_safe(" answers.x | default(value=\"safe\") "));
    }
}
