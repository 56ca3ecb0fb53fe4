use clap::Arg;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use super::context::Context;
use super::help;
use crate::catalog::Catalog;
use crate::error::{Exit, Result};

/// Print shell completions
///
/// They know the names of components and stacks, those of `--catalog` too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost completions bash > ~/.local/share/bash-completion/completions/watchpost
  watchpost completions zsh > ~/.zfunc/_watchpost
  watchpost completions fish > ~/.config/fish/completions/watchpost.fish")]
pub struct Args {
    shell: Shell,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let catalog = context.catalog(None)?;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut with_names(help::command(), &catalog), "watchpost", &mut script);
    context.ui.raw(&script)?;
    Ok(Exit::Done)
}

/// The names as possible values. Parsing itself goes without, since overlays are only known by then.
fn with_names(command: clap::Command, catalog: &Catalog) -> clap::Command {
    let components: Vec<String> = catalog.components.keys().cloned().collect();
    let stacks: Vec<String> = catalog.stacks.keys().cloned().collect();
    let of = move |names: &[String]| PossibleValuesParser::new(names.to_vec());
    command.mut_subcommands(|sub| with_subcommand_names(sub, &of(&components), &of(&stacks)))
}

fn with_subcommand_names(
    command: clap::Command,
    components: &PossibleValuesParser,
    stacks: &PossibleValuesParser,
) -> clap::Command {
    command
        .mut_args(|arg: Arg| match arg.get_id().as_str() {
            "component" | "without" | "services" => arg.value_parser(components.clone()),
            "stack" => arg.value_parser(stacks.clone()),
            _ => arg,
        })
        .mut_subcommands(|sub| with_subcommand_names(sub, components, stacks))
}
