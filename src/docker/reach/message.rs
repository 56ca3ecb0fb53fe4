//! Requests, responses, and why there is none.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    #[default]
    Get,
    Post,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One request. Headers may hold a password; they never reach a command line.
#[derive(Clone, Default)]
pub struct Request {
    pub method: Method,
    /// With its query: `/api/v1/query?query=up`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    pub fn post(path: impl Into<String>, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { method: Method::Post, path: path.into(), headers, body: body.into() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

impl Response {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// There is a route, and nobody answers on it (yet).
    NoAnswer(String),
    /// This machine has no route to its network, and no container of the stack can send the request for us.
    Unreachable,
}

impl TransportError {
    pub fn timed_out() -> Self {
        Self::NoAnswer("no answer in time".into())
    }

    /// The host answered that nobody listens on the port.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::NoAnswer(why) if why.contains("refused"))
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) => f.write_str(why),
            Self::Unreachable => f.write_str("it is unreachable from here"),
        }
    }
}

impl std::error::Error for TransportError {}
