//! Changes of a spec's text that keep its comments, order, style and line ends.
//!
//! An edit inserts text at a place that the layout gives, and is read again: it stands only when the file then says
//! exactly what was wanted. What cannot be edited so is an error, with the lines to add by hand.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::yaml::emit::{emit, quote};
use crate::yaml::layout::{Part, Shape, layout};
use crate::yaml::{self, Kind, Node};

/// A new item is written on one line up to this width.
const WIDTH: usize = 100;
const BOM: char = '\u{feff}';

/// What is added at a path of the spec.
#[derive(Debug, Clone, Copy)]
enum Addition<'a> {
    Items(&'a [Value]),
    Entry(&'a str, &'a Value),
}

/// Appends to the list at `path`, and creates it where it is missing: `["accept"]`, `["components", "redis-exporter"]`.
///
/// Errors: a text that is not YAML; something else than a list at the path; a place that cannot be changed alone.
pub fn append(name: &str, text: &str, path: &[&str], items: &[Value]) -> Result<String> {
    if items.is_empty() {
        return Ok(text.to_owned());
    }
    change(name, text, path, Addition::Items(items))
}

/// Adds an entry to the mapping at `path`, and creates that where it is missing; an empty path is the top level.
///
/// Errors: those of `append`; a key that exists already.
pub fn insert(name: &str, text: &str, path: &[&str], key: &str, value: &Value) -> Result<String> {
    change(name, text, path, Addition::Entry(key, value))
}

fn change(name: &str, text: &str, path: &[&str], addition: Addition<'_>) -> Result<String> {
    let root = yaml::parse(name, text)?;
    let mut wanted = root.clone();
    add(&mut wanted, path, addition)?;
    let body = text.strip_prefix(BOM).unwrap_or(text);
    let bom = &text[..text.len() - body.len()];
    let candidates =
        layout(body).map(|(part, end)| Editor { text: body, end }.candidates(part.as_ref(), path, addition));
    for candidate in candidates.unwrap_or_default() {
        let edited = format!("{bom}{candidate}");
        if yaml::parse(name, &edited).is_ok_and(|read| same(&read, &wanted)) {
            return Ok(edited);
        }
    }
    let place = path.iter().try_fold(&root, |node, key| node.get(key)).unwrap_or(&root);
    let lines = nested(path, addition).map_or_else(String::new, |(key, value)| block_entry(&key, &value));
    Err(place
        .error("nothing can be added here without changing something else")
        .quote(lines.lines().map(str::to_owned))
        .hint("add these lines by hand"))
}

/// The tree as it is wanted.
fn add(node: &mut Node, path: &[&str], addition: Addition<'_>) -> Result<()> {
    let Some((key, rest)) = path.split_first() else { return add_here(node, addition) };
    if node.is_null() {
        node.kind = Kind::Mapping(Vec::new());
    }
    let failed = node.error(format!("expected a mapping, found {}", node.describe()));
    let Kind::Mapping(entries) = &mut node.kind else { return Err(failed) };
    match entries.iter_mut().find(|(name, _)| name.as_str() == Some(key)) {
        Some((_, value)) => add(value, rest, addition),
        None => {
            let mut value = tree(&Value::Null)?;
            add(&mut value, rest, addition)?;
            entries.push((tree(&Value::from(*key))?, value));
            Ok(())
        }
    }
}

fn add_here(node: &mut Node, addition: Addition<'_>) -> Result<()> {
    if node.is_null() {
        node.kind = match addition {
            Addition::Items(_) => Kind::Sequence(Vec::new()),
            Addition::Entry(..) => Kind::Mapping(Vec::new()),
        };
    }
    let found = node.describe();
    let failed = |wanted: &str| node.error(format!("expected {wanted}, found {found}"));
    let (no_list, no_mapping) = (failed("a list"), failed("a mapping"));
    match (&mut node.kind, addition) {
        (Kind::Sequence(items), Addition::Items(more)) => {
            for item in more {
                items.push(tree(item)?);
            }
            Ok(())
        }
        (Kind::Mapping(entries), Addition::Entry(key, value)) => {
            if let Some((key, _)) = entries.iter().find(|(name, _)| name.as_str() == Some(key)) {
                return Err(key.error(format!("`{}` exists already", key.as_str().unwrap_or_default())));
            }
            entries.push((tree(&Value::from(key))?, tree(value)?));
            Ok(())
        }
        (_, Addition::Items(_)) => Err(no_list),
        (_, Addition::Entry(..)) => Err(no_mapping),
    }
}

fn tree(value: &Value) -> Result<Node> {
    yaml::parse("", &emit(value))
}

/// Do both say the same, wherever it is written?
fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::Int(a), Kind::Int(b)) => a == b,
        (Kind::Float(a), Kind::Float(b)) => a.to_bits() == b.to_bits(),
        (Kind::String(a), Kind::String(b)) => a == b,
        (Kind::Sequence(a), Kind::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Kind::Mapping(a), Kind::Mapping(b)) => {
            let alike = |((key, value), (other, wanted)): (&(Node, Node), &(Node, Node))| {
                same(key, other) && same(value, wanted)
            };
            a.len() == b.len() && a.iter().zip(b).all(alike)
        }
        _ => false,
    }
}

/// The addition as one entry of what the path begins in; `None` for items at the top level.
fn nested(path: &[&str], addition: Addition<'_>) -> Option<(String, Value)> {
    let (mut key, mut value, mut rest) = match addition {
        Addition::Items(items) => {
            let (last, rest) = path.split_last()?;
            ((*last).to_owned(), Value::Array(items.to_vec()), rest)
        }
        Addition::Entry(key, value) => (key.to_owned(), value.clone(), path),
    };
    while let Some((outer, before)) = rest.split_last() {
        value = Value::Object(Map::from_iter([(key, value)]));
        (key, rest) = ((*outer).to_owned(), before);
    }
    Some((key, value))
}

struct Editor<'a> {
    text: &'a str,
    /// Where the document ends.
    end: usize,
}

impl Editor<'_> {
    /// The text with the addition at each place where it may stand, the best first.
    fn candidates(&self, root: Option<&Part>, path: &[&str], addition: Addition<'_>) -> Vec<String> {
        let Some(mut part) = root.filter(|root| !root.is_unwritten()) else {
            let Some((key, value)) = nested(path, addition) else { return Vec::new() };
            return vec![self.lines_at(self.end, 0, &block_entry(&key, &value))];
        };
        let top = part;
        let mut key_of_part = None;
        for (depth, key) in path.iter().enumerate() {
            match part.get(key) {
                Some((key, value)) => (part, key_of_part) = (value, Some(key)),
                None => {
                    let Some((key, value)) = nested(&path[depth..], addition) else { return Vec::new() };
                    return match key_of_part {
                        Some(written) if matches!(part.shape, Shape::Inline) => {
                            self.after_nothing(written, part, Addition::Entry(&key, &value))
                        }
                        _ => self.entry(part, std::ptr::eq(part, top), &key, &value),
                    };
                }
            }
        }
        match (&part.shape, addition) {
            (Shape::Sequence { .. }, Addition::Items(items)) => self.items(part, items),
            (Shape::Mapping { .. }, Addition::Entry(key, value)) => {
                self.entry(part, std::ptr::eq(part, top), key, value)
            }
            (Shape::Inline, _) => key_of_part.map(|key| self.after_nothing(key, part, addition)).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Behind a key that has no value.
    fn after_nothing(&self, key: &Part, value: &Part, addition: Addition<'_>) -> Vec<String> {
        let written = match addition {
            Addition::Items(items) => Value::Array(items.to_vec()),
            Addition::Entry(key, value) => Value::Object(Map::from_iter([(key.to_owned(), value.clone())])),
        };
        if !value.is_unwritten() {
            return vec![format!("{}{}{}", &self.text[..value.start], flow(&written), &self.text[value.end..])];
        }
        let block = match addition {
            Addition::Items(items) => items.iter().map(|item| block_item(item, false)).collect(),
            Addition::Entry(key, value) => block_entry(key, value),
        };
        vec![self.lines_at(self.line_end(key.end), key.column + 2, &block)]
    }

    fn entry(&self, mapping: &Part, is_top: bool, key: &str, value: &Value) -> Vec<String> {
        let Shape::Mapping { flow: in_flow, entries } = &mapping.shape else { return Vec::new() };
        if *in_flow {
            let pair = format!("{}: {}", flow_text(key), flow(value));
            return self.in_flow(mapping, entries.last().map(|(_, key, value)| value.end.max(key.end)), &pair);
        }
        let block = block_entry(key, value);
        let indent = entries.first().map_or(0, |(_, key, _)| key.column);
        let behind = self.line_end(self.written_end(mapping.last()));
        let places = if is_top { vec![self.end, behind] } else { self.behind(mapping, indent) };
        let mut candidates: Vec<String> = Vec::new();
        if is_top && self.has_gaps(entries) {
            let apart = format!("\n{block}");
            candidates.extend(places.iter().map(|at| self.lines_at(*at, indent, &apart)));
        }
        candidates.extend(places.into_iter().map(|at| self.lines_at(at, indent, &block)));
        candidates
    }

    fn items(&self, list: &Part, items: &[Value]) -> Vec<String> {
        let Shape::Sequence { flow: in_flow, items: present } = &list.shape else { return Vec::new() };
        if *in_flow {
            let written: Vec<String> = items.iter().map(flow).collect();
            return self.in_flow(list, present.last().map(|item| item.end), &written.join(", "));
        }
        let is_block = |item: &Part| matches!(item.shape, Shape::Mapping { flow: false, .. });
        let blocks = present.last().is_some_and(is_block);
        let block: String = items.iter().map(|item| block_item(item, blocks)).collect();
        let column = self.dash(list, present.first());
        self.behind(list, column).into_iter().map(|at| self.lines_at(at, column, &block)).collect()
    }

    /// The column of a list's dashes. A list in the column of its key begins, to the parser, with its first item.
    fn dash(&self, list: &Part, first: Option<&Part>) -> usize {
        if first.is_none_or(|first| first.start > list.start) {
            return list.column;
        }
        let before = &self.text[..self.text[list.start..].find('\n').map_or(self.text.len(), |at| list.start + at)];
        let dash = |line: &&str| {
            line.trim_start().strip_prefix('-').is_some_and(|rest| rest.trim_start() != rest || rest.is_empty())
        };
        before.lines().rev().find(dash).map_or(list.column, |line| line.len() - line.trim_start().len())
    }

    /// The places behind a block: after its last line and the comments that go with it, or where its last text ends.
    fn behind(&self, block: &Part, indent: usize) -> Vec<usize> {
        let last = block.last();
        let end = self.line_end(self.written_end(last));
        let mut commented = end;
        while let Some(line) = self.text[commented..].split_inclusive('\n').next() {
            let content = line.trim_start_matches(' ');
            if !content.starts_with('#') || line.len() - content.len() < indent.max(1) {
                break;
            }
            commented += line.len();
        }
        vec![commented, end, self.line_start(last.end), last.end]
    }

    /// Before the closing bracket, behind the last item or at its line.
    fn in_flow(&self, part: &Part, last: Option<usize>, new: &str) -> Vec<String> {
        let close = part.end.saturating_sub(1);
        let put = |at: usize, text: &str| format!("{}{text}{}", &self.text[..at], &self.text[at..]);
        let before = self.text[..close].trim_end();
        match last {
            None => vec![put(part.start + 1, new)],
            Some(_) if before.ends_with(',') => vec![put(before.len(), &format!(" {new}")), put(close, new)],
            Some(last) => vec![put(last, &format!(", {new}")), put(close, &format!(", {new}"))],
        }
    }

    /// Where what is written of a part ends: blank lines behind a text of several lines are not its own.
    fn written_end(&self, part: &Part) -> usize {
        let written = &self.text[part.start.min(part.end)..part.end];
        match part.shape {
            Shape::Lines => part.start.min(part.end) + written.trim_end().len(),
            _ => part.end,
        }
    }

    /// Behind the line break of the line that has this place; the end of the text when there is none.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |found| at + found + 1)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |found| found + 1)
    }

    /// Are the keys of the top level set apart by blank lines?
    fn has_gaps(&self, entries: &[(String, Part, Part)]) -> bool {
        let blank_before = |key: &Part| {
            let before = &self.text[..self.line_start(key.start)];
            before
                .trim_end_matches([' ', '\t', '\r'])
                .strip_suffix('\n')
                .is_some_and(|rest| rest.rsplit('\n').next().is_some_and(|line| line.trim().is_empty()))
        };
        entries.iter().skip(1).any(|(_, key, _)| blank_before(key))
    }

    /// The lines put in at a place, indented, with the line ends of the text.
    fn lines_at(&self, at: usize, indent: usize, block: &str) -> String {
        let (before, after) = self.text.split_at(at);
        let ending = match self.text.find('\n') {
            Some(found) if self.text[..found].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        let mut text = before.to_owned();
        if !before.is_empty() && !before.ends_with('\n') {
            text.push_str(ending);
        }
        for line in block.lines() {
            if !line.is_empty() {
                text.extend(std::iter::repeat_n(' ', indent));
            }
            text.push_str(line);
            text.push_str(ending);
        }
        text.push_str(after);
        text
    }
}

/// `key: value`, a list or mapping on lines of its own.
fn block_entry(key: &str, value: &Value) -> String {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let items: String = items.iter().map(|item| block_item(item, false)).collect();
            let items: String = items.lines().map(|line| format!("  {line}\n")).collect();
            format!("{}:\n{items}", flow_text(key))
        }
        Value::Object(entries) if entries.len() == 1 && !entries.values().all(is_scalar) => {
            let inner: String = entries.iter().map(|(key, value)| block_entry(key, value)).collect();
            let inner: String = inner.lines().map(|line| format!("  {line}\n")).collect();
            format!("{}:\n{inner}", flow_text(key))
        }
        _ => {
            let line = format!("{}: {}\n", flow_text(key), flow(value));
            if line.len() <= WIDTH {
                line
            } else {
                emit(&Value::Object(Map::from_iter([(key.to_owned(), value.clone())])))
            }
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// An item with its dash: on one line where it fits and its neighbours do not have lines of their own.
fn block_item(item: &Value, blocks: bool) -> String {
    let line = format!("- {}\n", flow(item));
    if is_scalar(item) || (!blocks && line.len() <= WIDTH) {
        return line;
    }
    let text = emit(item);
    let mut lines = text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    lines.replace_range(..2, "- ");
    lines
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => flow_text(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", flow_text(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text without quotes where every reader takes it for the same text.
fn flow_text(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./ *".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'))
        && text.chars().all(harmless)
        && !text.ends_with(' ')
        && emit(&Value::from(text)).trim_end() == text;
    if plain { text.to_owned() } else { quote(text) }
}

#[cfg(test)]
mod tests;
