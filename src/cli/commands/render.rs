use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::cli::shared::context::{Choice, Context};
use crate::error::Exit;
use crate::render::Bundle;
use crate::ui::human::count;

/// Write what would be deployed, as a folder that plain `docker compose` runs too
///
/// Without `--out` it prints the `compose.yaml`. It needs no Docker host, and the same spec always gives the same
/// bytes. Secrets' values are not part of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost render --out bundle        a folder to review, or to keep in git
  watchpost render -o json             all files in one JSON document
  watchpost render --stack minimal     without a spec, from the stack's defaults")]
pub struct Args {
    #[command(flatten)]
    pub choice: Choice,
    /// Write to this folder; stale files of an earlier bundle are deleted
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let prepared = context.prepare(&args.choice)?;
    prepared.say(&context.ui);
    let bundle = prepared.bundle;
    if let Some(folder) = &args.out {
        bundle.write(folder)?;
        let files = count(bundle.files.len(), "file");
        context.ui.say(&format!("Wrote compose.yaml and {files} to {}.", folder.display()));
    }
    if context.ui.json {
        context.ui.document(&document(&bundle))?;
    } else if args.out.is_none() {
        context.ui.raw(bundle.text.as_bytes())?;
    }
    Ok(Exit::Done)
}

/// Texts by path: `{"compose.yaml": ..., "files/prometheus/prometheus.yml": ...}`.
fn document(bundle: &Bundle) -> Value {
    let mut files = Map::new();
    files.insert("compose.yaml".into(), bundle.text.as_str().into());
    for (path, content) in &bundle.files {
        files.insert(path.clone(), String::from_utf8_lossy(content).into());
    }
    Value::Object(files)
}
