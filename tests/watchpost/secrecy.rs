//! Secrets show nowhere.

use crate::support::Stack;
use crate::support::docker::{inspect, of_stack};

const RECEIVER: &str = "secrets:\n  chat: {env: CHAT_URL}\nalerting:\n  receivers:\n    - {name: chat, type: slack, channel: \"#ops\", api_url: {secret: chat}}\n  routes:\n    - {to: chat}\n";
const VALUE: &str = "https://hooks.example.com/open-sesame-4711";

#[test]
fn no_secret_is_in_any_output_or_in_what_docker_shows() {
    let stack = Stack::new("standard", RECEIVER);
    let mut seen = String::new();
    let mut run = |arguments: &[&str]| {
        let output = stack.command(arguments).env("CHAT_URL", VALUE).run().expect(0);
        seen.push_str(&output.stdout);
        seen.push_str(&output.stderr);
    };
    run(&["plan", "-v"]);
    run(&["up", "--yes", "-v"]);
    run(&["plan", "-o", "json"]);
    run(&["render", "-o", "json"]);
    run(&["status", "-o", "json"]);
    run(&["logs"]);
    for container in of_stack("container", &stack.name) {
        seen.push_str(&inspect(&container).to_string());
    }
    for kind in ["volume", "network"] {
        for object in of_stack(kind, &stack.name) {
            seen.push_str(&inspect(&object).to_string());
        }
    }
    let shown = stack.run(&["secrets", "show", "grafana_admin"]).expect(0).stdout;
    let generated = shown.trim_end();
    assert_eq!(generated.chars().count(), 24, "only the value is printed");
    assert!(!seen.contains("open-sesame-4711"), "the receiver's secret shows");
    assert!(!seen.contains(generated), "the generated password shows");
}

#[test]
fn a_changed_secret_recreates_the_service_that_reads_it() {
    let stack = Stack::new("minimal", RECEIVER);
    stack.command(&["up", "--yes"]).env("CHAT_URL", VALUE).run().expect(0);
    let before = stack.containers();
    stack.command(&["plan", "--exit-code"]).env("CHAT_URL", VALUE).run().expect(0);
    stack.command(&["up", "--yes"]).env("CHAT_URL", "https://hooks.example.com/other").run().expect(0);
    assert_ne!(stack.containers()["alertmanager"], before["alertmanager"]);
    assert_eq!(stack.containers()["prometheus"], before["prometheus"]);
}

#[test]
fn a_secret_that_is_not_there_is_named_before_anything_is_touched() {
    let stack = Stack::new("minimal", RECEIVER);
    stack.run(&["up", "--yes"]).expect(1).says("chat").says("CHAT_URL");
    assert!(stack.containers().is_empty());
}
