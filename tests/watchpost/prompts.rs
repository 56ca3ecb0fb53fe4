//! On a terminal: questions, progress, Ctrl-C.

use std::net::TcpListener;

use watchpost::ui::prompt::{Prompts, Row};

use crate::support::docker::{docker, of_stack};
use crate::support::terminal::on_terminal;
use crate::support::{Stack, shell};

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

/// The prompts that no command asks yet, run on a terminal by the tests below.
#[test]
#[ignore = "asks on the terminal of another test"]
fn asks_on_a_terminal() {
    let mut prompts = Prompts::new(true);
    match std::env::var("TEST_PROMPT").as_deref() {
        Ok("password") => println!("given {:?}", prompts.password("Password").map(|given| format!("{given:?}"))),
        Ok("several") => {
            let rows = ["orders-db", "cache", "web"].map(|name| Row::new(name, "found"));
            println!("given {:?}", prompts.choose_several("Monitor?", &rows, &[true, true, false]));
        }
        _ => {}
    }
}

fn asking(prompt: &str) -> rexpect::session::PtySession {
    let test = std::env::current_exe().expect("this test's program");
    let line = format!("exec '{}' --ignored --exact prompts::asks_on_a_terminal --nocapture", test.display());
    on_terminal(shell(&line).env("TEST_PROMPT", prompt))
}

#[test]
fn a_password_shows_nothing_while_typed() {
    let mut session = asking("password");
    session.exp_string("Password").expect("a question");
    session.send_line("hunter2").expect("sent");
    let rest = session.exp_eof().expect("the end");
    assert!(rest.contains("Answer(Secret("), "{rest:?}");
    assert!(!rest.contains("hunter2") && !rest.contains('*'), "{rest:?}");
}

#[test]
fn several_are_chosen_with_space_and_esc_goes_back() {
    let keys = "\u{1b}[B \u{1b}[B \r";
    for (keys, given) in
        [(keys, "Answer([0, 2])"), ("\u{1b}", "Back"), ("\u{1b}[A \r", "Explain"), ("a\r", "Answer([0, 1, 2])")]
    {
        let mut session = asking("several");
        session.exp_string("What is this?").expect("the list");
        session.send(keys).expect("sent");
        session.flush().expect("flushed");
        let rest = session.exp_eof().expect("the end");
        assert!(rest.contains(&format!("given Ok({given})")), "{keys:?}: {rest:?}");
    }
}

#[test]
fn keys_from_before_the_question_do_not_answer_it() {
    let stack = Stack::new("minimal", "");
    let mut session = on_terminal(stack.command(&["up"]));
    session.send_line("y").expect("sent");
    session.exp_string("[Y/n]").expect("a question");
    session.send_line("n").expect("sent");
    session.exp_string("Nothing was changed").expect("said");
    session.exp_eof().expect("the end");
    assert!(stack.containers().is_empty());
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
    session.exp_string("changed while waiting for your answer").expect("refused");
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
