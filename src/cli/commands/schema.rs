use anyhow::Result;
use clap::ValueEnum;

use crate::cli::shared::context::Context;
use crate::error::Exit;
use crate::spec::schema;
use crate::verify::report;

/// Print the JSON schema of watchpost.yaml, or of the proof
///
/// The spec's is made from the catalog, so that it knows the components and their settings, those of `--catalog` too.
/// Editors that speak YAML complete and check the spec with it:
/// `# yaml-language-server: $schema=watchpost.schema.json`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost schema > watchpost.schema.json   of the spec
  watchpost schema proof                     of what `watchpost verify -o json` writes")]
pub struct Args {
    /// Which schema to print
    #[arg(value_name = "SCHEMA", default_value = "spec", hide_possible_values = false)]
    schema: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Spec,
    Proof,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    match args.schema {
        Which::Spec => context.ui.document(&schema::schema(&context.catalog(None)?))?,
        Which::Proof => context.ui.raw(report::SCHEMA.as_bytes())?,
    }
    Ok(Exit::Done)
}
