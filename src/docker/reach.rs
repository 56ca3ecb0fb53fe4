//! HTTP into the stack, by the shortest way that works.

use std::time::Duration;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::InspectContainerOptions;
use futures_util::StreamExt;

use super::connect::Client;
use super::said;
use crate::plan::observed::Container;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);

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
pub enum Silence {
    /// There is a way, and nobody answers on it (yet).
    NoAnswer(String),
    /// This container cannot be asked from here: it has no `wget`, and its network cannot be reached.
    NoWay,
}

/// GET from a container of the stack: by its own address where this machine can reach it, by its published port,
/// or by `wget` inside the container.
pub async fn get(
    client: &Client,
    http: &reqwest::Client,
    container: &Container,
    port: u16,
    path: &str,
) -> Result<Answer, Silence> {
    for base in bases(client, container, port) {
        match fetch(http, &format!("{base}{path}")).await {
            Ok(answer) => return Ok(answer),
            // Refused means reached: nobody listens there, and asking otherwise would find the same.
            Err(why) if why.to_lowercase().contains("refused") => return Err(Silence::NoAnswer(why)),
            Err(_) => {}
        }
    }
    inside(client, &container.id, port, path).await
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

async fn fetch(http: &reqwest::Client, url: &str) -> Result<Answer, String> {
    let plain = |error: reqwest::Error| {
        let mut source: &dyn std::error::Error = &error;
        while let Some(inner) = source.source() {
            source = inner;
        }
        source.to_string()
    };
    let response = http.get(url).timeout(PATIENCE).send().await.map_err(plain)?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(plain)?;
    Ok(Answer { status, body })
}

async fn inside(client: &Client, container: &str, port: u16, path: &str) -> Result<Answer, Silence> {
    let silent = |error: bollard::errors::Error| {
        let why = said(&error);
        if why.contains("executable file not found") { Silence::NoWay } else { Silence::NoAnswer(why) }
    };
    let url = format!("http://127.0.0.1:{port}{path}");
    let command = ["wget", "-q", "-O", "-", "-T", "3", &url].map(str::to_owned).to_vec();
    let config =
        ExecConfig { cmd: Some(command), attach_stdout: Some(true), attach_stderr: Some(true), ..Default::default() };
    let exec = client.docker.create_exec(container, config).await.map_err(silent)?;
    let started = client.docker.start_exec(&exec.id, None::<StartExecOptions>).await.map_err(silent)?;
    let mut body = String::new();
    if let StartExecResults::Attached { mut output, .. } = started {
        while let Some(Ok(chunk)) = output.next().await {
            body.push_str(&chunk.to_string());
        }
    }
    match client.docker.inspect_exec(&exec.id).await.map_err(silent)?.exit_code {
        Some(0) => Ok(Answer { status: 200, body }),
        // What a shell and the runtime say when there is no such program, or it cannot be run.
        Some(126 | 127) => Err(Silence::NoWay),
        _ => Err(Silence::NoAnswer(body.trim().to_owned())),
    }
}

/// The container as it is now, with its addresses and published ports.
pub async fn locate(client: &Client, id: &str) -> Option<Container> {
    use crate::plan::observed::{Health, PublishedPort, State};
    let found = client.docker.inspect_container(id, None::<InspectContainerOptions>).await.ok()?;
    let settings = found.network_settings.unwrap_or_default();
    let ports = settings.ports.unwrap_or_default().into_iter().flat_map(|(port, bindings)| {
        let (number, protocol) =
            port.split_once('/').map_or((port.clone(), "tcp".to_owned()), |(n, p)| (n.to_owned(), p.to_owned()));
        bindings.unwrap_or_default().into_iter().filter_map(move |binding| {
            Some(PublishedPort {
                ip: binding.host_ip.unwrap_or_default(),
                port: binding.host_port?.parse().ok()?,
                container_port: number.parse().ok()?,
                protocol: protocol.clone(),
            })
        })
    });
    let networks = settings.networks.unwrap_or_default();
    Some(Container {
        id: id.to_owned(),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        service: String::new(),
        image: String::new(),
        image_id: found.image.unwrap_or_default(),
        labels: Default::default(),
        state: State::Running,
        health: Health::None,
        ports: ports.collect(),
        addresses: networks
            .into_iter()
            .filter_map(|(name, e)| Some((name, e.ip_address.filter(|ip| !ip.is_empty())?)))
            .collect(),
        parked: false,
    })
}
