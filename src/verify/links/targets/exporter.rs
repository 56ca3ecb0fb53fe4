//! Exporters that answer and do not reach what they watch: what their manifests say of their failures.

use std::collections::BTreeMap;

use super::host;
use super::look::{CutOff, TargetsSnapshot};
use crate::catalog::failure::{Explained, FailureFix, explain};
use crate::clients::prometheus::Target;
use crate::clients::prometheus::scrape::ScrapeFailure;
use crate::compose::{self, Secret};
use crate::deployed::stack::Deployed;
use crate::docker::{self, Neighbour};
use crate::fix::Fix;
use crate::plan::observed::{State, label};
use crate::reason;
use crate::report::Finding;
use crate::verify::snapshot::Snapshot;

type Logs = BTreeMap<String, Vec<String>>;

/// An exporter that gives no answer because it waits for what it watches: its log says for what.
pub fn silent(snapshot: &Snapshot<'_>, logs: &Logs, target: &Target) -> Option<CutOff> {
    // One that cannot be reached itself waits for nothing.
    if !matches!(target.failure().failure, ScrapeFailure::TimedOut | ScrapeFailure::Other) {
        return None;
    }
    let instance = target.address().0;
    let deployed = snapshot.services.get(instance)?;
    let manifest = &snapshot.catalog.components.get(deployed.component())?.manifest;
    manifest.scrape.as_ref()?.up.as_ref()?;
    reason::errors(logs.get(instance)?).next()?;
    Some(CutOff { job: target.label("job").to_owned(), instance: instance.to_owned(), ..CutOff::default() })
}

/// The host that its reason names, to look for.
pub fn server(snapshot: &Snapshot<'_>, logs: &Logs, exporter: &CutOff) -> Option<String> {
    known(snapshot, logs, exporter)?.0.host
}

/// Its failure as the manifest explains it, and the reason that it gives itself.
fn known(snapshot: &Snapshot<'_>, logs: &Logs, exporter: &CutOff) -> Option<(Explained, String)> {
    let deployed = snapshot.services.get(&exporter.instance)?;
    let failures = &snapshot.catalog.components.get(deployed.component())?.manifest.failures;
    let log = logs.get(&exporter.instance).map(Vec::as_slice).unwrap_or_default();
    explain(failures, exporter.reason.clone().into_iter().chain(reason::errors(log)))
}

/// Why it does not reach what it watches, and what fixes that.
pub fn cut_off(snapshot: &Snapshot<'_>, targets: &TargetsSnapshot, exporter: &CutOff) -> Finding {
    let CutOff { job, instance, .. } = exporter;
    let name = format!("{job}/{instance}");
    let id = format!("target:{name}");
    if exporter.reaches {
        return Finding::not_checked(id, &name, "reaches what it watches again, and was not scraped since")
            .fix(Fix::watchpost(["verify"]).note("a little later"));
    }
    let finding = |what: &str| Finding::broken(&id, &name, what);
    let Some(deployed) = snapshot.services.get(instance) else {
        let log = Fix::words(format!("read the log of the exporter `{instance}`"));
        return finding("the exporter does not reach what it watches").fix(log);
    };
    if let Some(network) = lost_networks(deployed).first() {
        return finding(&format!("its container is no longer on the network `{network}`")).fix(recreate(deployed));
    }
    if let Some((explained, reason)) = known(snapshot, &targets.logs, exporter) {
        let found = finding(&explained.means).why(format!("the exporter says: {reason}"));
        return repaired(snapshot, found, &explained, exporter, deployed);
    }
    let log = targets.logs.get(instance).map(Vec::as_slice).unwrap_or_default();
    let Some(reason) = exporter.reason.clone().or_else(|| docker::error_or_last_line(log)) else {
        return finding("the exporter does not reach what it watches, and its log does not say why")
            .fix(Fix::watchpost(["logs", instance]).note("may show why"));
    };
    // In Go the cause comes last: `cannot open: pq: no such role`.
    let cause = reason.rsplit(": ").next().unwrap_or(&reason);
    let found = finding(cause).fix(Fix::watchpost(["logs", instance]).note("shows more"));
    if cause == reason { found } else { found.why(format!("the exporter says: {reason}")) }
}

fn repaired(
    snapshot: &Snapshot<'_>,
    found: Finding,
    explained: &Explained,
    exporter: &CutOff,
    deployed: &Deployed,
) -> Finding {
    let instance = &exporter.instance;
    match explained.fix {
        FailureFix::Server => found.fix(Fix::words(&explained.how)),
        FailureFix::Setting => {
            let how = format!("for `{instance}`, {}", explained.how);
            found.fix(Fix::spec("components", how).then(Fix::up()))
        }
        FailureFix::Secret => found.fix(password(snapshot, instance, deployed)),
        FailureFix::Address => {
            let host = explained.host.as_deref().unwrap_or_default();
            if host::means_itself(host) {
                let why = format!("`{host}` is the exporter's own container");
                let other = format!("for `{instance}`, write `{}` or the container's name", host::HOST);
                return found.why(why).fix(Fix::spec("components", other).then(Fix::up()));
            }
            if let Some((why, fix)) = absent(host, &exporter.servers, deployed) {
                return found.why(why).fix(fix);
            }
            let correct = format!("start the server, or correct the address of `{instance}`");
            found.fix(Fix::spec("components", correct).then(Fix::up()))
        }
    }
}

/// Why a container that is meant by `host` cannot be reached from `from`, where that is known, and what changes it.
pub fn absent(host: &str, meant: &[Neighbour], from: &Deployed) -> Option<(String, Fix)> {
    let own = &from.container.addresses;
    let Some(found) = meant.first() else {
        let is_name = !host.is_empty() && !host.contains(['.', ':']);
        let why = format!("this Docker host has no container or service `{host}`");
        return is_name.then(|| (why, Fix::words(format!("start `{host}`, or correct its name in the spec"))));
    };
    let name = &found.name;
    match found.state {
        State::Paused => Some((format!("the container `{name}` is paused"), Fix::docker(["unpause", name]))),
        State::Running if found.networks.iter().any(|network| own.contains_key(network)) => None,
        State::Running => {
            let network = found.networks.first()?;
            let service = &from.container.service;
            let why = format!("the container `{name}` is on the network `{network}`, and `{service}` is not");
            let join = Fix::spec("components", format!("set `network: {network}` of `{service}`")).then(Fix::up());
            Some((why, join))
        }
        State::Restarting => Some((
            format!("the container `{name}` keeps restarting"),
            Fix::docker(["logs", "--tail", "20", name]).note("shows why"),
        )),
        _ => Some((format!("the container `{name}` does not run"), Fix::docker(["start", name]))),
    }
}

/// Networks that the container was created on and has left.
pub fn lost_networks(deployed: &Deployed) -> Vec<String> {
    if !deployed.is_running() {
        return Vec::new();
    }
    let project = deployed.container.label(label::PROJECT);
    let real = |key: &str| match key {
        compose::DEFAULT_NETWORK => format!("{project}_{key}"),
        external => external.to_owned(),
    };
    let keys = deployed.service.network_keys().into_iter().map(real);
    keys.filter(|network| !deployed.container.addresses.contains_key(network)).collect()
}

/// Removes the container, so that `up` creates it on its networks.
pub fn recreate(deployed: &Deployed) -> Fix {
    Fix::docker(["rm", "-f", &deployed.container.name]).then(Fix::up())
}

fn password(snapshot: &Snapshot<'_>, instance: &str, deployed: &Deployed) -> Fix {
    let fix = match deployed.service.secrets.first() {
        Some(name) => Fix::words(format!("set {} to the server's password", secret(snapshot, name))),
        None => Fix::spec("components", format!("give `{instance}` a password")),
    };
    fix.then(Fix::up())
}

/// A secret by its name, with its source where the spec names one.
fn secret(snapshot: &Snapshot<'_>, name: &str) -> String {
    let secrets = snapshot.bundle.map(|bundle| &bundle.compose.secrets);
    let find = |name: &str| secrets.and_then(|all| all.get(name));
    let origin = find(name).and_then(|secret| secret.extension.as_ref()?.of.clone()).unwrap_or_else(|| name.to_owned());
    match find(&origin) {
        Some(Secret { environment: Some(variable), .. }) => format!("the secret `{origin}` (the variable {variable})"),
        Some(Secret { file: Some(file), .. }) => format!("the secret `{origin}` (the file {file})"),
        _ => format!("the secret `{origin}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::compose::Service;
    use crate::deployed::stack::{Services, testing};
    use crate::report::Verdict;

    /// An exporter on the stack's network and on `apps`.
    fn deployed(component: &str) -> Deployed {
        let networks = vec![compose::DEFAULT_NETWORK.to_owned(), "apps".to_owned()];
        let service = Service { networks, secrets: vec!["password".into()], ..Service::default() };
        let mut deployed = testing::deployed("shop", component, service);
        deployed.container.addresses.insert("apps".into(), "172.21.0.2".into());
        deployed
    }

    fn snapshot<'a>(catalog: &'a Catalog, component: &str) -> Snapshot<'a> {
        let services = Services::from([(component.to_owned(), deployed(component))]);
        Snapshot { services, ..Snapshot::empty(catalog) }
    }

    fn exporter(component: &str) -> CutOff {
        CutOff { job: "x".into(), instance: component.into(), ..CutOff::default() }
    }

    /// As the exporter says it: in its log or in its metric.
    fn judged(snapshot: &Snapshot<'_>, exporter: &CutOff, said: &str) -> Finding {
        let mut exporter = exporter.clone();
        let mut targets = TargetsSnapshot::default();
        match reason::reason(said) {
            Some(_) => drop(targets.logs.insert(exporter.instance.clone(), vec![said.to_owned()])),
            None => exporter.reason = Some(said.to_owned()),
        }
        cut_off(snapshot, &targets, &exporter)
    }

    #[test]
    fn every_usual_failure_of_every_exporter_has_its_words_and_its_fix() {
        let catalog = Catalog::embedded().expect("the catalog");
        let mut text = String::new();
        for (name, component) in &catalog.components {
            if component.manifest.scrape.as_ref().is_none_or(|scrape| scrape.up.is_none()) {
                continue;
            }
            assert!(!component.manifest.failures.is_empty(), "{name} says nothing of its failures");
            for failure in &component.manifest.failures {
                for example in &failure.examples {
                    let found = judged(&snapshot(&catalog, name), &exporter(name), example);
                    assert_eq!(
                        (found.verdict, found.id.as_str()),
                        (Verdict::Broken, format!("target:x/{name}").as_str())
                    );
                    text += &format!("{name}: {}\n  fix: {}\n", found.what, found.fix_text());
                }
            }
        }
        insta::assert_snapshot!(text, @r#"
        postgres-exporter: the host `dbx` does not exist
          fix: start `dbx`, or correct its name in the spec
        postgres-exporter: the host `db` does not exist
          fix: start `db`, or correct its name in the spec
        postgres-exporter: the host `db` does not exist
          fix: start `db`, or correct its name in the spec
        postgres-exporter: nothing listens on 172.20.0.2:5433
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `postgres-exporter`, then watchpost up
        postgres-exporter: the host 172.20.0.200 is unreachable
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `postgres-exporter`, then watchpost up
        postgres-exporter: the host 172.20.0.66 is unreachable
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `postgres-exporter`, then watchpost up
        postgres-exporter: password authentication failed: the server rejects the user `postgres` or its password
          fix: set the secret `password` to the server's password, then watchpost up
        postgres-exporter: password authentication failed: the server rejects the user `nobody` or its password
          fix: set the secret `password` to the server's password, then watchpost up
        postgres-exporter: the role `nologin_role` may not log in
          fix: run `ALTER ROLE "nologin_role" LOGIN` on the server
        postgres-exporter: the server has no database `shop`
          fix: in watchpost.yaml under `components`: for `postgres-exporter`, set `database` to one that exists, then watchpost up
        postgres-exporter: its role may not connect to the database `closed`
          fix: run `GRANT CONNECT ON DATABASE "closed"` to its role on the server
        postgres-exporter: the server's `pg_hba.conf` lets nobody in from 172.20.0.5 without TLS
          fix: in watchpost.yaml under `components`: for `postgres-exporter`, set `sslmode: require`, or let 172.20.0.5 in without TLS, then watchpost up
        postgres-exporter: the server's `pg_hba.conf` does not let `postgres` in from 172.20.0.5
          fix: add `host all postgres 172.20.0.5/32 scram-sha-256` to the server's `pg_hba.conf` and reload it
        postgres-exporter: the server has no TLS
          fix: in watchpost.yaml under `components`: for `postgres-exporter`, set `sslmode: disable`, or enable TLS on the server, then watchpost up
        postgres-exporter: the server's certificate fails the check: certificate signed by unknown authority
          fix: in watchpost.yaml under `components`: for `postgres-exporter`, set `sslmode: require`, which encrypts without the check, or give the server a certificate of a known authority for its name, then watchpost up
        postgres-exporter: the server's certificate fails the check: certificate is valid for other, not tlsdb
          fix: in watchpost.yaml under `components`: for `postgres-exporter`, set `sslmode: require`, which encrypts without the check, or give the server a certificate of a known authority for its name, then watchpost up
        postgres-exporter: the server has no connection left for it
          fix: raise `max_connections` or the role's limit on the server, or close connections
        postgres-exporter: the server has no connection left for it
          fix: raise `max_connections` or the role's limit on the server, or close connections
        postgres-exporter: its user has a blank, which the exporter cannot use
          fix: in watchpost.yaml under `components`: for `postgres-exporter`, set `user` to a role without a blank, then watchpost up
        redis-exporter: the host `cachex` does not exist
          fix: start `cachex`, or correct its name in the spec
        redis-exporter: nothing listens on 172.20.0.3:6380
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `redis-exporter`, then watchpost up
        redis-exporter: the host 172.20.0.200 is unreachable
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `redis-exporter`, then watchpost up
        redis-exporter: the server rejects the password
          fix: set the secret `password` to the server's password, then watchpost up
        redis-exporter: the server requires a password
          fix: set the secret `password` to the server's password, then watchpost up
        redis-exporter: the server requires a password
          fix: set the secret `password` to the server's password, then watchpost up
        redis-exporter: the server has no password, and rejects one
          fix: in watchpost.yaml under `components`: for `redis-exporter`, leave `password` out, then watchpost up
        redis-exporter: the user `lim` may not run `INFO`
          fix: run `ACL SETUSER lim +info` on the server
        redis-exporter: the user `default` may not run `INFO`
          fix: run `ACL SETUSER default +info` on the server
        redis-exporter: the server is in protected mode, which lets in its own machine only
          fix: set a password on the server and here, or turn `protected-mode` off there
        redis-exporter: what answers there is not Redis
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `redis-exporter`, then watchpost up
        redis-exporter: what answers there is not Redis
          fix: in watchpost.yaml under `components`: start the server, or correct the address of `redis-exporter`, then watchpost up
        "#);
    }

    #[test]
    fn an_unknown_reason_is_said_and_the_log_shows_more() {
        let catalog = Catalog::embedded().expect("the catalog");
        let snapshot = snapshot(&catalog, "redis-exporter");
        let line = "time=x level=error msg=\"Redis INFO err: LOADING Redis is loading the dataset\"";
        let found = judged(&snapshot, &exporter("redis-exporter"), line);
        assert_eq!(found.what, "LOADING Redis is loading the dataset");
        assert_eq!(found.why, ["the exporter says: Redis INFO err: LOADING Redis is loading the dataset"]);
        assert_eq!(found.fix_text(), "watchpost logs redis-exporter (shows more)");
    }

    #[test]
    fn an_old_reason_in_the_log_does_not_hide_the_one_of_now() {
        let catalog = Catalog::embedded().expect("the catalog");
        let snapshot = snapshot(&catalog, "postgres-exporter");
        let log = [
            "level=ERROR err=\"dial tcp: lookup db on 127.0.0.11:53: no such host\"",
            "level=INFO msg=\"scraped\"",
            "level=ERROR err=\"pq: SSL is not enabled on the server\"",
        ];
        let logs = [("postgres-exporter".to_owned(), log.map(str::to_owned).to_vec())].into();
        let found =
            cut_off(&snapshot, &TargetsSnapshot { logs, ..TargetsSnapshot::default() }, &exporter("postgres-exporter"));
        assert_eq!(found.what, "the server has no TLS");
    }

    #[test]
    fn an_exporter_that_reaches_its_server_again_is_not_broken() {
        let catalog = Catalog::embedded().expect("the catalog");
        let exporter = CutOff { reaches: true, ..exporter("redis-exporter") };
        let found = judged(&snapshot(&catalog, "redis-exporter"), &exporter, "NOAUTH Authentication required.");
        assert_eq!(found.verdict, Verdict::NotChecked);
    }

    #[test]
    fn an_exporter_that_lost_its_network_is_created_again() {
        let catalog = Catalog::embedded().expect("the catalog");
        let mut snapshot = snapshot(&catalog, "postgres-exporter");
        let lookup = "level=ERROR err=\"dial tcp: lookup db on 127.0.0.11:53: no such host\"";
        let whole = judged(&snapshot, &exporter("postgres-exporter"), lookup);
        assert_eq!(whole.what, "the host `db` does not exist");
        snapshot.services.get_mut("postgres-exporter").expect("deployed").container.addresses.remove("apps");
        let lost = judged(&snapshot, &exporter("postgres-exporter"), lookup);
        assert_eq!(lost.what, "its container is no longer on the network `apps`");
        assert_eq!(lost.fix_text(), "docker rm -f shop-postgres-exporter-1 && watchpost up");
        snapshot.services.get_mut("postgres-exporter").expect("deployed").container.state = State::Exited;
        assert!(lost_networks(&snapshot.services["postgres-exporter"]).is_empty(), "a stopped one has no addresses");
    }

    #[test]
    fn a_server_that_is_away_is_told_by_its_container() {
        let from = deployed("postgres-exporter");
        let meant = |state, networks: &[&str]| {
            let networks = networks.iter().map(|network| (*network).to_owned()).collect();
            vec![Neighbour { name: "shop-db-1".into(), state, networks }]
        };
        let told = |meant: &[Neighbour]| absent("db", meant, &from).map(|(why, fix)| format!("{why}; {fix}"));
        insta::assert_snapshot!(
            [
                told(&[]),
                told(&meant(State::Exited, &[])),
                told(&meant(State::Paused, &["apps"])),
                told(&meant(State::Running, &["other"])),
            ]
            .map(Option::unwrap_or_default)
            .join("\n"),
            @r"
        this Docker host has no container or service `db`; start `db`, or correct its name in the spec
        the container `shop-db-1` does not run; docker start shop-db-1
        the container `shop-db-1` is paused; docker unpause shop-db-1
        the container `shop-db-1` is on the network `other`, and `postgres-exporter` is not; in watchpost.yaml under `components`: set `network: other` of `postgres-exporter`, then watchpost up
        "
        );
        assert_eq!(told(&meant(State::Running, &["apps"])), None, "it is where it should be");
        assert_eq!(absent("db.example.com", &[], &from), None, "a name of the network's, not of Docker's");
        assert_eq!(absent("10.0.0.7", &[], &from), None);
    }

    #[test]
    fn localhost_is_the_exporters_own_container() {
        let catalog = Catalog::embedded().expect("the catalog");
        let refused = "dial tcp 127.0.0.1:6379: connect: connection refused";
        let found = judged(&snapshot(&catalog, "redis-exporter"), &exporter("redis-exporter"), refused);
        assert!(found.why.iter().any(|why| why == "`127.0.0.1` is the exporter's own container"), "{found:?}");
        assert!(found.fix_text().contains("for `redis-exporter`, write `host.docker.internal` or"), "{found:?}");
    }
}
