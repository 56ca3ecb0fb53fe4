//! Commands inside a running container.

use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::connect::Client;
use super::daemon_message;

/// What a command printed, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// `None` when what it printed was enough.
    pub exit_code: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecError {
    /// The container has no such program, or one that cannot run there.
    NoSuchProgram,
    /// The daemon's message.
    Daemon(String),
}

/// Runs a command with `stdin` and reads what it prints until it ends, or until `enough` accepts its standard output.
///
/// The second argument of `enough` says whether the command has ended. How it ended is then asked only when `enough`
/// still says no.
pub async fn exec(
    client: &Client,
    container: &str,
    command: &[&str],
    stdin: &[u8],
    enough: impl Fn(&[u8], bool) -> bool,
) -> Result<Output, ExecError> {
    let config = ExecConfig {
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        attach_stdin: Some(!stdin.is_empty()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let id = client.docker.create_exec(container, config).await.map_err(refused)?.id;
    let started = client.docker.start_exec(&id, None::<StartExecOptions>).await.map_err(refused)?;
    let mut result = Output::default();
    if let StartExecResults::Attached { mut output, mut input } = started {
        // A command that does not read its input says why on standard error.
        if !stdin.is_empty() && input.write_all(stdin).await.is_ok() {
            drop(input.flush().await);
        }
        while let Some(Ok(chunk)) = output.next().await {
            match chunk {
                LogOutput::StdErr { message } => result.stderr.push_str(&String::from_utf8_lossy(&message)),
                other => result.stdout.extend_from_slice(&other.into_bytes()),
            }
            if enough(&result.stdout, false) {
                return Ok(result);
            }
        }
    }
    if enough(&result.stdout, true) {
        return Ok(result);
    }
    result.exit_code = client.docker.inspect_exec(&id).await.map_err(refused)?.exit_code;
    if result.is_missing_program() { Err(ExecError::NoSuchProgram) } else { Ok(result) }
}

impl Output {
    /// A shell and the runtime exit with 126 or 127 when a program does not exist or cannot run.
    fn is_missing_program(&self) -> bool {
        match self.exit_code {
            Some(0) => false,
            Some(126 | 127) => true,
            _ => names_missing_program(&self.stderr) || names_missing_program(&String::from_utf8_lossy(&self.stdout)),
        }
    }
}

fn refused(error: bollard::errors::Error) -> ExecError {
    let message = daemon_message(&error);
    if names_missing_program(&message) { ExecError::NoSuchProgram } else { ExecError::Daemon(message) }
}

/// In the words of the runtime and of BusyBox.
fn names_missing_program(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("executable file not found") || text.contains("applet not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_told_from_one_that_failed() {
        let output = |code, stderr: &str| Output { stdout: Vec::new(), stderr: stderr.into(), exit_code: code };
        assert!(output(Some(126), "").is_missing_program());
        assert!(output(Some(127), "").is_missing_program());
        assert!(output(Some(1), "nc: applet not found").is_missing_program());
        assert!(!output(Some(1), "nc: bad address 'x'").is_missing_program());
        assert!(!output(Some(0), "applet not found").is_missing_program());
    }
}
