//! From the parser's events to nodes with places.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::{Kind, Node, Place, SourceFile};
use crate::error::{Error, Result};
use crate::input;

/// Deeper nesting than any file of ours has; bounds the recursion on hostile input.
pub(super) const MAX_DEPTH: usize = 64;
/// Nodes that anchors and aliases may add in one file: `*a` of `*b` of `*c` would otherwise fill the memory.
pub(super) const MAX_ALIASED: usize = 100_000;

/// Parses the one document in `text`; an empty text is `Null`.
pub fn parse(name: &str, text: &str) -> Result<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = SourceFile::new(name, text);
    let parser = Parser::new_from_str(text);
    Builder { source, parser, anchors: HashMap::new(), aliased: 0 }.document()
}

struct Builder<'a> {
    source: Rc<SourceFile>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = self.source.location(error.marker().line(), error.marker().col() + 1, 1);
                Err(Error::new(format!("this is not valid YAML: {}", error.info())).at(at))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node> {
        loop {
            match self.next()? {
                (Event::StreamEnd, span) => return Ok(self.node(span, Kind::Null)),
                (Event::DocumentStart(..), _) => break,
                _ => {}
            }
        }
        let (event, span) = self.next()?;
        let root = self.value(event, span, 0)?;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(..), span) => {
                    return Err(self.error(span, "a second YAML document starts here; expected one"));
                }
                _ => {}
            }
        }
    }

    fn node(&self, span: Span, kind: Kind) -> Node {
        let width = if span.start.line() == span.end.line() { span.len() } else { usize::MAX };
        let place = Place { line: span.start.line().max(1), column: span.start.col() + 1, width };
        Node { source: self.source.clone(), place, kind }
    }

    fn error(&self, span: Span, message: impl Into<String>) -> Error {
        self.node(span, Kind::Null).error(message)
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(self.error(span, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_deref())),
            Event::SequenceStart(_, anchor, _) => (anchor, Kind::Sequence(self.items(depth + 1)?)),
            Event::MappingStart(_, anchor, _) => (anchor, Kind::Mapping(self.entries(depth + 1)?)),
            Event::Alias(anchor) => return self.aliased(anchor, span),
            other => return Err(self.error(span, format!("unexpected {other:?}"))),
        };
        let node = self.node(span, kind);
        // Anchors count from 1; 0 is none. An anchor is a copy too: nested ones would multiply a file by its depth.
        if anchor > 0 {
            self.copied(&node, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// What `*name` refers to, with the place where it is defined.
    fn aliased(&mut self, anchor: usize, span: Span) -> Result<Node> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(self.error(span, "unknown anchor"));
        };
        self.copied(&node, span)?;
        Ok(node)
    }

    fn copied(&mut self, node: &Node, span: Span) -> Result<()> {
        self.aliased += node.count();
        if self.aliased > MAX_ALIASED {
            return Err(self.error(span, "aliases expand to more than a file can hold"));
        }
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.value(event, span, depth)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(Node, Node)>> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        // Line of each key; a search through `entries` would make large mappings quadratic.
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let mut key = self.value(event, span, depth)?;
            let name = match &key.kind {
                Kind::String(text) => text.clone(),
                Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => key.source_text(),
                _ => return Err(key.error("a key must be a text")),
            };
            if let Some(first) = lines.insert(name.clone(), key.place.line) {
                return Err(key
                    .error(format!("the key `{}` is written twice", input::cut(&name)))
                    .label(format!("first written on line {first}"))
                    .hint("keep one of the two"));
            }
            key.kind = Kind::String(name);
            let (event, span) = self.next()?;
            entries.push((key, self.value(event, span, depth)?));
        }
    }
}

/// `!!str 1` and `!ours 1` are texts, and so is what stands in quotes.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    let tagged_as_text = tag.is_some_and(|tag| tag.suffix() == "str" || !tag.is_yaml_core_schema());
    if tagged_as_text || style != ScalarStyle::Plain {
        return Kind::String(text.to_owned());
    }
    plain_scalar(text)
}

/// Types a plain scalar by YAML 1.2's core schema.
fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let starts_like_a_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if starts_like_a_number {
        if let Ok(value) = text.parse() {
            return Kind::Int(value);
        }
        let has_digit = text.contains(|c: char| c.is_ascii_digit());
        if let (true, Ok(value)) = (has_digit, text.parse()) {
            return Kind::Float(value);
        }
    }
    Kind::String(text.to_owned())
}
