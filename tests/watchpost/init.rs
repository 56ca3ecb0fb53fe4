//! The guided install, on a terminal and without one.

use std::path::Path;

use rexpect::session::PtySession;
use tempfile::TempDir;

use crate::support::{binary, on_terminal, shell, watchpost};

/// `init` on a terminal of `columns`, in an empty folder.
fn session(columns: u16) -> (TempDir, PtySession) {
    let folder = tempfile::tempdir().expect("a folder");
    let session = session_in(folder.path(), columns, "");
    (folder, session)
}

fn session_in(folder: &Path, columns: u16, flags: &str) -> PtySession {
    let script = format!("stty cols {columns} rows 24; exec {} init {flags}", binary().display());
    on_terminal(shell(&script).inside(folder))
}

fn spec(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join("watchpost.yaml")).ok()
}

fn status(session: &PtySession) -> Option<i32> {
    match session.process().wait().expect("it ends") {
        rexpect::process::WaitStatus::Exited(_, status) => Some(status),
        _ => None,
    }
}

const QUESTIONS: [&str; 6] =
    ["Where?", "Which stack?", "Alerts to?", "Keep data for", "Open Grafana on?", "Change more settings?"];

const ENTER: &str = "\r";
const ESCAPE: &str = "\u{1b}";
const DOWN: &str = "\u{1b}[B";

fn send(session: &mut PtySession, keys: &str) {
    session.send(keys).expect("sent");
    session.flush().expect("flushed");
}

fn await_text(session: &mut PtySession, text: &str) -> String {
    session.exp_string(text).unwrap_or_else(|error| panic!("{text:?} does not appear: {error}"))
}

#[test]
fn enter_alone_writes_the_standard_stack_in_at_most_eight_questions() {
    let (folder, mut session) = session(80);
    for question in QUESTIONS {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Wrote");
    await_text(&mut session, "The same again without questions");
    await_text(&mut session, "Deploy now?");
    assert!(QUESTIONS.len() < 8);
    send(&mut session, "n\r");
    await_text(&mut session, "watchpost up");
    session.exp_eof().expect("the end");
    assert_eq!(status(&session), Some(0));
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("stack: standard") && text.contains("retention: \"15d\""), "{text}");
}

#[test]
fn a_wrong_answer_is_refused_at_once_and_asked_again() {
    let (folder, mut session) = session(80);
    for question in &QUESTIONS[..3] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Keep data for");
    send(&mut session, "soon\r");
    await_text(&mut session, "must be a duration, not `soon`");
    send(&mut session, "30d\r");
    await_text(&mut session, "Open Grafana on?");
    send(&mut session, "everywhere\r");
    await_text(&mut session, "no address and port");
    send(&mut session, "0.0.0.0:3333\r");
    await_text(&mut session, "Change more settings?");
    send(&mut session, ENTER);
    await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("30d") && text.contains("port: 3333") && text.contains("\"0.0.0.0\""), "{text}");
}

#[test]
fn escape_goes_back_and_the_earlier_answer_can_be_changed() {
    let (folder, mut session) = session(80);
    await_text(&mut session, "Where?");
    send(&mut session, ENTER);
    await_text(&mut session, "Which stack?");
    send(&mut session, ENTER);
    await_text(&mut session, "Alerts to?");
    send(&mut session, ESCAPE);
    await_text(&mut session, "Which stack?");
    send(&mut session, "m\r");
    await_text(&mut session, "Alerts to?");
    send(&mut session, ENTER);
    await_text(&mut session, "Keep data for");
    send(&mut session, ENTER);
    // The minimal stack has no Grafana to open.
    await_text(&mut session, "Change more settings?");
    send(&mut session, ENTER);
    await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    assert!(spec(folder.path()).expect("written").contains("stack: minimal"));
}

#[test]
fn a_question_mark_explains() {
    let (_folder, mut session) = session(80);
    await_text(&mut session, "Where?");
    send(&mut session, "?");
    await_text(&mut session, "The Docker host that the stack is to run on.");
    send(&mut session, &format!("{DOWN}{ENTER}"));
    await_text(&mut session, "Its address");
    send(&mut session, "\u{3}");
    session.exp_eof().expect("the end");
}

#[test]
fn ctrl_c_writes_nothing_ends_with_130_and_shows_the_cursor() {
    let (folder, mut session) = session(80);
    await_text(&mut session, "Where?");
    send(&mut session, ENTER);
    await_text(&mut session, "Which stack?");
    send(&mut session, "\u{3}");
    let rest = session.exp_eof().expect("the end");
    assert!(rest.rfind("\u{1b}[?25h") > rest.rfind("\u{1b}[?25l"), "the cursor stays hidden: {rest:?}");
    assert_eq!(status(&session), Some(130));
    assert_eq!(spec(folder.path()), None);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

/// What a terminal would show, line by line: escape sequences taken out.
fn plain(text: &str) -> String {
    // What comes from the terminal has one character a byte.
    let bytes: Vec<u8> = text.chars().map(|byte| byte as u8).collect();
    console::strip_ansi_codes(&String::from_utf8_lossy(&bytes)).into_owned()
}

#[test]
fn sixty_columns_are_enough() {
    let (_folder, mut session) = session(60);
    let mut seen = String::new();
    for question in QUESTIONS {
        seen += &await_text(&mut session, question);
        seen += question;
        send(&mut session, "?");
        send(&mut session, ENTER);
    }
    seen += &await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    // Each redrawing begins with a carriage return.
    for line in plain(&seen).split(['\n', '\r']).filter(|line| !line.contains("| watchpost init")) {
        assert!(line.chars().count() <= 60, "{} columns: {line:?}", line.chars().count());
    }
}

#[test]
fn defaults_and_answers_write_the_same_without_a_terminal_and_the_printed_command_repeats_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = |arguments: &[&str]| watchpost([&["init"], arguments].concat()).inside(folder.path()).run();
    init(&["--defaults"]).expect(0).says("Wrote watchpost.yaml");
    let defaults = spec(folder.path()).expect("written");
    init(&["--defaults"]).expect(1).says("is there already").says("--force");
    std::fs::write(folder.path().join("answers.yaml"), "stack: minimal\nalerts: slack\nprometheus.retention: 7d\n")
        .expect("written");
    let output = init(&["--answers", "answers.yaml", "--force"]).expect(0).says("SLACK_API_URL");
    let answered = spec(folder.path()).expect("written");
    assert!(answered.contains("7d") && answered.contains("SLACK_API_URL") && answered != defaults);
    assert!(output.stderr.contains("watchpost init --answers answers.yaml"), "{}", output.stderr);
    init(&["--defaults", "--force", "--save", "kept.yaml"]).expect(0);
    init(&["--answers", "kept.yaml", "--force"]).expect(0);
    assert_eq!(spec(folder.path()).expect("written"), defaults);
}

#[test]
fn the_printed_line_makes_the_same_file_in_a_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("answers.yaml"), "stack: minimal\nalerts: slack\nalerts.channel: \"#it's\"\n")
        .expect("written");
    let first = "init --answers - < answers.yaml";
    let output = shell(&format!("{} {first}", binary().display())).inside(folder.path()).run().expect(0);
    let line = output.stderr.lines().find(|line| line.contains("| watchpost init --answers -"));
    let line = line.unwrap_or_else(|| panic!("no answers are repeated:\n{}", output.stderr)).to_owned();
    let before = spec(folder.path()).expect("written");
    std::fs::remove_file(folder.path().join("watchpost.yaml")).expect("removed");
    let line = line.replace("watchpost init", &format!("{} init", binary().display()));
    shell(&line).inside(folder.path()).run().expect(0);
    assert_eq!(spec(folder.path()).as_ref(), Some(&before));
    let (mut session_folder, mut session) = session(100);
    for question in ["Where?", "Which stack?"] {
        await_text(&mut session, question);
        send(&mut session, if question == "Which stack?" { "m\r" } else { ENTER });
    }
    await_text(&mut session, "Alerts to?");
    send(&mut session, "s\r");
    await_text(&mut session, "Webhook URL: from");
    send(&mut session, ENTER);
    await_text(&mut session, "Channel");
    send(&mut session, "#it's\r");
    await_text(&mut session, "Keep data for");
    send(&mut session, ENTER);
    await_text(&mut session, "Change more settings?");
    send(&mut session, ENTER);
    await_text(&mut session, "without questions:");
    let line = await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    let line = plain(&line)
        .split_once("--answers -")
        .expect("a command")
        .0
        .replace("watchpost init", &format!("{} init", binary().display()));
    assert_eq!(spec(session_folder.path()).expect("written"), before);
    session_folder = tempfile::tempdir().expect("a folder");
    shell(&format!("{} --answers -", line.trim())).inside(session_folder.path()).run().expect(0);
    assert_eq!(spec(session_folder.path()).expect("written"), before);
}

#[test]
fn a_no_to_replacing_and_esc_at_the_first_question_leave_calmly_with_nothing_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session_in(folder.path(), 80, "");
    await_text(&mut session, "Where?");
    send(&mut session, ESCAPE);
    let rest = session.exp_eof().expect("the end");
    assert!(rest.contains("Nothing was written.") && !rest.contains("error"), "{rest:?}");
    assert_eq!((status(&session), spec(folder.path())), (Some(0), None));
    std::fs::write(folder.path().join("watchpost.yaml"), "stack: minimal\n").expect("written");
    let mut session = session_in(folder.path(), 80, "");
    await_text(&mut session, "Replace watchpost.yaml?");
    send(&mut session, "n");
    let rest = session.exp_eof().expect("the end");
    assert!(rest.contains("Nothing was written; `-f FILE` writes to another file.") && !rest.contains("error"));
    assert_eq!((status(&session), spec(folder.path()).as_deref()), (Some(0), Some("stack: minimal\n")));
}

#[test]
fn enter_does_not_deploy_what_lacks_a_secret_and_the_command_to_deploy_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session_in(folder.path(), 80, "-f ops.yaml --name ops");
    await_text(&mut session, "Where?");
    send(&mut session, ENTER);
    await_text(&mut session, "Which stack?");
    send(&mut session, "m\r");
    await_text(&mut session, "Alerts to?");
    send(&mut session, "s\r");
    for question in ["Webhook URL: from", "Channel", "Keep data for", "Change more settings?"] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Set before you deploy: SLACK_API_URL");
    await_text(&mut session, "| watchpost init --answers - -f ops.yaml --name ops");
    await_text(&mut session, "Deploy now? [y/N]");
    send(&mut session, ENTER);
    await_text(&mut session, "Deploy it with: watchpost up -f ops.yaml");
    session.exp_eof().expect("the end");
    assert!(std::fs::read_to_string(folder.path().join("ops.yaml")).expect("written").contains("name: ops"));
}

#[test]
fn advanced_settings_are_asked_by_group_of_those_who_want_more() {
    let (folder, mut session) = session(80);
    await_text(&mut session, "Where?");
    send(&mut session, ENTER);
    await_text(&mut session, "Which stack?");
    send(&mut session, "m\r");
    for question in ["Alerts to?", "Keep data for"] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Change more settings?");
    send(&mut session, "y");
    await_text(&mut session, "Alertmanager: ");
    send(&mut session, "n");
    await_text(&mut session, "Node exporter: ");
    send(&mut session, "n");
    await_text(&mut session, "Prometheus: ");
    send(&mut session, "y");
    await_text(&mut session, "Port");
    send(&mut session, "9191\r");
    await_text(&mut session, "Set its storage too?");
    send(&mut session, ENTER);
    await_text(&mut session, "Set its access too?");
    send(&mut session, ENTER);
    await_text(&mut session, "Set its scraping too?");
    send(&mut session, "y");
    await_text(&mut session, "Scrape every");
    send(&mut session, "5s\r");
    for question in ["Give up a scrape after", "Evaluate rules every", "External labels", "Set its limits too?"] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("port: 9191") && text.contains("scrape_interval: \"5s\""), "{text}");
    assert!(!text.contains("memory"), "{text}");
}

#[test]
fn what_the_flags_say_goes_into_the_spec_and_into_the_command_that_repeats_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/overlay");
    let flags = ["--host", "tcp://db1:2375", "--catalog", overlay, "--name", "ops", "-f", "it's.yaml"];
    let init = |more: &[&str]| watchpost([&["init"], more, &flags].concat()).inside(folder.path()).run();
    let output = init(&["--defaults"]).expect(0);
    let read = || std::fs::read_to_string(folder.path().join("it's.yaml")).expect("written");
    let written = read();
    for line in ["name: ops", "host: tcp://db1:2375", "catalog: "] {
        assert!(written.contains(line), "{line}: {written}");
    }
    let line = output.stderr.lines().find_map(|line| line.trim().strip_prefix("watchpost init ")).expect("a command");
    assert!(output.stderr.contains(r"watchpost up -f 'it'\''s.yaml'"), "{}", output.stderr);
    std::fs::remove_file(folder.path().join("it's.yaml")).expect("removed");
    shell(&format!("{} init {line}", binary().display())).inside(folder.path()).run().expect(0);
    assert_eq!(read(), written);
    let again = init(&["--defaults", "--force"]).expect(0);
    assert!(again.stderr.contains(" --force\n"), "{}", again.stderr);
}

#[test]
fn without_a_terminal_it_names_the_flags() {
    let folder = tempfile::tempdir().expect("a folder");
    watchpost(["init"]).inside(folder.path()).run().expect(64).says("--defaults").says("--answers");
}
