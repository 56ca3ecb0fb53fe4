//! Where values come from: the environment, files, commands.

use std::path::Path;

use super::Secret;
use crate::compose;
use crate::error::{Error, Result};

/// What a secret's source may need, passed in so that this stays testable.
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
                .hint(format!("set it before you run this: `export {variable}=…`"))
        });
    }
    let Some(file) = &secret.file else {
        return Err(Error::new(format!("the secret `{name}` has no source")).hint("give it `file` or `environment`"));
    };
    let path = environment.folder.join(file);
    let value = std::fs::read_to_string(&path).map_err(|error| {
        Error::new(format!("the secret `{name}` cannot be read"))
            .cause(format!("`{}`: {error}", path.display()))
            .hint("write the value into that file, or name another under `secrets:`")
    })?;
    let value = value.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err(
            Error::new(format!("the secret `{name}` is empty")).cause(format!("`{}` holds nothing", path.display()))
        );
    }
    Ok(Some(Secret::new(value)))
}

fn run(name: &str, command: &[String]) -> Result<Secret> {
    let failed = |cause: String| {
        Error::new(format!("the secret `{name}` cannot be had"))
            .cause(format!("`{}` {cause}", command.join(" ")))
            .hint("run the command yourself: its output must be the value")
    };
    let output = std::process::Command::new(&command[0])
        .args(&command[1..])
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed with {}", output.status)));
    }
    let value = String::from_utf8(output.stdout).map_err(|_| failed("did not print text".into()))?;
    match value.trim_end_matches(['\n', '\r']) {
        "" => Err(failed("printed nothing".into())),
        value => Ok(Secret::new(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(secret: compose::Secret) -> Result<Option<Secret>> {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("value"), "from file\n").expect("written");
        let variable = |name: &str| (name == "SET").then(|| "from env".to_owned());
        load("db", &secret, &Environment { variable: &variable, folder: dir.path() })
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
    }

    #[test]
    fn a_missing_value_says_how_to_supply_it() {
        let error = load_with(environment("UNSET")).expect_err("refused");
        assert_eq!(error.hint.as_deref(), Some("set it before you run this: `export UNSET=…`"));
        assert!(load_with(compose::Secret { file: Some("none".into()), ..Default::default() }).is_err());
        assert!(load_with(command(&["false"])).is_err());
    }
}
