//! Compose files as text: strict reading, deterministic writing.
//!
//! Compose interpolates `$VAR`; our bundles never use that. A literal `$` is written `$$`, as Compose wants it,
//! and typed data holds the plain `$`.

use serde_json::Value;

use super::types::File;
use crate::error::{Error, Result};
use crate::yaml::{self, Kind, Node};

/// Reads a Compose file. Errors name file, line and column: keys we do not deploy, interpolation, references to
/// what is not there, dependency cycles, ports published twice, values that cannot be read.
pub fn parse(name: &str, text: &str) -> Result<File> {
    let mut node = yaml::parse(name, text)?;
    unescape(&mut node)?;
    let file: File = node.decode()?;
    super::check::check(&file, &node)?;
    Ok(file)
}

fn unescape(node: &mut Node) -> Result<()> {
    let here = node.clone_place();
    match &mut node.kind {
        Kind::String(text) if text.contains('$') => {
            *text = unescape_text(text).map_err(|bad| here.interpolation(&bad))?
        }
        Kind::Sequence(items) => items.iter_mut().try_for_each(unescape)?,
        Kind::Mapping(entries) => entries.iter_mut().try_for_each(|(_, value)| unescape(value))?,
        _ => {}
    }
    Ok(())
}

/// `Err` holds the interpolation found.
fn unescape_text(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('$') {
            plain.push('$');
            rest = after;
        } else if after.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic()) {
            return Err(rest[at..].chars().take(24).collect());
        } else {
            plain.push('$');
            rest = after;
        }
    }
    plain.push_str(rest);
    Ok(plain)
}

/// A node's place without its content.
struct Here(Node);

impl Here {
    fn interpolation(&self, found: &str) -> Error {
        self.0
            .error(format!("variables of the environment are not read here: `{found}`"))
            .hint("write the value itself, or `$$` for a plain dollar sign")
    }
}

impl Node {
    fn clone_place(&self) -> Here {
        Here(Node { source: self.source.clone(), place: self.place, kind: Kind::Null })
    }
}

/// Writes the file under the comment lines of `header`. The same data gives the same bytes.
pub fn write(file: &File, header: &[&str]) -> Result<String> {
    let mut value =
        serde_json::to_value(file).map_err(|error| Error::new("the Compose file cannot be written").cause(error))?;
    escape(&mut value);
    let body = yaml::emit::emit(&value);
    let comments: String = header.iter().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
    Ok(comments + &body)
}

fn escape(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('$') => *text = text.replace('$', "$$"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(entries) => entries.iter_mut().for_each(|(_, value)| escape(value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_we_do_not_deploy_is_refused_with_its_place() {
        let error = parse("compose.yaml", "name: a\nservices:\n  web:\n    image: web:1\n    network_mode: host\n")
            .expect_err("refused");
        assert_eq!(error.message, "unknown key `network_mode`");
        assert_eq!(error.at.clone().expect("located").line, 5);
    }

    #[test]
    fn dollars_survive_writing_and_reading() {
        let text = "name: a\nservices:\n  web:\n    image: web:1\n    command: [\"a$$b ${\", \"$$$$1\"]\n";
        let error = parse("compose.yaml", text).expect_err("refused");
        assert!(error.message.contains("`${`"), "{}", error.message);
        let file = parse("compose.yaml", &text.replace(" ${", " $$")).expect("valid");
        assert_eq!(file.services["web"].command.as_deref(), Some(&["a$b $".to_owned(), "$$1".into()][..]));
        let again = parse("compose.yaml", &write(&file, &["x"]).expect("written")).expect("valid");
        assert_eq!(again, file);
    }

    #[test]
    fn what_compose_would_read_from_the_environment_is_refused() {
        for (text, read) in
            [("a$$b", "a$b"), ("100$", "100$"), ("$5 $ a", "$5 $ a"), ("plain", "plain"), ("$$$$", "$$")]
        {
            assert_eq!(unescape_text(text).as_deref(), Ok(read), "{text}");
        }
        for (text, found) in [("a $HOME b", "$HOME b"), ("${A:-x}", "${A:-x}"), ("$_", "$_"), ("$$$x", "$x")] {
            assert_eq!(unescape_text(text).as_deref(), Err(&found.to_owned()), "{text}");
        }
    }
}
