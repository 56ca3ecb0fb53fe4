//! HTTP into the stack, by the shortest way that works: a container's own address, its published port, a tunnel
//! through a container of the stack, or `wget` inside the container.

mod tunnel;
mod wget;

use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};

use super::connect::Client;
use crate::plan::observed::Container;

/// How long one question may take, unless somebody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a first try of a container's own address or published port may take before the next way is tried.
const DIRECT: Duration = Duration::from_secs(3);
/// Questions under way at once to one service.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One question. Headers may hold a password; they never reach a command line.
#[derive(Clone, Default)]
pub struct Request {
    pub method: Method,
    /// With its query: `/api/v1/query?query=up`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    pub fn post(path: impl Into<String>, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Self { method: Method::Post, path: path.into(), headers, body: body.into() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// There is a way, and nobody answers on it (yet).
    NoAnswer(String),
    /// It cannot be asked from here: its network cannot be reached, and no container of the stack can ask for us.
    NoWay,
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAnswer(why) => f.write_str(why),
            Self::NoWay => f.write_str("it cannot be asked from here"),
        }
    }
}

/// The way to one port of one service, found at the first question and kept; asks a bounded number at once.
pub struct ServiceEndpoint {
    client: Client,
    http: reqwest::Client,
    container: Container,
    port: u16,
    /// Containers of the stack's network that may have `nc`, by id.
    helpers: Vec<String>,
    slots: Semaphore,
    way: OnceCell<Way>,
    /// No question takes longer, whatever its own patience.
    longest: Duration,
}

#[derive(Debug, Clone)]
enum Way {
    /// `http://172.18.0.3:9090`
    Direct(String),
    /// Through `nc` in this container.
    Tunnel(String),
    Wget,
}

impl ServiceEndpoint {
    pub fn new(client: &Client, http: &reqwest::Client, container: &Container, port: u16, helpers: &[String]) -> Self {
        Self {
            client: client.clone(),
            http: http.clone(),
            container: container.clone(),
            port,
            helpers: helpers.to_vec(),
            slots: Semaphore::new(AT_ONCE),
            way: OnceCell::new(),
            longest: Duration::MAX,
        }
    }

    /// An endpoint at an address that is known, such as `http://127.0.0.1:9090`, for the tests of the clients.
    #[cfg(test)]
    pub fn at(base: &str) -> Self {
        let docker = bollard::Docker::connect_with_http("http://127.0.0.1:1", 1, bollard::API_DEFAULT_VERSION);
        let engine = crate::plan::observed::Engine::default();
        let client = Client { docker: docker.expect("an address"), engine };
        let endpoint = Self::new(&client, &crate::http::inside(), &Container::default(), 0, &[]);
        endpoint.way.set(Way::Direct(base.to_owned())).expect("not set before");
        endpoint
    }

    /// The same, for a service that does not answer: it is given up at once.
    #[cfg(test)]
    pub fn impatient_at(base: &str) -> Self {
        Self { longest: Duration::from_millis(100), ..Self::at(base) }
    }

    pub async fn ask(&self, request: &Request) -> Result<Answer, TransportError> {
        self.ask_within(request, PATIENCE).await
    }

    pub async fn ask_within(&self, request: &Request, patience: Duration) -> Result<Answer, TransportError> {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await;
        let patience = patience.min(self.longest);
        match self.way.get() {
            Some(way) => self.by(way, request, patience).await,
            None => self.find(request, patience).await,
        }
    }

    /// Tries the ways in turn; the first that yields an answer is kept.
    async fn find(&self, request: &Request, patience: Duration) -> Result<Answer, TransportError> {
        let mut silence = TransportError::NoWay;
        for base in bases(&self.client, &self.container, self.port) {
            // What cannot be reached from here at all answers as slowly as what is slow: the next way tells them apart.
            let patience = patience.min(DIRECT);
            let way = Way::Direct(base);
            match self.by(&way, request, patience).await {
                Ok(answer) => return Ok(self.keep(way, answer)),
                // Refused means reached: nobody listens there, and asking otherwise would find the same.
                Err(TransportError::NoAnswer(why)) if why.contains("refused") => {
                    return Err(TransportError::NoAnswer(why));
                }
                Err(why) => silence = why,
            }
        }
        for helper in &self.helpers {
            let way = Way::Tunnel(helper.clone());
            match self.by(&way, request, patience).await {
                Ok(answer) => return Ok(self.keep(way, answer)),
                Err(TransportError::NoWay) => {}
                Err(why) => return Err(why),
            }
        }
        match self.by(&Way::Wget, request, patience).await {
            Ok(answer) => Ok(self.keep(Way::Wget, answer)),
            Err(TransportError::NoWay) => Err(silence),
            Err(why) => Err(why),
        }
    }

    fn keep(&self, way: Way, answer: Answer) -> Answer {
        // Several first questions may be under way; any of their answers will do.
        drop(self.way.set(way));
        answer
    }

    async fn by(&self, way: &Way, request: &Request, patience: Duration) -> Result<Answer, TransportError> {
        match way {
            Way::Direct(base) => fetch(&self.http, &format!("{base}{}", request.path), request, patience)
                .await
                .map_err(TransportError::NoAnswer),
            Way::Tunnel(helper) => {
                // A service's name is its alias on the stack's network.
                let to = tunnel::To { host: &self.container.service, port: self.port };
                tunnel::ask(&self.client, helper, &to, request, patience).await
            }
            Way::Wget => wget::ask(&self.client, &self.container.id, self.port, request, patience).await,
        }
    }
}

/// GET from a container that is just starting, without a way that is kept and without others' help.
pub async fn get(
    client: &Client,
    http: &reqwest::Client,
    container: &Container,
    port: u16,
    path: &str,
) -> Result<Answer, TransportError> {
    ServiceEndpoint::new(client, http, container, port, &[]).ask(&Request::get(path)).await
}

/// Asks any address as a container of the stack would, to find out why Prometheus could not.
pub async fn ask_from(
    client: &Client,
    helper: &str,
    host: &str,
    port: u16,
    path: &str,
) -> Result<Answer, TransportError> {
    tunnel::ask(client, helper, &tunnel::To { host, port }, &Request::get(path), PATIENCE).await
}

fn bases(client: &Client, container: &Container, port: u16) -> Vec<String> {
    if !client.engine.local {
        return Vec::new();
    }
    let published =
        container.ports.iter().find(|published| published.container_port == port && published.protocol == "tcp");
    let published = published.map(|published| {
        let ip = if matches!(published.ip.as_str(), "" | "0.0.0.0" | "::") { "127.0.0.1" } else { &published.ip };
        format!("http://{ip}:{}", published.port)
    });
    let direct =
        container.addresses.values().filter(|_| cfg!(target_os = "linux")).map(|ip| format!("http://{ip}:{port}"));
    direct.chain(published).collect()
}

const TOO_LONG: &str = "no answer in time";
const CUT: &str = "the connection closed in the middle of the answer";

async fn fetch(http: &reqwest::Client, url: &str, request: &Request, patience: Duration) -> Result<Answer, String> {
    let plain = |error: reqwest::Error| {
        if error.is_timeout() {
            return TOO_LONG.to_owned();
        }
        let mut source: &dyn std::error::Error = &error;
        while let Some(inner) = source.source() {
            source = inner;
        }
        source.to_string().to_lowercase()
    };
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    };
    let mut asked = http.request(method, url).timeout(patience);
    for (name, value) in &request.headers {
        asked = asked.header(name, value);
    }
    if !request.body.is_empty() {
        asked = asked.body(request.body.clone());
    }
    let response = asked.send().await.map_err(plain)?;
    let status = response.status().as_u16();
    // Text is taken over as it is, without a second copy of what may be megabytes.
    let body = Vec::from(response.bytes().await.map_err(|error| if error.is_timeout() { TOO_LONG } else { CUT })?);
    let body = String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Answer { status, body })
}
