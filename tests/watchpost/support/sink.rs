//! Receivers of alerts: an HTTP and an SMTP server on this machine, where containers reach them.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use tiny_http::{Header, Request, Response, Server};

use super::docker::docker;

/// This machine, as containers of any bridge network reach it.
pub fn host_address() -> IpAddr {
    let subnet = docker(&["network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}"]);
    let base: std::net::Ipv4Addr = subnet.split('/').next().expect("a subnet").parse().expect("an address");
    // Where a packet to a container would come from.
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect((std::net::Ipv4Addr::from(u32::from(base) + 2), 9)).expect("a way to the bridge");
    socket.local_addr().expect("an address").ip()
}

/// How an HTTP receiver behaves.
#[derive(Debug, Clone)]
pub enum Manner {
    Answers(u16, String),
    /// Takes the connection and the message, and says nothing.
    Hangs,
    Slowly(Duration),
}

impl Manner {
    /// As Slack answers, which others take as well.
    pub fn good() -> Self {
        Self::Answers(200, "ok".into())
    }
}

/// A webhook's other end.
pub struct Hook {
    pub port: u16,
    manner: Arc<Mutex<Manner>>,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Hook {
    pub fn start(manner: Manner) -> Self {
        Self::on(0, manner)
    }

    pub fn on(port: u16, manner: Manner) -> Self {
        let server = Server::http(("0.0.0.0", port)).expect("a port");
        let port = server.server_addr().to_ip().expect("an address").port();
        let (manner, messages) = (Arc::new(Mutex::new(manner)), Arc::new(Mutex::new(Vec::new())));
        let (shared, kept) = (manner.clone(), messages.clone());
        std::thread::spawn(move || {
            for request in server.incoming_requests() {
                let (manner, messages) = (shared.clone(), kept.clone());
                std::thread::spawn(move || drop(accept(request, &manner, &messages)));
            }
        });
        Self { port, manner, messages }
    }

    pub fn url(&self) -> String {
        format!("http://{}:{}/", host_address(), self.port)
    }

    pub fn turn(&self, manner: Manner) {
        *self.manner.lock().expect("not poisoned") = manner;
    }

    /// Bodies that came.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().expect("not poisoned").clone()
    }
}

fn accept(mut request: Request, manner: &Mutex<Manner>, messages: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body)?;
    messages.lock().expect("not poisoned").push(body);
    let manner = manner.lock().expect("not poisoned").clone();
    let (status, text) = match manner {
        Manner::Answers(status, text) => (status, text),
        Manner::Hangs => {
            // As long as the test runs: a request that is dropped is answered.
            std::mem::forget(request);
            return Ok(());
        }
        Manner::Slowly(time) => {
            std::thread::sleep(time);
            (200, String::new())
        }
    };
    let close = Header::from_bytes("Connection", "close").expect("a header");
    request.respond(Response::from_string(text).with_status_code(status).with_header(close))
}

/// A mail server that wants a login, by LOGIN alone: that goes without encryption.
pub struct Mail {
    pub port: u16,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Mail {
    pub fn start(user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (kept, login) = (messages.clone(), (user.to_owned(), password.to_owned()));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (messages, login) = (kept.clone(), login.clone());
                std::thread::spawn(move || drop(converse(client, &login, &messages)));
            }
        });
        Self { port, messages }
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().expect("not poisoned").clone()
    }
}

fn converse(client: TcpStream, login: &(String, String), messages: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let said = |client: &mut BufReader<TcpStream>, text: &str| write!(client.get_mut(), "{text}\r\n");
    let heard = |client: &mut BufReader<TcpStream>| -> std::io::Result<String> {
        let mut line = String::new();
        client.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let decoded = |text: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut known = false;
    said(&mut client, "220 sink")?;
    loop {
        let line = heard(&mut client)?;
        match line.split(' ').next().unwrap_or_default().to_uppercase().as_str() {
            "" => return Ok(()),
            "EHLO" => said(&mut client, "250-sink\r\n250 AUTH LOGIN")?,
            "AUTH" => {
                let user = match line.split(' ').nth(2) {
                    Some(initial) if !initial.is_empty() => decoded(initial),
                    _ => {
                        said(&mut client, "334 VXNlcm5hbWU6")?;
                        decoded(&heard(&mut client)?)
                    }
                };
                said(&mut client, "334 UGFzc3dvcmQ6")?;
                known = (user, decoded(&heard(&mut client)?)) == *login;
                said(&mut client, if known { "235 welcome" } else { "535 5.7.8 authentication failed" })?;
            }
            _ if !known => said(&mut client, "530 5.7.0 log in first")?,
            "DATA" => {
                said(&mut client, "354 go on")?;
                let mut text = String::new();
                loop {
                    let line = heard(&mut client)?;
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
                messages.lock().expect("not poisoned").push(text);
                said(&mut client, "250 taken")?;
            }
            "QUIT" => return said(&mut client, "221 bye"),
            _ => said(&mut client, "250 ok")?,
        }
    }
}
