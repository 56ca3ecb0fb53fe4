use std::path::PathBuf;

use anyhow::Result;

use crate::cli::shared::context::Context;
use crate::error::Exit;
use crate::ui::human::count;

/// Copy a component out of the catalog, to change it
///
/// The folder then overlays the catalog: `--catalog DIR`, or `catalog: DIR` in the spec.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost catalog eject prometheus ours
  watchpost up --catalog ours")]
pub struct Args {
    /// Copy this component
    component: String,
    /// Write below this folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let written = context.own_catalog()?.eject(&args.component, &args.folder, args.force)?;
    if context.ui.json {
        context.ui.document(&serde_json::json!({"written": written}))?;
    }
    let folder = args.folder.display();
    context.ui.say(&format!("Wrote {} of `{}` below {folder}.", count(written.len(), "file"), args.component));
    context.ui.say(&format!("Use it with `--catalog {folder}`, or `catalog: {folder}` in the spec."));
    Ok(Exit::Done)
}
