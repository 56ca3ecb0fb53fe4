//! Runs the binary in an environment of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// `None`: ended by a signal.
    pub status: Option<i32>,
}

impl Output {
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks {text:?}:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "stdout lacks {text:?}:\n{}", self.stdout);
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in stdout:\n{}", self.stdout))
    }
}

/// A run of the binary, not yet started.
pub struct Run(Command);

/// Prepares a run. Nothing of the caller's environment but the way to Docker gets in.
pub fn watchpost<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new(binary());
    command.args(arguments);
    hermetic(command)
}

/// Prepares a line for a shell, in the same environment.
pub fn shell(line: &str) -> Run {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]);
    hermetic(command)
}

fn hermetic(mut command: Command) -> Run {
    command.env_clear().stdin(Stdio::null());
    for name in ["PATH", "DOCKER_HOST", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    Run(command)
}

pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_watchpost"))
}

impl Run {
    pub fn inside(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn run(mut self) -> Output {
        let output = self.0.output().expect("the binary starts");
        Output {
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
            status: output.status.code(),
        }
    }

    pub fn into_command(self) -> Command {
        self.0
    }
}
