//! Later deploys: only what changed is touched.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};

use crate::support::docker::{docker, inspect};
use crate::support::http::await_value;
use crate::support::{Stack, await_until};

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
    stack.edit("scrape_interval:", "retention: 3d, scrape_interval:");
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
fn a_container_that_was_removed_stopped_or_paused_by_hand_comes_back() {
    let stack = Stack::new("minimal", "");
    stack.up();
    docker(&["rm", "-f", &stack.container("alertmanager")]);
    docker(&["stop", &stack.container("node-exporter")]);
    docker(&["pause", &stack.container("prometheus")]);
    stack.up();
    assert_eq!(inspect(&stack.container("prometheus"))["State"]["Paused"], false);
    await_value(stack.prometheus, "count(up == 1)", 3.0);
}

type Lines = std::io::Lines<BufReader<ChildStdout>>;

/// Starts an `up` with this retention and kills it at the moment that `reached` finds.
fn killed(stack: &Stack, retention: &str, reached: impl FnOnce(Lines)) {
    let set = format!("prometheus.retention={retention}");
    let mut command = stack.command(&["up", "--yes", "--no-verify", "-o", "json", "--set", &set]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    reached(BufReader::new(child.stdout.take().expect("its output")).lines());
    child.kill().expect("killed");
    assert!(!child.wait().expect("ended").success());
}

#[test]
fn an_up_killed_at_any_moment_is_fixed_by_the_next_even_for_another_spec() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let parked = format!("{}.parked", stack.container("prometheus"));
    let event = |mut lines: Lines, name: &str| {
        let sought = format!("\"event\":\"{name}\"");
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains(&sought))), "no {name}");
    };
    let converges = |retention: &str| {
        let set = format!("prometheus.retention={retention}");
        stack.run(&["up", "--yes", "--no-verify", "--set", &set]).expect(0);
        let prometheus = inspect(&stack.container("prometheus"));
        assert_eq!(prometheus["State"]["Running"], true);
        assert_eq!(prometheus["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
        assert!(prometheus["Args"].to_string().contains(&format!("time={retention}")));
        let names = docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &format!("name={}", stack.name)]);
        assert_eq!(names.lines().count(), 3, "{names}");
    };
    killed(&stack, "5d", |_| {
        await_until("the old one is set aside", 30, || {
            docker(&["ps", "-aq", "--filter", &format!("name={parked}")]).lines().next().map(drop)
        });
    });
    converges("6d");
    killed(&stack, "7d", |lines| event(lines, "service-creating"));
    converges("6d");
    killed(&stack, "8d", |lines| event(lines, "service-ready"));
    converges("8d");
    killed(&stack, "9d", |lines| event(lines, "service-starting"));
    converges("10d");
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
