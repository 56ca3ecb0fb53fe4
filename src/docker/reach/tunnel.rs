//! A connection into the stack's network through `nc` in one of its containers.
//!
//! It works on any host that the daemon's API reaches, shows every status and body, and leaves nothing of the request on
//! a command line. The request is HTTP/1.0, so that the response comes whole and ends with the connection.

use std::time::Duration;

use super::{Client, Request, Response, TransportError};
use crate::docker::exec::{ExecError, Output, exec};

/// No response that we ask for is larger, in bytes.
const LARGEST: usize = 64_000_000;
/// Bytes in which the head of a response must end.
const HEAD: usize = 65_536;

/// Where the tunnel leads, as the helper's network names it.
pub(super) struct Target<'a> {
    pub host: &'a str,
    pub port: u16,
}

pub(super) async fn send(
    client: &Client,
    helper: &str,
    target: &Target<'_>,
    request: &Request,
    timeout: Duration,
) -> Result<Response, TransportError> {
    if !is_one_line(request) {
        return Err(TransportError::NoAnswer("the request has control characters in its path or headers".into()));
    }
    // `nc` would wait for a silent server long after we have gone.
    let seconds = (timeout.as_secs() + 1).to_string();
    let command = ["timeout", &seconds, "nc", target.host, &target.port.to_string()];
    let written = written(target, request);
    let enough = |answer: &[u8], ended: bool| answer.len() > LARGEST || is_enough(answer, ended);
    let running = exec(client, helper, &command, &written, enough);
    let output = tokio::time::timeout(timeout, running).await.map_err(|_| TransportError::timed_out())?;
    let output = output.map_err(|error| match error {
        ExecError::NoSuchProgram => TransportError::Unreachable,
        ExecError::Daemon(message) => TransportError::NoAnswer(message),
    })?;
    if output.stdout.len() > LARGEST {
        return Err(TransportError::NoAnswer(format!("it answers with more than {} MB", LARGEST / 1_000_000)));
    }
    parsed(&output.stdout).ok_or_else(|| TransportError::NoAnswer(why_no_response(&output)))
}

/// A line break in a path or header would begin another request, with our login behind it.
fn is_one_line(request: &Request) -> bool {
    let plain = |text: &str| !text.chars().any(char::is_control);
    let path = plain(&request.path) && !request.path.contains(' ');
    path && request.headers.iter().all(|(name, value)| plain(name) && plain(value))
}

fn written(target: &Target<'_>, request: &Request) -> Vec<u8> {
    let mut text =
        format!("{} {} HTTP/1.0\r\nHost: {}:{}\r\n", request.method.name(), request.path, target.host, target.port);
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

/// Head and body of a response.
fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer[..answer.len().min(HEAD)].windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

/// After the end of the connection, any response will do.
fn is_enough(answer: &[u8], ended: bool) -> bool {
    if ended { status(answer).is_some() } else { is_whole(answer) }
}

/// Is the response complete? Without a length in its head, only the end of the connection can say so.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else { return false };
    let length = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    length.is_some_and(|length| body.len() >= length)
}

fn status(answer: &[u8]) -> Option<u16> {
    let (head, _) = split(answer)?;
    head.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()
}

fn parsed(answer: &[u8]) -> Option<Response> {
    let (_, body) = split(answer)?;
    Some(Response { status: status(answer)?, body: String::from_utf8_lossy(body).into_owned() })
}

/// Why no response came, in the words that other clients use.
fn why_no_response(output: &Output) -> String {
    let complaint = output.stderr.trim();
    let printed = format!("{complaint}{}", String::from_utf8_lossy(&output.stdout)).to_lowercase();
    if printed.contains("bad address") || printed.contains("resol") {
        "no such host".into()
    } else if printed.contains("refused") {
        "connection refused".into()
    } else if printed.contains("unreachable") {
        "no route to host".into()
    } else if !output.stdout.is_empty() {
        "it does not answer in HTTP".into()
    } else if complaint.is_empty() {
        "it closed the connection without an answer".into()
    } else {
        complaint.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_with_status_and_body_and_nonsense_is_none() {
        let text = b"HTTP/1.0 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
        assert!(is_whole(text));
        assert!(!is_whole(&text[..text.len() - 1]));
        assert_eq!(parsed(text), Some(Response { status: 401, body: "no".into() }));
        assert_eq!(parsed(b"-ERR unknown command 'GET'\r\n"), None);
    }

    #[test]
    fn a_response_without_a_length_is_complete_at_the_end_whatever_its_body_says() {
        let text = b"HTTP/1.0 200 OK\r\n\r\nexec: \"x\": executable file not found in $PATH";
        assert!(!is_enough(text, false));
        assert!(is_enough(text, true));
        assert!(!is_enough(b"exec: \"nc\": executable file not found in $PATH", true), "nobody answered");
    }

    #[test]
    fn a_request_that_would_begin_another_is_refused() {
        assert!(is_one_line(&Request::get("/api/v1/query?query=up")));
        assert!(!is_one_line(&Request::get("/a HTTP/1.0\r\n\r\nDELETE /b")));
        assert!(!is_one_line(&Request::get("/a").header("X", "1\r\nY: 2")));
    }

    #[test]
    fn a_request_is_written_with_its_length_and_without_more() {
        let request = Request::post("/x", "text/plain", "abc");
        let text = String::from_utf8(written(&Target { host: "grafana", port: 3000 }, &request)).expect("text");
        assert_eq!(
            text,
            "POST /x HTTP/1.0\r\nHost: grafana:3000\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        );
    }

    #[test]
    fn what_nc_complains_of_is_said_in_the_usual_words() {
        let why = |stderr: &str, stdout: &str| {
            let output = Output { stdout: stdout.into(), stderr: stderr.into(), exit_code: Some(1) };
            why_no_response(&output)
        };
        assert_eq!(why("nc: bad address 'x'", ""), "no such host");
        assert_eq!(why("nc: x (172.18.0.2:1): Connection refused", ""), "connection refused");
        assert_eq!(why("nc: x: Host is unreachable", ""), "no route to host");
        assert_eq!(why("", "-ERR unknown command"), "it does not answer in HTTP");
        assert_eq!(why("", ""), "it closed the connection without an answer");
        assert_eq!(why("nc: timed out\n", ""), "nc: timed out");
    }
}
