//! HTTP to a service of the stack, by the first route that works: its container's own address, its published port, a
//! tunnel through `nc` in another container, or `wget` inside its own.
//!
//! So verification works on a host where nothing is published, shows every status and body, and keeps passwords off
//! command lines: the tunnel is an exec started through the daemon's API, with HTTP/1.0 over its pipes. The semaphore bounds
//! requests to one service, since Grafana checks a password slowly on purpose.

mod direct;
mod message;
mod tunnel;
mod wget;

use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};

use super::connect::Client;
use crate::plan::observed::Container;

pub use message::{Method, Request, Response, TransportError};

/// How long one request may take, unless the caller gives another limit.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first request to an address may take before the next route is tried.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Requests under way at once to one service.
const CONCURRENT: usize = 8;

/// One port of one service. The route is found at the first request and kept.
pub struct ServiceEndpoint {
    client: Client,
    http: reqwest::Client,
    container: Container,
    port: u16,
    /// Containers of the stack's network that may have `nc`, by id.
    helpers: Vec<String>,
    slots: Semaphore,
    route: OnceCell<Route>,
    /// No request takes longer, whatever its own timeout.
    longest: Duration,
}

#[derive(Debug, Clone)]
enum Route {
    /// `http://172.18.0.3:9090`
    Direct(String),
    /// Through `nc` in the container with this id.
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
            slots: Semaphore::new(CONCURRENT),
            route: OnceCell::new(),
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
        endpoint.route.set(Route::Direct(base.to_owned())).expect("not set before");
        endpoint
    }

    /// The same with a short timeout, for a service that does not answer.
    #[cfg(test)]
    pub fn impatient_at(base: &str) -> Self {
        Self { longest: Duration::from_millis(100), ..Self::at(base) }
    }

    pub async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.send_within(request, TIMEOUT).await
    }

    pub async fn send_within(&self, request: &Request, timeout: Duration) -> Result<Response, TransportError> {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await;
        let timeout = timeout.min(self.longest);
        if let Some(route) = self.route.get() {
            return self.send_by(route, request, timeout).await;
        }
        let (route, response) = self.find_route(request, timeout).await?;
        // Several first requests may be under way; any of their routes will do.
        drop(self.route.set(route));
        Ok(response)
    }

    /// Tries the routes in turn and returns the first that yields a response.
    async fn find_route(&self, request: &Request, timeout: Duration) -> Result<(Route, Response), TransportError> {
        let mut last_error = TransportError::Unreachable;
        for base in addresses(&self.client, &self.container, self.port) {
            let route = Route::Direct(base);
            // Without a route a request times out, as it does with a slow service: the next route tells them apart.
            match self.send_by(&route, request, timeout.min(DIRECT_TIMEOUT)).await {
                Ok(response) => return Ok((route, response)),
                // The host was reached and nobody listens: every other route would find the same.
                Err(error) if error.is_refused() => return Err(error),
                Err(error) => last_error = error,
            }
        }
        let tunnels = self.helpers.iter().map(|helper| Route::Tunnel(helper.clone()));
        for route in tunnels.chain([Route::Wget]) {
            match self.send_by(&route, request, timeout).await {
                Ok(response) => return Ok((route, response)),
                Err(TransportError::Unreachable) => {}
                Err(error) => return Err(error),
            }
        }
        Err(last_error)
    }

    async fn send_by(&self, route: &Route, request: &Request, timeout: Duration) -> Result<Response, TransportError> {
        match route {
            Route::Direct(base) => direct::send(&self.http, base, request, timeout).await,
            Route::Tunnel(helper) => {
                // A service's name is its alias on the stack's network.
                let target = tunnel::Target { host: &self.container.service, port: self.port };
                tunnel::send(&self.client, helper, &target, request, timeout).await
            }
            Route::Wget => wget::send(&self.client, &self.container.id, self.port, request, timeout).await,
        }
    }
}

/// GET from a container that is just starting: no route is kept, and no other container is asked for help.
pub async fn get(
    client: &Client,
    http: &reqwest::Client,
    container: &Container,
    port: u16,
    path: &str,
) -> Result<Response, TransportError> {
    ServiceEndpoint::new(client, http, container, port, &[]).send(&Request::get(path)).await
}

/// GET from any address as a container of the stack would, to find out why Prometheus could not.
pub async fn get_from(
    client: &Client,
    helper: &str,
    host: &str,
    port: u16,
    path: &str,
) -> Result<Response, TransportError> {
    tunnel::send(client, helper, &tunnel::Target { host, port }, &Request::get(path), TIMEOUT).await
}

/// Addresses of the container's port that this machine may reach; none on a host that is not this machine.
fn addresses(client: &Client, container: &Container, port: u16) -> Vec<String> {
    let mut bases = Vec::new();
    if !client.engine.local {
        return bases;
    }
    // Elsewhere containers run in a virtual machine, and their networks end there.
    if cfg!(target_os = "linux") {
        bases.extend(container.addresses.values().map(|ip| format!("http://{ip}:{port}")));
    }
    let published = container.ports.iter().find(|found| found.container_port == port && found.protocol == "tcp");
    if let Some(published) = published {
        bases.push(format!("http://{}:{}", client.engine.openable(&published.ip), published.port));
    }
    bases
}
