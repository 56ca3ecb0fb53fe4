//! Words of others, fit to be shown: without secrets, logins and control characters.

use regex_lite::Regex;

/// Shorter secrets would make holes in every text.
const SHORTEST: usize = 4;
/// Pieces of an address at least this long may be what is secret in it.
const LONG: usize = 8;

/// The secret, and of an address what follows its host: others may repeat no more than that.
pub fn parts(secret: &str) -> Vec<String> {
    let path = secret.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let pieces = path.into_iter().flat_map(|path| path.split(['/', '?', '&', '=']));
    let long = pieces.filter(|piece| piece.len() >= LONG).map(str::to_owned);
    [secret.to_owned()].into_iter().chain(path.map(str::to_owned)).chain(long).collect()
}

/// The text as it may be shown; `secrets` are values and parts of them.
pub fn shown(text: &str, secrets: &[String]) -> String {
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
        let secrets = parts("https://hooks.example.com/services/T000/B00000000/abcdefghijkl");
        for text in ["at services/T000/B00000000/abcdefghijkl", "no abcdefghijkl", "B00000000: gone"] {
            let shown = shown(text, &secrets);
            assert!(!shown.contains("abcdefghijkl") && !shown.contains("B0000"), "{shown}");
        }
        assert_eq!(shown("401 for x", &parts("x")), "401 for x");
    }

    #[test]
    fn logins_and_escape_sequences_are_not_shown() {
        let of = |text: &str| shown(text, &[]);
        assert_eq!(of("cannot open postgres://u:p/ss@w@db:5432/x"), "cannot open postgres://db:5432/x");
        assert_eq!(of("dsn: host=db password=hunter2 user=u"), "dsn: host=db password=… user=u");
        assert_eq!(of("a\u{1b}[31mb"), "a [31mb");
    }
}
