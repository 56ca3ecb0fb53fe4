//! What the clients of the stack's HTTP APIs share.

use serde::de::DeserializeOwned;

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

/// Percent-encoding of all but what RFC 3986 leaves unreserved.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
