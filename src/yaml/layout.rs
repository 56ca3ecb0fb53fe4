//! Where each part of a YAML text begins and ends, so that an edit changes nothing else.
//!
//! Nodes have the place where they begin, and an alias that of its anchor; an edit needs the ends, and the style.

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

use super::tree::MAX_DEPTH;

/// One part of the text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub start: usize,
    /// Behind its last character; a value that is not written ends where it begins.
    pub end: usize,
    /// Columns before it on its line.
    pub column: usize,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A scalar on its line, or an alias.
    Inline,
    /// A text of several lines, after `|` or `>`: its end may be behind blank lines.
    Lines,
    Sequence {
        flow: bool,
        items: Vec<Part>,
    },
    /// Each key with its text.
    Mapping {
        flow: bool,
        entries: Vec<(String, Part, Part)>,
    },
}

impl Part {
    /// Is there nothing in the text?
    pub fn is_unwritten(&self) -> bool {
        self.shape == Shape::Inline && self.start == self.end
    }

    /// The part behind the last key or dash of a block; itself for anything else.
    pub fn last(&self) -> &Part {
        match &self.shape {
            Shape::Sequence { flow: false, items } => items.last().map_or(self, Part::last),
            Shape::Mapping { flow: false, entries } => match entries.last() {
                // The key is what is written of `key:`.
                Some((_, key, value)) if value.is_unwritten() => key,
                Some((_, _, value)) => value.last(),
                None => self,
            },
            _ => self,
        }
    }

    pub fn get(&self, key: &str) -> Option<(&Part, &Part)> {
        let Shape::Mapping { entries, .. } = &self.shape else { return None };
        entries.iter().find(|(name, _, _)| name == key).map(|(_, key, value)| (key, value))
    }
}

/// The parts of a text that `parse` accepts, and where its document ends; no part when it has none.
pub fn layout(text: &str) -> Option<(Option<Part>, usize)> {
    let mut builder = Builder { parser: Parser::new_from_str(text) };
    let mut root = None;
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Some((root, text.len())),
            Event::DocumentEnd => {
                let (start, end) = at(span);
                return Some((root, if end > start { start } else { text.len() }));
            }
            Event::StreamStart | Event::DocumentStart(..) => {}
            event => root = Some(builder.part(event, span, 0)?),
        }
    }
}

fn at(span: Span) -> (usize, usize) {
    (span.start.byte_offset().unwrap_or_default(), span.end.byte_offset().unwrap_or_default())
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn part(&mut self, event: Event<'a>, span: Span, depth: usize) -> Option<Part> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (start, mut end) = at(span);
        let shape = match event {
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => Shape::Lines,
            Event::Scalar(..) | Event::Alias(_) => Shape::Inline,
            Event::SequenceStart(style, ..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) => {
                            end = at(span).1;
                            break;
                        }
                        (event, span) => items.push(self.part(event, span, depth + 1)?),
                    }
                }
                Shape::Sequence { flow: style == StructureStyle::Flow, items }
            }
            Event::MappingStart(style, ..) => {
                let mut entries = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if event == Event::MappingEnd {
                        end = at(span).1;
                        break;
                    }
                    let name = if let Event::Scalar(text, ..) = &event { text.to_string() } else { String::new() };
                    let key = self.part(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    entries.push((name, key, self.part(event, span, depth + 1)?));
                }
                Shape::Mapping { flow: style == StructureStyle::Flow, entries }
            }
            _ => return None,
        };
        // The line of an unwritten value is its key's; a block ends where its last part does.
        Some(Part { start, end, column: span.start.col(), shape })
    }
}
