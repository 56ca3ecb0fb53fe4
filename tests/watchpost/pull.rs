//! Images that are not on the host.

use crate::support::Stack;
use crate::support::docker::docker;
use crate::support::registry::Registry;

/// A pulled image, removed at the end.
struct Pulled(String);

impl Drop for Pulled {
    fn drop(&mut self) {
        drop(std::process::Command::new("docker").args(["rmi", "-f", &self.0]).output());
    }
}

#[test]
fn a_missing_image_is_pulled_before_anything_else_and_then_runs() {
    let registry = Registry::serve("prom/node-exporter:v1.11.1", "mirror/node-exporter", "v1");
    let image = Pulled(format!("127.0.0.1:{}/mirror/node-exporter:v1", registry.port));
    let stack = Stack::new("minimal", "");
    stack.edit("components:\n", &format!("components:\n  node-exporter: {{image: \"{}\"}}\n", image.0));
    stack.run(&["plan", "-v"]).expect(0).prints(&image.0).prints("pull");
    let output = stack.up();
    let pulled = output.stderr.find("pulled").unwrap_or_else(|| panic!("no pull is reported:\n{}", output.stderr));
    let started = output.stderr.find("starting").expect("services start");
    assert!(pulled < started, "{}", output.stderr);
    assert_eq!(docker(&["inspect", "-f", "{{.Config.Image}}", &stack.container("node-exporter")]), image.0);
    drop(stack);
}

#[test]
fn progress_in_json_has_an_event_for_each_layer() {
    let registry = Registry::serve("watchpost-test/busybox:1", "mirror/busybox", "v1");
    let image = Pulled(format!("127.0.0.1:{}/mirror/busybox:v1", registry.port));
    let stack = Stack::new("minimal", "");
    stack.edit("components:\n", &format!("components:\n  node-exporter: {{image: \"{}\"}}\n", image.0));
    // Not the exporter: the pull succeeds, and the service then fails at the gate.
    let output = stack.run(&["up", "--yes", "-o", "json"]).expect(3);
    assert!(output.stdout.contains("\"event\":\"pull-progress\""), "{}", output.stdout);
    assert!(output.stdout.contains("\"event\":\"pulled\""), "{}", output.stdout);
    drop(stack);
}
