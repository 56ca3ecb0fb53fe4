//! Later deploys: only what changed is touched.

use crate::support::Stack;
use crate::support::http::await_value;

#[test]
fn a_second_up_changes_nothing_and_says_so_in_one_line() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let before = stack.containers();
    let output = stack.up();
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("nothing to do, 3 services ready"), "{}", output.stderr);
    assert_eq!(stack.containers(), before);
    stack.run(&["plan", "--exit-code"]).expect(0);
}

#[test]
fn one_changed_answer_recreates_one_service() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let before = stack.containers();
    stack.edit("scrape_interval: 1s", "retention: 3d, scrape_interval: 1s");
    stack.run(&["plan", "--exit-code"]).expect(2).prints("recreate").prints("1 recreate; 2 unchanged");
    assert_eq!(stack.containers(), before, "a plan changes nothing");
    stack.up();
    let after = stack.containers();
    assert_ne!(after["prometheus"], before["prometheus"]);
    assert_eq!(after["alertmanager"], before["alertmanager"]);
    assert_eq!(after["node-exporter"], before["node-exporter"]);
}

#[test]
fn a_component_is_added_and_removed_again() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let before = stack.containers();
    stack.edit("components:\n", "components:\n  pushgateway: true\n");
    stack.up();
    assert!(stack.containers().contains_key("pushgateway"));
    assert_eq!(stack.containers()["alertmanager"], before["alertmanager"]);
    await_value(stack.prometheus, "up{job=\"pushgateway\"}", 1.0);
    stack.edit("  pushgateway: true\n", "");
    stack.run(&["plan"]).expect(0).prints("pushgateway").prints("remove");
    stack.up();
    assert!(!stack.containers().contains_key("pushgateway"));
}

#[test]
fn a_container_that_was_removed_or_stopped_by_hand_comes_back() {
    let stack = Stack::new("minimal", "");
    stack.up();
    crate::support::docker::docker(&["rm", "-f", &stack.container("alertmanager")]);
    crate::support::docker::docker(&["stop", &stack.container("node-exporter")]);
    stack.up();
    await_value(stack.prometheus, "count(up == 1)", 3.0);
}

#[test]
fn a_plan_in_json_lists_operations_with_their_causes() {
    let stack = Stack::new("minimal", "");
    let plan = stack.run(&["plan", "-o", "json"]).expect(0).json();
    let operations = plan["operations"].as_array().expect("operations");
    assert!(
        operations.iter().any(|o| o["action"]["action"] == "create" && o["action"]["service"] == "prometheus"),
        "{plan}"
    );
    assert!(stack.containers().is_empty());
}
