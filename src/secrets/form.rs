//! Files that are made from a secret, in the form that their reader expects.

use super::Secret;
use crate::compose::SecretExtension;

/// A line of a `pgpass` file for any host, port, database and user.
/// <https://www.postgresql.org/docs/current/libpq-pgpass.html>
const ANY_SERVER: &str = "*:*:*:*:";

impl Secret {
    /// As `extension` says.
    pub fn written(&self, extension: &SecretExtension) -> Secret {
        match &extension.json_key {
            Some(key) => Secret::new(serde_json::json!({key: self.expose()}).to_string()),
            None if extension.pgpass => {
                Secret::new(format!("{ANY_SERVER}{}", self.expose().replace('\\', r"\\").replace(':', r"\:")))
            }
            None => self.clone(),
        }
    }
}

/// The secrets that a file was made from.
pub fn within(file: &str) -> Vec<String> {
    if let Some(escaped) = file.strip_prefix(ANY_SERVER) {
        return vec![escaped.replace(r"\:", ":").replace(r"\\", "\\")];
    }
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(file) else { return Vec::new() };
    object.values().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The password was tried with PostgreSQL 18 and its exporter 0.19.
    #[test]
    fn a_file_holds_its_secret_whatever_characters_it_has() {
        let password = Secret::new(r#" a:b\c "d" "#);
        let pgpass = SecretExtension { pgpass: true, ..SecretExtension::default() };
        let json = SecretExtension { json_key: Some("redis://x".into()), ..SecretExtension::default() };
        assert_eq!(password.written(&pgpass).expose(), r#"*:*:*:*: a\:b\\c "d" "#);
        for extension in [pgpass, json] {
            assert_eq!(within(password.written(&extension).expose()), [password.expose()]);
        }
        assert_eq!(password.written(&SecretExtension::default()), password);
        assert!(within("plain").is_empty());
    }
}
