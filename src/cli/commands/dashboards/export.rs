use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cli::commands::dashboards::{around, reach};
use crate::cli::shared::context::Context;
use crate::cli::shared::files;
use crate::cli::{block_on, or_interrupt};
use crate::dashboard;
use crate::dashboard::import::slug;
use crate::error::{Error, Exit};

/// Write a dashboard that was changed in Grafana back to its file
///
/// Writes the file in the spec's folder that has this uid, or a new file there, named after the title. Grafana's own
/// numbers are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost dashboards export shop
  watchpost dashboards export watchpost-host --out host.json
  watchpost dashboards export shop --out -             to the standard output")]
pub struct Args {
    /// Export the dashboard with this uid; `dashboards list` shows them
    #[arg(value_name = "UID")]
    uid: String,
    /// Write to this file instead; `-` is the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(export(args, context)))
}

async fn export(args: &Args, context: &Context) -> Result<Exit> {
    let stack = reach::stack(context).await?;
    let (opened, provisioning) = reach::grafana(&stack).await?;
    let stored = opened.grafana.dashboard(&args.uid).await.map_err(reach::refused)?;
    let stored = stored.ok_or_else(|| {
        Error::new(format!("Grafana has no dashboard with the uid `{}`", args.uid))
            .hint("`watchpost dashboards list` shows them all")
    })?;
    let model = dashboard::exported(stored.dashboard, &args.uid);
    let text = dashboard::text(&model);
    if args.out.as_deref().is_some_and(|out| out.as_os_str() == "-") {
        context.ui.raw(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let shipped = provisioning.dashboards.iter().any(|dashboard| dashboard.uid == args.uid && !dashboard.own);
    let path = match &args.out {
        Some(path) => path.clone(),
        None if shipped => {
            bail!(
                Error::new(format!("`{}` comes with Watchpost and has no file of yours", args.uid))
                    .hint("write it elsewhere with `--out FILE`; with another uid and title it can be your own")
            );
        }
        None => own_file(args, context, dashboard::title(&model))?,
    };
    files::write(&path, &text)?;
    let mut message = format!("Wrote `{}` to {}", dashboard::title(&model), files::readable(&path));
    if args.out.is_none() {
        message += "; `watchpost up` deploys it";
    }
    context.ui.say(&format!("{message}."));
    Ok(Exit::Done)
}

/// The file that has this uid, or a new one in the spec's folder.
fn own_file(args: &Args, context: &Context, title: &str) -> Result<PathBuf> {
    if let Some(file) = around::own_dashboards(context)?.into_iter().find(|file| file.uid == args.uid) {
        return Ok(file.path);
    }
    let folder = around::own_folder(context)?.ok_or_else(|| {
        Error::new("the spec lists no folder of dashboards to write into")
            .hint("add `dashboards: [./dashboards]` to it, or name a file with `--out FILE`")
    })?;
    let path = folder.join(format!("{}.json", slug(title)));
    if path.exists() {
        bail!(
            Error::new(format!("`{}` already exists and is another dashboard", files::readable(&path)))
                .hint("name another file with `--out FILE`")
        );
    }
    Ok(path)
}
