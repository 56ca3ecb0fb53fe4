//! A connection into the stack's network through `nc` in one of its containers.
//!
//! It works on any host that the daemon's API reaches, shows every status and body, and leaves nothing of the question on
//! a command line. The question is HTTP/1.0, so that the answer comes whole and ends with the connection.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::{Answer, Client, Request, TOO_LONG, TransportError};
use crate::docker::said;

/// No answer that we ask for is larger, in bytes.
const LARGEST: usize = 64_000_000;
/// A head that is longer is none.
const HEAD: usize = 65_536;

/// Where the tunnel leads, as the helper's network names it.
pub(super) struct To<'a> {
    pub host: &'a str,
    pub port: u16,
}

pub(super) async fn ask(
    client: &Client,
    helper: &str,
    to: &To<'_>,
    request: &Request,
    patience: Duration,
) -> Result<Answer, TransportError> {
    if !is_one_line(request) {
        return Err(TransportError::NoAnswer("the question cannot be written as one line of HTTP".into()));
    }
    let asked = exchange(client, helper, to, request, patience);
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| Err(TransportError::NoAnswer(TOO_LONG.into())))
}

/// A break of line in a path or header would begin another question, with our login behind it.
fn is_one_line(request: &Request) -> bool {
    let plain = |text: &str| !text.chars().any(char::is_control);
    let path = plain(&request.path) && !request.path.contains(' ');
    path && request.headers.iter().all(|(name, value)| plain(name) && plain(value))
}

async fn exchange(
    client: &Client,
    helper: &str,
    to: &To<'_>,
    request: &Request,
    patience: Duration,
) -> Result<Answer, TransportError> {
    let silent = |error: bollard::errors::Error| TransportError::NoAnswer(said(&error));
    // `nc` would wait for a silent server long after we have gone.
    let seconds = (patience.as_secs() + 1).to_string();
    let command = ["timeout", &seconds, "nc", to.host, &to.port.to_string()].map(str::to_owned).to_vec();
    let config = ExecConfig {
        cmd: Some(command),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let exec = client.docker.create_exec(helper, config).await.map_err(silent)?;
    let started = client.docker.start_exec(&exec.id, None::<StartExecOptions>).await.map_err(silent)?;
    let StartExecResults::Attached { mut output, mut input } = started else { return Err(TransportError::NoWay) };
    let (mut answer, mut complaint) = (Vec::new(), String::new());
    // A closed pipe shows in what `nc` complains of.
    if input.write_all(&written(to, request)).await.is_ok() {
        drop(input.flush().await);
    }
    while let Some(Ok(chunk)) = output.next().await {
        match chunk {
            LogOutput::StdErr { message } => complaint.push_str(&String::from_utf8_lossy(&message)),
            other => answer.extend_from_slice(&other.into_bytes()),
        }
        if answer.len() > LARGEST {
            return Err(TransportError::NoAnswer(format!("it answers with more than {} MB", LARGEST / 1_000_000)));
        }
        if is_whole(&answer) {
            break;
        }
    }
    match parsed(&answer) {
        Some(answer) => Ok(answer),
        None => Err(silence(client, &exec.id, &answer, &complaint).await),
    }
}

fn written(to: &To<'_>, request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.0\r\nHost: {}:{}\r\n", request.method.name(), request.path, to.host, to.port);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}

/// Head and rest of an answer.
fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer[..answer.len().min(HEAD)].windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

/// Is all there that the head promises? Without a length, the end of the connection says it.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else { return false };
    let length = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    length.is_some_and(|length| body.len() >= length)
}

fn parsed(answer: &[u8]) -> Option<Answer> {
    let (head, body) = split(answer)?;
    let status = head.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: String::from_utf8_lossy(body).into_owned() })
}

/// Why no answer came, in the words that other clients use.
async fn silence(client: &Client, exec: &str, answer: &[u8], complaint: &str) -> TransportError {
    let code = client.docker.inspect_exec(exec).await.ok().and_then(|exec| exec.exit_code);
    let text = format!("{complaint}{}", String::from_utf8_lossy(answer));
    let lower = text.to_lowercase();
    // The runtime says 126 or 127 when there is no such program, or none that can be run.
    if matches!(code, Some(126 | 127))
        || lower.contains("executable file not found")
        || lower.contains("applet not found")
    {
        return TransportError::NoWay;
    }
    TransportError::NoAnswer(if lower.contains("bad address") || lower.contains("resol") {
        "no such host".into()
    } else if lower.contains("refused") {
        "connection refused".into()
    } else if lower.contains("unreachable") {
        "no route to host".into()
    } else if !answer.is_empty() {
        "it does not answer in HTTP".into()
    } else if complaint.trim().is_empty() {
        "it closed the connection without an answer".into()
    } else {
        complaint.trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_status_and_body_and_nonsense_is_none() {
        let text = b"HTTP/1.0 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
        assert!(is_whole(text));
        assert!(!is_whole(&text[..text.len() - 1]));
        assert_eq!(parsed(text), Some(Answer { status: 401, body: "no".into() }));
        assert_eq!(parsed(b"-ERR unknown command 'GET'\r\n"), None);
    }

    #[test]
    fn a_question_that_would_begin_another_is_refused() {
        assert!(is_one_line(&Request::get("/api/v1/query?query=up")));
        assert!(!is_one_line(&Request::get("/a HTTP/1.0\r\n\r\nDELETE /b")));
        assert!(!is_one_line(&Request::get("/a").header("X", "1\r\nY: 2")));
    }

    #[test]
    fn a_question_is_written_with_its_length_and_without_more() {
        let request = Request::post("/x", "text/plain", "abc");
        let text = String::from_utf8(written(&To { host: "grafana", port: 3000 }, &request)).expect("text");
        assert_eq!(
            text,
            "POST /x HTTP/1.0\r\nHost: grafana:3000\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        );
    }
}
