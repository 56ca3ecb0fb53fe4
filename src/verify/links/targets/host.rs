//! Targets on the Docker host itself, which containers see as another machine.

use std::net::IpAddr;

use crate::clients::prometheus::Target;
use crate::clients::prometheus::scrape::{ScrapeFailure, address};
use crate::fix::Fix;

/// The name under which containers find the Docker host; its value is in `extra_hosts`.
pub const HOST: &str = "host.docker.internal";
/// Docker's own bridge, whose gateway is the host.
const BRIDGE: &str = "172.17.0.1";

pub fn means_host(host: &str) -> bool {
    host == HOST || host == BRIDGE
}

/// Does the name mean the container that asks?
pub fn means_itself(host: &str) -> bool {
    matches!(host, "localhost" | "[::1]" | "0.0.0.0") || host.starts_with("127.")
}

/// Why a target on the host fails, and what changes that; `None` when it is elsewhere or fails for another reason.
/// `listening`: addresses of the host that the port is open on, where they are known.
pub fn explain(target: &Target, failure: ScrapeFailure, listening: Option<&[IpAddr]>) -> Option<(String, Fix)> {
    use ScrapeFailure::{NoHost, NoRoute, Refused, TimedOut};
    let (host, port) = address(&target.scrape_url);
    let job = target.label("job");
    let spec = |what: String| Fix::spec("targets", what).then(Fix::up());
    if means_itself(host) && matches!(failure, Refused | TimedOut | NoRoute) {
        let what = format!("`{host}` is Prometheus's own container, where nothing listens on port {port}");
        let name = format!("in the job `{job}`, write `{HOST}:{port}` for the Docker host, or the container's name");
        return Some((what, spec(name)));
    }
    if !means_host(host) {
        return None;
    }
    let blocked = |how: &str| {
        let what = format!("the Docker host's firewall {how} what containers send to port {port}");
        let allow =
            format!("let containers in on the host: `ufw allow from 172.16.0.0/12 to any port {port} proto tcp`");
        (what, Fix::words(allow))
    };
    let loopback = |open: &[IpAddr]| !open.is_empty() && open.iter().all(IpAddr::is_loopback);
    match (failure, listening) {
        (NoHost, _) => {
            let what = format!("Prometheus's container does not know `{HOST}`");
            Some((what, Fix::up()))
        }
        (Refused | TimedOut | NoRoute, Some([])) => {
            let what = format!("nothing listens on port {port} of the Docker host");
            Some((what, spec(format!("start the application, or correct the port of the job `{job}`"))))
        }
        (Refused | TimedOut | NoRoute, Some(open)) if loopback(open) => {
            let what = format!("the application listens on {}:{port} only, where containers cannot reach it", open[0]);
            Some((
                what,
                Fix::words(format!(
                    "let the application listen on {BRIDGE}:{port}, Docker's bridge, or on 0.0.0.0:{port}"
                )),
            ))
        }
        (TimedOut, _) => Some(blocked("drops")),
        (NoRoute, _) => Some(blocked("rejects")),
        (Refused, Some(open)) => {
            let what = format!("the Docker host accepts port {port} on {} only, or its firewall rejects it", open[0]);
            Some((what, Fix::words(format!("let the application listen on 0.0.0.0:{port}"))))
        }
        (Refused, None) => {
            let what = format!("nothing listens on port {port} of the Docker host, or on its loopback address only");
            let how = format!("let the application listen on 0.0.0.0:{port}, or correct the port of the job `{job}`");
            Some((what, spec(how)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(host: &str, error: &str, listening: Option<&[&str]>) -> Option<(String, String)> {
        let target: Target = serde_json::from_value(serde_json::json!({
            "labels": {"job": "app", "instance": "i"}, "scrapePool": "app", "lastError": error, "lastScrape": "",
            "scrapeUrl": format!("http://{host}:8080/metrics"), "health": "down", "scrapeTimeout": "10s",
        }))
        .expect("a target");
        let listening: Option<Vec<IpAddr>> =
            listening.map(|all| all.iter().map(|ip| ip.parse().expect("an address")).collect());
        let found = explain(&target, target.failure().failure, listening.as_deref())?;
        Some((found.0, found.1.to_string()))
    }

    #[test]
    fn each_cause_of_a_target_on_the_host_has_its_own_fix() {
        let refused = "dial tcp 172.17.0.1:8080: connect: connection refused";
        let timeout = "context deadline exceeded";
        let mut text = String::new();
        for (name, host, error, listening) in [
            ("itself", "localhost", refused, None),
            ("unknown", HOST, "lookup host.docker.internal on 127.0.0.11:53: no such host", None),
            ("nothing", HOST, refused, Some(&[][..])),
            ("loopback", HOST, refused, Some(&["127.0.0.1", "::1"][..])),
            ("firewall", HOST, timeout, Some(&["0.0.0.0"][..])),
            ("firewalld", BRIDGE, "dial tcp 172.17.0.1:8080: connect: no route to host", Some(&["::"][..])),
            ("one address", HOST, refused, Some(&["192.168.1.5"][..])),
            ("elsewhere", HOST, refused, None),
        ] {
            let (what, fix) = told(host, error, listening).expect(name);
            text += &format!("{name}: {what}\n  fix: {fix}\n");
        }
        insta::assert_snapshot!(text, @r"
        itself: `localhost` is Prometheus's own container, where nothing listens on port 8080
          fix: in watchpost.yaml under `targets`: in the job `app`, write `host.docker.internal:8080` for the Docker host, or the container's name, then watchpost up
        unknown: Prometheus's container does not know `host.docker.internal`
          fix: watchpost up
        nothing: nothing listens on port 8080 of the Docker host
          fix: in watchpost.yaml under `targets`: start the application, or correct the port of the job `app`, then watchpost up
        loopback: the application listens on 127.0.0.1:8080 only, where containers cannot reach it
          fix: let the application listen on 172.17.0.1:8080, Docker's bridge, or on 0.0.0.0:8080
        firewall: the Docker host's firewall drops what containers send to port 8080
          fix: let containers in on the host: `ufw allow from 172.16.0.0/12 to any port 8080 proto tcp`
        firewalld: the Docker host's firewall rejects what containers send to port 8080
          fix: let containers in on the host: `ufw allow from 172.16.0.0/12 to any port 8080 proto tcp`
        one address: the Docker host accepts port 8080 on 192.168.1.5 only, or its firewall rejects it
          fix: let the application listen on 0.0.0.0:8080
        elsewhere: nothing listens on port 8080 of the Docker host, or on its loopback address only
          fix: in watchpost.yaml under `targets`: let the application listen on 0.0.0.0:8080, or correct the port of the job `app`, then watchpost up
        ");
    }

    #[test]
    fn other_targets_and_other_failures_are_not_the_hosts() {
        assert_eq!(told("shop", "connect: connection refused", Some(&[])), None);
        assert_eq!(told(HOST, "server returned HTTP status 404 Not Found", Some(&["0.0.0.0"])), None);
        assert_eq!(told("localhost", "server returned HTTP status 404 Not Found", None), None);
    }
}
