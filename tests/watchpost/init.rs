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

const QUESTIONS: [&str; 7] = [
    "Where?",
    "Which stack?",
    "Alerts to?",
    "Keep data for",
    "Open Grafana on?",
    "Reached under which name?",
    "Change more settings?",
];

const ENTER: &str = "\r";
const ESCAPE: &str = "\u{1b}";
const UP: &str = "\u{1b}[A";
const DOWN: &str = "\u{1b}[B";
const LEFT: &str = "\u{1b}[D";
const BACKSPACE: &str = "\u{7f}";
/// From `standard`, the entry above.
const MINIMAL: &str = "\u{1b}[A\r";
/// From `nobody yet`, the seventh entry below.
const SLACK: &str = "\u{1b}[B\u{1b}[B\u{1b}[B\u{1b}[B\u{1b}[B\u{1b}[B\u{1b}[B\r";

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
    assert!(text.contains("stack: standard") && text.contains("retention: 15d"), "{text}");
}

#[test]
fn a_wrong_answer_is_refused_at_the_prompt_and_can_be_corrected() {
    let (folder, mut session) = session(80);
    for question in &QUESTIONS[..3] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Keep data for");
    send(&mut session, "soon\r");
    await_text(&mut session, "must be a duration, not `soon`");
    // The refused text is there to be edited.
    await_text(&mut session, "soon");
    send(&mut session, &format!("{}30d\r", BACKSPACE.repeat(4)));
    await_text(&mut session, "Open Grafana on?");
    send(&mut session, "everywhere\r");
    await_text(&mut session, "must be an address and a port");
    await_text(&mut session, "everywhere");
    send(&mut session, &format!("{}0.0.0.0:3333\r", BACKSPACE.repeat(10)));
    await_text(&mut session, "Reached under which name?");
    send(&mut session, "mon:9090\r");
    await_text(&mut session, "must be the name or IP address of a host");
    await_text(&mut session, "mon:9090");
    send(&mut session, &format!("{}.example.org\r", BACKSPACE.repeat(5)));
    await_text(&mut session, "Change more settings?");
    send(&mut session, ENTER);
    await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("30d") && text.contains("port: 3333") && text.contains("\"0.0.0.0\""), "{text}");
    assert!(text.contains("address: mon.example.org"), "{text}");
}

#[test]
fn esc_in_a_list_goes_back_and_the_earlier_answer_can_be_changed() {
    let (folder, mut session) = session(80);
    await_text(&mut session, "Where?");
    send(&mut session, ENTER);
    await_text(&mut session, "Which stack?");
    send(&mut session, ENTER);
    await_text(&mut session, "Alerts to?");
    send(&mut session, ESCAPE);
    await_text(&mut session, "Which stack?");
    send(&mut session, MINIMAL);
    await_text(&mut session, "Alerts to?");
    send(&mut session, ENTER);
    await_text(&mut session, "Keep data for");
    send(&mut session, ENTER);
    // The minimal stack has no Grafana to open.
    await_text(&mut session, "Reached under which name?");
    send(&mut session, ENTER);
    await_text(&mut session, "Change more settings?");
    send(&mut session, ENTER);
    await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    assert!(spec(folder.path()).expect("written").contains("stack: minimal"));
}

/// Takes the defaults up to the question.
fn session_at(question: &str) -> (TempDir, PtySession) {
    let (folder, mut session) = session(80);
    for earlier in QUESTIONS.iter().take_while(|earlier| **earlier != question) {
        await_text(&mut session, earlier);
        send(&mut session, ENTER);
    }
    await_text(&mut session, question);
    (folder, session)
}

/// Takes the defaults from `question` on, and writes the spec without deploying it.
fn finish_from(question: &str, session: &mut PtySession) {
    for later in QUESTIONS.iter().skip_while(|later| **later != question) {
        await_text(session, later);
        send(session, ENTER);
    }
    await_text(session, "Deploy now?");
    send(session, "n\r");
    session.exp_eof().expect("the end");
}

#[test]
fn a_typed_lesser_than_goes_back_and_a_question_mark_explains() {
    let (folder, mut session) = session_at("Keep data for");
    send(&mut session, "?\r");
    await_text(&mut session, "How long");
    await_text(&mut session, "Keep data for");
    send(&mut session, "<\r");
    finish_from("Alerts to?", &mut session);
    assert!(spec(folder.path()).expect("written").contains("15d"));
}

#[test]
fn the_last_entries_of_a_list_go_back_and_explain() {
    let (folder, mut session) = session(80);
    await_text(&mut session, "What is this?");
    send(&mut session, &format!("{UP}{ENTER}"));
    await_text(&mut session, "The Docker host that runs the stack");
    await_text(&mut session, "What is this?");
    send(&mut session, &format!("{UP}{UP}{ENTER}"));
    await_text(&mut session, "Nothing was written.");
    session.exp_eof().expect("the end");
    assert_eq!((status(&session), spec(folder.path())), (Some(0), None));
}

#[test]
fn esc_and_enter_at_a_yes_or_no_go_back() {
    let (folder, mut session) = session_at("Change more settings?");
    send(&mut session, ESCAPE);
    await_text(&mut session, "Enter goes back");
    send(&mut session, ENTER);
    finish_from("Reached under which name?", &mut session);
    assert!(spec(folder.path()).is_some());
}

#[test]
fn an_answer_can_be_corrected_in_its_middle() {
    let (folder, mut session) = session_at("Keep data for");
    // The default, fetched and edited.
    send(&mut session, &format!("{UP}{LEFT}{BACKSPACE}0\r"));
    await_text(&mut session, "Open Grafana on?");
    send(&mut session, &format!("127.0.0.1:3900{LEFT}{LEFT}{BACKSPACE}3\r"));
    finish_from("Reached under which name?", &mut session);
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("10d") && text.contains("port: 3300"), "{text}");
}

#[test]
fn pasted_lines_after_the_first_are_discarded_and_the_prompt_says_so() {
    let (folder, mut session) = session_at("Keep data for");
    send(&mut session, "30d\r45d\rn\r");
    await_text(&mut session, "Only the first line counts; 2 more pasted lines discarded.");
    finish_from("Open Grafana on?", &mut session);
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("30d") && !text.contains("45d"), "{text}");
}

#[test]
fn a_secret_pasted_where_its_source_belongs_is_refused_and_not_kept() {
    let (folder, mut session) = session_at("Alerts to?");
    send(&mut session, SLACK);
    await_text(&mut session, "Webhook URL: from");
    send(&mut session, "https://hooks.example.com/T0\r");
    await_text(&mut session, "must name a variable");
    let shown = await_text(&mut session, "Webhook URL: from");
    assert!(!shown.contains("hooks.example.com"), "{shown:?}");
    send(&mut session, ENTER);
    await_text(&mut session, "Channel");
    send(&mut session, ENTER);
    finish_from("Keep data for", &mut session);
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("env: SLACK_API_URL") && !text.contains("hooks"), "{text}");
}

#[test]
fn ctrl_c_restores_the_cursor_and_exits_130_with_nothing_written() {
    let folder = tempfile::tempdir().expect("a folder");
    for (question, keys) in
        [("Which stack?", "\u{3}"), ("Keep data for", "30\u{3}"), ("Change more settings?", "\u{3}")]
    {
        let script = format!("trap : INT; stty echo; {} init; echo \"status $?\"; stty -a", binary().display());
        let mut session = on_terminal(shell(&script).inside(folder.path()));
        for earlier in QUESTIONS.iter().take_while(|earlier| **earlier != question) {
            await_text(&mut session, earlier);
            send(&mut session, ENTER);
        }
        await_text(&mut session, question);
        send(&mut session, keys);
        let rest = session.exp_eof().expect("the end");
        assert!(rest.rfind("\u{1b}[?25h") > rest.rfind("\u{1b}[?25l"), "the cursor stays hidden: {rest:?}");
        assert!(rest.contains("status 130"), "{question}: {rest:?}");
        let modes: Vec<&str> = rest.split_whitespace().collect();
        assert!(modes.contains(&"echo") && modes.contains(&"icanon"), "{question}: the mode stays changed: {rest:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

/// What a terminal would show, line by line: escape sequences taken out.
fn plain(text: &str) -> String {
    // What comes from the terminal has one character a byte.
    let bytes: Vec<u8> = text.chars().map(|byte| byte as u8).collect();
    console::strip_ansi_codes(&String::from_utf8_lossy(&bytes)).into_owned()
}

/// Every question with its explanation, on a terminal of so many columns: no line is longer, and none is cut.
fn nothing_is_cut_at(columns: u16) {
    let (_folder, mut session) = session(columns);
    let mut seen = String::new();
    let explain = [&format!("{UP}\r"), &format!("{DOWN}{DOWN}\r"), &format!("{UP}\r"), "?\r", "?\r"];
    for (at, question) in QUESTIONS.iter().enumerate() {
        if let Some(keys) = explain.get(at) {
            seen += &await_text(&mut session, question);
            send(&mut session, keys);
        }
        seen += &await_text(&mut session, question);
        seen += question;
        send(&mut session, ENTER);
    }
    seen += &await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    // NO_COLOR is set, and a style's sequence ends with `m`.
    let is_style = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    assert!(!seen.split("\u{1b}[").skip(1).any(is_style), "{seen:?}");
    // Saving and restoring the cursor is no sequence that `plain` knows.
    let seen = plain(&seen.replace("\u{1b}7", "").replace("\u{1b}8", ""));
    assert!(!seen.contains('…'), "{seen}");
    for line in seen.split(['\n', '\r']).filter(|line| !line.contains("| watchpost init")) {
        assert!(line.chars().count() <= columns.into(), "{} columns: {line:?}", line.chars().count());
    }
}

#[test]
fn at_80_columns_no_prompt_is_cut() {
    nothing_is_cut_at(80);
}

#[test]
fn at_60_columns_no_prompt_is_cut() {
    nothing_is_cut_at(60);
}

#[test]
fn defaults_and_answers_write_the_same_without_a_terminal_and_the_printed_command_repeats_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = |arguments: &[&str]| watchpost([&["init"], arguments].concat()).inside(folder.path()).run();
    init(&["--defaults"]).expect(0).says("Wrote watchpost.yaml");
    let defaults = spec(folder.path()).expect("written");
    init(&["--defaults"]).expect(1).says("`watchpost.yaml` exists").says("--force");
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
        send(&mut session, if question == "Which stack?" { MINIMAL } else { ENTER });
    }
    await_text(&mut session, "Alerts to?");
    send(&mut session, SLACK);
    await_text(&mut session, "Webhook URL: from");
    send(&mut session, ENTER);
    await_text(&mut session, "Channel");
    send(&mut session, "#it's\r");
    await_text(&mut session, "Keep data for");
    send(&mut session, ENTER);
    await_text(&mut session, "Reached under which name?");
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
    send(&mut session, "n\r");
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
    send(&mut session, MINIMAL);
    await_text(&mut session, "Alerts to?");
    send(&mut session, SLACK);
    for question in
        ["Webhook URL: from", "Channel", "Keep data for", "Reached under which name?", "Change more settings?"]
    {
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
    send(&mut session, MINIMAL);
    for question in ["Alerts to?", "Keep data for", "Reached under which name?"] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Change more settings?");
    send(&mut session, "y\r");
    await_text(&mut session, "Alertmanager: ");
    send(&mut session, "n\r");
    await_text(&mut session, "Node exporter: ");
    send(&mut session, "n\r");
    await_text(&mut session, "Prometheus: ");
    send(&mut session, "y\r");
    await_text(&mut session, "Port");
    send(&mut session, "9191\r");
    await_text(&mut session, "Set its storage too?");
    send(&mut session, ENTER);
    await_text(&mut session, "Set its access too?");
    send(&mut session, ENTER);
    await_text(&mut session, "Set its scraping too?");
    send(&mut session, "y\r");
    await_text(&mut session, "Scrape every");
    send(&mut session, "5s\r");
    for question in [
        "Give up a scrape after",
        "Evaluate rules every",
        "External labels",
        "Set its alerts too?",
        "Set its limits too?",
    ] {
        await_text(&mut session, question);
        send(&mut session, ENTER);
    }
    await_text(&mut session, "Deploy now?");
    send(&mut session, "n\r");
    session.exp_eof().expect("the end");
    let text = spec(folder.path()).expect("written");
    assert!(text.contains("port: 9191") && text.contains("scrape_interval: 5s"), "{text}");
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
    assert!(output.stderr.contains("watchpost up -f \"it's.yaml\""), "{}", output.stderr);
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
