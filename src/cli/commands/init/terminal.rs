//! Answers from a person at a terminal.

use serde_json::{Value, json};

use crate::error::Result;
use crate::ui::prompt::{Given, Prompts, Row};
use crate::wizard::{Asker, Choice, Form, Prompt, Reply};

/// An answer as it was given, not yet checked.
struct Answer {
    value: Value,
    shown: String,
    note: String,
}

impl Answer {
    fn new(value: Value, shown: impl Into<String>) -> Self {
        Self { value, shown: shown.into(), note: String::new() }
    }
}

pub struct Terminal {
    prompts: Prompts,
}

impl Terminal {
    pub fn new(unicode: bool) -> Self {
        Self { prompts: Prompts::new(unicode) }
    }

    /// Asks once.
    fn ask_once(&mut self, prompt: &Prompt, refused: &str) -> Result<Given<Answer>> {
        match &prompt.form {
            Form::Text => self.text(prompt, refused),
            Form::Confirm => self.confirm(prompt),
            Form::Choice(choices) => self.choice(prompt, choices),
        }
    }

    fn text(&mut self, prompt: &Prompt, refused: &str) -> Result<Given<Answer>> {
        let default = prompt.default.as_str().map_or_else(|| prompt.default.to_string(), str::to_owned);
        let given = self.prompts.text(&prompt.label, &default, refused)?;
        Ok(given.map(|typed| {
            let value = if typed == default { prompt.default.clone() } else { json!(typed) };
            Answer::new(value, typed)
        }))
    }

    fn confirm(&mut self, prompt: &Prompt) -> Result<Given<Answer>> {
        // A question of yes or no cannot be asked to explain itself.
        self.prompts.note(&prompt.help)?;
        let given = self.prompts.confirm(&prompt.label, prompt.default.as_bool().unwrap_or(false))?;
        Ok(given.map(|yes| Answer::new(json!(yes), if yes { "yes" } else { "no" })))
    }

    fn choice(&mut self, prompt: &Prompt, choices: &[Choice]) -> Result<Given<Answer>> {
        let wanted = prompt.default.as_str().unwrap_or_default();
        let at = choices.iter().position(|choice| choice.value == wanted).unwrap_or(0);
        let rows: Vec<Row> = choices.iter().map(|choice| Row::new(&choice.label, &choice.note)).collect();
        let given = self.prompts.choose(&prompt.label, &rows, at)?;
        Ok(given.map(|chosen| {
            let choice = &choices[chosen];
            Answer { note: choice.note.clone(), ..Answer::new(json!(choice.value), &choice.label) }
        }))
    }
}

impl Asker for Terminal {
    fn ask(&mut self, prompt: &Prompt) -> Result<Reply> {
        let mut refused = String::new();
        loop {
            match self.ask_once(prompt, &refused)? {
                Given::Explain => self.prompts.note(&prompt.help)?,
                Given::Back => {
                    self.prompts.undo()?;
                    return Ok(Reply::Back);
                }
                Given::Answer(given) => match prompt.check(&given.value) {
                    Ok(value) => {
                        self.prompts.answered(&prompt.label, &given.shown, &given.note)?;
                        return Ok(Reply::Answer(value));
                    }
                    Err(problem) => {
                        let hint = problem.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                        self.prompts.problem(&format!("{}{hint}", problem.message))?;
                        refused = if prompt.confidential { String::new() } else { given.shown };
                    }
                },
            }
        }
    }
}
