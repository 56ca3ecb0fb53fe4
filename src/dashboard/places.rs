//! Where each value of a JSON text stands, found in one pass over the text.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::Location;

/// How much of a line is shown around a value, in bytes: a dashboard may be one line of megabytes.
const BEFORE: usize = 200;
const AFTER: usize = 400;
/// Characters are counted from the nearest of these steps, in bytes: columns of a long line would else cost its length.
const STEP: usize = 1024;

pub struct Places<'a> {
    name: &'a str,
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters stand before each step.
    characters: Vec<usize>,
    /// Begin and end, by the address of the value.
    values: HashMap<usize, (usize, usize)>,
    /// Where each text stands first: for values that were converted, and have another address.
    texts: HashMap<&'a str, (usize, usize)>,
}

impl<'a> Places<'a> {
    /// `model` is what the text parses to.
    pub fn new(name: &'a str, text: &'a str, model: &Value) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        let mut characters = vec![0];
        for step in text.as_bytes().chunks(STEP) {
            characters.push(characters.last().copied().unwrap_or_default() + count(step));
        }
        let mut places = Self { name, text, lines, characters, values: HashMap::new(), texts: HashMap::new() };
        places.read(0, Some(model));
        places
    }

    /// The place of a value, else of the first text like it, else the beginning.
    pub fn of(&self, value: &Value) -> Location {
        let known = self.values.get(&address(value)).copied();
        let alike = || {
            let text = serde_json::to_string(value).ok()?;
            self.texts.get(text.strip_prefix('"')?.strip_suffix('"')?).copied()
        };
        self.between(known.or_else(alike).unwrap_or((0, 1)))
    }

    /// The first place of these characters, else the beginning.
    pub fn first(&self, needle: &str) -> Location {
        let at = if needle.is_empty() { None } else { self.text.find(needle) };
        self.between(at.map_or((0, 1), |at| (at, at + needle.len())))
    }

    fn between(&self, (begin, end): (usize, usize)) -> Location {
        let line = self.lines.partition_point(|start| *start <= begin).max(1);
        let start = self.lines[line - 1];
        let stop = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        let whole = self.text[start..stop].trim_end_matches('\r');
        let column = self.until(begin) - self.until(start) + 1;
        let width = (self.until(end.clamp(begin, stop.max(begin))) - self.until(begin)).max(1);
        let first = self.text.floor_char_boundary(begin.saturating_sub(BEFORE).max(start));
        let last = self.text.floor_char_boundary(begin.saturating_add(AFTER).min(start + whole.len())).max(first);
        let (excerpt, skipped) = (self.text[first..last].to_owned(), self.until(first) - self.until(start));
        Location { file: self.name.to_owned(), line, column, width, excerpt, skipped }
    }

    /// How many characters stand before this byte.
    fn until(&self, byte: usize) -> usize {
        let step = byte / STEP;
        let rest = self.text.as_bytes().get(step * STEP..byte).unwrap_or_default();
        self.characters.get(step).copied().unwrap_or_default() + count(rest)
    }

    /// Reads the value at `at`, and returns where it ends. The text is valid: it was parsed before.
    fn read(&mut self, at: usize, value: Option<&Value>) -> usize {
        let begin = self.skip(at);
        let end = match self.byte(begin) {
            b'{' => self.members(begin + 1, value),
            b'[' => self.items(begin + 1, value),
            b'"' => {
                let end = self.string(begin);
                self.texts.entry(&self.text[begin + 1..end - 1]).or_insert((begin, end));
                end
            }
            _ => self.find(begin, |byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace()),
        };
        if let Some(value) = value {
            self.values.insert(address(value), (begin, end));
        }
        end
    }

    fn members(&mut self, at: usize, value: Option<&Value>) -> usize {
        let mut at = self.skip(at);
        while self.byte(at) == b'"' {
            let end = self.string(at);
            let key = serde_json::from_str::<String>(&self.text[at..end]).unwrap_or_default();
            let colon = self.skip(end);
            at = self.read(colon + 1, value.and_then(|value| value.get(key)));
            at = self.skip(at);
            if self.byte(at) == b',' {
                at = self.skip(at + 1);
            }
        }
        at + 1
    }

    fn items(&mut self, at: usize, value: Option<&Value>) -> usize {
        let mut at = self.skip(at);
        let mut index = 0;
        while at < self.text.len() && self.byte(at) != b']' {
            at = self.read(at, value.and_then(|value| value.get(index)));
            index += 1;
            at = self.skip(at);
            if self.byte(at) == b',' {
                at = self.skip(at + 1);
            }
        }
        at + 1
    }

    /// The end of the string that begins here, behind its quote.
    fn string(&self, begin: usize) -> usize {
        let mut at = begin + 1;
        loop {
            at = self.find(at, |byte| matches!(byte, b'"' | b'\\'));
            match self.byte(at) {
                b'\\' => at += 2,
                _ => return (at + 1).min(self.text.len()),
            }
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or_default()
    }

    fn skip(&self, at: usize) -> usize {
        self.find(at, |byte| !byte.is_ascii_whitespace())
    }

    fn find(&self, at: usize, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        rest.iter().position(|byte| is(*byte)).map_or(self.text.len(), |offset| at + offset)
    }
}

/// Characters that begin in these bytes.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, pointer: &str) -> (usize, usize, usize, String) {
        let model: Value = serde_json::from_str(text).expect("JSON");
        let place = Places::new("x.json", text, &model).of(model.pointer(pointer).expect(pointer));
        (place.line, place.column, place.width, place.excerpt)
    }

    #[test]
    fn every_value_is_found_where_it_stands_though_its_like_stands_before_it() {
        let text =
            "{\n  \"a\": [\"x\", {\"b\": \"x\"}],\r\n  \"ä\": {\"c\\\"d\": [1, -2.5e3 , true]},\n\"e\":{},\"f\":[ ]}";
        for (pointer, expected) in [
            ("/a", (2, 8, 17)),
            ("/a/0", (2, 9, 3)),
            ("/a/1/b", (2, 20, 3)),
            ("/ä/c\"d/1", (3, 21, 6)),
            ("/ä/c\"d/2", (3, 30, 4)),
            ("/e", (4, 5, 2)),
            ("/f", (4, 12, 3)),
        ] {
            let (line, column, width, _) = at(text, pointer);
            assert_eq!((line, column, width), expected, "{pointer}");
        }
        assert_eq!(at(text, "").0, 1);
        assert_eq!(at(text, "/a/0").3, "  \"a\": [\"x\", {\"b\": \"x\"}],");
    }

    #[test]
    fn a_converted_value_is_found_by_its_text_and_of_a_long_line_a_part_is_shown() {
        let text = "{\"a\": \"one \\\"two\\\"\",\n\"b\": 1}";
        let model: Value = serde_json::from_str(text).expect("JSON");
        let places = Places::new("x.json", text, &model);
        assert_eq!(places.of(&Value::from("one \"two\"")).column, 7);
        assert_eq!(
            (places.of(&Value::from("none")).line, places.first("\"b\"").line, places.first("none").line),
            (1, 2, 1)
        );
        let long = format!("{{\"b\": \"{}\", \"a\": \"{}\"}}", "ä".repeat(5000), "x".repeat(5000));
        let (line, column, _, excerpt) = at(&long, "/a");
        assert_eq!((line, column), (1, 5016));
        assert!(excerpt.len() <= BEFORE + AFTER && excerpt.contains("\"a\": \"xxx"), "{excerpt}");
    }

    #[test]
    fn of_a_key_given_twice_the_last_value_is_the_one() {
        assert_eq!(at("{\"a\": 1,\n\"a\": 2}", "/a").0, 2);
    }
}
