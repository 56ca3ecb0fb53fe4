//! `wget` inside the very container that is asked: no more than GET, and no status but success.

use std::time::Duration;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::{Answer, Client, Method, Request, TOO_LONG, TransportError};
use crate::docker::said;

pub(super) async fn ask(
    client: &Client,
    container: &str,
    port: u16,
    request: &Request,
    patience: Duration,
) -> Result<Answer, TransportError> {
    let asked = exchange(client, container, port, request);
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| Err(TransportError::NoAnswer(TOO_LONG.into())))
}

async fn exchange(client: &Client, container: &str, port: u16, request: &Request) -> Result<Answer, TransportError> {
    if request.method != Method::Get || !request.headers.is_empty() {
        return Err(TransportError::NoWay);
    }
    let silent = |error: bollard::errors::Error| {
        let why = said(&error);
        if why.contains("executable file not found") { TransportError::NoWay } else { TransportError::NoAnswer(why) }
    };
    let url = format!("http://127.0.0.1:{port}{}", request.path);
    let command = ["wget", "-q", "-O", "-", "-T", "3", &url].map(str::to_owned).to_vec();
    let config =
        ExecConfig { cmd: Some(command), attach_stdout: Some(true), attach_stderr: Some(true), ..Default::default() };
    let exec = client.docker.create_exec(container, config).await.map_err(silent)?;
    let started = client.docker.start_exec(&exec.id, None::<StartExecOptions>).await.map_err(silent)?;
    let mut body = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = started {
        while let Some(Ok(chunk)) = output.next().await {
            body.extend_from_slice(&chunk.into_bytes());
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    match client.docker.inspect_exec(&exec.id).await.map_err(silent)?.exit_code {
        Some(0) => Ok(Answer { status: 200, body }),
        // What a shell and the runtime say when there is no such program, or it cannot be run.
        Some(126 | 127) => Err(TransportError::NoWay),
        _ => Err(TransportError::NoAnswer(body.trim().to_owned())),
    }
}
