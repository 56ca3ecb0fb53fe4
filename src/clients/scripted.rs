//! A service on this machine that answers as a test says, for the tests of the clients.
//!
//! No HTTP server for tests cuts an answer in its middle or hangs up before it, which services do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::clients::api::ApiError;
use crate::docker::ServiceEndpoint;

/// What the service does with a request.
pub enum Reply {
    /// Answers with this status and body.
    Status(u16, String),
    /// Announces the whole body, sends half of it, and closes the connection.
    Cut(String),
    /// Closes the connection without an answer.
    Closed,
    /// Holds the connection open and never answers; for `impatient_endpoint`.
    Never,
}

impl Reply {
    pub fn ok(body: impl Into<String>) -> Self {
        Self::Status(200, body.into())
    }
}

/// A request as the service read it.
#[derive(Debug, Clone, Default)]
pub struct Received {
    pub method: String,
    /// With its query, as it was sent.
    pub path: String,
    /// Each line as it was sent.
    pub headers: Vec<String>,
    pub body: String,
}

/// Listens until the test's process ends.
pub struct ScriptedService {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl ScriptedService {
    /// Answers each request as `reply` says, one request a connection.
    pub fn start(reply: impl Fn(&Received) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        std::thread::spawn(move || {
            // Connections that are never answered stay open as long as they are in here.
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read(&stream) else { continue };
                let reply = reply(&request);
                log.lock().expect("no test failed with it").push(request);
                // A client that gives up early is part of some tests.
                drop(write(&mut stream, &reply));
                if matches!(reply, Reply::Never) {
                    open.push(stream);
                }
            }
        });
        Self { url, received }
    }

    /// Answers everything with one text.
    pub fn ok(body: impl Into<String>) -> Self {
        let body = body.into();
        Self::start(move |_| Reply::ok(body.clone()))
    }

    pub fn endpoint(&self) -> ServiceEndpoint {
        ServiceEndpoint::at(&self.url)
    }

    /// An endpoint that gives up at once.
    pub fn impatient_endpoint(&self) -> ServiceEndpoint {
        ServiceEndpoint::impatient_at(&self.url)
    }

    /// All requests so far, in their order.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test failed with it").clone()
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines.split_off(1.min(lines.len()));
    let mut first = lines.first()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let length = headers.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn write(stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let (status, body, sent) = match reply {
        Reply::Status(status, body) => (*status, body, body.len()),
        Reply::Cut(body) => (200, body, body.len() / 2),
        Reply::Closed | Reply::Never => return Ok(()),
    };
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body.as_bytes()[..sent])?;
    stream.flush()
}

/// What a call makes of each way in which a service may misbehave, a line each.
pub async fn misbehaviours<T>(call: impl AsyncFn(&ServiceEndpoint) -> Result<T, ApiError>) -> String {
    type Case = (&'static str, fn() -> Reply);
    let cases: [Case; 7] = [
        ("late", || Reply::Never),
        ("cut", || Reply::Cut("[1, 2, 3]".repeat(1000))),
        ("closed", || Reply::Closed),
        ("401", || Reply::Status(401, "who are you".into())),
        ("500", || Reply::Status(500, "out of order\nat main.go:1".into())),
        ("page", || Reply::ok("<!DOCTYPE html>\n<title>Sign in</title>")),
        ("huge", || Reply::Status(503, "x".repeat(5_000_000))),
    ];
    let mut lines = Vec::new();
    for (name, reply) in cases {
        let service = ScriptedService::start(move |_| reply());
        let endpoint = if name == "late" { service.impatient_endpoint() } else { service.endpoint() };
        let message = call(&endpoint).await.map_or_else(|error| error.message, |_| "accepted".into());
        let short: String = message.chars().take(80).collect();
        lines.push(format!("{name}: {short}"));
    }
    lines.join("\n")
}
