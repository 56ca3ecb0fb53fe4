//! What a Compose file must hold beyond its shape.

use std::collections::BTreeSet;

use super::types::{File, Service};
use super::values::{self, Mount, Port};
use crate::error::{Error, Result};
use crate::yaml::Node;

pub(super) fn check(file: &File, node: &Node) -> Result<()> {
    let services = node.get("services");
    let mut errors = Vec::new();
    for (name, service) in &file.services {
        let place = services.and_then(|services| services.get(name)).unwrap_or(node);
        errors.extend(
            service_problems(file, name, service)
                .into_iter()
                .map(|(key, message)| place.get(key).unwrap_or(place).error(format!("service `{name}`: {message}"))),
        );
    }
    errors.extend(port_clash(file).map(|message| services.unwrap_or(node).error(message)));
    if let Some(cycle) = cycle(file) {
        errors.push(services.unwrap_or(node).error(format!("services depend on each other in a circle: {cycle}")));
    }
    Error::all(errors)
}

/// Problems of one service, each with the key it stands under.
fn service_problems(file: &File, name: &str, service: &Service) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    let mut say = |key, message: String| problems.push((key, message));
    if service.image.is_empty() {
        say("image", "it names no image".into());
    }
    for port in &service.ports {
        Port::parse(port).err().into_iter().for_each(|message| say("ports", message));
    }
    for volume in &service.volumes {
        match Mount::parse(volume) {
            Err(message) => say("volumes", message),
            Ok(Mount::Volume { key, .. }) if !file.volumes.contains_key(&key) => {
                say("volumes", format!("the volume `{key}` does not exist"))
            }
            Ok(Mount::Files { service, .. }) if service != name => {
                say("volumes", format!("it mounts the files of `{service}`"))
            }
            Ok(_) => {}
        }
    }
    for secret in service.secrets.iter().filter(|secret| !file.secrets.contains_key(*secret)) {
        say("secrets", format!("the secret `{secret}` does not exist"));
    }
    for network in service
        .networks
        .iter()
        .filter(|network| *network != super::DEFAULT_NETWORK && !file.networks.contains_key(*network))
    {
        say("networks", format!("the network `{network}` does not exist"));
    }
    for needed in service.depends_on.keys().filter(|needed| !file.services.contains_key(*needed)) {
        say("depends_on", format!("the service `{needed}` does not exist"));
    }
    for (key, size) in [("mem_limit", &service.mem_limit), ("shm_size", &service.shm_size)] {
        if size.as_deref().is_some_and(|size| values::bytes(size).is_none()) {
            say(key, "must be a size, such as `512m` or `1g`".into());
        }
    }
    let check = service.healthcheck.iter().flat_map(|check| [&check.interval, &check.timeout, &check.start_period]);
    if check.chain([&service.stop_grace_period]).flatten().any(|text| values::duration(text).is_none()) {
        say("healthcheck", "a duration cannot be read; write `5s` or `1m30s`".into());
    }
    if service
        .restart
        .as_deref()
        .is_some_and(|policy| !matches!(policy, "no" | "always" | "unless-stopped" | "on-failure"))
    {
        say("restart", "it is one of `no`, `always`, `unless-stopped`, `on-failure`".into());
    }
    let owner = service.user.as_deref().unwrap_or("0:0");
    if !service.secrets.is_empty() && values::user_ids(owner).is_none() {
        say("user", format!("`{owner}` must be numbers (`uid:gid`), because it becomes the owner of its secrets"));
    }
    problems
}

fn port_clash(file: &File) -> Option<String> {
    let ports = file
        .services
        .iter()
        .flat_map(|(name, service)| service.ports.iter().filter_map(move |text| Some((name, Port::parse(text).ok()?))));
    let mut seen: Vec<(&String, Port)> = Vec::new();
    for (name, port) in ports {
        if let Some((other, _)) = seen.iter().find(|(_, taken)| port.clashes(&taken.ip, taken.host, &taken.protocol)) {
            return Some(format!("services `{other}` and `{name}` both publish port {} on {}", port.host, port.ip));
        }
        seen.push((name, port));
    }
    None
}

fn cycle(file: &File) -> Option<String> {
    let ordered: BTreeSet<&str> = file.startup_order().into_iter().collect();
    let stuck: Vec<&str> = file.services.keys().map(String::as_str).filter(|name| !ordered.contains(name)).collect();
    (!stuck.is_empty() && file.services.values().all(|s| s.depends_on.keys().all(|d| file.services.contains_key(d))))
        .then(|| stuck.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use crate::compose::parse;

    fn refused(services: &str) -> String {
        parse("compose.yaml", &format!("name: a\nservices:\n{services}")).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_referred_to_must_be_there() {
        assert!(refused("  a: {image: a, secrets: [x]}\n").contains("the secret `x` does not exist"));
        assert!(refused("  a: {image: a, volumes: ['x:/x']}\n").contains("the volume `x` does not exist"));
        assert!(
            refused("  a: {image: a, depends_on: {x: {condition: service_started}}}\n")
                .contains("the service `x` does not exist")
        );
    }

    #[test]
    fn a_circle_of_dependencies_is_named() {
        let text = "  a: {image: a, depends_on: {b: {condition: service_started}}}\n  b: {image: b, depends_on: {a: {condition: service_started}}}\n";
        assert!(refused(text).contains("in a circle: `a`, `b`"));
    }

    #[test]
    fn a_port_published_twice_is_refused() {
        let text = "  a: {image: a, ports: ['127.0.0.1:80:80']}\n  b: {image: b, ports: ['0.0.0.0:80:81']}\n";
        assert!(refused(text).contains("both publish port 80"));
    }

    #[test]
    fn each_problem_of_a_service_is_named() {
        for (service, message) in [
            ("{}", "it names no image"),
            ("{image: a, ports: ['80']}", "`80` is"),
            ("{image: a, volumes: ['a']}", "`a` is"),
            ("{image: a, volumes: ['./files/b:/etc/watchpost/current:ro']}", "it mounts the files of `b`"),
            ("{image: a, networks: [x]}", "the network `x` does not exist"),
            ("{image: a, mem_limit: lots}", "`512m`"),
            ("{image: a, shm_size: lots}", "`512m`"),
            ("{image: a, stop_grace_period: soon}", "a duration cannot be read"),
            ("{image: a, healthcheck: {test: [NONE], interval: soon}}", "a duration cannot be read"),
            ("{image: a, healthcheck: {test: [NONE], timeout: soon}}", "a duration cannot be read"),
            ("{image: a, healthcheck: {test: [NONE], start_period: soon}}", "a duration cannot be read"),
            ("{image: a, restart: sometimes}", "`unless-stopped`"),
            ("{image: a, user: grafana, secrets: [pw]}", "`grafana` must be numbers"),
        ] {
            let text = format!("name: a\nservices:\n  a: {service}\nsecrets: {{pw: {{environment: PW}}}}\n");
            let error = parse("compose.yaml", &text).expect_err(service);
            assert!(error.message.starts_with("service `a`: ") && error.message.contains(message), "{}", error.message);
            assert_eq!((error.at.as_ref().map(|at| at.line), error.also.len()), (Some(3), 0), "{service}");
        }
    }

    #[test]
    fn what_is_in_order_is_accepted() {
        for service in [
            "{image: a, ports: ['127.0.0.1:80:80'], networks: [default, front]}",
            "{image: a, volumes: ['data:/data', './files/a:/etc/watchpost/current:ro', '/var:/var:ro']}",
            "{image: a, mem_limit: 512m, shm_size: 1g, stop_grace_period: 1m30s, restart: 'no'}",
            "{image: a, healthcheck: {test: [NONE], interval: 5s, timeout: 1s, start_period: 0s}}",
            "{image: a, user: '472:0', secrets: [pw]}",
            "{image: a, user: grafana}",
            "{image: a, secrets: [pw]}",
        ] {
            let text = format!(
                "name: a\nservices:\n  a: {service}\nvolumes: {{data: {{}}}}\nnetworks: {{front: {{}}}}\n\
                 secrets: {{pw: {{environment: PW}}}}\n"
            );
            assert!(parse("compose.yaml", &text).is_ok(), "{service}");
        }
    }

    #[test]
    fn ports_of_other_addresses_or_protocols_do_not_clash() {
        for ports in ["['127.0.0.1:80:80', '10.0.0.1:80:81']", "['127.0.0.1:80:80', '127.0.0.1:80:80/udp']"] {
            let text = format!("name: a\nservices:\n  a: {{image: a, ports: {ports}}}\n");
            assert!(parse("compose.yaml", &text).is_ok(), "{ports}");
        }
    }

    #[test]
    fn a_missing_service_is_no_circle() {
        let error = parse(
            "compose.yaml",
            "name: a\nservices:\n  a: {image: a, depends_on: {x: {condition: service_started}}}\n",
        )
        .expect_err("refused");
        assert_eq!(error.also.len(), 0, "{error}");
    }
}
