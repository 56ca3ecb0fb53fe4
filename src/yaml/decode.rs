//! serde over `Node`: the innermost node that fails gives the error its place.

use serde::de::{self, IntoDeserializer, Visitor};

use super::{Kind, Node};
use crate::error::{Error, did_you_mean};
use crate::input;

pub(super) struct NodeDeserializer<'a>(pub &'a Node);

/// serde's complaint, with the node that caused it once that is known.
#[derive(Debug)]
pub(super) struct DecodeError {
    error: Error,
    /// An unknown field is a matter of a key: `locate` looks it up in the mapping.
    key: Option<String>,
}

impl DecodeError {
    fn new(message: String) -> Self {
        Self { error: Error::new(message), key: None }
    }

    pub(super) fn locate(self, node: &Node) -> Error {
        let mut error = self.error;
        if error.at.is_none() {
            let key = self.key.as_deref().and_then(|key| node.key(key));
            error.at = Some(key.unwrap_or(node).location());
        }
        error
    }

    fn located(self, node: &Node) -> Self {
        Self { error: self.locate(node), key: None }
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for DecodeError {}

fn in_backticks(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut error = Error::new(format!("unknown key `{}`", input::cut(field)));
        match did_you_mean(field, expected.iter().copied()) {
            Some(guess) => error = error.label(format!("did you mean `{guess}`?")),
            None => error = error.hint(format!("known keys here: {}", in_backticks(expected))),
        }
        Self { error, key: Some(field.to_owned()) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut error = Error::new(format!("`{}` is not one of {}", input::cut(variant), in_backticks(expected)));
        if let Some(guess) = did_you_mean(variant, expected.iter().copied()) {
            error = error.label(format!("did you mean `{guess}`?"));
        }
        Self { error, key: None }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing key `{field}`"))
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // serde's own word for what is a mapping to people: `struct Route`.
        let expected = expected.to_string();
        let expected = if expected.starts_with("struct ") { "a mapping" } else { &expected };
        Self::new(format!("expected {expected}, found {}", describe(found)))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", describe(found)))
    }
}

fn describe(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Str(text) => format!("the text `{}`", input::cut(text)),
        de::Unexpected::Signed(number) => format!("the number {number}"),
        de::Unexpected::Unsigned(number) => format!("the number {number}"),
        de::Unexpected::Float(number) => format!("the number {number}"),
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Map => "a mapping".into(),
        other => other.to_string(),
    }
}

impl<'de> de::Deserializer<'de> for NodeDeserializer<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let node = self.0;
        match &node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Int(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::String(value) => visitor.visit_str(value),
            Kind::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Kind::Mapping(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        }
        .map_err(|error| error.located(node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// An empty value stands for an empty struct, list or mapping: `questions:` with nothing after it.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.0.is_null() { visitor.visit_seq(Items([].iter())) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.0.is_null() {
            return visitor.visit_map(Entries { rest: [].iter(), value: None });
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let node = self.0;
        self.deserialize_map(visitor).map_err(|error| error.located(node))
    }

    /// Unquoted numbers and booleans are read as text where text is wanted (`tag: 3.5`, `answer: yes`).
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let node = self.0;
        match &node.kind {
            // As written: `3.10` is not 3.1, and `010` is not 10.
            Kind::Int(_) | Kind::Float(_) => visitor.visit_string(node.source_text()),
            Kind::Bool(value) => visitor.visit_string(value.to_string()),
            _ => return self.deserialize_any(visitor),
        }
        .map_err(|error: DecodeError| error.located(node))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let node = self.0;
        match &node.kind {
            Kind::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Kind::Mapping(entries) if entries.len() == 1 => {
                let map = Entries { rest: entries.iter(), value: None };
                visitor.visit_enum(de::value::MapAccessDeserializer::new(map))
            }
            _ => Err(DecodeError::new(format!("expected a text or a mapping with one key, found {}", node.describe()))),
        }
        .map_err(|error| error.located(node))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct identifier ignored_any
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        let Some(node) = self.0.next() else { return Ok(None) };
        seed.deserialize(NodeDeserializer(node)).map(Some).map_err(|error| error.located(node))
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        // Not located here: an unknown field is pointed at through its mapping, which knows the key.
        let text = key.as_str().unwrap_or_default();
        seed.deserialize(de::value::StrDeserializer::<DecodeError>::new(text)).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let node = self.value.take().ok_or_else(|| DecodeError::new("a value without a key".into()))?;
        seed.deserialize(NodeDeserializer(node)).map_err(|error| error.located(node))
    }
}
