//! Networks, volumes and containers, created as a service's settings say.
//!
//! A container carries its service's settings as the label `watchpost.service`, so that the next plan can say what changed and
//! not only that something did. It mounts a volume at `/etc/watchpost` whose `current` is a link to the folder named after
//! the files' hash; plain Compose mounts a folder there instead. Old folders stay: the archive call cannot delete.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType, MountVolumeOptions, NetworkConnectRequest,
    NetworkCreateRequest, NetworkingConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum, VolumeCreateRequest,
};
use bollard::query_parameters::CreateContainerOptions;

use super::connect::Client;
use super::{daemon_message, failed, status_code};
use crate::compose::values::{self, Mount as Mounted, Port, SECRETS_TARGET};
use crate::compose::{self, File, Service};
use crate::error::{Error, Result};
use crate::plan::observed::label;
use crate::plan::operation::VolumeRole;

/// Where the files volume is mounted; `current` below it is a link.
const FILES_ROOT: &str = "/etc/watchpost";
/// Reported to Compose as the version that made the stack.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub async fn network(client: &Client, file: &File, key: &str, name: &str) -> Result<()> {
    let labels = stack_labels(file, [("com.docker.compose.network", key), ("com.docker.compose.version", VERSION)]);
    let request = NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".into()),
        labels: Some(labels),
        ..Default::default()
    };
    client.docker.create_network(request).await.map_err(failed(format!("the network `{name}` cannot be created")))?;
    Ok(())
}

pub async fn volume(client: &Client, file: &File, name: &str, role: VolumeRole, fingerprint_key: &str) -> Result<()> {
    let key = file.volumes.keys().find(|key| file.volume_name(key) == name).map_or("", String::as_str);
    let role_name = match role {
        VolumeRole::Data => "data",
        VolumeRole::Files => "files",
        VolumeRole::Secrets => "secrets",
        VolumeRole::Store => "store",
    };
    let mut labels = stack_labels(file, [("com.docker.compose.version", VERSION), (label::ROLE, role_name)]);
    if !key.is_empty() {
        labels.insert("com.docker.compose.volume".into(), key.into());
    }
    if role == VolumeRole::Store {
        labels.insert(label::FINGERPRINT_KEY.into(), fingerprint_key.into());
    }
    let declared = file.volumes.get(key).cloned().unwrap_or_default();
    let request = VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: declared.driver,
        driver_opts: Some(declared.driver_opts.into_iter().collect()),
        labels: Some(labels),
        ..Default::default()
    };
    client.docker.create_volume(request).await.map_err(failed(format!("the volume `{name}` cannot be created")))?;
    Ok(())
}

fn stack_labels<const N: usize>(file: &File, more: [(&str, &str); N]) -> HashMap<String, String> {
    let own = [(label::STACK, file.name.as_str()), (label::PROJECT, file.name.as_str())];
    own.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Labels of a container beyond its service's own settings.
pub struct Marks<'a> {
    pub files: &'a str,
    pub secrets: &'a str,
}

/// Creates the service's container under its Compose name and connects it to its networks; returns its id.
pub async fn container(client: &Client, file: &File, name: &str, marks: &Marks<'_>) -> Result<String> {
    let service = &file.services[name];
    let container_name = file.container_name(name);
    let body = body(file, name, service, marks)?;
    let options = CreateContainerOptions { name: Some(container_name.clone()), ..Default::default() };
    let created = client.docker.create_container(Some(options), body).await.map_err(|error| {
        let taken = status_code(&error) == Some(409);
        let error =
            Error::new(format!("the container `{container_name}` cannot be created")).cause(daemon_message(&error));
        if taken {
            error.hint("another run deploys this stack at the same time; try again when it has finished")
        } else {
            error
        }
    })?;
    // Engines before API 1.44 accept one network at creation.
    for key in service.network_keys().into_iter().skip(1) {
        let network = file.network_name(key);
        let request =
            NetworkConnectRequest { container: created.id.clone(), endpoint_config: Some(endpoint(file, name)) };
        let connected = client.docker.connect_network(&network, request).await;
        connected.map_err(failed(format!("`{container_name}` cannot be connected to the network `{network}`")))?;
    }
    Ok(created.id)
}

fn endpoint(file: &File, service: &str) -> EndpointSettings {
    EndpointSettings { aliases: Some(vec![service.to_owned(), file.container_name(service)]), ..Default::default() }
}

fn body(file: &File, name: &str, service: &Service, marks: &Marks<'_>) -> Result<ContainerCreateBody> {
    let ports: Vec<Port> =
        service.ports.iter().map(|port| Port::parse(port).map_err(Error::new)).collect::<Result<_>>()?;
    let first = file.network_name(service.network_keys()[0]);
    let environment = service.environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Ok(ContainerCreateBody {
        image: Some(service.image.clone()),
        entrypoint: service.entrypoint.clone(),
        cmd: service.command.clone(),
        user: service.user.clone(),
        env: Some(environment),
        hostname: service.hostname.clone(),
        labels: Some(labels(file, name, service, marks)),
        healthcheck: service.healthcheck.as_ref().map(healthcheck),
        stop_timeout: service
            .stop_grace_period
            .as_deref()
            .and_then(values::duration)
            .map(|time| time.as_secs().cast_signed()),
        exposed_ports: Some(ports.iter().map(|port| format!("{}/{}", port.container, port.protocol)).collect()),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(first.clone(), endpoint(file, name))])),
        }),
        host_config: Some(host_config(file, name, service, &ports, first)?),
        ..Default::default()
    })
}

fn labels(file: &File, name: &str, service: &Service, marks: &Marks<'_>) -> HashMap<String, String> {
    let depends: Vec<String> = service
        .depends_on
        .iter()
        .map(|(needed, dependency)| match dependency.condition {
            compose::Condition::ServiceStarted => format!("{needed}:service_started:false"),
            compose::Condition::ServiceHealthy => format!("{needed}:service_healthy:false"),
        })
        .collect();
    let mut labels = stack_labels(
        file,
        [
            (label::COMPOSE_SERVICE, name),
            (label::CONFIG_HASH, &compose::hash(service)),
            ("com.docker.compose.container-number", "1"),
            ("com.docker.compose.oneoff", "False"),
            ("com.docker.compose.version", VERSION),
            ("com.docker.compose.project.config_files", "compose.yaml"),
            ("com.docker.compose.project.working_dir", "/"),
            ("com.docker.compose.depends_on", &depends.join(",")),
            ("com.docker.compose.image", &service.image),
            (label::SERVICE, &compose::canonical(service)),
            (label::FILES, marks.files),
            (label::SECRETS, marks.secrets),
        ],
    );
    labels.extend(service.labels.clone());
    labels
}

fn healthcheck(check: &compose::Healthcheck) -> HealthConfig {
    let nanos = |text: &Option<String>| text.as_deref().and_then(values::duration).map(|time| time.as_nanos() as i64);
    HealthConfig {
        test: Some(check.test.clone()),
        interval: nanos(&check.interval),
        timeout: nanos(&check.timeout),
        retries: check.retries.map(i64::from),
        start_period: nanos(&check.start_period),
        start_interval: None,
    }
}

/// Compose's word for a restart policy in Docker's; without one, a container is never restarted.
pub fn restart_policy(restart: Option<&str>) -> RestartPolicyNameEnum {
    match restart {
        Some("always") => RestartPolicyNameEnum::ALWAYS,
        Some("unless-stopped") => RestartPolicyNameEnum::UNLESS_STOPPED,
        Some("on-failure") => RestartPolicyNameEnum::ON_FAILURE,
        _ => RestartPolicyNameEnum::NO,
    }
}

fn host_config(file: &File, name: &str, service: &Service, ports: &[Port], network: String) -> Result<HostConfig> {
    let policy = restart_policy(service.restart.as_deref());
    let bytes = |text: &Option<String>| text.as_deref().and_then(values::bytes).map(u64::cast_signed);
    let logging = service.logging.as_ref().map(|logging| HostConfigLogConfig {
        typ: Some(logging.driver.clone()),
        config: Some(logging.options.clone().into_iter().collect()),
    });
    Ok(HostConfig {
        mounts: Some(mounts(file, name, service)?),
        tmpfs: Some(service.tmpfs.iter().map(|text| split(text, ':')).collect()),
        network_mode: Some(network),
        port_bindings: Some(port_bindings(ports)),
        restart_policy: Some(RestartPolicy { name: Some(policy), maximum_retry_count: None }),
        readonly_rootfs: service.read_only,
        cap_drop: service.cap_drop.clone(),
        cap_add: Some(service.cap_add.clone()),
        security_opt: service.security_opt.clone(),
        privileged: service.privileged,
        pid_mode: service.pid.clone(),
        group_add: Some(service.group_add.clone()),
        extra_hosts: Some(service.extra_hosts.clone()),
        memory: bytes(&service.mem_limit),
        shm_size: bytes(&service.shm_size),
        pids_limit: service.pids_limit,
        init: service.init,
        log_config: logging,
        devices: Some(service.devices.iter().map(|text| device(text)).collect()),
        ..Default::default()
    })
}

/// `a:b` to its parts; the second may be missing.
fn split(text: &str, at: char) -> (String, String) {
    let (first, second) = text.split_once(at).unwrap_or((text, ""));
    (first.to_owned(), second.to_owned())
}

/// `HOST[:CONTAINER[:PERMISSIONS]]`
fn device(text: &str) -> DeviceMapping {
    let mut parts = text.split(':');
    let host = parts.next().unwrap_or_default();
    DeviceMapping {
        path_on_host: Some(host.to_owned()),
        path_in_container: Some(parts.next().unwrap_or(host).to_owned()),
        cgroup_permissions: Some(parts.next().unwrap_or("rwm").to_owned()),
    }
}

fn port_bindings(ports: &[Port]) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: BTreeMap<String, Vec<PortBinding>> = BTreeMap::new();
    for port in ports {
        let binding = PortBinding { host_ip: Some(port.ip.clone()), host_port: Some(port.host.to_string()) };
        bindings.entry(format!("{}/{}", port.container, port.protocol)).or_default().push(binding);
    }
    bindings.into_iter().map(|(port, bindings)| (port, Some(bindings))).collect()
}

fn mounts(file: &File, name: &str, service: &Service) -> Result<Vec<Mount>> {
    let named = |volume: String, target: String, read_only: bool, no_copy: bool| Mount {
        target: Some(target),
        source: Some(volume),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        volume_options: no_copy.then(|| MountVolumeOptions { no_copy: Some(true), ..Default::default() }),
        ..Default::default()
    };
    let mut mounts = Vec::new();
    for text in &service.volumes {
        mounts.push(match Mounted::parse(text).map_err(Error::new)? {
            Mounted::Files { service, .. } => named(file.files_volume(&service), FILES_ROOT.into(), true, true),
            Mounted::Volume { key, target, read_only } => named(file.volume_name(&key), target, read_only, false),
            Mounted::HostPath { source, target, read_only, propagation } => Mount {
                target: Some(target),
                source: Some(source),
                typ: Some(MountType::BIND),
                read_only: Some(read_only),
                bind_options: Some(MountBindOptions {
                    propagation: propagation.as_deref().map(propagation_of),
                    ..Default::default()
                }),
                ..Default::default()
            },
        });
    }
    if !service.secrets.is_empty() {
        mounts.push(named(file.secrets_volume(name), SECRETS_TARGET.into(), true, true));
    }
    Ok(mounts)
}

fn propagation_of(text: &str) -> MountBindOptionsPropagationEnum {
    match text {
        "rslave" => MountBindOptionsPropagationEnum::RSLAVE,
        "slave" => MountBindOptionsPropagationEnum::SLAVE,
        "rshared" => MountBindOptionsPropagationEnum::RSHARED,
        "shared" => MountBindOptionsPropagationEnum::SHARED,
        "private" => MountBindOptionsPropagationEnum::PRIVATE,
        _ => MountBindOptionsPropagationEnum::RPRIVATE,
    }
}
