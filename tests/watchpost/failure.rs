//! What goes wrong is named, and what ran before keeps running.

use std::net::TcpListener;
use std::path::PathBuf;

use crate::support::docker::{Container, docker, inspect};
use crate::support::{Stack, free_port, watchpost};

/// An overlay with the component `sick`, which runs `script`; its image is on every test host.
pub fn sick(stack: &Stack, script: &str, healthcheck: &str) -> PathBuf {
    let overlay = stack.path().join("overlay");
    let folder = overlay.join("templates/sick");
    std::fs::create_dir_all(&folder).expect("made");
    let manifest = "name: sick\ntitle: Sick\ndescription: Never well.\ncategory: test\nimage: {repository: watchpost-test/busybox, tag: \"1\"}\nuser: \"65534:65534\"\n";
    std::fs::write(folder.join("component.yaml"), manifest).expect("written");
    let service = format!(
        "services:\n  << name >>:\n    image: << image >>\n    entrypoint: [/bin/sh, -c]\n    command: [\"{script}\"]\n{healthcheck}"
    );
    std::fs::write(folder.join("service.yml"), service).expect("written");
    stack.edit("components:\n", "components:\n  sick: true\n");
    overlay
}

pub const UNHEALTHY: &str = "    healthcheck:\n      test: [CMD-SHELL, \"echo the heart stands still; exit 1\"]\n      interval: 1s\n      timeout: 1s\n      retries: 2\n";

#[test]
fn an_unhealthy_container_fails_the_deploy_with_its_health_output() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let before = stack.containers();
    let overlay = sick(&stack, "echo started; exec sleep 1000", UNHEALTHY);
    let output = stack.run(&["up", "--yes", "--catalog", overlay.to_str().expect("UTF-8")]);
    let output = output.expect(3).says("`sick`").says("the heart stands still");
    assert!(output.stderr.contains("unhealthy"), "{}", output.stderr);
    for (service, id) in before {
        assert_eq!(inspect(&id)["State"]["Running"], true, "{service} keeps running");
    }
}

#[test]
fn a_crash_loop_fails_the_deploy_with_the_last_log_lines() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let before = stack.containers();
    let overlay = sick(&stack, "echo cannot read the moon; exit 7", "");
    let output = stack.run(&["up", "--yes", "--catalog", overlay.to_str().expect("UTF-8")]);
    output.expect(3).says("`sick`").says("cannot read the moon").says("7");
    for (service, id) in before {
        assert_eq!(inspect(&id)["State"]["Running"], true, "{service} keeps running");
    }
}

#[test]
fn a_failed_change_brings_the_old_container_back() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "echo well; exec sleep 1000", "");
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    stack.run(&["up", "--yes", "--catalog", &catalog]).expect(0);
    let before = stack.containers();
    let service = overlay.join("templates/sick/service.yml");
    let text = std::fs::read_to_string(&service).expect("read");
    std::fs::write(&service, text.replace("echo well; exec sleep 1000", "echo now ill; exit 3")).expect("written");
    stack.run(&["up", "--yes", "--catalog", &catalog]).expect(3).says("now ill");
    assert_eq!(stack.containers(), before, "the old containers are there again, and nothing else");
    assert_eq!(inspect(&before["sick"])["State"]["Running"], true);
}

/// Two services exchange ports with one that leaves, while a third crashes beside them.
#[test]
fn a_failed_deploy_leaves_nothing_new_and_brings_back_what_it_removed() {
    let stack = Stack::new("minimal", "");
    let gateway = free_port();
    stack.edit("components:\n", &format!("components:\n  pushgateway: {{port: {gateway}}}\n"));
    stack.up();
    let before = stack.containers();
    let overlay = sick(&stack, "echo cannot read the moon; exit 7", "");
    stack.edit(&format!("  pushgateway: {{port: {gateway}}}\n"), "");
    stack.edit(&format!("port: {}", stack.prometheus), &format!("port: {gateway}"));
    let output = stack.run(&["up", "--yes", "--catalog", overlay.to_str().expect("UTF-8")]).expect(3);
    output.says("`sick`").says("pushgateway: prom/pushgateway:v1.11.2 is back, ready").says("is running again");
    assert_eq!(stack.containers(), before, "the old containers are there again, and nothing else");
    for (service, id) in before {
        let container = inspect(&id);
        assert_eq!(container["Name"], format!("/{}", stack.container(&service)));
        assert_eq!(container["State"]["Running"], true, "{service}");
        assert_eq!(container["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped", "{service}");
    }
}

#[test]
fn a_service_that_never_gets_healthy_is_given_up_after_the_timeout() {
    let stack = Stack::new("minimal", "");
    let check = "    healthcheck:\n      test: [CMD-SHELL, \"exit 1\"]\n      interval: 1h\n";
    let overlay = sick(&stack, "exec sleep 1000", check);
    let catalog = overlay.to_str().expect("UTF-8");
    let output = stack.run(&["up", "--yes", "--timeout", "3s", "--catalog", catalog]).expect(3);
    output.says("`sick` was not ready within 3 s").says("its healthcheck has not passed yet");
    assert!(!stack.containers().contains_key("sick"));
}

#[test]
fn a_port_that_a_container_holds_is_found_before_anything_is_touched() {
    let stack = Stack::new("minimal", "");
    let holder = format!("{}-holder", stack.name);
    let publish = format!("127.0.0.1:{}:80", stack.prometheus);
    let _holder = Container::run(&holder, &["-p", &publish, "watchpost-test/busybox:1", "sleep", "1000"]);
    let port = stack.prometheus.to_string();
    stack.run(&["up", "--yes"]).expect(1).says(&port).says(&holder).says("hint:");
    assert!(stack.containers().is_empty());
}

#[test]
fn a_port_that_another_program_holds_is_found_before_anything_is_touched() {
    let stack = Stack::new("minimal", "");
    let _listener = TcpListener::bind(("127.0.0.1", stack.prometheus)).expect("bound");
    let port = stack.prometheus.to_string();
    let holder = format!("(process {})", std::process::id());
    stack.run(&["up", "--yes"]).expect(1).says(&port).says(&holder).says("hint:");
    assert!(stack.containers().is_empty());
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_with_the_ways_out_and_what_runs_is_kept() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let before = stack.containers();
    // Nobody listens there: refused at once, with and without a network.
    let image = format!("alertmanager.image=127.0.0.1:{}/prom/alertmanager:v9", free_port());
    let output = stack.run(&["up", "--yes", "--set", &image]).expect(1);
    output.says("/prom/alertmanager:v9` cannot be pulled").says("--without").says("docker load");
    assert_eq!(stack.containers(), before);
}

#[test]
fn without_docker_it_says_what_was_tried_and_what_to_do() {
    let output = watchpost(["up", "--stack", "minimal", "--yes"])
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .inside(&std::env::temp_dir())
        .run()
        .expect(1);
    output
        .says("the Docker daemon is unreachable")
        .says("tried `unix:///nonexistent/docker.sock`, named by DOCKER_HOST");
}

#[test]
fn a_broken_template_in_an_overlay_is_named_with_file_and_line() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "true", "    hostname: << answers.hostnam >>\n");
    let output = stack.run(&["render", "--catalog", overlay.to_str().expect("UTF-8")]).expect(1);
    output.says("sick/service.yml:6").says("hostnam");
}

#[test]
fn a_component_of_somebody_elses_stack_is_never_touched() {
    let stack = Stack::new("minimal", "");
    let foreign = Container::run(&stack.container("prometheus"), &["watchpost-test/busybox:1", "sleep", "1000"]);
    stack.run(&["up", "--yes"]).expect(1).says(&foreign.0);
    assert_eq!(docker(&["inspect", "-f", "{{.State.Running}}", &foreign.0]), "true");
}
