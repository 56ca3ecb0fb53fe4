//! What stands in the way: names and ports that belong to somebody else. Found before anything is touched.

use super::observed::{Observed, TakenPort};
use crate::compose::values::Port;
use crate::compose::{File, Service};
use crate::error::{Error, Result};

pub fn check(file: &File, observed: &Observed, changing: &[&str]) -> Result<()> {
    let mut errors: Vec<Error> = observed
        .foreign
        .iter()
        .map(|name| {
            Error::new(format!("{name} is already there and is not this stack's"))
                .cause("it does not carry the label `watchpost.stack` of this stack, so it is left alone")
                .hint("give this stack another name (`--name`, or `name:` in the spec), or remove it yourself")
        })
        .collect();
    for (key, network) in file.networks.iter().filter(|(_, network)| network.external) {
        let name = file.network_name(key);
        if !observed.networks.iter().any(|observed| observed.name == name) {
            errors.push(Error::new(format!("the network `{name}` does not exist on the Docker host")).hint(format!(
                "`docker network ls` lists them; create it with `docker network create {}`",
                network.name.as_ref().unwrap_or(&name)
            )));
        }
    }
    for name in changing {
        if let Some(service) = file.services.get(*name) {
            errors.extend(taken(name, service, observed));
        }
    }
    Error::all(errors)
}

/// Ports that the service wants to be published on and somebody else holds, each an error.
pub fn taken(name: &str, service: &Service, observed: &Observed) -> Vec<Error> {
    let error = |(port, taken): (Port, &TakenPort)| {
        Error::new(format!("port {} of {} is taken: {} holds it", port.host, port.ip, taken.holder))
            .cause(format!("service `{name}` wants to be published there"))
            .hint(format!("free it, or choose another: `--set {name}.port={}`", port.host.saturating_add(1)))
    };
    clashes(service, observed).into_iter().map(error).collect()
}

/// Ports that the service publishes and somebody else holds.
pub fn clashes<'a>(service: &Service, observed: &'a Observed) -> Vec<(Port, &'a TakenPort)> {
    let mut clashes = Vec::new();
    for port in service.ports.iter().filter_map(|text| Port::parse(text).ok()) {
        let held = observed.taken_ports.iter().find(|taken| port.clashes(&taken.ip, taken.port, &taken.protocol));
        clashes.extend(held.map(|taken| (port, taken)));
    }
    clashes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::observed::{Network, TakenPort};

    fn file() -> File {
        let text = "name: shop\nservices:\n  web: {image: web, ports: ['127.0.0.1:80:8080'], networks: [front]}\n\
                    networks: {front: {name: proxy, external: true}, back: {}}\n";
        crate::compose::parse("compose.yaml", text).expect("valid")
    }

    fn on(networks: &[&str]) -> Observed {
        let network =
            |name: &&str| Network { id: (*name).into(), name: (*name).into(), labels: BTreeMap::new(), ours: false };
        Observed { networks: networks.iter().map(network).collect(), ..Observed::default() }
    }

    #[test]
    fn a_network_of_others_must_exist_and_one_of_ours_need_not() {
        assert!(check(&file(), &on(&["proxy"]), &[]).is_ok());
        for networks in [&[][..], &["bridge", "shop_back"]] {
            let error = check(&file(), &on(networks), &[]).expect_err("refused");
            assert!(error.message.contains("network `proxy`") && error.also.is_empty(), "{}", error.message);
            assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("docker network create proxy")));
        }
    }

    #[test]
    fn only_services_that_change_need_their_ports() {
        let mut observed = on(&["proxy"]);
        observed.taken_ports = vec![TakenPort {
            ip: "0.0.0.0".into(),
            port: 80,
            protocol: "tcp".into(),
            holder: "another program".into(),
        }];
        assert!(check(&file(), &observed, &[]).is_ok());
        let error = check(&file(), &observed, &["web"]).expect_err("refused");
        assert!(error.message.contains("port 80 ") && error.message.contains("another program"), "{}", error.message);
        observed.taken_ports[0].protocol = "udp".into();
        assert!(check(&file(), &observed, &["web"]).is_ok());
    }
}
