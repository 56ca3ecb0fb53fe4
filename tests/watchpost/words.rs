//! The worst words stay out of what is printed.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// Words and phrases that readers stumble over, and what to write instead.
const WORST: [(&str, &str); 8] = [
    ("mend", "fix"),
    ("whom", "who"),
    ("` is no ", "is not a valid …"),
    ("takes none", "rejects"),
    ("sprung", "found"),
    ("cannot be had", "cannot be pulled, cannot be read"),
    ("made anew", "recreated"),
    ("told", "notified, reported"),
];

/// The words of a text that stand in the list; a word counts only as a whole.
fn worst_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    // Where the phrase begins or ends in a letter, a word does.
    let whole = |at: usize, word: &str| {
        let begins = !letter(word.chars().next()) || !letter(text[..at].chars().next_back());
        begins && (!letter(word.chars().next_back()) || !letter(text[at + word.len()..].chars().next()))
    };
    let stands = |word: &str| text.match_indices(word).any(|(at, _)| whole(at, word));
    WORST.iter().map(|(word, _)| *word).filter(|word| stands(word)).collect()
}

/// Every string literal of some code, and the doc comments where they are help; test modules are left out.
fn texts(tokens: TokenStream, docs: bool, found: &mut Vec<(usize, String)>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    found.push((literal.span().start().line, text));
                }
            }
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                // `#![…]` of the file itself.
                if matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') {
                    tokens.next();
                }
                let Some(TokenTree::Group(attribute)) = tokens.peek() else { continue };
                let attribute = attribute.stream().to_string();
                if attribute == "cfg (test)" {
                    skip_item(&mut tokens);
                } else if attribute.starts_with("doc") && !docs {
                    tokens.next();
                }
            }
            TokenTree::Group(group) => texts(group.stream(), docs, found),
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Passes over the item behind an attribute: up to its braces or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => return,
            TokenTree::Punct(mark) if mark.as_char() == ';' => return,
            _ => {}
        }
    }
}

fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files(&entry, extensions, found);
        } else if entry.extension().is_some_and(|end| extensions.iter().any(|wanted| end == *wanted)) {
            found.push(entry);
        }
    }
}

#[test]
fn the_worst_words_are_in_no_printed_text() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut code, mut catalog) = (Vec::new(), Vec::new());
    files(&root.join("src"), &["rs"], &mut code);
    files(&root.join("templates"), &["yaml", "yml", "json"], &mut catalog);
    let mut wrong = Vec::new();
    for path in code.iter().filter(|path| !path.ends_with("tests.rs") && !path.ends_with("scenarios.rs")) {
        let text = std::fs::read_to_string(path).expect("UTF-8");
        let mut found = Vec::new();
        texts(text.parse().expect("Rust"), path.starts_with(root.join("src/cli")), &mut found);
        for (line, text) in found {
            wrong.extend(worst_in(&text).into_iter().map(|word| format!("{}:{line}: `{word}`", path.display())));
        }
    }
    for path in catalog {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for (line, text) in text.lines().enumerate() {
            wrong.extend(worst_in(text).into_iter().map(|word| format!("{}:{}: `{word}`", path.display(), line + 1)));
        }
    }
    assert!(wrong.is_empty(), "{}\ninstead: {WORST:?}", wrong.join("\n"));
}

#[test]
fn a_word_counts_as_a_whole_and_tests_and_comments_do_not() {
    assert_eq!(worst_in("Whom it reaches is TOLD"), ["whom", "told"]);
    assert_eq!(worst_in("recommended, untold"), Vec::<&str>::new());
    assert_eq!(worst_in("`x` is no duration, and there is no `y`"), ["` is no "]);
    let code = "/// told\nfn f() { g(\"told\"); }\n#[cfg(test)]\nmod tests { const A: &str = \"told\"; }\nconst B: &str = \"told\";";
    let lines = |docs| {
        let mut found = Vec::new();
        texts(code.parse().expect("Rust"), docs, &mut found);
        found.into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    };
    assert_eq!((lines(false), lines(true)), (vec![2, 5], vec![1, 2, 5]));
}
