//! What the clients of the stack's HTTP APIs share.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::docker::TransportError;

/// Why a question was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// `None`: there was no answer at all.
    pub status: Option<u16>,
    /// One line, in the other side's words where it has any.
    pub said: String,
}

impl ApiError {
    pub fn transport(silence: TransportError) -> Self {
        Self { status: None, said: silence.to_string() }
    }

    pub fn said(said: impl Into<String>) -> Self {
        Self { status: None, said: said.into() }
    }

    pub fn status(status: u16, body: &str) -> Self {
        let first = body.trim().lines().next().unwrap_or_default();
        let said =
            if first.is_empty() { format!("it answers {status}") } else { format!("it answers {status}: {first}") };
        Self { status: Some(status), said }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.said)
    }
}

pub fn json<T: DeserializeOwned>(body: &str) -> Result<T, ApiError> {
    serde_json::from_str(body)
        .map_err(|error| ApiError::said(format!("it answers with other data than it should: {error}")))
}

/// A path with a query: `/api/v1/query?query=up`.
pub fn with_query(path: &str, fields: &[(&str, &str)]) -> String {
    format!("{path}?{}", form(fields))
}

/// Fields as a query or a form's body has them.
pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// One part of a path: nothing in it can lead to another path.
pub fn path_segment(text: &str) -> String {
    /// All but what RFC 3986 leaves unreserved.
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_ends_its_field_or_its_part_of_the_path() {
        let path = with_query("/q", &[("query", "a{b=\"c&d\"} + 1"), ("match[]", "up")]);
        assert_eq!(path, "/q?query=a%7Bb%3D%22c%26d%22%7D+%2B+1&match%5B%5D=up");
        assert_eq!(path_segment("a-b.c/../?d e"), "a-b.c%2F..%2F%3Fd%20e");
    }
}
