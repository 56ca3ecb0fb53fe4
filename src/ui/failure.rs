//! Errors as people read them, and as machines do.

use std::fmt::Write;

use anstyle::Style;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::human::hanging;
use super::style::{BAD, DIM, ERROR, HINT, paint};
use crate::error::{Error, Exit, Location};
use crate::fix::{Addressing, Fix, addressed};
use crate::input;

/// Characters of a cause: what others say may be long.
const MOST: usize = 4000;

/// A failure as it is printed: what a chain of errors comes to.
///
/// The outermost message is the headline and the inner ones are its causes. The typed error of the chain gives the rest.
#[derive(Debug, Serialize)]
pub struct Failure {
    event: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "place")]
    at: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quoted: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The steps that repair it, printed behind the hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
    #[serde(serialize_with = "number")]
    pub exit: Exit,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Failure>,
}

fn place<S: Serializer>(at: &Option<Location>, serializer: S) -> Result<S::Ok, S::Error> {
    let at = at.as_ref().map(|at| json!({"file": at.file, "line": at.line, "column": at.column}));
    at.serialize(serializer)
}

fn number<S: Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i32(*exit as i32)
}

impl Failure {
    fn new<'a>(chain: impl Iterator<Item = &'a (dyn std::error::Error + 'static)>) -> Self {
        let mut typed: Option<&Error> = None;
        let mut messages = Vec::new();
        for layer in chain {
            match layer.downcast_ref::<Error>() {
                Some(error) => {
                    messages.push(error.message.clone());
                    typed = typed.or(Some(error));
                }
                None => messages.push(input::cut_to(&layer.to_string(), MOST).into_owned()),
            }
        }
        // Some errors repeat their source in their own words.
        messages.dedup_by(|inner, outer| outer.contains(inner.as_str()));
        let mut messages = messages.into_iter();
        Self {
            event: "error",
            message: messages.next().unwrap_or_default(),
            at: typed.and_then(|error| error.at.clone()),
            label: typed.and_then(|error| error.label.clone()),
            causes: messages.collect(),
            quoted: typed.map(|error| error.quoted.clone()).unwrap_or_default(),
            hint: typed.and_then(|error| error.hint.clone()),
            fix: typed.and_then(|error| error.fix.clone()),
            exit: typed.map_or(Exit::Error, |error| error.exit),
            also: typed.map(|error| error.also.iter().map(Self::from).collect()).unwrap_or_default(),
        }
    }
}

impl Failure {
    /// Puts the flags of this run into every command, so that it works as printed.
    pub fn address(&mut self, addressing: &Addressing) {
        if let Some(hint) = &mut self.hint {
            *hint = addressed(hint, addressing);
        }
        if let Some(fix) = &mut self.fix {
            fix.address(addressing);
        }
        self.also.iter_mut().for_each(|failure| failure.address(addressing));
    }

    /// A guess where no place shows it, the hint's words, and the fix.
    fn advice(&self) -> Option<String> {
        let guess = self.label.clone().filter(|_| self.at.is_none());
        let fix = self.fix.as_ref().map(ToString::to_string);
        let advice: Vec<String> = guess.into_iter().chain(self.hint.clone()).chain(fix).collect();
        (!advice.is_empty()).then(|| advice.join(" "))
    }
}

impl From<&anyhow::Error> for Failure {
    fn from(error: &anyhow::Error) -> Self {
        Self::new(error.chain())
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::new(std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |layer| layer.source()))
    }
}

/// The failure and all found with it, with styles, without a final newline. `width` bounds the excerpts.
pub fn render(failure: &Failure, width: Option<usize>) -> String {
    let mut all = Vec::new();
    flatten(failure, &mut all);
    let mut text = all.iter().map(|failure| block(failure, (ERROR, "error"), width)).collect::<Vec<_>>().join("\n");
    if all.len() > 1 {
        let _ = write!(text, "\n{} errors.", all.len());
    }
    text.truncate(text.trim_end().len());
    text
}

fn flatten<'a>(failure: &'a Failure, all: &mut Vec<&'a Failure>) {
    all.push(failure);
    failure.also.iter().for_each(|failure| flatten(failure, all));
}

/// One failure without those found with it, each line with a newline. `head` is what it begins with, and its style.
pub fn block(failure: &Failure, head: (Style, &str), width: Option<usize>) -> String {
    // Names of others, such as a dashboard's, may hold anything; lines of our own stay.
    let plain = |text: &str| text.replace(|c: char| c.is_control() && c != '\n', " ");
    let message = hanging(&plain(&failure.message), head.1.len() + 2, width);
    let mut text = format!("{}: {message}\n", paint(head.0, head.1));
    if let Some(at) = &failure.at {
        excerpt(&mut text, at, failure.label.as_deref(), width.unwrap_or(usize::MAX));
    }
    for cause in &failure.causes {
        let cause = cause.trim_end();
        // Without a width nothing is broken; lines of its own hang in any case.
        let _ = writeln!(text, "  caused by: {}", hanging(&plain(cause), 13, width.or(Some(usize::MAX))));
    }
    for line in &failure.quoted {
        let _ = writeln!(text, "      {}", paint(DIM, plain(line.trim_end())));
    }
    if let Some(advice) = failure.advice() {
        let _ = writeln!(text, "{}: {}", paint(HINT, "hint"), hanging(&plain(&advice), 6, width));
    }
    text
}

/// The line of source, and under the offending text the label.
fn excerpt(text: &mut String, at: &Location, label: Option<&str>, width: usize) {
    let _ = writeln!(text, "  {} {at}", paint(DIM, "-->"));
    if at.excerpt.trim().is_empty() {
        if let Some(label) = label {
            let _ = writeln!(text, "      {label}");
        }
        return;
    }
    let margin = at.line.to_string().len().max(1);
    let line: Vec<char> = at.excerpt.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // A line too long for the terminal is shown from shortly before the offending text on.
    let room = width.saturating_sub(margin + 4).max(20);
    let column = at.column.saturating_sub(1 + at.skipped).min(line.len());
    let skip = if line.len() > room { column.saturating_sub(room / 3) } else { 0 };
    let shown: String = line.iter().skip(skip).take(room).collect();
    let carets = "^".repeat(at.width.clamp(1, (room + skip).saturating_sub(column).max(1)));
    let indent: usize = shown.chars().take(column - skip).map(|c| console::measure_text_width(&c.to_string())).sum();
    let bar = paint(DIM, "|");
    let _ = writeln!(text, " {:margin$} {bar}", "");
    let _ = writeln!(text, " {} {bar} {}", paint(DIM, at.line), shown.trim_end());
    let said = label.map(|label| format!(" {label}")).unwrap_or_default();
    let _ = writeln!(text, " {:margin$} {bar} {:indent$}{}", "", "", paint(BAD, format!("{carets}{said}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: &Error) -> String {
        anstream::adapter::strip_str(&render(&Failure::from(error), None)).to_string()
    }

    fn misspelt() -> Error {
        let at = Location {
            file: "watchpost.yaml".into(),
            line: 7,
            column: 5,
            width: 9,
            excerpt: "    retension: 30d".into(),
            skipped: 0,
        };
        Error::new("unknown setting `retension` of component `prometheus`")
            .at(at)
            .label("did you mean `retention`?")
            .hint("`watchpost catalog show prometheus` lists its settings.")
    }

    #[test]
    fn an_error_in_a_file_shows_the_line_and_underlines_the_text() {
        insta::assert_snapshot!(shown(&misspelt()), @r"
        error: unknown setting `retension` of component `prometheus`
          --> watchpost.yaml:7:5
           |
         7 |     retension: 30d
           |     ^^^^^^^^^ did you mean `retention`?
        hint: `watchpost catalog show prometheus` lists its settings.
        ");
    }

    #[test]
    fn causes_and_quoted_lines_come_between_the_message_and_the_hint() {
        let error = Error::new("`alertmanager` did not start with `prom/alertmanager:v0.34.1`")
            .cause("its configuration has an unknown field `api_urll`\nfrom receivers[0] in watchpost.yaml, line 22")
            .quote(["level=ERROR msg=\"Loading configuration file failed\"".to_owned()])
            .hint("did you mean `api_url`?");
        insta::assert_snapshot!(shown(&error), @r#"
        error: `alertmanager` did not start with `prom/alertmanager:v0.34.1`
          caused by: its configuration has an unknown field `api_urll`
                     from receivers[0] in watchpost.yaml, line 22
              level=ERROR msg="Loading configuration file failed"
        hint: did you mean `api_url`?
        "#);
    }

    #[test]
    fn context_is_the_headline_and_the_typed_error_keeps_its_place_hint_and_exit_status() {
        let error = anyhow::Error::from(misspelt().exit(Exit::Usage)).context("cannot read the answers");
        let failure = Failure::from(&error);
        assert_eq!(failure.exit, Exit::Usage);
        insta::assert_snapshot!(anstream::adapter::strip_str(&render(&failure, None)).to_string(), @r"
        error: cannot read the answers
          --> watchpost.yaml:7:5
           |
         7 |     retension: 30d
           |     ^^^^^^^^^ did you mean `retention`?
          caused by: unknown setting `retension` of component `prometheus`
        hint: `watchpost catalog show prometheus` lists its settings.
        ");
    }

    #[test]
    fn every_error_of_a_pass_is_shown_and_counted() {
        let error = Error::all(vec![misspelt(), Error::new("second").label("did you mean `first`?")]);
        let text = shown(&error.expect_err("two"));
        assert!(text.contains("\n\nerror: second\nhint: did you mean `first`?\n\n2 errors."), "{text}");
    }

    #[test]
    fn a_line_longer_than_the_terminal_is_shown_around_the_text() {
        let mut error = misspelt();
        let excerpt = format!("{}retension: 30d{}", " x".repeat(100), "y".repeat(300));
        error.at = Some(Location { column: 201, excerpt, ..error.at.clone().expect("located") });
        let text = anstream::adapter::strip_str(&render(&Failure::from(&error), Some(60))).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[3].len() <= 60, "{text}");
        assert_eq!(lines[3].find("retension"), lines[4].find('^'), "{text}");
    }
}
