use anyhow::Result;
use clap::Arg;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use crate::catalog::Catalog;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::help;
use crate::error::Exit;

/// Print shell completions
///
/// They know the names of components and stacks, those of `--catalog` too, and of the receivers in `watchpost.yaml`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost completions bash > ~/.local/share/bash-completion/completions/watchpost
  watchpost completions zsh > ~/.zfunc/_watchpost
  watchpost completions fish > ~/.config/fish/completions/watchpost.fish")]
pub struct Args {
    /// Write them for this shell
    shell: Shell,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let catalog = context.catalog(None)?;
    // Without a spec, or with a wrong one, there are no receivers to know.
    let spec = context.spec_path().and_then(|_| context.spec(&Choice::default()).ok());
    let receivers = spec.map(|spec| spec.alerting.receivers.into_iter().map(|receiver| receiver.name).collect());
    let names = Names::new(&catalog, receivers.unwrap_or_default());
    let mut script = Vec::new();
    // Parsing itself goes without the names, since overlays are only known by then.
    let mut command = help::command().mut_subcommands(|sub| names.known_to(sub));
    clap_complete::generate(args.shell, &mut command, "watchpost", &mut script);
    context.ui.raw(&script)?;
    Ok(Exit::Done)
}

/// The names that arguments may have, as possible values.
struct Names {
    components: PossibleValuesParser,
    stacks: PossibleValuesParser,
    /// Without any, whatever is typed.
    receivers: Option<PossibleValuesParser>,
}

impl Names {
    fn new(catalog: &Catalog, receivers: Vec<String>) -> Self {
        Self {
            components: PossibleValuesParser::new(catalog.components.keys().cloned()),
            stacks: PossibleValuesParser::new(catalog.stacks.keys().cloned()),
            receivers: (!receivers.is_empty()).then(|| PossibleValuesParser::new(receivers)),
        }
    }

    fn known_to(&self, command: clap::Command) -> clap::Command {
        command
            .mut_args(|arg: Arg| match (arg.get_id().as_str(), &self.receivers) {
                ("component" | "without" | "services", _) => arg.value_parser(self.components.clone()),
                ("stack", _) => arg.value_parser(self.stacks.clone()),
                ("receivers", Some(receivers)) => arg.value_parser(receivers.clone()),
                _ => arg,
            })
            .mut_subcommands(|sub| self.known_to(sub))
    }
}
