//! The end of `init`: what is missing, how to repeat it, and whether to deploy.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::cli::commands::init::Args;
use crate::cli::commands::up;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::fix::quoted;
use crate::spec::{SecretSource, Spec};
use crate::ui::human::count;
use crate::ui::style::{DIM, STRONG, paint};
use crate::wizard::{self, Answers, HOST, Scripted, Surroundings, WHERE};

pub struct Closing<'a> {
    pub context: &'a Context,
    pub args: &'a Args,
    pub catalog: &'a Catalog,
    pub path: &'a Path,
    pub spec: &'a Spec,
    pub answers: &'a Answers,
    /// An existing file was replaced.
    pub replaced: bool,
}

impl Closing<'_> {
    pub fn summarize(&self, text: &str) -> Result<()> {
        let ui = &self.context.ui;
        let body: String =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("    {line}\n")).collect();
        ui.say(&format!("\nWrote {} ({}).", paint(STRONG, self.path.display()), count(text.lines().count(), "line")));
        ui.say(&paint(DIM, body.trim_end()));
        let missing = self.missing();
        if !missing.is_empty() {
            ui.say(&format!("Set before you deploy: {}", missing.join(", ")));
        }
        ui.say(&format!("The same again without questions:\n  {}", self.repeat_command()?));
        Ok(())
    }

    /// Sources of secrets that are missing: variables, and files beside the spec.
    fn missing(&self) -> Vec<String> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut missing: Vec<String> = self
            .spec
            .secrets
            .values()
            .filter_map(|source| match source {
                SecretSource::Env(name) => {
                    std::env::var_os(name).is_none_or(|value| value.is_empty()).then(|| name.clone())
                }
                SecretSource::File(file) => (!folder.join(file).is_file()).then(|| format!("the file {file}")),
                _ => None,
            })
            .collect();
        missing.dedup();
        missing
    }

    /// A command that does the same, for a shell.
    fn repeat_command(&self) -> Result<String> {
        let flags = self.flags();
        let from = |file: &Path| format!("watchpost init --answers {}{flags}", quoted(&file.display().to_string()));
        match (&self.args.answers, &self.args.save) {
            (Some(file), _) if file != Path::new("-") => Ok(from(file)),
            (_, Some(file)) => Ok(from(file)),
            _ => self.one_line(&flags),
        }
    }

    fn flags(&self) -> String {
        let flags = self.context.global.addressing().flags();
        let mut flags: String = flags.iter().map(|word| format!(" {}", quoted(word))).collect();
        if self.replaced {
            flags.push_str(" --force");
        }
        flags
    }

    /// The answers that differ from the defaults.
    fn one_line(&self, flags: &str) -> Result<String> {
        let defaults = wizard::run(&mut Scripted::defaults(), self.catalog, &Surroundings::default())?;
        let defaults = defaults.unwrap_or_default();
        // A group of settings that stays closed is closed by default.
        let closed = |key: &str, value: &Value| key.starts_with("more.") && value == &Value::Bool(false);
        let by_flag = |key: &str| self.context.global.host.is_some() && [WHERE, HOST].contains(&key);
        let answers: BTreeMap<&String, &Value> = self
            .answers
            .iter()
            .filter(|(key, value)| {
                key.as_str() != wizard::OVERWRITE
                    && !by_flag(key)
                    && !closed(key, value)
                    && defaults.get(*key) != Some(value)
                    && value.as_str() != Some("")
            })
            .collect();
        Ok(match answers.is_empty() {
            true => format!("watchpost init --defaults{flags}"),
            false => format!("echo {} | watchpost init --answers -{flags}", quoted(&flow(&answers))),
        })
    }

    pub fn offer(&self, scripted: bool) -> Result<Exit> {
        let ui = &self.context.ui;
        let command = match self.path == Path::new("watchpost.yaml") {
            true => "watchpost up".to_owned(),
            false => format!("watchpost up -f {}", quoted(&self.path.display().to_string())),
        };
        // Without its secrets the deployment would fail: Enter alone does not start it.
        let ready = self.missing().is_empty();
        let confirmed = async { Ok(ui.confirm("Deploy now?", ready, "--yes").await?) };
        let deploy = !scripted && ui.interactive && block_on(or_interrupt(confirmed))?;
        if !deploy {
            ui.say(&format!("Deploy it with: {command}"));
            return Ok(Exit::Done);
        }
        let mut global = self.context.global.clone();
        global.file = Some(self.path.to_owned());
        global.yes = true;
        // The spec names it now, relative to its own folder.
        global.catalog.clear();
        let context = Context { ui: ui.clone(), global };
        block_on(up::deploy(&Choice::default(), true, &context))
    }
}

/// A mapping as YAML on one line. JSON is YAML, and its texts are quoted: a comma in one ends nothing.
fn flow(answers: &BTreeMap<&String, &Value>) -> String {
    let entry = |(key, value): (&&String, &&Value)| format!("{key}: {value}");
    format!("{{{}}}", answers.iter().map(entry).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_on_one_line_are_read_back_as_they_were() {
        let to = ("alerting.to".to_owned(), json!("a@x.com, b@x.com"));
        let list = ("targets".to_owned(), json!(["a: b", "it's", "}"]));
        let flag = ("more.grafana".to_owned(), json!(true));
        let line = flow(&[&to, &list, &flag].into_iter().map(|(key, value)| (key, value)).collect());
        let read: Value = crate::yaml::from_str("-", &line).expect("YAML");
        assert_eq!(read, json!({to.0: to.1, list.0: list.1, flag.0: flag.1}), "{line}");
    }
}
