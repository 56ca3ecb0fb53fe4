//! The first deploy.

use crate::support::docker::{inspect, of_stack};
use crate::support::http::{await_value, get};
use crate::support::{Stack, binary, shell, watchpost};

#[test]
fn minimal_comes_up_and_prometheus_reports_every_target_up() {
    let stack = Stack::new("minimal", "");
    let output = stack.up();
    assert!(output.stderr.contains("nothing of it exists yet"), "{}", output.stderr);
    assert!(output.stderr.contains(&format!("http://127.0.0.1:{}", stack.prometheus)), "{}", output.stderr);
    await_value(stack.prometheus, "count(up == 1)", 3.0);
    await_value(stack.prometheus, "count(up == 0) or vector(0)", 0.0);
    assert!(get(stack.alertmanager, "/-/ready").is_some());
}

#[test]
fn standard_comes_up_with_every_target_up_and_prints_where_the_password_is() {
    let stack = Stack::new("standard", "");
    let output = stack.up();
    assert!(output.stderr.contains("secrets show grafana_admin"), "{}", output.stderr);
    await_value(stack.prometheus, "count(up == 1)", 6.0);
    await_value(stack.prometheus, "count(up == 0) or vector(0)", 0.0);
    assert!(get(stack.grafana, "/api/health").is_some());
    // The printed command works as it stands, wherever one is.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let spec = stack.path().join("watchpost.yaml");
    let spec = spec.to_str().expect("UTF-8");
    let done = watchpost(["up", "--yes", "--no-verify", "-f", spec, "-o", "json"])
        .inside(elsewhere.path())
        .run()
        .expect(0)
        .json();
    let note = done["pages"][0]["note"].as_str().expect("a note");
    let (_, command) = note.split_once("password: watchpost ").expect("a command");
    let shown = shell(&format!("{} {command}", binary().display())).inside(elsewhere.path()).run().expect(0);
    assert_eq!(shown.stdout.trim().len(), 24, "{}", shown.stdout);
}

#[test]
fn a_stack_comes_up_from_its_defaults_without_a_spec() {
    let stack = Stack::new("minimal", "");
    std::fs::remove_file(stack.path().join("watchpost.yaml")).expect("removed");
    let prometheus = format!("prometheus.port={}", stack.prometheus);
    let alertmanager = format!("alertmanager.port={}", stack.alertmanager);
    let name = stack.name.as_str();
    stack
        .run(&[
            "up",
            "--stack",
            "standard",
            "--without",
            "grafana,cadvisor,blackbox-exporter",
            "--yes",
            "--name",
            name,
            "--set",
            &prometheus,
            "--set",
            &alertmanager,
        ])
        .expect(0);
    assert_eq!(stack.containers().into_keys().collect::<Vec<_>>(), ["alertmanager", "node-exporter", "prometheus"]);
    await_value(stack.prometheus, "count(up == 1)", 3.0);
}

#[test]
fn compose_and_others_see_the_stack_by_its_labels() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let container = inspect(&stack.container("prometheus"));
    let labels = &container["Config"]["Labels"];
    assert_eq!(labels["com.docker.compose.project"], stack.name.as_str());
    assert_eq!(labels["com.docker.compose.service"], "prometheus");
    assert_eq!(labels["com.docker.compose.container-number"], "1");
    assert_eq!(labels["com.docker.compose.oneoff"], "False");
}

#[test]
fn containers_run_hardened() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let host = &inspect(&stack.container("prometheus"))["HostConfig"];
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["CapDrop"][0], "ALL");
    assert!(host["SecurityOpt"][0].as_str().is_some_and(|option| option.starts_with("no-new-privileges")));
    assert!(
        host["Memory"].as_i64().is_some_and(|bytes| bytes > 0) && host["PidsLimit"].as_i64().is_some_and(|n| n > 0)
    );
    assert_eq!(host["LogConfig"]["Config"]["max-size"], "10m");
    assert_eq!(host["PortBindings"]["9090/tcp"][0]["HostIp"], "127.0.0.1");
}

#[test]
fn status_shows_every_service_and_logs_their_lines() {
    let stack = Stack::new("minimal", "");
    // Docker takes it for all addresses; people open it by one.
    let port = format!("port: {}", stack.alertmanager);
    stack.edit(&port, &format!("bind: \"0.0.0.0\", {port}"));
    let page = format!("http://127.0.0.1:{}", stack.alertmanager);
    stack.up().says(&page);
    stack
        .run(&["status"])
        .expect(0)
        .prints(&page)
        .prints("SERVICE")
        .prints("node-exporter")
        .prints(&format!("http://127.0.0.1:{}", stack.prometheus));
    let status = stack.run(&["status", "-o", "json"]).expect(0).json();
    assert_eq!(status["services"].as_array().map(Vec::len), Some(3), "{status}");
    assert_eq!(status["services"][0]["state"], "running");
    stack.run(&["logs", "prometheus", "--tail", "5"]).expect(0).prints("prometheus");
    stack.run(&["logs", "promethius"]).expect(1).says("did you mean `prometheus`?");
}

#[test]
fn a_stack_that_does_not_exist_is_reported_so() {
    let output = watchpost(["status", "--name", "wpt-never-deployed"]).run().expect(0);
    assert!(output.stderr.contains("not deployed on this host"), "{}", output.stderr);
    assert!(of_stack("container", "wpt-never-deployed").is_empty());
}

#[test]
fn the_worked_example_of_contributing_is_deployed_and_scraped() {
    let stack = Stack::new("minimal", "");
    stack.edit("components:\n", "components:\n  price-feed: {image: \"watchpost-test/busybox:1\"}\n");
    let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/overlay");
    stack.run(&["up", "--yes", "--catalog", overlay]).expect(0);
    await_value(stack.prometheus, "count(shop_price)", 2.0);
}
