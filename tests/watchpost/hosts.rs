//! What a host does to a stack: a container removed by hand, a full volume, too little memory. Each is one cause.

use serde_json::Value;

use crate::support::docker::docker;
use crate::support::{Stack, Steps, await_until, watchpost};

#[track_caller]
fn verify(stack: &Stack, links: &str) -> Value {
    stack.run(&["verify", "-o", "json", "--timeout", "5s", "--only", links]).expect(6).json()
}

/// The broken findings that follow from no other, each with its fix.
fn causes(report: &Value) -> Vec<(String, String)> {
    let links = report["links"].as_array().expect("links");
    let findings = links.iter().flat_map(|link| link["findings"].as_array().expect("findings"));
    let text = |finding: &Value, pointer: &str| finding.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let causes = findings.filter(|finding| finding["verdict"] == "broken" && finding["because"].is_null());
    causes.map(|f| (text(f, "/id").unwrap_or_default(), text(f, "/fix/text").unwrap_or_default())).collect()
}

/// The one cause; the words that its fix begins with.
#[track_caller]
fn only(report: &Value, id: &str, fix: &str) {
    let causes = causes(report);
    assert_eq!(causes.len(), 1, "{report:#}");
    assert_eq!(causes[0].0, id, "{report:#}");
    assert!(causes[0].1.starts_with(fix), "{causes:#?}");
}

/// A disk of 1.5 MB for Prometheus's data.
fn small_volume(stack: &Stack) {
    let (name, ours) = (format!("{}_prometheus-data", stack.name), format!("watchpost.stack={}", stack.name));
    let tmpfs = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1500k,uid=65534"];
    let labels = ["--label", &ours, "--label", "watchpost.role=data", &name];
    docker(&[&["volume", "create"], &tmpfs[..], &labels[..]].concat());
}

#[test]
fn a_removed_container_a_full_disk_and_too_little_memory_are_one_cause_each() {
    let mut steps = Steps::default();
    let stack = Stack::new("minimal", "");
    small_volume(&stack);
    steps.step("up", || drop(stack.up()));
    steps.step("a removed container", || {
        docker(&["rm", "-f", &stack.container("alertmanager")]);
        only(&verify(&stack, "containers,rules,alerting"), "container:alertmanager", "watchpost up");
        stack.run(&["status"]).expect(1).prints("missing").says("1 of 3 services does not run well");
        // Without the spec it is known all the same.
        let elsewhere =
            watchpost(["verify", "--only", "alerting", "--name", &stack.name]).inside(&std::env::temp_dir());
        let text = elsewhere.run().expect(6).stdout;
        assert!(!text.contains("has no Alertmanager"), "{text}");
        stack.up();
        stack.run(&["status"]).expect(0);
    });
    steps.step("a full disk", || {
        let prometheus = stack.container("prometheus");
        docker(&["exec", &prometheus, "sh", "-c", "cat /dev/zero > /prometheus/fill 2>/dev/null || true"]);
        let report = await_until("rules fail", 20, || {
            let report = verify(&stack, "containers,rules");
            report.to_string().contains("does not evaluate").then_some(report)
        });
        only(&report, "disk:prometheus", "free space on the disk of the volume");
        let doctor = stack.run(&["doctor", "-o", "json"]).expect(1).stdout;
        assert!(doctor.contains("\"disk:prometheus\""), "{doctor}");
        docker(&["exec", &prometheus, "rm", "/prometheus/fill"]);
    });
    steps.step("too little memory", || {
        stack.run(&["up", "--yes", "--no-verify", "--set", "prometheus.memory=36m"]).expect(0);
        await_until("memory is tight", 20, || {
            let report = stack.run(&["verify", "-o", "json", "--timeout", "1s", "--only", "containers"]).json();
            let causes = causes(&report);
            causes.iter().any(|(id, _)| id == "memory:prometheus").then(|| {
                only(&report, "memory:prometheus", "watchpost up --set prometheus.memory=72m");
            })
        });
    });
}
