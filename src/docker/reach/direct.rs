//! A plain HTTP request to an address that this machine reaches.

use std::time::Duration;

use super::{Method, Request, Response, TransportError};

pub(super) async fn send(
    http: &reqwest::Client,
    base: &str,
    request: &Request,
    timeout: Duration,
) -> Result<Response, TransportError> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut outgoing = http.request(method, format!("{base}{}", request.path)).timeout(timeout);
    for (name, value) in &request.headers {
        outgoing = outgoing.header(name, value);
    }
    if !request.body.is_empty() {
        outgoing = outgoing.body(request.body.clone());
    }
    let response = outgoing.send().await.map_err(transport_error)?;
    let status = response.status().as_u16();
    let body = Vec::from(response.bytes().await.map_err(cut_short)?);
    // Valid UTF-8 stays where it is: a body may be megabytes.
    let body = String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Response { status, body })
}

/// The innermost cause says it best: `connection refused`.
fn transport_error(error: reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::timed_out();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    TransportError::NoAnswer(cause.to_string().to_lowercase())
}

fn cut_short(error: reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::timed_out();
    }
    TransportError::NoAnswer("the connection closed in the middle of the answer".into())
}
