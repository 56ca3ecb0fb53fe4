use super::context::Context;
use crate::error::{Exit, Result};
use crate::spec::schema;

/// Print the JSON schema of watchpost.yaml
///
/// Made from the catalog, so that it knows the components and their settings, those of `--catalog` too.
/// Editors that speak YAML complete and check the spec with it:
/// `# yaml-language-server: $schema=watchpost.schema.json`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost schema > watchpost.schema.json")]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    context.ui.document(&schema::schema(&context.catalog(None)?))?;
    Ok(Exit::Done)
}
