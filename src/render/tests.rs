use proptest::prelude::*;
use serde_json::Value;

use super::bundle::Bundle;
use super::render;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::spec;
use crate::spec::{OwnFiles, resolve};
use crate::yaml;

const EVERYTHING: &str = "
components:
  prometheus: {external_labels: [site=x], retention_size: 10GB}
  pushgateway: true
  postgres-exporter: [{name: orders, host: orders-db, password: {secret: orders_db}, network: shop}]
  redis-exporter: [{name: cache, address: 'cache:6379', password: {secret: cache}}, {name: plain, address: 'plain:6379'}]
secrets: {orders_db: {env: ORDERS_DB}, cache: {file: ./cache}, slack_url: {env: SLACK}}
alerting:
  receivers:
    - {name: oncall, type: slack, channel: '#oncall', api_url: {secret: slack_url}}
    - {name: hook, type: webhook, url: 'http://hook/'}
    - {name: token, type: webhook, url: {secret: slack_url}}
  routes: [{match: {severity: critical}, to: oncall, continue: true}, {match: {severity: info}, to: token}, {to: hook}]
targets: [{job: shop, static: ['shop:8080'], labels: {team: web}}]
probes: [{url: 'https://shop.example.com/'}]
";

fn bundle(text: &str) -> Result<Bundle> {
    let catalog = Catalog::embedded()?;
    render(&resolve(&spec::read("watchpost.yaml", text)?, &catalog, OwnFiles::default())?)
}

fn text_of(bundle: &Bundle, path: &str) -> String {
    String::from_utf8(bundle.files[path].clone()).expect("text")
}

#[test]
fn every_stack_renders_and_twice_the_same() {
    for text in ["stack: minimal", "stack: standard", EVERYTHING] {
        assert!(bundle(text).expect("rendered") == bundle(text).expect("rendered"), "{text}");
    }
}

#[test]
fn components_that_only_receive_content_have_their_files_mounted() {
    let bundle = bundle(EVERYTHING).expect("rendered");
    let has_mount = |service: &str| {
        let volumes = &bundle.compose.services[service].volumes;
        volumes.iter().any(|volume| volume.starts_with("watchpost-files-") || volume.contains("/etc/watchpost"))
    };
    assert!(has_mount("prometheus") && has_mount("grafana") && has_mount("alertmanager"));
    assert!(!has_mount("node-exporter"));
}

#[test]
fn the_default_network_is_declared_where_a_service_joins_it() {
    let networks = |text: &str| bundle(text).expect("rendered").compose.networks;
    assert!(networks(EVERYTHING).contains_key("default") && networks(EVERYTHING).contains_key("shop"));
    assert!(networks("stack: minimal").is_empty());
}

#[test]
fn rule_folders_are_those_of_components_with_rules_and_the_users_own() {
    let catalog = Catalog::embedded().expect("valid");
    let spec = spec::read("watchpost.yaml", "stack: minimal").expect("valid");
    let own = OwnFiles { rules: [("a.yml".to_owned(), b"groups: []\n".to_vec())].into(), ..OwnFiles::default() };
    let bundle = render(&resolve(&spec, &catalog, own).expect("resolved")).expect("rendered");
    let config = text_of(&bundle, "files/prometheus/prometheus.yml");
    let listed = |folder: &str| config.contains(&format!("rules/{folder}/"));
    assert!(listed("own") && listed("prometheus") && listed("node-exporter"), "{config}");
    assert!(!listed("redis-exporter") && !listed("grafana-image-renderer"), "{config}");
    assert_eq!(text_of(&bundle, "files/prometheus/rules/own/a.yml"), "groups: []\n");
}

/// The bundle of a stack with these files of your own.
fn with_own(rules: &[&str], dashboards: &[&str]) -> Bundle {
    let catalog = Catalog::embedded().expect("valid");
    let spec = spec::read("watchpost.yaml", "stack: standard").expect("valid");
    let files = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect();
    let own = OwnFiles { rules: files(rules), dashboards: files(dashboards) };
    render(&resolve(&spec, &catalog, own).expect("resolved")).expect("rendered")
}

#[test]
fn your_rule_files_keep_their_paths_and_every_one_is_matched_by_a_pattern() {
    let bundle = with_own(&["a.yml", "b.YML", "c.rules", "team-a/x.yaml", "team-a/db/x.yaml", "plain"], &[]);
    let config = text_of(&bundle, "files/prometheus/prometheus.yml");
    let patterns: Vec<&str> = config.lines().filter(|line| line.contains("rules/own")).map(str::trim).collect();
    assert_eq!(
        patterns,
        [
            "- \"rules/own/*.YML\"",
            "- \"rules/own/*.rules\"",
            "- \"rules/own/*.yml\"",
            "- \"rules/own/plain\"",
            "- \"rules/own/team-a/*.yaml\"",
            "- \"rules/own/team-a/db/*.yaml\"",
        ]
    );
    assert_eq!(text_of(&bundle, "files/prometheus/rules/own/team-a/db/x.yaml"), "team-a/db/x.yaml");
}

#[test]
fn folders_of_dashboards_become_grafanas_and_the_others_stay_in_one() {
    let provisioning = "files/grafana/provisioning/dashboards/watchpost.yml";
    let of = |dashboards: &[&str]| {
        let bundle = with_own(&[], dashboards);
        let text = text_of(&bundle, provisioning).to_owned();
        crate::yaml::read::<serde_json::Value>(provisioning, &text).expect("YAML");
        (bundle, text)
    };
    let (bundle, text) = of(&["a.json", "team-a/b.json"]);
    assert!(text.contains("dashboards/own\n") && text.contains("dashboards/own-folders\n"), "{text}");
    assert!(text.contains("foldersFromFilesStructure: true"), "{text}");
    for path in ["own/a.json", "own-folders/team-a/b.json"] {
        assert!(bundle.files.contains_key(&format!("files/grafana/dashboards/{path}")), "{path}");
    }
    assert!(!of(&["a.json"]).1.contains("own-folders"));
    assert!(!of(&["team-a/b.json"]).1.contains("dashboards/own\n"));
    let files = bundle.service_files("grafana").into_iter();
    let files = files.map(|(path, content)| (path.to_owned(), content.to_vec())).collect();
    let found = crate::deployed::provisioning::Provisioning::in_files(&files).dashboards;
    let own = found.iter().filter(|dashboard| dashboard.own);
    let own: Vec<_> = own.map(|d| (d.file.as_str(), d.folder.as_str(), d.folder_uid.as_str())).collect();
    assert_eq!(own, [("a.json", "Own", "watchpost-own"), ("team-a/b.json", "team-a", "")]);
}

#[test]
fn an_image_of_the_spec_replaces_the_catalogs_and_an_empty_one_does_not() {
    let image = |answer: &str| {
        let text = format!("stack: minimal\ncomponents: {{prometheus: {{image: '{answer}'}}}}");
        bundle(&text).expect("rendered").compose.services["prometheus"].image.clone()
    };
    assert_eq!(image("mirror/prometheus:1"), "mirror/prometheus:1");
    assert_eq!(image(""), bundle("stack: minimal").expect("rendered").compose.services["prometheus"].image);
}

#[test]
fn every_service_is_hardened() {
    for (name, service) in bundle(EVERYTHING).expect("rendered").compose.services {
        assert_eq!(service.read_only, Some(true), "{name}");
        assert_eq!(service.cap_drop.as_deref(), Some(&["ALL".to_owned()][..]), "{name}");
        assert_eq!(service.security_opt.as_deref(), Some(&["no-new-privileges:true".to_owned()][..]), "{name}");
        assert!(service.user.is_some() && service.mem_limit.is_some() && service.pids_limit.is_some(), "{name}");
        assert!(service.logging.is_some() && service.restart.is_some() && service.privileged.is_none(), "{name}");
        assert!(service.ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{name}");
    }
}

#[test]
fn the_docker_host_is_known_to_the_services_that_name_it_and_to_no_other() {
    let spec = "stack: standard\ncomponents:\n  postgres-exporter: {host: host.docker.internal, password: {secret: db}}\n\
                secrets: {db: {env: DB}}\ntargets: [{job: app, static: ['host.docker.internal:8080']}]\n";
    let knowing = |spec: &str| {
        let services = bundle(spec).expect("rendered").compose.services;
        let knowing =
            services.iter().filter(|(_, service)| service.extra_hosts == ["host.docker.internal:host-gateway"]);
        knowing.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(knowing(spec), ["postgres-exporter", "prometheus"]);
    let probed = "stack: standard\nprobes: [{url: 'http://host.docker.internal/'}]\n";
    assert_eq!(knowing(probed), ["blackbox-exporter", "prometheus"]);
    assert!(knowing("stack: standard").is_empty());
    let itself = "stack: standard\ntargets: [{job: own, static: ['localhost:9090']}]\n";
    assert!(knowing(itself).is_empty(), "Prometheus itself may be scraped so");
}

#[test]
fn secrets_are_named_by_file_and_source_only() {
    let bundle = bundle(EVERYTHING).expect("rendered");
    assert_eq!(bundle.compose.secrets["orders_db"].environment.as_deref(), Some("ORDERS_DB"));
    let exporter = &bundle.compose.services["postgres-exporter-orders"];
    assert_eq!(exporter.environment["PGPASSFILE"], "/run/secrets/postgres-exporter-orders-password");
    assert_eq!(exporter.secrets, ["postgres-exporter-orders-password"]);
    let derived = bundle.compose.secrets["postgres-exporter-orders-password"].extension.clone().expect("derived");
    assert_eq!((derived.of.as_deref(), derived.pgpass), (Some("orders_db"), true));
    let derived = bundle.compose.secrets["redis-exporter-cache-password"].extension.clone().expect("derived");
    assert_eq!((derived.of.as_deref(), derived.json_key.as_deref()), (Some("cache"), Some("redis://cache:6379")));
    assert!(bundle.compose.services["redis-exporter-plain"].secrets.is_empty());
    assert_eq!(bundle.compose.services["alertmanager"].secrets, ["slack_url"]);
    let text = text_of(&bundle, "files/alertmanager/alertmanager.yml");
    assert!(text.contains("api_url_file: /run/secrets/slack_url"), "{text}");
    assert!(text.contains("url_file: /run/secrets/slack_url") && text.contains("url: http://hook/"), "{text}");
}

#[test]
fn alerts_follow_the_routes_of_the_spec() {
    let bundle = bundle(EVERYTHING).expect("rendered");
    let config = yaml::parse("a", &text_of(&bundle, "files/alertmanager/alertmanager.yml")).expect("YAML").to_json();
    assert_eq!(config["route"]["receiver"], "nobody");
    assert_eq!(config["route"]["routes"][3], serde_json::json!({"receiver": "hook"}));
    assert_eq!(config["route"]["routes"][1]["matchers"][0], "severity=\"critical\"");
    assert_eq!(config["route"]["routes"][1]["continue"], true);
}

#[test]
fn several_of_one_kind_are_targets_of_one_job() {
    let bundle = bundle(EVERYTHING).expect("rendered");
    let config = yaml::parse("p", &text_of(&bundle, "files/prometheus/prometheus.yml")).expect("YAML").to_json();
    let jobs = config["scrape_configs"].as_array().expect("a list");
    let redis = jobs.iter().find(|job| job["job_name"] == "redis").expect("a job");
    assert_eq!(redis["static_configs"].as_array().expect("a list").len(), 2);
    assert!(jobs.iter().any(|job| job["job_name"] == "probe-http_2xx"));
    assert_eq!(config["global"]["external_labels"]["site"], "x");
}

#[test]
fn what_does_not_fit_together_is_refused_with_its_place() {
    for (text, message) in [
        ("components:\n  promtheus: {}\n", "unknown component `promtheus`"),
        ("stack: standrd\n", "unknown stack `standrd`"),
        ("stack: minimal\nprobes: [{url: 'http://a'}]\n", "`probes` need the component `blackbox-exporter`"),
        ("targets: [{job: node, static: ['a:1']}]\n", "the job `node` is one of the stack's own"),
        ("components:\n  grafana: [{name: a}]\n", "a stack holds one `grafana`, not a list"),
        ("components:\n  redis-exporter: true\n", "component `redis-exporter` needs `address`"),
        ("alerting: {receivers: [{name: a, type: slak, x: y}]}\n", "unknown type `slak` of receiver `a`"),
        (
            "alerting: {receivers: [{name: a, type: webhook, url: 'http://a', send_resolved: maybe}]}\n",
            "`send_resolved` of receiver `a` must be true or false, not the text `maybe`",
        ),
        ("components: {alertmanager: {port: 9090}}", "`alertmanager` and `prometheus` would both be published on"),
        ("components: {prometheus: {bind: \"999.1\"}}", "`prometheus` cannot be published on `999.1:9090:9090`"),
        ("probes: [{url: 'http://a', module: http_200}]", "unknown module `http_200` of the probe"),
        ("components: {cadvisor: false, grafana: false}\ndashboards: [a]", "`dashboards` need the component `grafana`"),
        ("components: {prometheus: {scrape_interval: 5s, scrape_timeout: 8s}}", "`scrape_timeout` of `prometheus`"),
    ] {
        let error = bundle(text).expect_err("refused");
        assert!(error.message.starts_with(message), "{}", error.message);
        assert!(error.at.is_some(), "{text}");
    }
    assert!(bundle("components: {prometheus: false}").expect_err("refused").message.contains("needs `prometheus`"));
}

#[test]
fn a_module_that_is_not_there_is_guessed_and_the_others_are_listed() {
    let error = bundle("probes: [{url: 'http://a', module: http_200}]").expect_err("refused");
    assert_eq!(error.label.as_deref(), Some("did you mean `http_2xx`?"));
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("`icmp`") && hint.contains("`tcp_tls`")));
    let error = bundle("probes: [{url: 'http://a', module: zzz}]").expect_err("refused");
    assert_eq!(error.label, None);
}

#[test]
fn every_bad_instance_of_a_list_is_told_at_once() {
    let text = "components:\n  redis-exporter:\n    - {name: a}\n    - {name: b, address: 'b:1'}\n    - {name: c}\n";
    let error = bundle(text).expect_err("refused");
    let line = |error: &Error| error.at.as_ref().map(|at| at.line);
    assert_eq!((line(&error), error.also.iter().map(line).collect::<Vec<_>>()), (Some(3), vec![Some(5)]));
}

#[test]
fn a_short_interval_needs_no_timeout_set() {
    let bundle = bundle("components: {prometheus: {scrape_interval: 5s}}").expect("rendered");
    assert!(!text_of(&bundle, "files/prometheus/prometheus.yml").contains("scrape_timeout"));
}

#[test]
fn a_broken_template_of_an_overlay_is_named_with_its_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("shop");
    std::fs::create_dir_all(&folder).expect("made");
    let manifest = "name: shop\ntitle: Shop\ndescription: A shop.\ncategory: own\nimage: {repository: shop, tag: v1}\n";
    std::fs::write(folder.join("component.yaml"), manifest).expect("written");
    let render_with = |service: &str| {
        std::fs::write(folder.join("service.yml"), service).expect("written");
        let catalog = Catalog::with_overlays(&[dir.path()]).expect("valid");
        let spec = spec::read("watchpost.yaml", "components: {shop: true}").expect("valid");
        render(&resolve(&spec, &catalog, OwnFiles::default()).expect("resolved")).expect_err("refused")
    };
    let error = render_with("services:\n  << name >>:\n    image: << imgae >>\n");
    assert_eq!(error.at.clone().expect("located").line, 3);
    let error = render_with("services:\n  << name >>:\n    imgae: a\n");
    assert_eq!((error.message.as_str(), error.at.clone().expect("located").line), ("unknown key `imgae`", 3));
}

/// The shape of a document: everything but the texts.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::Null,
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), shape(value))).collect())
        }
        other => other.clone(),
    }
}

fn hostile(answer: &str) -> (Value, Vec<Value>) {
    let catalog = Catalog::embedded().expect("valid");
    let mut spec = spec::read("watchpost.yaml", EVERYTHING).expect("valid");
    let mut node = yaml::parse("answer", "x").expect("YAML");
    node.kind = yaml::Kind::String(answer.into());
    let spec::Selection::One(grafana) =
        spec.components.entry("grafana".into()).or_insert(spec::Selection::One(Default::default()))
    else {
        panic!()
    };
    grafana.insert("admin_user".into(), node.clone());
    if let Some(spec::Selection::Many(list)) = spec.components.get_mut("postgres-exporter") {
        list[0].1.insert("user".into(), node.clone());
    }
    spec.components
        .insert("node-exporter".into(), spec::Selection::One([("host_name".to_owned(), node.clone())].into()));
    spec.targets[0].labels.insert("team".into(), answer.into());
    spec.alerting.receivers[0].settings.insert("channel".into(), node);
    spec.alerting.routes[0].matches.insert("team".into(), answer.into());
    let bundle = render(&resolve(&spec, &catalog, OwnFiles::default()).expect("resolved")).expect("rendered");
    let compose = yaml::parse("compose.yaml", &bundle.text).expect("YAML").to_json();
    assert_eq!(bundle.compose.services["grafana"].environment["GF_SECURITY_ADMIN_USER"], answer);
    assert_eq!(bundle.compose.services["postgres-exporter-orders"].environment["DATA_SOURCE_USER"], answer);
    let files = ["files/prometheus/prometheus.yml", "files/alertmanager/alertmanager.yml"];
    (compose, files.iter().map(|path| yaml::parse(path, &text_of(&bundle, path)).expect("YAML").to_json()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_answer_changes_the_shape_of_what_is_rendered(
        answer in "[^\\n\\r]{1,40}|(<<|>>|<%|%>|\\{\\{|: |- |#|\"|'|\\$|\\$\\{A\\}|\\\\|\u{2028}|\u{85}| |x){1,12}"
    ) {
        let (compose, files) = hostile("harmless");
        let (hostile_compose, hostile_files) = hostile(&answer);
        prop_assert_eq!(shape(&compose), shape(&hostile_compose));
        prop_assert_eq!(files.iter().map(shape).collect::<Vec<_>>(), hostile_files.iter().map(shape).collect::<Vec<_>>());
        prop_assert_eq!(&hostile_files[1]["receivers"][1]["slack_configs"][0]["channel"], &Value::String(answer));
    }
}
