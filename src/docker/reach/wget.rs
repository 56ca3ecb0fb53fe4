//! `wget` inside the container that is asked: GET without headers, and no status but success.

use std::time::Duration;

use super::{Client, Method, Request, Response, TransportError};
use crate::docker::exec::{ExecError, exec};

pub(super) async fn send(
    client: &Client,
    container: &str,
    port: u16,
    request: &Request,
    timeout: Duration,
) -> Result<Response, TransportError> {
    if request.method != Method::Get || !request.headers.is_empty() {
        return Err(TransportError::Unreachable);
    }
    let url = format!("http://127.0.0.1:{port}{}", request.path);
    let command = ["wget", "-q", "-O", "-", "-T", "3", &url];
    let running = exec(client, container, &command, b"", |_, _| false);
    let output = tokio::time::timeout(timeout, running).await.map_err(|_| TransportError::timed_out())?;
    let output = output.map_err(|error| match error {
        ExecError::NoSuchProgram => TransportError::Unreachable,
        ExecError::Daemon(message) => TransportError::NoAnswer(message),
    })?;
    let body = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.exit_code {
        Some(0) => Ok(Response { status: 200, body }),
        _ => Err(TransportError::NoAnswer(format!("{body}{}", output.stderr).trim().to_owned())),
    }
}
