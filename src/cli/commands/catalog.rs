mod eject;
mod lint;
mod list;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::shared::context::Context;
use crate::error::Exit;

/// Show and check what can be deployed
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Lint(lint::Args),
    Eject(eject::Args),
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    match &args.command {
        Command::List(args) => list::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Lint(args) => lint::run(args, context),
        Command::Eject(args) => eject::run(args, context),
    }
}
