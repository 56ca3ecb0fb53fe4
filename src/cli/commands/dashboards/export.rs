use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cli::commands::dashboards::{own, reach};
use crate::cli::shared::context::Context;
use crate::cli::{block_on, or_interrupt};
use crate::dashboard;
use crate::dashboard::import::slug;
use crate::error::{Error, Exit};

/// Bring a dashboard that was changed in Grafana back to its file
///
/// The file is the one in the spec's folder that has this uid; a dashboard that has none yet gets one there, named after
/// its title. Numbers that Grafana gave are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost dashboards export shop
  watchpost dashboards export watchpost-host --out host.json
  watchpost dashboards export shop --out -             to the standard output")]
pub struct Args {
    /// Of the dashboard; `dashboards list` shows it
    #[arg(value_name = "UID")]
    uid: String,
    /// Another file; `-` is the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(export(args, context)))
}

async fn export(args: &Args, context: &Context) -> Result<Exit> {
    let stack = reach::stack(context).await?;
    let (opened, expected) = reach::grafana(&stack).await?;
    let held = opened.grafana.dashboard(&args.uid).await.map_err(reach::unanswered)?.ok_or_else(|| {
        Error::new(format!("Grafana has no dashboard with the uid `{}`", args.uid))
            .hint("`watchpost dashboards list` shows them all")
    })?;
    let mut model = held.dashboard;
    if dashboard::is_schema_v2(&model) {
        bail!(
            Error::new("Grafana gives this dashboard in schema v2, which it does not take from files")
                .hint("export it in Grafana: Share, Export, `Classic`")
        );
    }
    for key in ["id", "version", "iteration"] {
        model.as_object_mut().and_then(|map| map.shift_remove(key));
    }
    let text = dashboard::text(&model);
    if args.out.as_deref().is_some_and(|out| out.as_os_str() == "-") {
        context.ui.raw(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let shipped = expected.boards.iter().any(|board| board.uid == args.uid && !board.own);
    let path = match &args.out {
        Some(path) => path.clone(),
        None if shipped => {
            bail!(
                Error::new(format!("`{}` comes with Watchpost, and has no file of yours", args.uid))
                    .hint("`--out FILE` writes it elsewhere; under another uid and title it can be your own")
            );
        }
        None => place(args, context, dashboard::title(&model))?,
    };
    own::write(&path, &text)?;
    let deployed = if args.out.is_none() { "; `watchpost up` deploys it" } else { "" };
    context.ui.say(&format!("Wrote `{}` to {}{deployed}.", dashboard::title(&model), own::shown(&path)));
    Ok(Exit::Done)
}

fn place(args: &Args, context: &Context, title: &str) -> Result<PathBuf> {
    if let Some(file) = own::files(context)?.into_iter().find(|file| file.uid == args.uid) {
        return Ok(file.path);
    }
    let folder = own::folder(context)?.ok_or_else(|| {
        Error::new("the spec names no folder of dashboards to write into")
            .hint("add `dashboards: [./dashboards]` to it, or name a file with `--out FILE`")
    })?;
    let path = folder.join(format!("{}.json", slug(title)));
    if path.exists() {
        bail!(
            Error::new(format!("`{}` is there already, and is another dashboard", own::shown(&path)))
                .hint("name another file with `--out FILE`")
        );
    }
    Ok(path)
}
