//! The logs of a stack's services, merged as they come.

use bollard::query_parameters::LogsOptions;
use futures_util::stream::{Stream, StreamExt, select_all};

use super::connect::Client;
use super::said;
use crate::error::{Error, Result, did_you_mean};
use crate::plan::Observed;

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
        let error = Error::new(format!("there is no service `{unknown}`"));
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
                    |error| format!("(the log cannot be read: {})", said(&error)),
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

/// What one container logs from now on, line by line.
pub fn coming<'a>(client: &'a Client, container: &str) -> impl Stream<Item = String> + Unpin + 'a + use<'a> {
    let query = LogsOptions { follow: true, stdout: true, stderr: true, tail: "0".into(), ..Default::default() };
    let chunks = client.docker.logs(container, Some(query));
    let lines = chunks.flat_map(|chunk| {
        let text = chunk.map(|chunk| chunk.to_string()).unwrap_or_default();
        futures_util::stream::iter(text.lines().map(str::to_owned).collect::<Vec<_>>())
    });
    lines.boxed_local()
}
