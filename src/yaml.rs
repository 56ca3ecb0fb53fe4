//! YAML, read in two ways and written in one.
//!
//! - `parse` yields nodes that know their places, for files that people write: an error points at the text that caused
//!   it, also when the check comes long after reading. `Node::decode` feeds serde.
//! - `read` feeds serde directly, for files that watchpost itself deployed.
//!
//! Both rest on the same parser, and both reject what other readers would silently get wrong: a key written twice,
//! several documents, nesting without end, aliases that multiply.

mod decode;
pub mod emit;
pub mod layout;
mod plain;
mod tree;

use std::rc::Rc;

use crate::error::{Error, Location, Result};
use crate::input;

pub use plain::read;
pub use tree::parse;

/// One text file: its name as the user wrote it, and its lines.
#[derive(Debug)]
pub struct SourceFile {
    pub name: String,
    text: String,
    /// Where each line begins, in bytes.
    starts: Vec<usize>,
}

/// Characters of a line that an error shows: those before the text, and those from its beginning on.
const BEFORE: usize = 200;
const AFTER: usize = 400;

impl SourceFile {
    pub fn new(name: impl Into<String>, text: &str) -> Rc<Self> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Rc::new(Self { name: name.into(), text: text.to_owned(), starts })
    }

    /// Counted from 1, without its line break; empty when there is none.
    fn line(&self, number: usize) -> &str {
        let rest = number.checked_sub(1).and_then(|index| self.text.get(*self.starts.get(index)?..));
        rest.and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    /// `line` and `column` count from 1.
    pub fn location(&self, line: usize, column: usize, width: usize) -> Location {
        let skipped = column.saturating_sub(1 + BEFORE);
        let excerpt: String = self.line(line).chars().skip(skipped).take(BEFORE + AFTER).collect();
        let room = excerpt.chars().count().saturating_sub(column.saturating_sub(1 + skipped));
        Location { file: self.name.clone(), line, column, width: width.clamp(1, room.max(1)), excerpt, skipped }
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
    pub source: Rc<SourceFile>,
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

    /// How many nodes this is, a long text counted as several.
    fn count(&self) -> usize {
        let own = 1 + self.as_str().map_or(0, |text| text.len() / 100);
        let items: usize = self.items().iter().map(Node::count).sum();
        let entries: usize = self.entries().iter().map(|(key, value)| key.count() + value.count()).sum();
        own + items + entries
    }

    /// What this is, in the words of an error message: "a list", "the number 3".
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".into(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Int(value) => format!("the number {value}"),
            Kind::Float(value) => format!("the number {value}"),
            Kind::String(value) => format!("the text `{}`", input::cut(value)),
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
        let line = self.source.line(self.place.line);
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

impl Error {
    /// Points at the node, if there is one and no place is known yet.
    pub fn at_node(self, node: Option<&Node>) -> Self {
        match node {
            Some(node) if self.at.is_none() => self.at(node.location()),
            _ => self,
        }
    }
}

/// Parses and decodes in one step.
pub fn from_str<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    parse(name, text)?.decode()
}

#[cfg(test)]
mod tests;
