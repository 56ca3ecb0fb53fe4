//! The binary on a pseudo-terminal.

use rexpect::session::{PtySession, spawn_command};

use super::run::Run;

const PATIENCE: u64 = 60_000;

/// Starts the run on a terminal; what it shows is awaited with `exp_string`.
pub fn on_terminal(run: Run) -> PtySession {
    let mut command = run.into_command();
    // The terminal is the input; what `Run` set would take its place.
    command.env("TERM", "xterm-256color").stdin(std::process::Stdio::inherit());
    spawn_command(command, Some(PATIENCE)).expect("a pseudo-terminal")
}
