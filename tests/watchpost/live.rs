//! The shipped content on a real stack: every rule evaluates, every panel shows something or says why not.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::known::{self, PanelQuery};
use crate::support::docker::{Container, Network, docker};
use crate::support::{Stack, await_until, http};

/// Reasons of panels to be empty that hold on a stack with everything too: there is no certificate, no CPU limit, and
/// not every kernel measures pressure.
const HOLDS_ALWAYS: [&str; 4] = ["https", "CPU limit", "pressure", "looked at a dashboard"];

/// Everything that can be scraped here, with something to be seen in each.
struct Everything {
    stack: Stack,
    _postgres: Container,
    redis: Container,
    /// One that ends again and again.
    restless: Container,
    _network: Network,
}

impl Everything {
    fn start() -> Self {
        let stack = Stack::new("standard", "");
        let network = Network::create(&format!("{}-apps", stack.name));
        let (postgres, redis) = (format!("{}-db", stack.name), format!("{}-cache", stack.name));
        let postgres = Container::run(
            &postgres,
            &["--network", &network.0, "-e", "POSTGRES_PASSWORD=sample", "watchpost-test/postgres:18"],
        );
        let redis = Container::run(&redis, &["--network", &network.0, "watchpost-test/redis:8"]);
        let components = format!(
            "  pushgateway: {{port: {}}}\n  postgres-exporter: [{{name: orders, host: {}, user: postgres, network: {net}, password: {{secret: db}}}}]\n  redis-exporter: [{{name: cache, address: \"{}:6379\", network: {net}}}]\n",
            crate::support::free_port(),
            postgres.0,
            redis.0,
            net = network.0
        );
        let more = "secrets: {db: {env: DB_PASSWORD}}\nalerting: {receivers: [{name: oncall, type: webhook, url: \"http://prometheus:9090/-/healthy\"}]}\nprobes: [{url: \"http://prometheus:9090/-/healthy\"}]\n";
        stack.write("standard", &components, more);
        stack.command(&["up", "--yes"]).env("DB_PASSWORD", "sample").run().expect(0);
        let restless = format!("{}-restless", stack.name);
        let ends = ["--restart", "always", "watchpost-test/busybox:1", "sh", "-c", "sleep 2; exit 1"];
        let restless = Container::run(&restless, &ends);
        Self { stack, _postgres: postgres, redis, restless, _network: network }
    }

    fn load(&self) {
        docker(&["exec", &self.redis.0, "/usr/bin/redis-cli", "set", "answer", "42"]);
        // One read a second, so that some fall between two scrapes.
        let read = ["/usr/bin/redis-cli", "-r", "150", "-i", "1", "get", "answer"];
        docker(&[&["exec", "-d", &self.redis.0][..], &read].concat());
        let push = [
            "exec",
            &self.stack.container("pushgateway"),
            "wget",
            "-q",
            "-O",
            "/dev/null",
            "--post-data",
            "backup_last_success_timestamp_seconds 1\n",
            "http://127.0.0.1:9091/metrics/job/backup",
        ];
        docker(&push);
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn api(stack: &Stack, path: &str) -> Option<Value> {
    serde_json::from_str(&http::get(stack.prometheus, path)?).ok()
}

/// Waits until so many targets are there, all of them up.
fn await_targets(stack: &Stack, count: usize) {
    await_until("every target up", 60, || {
        let targets = api(stack, "/api/v1/targets")?["data"]["activeTargets"].as_array()?.clone();
        let down: Vec<&Value> = targets.iter().filter(|target| target["health"] != "up").collect();
        eprintln!("{} targets, down: {down:#?}", targets.len());
        (targets.len() == count && down.is_empty()).then_some(())
    });
}

/// The rules, once each group was evaluated; none of them with an error.
fn evaluated_rules(stack: &Stack) -> Vec<Value> {
    let rules = await_until("every rule evaluated", 60, || {
        let groups = api(stack, "/api/v1/rules")?["data"]["groups"].as_array()?.clone();
        let rules: Vec<Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
    }
    rules
}

/// Waits until these queries have data; a panel may need two scrapes for its rates.
fn await_data(stack: &Stack, mut waiting: Vec<PanelQuery>) {
    let count = waiting.len();
    await_until("data in every panel", 90, || {
        waiting.retain(|query| {
            let answer = api(stack, &format!("/api/v1/query?query={}", encoded(&query.expr)));
            answer.is_none_or(|answer| {
                assert_eq!(answer["status"], "success", "{}: {answer}", query.expr);
                answer["data"]["result"].as_array().is_none_or(Vec::is_empty)
            })
        });
        // A panel that stays empty is named when the time is over.
        let left: Vec<String> = waiting.iter().map(|query| format!("{}: {}", query.place, query.expr)).collect();
        eprintln!("{} of {count} panels are still empty: {left:#?}", left.len());
        left.is_empty().then_some(())
    });
}

#[test]
fn with_everything_every_rule_evaluates_and_every_panel_shows_something() {
    let everything = Everything::start();
    everything.load();
    // Nine services and one probed address.
    await_targets(&everything.stack, 10);
    assert!(evaluated_rules(&everything.stack).len() > 80);
    let shown = |query: &PanelQuery| {
        query.empty.as_ref().is_none_or(|when| !HOLDS_ALWAYS.iter().any(|reason| when.contains(reason)))
    };
    await_data(&everything.stack, known::panel_queries().into_iter().filter(shown).collect());
    let firing = format!("ALERTS{{alertname=\"ContainerRestarting\", name=\"{}\"}}", everything.restless.0);
    await_until("the alert about the container that ends again and again", 60, || {
        let answer = api(&everything.stack, &format!("/api/v1/query?query={}", encoded(&firing)))?;
        (answer["data"]["result"][0]["metric"]["alertstate"] == "firing").then_some(())
    });
    // It had other labels before each restart; what sums up containers must not count those too.
    let series = format!("container_last_seen{{name=\"{}\"}}", everything.restless.0);
    let answer = api(&everything.stack, &format!("/api/v1/query?query={}", encoded(&series))).expect("an answer");
    assert!(answer["data"]["result"].as_array().is_some_and(|series| series.len() <= 1), "{answer}");
}

/// As it comes: no receiver, nothing probed. What is empty says so, and metrics that are absent are declared.
#[test]
fn as_it_comes_what_is_empty_says_so() {
    let stack = Stack::new("standard", "");
    stack.up();
    let services: BTreeSet<String> = stack.containers().into_keys().collect();
    assert!(services.len() >= 6, "{services:?}");
    await_targets(&stack, services.len());
    let rules = evaluated_rules(&stack);
    let mine = |query: &PanelQuery| services.contains(&query.component);
    let queries: Vec<PanelQuery> = known::panel_queries().into_iter().filter(mine).collect();
    let expressions: Vec<String> =
        rules.iter().map(|rule| rule["query"].as_str().expect("a query").to_owned()).collect();
    let expressions: Vec<String> =
        expressions.into_iter().chain(queries.iter().map(|query| query.expr.clone())).collect();
    await_data(&stack, queries.into_iter().filter(|query| query.empty.is_none()).collect());
    let names = api(&stack, "/api/v1/label/__name__/values").expect("names");
    let names: BTreeSet<&str> = names["data"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    let patterns = known::absences(&known::catalog());
    let undeclared: BTreeSet<String> = expressions
        .iter()
        .flat_map(|expr| known::Named::of(&known::parsed("a rule or panel", expr)).metrics)
        .map(|(metric, _)| metric)
        .filter(|metric| !names.contains(metric.as_str()) && !patterns.iter().any(|pattern| pattern.is_match(metric)))
        .collect();
    assert!(undeclared.is_empty(), "no manifest says why these are absent: {undeclared:?}");
}
