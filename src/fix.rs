//! What repairs a finding, as a value: commands, edits and words, which one place renders for this run.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// The steps that repair something, in their order, and another way where there is one.
///
/// Its text is what people read: `edit the spec, then watchpost up --name shop`. As JSON:
/// `{text, steps: [{kind, ...}], or}`, where `kind` is `watchpost` or `docker` (`arguments`, `text`), `edit` (`file`, `at`,
/// `what`) or `words` (`what`); `or` is another fix and absent when there is only one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub steps: Vec<Step>,
    pub or: Option<Box<Fix>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A command of ours, by its arguments: `["up", "--set", "a.memory=96m"]`. `note` says what it is for.
    Watchpost {
        arguments: Vec<String>,
        note: Option<String>,
    },
    /// A command for Docker's client, by its arguments.
    Docker {
        arguments: Vec<String>,
        note: Option<String>,
    },
    /// A change of a file by hand; without `file` it is the spec. `at` is the path in it: `alerting.routes`.
    Edit {
        file: Option<String>,
        at: Option<String>,
        what: String,
    },
    Words(String),
}

/// What leads a command to the stack of this run: the flags it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressing {
    /// `-f`
    pub file: Option<String>,
    pub name: Option<String>,
    /// `--host`
    pub host: Option<String>,
    /// `--catalog`, as often as it was given
    pub catalog: Vec<String>,
    /// `--stack`, `--set` and `--without` with their values, for the commands that render the stack.
    pub choice: Vec<(&'static str, String)>,
    /// For Docker's own client, when a plain `docker` here goes elsewhere.
    pub docker_host: Option<String>,
}

/// The commands that accept what `Addressing::choice` holds.
const RENDERING: [&str; 5] = ["up", "plan", "verify", "doctor", "render"];

impl Addressing {
    /// The flags for commands of ours: `["-f", "shop.yaml"]`.
    pub fn flags(&self) -> Vec<String> {
        self.missing_in(&[])
    }

    /// The flags that this command of ours, given by its arguments, accepts and does not have.
    fn missing_in(&self, command: &[String]) -> Vec<String> {
        let mut given: Vec<(&str, &String)> = Vec::new();
        given.extend(self.file.iter().map(|file| ("-f", file)));
        given.extend(self.name.iter().map(|name| ("--name", name)));
        given.extend(self.host.iter().map(|host| ("--host", host)));
        given.extend(self.catalog.iter().map(|folder| ("--catalog", folder)));
        if command.first().is_some_and(|name| RENDERING.contains(&name.as_str())) {
            given.extend(self.choice.iter().map(|(flag, value)| (*flag, value)));
        }
        given.retain(|(flag, value)| !has(command, flag, value));
        given.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.clone()]).collect()
    }
}

/// Does the command have this flag? One that may be repeated counts with the same value, `--set` with the same key.
fn has(command: &[String], flag: &str, value: &str) -> bool {
    let key = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    command.iter().enumerate().any(|(at, word)| {
        let other = command.get(at + 1).map(String::as_str).unwrap_or_default();
        match flag {
            "-f" => word == "-f" || word == "--file",
            "--set" => word == flag && key(other) == key(value),
            "--catalog" | "--without" => word == flag && other == value,
            _ => word == flag,
        }
    })
}

impl Fix {
    fn of(step: Step) -> Self {
        Self { steps: vec![step], or: None }
    }

    /// A command of ours: `Fix::watchpost(["logs", name])`.
    pub fn watchpost<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::of(Step::Watchpost { arguments: arguments.into_iter().map(Into::into).collect(), note: None })
    }

    /// `watchpost up`, which repairs most things.
    pub fn up() -> Self {
        Self::watchpost(["up"])
    }

    /// `watchpost up --set KEY=VALUE`.
    pub fn set(key: impl fmt::Display, value: impl fmt::Display) -> Self {
        Self::watchpost(["up".to_owned(), "--set".to_owned(), format!("{key}={value}")])
    }

    pub fn docker<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::of(Step::Docker { arguments: arguments.into_iter().map(Into::into).collect(), note: None })
    }

    /// A change of the spec: where in it, and what to do there.
    pub fn spec(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self::of(Step::Edit { file: None, at: Some(at.into()), what: what.into() })
    }

    /// A change of another file.
    pub fn edit(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::of(Step::Edit { file: Some(file.into()), at: None, what: what.into() })
    }

    pub fn words(text: impl Into<String>) -> Self {
        Self::of(Step::Words(text.into()))
    }

    /// The steps of `next` after these.
    pub fn then(mut self, next: Fix) -> Self {
        self.steps.extend(next.steps);
        match next.or {
            Some(or) => self.or(*or),
            None => self,
        }
    }

    /// What is left to do when `watchpost up` has just run: where nothing is changed before it, running it again leads
    /// back here. `None`: nothing is left.
    pub fn after_up(mut self) -> Option<Self> {
        let changes = |step: &Step| !matches!(step, Step::Watchpost { .. });
        let is_up = |step: &Step| matches!(step, Step::Watchpost { arguments, .. } if *arguments == ["up"]);
        if self.or.is_none() && !self.steps.iter().any(changes) {
            self.steps.retain(|step| !is_up(step));
        }
        (!self.steps.is_empty()).then_some(self)
    }

    /// Another way to the same end.
    pub fn or(mut self, other: Fix) -> Self {
        match self.or.take() {
            Some(first) => self.or = Some(Box::new(first.or(other))),
            None => self.or = Some(Box::new(other)),
        }
        self
    }

    /// Says of the last command what it is for: `shows why`.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        if let Some(Step::Watchpost { note, .. } | Step::Docker { note, .. }) = self.steps.last_mut() {
            *note = Some(text.into());
        }
        self
    }

    /// Puts the flags of this run into every command, so that it works as printed.
    pub fn address(&mut self, addressing: &Addressing) {
        for step in &mut self.steps {
            match step {
                Step::Watchpost { arguments, .. } => {
                    arguments.extend(addressing.missing_in(arguments));
                }
                Step::Docker { arguments, .. } => {
                    if let Some(host) = addressing.docker_host.as_ref().filter(|_| !names_host(arguments)) {
                        arguments.splice(0..0, ["--host".to_owned(), host.clone()]);
                    }
                }
                Step::Edit { file, .. } => {
                    file.get_or_insert_with(|| addressing.file.clone().unwrap_or_else(|| "watchpost.yaml".into()));
                }
                Step::Words(_) => {}
            }
        }
        if let Some(or) = &mut self.or {
            or.address(addressing);
        }
    }

    /// Changes every text in it; for taking out what must not be shown.
    pub fn map(&mut self, change: &dyn Fn(&str) -> String) {
        for step in &mut self.steps {
            match step {
                Step::Watchpost { arguments, note } | Step::Docker { arguments, note } => {
                    arguments.iter_mut().chain(note).for_each(|text| *text = change(text));
                }
                Step::Edit { file, at, what } => {
                    file.iter_mut().chain(at).chain([what]).for_each(|text| *text = change(text));
                }
                Step::Words(text) => *text = change(text),
            }
        }
        if let Some(or) = &mut self.or {
            or.map(change);
        }
    }
}

impl From<&str> for Fix {
    fn from(text: &str) -> Self {
        Self::words(text)
    }
}

impl From<String> for Fix {
    fn from(text: String) -> Self {
        Self::words(text)
    }
}

impl Step {
    fn is_command(&self) -> bool {
        matches!(self, Self::Watchpost { note: None, .. } | Self::Docker { note: None, .. })
    }

    /// The command as a shell takes it; `None` for edits and words.
    pub fn command(&self) -> Option<String> {
        let (program, arguments) = match self {
            Self::Watchpost { arguments, .. } => ("watchpost", arguments),
            Self::Docker { arguments, .. } => ("docker", arguments),
            Self::Edit { .. } | Self::Words(_) => return None,
        };
        let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        Some(format!("{program} {}", words.join(" ")))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watchpost { note, .. } | Self::Docker { note, .. } => {
                f.write_str(&self.command().unwrap_or_default())?;
                note.iter().try_for_each(|note| write!(f, " ({note})"))
            }
            Self::Edit { file, at, what } => {
                write!(f, "in {}", file.as_deref().unwrap_or("watchpost.yaml"))?;
                at.iter().try_for_each(|at| write!(f, " under `{at}`"))?;
                write!(f, ": {what}")
            }
            Self::Words(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                let commands = self.steps[at - 1].is_command() && step.is_command();
                f.write_str(if commands { " && " } else { ", then " })?;
            }
            step.fmt(f)?;
        }
        self.or.iter().try_for_each(|or| write!(f, ", or {or}"))
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Step", 4)?;
        match self {
            Self::Watchpost { arguments, note } | Self::Docker { arguments, note } => {
                let kind = if matches!(self, Self::Docker { .. }) { "docker" } else { "watchpost" };
                map.serialize_field("kind", kind)?;
                map.serialize_field("arguments", arguments)?;
                map.serialize_field("text", &self.command())?;
                if let Some(note) = note {
                    map.serialize_field("note", note)?;
                }
            }
            Self::Edit { file, at, what } => {
                map.serialize_field("kind", "edit")?;
                map.serialize_field("file", file.as_deref().unwrap_or("watchpost.yaml"))?;
                if let Some(at) = at {
                    map.serialize_field("at", at)?;
                }
                map.serialize_field("what", what)?;
            }
            Self::Words(what) => {
                map.serialize_field("kind", "words")?;
                map.serialize_field("what", what)?;
            }
        }
        map.end()
    }
}

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Fix", 3)?;
        map.serialize_field("text", &self.to_string())?;
        map.serialize_field("steps", &self.steps)?;
        if let Some(or) = &self.or {
            map.serialize_field("or", or)?;
        }
        map.end()
    }
}

/// The text with the flags of this run in every command that it has in backticks. A flag that a command has already is
/// left as it is.
pub fn addressed(text: &str, addressing: &Addressing) -> String {
    let mut parts: Vec<String> = text.split('`').map(str::to_owned).collect();
    for command in parts.iter_mut().skip(1).step_by(2) {
        // Placeholders and elisions are not for a shell; they have no quotes that matter.
        let words = shlex::split(command).unwrap_or_else(|| command.split_whitespace().map(str::to_owned).collect());
        match words.split_first() {
            Some((program, arguments)) if program == "watchpost" && !arguments.is_empty() => {
                let flags = addressing.missing_in(arguments);
                command.extend(flags.iter().map(|word| format!(" {}", quoted(word))));
            }
            Some((program, arguments)) if program == "docker" && !arguments.is_empty() && !names_host(arguments) => {
                if let Some(host) = &addressing.docker_host {
                    *command = command.replacen("docker", &format!("docker --host {}", quoted(host)), 1);
                }
            }
            _ => {}
        }
    }
    parts.join("`")
}

/// Does a command of Docker's client say which host it is for, or is it about this machine's own contexts?
fn names_host(arguments: &[String]) -> bool {
    let first = arguments.first().map(String::as_str).unwrap_or_default();
    ["-H", "--host", "context"].contains(&first)
}

/// A word as a POSIX shell takes it.
pub fn quoted(word: &str) -> String {
    // `--set key=value` reads best without quotes, which `shlex` puts around every `=`.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // A NUL, which no shell can pass on, is left out.
    shlex::try_quote(&word.replace('\0', "")).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressing() -> Addressing {
        Addressing {
            file: Some("a b.yaml".into()),
            name: Some("shop".into()),
            host: Some("tcp://db1:2375".into()),
            docker_host: Some("tcp://db1:2375".into()),
            ..Addressing::default()
        }
    }

    #[test]
    fn every_command_carries_the_flags_that_lead_to_this_stack() {
        let mut fix =
            Fix::spec("alerting.routes", "add a route").then(Fix::up()).or(Fix::docker(["restart", "shop-x-1"]));
        assert_eq!(
            fix.to_string(),
            "in watchpost.yaml under `alerting.routes`: add a route, then watchpost up, or docker restart shop-x-1"
        );
        fix.address(&addressing());
        assert_eq!(
            fix.to_string(),
            "in a b.yaml under `alerting.routes`: add a route, then \
             watchpost up -f 'a b.yaml' --name shop --host tcp://db1:2375, or \
             docker --host tcp://db1:2375 restart shop-x-1"
        );
    }

    #[test]
    fn commands_in_a_text_carry_the_flags_once() {
        let shop = Addressing { name: Some("shop".into()), catalog: vec!["a b".into()], ..Addressing::default() };
        let text = addressed("`watchpost up` starts it; `x` is a name", &shop);
        assert_eq!(text, "`watchpost up --name shop --catalog 'a b'` starts it; `x` is a name");
        assert_eq!(addressed(&text, &shop), text);
    }

    #[test]
    fn flags_that_choose_a_stack_go_to_the_commands_that_render_it() {
        let choice =
            vec![("--stack", "minimal".to_owned()), ("--set", "a.memory=64m".into()), ("--set", "b.port=1".into())];
        let addressing = Addressing { choice, ..Addressing::default() };
        let mut fix = Fix::watchpost(["logs", "a"]).then(Fix::set("a.memory", "96m"));
        fix.address(&addressing);
        assert_eq!(
            fix.to_string(),
            "watchpost logs a && watchpost up --set a.memory=96m --stack minimal --set b.port=1"
        );
        assert_eq!(
            addressed("`watchpost status`, `watchpost verify --stack standard`", &addressing),
            "`watchpost status`, `watchpost verify --stack standard --set a.memory=64m --set b.port=1`"
        );
    }

    #[test]
    fn a_flag_that_a_command_has_keeps_only_itself_out() {
        let addressing = Addressing { name: Some("shop".into()), ..addressing() };
        assert_eq!(
            addressed("`watchpost up -f other.yaml`", &addressing),
            "`watchpost up -f other.yaml --name shop --host tcp://db1:2375`"
        );
    }

    #[test]
    fn a_command_for_docker_in_a_text_names_the_host_once() {
        let text =
            addressed("`docker ps -a` lists it; `docker context ls`; `docker -H ADDRESS version`", &addressing());
        let host = "--host tcp://db1:2375";
        assert_eq!(text, format!("`docker {host} ps -a` lists it; `docker context ls`; `docker -H ADDRESS version`"));
        assert_eq!(addressed(&text, &addressing()), text);
    }

    #[test]
    fn after_up_only_a_change_makes_another_one_worth_it() {
        let left = |fix: Fix| fix.after_up().map(|fix| fix.to_string());
        assert_eq!(left(Fix::up()), None);
        let logs = Fix::watchpost(["logs", "x"]).note("shows why");
        assert_eq!(left(logs.then(Fix::up())).as_deref(), Some("watchpost logs x (shows why)"));
        assert_eq!(left(Fix::set("a", 1)).as_deref(), Some("watchpost up --set a=1"));
        let changed = Fix::docker(["rm", "-f", "x"]).then(Fix::up());
        assert_eq!(left(changed).as_deref(), Some("docker rm -f x && watchpost up"));
    }

    #[test]
    fn another_way_of_a_later_step_is_kept() {
        let fix = Fix::words("wait").then(Fix::up().or(Fix::words("give up")));
        assert_eq!(fix.to_string(), "wait, then watchpost up, or give up");
    }

    #[test]
    fn commands_in_a_row_can_be_pasted_and_notes_stand_behind() {
        let fix = Fix::docker(["rm", "-f", "x"]).then(Fix::up());
        assert_eq!(fix.to_string(), "docker rm -f x && watchpost up");
        assert_eq!(Fix::watchpost(["logs", "x"]).note("shows why").to_string(), "watchpost logs x (shows why)");
        assert_eq!(Fix::set("x.memory", "96m").to_string(), "watchpost up --set x.memory=96m");
        assert_eq!(Fix::set("x.memory", "96 m").to_string(), "watchpost up --set 'x.memory=96 m'");
    }

    #[test]
    fn as_json_the_text_stands_beside_the_steps() {
        let json = serde_json::to_value(Fix::up().or("wait".into())).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "text": "watchpost up, or wait",
                "steps": [{"kind": "watchpost", "arguments": ["up"], "text": "watchpost up"}],
                "or": {"text": "wait", "steps": [{"kind": "words", "what": "wait"}]},
            })
        );
    }
}
