//! Bounds on input: how much of a file is read, and how much of it an error quotes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Error, Read, Result};
use std::path::Path;

/// `watchpost.yaml`, answers of the wizard, a file of a component.
pub const SPEC: usize = 1 << 20;
/// A file of rules or a dashboard.
pub const CONTENT: usize = 10 << 20;
/// All files under `rules:` or `dashboards:` together.
pub const ALL_CONTENT: usize = 64 << 20;
/// A secret's value.
pub const SECRET: usize = 64 << 10;

/// Characters of somebody's text that an error quotes.
pub const QUOTED: usize = 160;

/// The bytes of a file or a pipe, no more than `most`.
///
/// Errors: the file cannot be read, is larger, or is neither file nor pipe.
pub fn bytes(path: &Path, most: usize) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(Error::other("this is a folder, not a file"));
    }
    if meta.len() > most as u64 {
        let found = format!("the file has {}", size(meta.len()));
        return Err(Error::other(format!("{found}; at most {} is allowed", size(most as u64))));
    }
    // Sized ahead: a buffer that grows would leave copies of secrets behind.
    read(file, Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1), most)
}

/// The same from anything that can be read.
pub fn bytes_of(input: impl Read, most: usize) -> Result<Vec<u8>> {
    read(input, Vec::new(), most)
}

fn read(input: impl Read, mut bytes: Vec<u8>, most: usize) -> Result<Vec<u8>> {
    input.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(Error::other(format!("there is more than {}, which is the most allowed", size(most as u64))));
    }
    Ok(bytes)
}

/// The text of a file, no more than `most` bytes. Errors: those of `bytes` and of `decoded`.
pub fn text(path: &Path, most: usize) -> Result<String> {
    decoded(bytes(path, most)?)
}

/// Bytes as text. Errors: UTF-16, which editors on Windows write, and what is not UTF-8 either.
pub fn decoded(bytes: Vec<u8>) -> Result<String> {
    if let Some(encoding) = utf16(&bytes) {
        return Err(Error::other(format!("the file is encoded in {encoding}; save it as UTF-8")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::other(format!("line {line} is not valid UTF-8; save the file as UTF-8"))
    })
}

/// By its byte order mark; without one, by the zero in each of the first two pairs.
fn utf16(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] => Some("UTF-16 (little endian)"),
        [0xfe, 0xff, ..] => Some("UTF-16 (big endian)"),
        [a, 0, b, 0, ..] if *a > 0 && *b > 0 => Some("UTF-16 (little endian)"),
        [0, a, 0, b, ..] if *a > 0 && *b > 0 => Some("UTF-16 (big endian)"),
        _ => None,
    }
}

/// `512 B`, `50 MB`: by 1,024, as limits of memory are written.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} kB", bytes / 1024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}

/// A text as an error quotes it: the beginning of a long one.
pub fn cut(text: &str) -> Cow<'_, str> {
    cut_to(text, QUOTED)
}

/// The first `most` characters, and `…` for the rest.
pub fn cut_to(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// A message in which every long text between backticks is cut.
pub fn cut_quotes(message: String) -> String {
    if message.len() <= QUOTED {
        return message;
    }
    let parts = message.split('`').enumerate();
    let parts = parts.map(|(index, part)| if index % 2 == 1 { cut(part) } else { Cow::Borrowed(part) });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_past_its_bound_is_named_with_both_sizes_and_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("big.yml");
        // Sparse: nothing is written.
        File::create(&path).and_then(|file| file.set_len(50 << 20)).expect("made");
        let error = bytes(&path, CONTENT).expect_err("refused");
        assert_eq!(error.to_string(), "the file has 50 MB; at most 10 MB is allowed");
        let error = bytes_of(std::io::repeat(b'x'), 2048).expect_err("refused");
        assert_eq!(error.to_string(), "there is more than 2 kB, which is the most allowed");
        assert_eq!(bytes_of(&b"abc"[..], 3).expect("read"), b"abc");
        assert!(bytes(folder.path(), 10).expect_err("refused").to_string().starts_with("this is a folder"));
    }

    #[test]
    fn encodings_are_named() {
        let why = |bytes: &[u8]| decoded(bytes.to_vec()).expect_err("refused").to_string();
        for little in [&b"\xff\xfea\0"[..], b"a\0b\0"] {
            assert_eq!(why(little), "the file is encoded in UTF-16 (little endian); save it as UTF-8");
        }
        assert_eq!(why(b"\0a\0b"), "the file is encoded in UTF-16 (big endian); save it as UTF-8");
        assert_eq!(why(b"a\nb\n\xe9"), "line 3 is not valid UTF-8; save the file as UTF-8");
        assert_eq!(decoded("ä".into()).expect("text"), "ä");
    }

    #[test]
    fn what_is_quoted_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut_to("äöüß", 2), "äö…");
        assert_eq!(cut_to("äöüß", 4), "äöüß");
        let message = format!("`{}` is not a name, {}", "ß".repeat(1000), "and so on ".repeat(50));
        let expected = format!("`{}…` is not a name, {}", "ß".repeat(QUOTED), "and so on ".repeat(50));
        assert_eq!(cut_quotes(message), expected);
        assert_eq!(cut(&"ß".repeat(1_000_000)).chars().count(), QUOTED + 1);
    }
}
