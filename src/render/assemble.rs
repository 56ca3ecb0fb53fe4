//! Templates and answers to one bundle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bundle::Bundle;
use super::template::Templates;
use super::{check, context};
use crate::catalog::question::Kind;
use crate::compose::values::{FILES_PREFIX, FILES_TARGET};
use crate::compose::{self, Extension, File, Logging, Secret, SecretExtension, Service};
use crate::error::{Error, Result};
use crate::spec::SecretSource;
use crate::spec::resolve::{Instance, Resolved};
use crate::yaml;

const HEADER: [&str; 5] = [
    "Made by watchpost from watchpost.yaml; changes here are lost at the next rendering.",
    "Plain `docker compose up` takes it too. Secrets are files or variables of the environment that you supply: see",
    "`secrets` at the end. `x-watchpost` is what watchpost needs beyond Compose.",
    "",
    "https://github.com/compose-spec/compose-spec",
];

/// Renders the whole bundle. Errors name template, line and column.
pub fn render(resolved: &Resolved<'_>) -> Result<Bundle> {
    let shared = context::shared(resolved);
    let mut templates = Templates::default();
    let mut file = File { name: resolved.name.clone(), ..File::default() };
    let mut files = BTreeMap::new();
    for instance in &resolved.instances {
        let values = context::of_instance(&shared, instance);
        let tera = context::tera(&values)?;
        let before = files.len();
        render_files(&mut templates, instance, &tera, &mut files)?;
        let has_files = files.len() > before || receives_content(instance);
        let fragment = fragment(&mut templates, instance, &tera)?;
        merge(&mut file, instance, fragment, has_files)?;
        secrets(&mut templates, &mut file, resolved, instance, &tera)?;
    }
    contents(&mut templates, resolved, &shared, &mut files)?;
    check::check(resolved, &file, &files)?;
    let text = compose::write(&file, &HEADER)?;
    let compose = compose::parse("compose.yaml", &text)?;
    Ok(Bundle { text, compose, files })
}

/// `files/` of the component; templates but for dashboards and the like.
fn render_files(
    templates: &mut Templates,
    instance: &Instance<'_>,
    tera: &tera::Context,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    for (path, file) in instance.component.files_in("files", "") {
        let content = match path.ends_with(".json") {
            true => file.content.to_vec(),
            false => templates.render(&file.name, file.text()?, tera)?.into_bytes(),
        };
        files.insert(format!("files/{}/{path}", instance.name), content);
    }
    Ok(())
}

/// Prometheus gets everybody's rules, Grafana everybody's dashboards.
fn receives_content(instance: &Instance<'_>) -> bool {
    matches!(instance.component.manifest.name.as_str(), "prometheus" | "grafana")
}

fn contents(
    templates: &mut Templates,
    resolved: &Resolved<'_>,
    shared: &Map<String, Value>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for instance in &resolved.instances {
        let component = &instance.component.manifest.name;
        // Rules and dashboards are a component's, however many instances it has; thresholds are the first one's.
        if !seen.insert(component) {
            continue;
        }
        if let Some(prometheus) = resolved.instance_of("prometheus") {
            let tera = context::tera(&context::of_instance(shared, instance))?;
            for (path, file) in instance.component.files_in("rules", ".yml") {
                let text = templates.render(&file.name, file.text()?, &tera)?;
                files.insert(format!("files/{}/rules/{component}/{path}", prometheus.name), text.into_bytes());
            }
        }
        if let Some(grafana) = resolved.instance_of("grafana") {
            for (path, file) in instance.component.files_in("dashboards", ".json") {
                files.insert(format!("files/{}/dashboards/watchpost/{path}", grafana.name), file.content.to_vec());
            }
        }
    }
    for (own, component, folder) in
        [(&resolved.own.rules, "prometheus", "rules/own"), (&resolved.own.dashboards, "grafana", "dashboards/own")]
    {
        if let Some(instance) = resolved.instance_of(component) {
            let path = |name: &String| format!("files/{}/{folder}/{name}", instance.name);
            files.extend(own.iter().map(|(name, content)| (path(name), content.clone())));
        }
    }
    Ok(())
}

/// A component's `service.yml`, rendered and read strictly.
fn fragment(templates: &mut Templates, instance: &Instance<'_>, tera: &tera::Context) -> Result<File> {
    let Some(file) = instance.component.files.get("service.yml") else {
        return Err(Error::new(format!("component `{}` has no `service.yml`", instance.component.manifest.name)));
    };
    let text = templates.render(&file.name, file.text()?, tera)?;
    // Lines are the rendered text's; the excerpt shows what is meant.
    yaml::from_str(&format!("{} (rendered)", file.name), &text)
}

fn merge(file: &mut File, instance: &Instance<'_>, fragment: File, has_files: bool) -> Result<()> {
    if fragment.services.is_empty() {
        return Err(Error::new(format!(
            "`service.yml` of component `{}` has no service",
            instance.component.manifest.name
        ))
        .hint("write `services:` and below it `<< name >>:`"));
    }
    for (name, mut service) in fragment.services {
        harden(&mut service, instance);
        if name == instance.name {
            extend(&mut service, instance, has_files);
        }
        if file.services.insert(name.clone(), service).is_some() {
            return Err(
                Error::new(format!("two components bring a service `{name}`")).hint("begin its name with `<< name >>`")
            );
        }
    }
    file.volumes.extend(fragment.volumes);
    file.networks.extend(fragment.networks);
    file.secrets.extend(fragment.secrets);
    let joined: Vec<String> = file.services.values().flat_map(|service| service.networks.clone()).collect();
    if joined.iter().any(|network| network == compose::DEFAULT_NETWORK) {
        file.networks.entry(compose::DEFAULT_NETWORK.into()).or_default();
    }
    Ok(())
}

/// The defaults that a service keeps unless its `service.yml` departs from them; the manifest then says why.
fn harden(service: &mut Service, instance: &Instance<'_>) {
    let manifest = &instance.component.manifest;
    let default = |slot: &mut Option<Vec<String>>, value: &str| {
        slot.get_or_insert_with(|| vec![value.to_owned()]);
    };
    if service.image.is_empty() {
        service.image = context::image(instance);
    }
    service.read_only.get_or_insert(true);
    default(&mut service.cap_drop, "ALL");
    default(&mut service.security_opt, "no-new-privileges:true");
    service.user = service.user.take().or_else(|| manifest.user.clone());
    service.restart.get_or_insert_with(|| "unless-stopped".into());
    service.pids_limit.get_or_insert(512);
    if service.mem_limit.is_none() {
        service.mem_limit = instance.answers.get("memory").and_then(Value::as_str).map(str::to_lowercase);
    }
    service.logging.get_or_insert_with(|| Logging {
        driver: "json-file".into(),
        options: BTreeMap::from([("max-file".into(), "3".into()), ("max-size".into(), "10m".into())]),
    });
}

/// What the engine needs to know, from the manifest.
fn extend(service: &mut Service, instance: &Instance<'_>, has_files: bool) {
    let manifest = &instance.component.manifest;
    if has_files {
        service.volumes.insert(0, format!("{FILES_PREFIX}{}:{FILES_TARGET}:ro", instance.name));
    }
    let mut page = manifest.page.clone();
    if let Some(note) = page.as_mut().and_then(|page| page.note.as_mut()) {
        for (variable, answer) in &instance.answers {
            let text = answer.get("secret").unwrap_or(answer).as_str().unwrap_or_default();
            *note = note.replace(&format!("{{{variable}}}"), text);
        }
    }
    service.extension = Some(Extension {
        component: manifest.name.clone(),
        title: manifest.title.clone(),
        probe: manifest.probe.clone(),
        page,
        reload: manifest.reload.clone(),
        check: manifest.check.clone(),
    });
}

/// The secrets that an instance's passwords name, and those of receivers for Alertmanager.
fn secrets(
    templates: &mut Templates,
    file: &mut File,
    resolved: &Resolved<'_>,
    instance: &Instance<'_>,
    tera: &tera::Context,
) -> Result<()> {
    let mut used = Vec::new();
    for question in instance.component.manifest.questions.iter().filter(|question| question.kind == Kind::Password) {
        let answer = instance.answers.get(&question.variable).cloned().unwrap_or_default();
        let Some(source) = answer.get("secret").and_then(Value::as_str) else { continue };
        let derived = question.json_key.is_some();
        let Some(name) = context::secret_file(instance, &question.variable, derived, &answer) else { continue };
        if let Some(template) = &question.json_key {
            let place = format!("json_key of {}.{}", instance.component.manifest.name, question.variable);
            let key = templates.render(&place, template, tera)?;
            let key: String = serde_json::from_str(&key).unwrap_or(key);
            let extension = SecretExtension { of: Some(source.into()), json_key: Some(key), ..Default::default() };
            file.secrets.insert(
                name.clone(),
                Secret { file: Some(format!("./secrets/{name}")), extension: Some(extension), ..Default::default() },
            );
            file.secrets.insert(source.into(), declared(resolved, source)?);
        } else {
            file.secrets.insert(name.clone(), declared(resolved, source)?);
        }
        used.push(name);
    }
    if instance.component.manifest.name == "alertmanager" {
        for receiver in &resolved.receivers {
            let names = receiver
                .passwords
                .iter()
                .filter_map(|variable| receiver.settings.get(variable)?.get("secret")?.as_str());
            for name in names {
                file.secrets.insert(name.into(), declared(resolved, name)?);
                used.push(name.into());
            }
        }
    }
    used.sort();
    used.dedup();
    if let Some(service) = file.services.get_mut(&instance.name) {
        service.secrets.extend(used);
    }
    Ok(())
}

fn declared(resolved: &Resolved<'_>, name: &str) -> Result<Secret> {
    let source = resolved.secrets.get(name).ok_or_else(|| {
        Error::new(format!("the secret `{name}` is not defined"))
            .hint(format!("add `{name}: {{env: VARIABLE}}` under `secrets:`"))
    })?;
    let in_bundle = || Some(format!("./secrets/{name}"));
    Ok(match source {
        SecretSource::Env(variable) => Secret { environment: Some(variable.clone()), ..Default::default() },
        SecretSource::File(path) => Secret { file: Some(path.clone()), ..Default::default() },
        SecretSource::Command(command) => Secret {
            file: in_bundle(),
            extension: Some(SecretExtension { command: command.clone(), ..Default::default() }),
            ..Default::default()
        },
        SecretSource::Generate(length) => Secret {
            file: in_bundle(),
            extension: Some(SecretExtension { generate: Some(*length), ..Default::default() }),
            ..Default::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::Catalog;
    use crate::spec;
    use crate::spec::{OwnFiles, resolve};

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
    fn secrets_are_named_by_file_and_source_only() {
        let bundle = bundle(EVERYTHING).expect("rendered");
        assert_eq!(bundle.compose.secrets["orders_db"].environment.as_deref(), Some("ORDERS_DB"));
        let exporter = &bundle.compose.services["postgres-exporter-orders"];
        assert_eq!(exporter.environment["DATA_SOURCE_PASS_FILE"], "/run/secrets/orders_db");
        assert_eq!(exporter.secrets, ["orders_db"]);
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
        let config =
            yaml::parse("a", &text_of(&bundle, "files/alertmanager/alertmanager.yml")).expect("YAML").to_json();
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
            ("alerting: {receivers: [{name: a, type: slak, x: y}]}\n", "unknown type `slak` of receiver"),
            (
                "alerting: {receivers: [{name: a, type: webhook, url: 'http://a', send_resolved: maybe}]}\n",
                "`send_resolved` of receiver `a` must be true or false, not the text `maybe`",
            ),
            ("components: {alertmanager: {port: 9090}}", "`alertmanager` and `prometheus` would both be published on"),
            ("components: {prometheus: {bind: \"999.1\"}}", "`prometheus` cannot be published on `999.1:9090:9090`"),
            ("probes: [{url: 'http://a', module: http_200}]", "there is no module `http_200` to probe with"),
            (
                "components: {cadvisor: false, grafana: false}\ndashboards: [a]",
                "`dashboards` need the component `grafana`",
            ),
            ("components: {prometheus: {scrape_interval: 5s, scrape_timeout: 8s}}", "`scrape_timeout` of `prometheus`"),
        ] {
            let error = bundle(text).expect_err("refused");
            assert!(error.message.starts_with(message), "{}", error.message);
            assert!(error.at.is_some(), "{text}");
        }
        assert!(
            bundle("components: {prometheus: false}").expect_err("refused").message.contains("without `prometheus`")
        );
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
        let text =
            "components:\n  redis-exporter:\n    - {name: a}\n    - {name: b, address: 'b:1'}\n    - {name: c}\n";
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
        let manifest =
            "name: shop\ntitle: Shop\ndescription: A shop.\ncategory: own\nimage: {repository: shop, tag: v1}\n";
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
        (
            compose,
            files.iter().map(|path| yaml::parse(path, &text_of(&bundle, path)).expect("YAML").to_json()).collect(),
        )
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
}
