//! As much HTTP as asking Prometheus takes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::await_until;

/// Body of a 200 answer; `None` for anything else.
pub fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}

/// The value of the one series that `query` yields.
pub fn query(port: u16, query: &str) -> Option<f64> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer: Value = serde_json::from_str(&get(port, &format!("/api/v1/query?query={encoded}"))?).ok()?;
    match answer["data"]["result"].as_array()?.as_slice() {
        [series] => series["value"][1].as_str()?.parse().ok(),
        _ => None,
    }
}

/// Waits until a query has this one value.
#[track_caller]
pub fn await_value(port: u16, text: &str, wanted: f64) {
    await_until(&format!("{text} = {wanted}"), 60, || query(port, text).filter(|value| *value == wanted));
}
