//! Logs: of a stack's services, merged as they come, and of one container.

use bollard::query_parameters::LogsOptions;
use futures_util::stream::{Stream, StreamExt, select_all};

use super::connect::Client;
use super::daemon_message;
use crate::error::{Error, Result, did_you_mean};
use crate::plan::Observed;

/// Lines of log that a failure quotes.
const QUOTED: usize = 20;

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

/// The last lines of a container's log, without empty ones.
pub async fn last_lines(client: &Client, container: &str) -> Vec<String> {
    let options = LogsOptions { stdout: true, stderr: true, tail: QUOTED.to_string(), ..Default::default() };
    let mut chunks = Box::pin(client.docker.logs(container, Some(options)));
    let mut text = String::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        text.push_str(&chunk.to_string());
    }
    text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The last line that reports an error, reduced to the error; failing that, the last line.
pub fn error_or_last_line(log: &[String]) -> Option<String> {
    error_line(log).or_else(|| log.last().cloned())
}

/// The last line that reports an error, reduced to the error where it is in logfmt.
pub fn error_line(log: &[String]) -> Option<String> {
    let line = log.iter().rev().find(|line| reports_error(line))?;
    Some(match line.find("err=") {
        Some(at) => logfmt_value(&line[at + 4..]),
        None => line.trim_matches('"').to_owned(),
    })
}

fn reports_error(line: &str) -> bool {
    let line = line.to_lowercase();
    ["err=", "error", "fatal", "panic", "cannot", "failed", "denied"].iter().any(|word| line.contains(word))
}

/// A value of a line in logfmt: up to its closing quote, with its escapes resolved, or up to the end.
fn logfmt_value(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"') else { return text.to_owned() };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(lines: &[&str]) -> Option<String> {
        error_or_last_line(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_line_that_reports_the_error_is_found() {
        let log = ["level=INFO msg=start", "level=ERROR msg=\"Loading failed\" err=\"unknown field\"", "bye"];
        assert_eq!(cause(&log).as_deref(), Some("unknown field"));
        assert_eq!(
            cause(&["level=ERROR err=\"pq: no role \\\"x\\\"\" dsn=secret"]).as_deref(),
            Some("pq: no role \"x\"")
        );
        assert_eq!(cause(&["permission denied", "goodbye"]).as_deref(), Some("permission denied"));
        assert_eq!(cause(&["cannot read a", "cannot read b", "bye"]).as_deref(), Some("cannot read b"));
    }

    #[test]
    fn without_an_error_the_last_line_is_the_cause_and_without_lines_there_is_none() {
        assert_eq!(cause(&["starting", "bye"]).as_deref(), Some("bye"));
        assert_eq!(error_line(&["bye".to_owned()]), None);
        assert_eq!(cause(&[]), None);
    }
}
