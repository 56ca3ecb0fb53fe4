//! The guided install: questions to spec.
//!
//! Which questions there are is a pure function of the catalog and of what was answered so far (`steps`), so going
//! back is asking an earlier one again, and a terminal, a file of answers and the plain defaults walk the same way.

mod compose_spec;
mod scripted;
mod steps;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::catalog::answer::Problem;
use crate::error::Result;

pub use compose_spec::spec;
pub use scripted::Scripted;
pub use steps::{HOST, OVERWRITE, WHERE};

/// Answers by key, in their final form; what `--answers` reads and `answers.yaml` holds.
pub type Answers = BTreeMap<String, Value>;

/// What is known before the first question.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `Docker 28.5, 24 containers`; `None` when no daemon answers here.
    pub docker: Option<String>,
    /// The file to write exists.
    pub overwrites: Option<String>,
    /// The Docker host was named beforehand, and is not asked for.
    pub placed: bool,
}

type Check = Box<dyn Fn(&Value) -> Result<Value, Problem>>;

/// One question as it is asked.
pub struct Prompt {
    /// `stack`, `alerts.api_url`, `prometheus.retention`.
    pub key: String,
    pub label: String,
    /// What `?` explains.
    pub help: String,
    pub form: Form,
    /// A wrong answer may be a secret: nothing shows it again.
    pub confidential: bool,
    pub default: Value,
    check: Check,
}

pub enum Form {
    Text,
    Confirm,
    Choice(Vec<Choice>),
}

pub struct Choice {
    pub value: String,
    pub label: String,
    /// Shown beside the label, dimmed.
    pub note: String,
}

impl Prompt {
    /// The answer in its final form, or why it is not accepted.
    pub fn check(&self, value: &Value) -> Result<Value, Problem> {
        (self.check)(value)
    }
}

/// What came back from a question.
pub enum Reply {
    Answer(Value),
    /// The question before this one.
    Back,
}

/// Who answers: a person at a terminal, or a file.
pub trait Asker {
    /// Only an answer that passes the prompt's check comes back. `Err` ends the wizard.
    fn ask(&mut self, prompt: &Prompt) -> Result<Reply>;
}

/// Asks all that there is to ask. Answers given before going back stay as defaults. `None`: whoever answers left, by
/// going back from the first question or by keeping the file that is there.
pub fn run(asker: &mut dyn Asker, catalog: &Catalog, surroundings: &Surroundings) -> Result<Option<Answers>> {
    let mut answers = Answers::new();
    let mut at = 0;
    loop {
        let mut steps = steps::steps(catalog, surroundings, &answers);
        let Some(prompt) = steps.get_mut(at) else {
            // Answers to questions that no longer arise are dropped.
            let keys: Vec<String> = steps.into_iter().map(|prompt| prompt.key).collect();
            answers.retain(|key, _| keys.contains(key));
            return Ok(Some(answers));
        };
        if let Some(earlier) = answers.get(&prompt.key) {
            prompt.default = earlier.clone();
        }
        match asker.ask(prompt)? {
            Reply::Answer(Value::Bool(false)) if prompt.key == steps::OVERWRITE => return Ok(None),
            Reply::Answer(value) => {
                answers.insert(prompt.key.clone(), value);
                at += 1;
            }
            Reply::Back if at == 0 => return Ok(None),
            Reply::Back => at -= 1,
        }
    }
}
