//! The shipped content on a real stack: every rule evaluates, every panel shows something or says why not.

use serde_json::Value;

use crate::support::docker::{Container, Network, docker};
use crate::support::{Stack, await_until, http};

/// Panels that are empty on this stack, and their dashboards say so in their own description.
fn declared_empty(dashboard: &Value, panel: &str) -> bool {
    let says = |word: &str| dashboard["description"].as_str().is_some_and(|text| text.to_lowercase().contains(word));
    says("empty") && panel.to_lowercase().contains("certificate") && says("certificates")
}

/// Everything that can be scraped here, with something to be seen in each.
struct Everything {
    stack: Stack,
    _postgres: Container,
    redis: Container,
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
        Self { stack, _postgres: postgres, redis, _network: network }
    }

    fn load(&self) {
        docker(&["exec", &self.redis.0, "/usr/bin/redis-cli", "set", "answer", "42"]);
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

    fn api(&self, path: &str) -> Option<Value> {
        let text = http::get(self.stack.prometheus, path)?;
        serde_json::from_str(&text).ok()
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[test]
fn every_rule_evaluates_and_every_panel_shows_something() {
    let everything = Everything::start();
    everything.load();
    // Nine services and one probed address.
    await_until("every target up", 60, || {
        let targets = everything.api("/api/v1/targets")?["data"]["activeTargets"].as_array()?.clone();
        let down: Vec<&Value> = targets.iter().filter(|target| target["health"] != "up").collect();
        eprintln!("{} targets, down: {down:#?}", targets.len());
        (targets.len() == 10 && down.is_empty()).then_some(())
    });
    // Every group evaluated at least once, without an error.
    let rules = await_until("every rule evaluated", 60, || {
        let groups = everything.api("/api/v1/rules")?["data"]["groups"].as_array()?.clone();
        let rules: Vec<Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(rules.len() > 80, "{} rules", rules.len());
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
    }
    // A panel may need two scrapes for its rates.
    let mut waiting = crate::content::panel_queries();
    waiting.retain(|(dashboard, panel, _)| !declared_empty(dashboard, panel));
    let count = waiting.len();
    let mut left = Vec::new();
    await_until("data in every panel", 90, || {
        waiting.retain(|(_, _, expr)| {
            let answer = everything.api(&format!("/api/v1/query?query={}", encoded(expr)));
            answer.is_none_or(|answer| {
                assert_eq!(answer["status"], "success", "{expr}: {answer}");
                answer["data"]["result"].as_array().is_none_or(Vec::is_empty)
            })
        });
        left = waiting.iter().map(|(_, panel, expr)| format!("{panel}: {expr}")).collect();
        // A panel that stays empty is named when the time is over.
        eprintln!("{} of {count} panels are still empty: {left:#?}", left.len());
        left.is_empty().then_some(())
    });
}
