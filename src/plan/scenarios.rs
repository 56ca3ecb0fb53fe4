//! The planner's obligations, on a simulated host: no daemon.

use std::collections::BTreeMap;

use super::observed::{Container, Health, Network, Observed, PublishedPort, State, TakenPort, Volume, label};
use super::operation::{Action, Plan};
use super::{Fingerprints, plan, teardown};
use crate::catalog::Catalog;
use crate::compose::{self, values::Port};
use crate::error::Result;
use crate::render::{Bundle, render};
use crate::spec;
use crate::spec::{OwnFiles, resolve};

fn bundle(text: &str) -> Bundle {
    let catalog = Catalog::embedded().expect("valid");
    let spec = spec::read("watchpost.yaml", text).expect("valid");
    render(&resolve(&spec, &catalog, OwnFiles::default()).expect("resolved")).expect("rendered")
}

/// A host that does what a plan says.
struct Host {
    observed: Observed,
    /// What `observed.files` would find: by service and hash.
    written: BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>,
}

impl Host {
    fn empty() -> Self {
        Self { observed: Observed::default(), written: BTreeMap::new() }
    }

    fn with_images(bundle: &Bundle) -> Self {
        let mut host = Self::empty();
        host.observed.images = bundle
            .compose
            .services
            .values()
            .map(|service| (service.image.clone(), format!("id of {}", service.image)))
            .collect();
        host
    }

    fn deployed(text: &str) -> Self {
        let bundle = bundle(text);
        let mut host = Self::with_images(&bundle);
        let plan = host.plan(&bundle).expect("a plan");
        host.apply(&bundle, &plan);
        host
    }

    fn plan(&mut self, bundle: &Bundle) -> Result<Plan> {
        let fingerprints = Fingerprints::of(bundle, "salt", &BTreeMap::new());
        self.observed.files = self
            .observed
            .containers
            .iter()
            .filter_map(|c| {
                Some((c.service.clone(), self.written.get(&(c.service.clone(), c.label(label::FILES).into()))?.clone()))
            })
            .collect();
        plan(bundle, &fingerprints, &self.observed)
    }

    fn apply(&mut self, bundle: &Bundle, plan: &Plan) {
        for operation in &plan.operations {
            match &operation.action {
                Action::Pull { image } => drop(self.observed.images.insert(image.clone(), format!("id of {image}"))),
                Action::CreateNetwork { name, .. } => {
                    self.observed.networks.push(Network {
                        id: name.clone(),
                        name: name.clone(),
                        labels: BTreeMap::new(),
                        ours: true,
                    });
                }
                Action::CreateVolume { name, role, .. } => {
                    let role = serde_json::to_value(role).expect("a word").as_str().expect("a word").to_owned();
                    self.observed
                        .volumes
                        .push(Volume { name: name.clone(), labels: BTreeMap::from([(label::ROLE.into(), role)]) });
                }
                Action::Create { service } => self.create(bundle, service),
                Action::Recreate { service, container } => {
                    // What comes back on failure goes, and whatever else stands under the name.
                    let name = bundle.compose.container_name(service);
                    self.observed.containers.retain(|c| c.id != *container && c.name != name);
                    self.create(bundle, service);
                }
                Action::Start { container, .. } => {
                    for c in self.observed.containers.iter_mut().filter(|c| c.id == *container) {
                        (c.state, c.health) = (State::Running, Health::Healthy);
                    }
                }
                Action::Remove { container, .. } => self.observed.containers.retain(|c| c.id != *container),
                Action::RemoveNetwork { name, .. } => self.observed.networks.retain(|n| n.name != *name),
                Action::RemoveVolume { name } => self.observed.volumes.retain(|v| v.name != *name),
            }
        }
    }

    fn create(&mut self, bundle: &Bundle, service: &str) {
        let fingerprints = Fingerprints::of(bundle, "salt", &BTreeMap::new());
        let settings = &bundle.compose.services[service];
        let files = fingerprints.files.get(service).cloned().unwrap_or_default();
        let content =
            bundle.service_files(service).into_iter().map(|(path, bytes)| (path.to_owned(), bytes.to_vec())).collect();
        self.written.insert((service.into(), files.clone()), content);
        let published = settings.ports.iter().map(|port| Port::parse(port).expect("a port"));
        self.observed.containers.push(Container {
            id: format!("{service}-{}", self.written.len()),
            name: bundle.compose.container_name(service),
            service: service.into(),
            image: settings.image.clone(),
            image_id: self.observed.images[&settings.image].clone(),
            labels: BTreeMap::from([
                (label::CONFIG_HASH.into(), compose::hash(settings)),
                (label::SERVICE.into(), compose::canonical(settings)),
                (label::FILES.into(), files),
                (label::SECRETS.into(), fingerprints.secrets.get(service).cloned().unwrap_or_default()),
            ]),
            state: State::Running,
            health: Health::Healthy,
            ports: published
                .map(|port| PublishedPort {
                    ip: port.ip,
                    port: port.host,
                    container_port: port.container,
                    protocol: port.protocol,
                })
                .collect(),
            addresses: BTreeMap::new(),
            parked: false,
        });
    }

    fn container(&mut self, service: &str) -> &mut Container {
        self.observed.containers.iter_mut().find(|c| c.service == service).expect("there")
    }
}

/// One line an operation: `verb name (causes) <- what it waits for`.
fn text(plan: &Plan) -> Vec<String> {
    let name = |action: &Action| match action {
        Action::Pull { image } => format!("pull {image}"),
        Action::CreateNetwork { name, .. } => format!("create network {name}"),
        Action::CreateVolume { name, .. } => format!("create volume {name}"),
        Action::Create { service } => format!("create {service}"),
        Action::Recreate { service, .. } => format!("recreate {service}"),
        Action::Start { service, .. } => format!("start {service}"),
        Action::Remove { service, .. } => format!("remove {service}"),
        Action::RemoveNetwork { name, .. } => format!("remove network {name}"),
        Action::RemoveVolume { name } => format!("remove volume {name}"),
    };
    let causes =
        |causes: &[String]| if causes.is_empty() { String::new() } else { format!(" ({})", causes.join("; ")) };
    plan.operations.iter().map(|o| format!("{}{}", name(&o.action), causes(&o.causes))).collect()
}

#[test]
fn a_first_deploy_pulls_lays_foundations_and_creates_each_service_after_them() {
    let bundle = bundle("stack: minimal");
    let plan = Host::empty().plan(&bundle).expect("a plan");
    assert_eq!(
        text(&plan),
        [
            "pull prom/alertmanager:v0.33.1 (not on the host)",
            "pull prom/node-exporter:v1.11.1 (not on the host)",
            "pull prom/prometheus:v3.5.3 (not on the host)",
            "create network monitoring_default",
            "create volume monitoring_alertmanager-data",
            "create volume monitoring_prometheus-data",
            "create volume monitoring_alertmanager-files",
            "create volume monitoring_prometheus-files",
            "create alertmanager (not there yet)",
            "create node-exporter (not there yet)",
            "create prometheus (not there yet)",
        ]
    );
    let prometheus = plan.operations.last().expect("some");
    assert_eq!(prometheus.depends_on, (0..8).collect::<Vec<_>>());
}

#[test]
fn a_second_run_has_nothing_to_do() {
    for stack in ["stack: minimal", "stack: standard"] {
        let plan = Host::deployed(stack).plan(&bundle(stack)).expect("a plan");
        assert_eq!(text(&plan), Vec::<String>::new());
        assert_eq!(plan.unchanged.len(), bundle(stack).compose.services.len());
    }
}

#[test]
fn one_answer_changed_recreates_one_service_and_says_which() {
    let changed = bundle("stack: minimal\ncomponents: {prometheus: {retention: 30d}}");
    let plan = Host::deployed("stack: minimal").plan(&changed).expect("a plan");
    assert_eq!(text(&plan), ["recreate prometheus (--storage.tsdb.retention.time=15d → 30d)"]);
}

#[test]
fn a_changed_file_is_named_with_the_key_that_changed_and_its_diff() {
    let changed = bundle("stack: minimal\ncomponents: {prometheus: {scrape_interval: 30s}}");
    let plan = Host::deployed("stack: minimal").plan(&changed).expect("a plan");
    assert_eq!(text(&plan), ["recreate prometheus (prometheus.yml: scrape_interval 15s → 30s)"]);
    assert!(plan.operations[0].diff[0].unified.contains("+  scrape_interval: \"30s\""));
}

#[test]
fn a_component_added_and_one_removed_leave_the_others_alone() {
    let mut host = Host::deployed("stack: minimal");
    let changed = bundle("stack: minimal\ncomponents: {alertmanager: false, pushgateway: true}");
    let lines = text(&host.plan(&changed).expect("a plan"));
    assert!(lines.contains(&"create pushgateway (not there yet)".into()), "{lines:?}");
    assert!(lines.contains(&"remove alertmanager (no longer in the spec; its data stays)".into()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("node-exporter")), "{lines:?}");
    let plan = host.plan(&changed).expect("a plan");
    host.apply(&changed, &plan);
    assert_eq!(text(&host.plan(&changed).expect("a plan")), Vec::<String>::new());
}

#[test]
fn an_image_of_the_same_name_but_other_content_recreates() {
    let mut host = Host::deployed("stack: minimal");
    host.observed.images.insert("prom/prometheus:v3.5.3".into(), "another".into());
    let lines = text(&host.plan(&bundle("stack: minimal")).expect("a plan"));
    assert_eq!(lines, ["recreate prometheus (image prom/prometheus:v3.5.3 is another one now)"]);
}

#[test]
fn a_changed_secret_recreates_without_being_shown() {
    let text_of = "components: {redis-exporter: [{name: a, address: 'a:1', password: {secret: pw}}]}\nsecrets: {pw: {env: PW}}\nstack: minimal";
    let mut host = Host::deployed(text_of);
    let bundle = bundle(text_of);
    let values = BTreeMap::from([("pw".to_owned(), crate::secrets::Secret::new("hunter2"))]);
    let fingerprints = Fingerprints::of(&bundle, "salt", &values);
    host.plan(&bundle).expect("a plan");
    let plan = plan(&bundle, &fingerprints, &host.observed).expect("a plan");
    assert_eq!(text(&plan), ["recreate redis-exporter-a (a secret changed)"]);
    assert!(!serde_json::to_string(&plan).expect("JSON").contains("hunter2"));
}

#[test]
fn what_has_stopped_or_limps_is_started_and_gated_again() {
    for (state, health, line) in [
        (State::Exited, Health::None, "start prometheus (it has stopped)"),
        (State::Restarting, Health::Starting, "start prometheus (it keeps restarting)"),
        (State::Running, Health::Unhealthy, "start prometheus (it is unhealthy)"),
        (State::Created, Health::None, "start prometheus (it was never started)"),
    ] {
        let mut host = Host::deployed("stack: minimal");
        (host.container("prometheus").state, host.container("prometheus").health) = (state, health);
        assert_eq!(text(&host.plan(&bundle("stack: minimal")).expect("a plan")), [line]);
    }
}

/// A host on which the replacement of Prometheus was interrupted: the old one aside, and the new one in a state.
fn interrupted(successor: Option<State>) -> Host {
    let mut host = Host::deployed("stack: minimal");
    let mut parked = host.container("prometheus").clone();
    (parked.id, parked.name, parked.parked, parked.state) =
        ("old".into(), format!("{}.parked", parked.name), true, State::Exited);
    match successor {
        Some(state) => {
            (host.container("prometheus").state, host.container("prometheus").health) = (state, Health::None)
        }
        None => host.observed.containers.retain(|c| c.service != "prometheus"),
    }
    host.observed.containers.push(parked);
    host
}

#[test]
fn what_an_interrupted_run_left_parked_goes_after_its_successor_is_gated() {
    let mut host = interrupted(Some(State::Running));
    let plan = host.plan(&bundle("stack: minimal")).expect("a plan");
    assert_eq!(
        text(&plan),
        [
            "start prometheus (its replacement was interrupted before it had proved itself)",
            "remove prometheus (left over from an interrupted deployment)"
        ]
    );
    assert_eq!(plan.operations[1].depends_on, [0]);
}

#[test]
fn an_interrupted_replacement_is_made_anew_from_what_was_set_aside_whatever_the_spec_says_now() {
    for successor in [None, Some(State::Created), Some(State::Exited), Some(State::Running)] {
        for retention in ["15d", "6d"] {
            let bundle = bundle(&format!("stack: minimal\ncomponents: {{prometheus: {{retention: {retention}}}}}"));
            let mut host = interrupted(successor);
            let plan = host.plan(&bundle).expect("a plan");
            if (successor, retention) != (Some(State::Running), "15d") {
                assert_eq!(plan.operations.len(), 1, "{:?}", text(&plan));
                assert!(matches!(&plan.operations[0].action, Action::Recreate { container, .. } if container == "old"));
            }
            host.apply(&bundle, &plan);
            assert_eq!(text(&host.plan(&bundle).expect("a plan")), Vec::<String>::new(), "{successor:?} {retention}");
        }
    }
}

#[test]
fn a_component_goes_only_when_all_others_have_passed_unless_its_port_is_needed() {
    let without = "stack: minimal\ncomponents: {alertmanager: false, prometheus: {retention: 2d}}";
    let plan_of = |text: &str| Host::deployed("stack: minimal").plan(&bundle(text)).expect("a plan");
    let plan = plan_of(without);
    assert!(text(&plan)[0].starts_with("recreate prometheus"), "{:?}", text(&plan));
    assert_eq!(plan.operations[1].depends_on, [0]);
    let plan = plan_of("stack: minimal\ncomponents: {alertmanager: false, prometheus: {port: 9093}}");
    assert!(text(&plan)[0].starts_with("remove alertmanager"), "{:?}", text(&plan));
}

#[test]
fn a_taken_port_is_refused_and_its_holder_named() {
    let mut host = Host::empty();
    host.observed.taken_ports =
        vec![TakenPort { ip: "0.0.0.0".into(), port: 9090, protocol: "tcp".into(), holder: "container `web`".into() }];
    let error = host.plan(&bundle("stack: minimal")).expect_err("refused");
    assert_eq!(error.message, "port 9090 of 127.0.0.1 is taken: container `web` holds it");
    assert_eq!(error.hint.as_deref(), Some("free it, or choose another: `--set prometheus.port=9091`"));
}

#[test]
fn a_port_that_an_unchanged_service_of_ours_holds_is_no_conflict() {
    let mut host = Host::deployed("stack: minimal");
    host.observed.taken_ports =
        vec![TakenPort { ip: "127.0.0.1".into(), port: 9090, protocol: "tcp".into(), holder: "container `x`".into() }];
    assert!(host.plan(&bundle("stack: minimal")).is_ok());
}

#[test]
fn ports_of_a_service_are_checked_before_it_is_started_but_not_while_it_runs() {
    let taken = || TakenPort { ip: "0.0.0.0".into(), port: 9090, protocol: "tcp".into(), holder: "`web`".into() };
    let refused = |change: &dyn Fn(&mut Host)| {
        let mut host = Host::deployed("stack: minimal");
        host.observed.taken_ports = vec![taken()];
        change(&mut host);
        host.plan(&bundle("stack: minimal")).err().map(|error| error.message.clone())
    };
    let expected = Some("port 9090 of 127.0.0.1 is taken: `web` holds it".to_owned());
    for state in [State::Exited, State::Created, State::Dead, State::Paused, State::Removing] {
        assert_eq!(refused(&|host| host.container("prometheus").state = state), expected, "{state:?}");
    }
    // One that keeps restarting holds its ports, and an unhealthy one too.
    assert_eq!(refused(&|host| host.container("prometheus").state = State::Restarting), None);
    assert_eq!(refused(&|host| host.container("prometheus").health = Health::Unhealthy), None);
    // Another service that runs does not hold them, and one that was set aside neither.
    let parked = |host: &mut Host| {
        let mut old = host.container("prometheus").clone();
        (old.id, old.name, old.parked) = ("old".into(), "old".into(), true);
        host.container("prometheus").state = State::Exited;
        host.observed.containers.push(old);
    };
    assert_eq!(refused(&parked), expected);
}

#[test]
fn a_network_of_our_name_that_is_not_ours_does_not_count_and_one_of_ours_does() {
    let minimal = bundle("stack: minimal");
    let network = |name: &str, ours| Network { id: name.into(), name: name.into(), labels: BTreeMap::new(), ours };
    for (networks, created) in [
        (vec![network("monitoring_default", true)], false),
        (vec![network("monitoring_default", false)], true),
        (vec![network("other_default", true)], true),
    ] {
        let mut host = Host::with_images(&minimal);
        host.observed.networks = networks;
        let lines = text(&host.plan(&minimal).expect("a plan"));
        assert_eq!(lines.contains(&"create network monitoring_default".into()), created, "{lines:?}");
    }
}

#[test]
fn each_missing_volume_is_created_whichever_others_exist() {
    let text_of = "stack: minimal\ncomponents: {redis-exporter: [{name: a, address: 'a:1', password: {secret: pw}}]}\nsecrets: {pw: {env: PW}}";
    let expected = [
        "monitoring_watchpost",
        "monitoring_prometheus-data",
        "monitoring_prometheus-files",
        "monitoring_redis-exporter-a-secrets",
    ];
    for gone in expected {
        let mut host = Host::deployed(text_of);
        host.observed.volumes.retain(|volume| volume.name != gone);
        // Nothing but a change of a service brings its volumes back; a started one is enough.
        let lines = text(&host.plan(&bundle(text_of)).expect("a plan"));
        assert_eq!(lines, [format!("create volume {gone}")]);
    }
}

#[test]
fn services_come_after_those_that_they_need() {
    let mut minimal = bundle("stack: minimal");
    let service = minimal.compose.services.get_mut("alertmanager").expect("there");
    let condition = compose::Condition::ServiceHealthy;
    service.depends_on.insert("node-exporter".into(), compose::Dependency { condition });
    let plan = Host::with_images(&minimal).plan(&minimal).expect("a plan");
    let at = |line: &str| text(&plan).iter().position(|other| other.starts_with(line)).expect("there");
    let waits_for = |service: &str, needed: &str| plan.operations[at(service)].depends_on.contains(&at(needed));
    assert!(waits_for("create alertmanager", "create node-exporter"));
    assert!(!waits_for("create alertmanager", "create prometheus"));
    assert!(!waits_for("create prometheus", "create node-exporter"));
}

#[test]
fn what_belongs_to_somebody_else_is_never_touched() {
    let mut host = Host::empty();
    host.observed.foreign = vec!["the container `monitoring-prometheus-1`".into()];
    let error = host.plan(&bundle("stack: minimal")).expect_err("refused");
    assert!(error.message.contains("`monitoring-prometheus-1`") && error.hint.is_some());
}

#[test]
fn a_port_that_moves_between_services_is_given_up_first() {
    let mut host = Host::deployed("stack: minimal\ncomponents: {pushgateway: true}");
    let moved = bundle("stack: minimal\ncomponents: {prometheus: {port: 9091}, pushgateway: {port: 9191}}");
    let plan = host.plan(&moved).expect("a plan");
    let at = |line: &str| text(&plan).iter().position(|other| other.starts_with(line)).expect("there");
    assert!(at("recreate pushgateway") < at("recreate prometheus"));
}

#[test]
fn taking_down_keeps_data_and_the_store_unless_they_are_to_be_purged() {
    let host = Host::deployed("stack: standard");
    let kept = text(&teardown(&host.observed, false));
    assert!(kept.contains(&"remove grafana".into()) && kept.contains(&"remove network monitoring_default".into()));
    assert!(kept.contains(&"remove volume monitoring_grafana-secrets".into()));
    assert!(!kept.iter().any(|line| line.contains("-data") || line.ends_with("_watchpost")), "{kept:?}");
    let purged = teardown(&host.observed, true);
    assert!(text(&purged).contains(&"remove volume monitoring_watchpost".into()));
    assert_eq!(purged.operations.iter().filter(|o| o.destructive).count(), 4);
}

#[test]
fn any_change_of_spec_converges_in_one_run() {
    let specs = [
        "stack: minimal",
        "stack: standard",
        "stack: standard\ncomponents: {grafana: {port: 3001}, cadvisor: false}",
        "stack: minimal\ncomponents: {prometheus: {retention: 2d, scrape_interval: 1m}, redis-exporter: [{name: a, address: 'a:1'}]}",
    ];
    for from in specs {
        for to in specs {
            let mut host = Host::deployed(from);
            let to = bundle(to);
            let plan = host.plan(&to).expect("a plan");
            host.apply(&to, &plan);
            assert_eq!(text(&host.plan(&to).expect("a plan")), Vec::<String>::new());
        }
    }
}
