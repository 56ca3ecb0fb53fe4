//! Problems are made one after the other; `doctor` names each, and its fix fixes it.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::support::docker::{Container, docker, inspect};
use crate::support::{Stack, Steps, await_until, shell};

/// Answers 200 to every message.
const SINK: &str = r#"while true; do nc -l -p 80 -e sh -c 'n=0
while IFS= read -r h; do h=${h%"$(printf "\r")"}; case "$h" in [Cc]ontent-[Ll]ength:*) n=${h#*: };; "") break;; esac; done
head -c "$n" >/dev/null; printf "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"'; done"#;

/// The Watchdog has its own, and another hears nothing.
const RECEIVERS: &str = "alerting:
  receivers:
    - {name: heartbeat, type: webhook, url: \"http://sink/\"}
    - {name: chat, type: webhook, url: \"http://sink/\"}
  routes:
    - {match: {team: none}, to: chat}
    - {match: {alertname: Watchdog}, to: heartbeat, repeat_interval: 5m}
";

#[track_caller]
fn doctor(stack: &Stack, status: i32, more: &[&str]) -> Value {
    stack.run(&[&["doctor", "-o", "json"], more].concat()).expect(status).json()
}

fn findings(diagnosis: &Value) -> Vec<&Value> {
    let areas = diagnosis["areas"].as_array().expect("areas").iter();
    areas.flat_map(|area| area["findings"].as_array().expect("findings")).collect()
}

#[track_caller]
fn finding(diagnosis: &Value, id: &str) -> Value {
    let found = findings(diagnosis).into_iter().find(|finding| finding["id"] == id).cloned();
    found.unwrap_or_else(|| panic!("nothing of {id} in {diagnosis:#}"))
}

#[track_caller]
fn is(diagnosis: &Value, id: &str, verdict: &str) -> Value {
    let found = finding(diagnosis, id);
    assert_eq!(found["verdict"], verdict, "{found:#}");
    found
}

fn text<'a>(finding: &'a Value, key: &str) -> &'a str {
    let value = &finding[key];
    if key == "fix" { &value["text"] } else { value }.as_str().unwrap_or_default()
}

/// Runs the command that is said to fix it.
#[track_caller]
fn fix(finding: &Value) {
    shell(text(finding, "fix")).run().expect(0);
}

/// Runs `script` in the folder of a service's deployed files.
fn in_files(stack: &Stack, service: &str, script: &str) {
    let container = inspect(&stack.container(service));
    let mounts = container["Mounts"].as_array().expect("mounts");
    let mount = mounts.iter().find(|mount| mount["Destination"] == "/etc/watchpost").expect("its files");
    let volume = format!("{}:/files", text(mount, "Name"));
    docker(&["run", "--rm", "-v", &volume, "-w", "/files/current", "watchpost-test/busybox:1", "sh", "-c", script]);
}

#[test]
fn a_host_is_examined_before_anything_is_deployed() {
    let stack = Stack::new("standard", "");
    let diagnosis = doctor(&stack, 0, &[]);
    is(&diagnosis, "ports:free", "ok");
    is(&diagnosis, "clock:host", "ok");
    let disk = is(&diagnosis, "storage:disk", "not-checked");
    assert!(text(&disk, "what").contains("nothing of the stack is deployed"), "{disk}");

    let port = stack.prometheus;
    let _held = TcpListener::bind(("127.0.0.1", port)).expect("held");
    let diagnosis = doctor(&stack, 1, &[]);
    let held = is(&diagnosis, "port:prometheus/1", "broken");
    assert!(text(&held, "what").contains(&format!("port {port} of 127.0.0.1 is taken")), "{held}");
    assert!(text(&held, "fix").contains("--set prometheus.port="), "{held}");
    assert_eq!(diagnosis["problems"], 1);

    let open = doctor(&stack, 1, &["--set", "alertmanager.bind=0.0.0.0", "--set", "grafana.bind=0.0.0.0"]);
    let open: Vec<&str> = findings(&open).iter().map(|f| text(f, "id")).filter(|id| id.starts_with("open:")).collect();
    assert_eq!(open, [format!("open:alertmanager/{}", stack.alertmanager)], "Grafana has a login");
    let said = stack.run(&["doctor"]).expect(1);
    assert!(said.stdout.contains("✗ prometheus") && said.stdout.contains("1 problem found"), "{}", said.stdout);
    assert!(stack.containers().is_empty(), "nothing was deployed by looking");
}

/// The real proof against the schema that is printed, and beside it the JUnit file.
#[track_caller]
fn proof_is_as_documented(stack: &Stack) {
    let schema = stack.run(&["schema", "proof"]).expect(0).json();
    let report = stack.run(&["verify", "-o", "json", "--junit", "proof.xml"]).json();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{report:#}");
    let junit = std::fs::read_to_string(stack.path().join("proof.xml")).expect("written");
    let links = report["links"].as_array().expect("links");
    let count: usize = links.iter().map(|link| link["findings"].as_array().map_or(0, Vec::len)).sum();
    assert!(count > 10 && junit.matches("<testcase ").count() == count, "{count} findings\n{junit}");
}

#[test]
fn a_healthy_stack_has_no_problem_and_each_that_is_made_is_named_and_fixed() {
    let stack = Stack::new("standard", "");
    stack.run(&["up", "--yes", "--no-verify"]).expect(0);
    // The receivers' server joins the stack's network before there is anything to be sent.
    let network = format!("{}_default", stack.name);
    let sink = ["--network", &network, "--network-alias", "sink", "watchpost-test/busybox:1", "sh", "-c", SINK];
    let _sink = Container::run(&format!("{}-sink", stack.name), &sink);
    stack.write("standard", "", RECEIVERS);
    stack.edit(&format!("port: {}}}", stack.alertmanager), &format!("port: {}, group_wait: 1s}}", stack.alertmanager));
    stack.run(&["up", "--yes", "--no-verify"]).expect(0);

    // Prometheus sends what goes on firing once a minute; the test does not wait for that.
    let alert = "wget -q -O /dev/null --header 'Content-Type: application/json' --post-data '[{\"labels\": {\"alertname\": \"Watchdog\", \"severity\": \"none\"}}]' http://127.0.0.1:9093/api/v2/alerts";
    docker(&["exec", &stack.container("alertmanager"), "sh", "-c", alert]);
    // Rates need some scrapes.
    let diagnosis = await_until("all is examined and well", 60, || {
        let diagnosis = stack.run(&["doctor", "-o", "json"]).json();
        let ready = |id: &str| finding(&diagnosis, id)["verdict"] == "ok";
        (ready("storage:disk") && ready("receiver:heartbeat")).then_some(diagnosis)
    });
    let wrong: Vec<&Value> = findings(&diagnosis).into_iter().filter(|f| f["verdict"] == "broken").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for id in ["clock:prometheus", "ports:free", "image:catalog", "storage:series", "grafana:login", "grafana:sources"]
    {
        is(&diagnosis, id, "ok");
    }
    is(&diagnosis, "reload:prometheus", "ok");
    is(&diagnosis, "reload:alertmanager", "ok");
    assert_eq!(text(&is(&diagnosis, "watchdog", "ok"), "what"), "goes to heartbeat");
    assert_eq!(text(&is(&diagnosis, "receiver:chat", "note"), "fix"), "watchpost alerts test chat");

    let mut steps = Steps::default();
    steps.step("the report is as documented", || proof_is_as_documented(&stack));

    steps.step("Grafana's volume has another password", || {
        let other = "echo another-password | grafana cli admin reset-admin-password --password-from-stdin";
        docker(&["exec", &stack.container("grafana"), "sh", "-c", other]);
        let login = is(&doctor(&stack, 1, &[]), "grafana:login", "broken");
        fix(&login);
        is(&doctor(&stack, 0, &[]), "grafana:login", "ok");
    });

    steps.step("a changed file that Prometheus has not reloaded", || {
        in_files(&stack, "prometheus", "sed -i 's/evaluation_interval: .*/evaluation_interval: 2s/' prometheus.yml");
        let reload = is(&doctor(&stack, 1, &[]), "reload:prometheus", "broken");
        assert!(reload["why"][0].as_str().is_some_and(|why| why.contains("global.evaluation_interval")), "{reload}");
        fix(&reload);
        await_until("the reload took", 20, || (stack.run(&["doctor"]).status == Some(0)).then_some(()));
    });

    steps.step("a file that Prometheus rejects", || {
        in_files(&stack, "prometheus", "cp prometheus.yml /files/kept; echo 'no_such_key: 1' >> prometheus.yml");
        docker(&["kill", "-s", "HUP", &stack.container("prometheus")]);
        let reload = await_until("the reload failed", 20, || {
            let reload = finding(&stack.run(&["doctor", "-o", "json"]).json(), "reload:prometheus");
            text(&reload, "what").contains("rejected the new configuration").then_some(reload)
        });
        assert!(text(&reload, "fix").ends_with(&format!("docker kill -s HUP {}", stack.container("prometheus"))));
    });

    steps.step("without Prometheus", || {
        docker(&["stop", "-t", "0", &stack.container("prometheus")]);
        let disk = is(&stack.run(&["doctor", "-o", "json"]).json(), "storage:disk", "not-checked");
        assert_eq!(text(&disk, "what"), "`prometheus` does not run");
    });
}

/// An image name of the test's own, removed at the end.
struct Tag(String);

impl Tag {
    fn of(image: &str, name: &str) -> Self {
        docker(&["tag", image, name]);
        Self(name.to_owned())
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        drop(Command::new("docker").args(["rmi", &self.0]).output());
    }
}

#[test]
fn strange_images_tight_memory_and_a_silent_receiver_are_named() {
    let stack = Stack::new("minimal", "");
    let name = format!("{}-node:v1", stack.name);
    let tag = Tag::of("prom/node-exporter:v1.11.1", &name);
    let components = format!("  node-exporter: {{image: \"{name}\"}}\n");
    let more = "targets: [{job: many, static: [\"many:80\"], path: /metrics.txt}]\nalerting: {receivers: [{name: oncall, type: webhook, url: \"http://many/\"}]}\n";
    stack.write("minimal", &components, more);
    stack.edit("evaluation_interval: 1s}", "evaluation_interval: 1s, memory: 120m}");
    stack.edit(&format!("port: {}}}", stack.alertmanager), &format!("port: {}, group_wait: 1s}}", stack.alertmanager));
    stack.run(&["up", "--yes", "--no-verify"]).expect(0);
    // 20,000 series; and a server that takes no messages.
    let script = "mkdir /www && seq 20000 | sed 's/.*/m{n=\"&\"} 1/' > /www/metrics.txt && exec httpd -f -p 80 -h /www";
    let network = format!("{}_default", stack.name);
    let many = ["--network", &network, "--network-alias", "many", "watchpost-test/busybox:1", "sh", "-c", script];
    let _many = Container::run(&format!("{}-many", stack.name), &many);
    docker(&["tag", "watchpost-test/busybox:1", &tag.0]);

    let memory = await_until("20,000 series more", 60, || {
        let memory = finding(&stack.run(&["doctor", "-o", "json"]).json(), "storage:series");
        (memory["verdict"] == "note").then_some(memory)
    });
    assert!(text(&memory, "what").contains("the limit is 126 MB"), "{memory}");
    assert!(text(&memory, "fix").contains("--set prometheus.memory="), "{memory}");

    let diagnosis = stack.run(&["doctor", "-o", "json"]).json();
    let image = is(&diagnosis, "image:catalog/node-exporter", "note");
    assert!(text(&image, "what").contains("not the catalog's `prom/node-exporter:v1.11.1`"), "{image}");
    assert!(text(&image, "fix").contains("remove `image`"), "{image}");
    let moved = is(&diagnosis, "image:tag/node-exporter", "note");
    assert!(text(&moved, "what").contains(&format!("`{name}` names another image")), "{moved}");
    let watchdog = is(&diagnosis, "watchdog", "note");
    assert!(text(&watchdog, "fix").contains("alertname: Watchdog"), "{watchdog}");
    let oncall = finding(&diagnosis, "receiver:oncall");
    assert!(["note", "broken"].contains(&text(&oncall, "verdict")), "nothing was taken: {oncall}");
}
