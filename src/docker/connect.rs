//! Which Docker host, and the way to it.

use std::path::{Path, PathBuf};

use bollard::{API_DEFAULT_VERSION, Docker};
use sha2::{Digest, Sha256};

use super::daemon_message;
use super::locality::{self, Evidence};
use crate::compose::hex;
use crate::error::{Error, Result};
use crate::plan::observed::Engine;

/// Seconds until one call times out; long enough for a slow stop.
const TIMEOUT: u64 = 180;
/// The oldest API that has all we use.
const MINIMUM_API: (u32, u32) = (1, 41);
#[cfg(unix)]
const LOCAL: &str = "unix:///var/run/docker.sock";
#[cfg(windows)]
const LOCAL: &str = "npipe:////./pipe/docker_engine";

/// The environment, passed in so that choosing a host stays testable.
pub struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Docker's configuration folder, `~/.docker`.
    pub config: Option<PathBuf>,
}

/// An address, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: String,
    pub named_by: String,
}

/// A connection to a daemon that answered.
#[derive(Clone)]
pub struct Client {
    pub docker: Docker,
    pub engine: Engine,
}

/// Chooses the host as Docker's own client does: what is given, DOCKER_HOST, DOCKER_CONTEXT, the current context of
/// `config.json`, the local socket.
pub fn endpoint(given: Option<&str>, surroundings: &Surroundings<'_>) -> Result<Endpoint> {
    let variable = |name: &str| (surroundings.variable)(name).filter(|value| !value.is_empty());
    let from = |address: String, named_by: &str| Ok(Endpoint { address, named_by: named_by.into() });
    if let Some(address) = given {
        return from(address.into(), "`--host` or the spec's `host`");
    }
    if let Some(address) = variable("DOCKER_HOST") {
        return from(address, "DOCKER_HOST");
    }
    let (context, by) = match variable("DOCKER_CONTEXT") {
        Some(name) => (Some(name), "DOCKER_CONTEXT"),
        None => (surroundings.config.as_deref().and_then(current_context), "the current Docker context"),
    };
    match context.filter(|name| name != "default") {
        None => from(LOCAL.into(), "the local default"),
        Some(name) => {
            let address = surroundings.config.as_deref().and_then(|config| context_address(config, &name));
            address.map_or_else(
                || {
                    Err(Error::new(format!("the Docker context `{name}` does not exist"))
                        .cause(format!("named by {by}"))
                        .hint("`docker context ls` lists them"))
                },
                |address| from(address, &format!("{by} `{name}`")),
            )
        }
    }
}

fn current_context(config: &Path) -> Option<String> {
    let text = std::fs::read_to_string(config.join("config.json")).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json.get("currentContext")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Contexts lie in folders named after the SHA-256 of their name.
fn context_address(config: &Path, name: &str) -> Option<String> {
    let folder = hex(&Sha256::digest(name.as_bytes()));
    let text = std::fs::read_to_string(config.join("contexts/meta").join(folder).join("meta.json")).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json.pointer("/Endpoints/docker/Host")?.as_str().map(str::to_owned)
}

/// Connects to a daemon that is recent enough. Errors name the address and what to do.
pub async fn connect(endpoint: &Endpoint) -> Result<Client> {
    let docker = open(endpoint)?;
    let (version, info, listener) =
        tokio::join!(docker.version(), docker.info(), locality::listener(&endpoint.address));
    let version = version.map_err(|error| unreachable(endpoint, &daemon_message(&error)))?;
    let api_version = version.api_version.unwrap_or_default();
    let number =
        api_version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if number.is_none_or(|number: (u32, u32)| number < MINIMUM_API) {
        return Err(Error::new(format!("Docker {} is too old", version.version.unwrap_or_default()))
            .cause(format!(
                "its API version is {api_version}, and {}.{} is the oldest supported",
                MINIMUM_API.0, MINIMUM_API.1
            ))
            .hint("upgrade to Docker 20.10 or newer"));
    }
    let daemon = info.ok().as_ref().and_then(locality::daemon_machine);
    let local = locality::is_local(&Evidence {
        address: &endpoint.address,
        listener: listener.as_deref(),
        daemon: daemon.as_ref(),
        own: locality::own_machine().as_ref(),
    });
    let engine = Engine {
        version: version.version.unwrap_or_default(),
        api_version,
        os: version.os.unwrap_or_default(),
        local,
        hostname: daemon.map(|machine| machine.hostname).unwrap_or_default(),
        name: if local { "local Docker".into() } else { endpoint.address.clone() },
    };
    Ok(Client { docker, engine })
}

fn open(endpoint: &Endpoint) -> Result<Docker> {
    let address = endpoint.address.as_str();
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    let opened = match scheme {
        #[cfg(unix)]
        "unix" => Docker::connect_with_unix(address, TIMEOUT, API_DEFAULT_VERSION),
        #[cfg(windows)]
        "npipe" => Docker::connect_with_named_pipe(address, TIMEOUT, API_DEFAULT_VERSION),
        "tcp" | "http" => Docker::connect_with_http(address, TIMEOUT, API_DEFAULT_VERSION),
        "ssh" => {
            return Err(Error::new(format!("Docker hosts over ssh are not supported yet: `{address}`")).hint(format!(
                "forward the socket yourself: `ssh -NT -L /tmp/docker.sock:/var/run/docker.sock {}`, then add `--host unix:///tmp/docker.sock`",
                address.trim_start_matches("ssh://")
            )));
        }
        _ => {
            return Err(Error::new(format!("`{address}` is not a valid address of a Docker host"))
                .cause(format!("named by {}", endpoint.named_by))
                .hint("write `unix:///var/run/docker.sock` or `tcp://HOST:2375`"));
        }
    };
    opened.map_err(|error| unreachable(endpoint, &daemon_message(&error)))
}

fn unreachable(endpoint: &Endpoint, why: &str) -> Error {
    let hint = if why.to_lowercase().contains("permission denied") {
        "let your user use Docker: `sudo usermod -aG docker $USER`, then log in again"
    } else if locality::is_socket(&endpoint.address) {
        "start Docker: `sudo systemctl start docker`; for another host set DOCKER_HOST or `--host`"
    } else {
        "check the address, and that the daemon listens there: `docker -H ADDRESS version`"
    };
    Error::new("the Docker daemon is unreachable")
        .cause(format!("tried `{}`, named by {}", endpoint.address, endpoint.named_by))
        .cause(why)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(given: Option<&str>, variables: &[(&str, &str)], config: Option<&Path>) -> Result<Endpoint> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        endpoint(given, &Surroundings { variable: &variable, config: config.map(Path::to_owned) })
    }

    #[test]
    fn the_host_is_chosen_as_dockers_own_client_does() {
        let dir = tempfile::tempdir().expect("a folder");
        let meta = dir.path().join("contexts/meta").join(hex(&Sha256::digest(b"far")));
        std::fs::create_dir_all(&meta).expect("made");
        std::fs::write(meta.join("meta.json"), r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2375"}}}"#)
            .expect("written");
        std::fs::write(dir.path().join("config.json"), r#"{"currentContext":"far"}"#).expect("written");
        let config = Some(dir.path());
        let address = |given, variables, config| choose(given, variables, config).expect("chosen").address;
        assert_eq!(address(Some("tcp://a"), &[("DOCKER_HOST", "tcp://b")], config), "tcp://a");
        assert_eq!(address(None, &[("DOCKER_HOST", "tcp://b")], config), "tcp://b");
        assert_eq!(address(None, &[], config), "tcp://far:2375");
        assert_eq!(address(None, &[("DOCKER_CONTEXT", "default")], config), LOCAL);
        assert_eq!(address(None, &[], None), LOCAL);
        assert!(choose(None, &[("DOCKER_CONTEXT", "gone")], config).expect_err("refused").hint.is_some());
    }

    /// As people read it, without the colours.
    fn printed(error: &Error) -> String {
        let causes = error.causes().iter().map(|cause| format!("\ncaused by: {cause}")).collect::<String>();
        format!("{}{causes}\nhint: {}", error.message, error.hint.as_deref().unwrap_or_default())
    }

    #[test]
    fn an_address_that_cannot_be_used_says_which_can() {
        let refused = |address: &str| {
            printed(&open(&Endpoint { address: address.into(), named_by: "DOCKER_HOST".into() }).expect_err("refused"))
        };
        insta::assert_snapshot!(refused("docker.example.org"), @r"
        `docker.example.org` is not a valid address of a Docker host
        caused by: named by DOCKER_HOST
        hint: write `unix:///var/run/docker.sock` or `tcp://HOST:2375`
        ");
        insta::assert_snapshot!(refused("ssh://ops@db1"), @r"
        Docker hosts over ssh are not supported yet: `ssh://ops@db1`
        hint: forward the socket yourself: `ssh -NT -L /tmp/docker.sock:/var/run/docker.sock ops@db1`, then add `--host unix:///tmp/docker.sock`
        ");
    }

    #[test]
    fn a_daemon_that_does_not_answer_is_named_with_what_to_do() {
        let failed = |address: &str, why: &str| {
            printed(&unreachable(&Endpoint { address: address.into(), named_by: "DOCKER_HOST".into() }, why))
        };
        insta::assert_snapshot!(failed("unix:///var/run/docker.sock", "Permission denied (os error 13)"), @r"
        the Docker daemon is unreachable
        caused by: tried `unix:///var/run/docker.sock`, named by DOCKER_HOST
        caused by: Permission denied (os error 13)
        hint: let your user use Docker: `sudo usermod -aG docker $USER`, then log in again
        ");
        insta::assert_snapshot!(failed("unix:///run/docker.sock", "No such file or directory"), @r"
        the Docker daemon is unreachable
        caused by: tried `unix:///run/docker.sock`, named by DOCKER_HOST
        caused by: No such file or directory
        hint: start Docker: `sudo systemctl start docker`; for another host set DOCKER_HOST or `--host`
        ");
        insta::assert_snapshot!(failed("tcp://db1:2375", "connection refused"), @r"
        the Docker daemon is unreachable
        caused by: tried `tcp://db1:2375`, named by DOCKER_HOST
        caused by: connection refused
        hint: check the address, and that the daemon listens there: `docker -H ADDRESS version`
        ");
    }
}
