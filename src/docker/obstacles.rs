//! What on the host would get in the way of a deployment: foreign objects with the stack's names, and taken ports.

use std::collections::BTreeSet;
use std::net::TcpListener;

use super::listener;
use crate::compose::values::Port;
use crate::compose::{File, Service};
use crate::plan::observed::{Container, Network, State, TakenPort, label};

/// What does not belong to the stack.
#[derive(Default)]
pub struct Others {
    pub containers: Vec<Container>,
    /// By name.
    pub volumes: Vec<String>,
}

/// Containers, volumes and networks that have the stack's names and do not belong to it.
pub fn foreign(file: &File, project: &str, others: &Others, networks: &[Network]) -> Vec<String> {
    let mut found = Vec::new();
    let names: BTreeSet<String> = file.services.keys().map(|service| file.container_name(service)).collect();
    for container in &others.containers {
        if names.contains(&container.name) || container.label(label::PROJECT) == project {
            found.push(format!("the container `{}`", container.name));
        }
    }
    let names = volume_names(file);
    for name in others.volumes.iter().filter(|name| names.contains(*name)) {
        found.push(format!("the volume `{name}`"));
    }
    let names = network_names(file);
    for network in networks.iter().filter(|network| !network.ours && names.contains(&network.name)) {
        found.push(format!("the network `{}`", network.name));
    }
    found
}

fn volume_names(file: &File) -> BTreeSet<String> {
    let mut names = BTreeSet::from([file.store_volume()]);
    for (key, volume) in &file.volumes {
        if !volume.external {
            names.insert(file.volume_name(key));
        }
    }
    for service in file.services.keys() {
        names.extend([file.files_volume(service), file.secrets_volume(service)]);
    }
    names
}

fn network_names(file: &File) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for key in file.services.values().flat_map(Service::network_keys) {
        if !file.networks.get(key).is_some_and(|network| network.external) {
            names.insert(file.network_name(key));
        }
    }
    names
}

/// Ports of the host that are taken: by other containers, and on this machine by programs where the stack wants them.
pub fn taken_ports(local: bool, file: &File, ours: &[Container], others: &[Container]) -> Vec<TakenPort> {
    let mut taken = Vec::new();
    for container in others {
        for port in &container.ports {
            taken.push(TakenPort {
                ip: port.ip.clone(),
                port: port.port,
                protocol: port.protocol.clone(),
                holder: format!("container `{}`", container.name),
            });
        }
    }
    if local && cfg!(target_os = "linux") {
        taken.extend(taken_by_programs(file, ours, &taken, program_on));
    }
    taken
}

/// Only programs of the host can refuse a port that no container holds. `program_on` names the one on a port.
fn taken_by_programs(
    file: &File,
    ours: &[Container],
    taken: &[TakenPort],
    program_on: impl Fn(&Port) -> Option<String>,
) -> Vec<TakenPort> {
    let mut found = Vec::new();
    for port in wanted_ports(file) {
        let ours_has_it = ours.iter().any(|container| holds(container, &port));
        let container_has_it = taken.iter().any(|held| port.clashes(&held.ip, held.port, &held.protocol));
        if port.protocol != "tcp" || ours_has_it || container_has_it {
            continue;
        }
        if let Some(holder) = program_on(&port) {
            found.push(TakenPort { ip: port.ip, port: port.host, protocol: port.protocol, holder });
        }
    }
    found
}

fn wanted_ports(file: &File) -> impl Iterator<Item = Port> {
    file.services.values().flat_map(|service| &service.ports).filter_map(|text| Port::parse(text).ok())
}

fn holds(container: &Container, port: &Port) -> bool {
    if container.ports.iter().any(|held| port.clashes(&held.ip, held.port, &held.protocol)) {
        return true;
    }
    // In a crash loop a container publishes its ports only now and then; its label has those it was deployed with.
    container.state == State::Restarting && deployed_ports(container).contains(port)
}

fn deployed_ports(container: &Container) -> Vec<Port> {
    let service: Service = serde_json::from_str(container.label(label::SERVICE)).unwrap_or_default();
    service.ports.iter().filter_map(|text| Port::parse(text).ok()).collect()
}

/// The program that holds a port of this machine; `None` when the port is free.
fn program_on(port: &Port) -> Option<String> {
    let bound = TcpListener::bind((port.ip.as_str(), port.host));
    if !bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse) {
        return None;
    }
    Some(listener::name(port.host).unwrap_or_else(|| "another program of the host".into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compose;
    use crate::plan::observed::PublishedPort;

    fn file() -> File {
        let service = Service {
            image: "prom/prometheus:v3".into(),
            ports: vec!["127.0.0.1:9090:9090".into()],
            ..Service::default()
        };
        let volume = |external| compose::Volume { external, ..compose::Volume::default() };
        File {
            name: "shop".into(),
            services: BTreeMap::from([("prometheus".to_owned(), service)]),
            volumes: BTreeMap::from([("data".to_owned(), volume(false)), ("theirs".to_owned(), volume(true))]),
            ..File::default()
        }
    }

    fn container(name: &str) -> Container {
        Container { name: name.into(), ..Container::default() }
    }

    fn publishing(name: &str, port: u16) -> Container {
        let published = PublishedPort { ip: "127.0.0.1".into(), port, container_port: 80, protocol: "tcp".into() };
        Container { ports: vec![published], ..container(name) }
    }

    #[test]
    fn foreign_objects_with_the_names_of_the_stack_are_found() {
        let file = file();
        let mut of_project = container("other");
        of_project.labels.insert(label::PROJECT.into(), "shop".into());
        let others = Others {
            containers: vec![container(&file.container_name("prometheus")), of_project, container("web")],
            volumes: vec![file.volume_name("data"), file.volume_name("theirs"), file.store_volume(), "web".into()],
        };
        let network =
            |ours| Network { id: "1".into(), name: file.network_name("default"), labels: BTreeMap::new(), ours };
        let found = foreign(&file, "shop", &others, &[network(false)]);
        assert_eq!(
            found,
            [
                format!("the container `{}`", file.container_name("prometheus")),
                "the container `other`".into(),
                format!("the volume `{}`", file.volume_name("data")),
                format!("the volume `{}`", file.store_volume()),
                format!("the network `{}`", file.network_name("default")),
            ]
        );
        assert!(foreign(&file, "shop", &Others::default(), &[network(true)]).is_empty());
    }

    #[test]
    fn a_port_is_taken_by_a_program_only_where_no_container_holds_it() {
        let program = |_: &Port| Some("`nginx` (process 1)".to_owned());
        let by_program = |ours: &[Container], taken: &[TakenPort]| taken_by_programs(&file(), ours, taken, program);
        let found = by_program(&[], &[]);
        assert_eq!((found[0].port, found[0].holder.as_str()), (9090, "`nginx` (process 1)"));
        assert!(by_program(&[publishing("ours", 9090)], &[]).is_empty(), "our own container holds it");
        assert_eq!(by_program(&[publishing("ours", 9091)], &[]).len(), 1);
        let taken = taken_ports(false, &file(), &[], &[publishing("web", 9090)]);
        assert_eq!(taken[0].holder, "container `web`");
        assert!(by_program(&[], &taken).is_empty(), "another container holds it");
        assert!(taken_by_programs(&file(), &[], &[], |_| None).is_empty(), "nobody holds it");
    }

    #[test]
    fn a_container_in_a_crash_loop_holds_the_ports_it_was_deployed_with() {
        let mut looping = container("ours");
        looping.labels.insert(label::SERVICE.into(), r#"{"image": "x", "ports": ["127.0.0.1:9090:9090"]}"#.into());
        looping.state = State::Restarting;
        let program = |_: &Port| Some("a program".to_owned());
        assert!(taken_by_programs(&file(), &[looping.clone()], &[], program).is_empty());
        looping.state = State::Exited;
        assert_eq!(taken_by_programs(&file(), &[looping], &[], program).len(), 1);
    }
}
