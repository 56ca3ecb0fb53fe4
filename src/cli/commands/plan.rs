use anyhow::Result;
use serde_json::json;

use crate::cli::commands::up;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::ui::changes::{self, Detail};
use crate::ui::human::count;

/// Show what `up` would change, and change nothing
///
/// With `-v` it also shows networks, volumes, images and the differences of files and settings. Secrets are never
/// shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost plan                 what would change
  watchpost plan -v              with the differences of files
  watchpost plan --exit-code     for scripts: 0 nothing, 2 changes pending, 1 error

With -o json: {\"operations\": [{id, action: {action, ...}, causes, depends_on, destructive, diff}], \"unchanged\": [...]}")]
pub struct Args {
    #[command(flatten)]
    pub choice: Choice,
    /// End with 2 when there is something to change
    #[arg(long)]
    exit_code: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(show(args, context)))
}

async fn show(args: &Args, context: &Context) -> Result<Exit> {
    let prepared = context.prepare(&args.choice)?;
    prepared.say(&context.ui);
    let client = session::connect(prepared.host.as_deref()).await?;
    session::caution(context, &client, &prepared).await;
    let plan = session::draft(&client, &prepared).await?.plan;
    let name = &prepared.bundle.compose.name;
    if context.ui.json {
        let mut document = json!(plan);
        document["stack"] = json!(name);
        context.ui.document(&document)?;
    } else if plan.operations.is_empty() {
        context
            .ui
            .data(&format!("{name} · nothing to do, {} as they should be.", count(plan.unchanged.len(), "service")))?;
    } else {
        let detail = if context.global.verbose { Detail::Full } else { Detail::Lines };
        let text = changes::render(&plan, prepared.bundle.files.len(), detail, context.ui.width);
        context.ui.data(&format!("{}\n\n{text}\nNothing was changed.", up::heading(&prepared, &client)))?;
    }
    let pending = args.exit_code && !plan.operations.is_empty();
    Ok(if pending { Exit::ChangesPending } else { Exit::Done })
}
