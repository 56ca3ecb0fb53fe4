mod around;
mod check;
mod diff;
mod export;
mod import;
mod lint;
mod list;
mod reach;
mod source;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::shared::context::Context;
use crate::error::Exit;

/// List, check, import and export dashboards
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Check(check::Args),
    Lint(lint::Args),
    Import(import::Args),
    Export(export::Args),
    Diff(diff::Args),
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    match &args.command {
        Command::List(args) => list::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Lint(args) => lint::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Diff(args) => diff::run(args, context),
    }
}
