//! Questions on a terminal, asked by dialoguer: texts, passwords, lists, and yes or no.
//!
//! A prompt and the notes above it are cleared once it is answered; one line with the answer stays. All of it goes to
//! stderr, so that stdout stays for data. Every function blocks.

mod theme;
mod tty;

use std::io::ErrorKind;

use console::{Term, measure_text_width};
use dialoguer::{Confirm, History, Input, MultiSelect, Password, Select};

use super::human::{count, hanging};
use super::style::{BAD, DIM, fit, for_stderr, paint};
use crate::error::{Error, Result};
use crate::secrets::Secret;
use theme::Look;

/// What a person did with a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<T> {
    Answer(T),
    /// Asks for the question before.
    Back,
    /// Asks what the question is about.
    Explain,
}

impl<T> Given<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Self::Answer(answer) => Given::Answer(change(answer)),
            Self::Back => Given::Back,
            Self::Explain => Given::Explain,
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone)]
pub struct Row {
    pub label: String,
    /// Shown beside the label, dimmed.
    pub note: String,
}

impl Row {
    pub fn new(label: impl Into<String>, note: impl Into<String>) -> Self {
        Self { label: label.into(), note: note.into() }
    }
}

/// A sequence of questions that can be gone back through.
pub struct Prompts {
    term: Term,
    unicode: bool,
    /// Lines of notes above the open prompt.
    notes: usize,
    /// Lines that each answered prompt left, to clear when it is asked again.
    answered: Vec<usize>,
    /// Shown below the answer.
    remark: Option<String>,
}

impl Prompts {
    pub fn new(unicode: bool) -> Self {
        Self { term: Term::stderr(), unicode, notes: 0, answered: Vec::new(), remark: None }
    }

    /// A line of text. Enter takes `default`, the Up key fetches it for editing; `start` is text to edit.
    pub fn text(&mut self, label: &str, default: &str, start: &str) -> Result<Given<String>> {
        let look = Look { unicode: self.unicode, aligned: true, rows: &[] };
        let mut earlier = Earlier(default);
        let mut input = Input::<String>::with_theme(&look).with_prompt(label).allow_empty(true).report(false);
        if !default.is_empty() {
            // Typing must not begin at the edge.
            let roomy =
                measure_text_width(&theme::lead(label, self.width())) + measure_text_width(default) + 20 < self.width();
            if !roomy {
                self.write_note(&format!("    Enter takes {}", hanging(default, 4, Some(self.width()))))?;
            }
            input = input.default(default.to_owned()).show_default(roomy).history_with(&mut earlier);
        }
        if !start.is_empty() {
            input = input.with_initial_text(start);
        }
        let quiet = tty::Quiet::hold();
        self.term.write_str(ROOM_BELOW).map_err(unreadable)?;
        let typed = input.interact_text_on(&self.term).map_err(ended)?;
        self.term.write_str(CLEAR_BELOW).map_err(unreadable)?;
        if let lost @ 1.. = quiet.discard() {
            self.remark = Some(format!("Only the first line counts; {} discarded.", count(lost, "more pasted line")));
        }
        Ok(given(typed.trim(), start))
    }

    /// A secret; nothing is shown while it is typed. Ctrl-C is a signal here, and the read does not notice it: ask from
    /// a thread of its own, as `Ui::confirm` does.
    pub fn password(&mut self, label: &str) -> Result<Given<Secret>> {
        let look = Look { unicode: self.unicode, aligned: true, rows: &[] };
        let password = Password::with_theme(&look).with_prompt(label).allow_empty_password(true).report(false);
        let _mode = tty::Quiet::unchanged();
        let typed = password.interact_on(&self.term).map_err(ended)?;
        Ok(given(&typed, "").map(Secret::new))
    }

    /// One of `rows`, by its index.
    pub fn choose(&mut self, label: &str, rows: &[Row], at: usize) -> Result<Given<usize>> {
        let back = rows.len();
        let rows = with_ways_out(rows);
        let look = Look { unicode: self.unicode, aligned: true, rows: &rows };
        let select = Select::with_theme(&look).with_prompt(label).items(0..rows.len()).default(at).report(false);
        let _quiet = tty::Quiet::hold();
        Ok(match select.interact_on_opt(&self.term).map_err(ended)? {
            None => Given::Back,
            Some(chosen) if chosen == back => Given::Back,
            Some(chosen) if chosen > back => Given::Explain,
            Some(chosen) => Given::Answer(chosen),
        })
    }

    /// Any of `rows`, by their indices; `checked` are chosen at first.
    pub fn choose_several(&mut self, label: &str, rows: &[Row], checked: &[bool]) -> Result<Given<Vec<usize>>> {
        let back = rows.len();
        let rows = with_ways_out(rows);
        let items = (0..rows.len()).map(|index| (index, checked.get(index).copied().unwrap_or_default()));
        let look = Look { unicode: self.unicode, aligned: true, rows: &rows };
        let select = MultiSelect::with_theme(&look).with_prompt(label).items_checked(items).report(false);
        let _quiet = tty::Quiet::hold();
        let Some(mut chosen) = select.interact_on_opt(&self.term).map_err(ended)? else {
            return Ok(Given::Back);
        };
        // The key for all checks both ways out too, and means neither.
        let ways_out: Vec<usize> = chosen.extract_if(.., |index| *index >= back).collect();
        Ok(match ways_out.as_slice() {
            [way] if *way == back => Given::Back,
            [_] => Given::Explain,
            _ => Given::Answer(chosen),
        })
    }

    /// Yes or no, one of a sequence of questions. Esc and then Enter goes back.
    pub fn confirm(&mut self, label: &str, default: bool) -> Result<Given<bool>> {
        Ok(self.yes_or_no(label, default, true)?.map_or(Given::Back, Given::Answer))
    }

    /// Yes or no to a question that stands alone. What was typed before it appeared does not answer it.
    pub fn agree(&mut self, question: &str, default: bool) -> Result<bool> {
        let width = self.width().saturating_sub("  [Y/n] ".len());
        let lines = hanging(question, 0, Some(width));
        let (above, last) = lines.rsplit_once('\n').unwrap_or(("", &lines));
        for line in above.lines() {
            self.write(&format!("  {line}\n"))?;
        }
        let agreed = self.yes_or_no(last, default, false)?.unwrap_or(false);
        self.write(&format!("  {last} {}\n", if agreed { "yes" } else { "no" }))?;
        Ok(agreed)
    }

    fn yes_or_no(&mut self, label: &str, default: bool, aligned: bool) -> Result<Option<bool>> {
        let look = Look { unicode: self.unicode, aligned, rows: &[] };
        // With Enter: a habitual one after the letter must not answer the next question.
        let confirm = Confirm::with_theme(&look).with_prompt(label).default(default).wait_for_newline(true);
        let quiet = tty::Quiet::hold();
        quiet.discard();
        let given = confirm.report(false).interact_on_opt(&self.term).map_err(ended)?;
        Ok(given)
    }

    /// Text above the next prompt, in place of what is there; cleared with the prompt.
    pub fn note(&mut self, text: &str) -> Result<()> {
        self.clear_notes()?;
        let text = hanging(text, 4, Some(self.width()));
        self.write_note(&format!("    {text}"))
    }

    /// Why the answer is not accepted, above the prompt that asks again.
    pub fn problem(&mut self, text: &str) -> Result<()> {
        self.clear_notes()?;
        if let Some(remark) = self.remark.take() {
            self.write_note(&format!("    {remark}"))?;
        }
        let text = hanging(text, 6, Some(self.width()));
        self.write_note(&format!("    {} {text}", paint(BAD, "✗")))
    }

    /// The line that stays of a question; `note` only where it fits.
    pub fn answered(&mut self, label: &str, answer: &str, note: &str) -> Result<()> {
        self.clear_notes()?;
        let lead = theme::lead(label, self.width());
        let indent = measure_text_width(&lead);
        let fits = indent + measure_text_width(answer) + 2 + measure_text_width(note) <= self.width();
        let note = if fits && !note.is_empty() { format!("  {}", paint(DIM, note)) } else { String::new() };
        let answer = hanging(answer, indent, Some(self.width()));
        self.write_note(&format!("{lead}{answer}{note}"))?;
        if let Some(remark) = self.remark.take() {
            self.write_note(&format!("    {remark}"))?;
        }
        self.answered.push(std::mem::take(&mut self.notes));
        Ok(())
    }

    /// Takes back the last answer's line, so that its question can be asked again in its place.
    pub fn undo(&mut self) -> Result<()> {
        self.remark = None;
        self.notes += self.answered.pop().unwrap_or_default();
        self.clear_notes()
    }

    fn clear_notes(&mut self) -> Result<()> {
        self.term.clear_last_lines(std::mem::take(&mut self.notes)).map_err(unreadable)
    }

    fn write_note(&mut self, text: &str) -> Result<()> {
        let width = self.width();
        // What has no space to break at is broken by the terminal.
        self.notes += text.lines().map(|line| measure_text_width(line).div_ceil(width).max(1)).sum::<usize>();
        self.write(&format!("{text}\n"))
    }

    fn write(&self, text: &str) -> Result<()> {
        self.term.write_str(&for_stderr(&fit(text, self.unicode))).map_err(unreadable)
    }

    /// One column less than the terminal has: a full line may wrap.
    fn width(&self) -> usize {
        usize::from(self.term.size().1).saturating_sub(1).max(20)
    }
}

/// The error of a prompt without an answer: Ctrl-C, or the terminal is gone.
fn ended(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::UnexpectedEof => {
            close();
            Error::interrupted()
        }
        _ => unreadable(error),
    }
}

/// Ends a prompt that is open: restores the terminal's mode and the cursor, which dialoguer leaves hidden on Ctrl-C.
pub fn close() {
    if tty::restore() {
        let term = Term::stderr();
        // A terminal that is gone shows nothing anyway.
        drop(term.show_cursor().and_then(|()| term.write_line("")));
    }
}

/// The rows, then the two that every list ends with.
fn with_ways_out(rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows.extend([Row::new("Back", ""), Row::new("What is this?", "")]);
    rows
}

/// A long text wraps, and dialoguer clears its last row only: keep three rows below and remember the first.
/// <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>
const ROOM_BELOW: &str = "\n\n\n\u{1b}[3A\u{1b}7";
const CLEAR_BELOW: &str = "\u{1b}8\u{1b}[0J";

/// `<` and `?` alone, or right behind the text that was there to edit.
fn given(typed: &str, start: &str) -> Given<String> {
    match typed.strip_prefix(start).unwrap_or(typed) {
        "<" => Given::Back,
        "?" => Given::Explain,
        _ => Given::Answer(typed.to_owned()),
    }
}

/// What the Up key fetches.
struct Earlier<'a>(&'a str);

impl History<String> for Earlier<'_> {
    fn read(&self, position: usize) -> Option<String> {
        (position == 0).then(|| self.0.to_owned())
    }

    fn write(&mut self, _: &String) {}
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new("cannot use the terminal").cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_counts_alone_or_behind_the_text_to_edit_and_is_text_elsewhere() {
        assert_eq!(given("<", ""), Given::Back);
        assert_eq!(given("soon?", "soon"), Given::Explain);
        assert_eq!(given("http://a/?", ""), Given::Answer("http://a/?".into()));
        assert_eq!(given("soon", "soon"), Given::Answer("soon".into()));
    }
}
