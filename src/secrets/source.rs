//! Where values come from: the environment, files, commands.

use std::path::{Component, Path, PathBuf};

use super::Secret;
use crate::compose;
use crate::error::{Error, Result};
use crate::input;

/// What sources of secrets read, passed in so that this stays testable.
pub struct Environment<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Relative paths start here: the spec's folder.
    pub folder: &'a Path,
}

/// The value of a bundle's secret; `None` for one that is generated on the host.
///
/// Errors name the secret and its source and say how to supply it; never the value.
pub fn load(name: &str, secret: &compose::Secret, environment: &Environment<'_>) -> Result<Option<Secret>> {
    let extension = secret.extension.clone().unwrap_or_default();
    if extension.generate.is_some() {
        return Ok(None);
    }
    if !extension.command.is_empty() {
        return run(name, &extension.command).map(Some);
    }
    if let Some(variable) = &secret.environment {
        let value = (environment.variable)(variable).filter(|value| !value.is_empty());
        return value.map(|value| Some(Secret::new(value))).ok_or_else(|| {
            Error::new(format!("the secret `{name}` has no value"))
                .cause(format!("the environment variable `{variable}` is not set"))
                .hint(format!("set the variable first: `export {variable}=…`"))
        });
    }
    let Some(file) = &secret.file else {
        return Err(Error::new(format!("the secret `{name}` has no source"))
            .hint(format!("add `env`, `file` or `command` to `{name}` under `secrets:`")));
    };
    let path: PathBuf = environment.folder.join(file).components().filter(|part| *part != Component::CurDir).collect();
    let cannot = |why: String| {
        Error::new(format!("the secret `{name}` cannot be read"))
            .cause(format!("`{}`: {why}", path.display()))
            .hint("write the value into that file, or name another file under `secrets:`")
    };
    let bytes = input::bytes(&path, input::SECRET).map_err(|error| cannot(error.to_string()))?;
    let secret = Secret::from_utf8(bytes).ok_or_else(|| cannot("the file is not UTF-8 text".into()))?;
    if secret.expose().is_empty() { Err(cannot("the file is empty".into())) } else { Ok(Some(secret)) }
}

fn run(name: &str, command: &[String]) -> Result<Secret> {
    let failed = |cause: String| {
        Error::new(format!("the secret `{name}` cannot be read from its command"))
            .cause(format!("`{}` {cause}", command.join(" ")))
            .hint("run the command yourself and correct it: its output must be the value")
    };
    let output = std::process::Command::new(&command[0])
        .args(&command[1..])
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed with {}", output.status)));
    }
    if output.stdout.len() > input::SECRET {
        return Err(failed(format!("printed more than {} kB", input::SECRET >> 10)));
    }
    let secret = Secret::from_utf8(output.stdout).ok_or_else(|| failed("did not print UTF-8 text".into()))?;
    if secret.expose().is_empty() { Err(failed("printed nothing".into())) } else { Ok(secret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(secret: compose::Secret) -> Result<Option<Secret>> {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, content) in [("value", &b"from file\n"[..]), ("empty", b"\n"), ("binary", b"\xff")] {
            std::fs::write(dir.path().join(name), content).expect("written");
        }
        let variable = |name: &str| (name == "SET").then(|| "from env".to_owned());
        load("db", &secret, &Environment { variable: &variable, folder: dir.path() }).map_err(|error| {
            let folder = dir.path().display().to_string();
            let mut plain = Error::new(error.message.clone());
            plain.hint.clone_from(&error.hint);
            error.causes().iter().fold(plain, |plain, cause| plain.cause(cause.replace(&folder, "FOLDER")))
        })
    }

    fn environment(name: &str) -> compose::Secret {
        compose::Secret { environment: Some(name.into()), ..Default::default() }
    }

    fn command(words: &[&str]) -> compose::Secret {
        let command = words.iter().map(|word| (*word).to_owned()).collect();
        compose::Secret {
            extension: Some(compose::SecretExtension { command, ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn values_come_from_the_environment_files_and_commands() {
        let value = |secret| load_with(secret).expect("valid").expect("a value").expose().to_owned();
        assert_eq!(value(environment("SET")), "from env");
        assert_eq!(value(compose::Secret { file: Some("value".into()), ..Default::default() }), "from file");
        assert_eq!(value(command(&["echo", "from command"])), "from command");
        let generated = compose::SecretExtension { generate: Some(24), ..Default::default() };
        let generated = compose::Secret { extension: Some(generated), ..Default::default() };
        assert_eq!(load_with(generated).expect("valid"), None, "generated on the host");
    }

    #[test]
    fn a_missing_value_says_how_to_supply_it() {
        let file = |name: &str| compose::Secret { file: Some(name.into()), ..Default::default() };
        let sources = [
            environment("UNSET"),
            file("none"),
            file("empty"),
            file("binary"),
            command(&["false"]),
            command(&["true"]),
            command(&["no-such-program"]),
            compose::Secret::default(),
        ];
        let mut text = String::new();
        for source in sources {
            let error = load_with(source).expect_err("no value");
            let line = [vec![error.message.clone()], error.causes()].concat().join(": ");
            text += &format!("{line}\n    {}\n", error.hint.as_deref().unwrap_or_default());
        }
        insta::assert_snapshot!(text, @r"
        the secret `db` has no value: the environment variable `UNSET` is not set
            set the variable first: `export UNSET=…`
        the secret `db` cannot be read: `FOLDER/none`: No such file or directory (os error 2)
            write the value into that file, or name another file under `secrets:`
        the secret `db` cannot be read: `FOLDER/empty`: the file is empty
            write the value into that file, or name another file under `secrets:`
        the secret `db` cannot be read: `FOLDER/binary`: the file is not UTF-8 text
            write the value into that file, or name another file under `secrets:`
        the secret `db` cannot be read from its command: `false` failed with exit status: 1
            run the command yourself and correct it: its output must be the value
        the secret `db` cannot be read from its command: `true` printed nothing
            run the command yourself and correct it: its output must be the value
        the secret `db` cannot be read from its command: `no-such-program` cannot be run: No such file or directory (os error 2)
            run the command yourself and correct it: its output must be the value
        the secret `db` has no source
            add `env`, `file` or `command` to `db` under `secrets:`
        ");
    }
}
