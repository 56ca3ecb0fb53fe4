//! Logs: of a stack's services, merged as they come, and of one container.

mod reason;

use bollard::query_parameters::LogsOptions;
use futures_util::stream::{Stream, StreamExt, select_all};

use super::connect::Client;
use super::daemon_message;
use crate::error::{Error, Result, did_you_mean};
use crate::plan::Observed;
use crate::reason::without_colours;

use reason::is_trace;
pub use reason::{error_line, error_or_last_line};

/// Lines of log that a failure quotes.
const QUOTED: usize = 20;
/// Lines that are read when the last ones are a stack trace: that of each goroutine has some twenty.
const TRACED: usize = 5000;

#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Only these; empty: all.
    pub services: Vec<String>,
    pub follow: bool,
    /// The last lines of each service; `None`: all.
    pub tail: Option<usize>,
    /// Seconds since the epoch; 0: from the beginning.
    pub since: i32,
    pub timestamps: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub service: String,
    pub line: String,
}

/// Errors: a service that the stack does not have.
pub fn logs<'a>(
    client: &'a Client,
    observed: &Observed,
    options: &LogOptions,
) -> Result<impl Stream<Item = LogLine> + 'a + use<'a>> {
    let has = |name: &String| observed.containers.iter().any(|container| container.service == *name);
    if let Some(unknown) = options.services.iter().find(|name| !has(name)) {
        let known: Vec<&str> = observed.containers.iter().map(|container| container.service.as_str()).collect();
        let error = Error::new(format!("the stack has no service `{unknown}`"));
        return Err(match did_you_mean(unknown, known.iter().copied()) {
            Some(guess) => error.hint(format!("did you mean `{guess}`?")),
            None => error.hint(format!("the stack runs {}", known.join(", "))),
        });
    }
    let wanted = observed
        .containers
        .iter()
        .filter(|c| !c.parked && (options.services.is_empty() || options.services.contains(&c.service)));
    let streams = wanted.map(|container| {
        let query = LogsOptions {
            follow: options.follow,
            stdout: true,
            stderr: true,
            since: options.since,
            timestamps: options.timestamps,
            tail: options.tail.map_or_else(|| "all".into(), |tail| tail.to_string()),
            ..Default::default()
        };
        let service = container.service.clone();
        let stream = client.docker.logs(&container.id, Some(query));
        stream
            .flat_map(move |chunk| {
                let text = chunk.map_or_else(
                    |error| format!("(the log cannot be read: {})", daemon_message(&error)),
                    |chunk| chunk.to_string(),
                );
                let lines: Vec<LogLine> = text
                    .lines()
                    .map(|line| LogLine { service: service.clone(), line: line.trim_end().to_owned() })
                    .collect();
                futures_util::stream::iter(lines)
            })
            .boxed_local()
    });
    Ok(select_all(streams))
}

/// What one container logs from `since` on, line by line, in seconds since the epoch by the host's clock. The daemon is
/// asked at the first poll, so that "from now on" would miss lines.
pub fn follow<'a>(
    client: &'a Client,
    container: &str,
    since: i32,
) -> impl Stream<Item = String> + Unpin + 'a + use<'a> {
    let query = LogsOptions { follow: true, stdout: true, stderr: true, since, ..Default::default() };
    let chunks = client.docker.logs(container, Some(query));
    let lines = chunks.flat_map(|chunk| {
        let text = chunk.map(|chunk| chunk.to_string()).unwrap_or_default();
        futures_util::stream::iter(text.lines().map(str::to_owned).collect::<Vec<_>>())
    });
    lines.boxed_local()
}

/// The last lines of a container's log, without empty ones and without stack traces, which would push out the reason.
pub async fn last_lines(client: &Client, container: &str) -> Vec<String> {
    let mut lines = tail(client, container, QUOTED).await;
    if lines.iter().any(|line| is_trace(line)) {
        lines = tail(client, container, TRACED).await;
    }
    lines.retain(|line| !is_trace(line));
    lines.split_off(lines.len().saturating_sub(QUOTED))
}

async fn tail(client: &Client, container: &str, lines: usize) -> Vec<String> {
    let options = LogsOptions { stdout: true, stderr: true, tail: lines.to_string(), ..Default::default() };
    let mut chunks = Box::pin(client.docker.logs(container, Some(options)));
    let mut text = String::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        text.push_str(&chunk.to_string());
    }
    without_colours(&text).lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}
