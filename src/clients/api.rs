//! What the clients of the stack's HTTP APIs share.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::clients::exposition::Exposition;
use crate::docker::{Response, TransportError};

/// No more characters of an answer than this are repeated in an error.
const LONGEST: usize = 200;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// `None`: there was no answer, or one that cannot be read.
    pub status: Option<u16>,
    /// One line, in the service's own words where it has any.
    pub message: String,
}

impl ApiError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { status: None, message: message.into() }
    }

    pub fn transport(error: TransportError) -> Self {
        Self::new(error.to_string())
    }

    /// `HTTP 500: out of order`; a page of HTML says nothing worth repeating.
    pub fn status(status: u16, body: &str) -> Self {
        let line = body.trim().lines().next().unwrap_or_default();
        let line: String = line.chars().take(LONGEST).collect();
        let message =
            if line.is_empty() || is_html(body) { format!("HTTP {status}") } else { format!("HTTP {status}: {line}") };
        Self { status: Some(status), message }
    }
}

impl std::error::Error for ApiError {}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

pub fn json<T: DeserializeOwned>(body: &str) -> Result<T, ApiError> {
    serde_json::from_str(body).map_err(|error| match is_html(body) {
        true => html(),
        false => unexpected(&error),
    })
}

/// The answer is JSON of another shape than expected.
pub fn unexpected(error: &serde_json::Error) -> ApiError {
    ApiError::new(format!("the answer is not the expected JSON: {error}"))
}

/// What a service answers at `/metrics`.
pub fn metrics(answer: &Response) -> Result<Exposition, ApiError> {
    match answer.is_success() {
        true if is_html(&answer.body) => Err(html()),
        true => Ok(Exposition::read(&answer.body)),
        false => Err(ApiError::status(answer.status, &answer.body)),
    }
}

/// Another server listens there: a proxy, or a page to log in at.
fn html() -> ApiError {
    ApiError::new("the answer is an HTML page, so another server may listen at this address")
}

fn is_html(body: &str) -> bool {
    body.trim_start().starts_with('<')
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
    fn a_refusal_is_one_short_line() {
        let message = |status: u16, body: &str| ApiError::status(status, body).message;
        assert_eq!(message(500, "\nout of order\nat main.go:1\n"), "HTTP 500: out of order");
        assert_eq!(message(404, " "), "HTTP 404");
        assert_eq!(message(502, "<html>\n<title>Bad Gateway"), "HTTP 502");
        assert_eq!(message(500, &"é".repeat(5000)).chars().count(), "HTTP 500: ".len() + LONGEST);
    }

    #[test]
    fn nothing_in_a_value_ends_its_field_or_its_part_of_the_path() {
        let path = with_query("/q", &[("query", "a{b=\"c&d\"} + 1"), ("match[]", "up")]);
        assert_eq!(path, "/q?query=a%7Bb%3D%22c%26d%22%7D+%2B+1&match%5B%5D=up");
        assert_eq!(path_segment("a-b.c/../?d e"), "a-b.c%2F..%2F%3Fd%20e");
    }
}
