//! Questions at a terminal: Enter takes the default, Esc goes back, `?` explains, Ctrl-C leaves with nothing written.
//!
//! Keys are read one by one, because no prompt library at hand lets Esc and `?` mean something while a text is typed.

use console::{Key, Term, measure_text_width, style, truncate_str};
use serde_json::{Value, json};

use super::{Asker, Choice, Form, Prompt, Reply};
use crate::error::{Error, Result};

/// Columns of the labels; what is longer pushes its answer to the right.
const LABEL: usize = 26;

pub struct Terminal {
    term: Term,
    width: usize,
}

impl Terminal {
    /// On stderr, so that stdout stays for data.
    pub fn new() -> Self {
        let term = Term::stderr();
        let width = usize::from(term.size().1).max(20);
        Self { term, width }
    }

    pub fn say(&self, text: &str) -> Result<()> {
        for paragraph in text.split('\n') {
            self.lines(paragraph, 0)?;
        }
        Ok(())
    }

    /// A text in lines that fit, each indented.
    fn lines(&self, text: &str, indent: usize) -> Result<()> {
        for line in wrap(text, self.width.saturating_sub(indent + 1)) {
            self.write(&format!("{}{line}\n", " ".repeat(indent)))?;
        }
        Ok(())
    }

    fn write(&self, text: &str) -> Result<()> {
        self.term.write_str(text).map_err(|error| Error::new("the terminal cannot be written to").cause(error))
    }

    fn clear(&self, lines: usize) -> Result<()> {
        let cleared = self.term.clear_line().and_then(|()| self.term.clear_last_lines(lines));
        cleared.map_err(|error| Error::new("the terminal cannot be written to").cause(error))
    }

    fn key(&self) -> Result<Key> {
        match self.term.read_key_raw() {
            Ok(Key::CtrlC | Key::Char('\u{3}')) => self.leave(),
            Ok(Key::Unknown) | Ok(Key::Char('\u{4}')) => self.leave(),
            Ok(key) => Ok(key),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => self.leave(),
            Err(error) => Err(Error::new("the terminal cannot be read").cause(error)),
        }
    }

    fn leave<T>(&self) -> Result<T> {
        drop(self.term.show_cursor());
        self.write("\n")?;
        Err(Error::interrupted())
    }

    /// `  Label               › `, and how wide it is.
    fn lead(&self, label: &str) -> String {
        let label = truncate_str(label, self.width.saturating_sub(12), "…");
        let pad = LABEL.min(self.width / 2).saturating_sub(measure_text_width(&label) + 2);
        format!("  {label}{} {} ", " ".repeat(pad), style("›").for_stderr().dim())
    }

    /// The line that stays when a question is answered.
    fn answered(&self, prompt: &Prompt, shown: &str) -> Result<()> {
        let lead = self.lead(&prompt.label);
        let room = self.width.saturating_sub(measure_text_width(&lead) + 1);
        self.write(&format!("{lead}{}\n", truncate_str(shown, room, "…")))
    }

    fn explain(&self, prompt: &Prompt) -> Result<()> {
        self.lines(&prompt.help, 4)
    }

    fn refuse(&self, message: &str, hint: Option<&str>) -> Result<()> {
        self.write(&format!("    {} ", style("✗").for_stderr().red()))?;
        let text = hint.map_or(message.to_owned(), |hint| format!("{message}; {hint}"));
        let lines = wrap(&text, self.width.saturating_sub(7));
        for (index, line) in lines.iter().enumerate() {
            self.write(&format!("{}{line}\n", if index == 0 { "" } else { "      " }))?;
        }
        Ok(())
    }

    fn text(&self, prompt: &Prompt) -> Result<Reply> {
        let default = prompt.default.as_str().map_or_else(|| prompt.default.to_string(), str::to_owned);
        let mut typed = String::new();
        loop {
            self.draw_text(prompt, &typed, &default)?;
            match self.key()? {
                Key::Escape => {
                    self.clear(0)?;
                    return Ok(Reply::Back);
                }
                Key::Enter => {
                    self.clear(0)?;
                    let given = if typed.is_empty() { prompt.default.clone() } else { json!(typed.trim()) };
                    match prompt.check(&given) {
                        Ok(value) => {
                            let shown = if typed.is_empty() { &default } else { typed.trim() };
                            self.answered(prompt, shown)?;
                            return Ok(Reply::Answer(value));
                        }
                        Err(problem) => {
                            self.answered(prompt, typed.trim())?;
                            self.refuse(&problem.message, problem.hint.as_deref())?;
                            typed.clear();
                        }
                    }
                }
                Key::Backspace => drop(typed.pop()),
                Key::Char('?') if typed.is_empty() => {
                    self.clear(0)?;
                    self.explain(prompt)?;
                }
                Key::Char(c) if !c.is_control() => typed.push(c),
                _ => {}
            }
        }
    }

    fn draw_text(&self, prompt: &Prompt, typed: &str, default: &str) -> Result<()> {
        self.clear(0)?;
        let lead = self.lead(&prompt.label);
        let room = self.width.saturating_sub(measure_text_width(&lead) + 2);
        if typed.is_empty() {
            let shown = truncate_str(default, room, "…");
            let back = measure_text_width(&shown);
            self.write(&format!("{lead}{}", style(&shown).for_stderr().dim()))?;
            return self
                .term
                .move_cursor_left(back)
                .map_err(|error| Error::new("the terminal cannot be written to").cause(error));
        }
        // The end of what is typed is what one looks at.
        let skip = typed.chars().count().saturating_sub(room);
        self.write(&format!("{lead}{}", typed.chars().skip(skip).collect::<String>()))
    }

    fn confirm(&self, prompt: &Prompt) -> Result<Reply> {
        let default = prompt.default.as_bool().unwrap_or(false);
        let marks = if default { "[Y/n]" } else { "[y/N]" };
        loop {
            self.clear(0)?;
            self.write(&format!("{}{} ", self.lead(&prompt.label), style(marks).for_stderr().dim()))?;
            let answer = match self.key()? {
                Key::Escape => {
                    self.clear(0)?;
                    return Ok(Reply::Back);
                }
                Key::Enter => default,
                Key::Char('y' | 'Y') => true,
                Key::Char('n' | 'N') => false,
                Key::Char('?') => {
                    self.clear(0)?;
                    self.explain(prompt)?;
                    continue;
                }
                _ => continue,
            };
            self.clear(0)?;
            self.answered(prompt, if answer { "yes" } else { "no" })?;
            return Ok(Reply::Answer(Value::Bool(answer)));
        }
    }

    fn choice(&self, prompt: &Prompt, choices: &[Choice]) -> Result<Reply> {
        let wanted = prompt.default.as_str().unwrap_or_default();
        let mut at = choices.iter().position(|choice| choice.value == wanted).unwrap_or(0);
        drop(self.term.hide_cursor());
        let reply = loop {
            self.draw_choices(prompt, choices, at)?;
            let key = self.key()?;
            self.clear(choices.len() + 1)?;
            match key {
                Key::ArrowUp | Key::Char('k') => at = at.checked_sub(1).unwrap_or(choices.len() - 1),
                Key::ArrowDown | Key::Char('j') | Key::Tab => at = (at + 1) % choices.len(),
                Key::Escape => break Reply::Back,
                Key::Char('?') => self.explain(prompt)?,
                Key::Enter => {
                    let choice = &choices[at];
                    let note = if choice.note.is_empty() {
                        String::new()
                    } else {
                        format!("  {}", style(&choice.note).for_stderr().dim())
                    };
                    self.answered(prompt, &format!("{}{note}", choice.label))?;
                    break Reply::Answer(json!(choice.value));
                }
                Key::Char(c) => {
                    let starts = |choice: &Choice| choice.label.to_lowercase().starts_with(c.to_ascii_lowercase());
                    at = choices.iter().position(starts).unwrap_or(at);
                }
                _ => {}
            }
        };
        drop(self.term.show_cursor());
        Ok(reply)
    }

    fn draw_choices(&self, prompt: &Prompt, choices: &[Choice], at: usize) -> Result<()> {
        self.write(&format!("{}\n", self.lead(&prompt.label).trim_end()))?;
        let column = choices.iter().map(|choice| measure_text_width(&choice.label)).max().unwrap_or(0);
        for (index, choice) in choices.iter().enumerate() {
            let mark = if index == at { "●" } else { "○" };
            let pad = " ".repeat(column - measure_text_width(&choice.label));
            let line = format!("    {mark} {}{pad}  {}", choice.label, choice.note);
            let line = truncate_str(line.trim_end(), self.width.saturating_sub(1), "…").into_owned();
            let line = if index == at { style(line).for_stderr().bold() } else { style(line).for_stderr() };
            self.write(&format!("{line}\n"))?;
        }
        Ok(())
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Asker for Terminal {
    fn ask(&mut self, prompt: &Prompt) -> Result<Reply> {
        match &prompt.form {
            Form::Text => self.text(prompt),
            Form::Confirm => self.confirm(prompt),
            Form::Choice(choices) => self.choice(prompt, choices),
        }
    }
}

/// Breaks at spaces so that no line is wider than `width`.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_wrapped_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
