//! On a terminal: questions, progress, Ctrl-C.

use std::net::TcpListener;

use crate::support::Stack;
use crate::support::docker::{docker, of_stack};
use crate::support::terminal::on_terminal;

const CTRL_C: char = 'c';

fn status(session: &rexpect::session::PtySession) -> Option<i32> {
    match session.process().wait().expect("it ends") {
        rexpect::process::WaitStatus::Exited(_, status) => Some(status),
        _ => None,
    }
}

/// What a terminal of 80 columns shows after all this was written to it.
fn screen(written: &str) -> String {
    let terminal = indicatif::InMemoryTerm::new(40, 80);
    // What comes from the pseudo-terminal has one character a byte.
    let bytes: Vec<u8> = written.chars().map(|byte| byte as u8).collect();
    indicatif::TermLike::write_str(&terminal, &String::from_utf8_lossy(&bytes)).expect("shown");
    terminal.contents()
}

#[test]
fn up_asks_and_a_no_changes_nothing() {
    let stack = Stack::new("minimal", "");
    let mut session = on_terminal(stack.command(&["up"]));
    session.exp_string("[Y/n]").expect("a question");
    session.send_line("n").expect("sent");
    session.exp_string("Nothing was changed").expect("said");
    session.exp_eof().expect("the end");
    assert_eq!(status(&session), Some(0));
    assert!(stack.containers().is_empty());
}

#[test]
fn up_on_a_terminal_shows_each_service_getting_ready() {
    let stack = Stack::new("minimal", "");
    let mut session = on_terminal(stack.command(&["up"]));
    session.exp_string("[Y/n]").expect("a question");
    session.send_line("").expect("sent");
    // The terminal comes as single bytes: only ASCII can be awaited.
    session.exp_string("ready").expect("a service is ready");
    session.exp_string("Deployed in").expect("the end of it");
    session.exp_eof().expect("the end");
    assert_eq!(status(&session), Some(0));
}

#[test]
fn ctrl_c_at_the_question_ends_with_130_and_nothing_is_changed() {
    let stack = Stack::new("minimal", "");
    let mut session = on_terminal(stack.command(&["up"]));
    session.exp_string("[Y/n]").expect("a question");
    session.send_control(CTRL_C).expect("sent");
    let rest = session.exp_eof().expect("the end");
    assert!(rest.contains("\u{1b}[?25h"), "the cursor is shown again: {rest:?}");
    assert_eq!(status(&session), Some(130));
    assert!(stack.containers().is_empty());
}

#[test]
fn after_ctrl_c_in_the_middle_the_next_up_converges() {
    let stack = Stack::new("minimal", "");
    let mut session = on_terminal(stack.command(&["up", "--yes"]));
    let begun = session.exp_string("starting").expect("it has begun");
    session.send_control(CTRL_C).expect("sent");
    let rest = session.exp_eof().expect("the end");
    let shown = screen(&format!("{begun}starting{rest}"));
    let (before, after) = shown.split_once("interrupted").unwrap_or_else(|| panic!("not told:\n{shown}"));
    for (part, service) in [before, after].iter().flat_map(|part| [(part, "prometheus"), (part, "alertmanager")]) {
        let lines = part.lines().filter(|line| line.trim_start().starts_with(service)).count();
        assert!(lines <= 1, "{service} stands {lines} times:\n{shown}");
    }
    assert!(rest.contains("\u{1b}[?25h"), "the cursor is shown again: {rest:?}");
    assert_eq!(status(&session), Some(130));
    stack.up();
    assert_eq!(of_stack("container", &stack.name).len(), 3);
    stack.run(&["plan", "--exit-code"]).expect(0);
}

#[test]
fn a_host_that_changed_while_the_question_stood_is_left_alone() {
    let stack = Stack::new("minimal", "");
    stack.up();
    stack.edit("scrape_interval:", "retention: 3d, scrape_interval:");
    let before = stack.containers();
    let mut session = on_terminal(stack.command(&["up"]));
    session.exp_string("[Y/n]").expect("a question");
    docker(&["stop", &stack.container("alertmanager")]);
    session.send_line("y").expect("sent");
    session.exp_string("changed while the question stood").expect("refused");
    session.exp_eof().expect("the end");
    assert_eq!(status(&session), Some(1));
    assert_eq!(stack.containers(), before);
}

#[test]
fn ctrl_c_during_a_pull_ends_at_once_and_nothing_is_there() {
    // A registry that takes the call and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let image = format!("127.0.0.1:{}/slow:1", silent.local_addr().expect("its address").port());
    let stack = Stack::new("minimal", "");
    stack.edit("components:\n", &format!("components:\n  node-exporter: {{image: \"{image}\"}}\n"));
    let mut session = on_terminal(stack.command(&["up", "--yes"]));
    let called = silent.accept().expect("the daemon calls");
    session.send_control(CTRL_C).expect("sent");
    let rest = session.exp_eof().expect("the end");
    assert!(rest.contains("interrupted") && rest.contains("\u{1b}[?25h"), "{rest:?}");
    assert_eq!(status(&session), Some(130));
    assert!(stack.containers().is_empty() && of_stack("volume", &stack.name).is_empty());
    drop(called);
}
