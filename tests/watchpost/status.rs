//! `status --watch`: on a terminal a screen that is drawn over, without one a line for each change.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::docker::docker;
use crate::support::terminal::on_terminal;
use crate::support::{Stack, await_until};

const CTRL_C: char = 'c';

#[test]
fn a_stopped_container_shows_at_once_and_the_terminal_comes_back() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let mut session = on_terminal(stack.command(&["status", "--watch", "--interval", "1s"]));
    session.exp_string("\u{1b}[?1049h").expect("a screen of its own");
    session.exp_string("node-exporter").expect("its services");
    session.exp_string("3 up").expect("its targets");
    docker(&["stop", "-t", "0", &stack.container("node-exporter")]);
    session.exp_string("stopped").expect("what happened to the service");
    session.exp_string("1 of 3 down").expect("what became of its target");
    session.exp_string("node/localhost").expect("which one");
    session.send_control(CTRL_C).expect("sent");
    let rest = session.exp_eof().expect("the end");
    let shown = rest.rfind("\u{1b}[?25h").expect("the cursor is shown again");
    let left = rest.rfind("\u{1b}[?1049l").expect("the screen is given back");
    assert!(shown < left && rest[left..].trim_end().ends_with("\u{1b}[?1049l"), "nothing after it: {rest:?}");
    let ended = session.process().wait().expect("it ends");
    assert!(matches!(ended, rexpect::process::WaitStatus::Exited(_, 0)), "{ended:?}");

    // Without a terminal: JSON, a line a change, by Docker's events alone.
    let mut command = stack.command(&["status", "--watch", "--interval", "10m", "-o", "json"]).into_command();
    let mut watching = Running(command.stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut lines = BufReader::new(watching.0.stdout.take().expect("its output")).lines();
    let mut state = || -> String {
        let line: Value = serde_json::from_str(&lines.next().expect("a line").expect("read")).expect("JSON");
        assert_eq!(line["stack"], stack.name.as_str());
        let services = line["services"].as_array().expect("services");
        let node = services.iter().find(|service| service["service"] == "node-exporter").expect("the service");
        node["state"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(state(), "exited");
    docker(&["start", &stack.container("node-exporter")]);
    while state() != "running" {}
    assert_eq!(watching.ends_by("-INT"), Some(0));
}

/// A run that goes on until it is told to end; it is ended with the test.
struct Running(Child);

impl Running {
    /// Its exit status after the signal.
    #[track_caller]
    fn ends_by(mut self, signal: &str) -> Option<i32> {
        let told = Command::new("kill").args([signal, &self.0.id().to_string()]).status().expect("kill");
        assert!(told.success());
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn without_a_terminal_each_change_is_a_line() {
    let stack = Stack::new("minimal", "");
    let log = stack.path().join("log");
    let out = std::fs::File::create(&log).expect("made");
    let mut command = stack.command(&["status", "--watch", "--interval", "1s"]).into_command();
    // It may begin before there is anything to be seen.
    let watching = Running(command.stdout(out).spawn().expect("it starts"));
    stack.up();
    let read = || std::fs::read_to_string(&log).expect("read");
    let said = |text: &str| read().lines().any(|line| line.ends_with(text));
    await_until("the targets are up", 30, || said("targets  3 of 3 up").then_some(()));
    docker(&["stop", "-t", "0", &stack.container("prometheus")]);
    await_until("Prometheus is missed", 30, || said("service prometheus  stopped").then_some(()));
    assert_eq!(watching.ends_by("-TERM"), Some(0));
    assert!(said("service prometheus  healthy") && said("Prometheus  no answer: it does not run"), "{}", read());
    assert!(read().lines().all(|line| line.len() > 20 && !line.contains('\u{1b}')), "{}", read());
}
