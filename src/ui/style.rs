//! Colours, and what stands for a sign where only ASCII can be shown.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default();
pub const CHANGE: Style = AnsiColor::Yellow.on_default();
pub const DIM: Style = Style::new().dimmed();
pub const STRONG: Style = Style::new().bold();

/// `text` in `style`.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Without styles, for stderr, when it does not take colour.
pub fn for_stderr(text: &str) -> Cow<'_, str> {
    if anstream::AutoStream::choice(&std::io::stderr()) == anstream::ColorChoice::Never {
        Cow::Owned(anstream::adapter::strip_str(text).to_string())
    } else {
        Cow::Borrowed(text)
    }
}

/// Our own signs in ASCII, unless `unicode`. Other text stays: names are shown as the user wrote them.
pub fn fit(text: &str, unicode: bool) -> Cow<'_, str> {
    if unicode || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut fitted = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '✓' => fitted.push('v'),
            '✗' => fitted.push('x'),
            '±' => fitted.push('*'),
            '·' | '–' => fitted.push('-'),
            '→' => fitted.push_str("->"),
            '…' => fitted.push_str("..."),
            '›' => fitted.push('>'),
            '●' => fitted.push('*'),
            '◉' => fitted.push('x'),
            '○' => fitted.push('o'),
            '█' => fitted.push('#'),
            '░' => fitted.push('.'),
            other => fitted.push(other),
        }
    }
    Cow::Owned(fitted)
}

/// What POSIX says: the first of these that is set and not empty decides. `variable` reads the environment.
pub fn locale_is_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    if cfg!(windows) {
        return true;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_unicode_locale_our_signs_become_ascii() {
        assert_eq!(fit("✓ a → b …", false), "v a -> b ...");
        assert_eq!(fit("✓ a → b …", true), "✓ a → b …");
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let environment = |name: &str| match name {
            "LC_ALL" => Some(String::new()),
            "LC_CTYPE" => Some("C".to_owned()),
            _ => Some("en_GB.UTF-8".to_owned()),
        };
        assert!(cfg!(windows) || !locale_is_unicode(environment));
        assert!(locale_is_unicode(|_| Some("C.utf8".to_owned())));
    }
}
