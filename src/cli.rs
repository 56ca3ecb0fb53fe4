//! The command line: arguments to library calls, results to streams and exit status.

mod commands;
mod shared;

use std::process::ExitCode;

use anyhow::Result;
use clap::{FromArgMatches, Parser, Subcommand};

use crate::error::{Error, Exit};
use crate::fix::Addressing;
use crate::ui::failure::Failure;
use crate::ui::{self, Ui};
use commands::*;
use shared::context::{Choice, Context, Globals};
use shared::help;

/// Puts a complete monitoring stack on any Docker host, and proves that it works
#[derive(Debug, Parser)]
#[command(name = "watchpost", version, propagate_version = false, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    global: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Up(up::Args),
    Plan(plan::Args),
    Down(down::Args),
    Status(status::Args),
    Logs(logs::Args),
    Doctor(doctor::Args),
    Verify(verify::Args),
    Secrets(secrets::Args),
    Dashboards(dashboards::Args),
    Render(render::Args),
    Alerts(alerts::Args),
    Catalog(catalog::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Version(version::Args),
}

impl Command {
    /// Which stack is meant, for the commands that render one.
    fn choice(&self) -> Option<&Choice> {
        match self {
            Self::Up(args) => Some(&args.choice),
            Self::Plan(args) => Some(&args.choice),
            Self::Verify(args) => Some(&args.choice),
            Self::Doctor(args) => Some(&args.choice),
            Self::Render(args) => Some(&args.choice),
            _ => None,
        }
    }
}

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(panicked));
    let arguments = std::env::args_os();
    let cli = match help::command().try_get_matches_from(arguments).and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    cli.global.color.apply();
    let choice = cli.command.choice().map(Choice::flags).unwrap_or_default();
    let addressing = Addressing { choice, ..cli.global.addressing() };
    let ui = Ui::detect(cli.global.json(), cli.global.verbosity(), addressing);
    let mut context = Context { ui, global: cli.global };
    let exit = match run(cli.command, &context) {
        Ok(exit) => exit,
        Err(error) => {
            let failure = Failure::from(&error);
            let exit = failure.exit;
            if exit == Exit::Interrupted {
                ui::restore_terminal();
            }
            context.ui.addressing = context.addressing();
            context.ui.fail(failure);
            exit
        }
    };
    // A question's reader may still wait for a line on its thread; exiting does not wait for it.
    std::process::exit(exit as i32)
}

fn run(command: Command, context: &Context) -> Result<Exit> {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Up(args) => up::run(&args, context),
        Command::Plan(args) => plan::run(&args, context),
        Command::Down(args) => down::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Verify(args) => verify::run(&args, context),
        Command::Secrets(args) => secrets::run(&args, context),
        Command::Alerts(args) => alerts::run(&args, context),
        Command::Catalog(args) => catalog::run(&args, context),
        Command::Dashboards(args) => dashboards::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Render(args) => render::run(&args, context),
        Command::Schema(args) => schema::run(&args, context),
        Command::Version(args) => version::run(&args, context),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(|error| {
            Error::new("cannot start the runtime").cause(error).hint("is a limit of this system hit?")
        })?;
    runtime.block_on(work)
}

/// Runs to the end or to Ctrl-C. What is dropped midway converges on the next `up`.
async fn or_interrupt<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        Ok(()) = tokio::signal::ctrl_c() => Err(Error::interrupted().into()),
    }
}

/// Wrong usage, or what `--help` and `--version` print.
fn refused(error: &clap::Error) -> ExitCode {
    // Nothing is left to be done when the stream is closed.
    drop(error.print());
    let asked_for = !error.use_stderr();
    ExitCode::from(if asked_for { Exit::Done as u8 } else { Exit::Usage as u8 })
}

fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    ui::restore_terminal();
    let message = panic.payload_as_str().unwrap_or("without a message");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    eprintln!("error: watchpost stopped by a bug of its own");
    eprintln!("  caused by: {message}{place}");
    eprintln!("hint: this is a bug; `watchpost version` and these lines make a good report");
    std::process::exit(Exit::Error as i32);
}
