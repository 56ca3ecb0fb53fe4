//! Reading `watchpost.yaml`: every error of one pass, each with its place.

mod accept;
mod alerting;
mod scraping;
mod upstream;

use std::collections::BTreeMap;

use self::upstream::Place;
use super::alerting::Alerting;
use super::names;
use super::types::{Answers, DEFAULT_NAME, DEFAULT_STACK, SecretSource, Selection, Spec};
use crate::error::{Error, Result, did_you_mean};
use crate::units::parse_duration;
use crate::yaml::{self, Kind, Node};

const KEYS: [&str; 13] = [
    "name",
    "stack",
    "host",
    "address",
    "catalog",
    "components",
    "secrets",
    "alerting",
    "targets",
    "probes",
    "dashboards",
    "rules",
    "accept",
];

/// Reads a spec; `name` is how errors call the file.
///
/// Errors: unknown or repeated keys, wrong types, names that clash, receivers that no route uses, routes to
/// receivers that are not there, secrets that are not defined. Answers await the catalog.
pub fn read(name: &str, text: &str) -> Result<Spec> {
    let root = yaml::parse(name, text)?;
    let mut reader = Reader { errors: Vec::new() };
    let spec = reader.spec(&root);
    Error::all(reader.errors)?;
    Ok(spec)
}

struct Reader {
    errors: Vec<Error>,
}

impl Reader {
    fn spec(&mut self, root: &Node) -> Spec {
        self.mapping(root, "the spec", "such as `stack: standard`");
        if !self.upstream(root, Place::Top) {
            self.known_keys(root, &KEYS);
        }
        let mut spec = Spec {
            name: self.text_under(root, "name").unwrap_or_else(|| DEFAULT_NAME.into()),
            stack: self.text_under(root, "stack").unwrap_or_else(|| DEFAULT_STACK.into()),
            host: self.text_under(root, "host"),
            address: self.address(root),
            catalog: self.text_under(root, "catalog"),
            components: BTreeMap::new(),
            secrets: BTreeMap::new(),
            alerting: Alerting::default(),
            targets: Vec::new(),
            probes: Vec::new(),
            dashboards: self.paths(root, "dashboards"),
            rules: self.paths(root, "rules"),
            accept: self.accept(root),
            source: Some(root.clone()),
        };
        if let (Some(node), false) = (root.get("name"), names::is_project(&spec.name)) {
            self.errors.push(
                node.error(format!("`{}` is not a valid name for the stack", spec.name))
                    .hint("lowercase letters, digits, `-` and `_`, beginning with a letter or a digit"),
            );
        }
        spec.components = self.components(root);
        spec.secrets = self.secrets(root);
        spec.alerting = self.alerting(root);
        spec.targets = self.targets(root);
        spec.probes = self.probes(root);
        self.secret_references(root, &spec.secrets);
        spec
    }

    fn known_keys(&mut self, node: &Node, known: &[&str]) {
        for (key, _) in node.entries() {
            let name = key.as_str().unwrap_or_default();
            if known.contains(&name) {
                continue;
            }
            let error = key.error(format!("unknown key `{name}`"));
            self.errors.push(match did_you_mean(name, known.iter().copied()) {
                Some(guess) => error.label(format!("did you mean `{guess}`?")),
                None => error.hint(format!("known keys here: {}", known.join(", "))),
            });
        }
    }

    /// Anything but a mapping, or nothing, is an error of this node.
    fn mapping(&mut self, node: &Node, what: &str, hint: &str) {
        if !matches!(node.kind, Kind::Mapping(_) | Kind::Null) {
            let message = format!("{what} must be a mapping, found {}", node.describe());
            self.errors.push(node.error(message).hint(hint));
        }
    }

    fn text_under(&mut self, node: &Node, key: &str) -> Option<String> {
        let value = node.get(key).filter(|value| !value.is_null())?;
        if value.as_str().is_none() {
            let error = value.error(format!("`{key}` must be a text, found {}", value.describe()));
            self.errors.push(match value.kind {
                Kind::Sequence(_) | Kind::Mapping(_) => error,
                _ => error.hint("put it in quotes if it is meant"),
            });
        }
        value.as_str().map(str::to_owned)
    }

    /// The items under `key`; anything but a list, or nothing, is an error.
    fn items<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        let Some(value) = node.get(key) else { return &[] };
        if !matches!(value.kind, Kind::Sequence(_) | Kind::Null) {
            let error = value.error(format!("`{key}` must be a list, found {}", value.describe()));
            self.errors.push(error.hint("write each item on a line of its own, after `- `"));
        }
        value.items()
    }

    /// The items under `key` that can be read, each with its place, where `place` is what they are.
    fn entries<'n, T: serde::de::DeserializeOwned>(
        &mut self,
        node: &'n Node,
        key: &str,
        place: Place,
    ) -> Vec<(T, &'n Node)> {
        let items: Vec<&Node> = self.items(node, key).iter().filter(|item| !self.upstream(item, place)).collect();
        let mut read = |item: &Node| item.decode().map_err(|error| self.errors.push(error)).ok();
        items.into_iter().filter_map(|item| Some((read(item)?, item))).collect()
    }

    /// The items under `key` that can be read, each with its place.
    fn list<'n, T: serde::de::DeserializeOwned>(&mut self, node: &'n Node, key: &str) -> Vec<(T, &'n Node)> {
        let items = self.items(node, key);
        let mut read = |item: &Node| item.decode().map_err(|error| self.errors.push(error)).ok();
        items.iter().filter_map(|item| Some((read(item)?, item))).collect()
    }

    fn paths(&mut self, root: &Node, key: &str) -> Vec<String> {
        self.list(root, key).into_iter().map(|(path, _)| path).collect()
    }

    fn components(&mut self, root: &Node) -> BTreeMap<String, Selection> {
        let Some(node) = root.get("components") else { return BTreeMap::new() };
        self.mapping(node, "`components`", "write `prometheus: {retention: 30d}` below it");
        let mut components = BTreeMap::new();
        for (key, value) in node.entries() {
            let name = key.as_str().unwrap_or_default();
            let selection = match &value.kind {
                Kind::Bool(false) => Selection::Off,
                Kind::Bool(true) | Kind::Null => Selection::One(Answers::new()),
                Kind::Mapping(_) => Selection::One(answers(value, &[])),
                Kind::Sequence(items) if items.is_empty() => {
                    let error = value.error(format!("the list of `{name}` is empty"));
                    self.errors.push(error.hint(format!("`{name}: false` leaves it out")));
                    continue;
                }
                Kind::Sequence(items) => Selection::Many(self.instances(name, items)),
                _ => {
                    self.errors.push(value.error(format!(
                        "`{name}` must be settings, a list of them, `true` or `false`, not {}",
                        value.describe()
                    )));
                    continue;
                }
            };
            components.insert(name.to_owned(), selection);
        }
        components
    }

    fn instances(&mut self, component: &str, items: &[Node]) -> Vec<(String, Answers)> {
        let mut instances: Vec<(String, Answers)> = Vec::new();
        for item in items {
            let Some(name) = self.text_under(item, "name") else {
                // A name of another type is an error already.
                if item.get("name").is_none_or(Node::is_null) {
                    self.errors.push(item.error(format!("each `{component}` of a list needs a `name`")));
                }
                continue;
            };
            let place = item.get("name").unwrap_or(item);
            if !names::is_name(&name) {
                self.errors
                    .push(place.error(format!("`{name}` is not a valid name")).hint("letters, digits, `-` and `_`"));
            } else if let Some((other, _)) = instances.iter().find(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                let error = place.error(format!("two of `{component}` are named `{name}`"));
                let hint = "give each its own name";
                self.errors.push(if *other == name {
                    error.hint(hint)
                } else {
                    error.cause(format!("names of services are lowercase, so that `{other}` is the same")).hint(hint)
                });
            } else {
                instances.push((name, answers(item, &["name"])));
            }
        }
        instances
    }

    fn secrets(&mut self, root: &Node) -> BTreeMap<String, SecretSource> {
        let Some(node) = root.get("secrets") else { return BTreeMap::new() };
        if !matches!(node.kind, Kind::Mapping(_) | Kind::Null) {
            // Not described: it may be a secret itself.
            self.errors.push(
                node.error("`secrets` must be a mapping")
                    .without_excerpt()
                    .hint("write `NAME: {env: VARIABLE}` below it"),
            );
        }
        let mut secrets = BTreeMap::new();
        for (key, value) in node.entries() {
            let name = key.as_str().unwrap_or_default();
            if !names::is_name(name) {
                self.errors.push(
                    key.error(format!("`{name}` is not a valid name for a secret"))
                        .without_excerpt()
                        .hint("letters, digits, `-` and `_`"),
                );
            }
            if !matches!(value.kind, Kind::Mapping(_)) {
                // The text is not repeated: it may be the secret itself.
                self.errors.push(
                    key.error(format!("the secret `{name}` must say where its value comes from, never hold it"))
                        .without_excerpt()
                        .hint(SOURCES),
                );
                continue;
            }
            match value.decode::<SecretSource>() {
                Ok(source) => {
                    self.errors.extend(misplaced(name, key, &source));
                    secrets.insert(name.to_owned(), source);
                }
                // serde's message would repeat the value, which may be the secret itself.
                Err(_) => self.errors.push(
                    key.error(format!("the secret `{name}` does not say where its value comes from"))
                        .without_excerpt()
                        .hint(SOURCES),
                ),
            }
        }
        secrets
    }

    fn duration(&mut self, node: &Node, key: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| parse_duration(value).is_none()) {
            let place = node.get(key).unwrap_or(node);
            self.errors.push(
                place.error(format!("`{key}` must be a duration, not `{value}`")).hint("such as `30s`, `5m`, `4h`"),
            );
        }
    }

    fn labels<'a>(&mut self, node: &Node, labels: impl Iterator<Item = &'a String>) {
        for label in labels.filter(|label| !names::is_label(label)) {
            let place = node.get("labels").and_then(|labels| labels.key(label)).unwrap_or(node);
            self.errors.push(
                place
                    .error(format!("`{label}` is not a valid label"))
                    .hint("letters, digits and `_`, not beginning with a digit or `__`"),
            );
        }
    }

    /// `{secret: NAME}` anywhere in components or receivers must be defined, unless a question brings it along;
    /// those are looked up by the catalog later, so only what looks like a typo is rejected here.
    fn secret_references(&mut self, root: &Node, secrets: &BTreeMap<String, SecretSource>) {
        let mut references = Vec::new();
        for key in ["components", "alerting"] {
            root.get(key).into_iter().for_each(|node| collect_references(node, &mut references));
        }
        for (name, node) in references.iter().filter(|(name, _)| !secrets.contains_key(name)) {
            if !names::is_name(name) {
                // Not repeated: it may be the secret itself.
                let error = node.error("`secret:` must be followed by the name of a secret").without_excerpt();
                self.errors.push(error.hint("write its name under `secrets:`, made of letters, digits, `-` and `_`"));
                continue;
            }
            let error = node.error(format!("the secret `{name}` is not defined"));
            self.errors.push(match did_you_mean(name, secrets.keys().map(String::as_str)) {
                Some(guess) => error.label(format!("did you mean `{guess}`?")),
                None => error
                    .hint(format!("add `{name}: {{env: {}}}` under `secrets:`", name.to_uppercase().replace('-', "_"))),
            });
        }
    }
}

const SOURCES: &str = "write `{env: VARIABLE}`, `{file: PATH}`, `{command: [PROGRAM, ARGUMENT]}` or `{generate: 32}`";

/// What looks like the secret itself, where the name of its source belongs. It is not shown.
fn misplaced(name: &str, key: &Node, source: &SecretSource) -> Option<Error> {
    let (message, hint) = match source {
        SecretSource::Env(variable) if !names::is_variable(variable) => (
            format!("`env:` of the secret `{name}` is not the name of a variable"),
            "write the variable's name, such as `SLACK_API_URL`, never the value",
        ),
        SecretSource::File(path) if !names::is_path(path) => (
            format!("`file:` of the secret `{name}` is not a path"),
            "write the path of a file that holds the value, never the value",
        ),
        _ => return None,
    };
    Some(key.error(message).without_excerpt().hint(hint))
}

/// All entries of a mapping but those in `except`.
fn answers(node: &Node, except: &[&str]) -> Answers {
    let entries = node.entries().iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.clone())));
    entries.filter(|(key, _)| !except.contains(&key.as_str())).collect()
}

fn collect_references(node: &Node, found: &mut Vec<(String, Node)>) {
    if let ([(key, value)], true) = (node.entries(), node.get("secret").is_some())
        && let (Some("secret"), Some(name)) = (key.as_str(), value.as_str())
    {
        found.push((name.to_owned(), value.clone()));
        return;
    }
    node.items().iter().for_each(|item| collect_references(item, found));
    node.entries().iter().for_each(|(_, value)| collect_references(value, found));
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r##"
name: monitoring
stack: standard
host: ssh://ops@db1
components:
  prometheus: {port: 9090, scrape_interval: 15s, retention: 30d}
  cadvisor: false
  postgres-exporter:
    - {name: orders, host: orders-db, user: monitor, password: {secret: orders_db}}
secrets:
  orders_db: {env: ORDERS_DB_PASSWORD}
  slack_url: {file: ./slack}
alerting:
  receivers:
    - {name: oncall, type: slack, channel: "#oncall", api_url: {secret: slack_url}}
  routes:
    - {match: {severity: critical}, to: oncall}
targets:
  - {job: shop, static: ["shop:8080"], labels: {team: web}}
probes:
  - {url: "https://shop.example.com/", module: http_2xx}
dashboards: [./dashboards]
rules: [./rules]
"##;

    #[test]
    fn the_example_of_the_readme_is_read() {
        let spec = read("watchpost.yaml", EXAMPLE).expect("valid");
        assert_eq!(spec.host.as_deref(), Some("ssh://ops@db1"));
        assert!(matches!(spec.components["cadvisor"], Selection::Off));
        assert!(matches!(&spec.components["postgres-exporter"], Selection::Many(list) if list[0].0 == "orders"));
        assert_eq!(spec.secrets["orders_db"], SecretSource::Env("ORDERS_DB_PASSWORD".into()));
        assert_eq!(spec.targets[0].addresses, ["shop:8080"]);
    }

    #[test]
    fn an_empty_spec_is_the_standard_stack() {
        let spec = read("watchpost.yaml", "").expect("valid");
        assert_eq!((spec.name.as_str(), spec.stack.as_str()), ("monitoring", "standard"));
    }

    /// Message, line and column of each error found.
    fn errors(text: &str) -> Vec<(String, usize, usize)> {
        let error = read("watchpost.yaml", text).expect_err("refused");
        let place = |error: &Error| error.at.as_ref().map_or((0, 0), |at| (at.line, at.column));
        std::iter::once(&error)
            .chain(&error.also)
            .map(|error| (error.message.clone(), place(error).0, place(error).1))
            .collect()
    }

    #[test]
    fn a_secret_where_its_source_belongs_is_refused_and_not_shown() {
        for source in [
            "{env: xoxb-123-abc}",
            "{env: 'https://h.example/T0'}",
            "{file: 'https://h.example/T0'}",
            "hunter-2",
            "{value: hunter2}",
            "{command: hunter2}",
            "{generate: hunter2}",
            "{env: [hunter2]}",
            "{hunter2: }",
        ] {
            let error = read("watchpost.yaml", &format!("secrets:\n  chat: {source}\n")).expect_err("refused");
            let at = error.at.clone().expect("a place");
            assert_eq!((at.line, at.excerpt.as_str()), (2, ""), "{source}");
            let text = format!("{} {:?}", error.message, error.hint);
            assert!(!["xoxb", "https", "hunter"].iter().any(|part| text.contains(part)), "{text}");
        }
        read("watchpost.yaml", "secrets:\n  a: {env: _A_1}\n  b: {file: ./b c}\n").expect("accepted");
    }

    #[test]
    fn slips_are_named_with_their_places_all_in_one_pass() {
        let text = "stcak: minimal\nname: Mine\ntargets:\n  - {job: shop, static: [shop]}\n";
        assert_eq!(
            errors(text),
            [
                ("unknown key `stcak`".into(), 1, 1),
                ("`Mine` is not a valid name for the stack".into(), 2, 7),
                ("`shop` is not a valid address to scrape".into(), 4, 26),
            ]
        );
    }

    #[test]
    fn a_wrong_type_is_an_error_wherever_it_stands() {
        for (text, message, column) in [
            ("alerting: 5", "`alerting` must be a mapping, found the number 5", 11),
            ("alerting: {receivers: {name: a}}", "`receivers` must be a list, found a mapping", 23),
            ("alerting: {receivers: [5]}", "a receiver must be a mapping, found the number 5", 24),
            ("alerting: {routes: critical}", "`routes` must be a list, found the text `critical`", 20),
            ("secrets: 5", "`secrets` must be a mapping", 10),
            ("secrets: [a]", "`secrets` must be a mapping", 10),
            ("components: {redis-exporter: []}", "the list of `redis-exporter` is empty", 30),
            ("host: 5", "`host` must be a text, found the number 5", 7),
            ("stack: [a]", "`stack` must be a text, found a list", 8),
            ("targets: 5", "`targets` must be a list, found the number 5", 10),
            ("- a", "the spec must be a mapping, found a list", 1),
        ] {
            assert_eq!(errors(text), [(message.into(), 1, column)], "{text}");
        }
    }

    #[test]
    fn after_a_bad_item_the_others_still_point_at_their_own_lines() {
        let text = "alerting:\n  receivers: [{name: a, type: slack}]\n  routes:\n    - {too: a}\n    - {to: b, match: {c: d}}\n    \
            - {to: a, group_wait: soon}\n    - 5\nprobes:\n  - {ur: x}\n  - {url: shop}\n";
        let found: Vec<(String, usize)> = errors(text).into_iter().map(|(message, line, _)| (message, line)).collect();
        assert_eq!(
            found,
            [
                ("unknown key `too`".into(), 4),
                ("expected a mapping, found the number 5".into(), 7),
                ("unknown receiver `b`".into(), 5),
                ("`group_wait` must be a duration, not `soon`".into(), 6),
                ("unknown key `ur`".into(), 9),
                ("`shop` is not a valid URL".into(), 10),
            ]
        );
    }

    #[test]
    fn what_would_get_lost_without_a_word_is_refused() {
        let receivers = "receivers: [{name: a, type: slack}, {name: b, type: slack}]";
        let text = format!("alerting:\n  {receivers}\n  routes:\n    - {{to: a}}\n    - {{to: b}}\n");
        assert_eq!(errors(&text), [("no alert reaches this route".into(), 5, 7)]);
        assert!(read("watchpost.yaml", &text.replace("{to: a}", "{to: a, continue: true}")).is_ok());
        let text = "alerting:\n  receivers: [{name: nobody, type: slack}]\n";
        assert_eq!(errors(text), [("a receiver cannot be named `nobody`".into(), 2, 22)]);
        assert_eq!(errors("targets: [{job: '', static: ['a:1']}]"), [("`job` is empty".into(), 1, 17)]);
    }

    #[test]
    fn a_receiver_without_a_route_is_refused() {
        let text = EXAMPLE.replace("to: oncall", "to: onkall");
        let messages: Vec<String> = errors(&text).into_iter().map(|error| error.0).collect();
        assert_eq!(messages, ["unknown receiver `onkall`", "no route leads to the receiver `oncall`"]);
    }

    #[test]
    fn a_single_receiver_without_any_route_gets_everything() {
        let text = EXAMPLE.replace("  routes:\n    - {match: {severity: critical}, to: oncall}\n", "");
        assert!(read("watchpost.yaml", &text).is_ok());
    }

    #[test]
    fn names_that_clash_are_refused() {
        let text = "components:\n  redis-exporter:\n    - {name: a, address: 'a:1'}\n    - {name: a, address: 'b:1'}\n";
        assert_eq!(errors(text), [("two of `redis-exporter` are named `a`".into(), 4, 14)]);
        let text = text.replacen("name: a", "name: A", 1);
        assert_eq!(errors(&text), [("two of `redis-exporter` are named `a`".into(), 4, 14)]);
    }

    #[test]
    fn a_secret_written_into_the_file_is_refused_without_being_repeated() {
        let error = read("watchpost.yaml", "secrets:\n  db: hunter2\n").expect_err("refused");
        assert!(!error.message.contains("hunter2") && error.hint.clone().unwrap_or_default().contains("env"));
    }

    #[test]
    fn a_secret_where_a_reference_to_one_belongs_is_refused_and_not_shown() {
        for text in ["components: {grafana: {admin_password: {secret: 'hunter2!'}}}\n", "secrets: hunter2"] {
            let error = read("watchpost.yaml", text).expect_err("refused");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_secret_that_is_not_defined_is_refused() {
        let text = "components:\n  grafana: {admin_password: {secret: grafna}}\nsecrets:\n  grafana: {env: G}\n";
        let error = read("watchpost.yaml", text).expect_err("refused");
        assert_eq!(error.label.as_deref(), Some("did you mean `grafana`?"));
    }

    #[test]
    fn names_that_would_become_bad_files_hosts_or_labels_are_rejected_where_they_are() {
        for (text, message, column) in [
            ("components: {redis-exporter: [{name: ../x, address: 'a:1'}]}", "`../x` is not a valid name", 38),
            ("secrets: {a/b: {env: A}}", "`a/b` is not a valid name for a secret", 11),
            ("targets: [{job: a, static: ['a:1'], labels: {a-b: c}}]", "`a-b` is not a valid label", 46),
            ("probes: [{url: 'http://a', labels: {__a: c}}]", "`__a` is not a valid label", 37),
            ("probes: [{url: 'http://a', interval: soon}]", "`interval` must be a duration, not `soon`", 38),
            ("targets: [{job: a, static: ['a:1'], scheme: ftp}]", "`scheme` is `http` or `https`", 45),
            ("targets: [{job: a, static: [a]}]", "`a` is not a valid address to scrape", 29),
            (
                "targets: [{job: a, static: ['localhost:9100']}]",
                "`localhost:9100` is Prometheus's own container, where nothing listens on it",
                29,
            ),
            ("probes: [{url: 'a b', module: tcp_connect}]", "`a b` is not a valid address to probe", 16),
            ("address: 'http://a'", "`http://a` is not the name or IP address of a host", 10),
            ("address: a:9090", "`a:9090` is not the name or IP address of a host", 10),
            ("targets: [{job: a, static: ['a:1'], path: metrics}]", "the path `metrics` must begin with `/`", 43),
            ("name: Shop", "`Shop` is not a valid name for the stack", 7),
        ] {
            assert_eq!(errors(text), [(message.into(), 1, column)], "{text}");
        }
    }

    #[test]
    fn each_of_several_needs_a_name_and_gets_one_error() {
        let text = |item: &str| format!("components: {{redis-exporter: [{item}]}}");
        for (item, message, column) in [
            ("{address: 'a:1'}", "each `redis-exporter` of a list needs a `name`", 31),
            ("{name: , address: 'a:1'}", "each `redis-exporter` of a list needs a `name`", 31),
            ("{name: 5, address: 'a:1'}", "`name` must be a text, found the number 5", 38),
        ] {
            assert_eq!(errors(&text(item)), [(message.into(), 1, column)], "{item}");
        }
        let twice = "{name: a, address: 'a:1'}, {name: A, address: 'a:1'}";
        let error = read("watchpost.yaml", &text(twice)).expect_err("rejected");
        assert_eq!(error.causes(), ["names of services are lowercase, so that `a` is the same"]);
    }

    #[test]
    fn quotes_are_advised_where_they_help() {
        let hint = |text: &str| read("watchpost.yaml", text).expect_err("rejected").hint.clone();
        assert_eq!(hint("host: 5").as_deref(), Some("put it in quotes if it is meant"));
        assert_eq!(hint("host: [5]"), None);
        assert_eq!(hint("host: {a: 5}"), None);
    }

    #[test]
    fn a_watchdog_may_have_its_own_route_after_all_others() {
        let text = |alert: &str| {
            format!(
                "alerting:\n  receivers: [{{name: a, type: slack}}, {{name: b, type: slack}}]\n  routes:\n    - {{to: a}}\n    \
                 - {{to: b, match: {{alertname: {alert}}}}}\n"
            )
        };
        assert!(read("watchpost.yaml", &text("Watchdog")).is_ok());
        assert!(read("watchpost.yaml", &text("InfoInhibitor")).is_ok());
        assert_eq!(errors(&text("HostDown")), [("no alert reaches this route".into(), 5, 7)]);
    }
}
