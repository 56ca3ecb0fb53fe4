//! The gate of a deployment: a service gets ready and stays up, or the deployment fails and says why.

use std::process::Command;

use crate::failure::{UNHEALTHY, sick};
use crate::support::docker::{Container, docker, inspect};
use crate::support::{Stack, await_until, free_port};

/// Replaces the command of the component `sick`.
fn change(overlay: &str, from: &str, to: &str) {
    let service = std::path::Path::new(overlay).join("templates/sick/service.yml");
    let text = std::fs::read_to_string(&service).expect("read");
    assert!(text.contains(from), "{text}");
    std::fs::write(&service, text.replace(from, to)).expect("written");
}

#[test]
fn a_service_that_dies_right_after_it_was_ready_fails_the_gate_and_the_old_container_is_restored() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "exec sleep 1000", "");
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    let up = ["up", "--yes", "--no-verify", "--catalog", &catalog];
    stack.run(&up).expect(0);
    let before = stack.containers();
    change(&catalog, "exec sleep 1000", "sleep 1; echo cannot hold the sky; exit 5");
    let output = stack.run(&up).expect(3).says("`sick` exited 5").says("after it was ready");
    output.says("cannot hold the sky").says("the previous version is running again");
    assert_eq!(stack.containers(), before, "the old containers, and nothing else");
    assert_eq!(inspect(&before["sick"])["State"]["Running"], true);
}

#[test]
fn a_new_service_that_dies_right_after_it_was_ready_is_removed() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "sleep 1; exit 0", "");
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    let output = stack.run(&["up", "--yes", "--no-verify", "--catalog", &catalog]).expect(3);
    output.says("`sick` exited 0").says("after it was ready").says("the new container was removed");
    assert!(!stack.containers().contains_key("sick"));
}

#[test]
fn a_service_that_reaches_its_memory_limit_is_said_to_be_out_of_memory() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "exec tail /dev/zero", "    mem_limit: 16m\n");
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    let output = stack.run(&["up", "--yes", "--no-verify", "--catalog", &catalog]).expect(3);
    output.says("`sick` exited 137").says("(out of memory: it reached its memory limit)");
}

#[test]
fn a_command_that_the_image_lacks_is_said_to_be_missing() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "exec no-such-program", "");
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    let output = stack.run(&["up", "--yes", "--no-verify", "--catalog", &catalog]).expect(3);
    output.says("exited 127").says("(its command is not in the image)").says("no-such-program");
}

#[test]
fn a_service_that_runs_and_does_not_answer_its_probe_is_given_up_after_the_timeout() {
    let stack = Stack::new("minimal", "");
    let overlay = sick(&stack, "exec sleep 1000", "");
    let manifest = overlay.join("templates/sick/component.yaml");
    let text = std::fs::read_to_string(&manifest).expect("read");
    std::fs::write(&manifest, text + "probe: {port: 9999, path: /ready}\n").expect("written");
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    let output = stack.run(&["up", "--yes", "--no-verify", "--timeout", "8s", "--catalog", &catalog]).expect(3);
    output.says("`sick` was not ready within 8 s").says("it does not answer on port 9999 yet");
}

/// Publishes the port as soon as nobody else does.
fn take_port(name: &str, port: u16) -> Container {
    let publish = format!("127.0.0.1:{port}:80");
    await_until("the port is free", 60, || {
        let arguments = ["run", "-d", "--name", name, "-p", &publish, "watchpost-test/busybox:1", "sleep", "1000"];
        let output = Command::new("docker").args(arguments).output().expect("docker");
        if output.status.success() {
            return Some(Container(name.to_owned()));
        }
        drop(Command::new("docker").args(["rm", "-f", name]).output());
        None
    })
}

#[test]
fn an_old_container_that_cannot_be_restored_ends_with_status_4_and_the_next_up_repairs_it() {
    let stack = Stack::new("minimal", "");
    let port = free_port();
    let published = format!("    ports: [\"127.0.0.1:{port}:80\"]\n");
    let overlay = sick(&stack, "exec sleep 1000", &published);
    let catalog = overlay.to_str().expect("UTF-8").to_owned();
    let up = ["up", "--yes", "--no-verify", "--catalog", &catalog];
    stack.run(&up).expect(0);
    // The successor leaves the port alone and gets unhealthy; another container takes the port meanwhile.
    change(&catalog, &published, UNHEALTHY);
    let parked = format!("{}.parked", stack.container("sick"));
    let holder = format!("{}-holder", stack.name);
    let (output, holder) = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            await_until("the old container is set aside", 60, || {
                docker(&["ps", "-aq", "--filter", &format!("name={parked}")]).lines().next().map(drop)
            });
            take_port(&holder, port)
        });
        let output = stack.run(&up);
        (output, holder.join().expect("a holder"))
    });
    let output = output.expect(4).says("`sick` is unhealthy").says("`sick` could not be restored");
    output.says(&port.to_string()).says("docker ps -a --filter label=watchpost.stack=");
    drop(holder);
    change(&catalog, UNHEALTHY, &published);
    stack.run(&up).expect(0);
    assert_eq!(inspect(&stack.container("sick"))["State"]["Running"], true);
}
