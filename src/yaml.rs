//! YAML whose every node knows its place, so that an error can point at the text that caused it.
//!
//! `parse` rejects what would be read silently wrong elsewhere: a key written twice, several
//! documents, nesting without end. `Node::decode` feeds serde.

mod decode;
pub mod emit;

use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::{Error, Location, Result};

/// Deeper nesting than any file of ours has; bounds the recursion on hostile input.
const MAX_DEPTH: usize = 64;
/// Nodes that aliases may add in one file: `*a` of `*b` of `*c` would otherwise fill the memory.
const MAX_ALIASED: usize = 100_000;

/// One text file: its name as the user wrote it, and its lines.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    lines: Vec<String>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: &str) -> Rc<Self> {
        Rc::new(Self { name: name.into(), lines: text.lines().map(str::to_owned).collect() })
    }

    /// `line` and `column` count from 1.
    pub fn location(&self, line: usize, column: usize, width: usize) -> Location {
        let excerpt = self.lines.get(line.saturating_sub(1)).cloned().unwrap_or_default();
        let room = excerpt.chars().count().saturating_sub(column.saturating_sub(1));
        Location { file: self.name.clone(), line, column, width: width.clamp(1, room.max(1)), excerpt }
    }
}

/// Where a node begins: line and column from 1, and how many characters it spans on that line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    pub width: usize,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub source: Rc<Source>,
    pub place: Place,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Node>),
    /// In the order of the file; keys are unique.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    pub fn location(&self) -> Location {
        self.source.location(self.place.line, self.place.column, self.place.width)
    }

    /// An error that points at this node.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::new(message).at(self.location())
    }

    /// The value under `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v)
    }

    /// The key node itself, to point at a key rather than at its value.
    pub fn key(&self, key: &str) -> Option<&Node> {
        self.entries().iter().map(|(k, _)| k).find(|k| k.as_str() == Some(key))
    }

    /// The entries of a mapping; empty for anything else.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; empty for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// How many nodes this is.
    fn count(&self) -> usize {
        let items: usize = self.items().iter().map(Node::count).sum();
        let entries: usize = self.entries().iter().map(|(_, value)| 1 + value.count()).sum();
        1 + items + entries
    }

    /// What this is, in the words of an error message: "a list", "the number 3".
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".into(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Int(value) => format!("the number {value}"),
            Kind::Float(value) => format!("the number {value}"),
            Kind::String(value) => format!("the text `{value}`"),
            Kind::Sequence(_) => "a list".into(),
            Kind::Mapping(_) => "a mapping".into(),
        }
    }

    /// Reads this node as `T`; errors carry file, line, column and, for unknown keys, a guess.
    pub fn decode<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(decode::NodeDeserializer(self)).map_err(|error| error.locate(self))
    }

    /// The text of a scalar as it stands in the file, so that `3.10` does not become `3.1`.
    fn source_text(&self) -> String {
        let line = self.source.lines.get(self.place.line.saturating_sub(1)).map_or("", String::as_str);
        line.chars().skip(self.place.column - 1).take(self.place.width).collect::<String>().trim().to_owned()
    }

    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::Float(value) => Value::from(*value),
            Kind::String(value) => Value::String(value.clone()),
            Kind::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Kind::Mapping(entries) => Value::Object(
                entries.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), v.to_json())).collect(),
            ),
        }
    }
}

/// Parses the one document in `text`; an empty text is `Null`.
pub fn parse(name: &str, text: &str) -> Result<Node> {
    let source = Source::new(name, text);
    let mut builder =
        Builder { source: source.clone(), parser: Parser::new_from_str(text), anchors: Vec::new(), aliased: 0 };
    builder.document()
}

/// Parses and decodes in one step.
pub fn from_str<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    parse(name, text)?.decode()
}

struct Builder<'a> {
    source: Rc<Source>,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: Vec<(usize, Node)>,
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
                (Event::DocumentStart(_), _) => break,
                _ => {}
            }
        }
        let (event, span) = self.next()?;
        let root = self.value(event, span, 0)?;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(_), span) => {
                    return Err(self.node(span, Kind::Null).error("a second YAML document starts here; expected one"));
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

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(self.node(span, Kind::Null).error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = match tag {
                    Some(tag) if tag.suffix == "str" || !tag.is_yaml_core_schema() => Kind::String(text.into_owned()),
                    _ if style == ScalarStyle::Plain => plain(&text),
                    _ => Kind::String(text.into_owned()),
                };
                (anchor, self.node(span, kind))
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.value(event, span, depth + 1)?),
                    }
                }
                (anchor, self.node(span, Kind::Sequence(items)))
            }
            Event::MappingStart(anchor, _) => (anchor, self.mapping(span, depth)?),
            Event::Alias(anchor) => {
                let target = self.anchors.iter().find(|(id, _)| *id == anchor).map(|(_, node)| node.clone());
                let node = target.ok_or_else(|| self.node(span, Kind::Null).error("unknown anchor"))?;
                self.aliased += node.count();
                if self.aliased > MAX_ALIASED {
                    return Err(self.node(span, Kind::Null).error("aliases expand to more than a file can hold"));
                }
                (0, node)
            }
            other => return Err(self.node(span, Kind::Null).error(format!("unexpected {other:?}"))),
        };
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Node> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        // A linear search is quickest for ordinary mappings; this index keeps large ones linear too.
        let mut seen = std::collections::HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(self.node(start, Kind::Mapping(entries)));
            }
            let mut key = self.value(event, span, depth + 1)?;
            key.kind = match key.kind {
                Kind::String(text) => Kind::String(text),
                Kind::Bool(value) => Kind::String(value.to_string()),
                Kind::Int(value) => Kind::String(value.to_string()),
                Kind::Float(value) => Kind::String(value.to_string()),
                _ => return Err(key.error("a key must be a plain text")),
            };
            let name = key.as_str().unwrap_or_default().to_owned();
            if let Some(first) = seen.insert(name.clone(), key.place.line) {
                return Err(key
                    .error(format!("the key `{name}` is written twice"))
                    .label(format!("first written on line {first}"))
                    .hint("keep one of the two"));
            }
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            entries.push((key, value));
        }
    }
}

/// Types a plain scalar by YAML 1.2's core schema.
fn plain(text: &str) -> Kind {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code)]
        name: String,
        #[serde(default)]
        #[expect(dead_code)]
        ports: Vec<u16>,
    }

    fn error(text: &str) -> Error {
        from_str::<Sample>("s.yaml", text).expect_err("must be refused")
    }

    #[test]
    fn an_unknown_key_is_located_and_its_neighbour_guessed() {
        let error = error("name: a\nprots: [1]\n");
        let at = error.at.clone().expect("located");
        assert_eq!((at.line, at.column, at.width), (2, 1, 5));
        assert_eq!(error.message, "unknown key `prots`");
        assert_eq!(error.label.as_deref(), Some("did you mean `ports`?"));
    }

    #[test]
    fn a_wrong_type_deep_inside_is_located() {
        let error = error("name: a\nports:\n  - 1\n  - many\n");
        let at = error.at.clone().expect("located");
        assert_eq!((at.line, at.column), (4, 5));
        assert!(error.message.contains("expected"), "{}", error.message);
    }

    #[test]
    fn a_key_written_twice_is_refused_and_both_lines_are_named() {
        let error = error("name: a\nports: []\nname: b\n");
        assert_eq!(error.at.clone().expect("located").line, 3);
        assert_eq!(error.label.as_deref(), Some("first written on line 1"));
    }

    #[test]
    fn a_missing_key_is_named() {
        assert_eq!(error("ports: []\n").message, "missing key `name`");
    }

    #[test]
    fn broken_yaml_is_located() {
        assert_eq!(error("name: [a\nports: 1\n").at.clone().expect("located").file, "s.yaml");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(\\PC|[\\-:,{}\\[\\]#&*!|>'\"%@`?\\n\\t ]|a: |- |<<){0,60}") {
            drop(parse("s.yaml", &text));
        }
    }

    #[test]
    fn aliases_cannot_fill_the_memory() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let inner = format!("*a{}, ", level - 1).repeat(10);
            text += &format!("a{level}: &a{level} [{inner}]\n");
        }
        assert!(parse("s.yaml", &text).expect_err("refused").message.contains("aliases"));
    }

    #[test]
    fn endless_nesting_is_refused_without_overflow() {
        let text = "[".repeat(100_000);
        assert!(parse("s.yaml", &text).is_err());
    }
}
