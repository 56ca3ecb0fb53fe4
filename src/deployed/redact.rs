//! Other programs' text, fit to be shown: without secrets, logins and control characters.

use regex_lite::Regex;

/// Shorter secrets would make holes in every text.
const SHORTEST: usize = 4;
/// Parts of a URL that are at least this long may be the secret in it.
const LONG: usize = 8;

/// The secret itself; of a file that was made from one, that one; of a URL, what follows its host: error messages
/// repeat parts of it.
pub fn secret_parts(secret: &str) -> Vec<String> {
    let made_from = crate::secrets::within(secret).into_iter();
    let path = secret.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let pieces = path.into_iter().flat_map(|path| path.split(['/', '?', '&', '=']));
    let long = pieces.filter(|piece| piece.len() >= LONG).map(str::to_owned);
    [secret.to_owned()].into_iter().chain(made_from).chain(path.map(str::to_owned)).chain(long).collect()
}

/// The text without the secrets, which are values and parts of them.
pub fn redact(text: &str, secrets: &[String]) -> String {
    let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
    let text = long.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"));
    // Constant patterns, compiled in the tests; without them nothing is shown.
    let (Ok(login), Ok(password)) =
        (Regex::new(r#"://[^\s"]*@"#), Regex::new(r#"(?i)(pass(?:word|wd)?|token)=[^\s"&]+"#))
    else {
        return String::new();
    };
    let text = login.replace_all(&text, "://");
    let text = password.replace_all(&text, "$1=…");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_address_is_left_out_in_whole_and_in_part() {
        let secrets = secret_parts("https://hooks.example.com/services/T000/B00000000/abcdefghijkl");
        for text in ["at services/T000/B00000000/abcdefghijkl", "no abcdefghijkl", "B00000000: gone"] {
            let shown = redact(text, &secrets);
            assert!(!shown.contains("abcdefghijkl") && !shown.contains("B0000"), "{shown}");
        }
        assert_eq!(redact("401 for x", &secret_parts("x")), "401 for x");
    }

    #[test]
    fn a_password_within_a_file_is_left_out() {
        let text = "it sent 'a b:c'";
        for file in [r"*:*:*:*:a b\:c", r#"{"redis://cache:6379":"a b:c"}"#] {
            assert_eq!(redact(text, &secret_parts(file)), "it sent '…'", "{file}");
        }
    }

    #[test]
    fn logins_and_escape_sequences_are_not_shown() {
        let redacted = |text: &str| redact(text, &[]);
        assert_eq!(redacted("cannot open postgres://u:p/ss@w@db:5432/x"), "cannot open postgres://db:5432/x");
        assert_eq!(redacted("dsn: host=db password=hunter2 user=u"), "dsn: host=db password=… user=u");
        assert_eq!(redacted("a\u{1b}[31mb"), "a [31mb");
    }
}
