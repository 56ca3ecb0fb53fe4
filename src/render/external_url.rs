//! Where people open a service: what the links in its messages begin with.

use serde_json::{Map, Value};

use crate::spec::resolve::{Instance, Resolved};

/// Questions that give the whole address, by component.
const QUESTIONS: [(&str, &str); 3] =
    [("prometheus", "external_url"), ("alertmanager", "external_url"), ("grafana", "root_url")];

/// The host in links of every service that does not say otherwise: the spec's `address`, or what it is reached by.
pub(super) fn address(resolved: &Resolved<'_>) -> Value {
    resolved.address.as_deref().map(bracketed).map_or(Value::Null, Value::from)
}

/// The name or address in `ssh://ops@db1`, for services that are published on all addresses of that host.
pub(super) fn docker_host(resolved: &Resolved<'_>) -> Value {
    let (scheme, rest) = resolved.host.as_deref().and_then(|host| host.split_once("://")).unwrap_or_default();
    if !matches!(scheme, "ssh" | "tcp" | "http" | "https") {
        return Value::Null;
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    if host.is_empty() { Value::Null } else { Value::from(host) }
}

/// A component's own answer, the spec's `address`, the address that its port is published on, the Docker host's name; where
/// all of that is missing, `localhost`, which works on the host itself. Empty for components that put no links into messages.
pub(super) fn of(shared: &Map<String, Value>, instance: &Instance<'_>) -> String {
    let component = instance.component.manifest.name.as_str();
    let Some((_, question)) = QUESTIONS.iter().find(|(name, _)| *name == component) else { return String::new() };
    let text = |key: &str| instance.answers.get(key).and_then(Value::as_str).unwrap_or_default();
    if !text(question).is_empty() {
        return text(question).to_owned();
    }
    let port = instance.answers.get("port").and_then(Value::as_u64).unwrap_or_default();
    let bind = text("bind");
    let shared = |key: &str| shared.get(key).and_then(Value::as_str);
    let on_all = matches!(bind, "" | "0.0.0.0" | "::" | "[::]");
    let on_one = !on_all && !is_loopback(bind);
    let host = match shared("address") {
        Some(address) => address.to_owned(),
        None if on_one => bracketed(bind),
        None => shared("docker_host").filter(|_| on_all).unwrap_or("localhost").to_owned(),
    };
    format!("http://{host}:{port}/")
}

fn is_loopback(bind: &str) -> bool {
    bind.starts_with("127.") || matches!(bind, "localhost" | "::1" | "[::1]")
}

/// An IPv6 address stands in brackets before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::render::context;
    use crate::spec::{self, OwnFiles, resolve};

    /// The addresses of Prometheus, Alertmanager and Grafana.
    fn urls(text: &str) -> [String; 3] {
        let catalog = Catalog::embedded().expect("valid");
        let spec = spec::read("watchpost.yaml", text).expect("valid");
        let resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
        let shared = context::shared(&resolved);
        ["prometheus", "alertmanager", "grafana"]
            .map(|name| of(&shared, resolved.instance_of(name).expect("an instance")))
    }

    #[test]
    fn the_most_explicit_address_wins() {
        let local = ["http://localhost:9090/", "http://localhost:9093/", "http://localhost:3000/"];
        assert_eq!(urls(""), local);
        let components =
            "components: {prometheus: {bind: 0.0.0.0}, alertmanager: {bind: 10.0.0.5}, grafana: {bind: 127.0.0.2}}\n";
        assert_eq!(urls(components), ["http://localhost:9090/", "http://10.0.0.5:9093/", "http://localhost:3000/"]);
        let remote = urls(&format!("host: ssh://ops@db1:22\n{components}"));
        assert_eq!(remote, ["http://db1:9090/", "http://10.0.0.5:9093/", "http://localhost:3000/"]);
        let named = urls(&format!("address: monitor.example.org\n{components}"));
        let host = "http://monitor.example.org";
        assert_eq!(named, [9090, 9093, 3000].map(|port| format!("{host}:{port}/")));
        let proxied = urls(
            "address: monitor.example.org\ncomponents: {prometheus: {external_url: 'https://m.example.org/prom'}, \
             alertmanager: {port: 19093}, grafana: {root_url: 'https://g.example.org/'}}\n",
        );
        assert_eq!(
            proxied,
            ["https://m.example.org/prom", "http://monitor.example.org:19093/", "https://g.example.org/"]
        );
        assert_eq!(urls("address: '2001:db8::1'")[0], "http://[2001:db8::1]:9090/");
    }

    #[test]
    fn the_docker_host_is_named_by_addresses_that_have_one() {
        for (host, expected) in [
            ("ssh://ops@db1", Value::from("db1")),
            ("tcp://10.0.0.1:2375", Value::from("10.0.0.1")),
            ("tcp://[::1]:2375", Value::from("[::1]")),
            ("unix:///run/docker.sock", Value::Null),
            ("nonsense", Value::Null),
        ] {
            let catalog = Catalog::embedded().expect("valid");
            let spec = spec::read("watchpost.yaml", &format!("host: '{host}'")).expect("valid");
            let resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
            assert_eq!(docker_host(&resolved), expected, "{host}");
        }
    }
}
