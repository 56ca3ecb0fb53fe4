use anyhow::Result;

use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::docker;
use crate::error::Exit;
use crate::plan::operation::Action;
use crate::plan::{Plan, teardown};
use crate::ui::human::count;
use crate::ui::progress::Progress;

/// Remove the stack, and keep its data
///
/// Containers, networks and anything that can be recreated are removed. Volumes with data and generated secrets stay, so
/// that the next `up` finds them; `--purge-data` removes them too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Remove the data as well: metrics, dashboards made by hand, generated secrets
    #[arg(long)]
    purge_data: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(take_down(args, context)))
}

async fn take_down(args: &Args, context: &Context) -> Result<Exit> {
    let (client, name, observed) = session::look(context).await?;
    let plan = teardown(&observed, args.purge_data);
    if plan.operations.is_empty() {
        docker::tear_down(&client, &name, &plan, &|_| ()).await?;
        context.ui.say(&format!("{name} · nothing to remove."));
        return Ok(Exit::Done);
    }
    if !context.global.yes && !context.ui.confirm(&question(&name, &plan), !args.purge_data, "--yes").await? {
        context.ui.say("Nothing was changed.");
        return Ok(Exit::Done);
    }
    let services = observed.containers.iter().map(|container| container.service.as_str());
    let progress = Progress::new(&context.ui, services);
    docker::tear_down(&client, &name, &plan, &|event| progress.event(event)).await?;
    progress.finish();
    let kept = observed.volumes.len().saturating_sub(removed_volumes(&plan));
    let kept = if kept > 0 {
        format!(" {} with data stay; `--purge-data` removes them.", count(kept, "volume"))
    } else {
        String::new()
    };
    context.ui.say(&format!("{name} · removed.{kept}"));
    Ok(Exit::Done)
}

fn removed_volumes(plan: &Plan) -> usize {
    plan.operations.iter().filter(|operation| matches!(operation.action, Action::RemoveVolume { .. })).count()
}

fn question(name: &str, plan: &Plan) -> String {
    let services = plan.operations.iter().filter(|operation| matches!(operation.action, Action::Remove { .. })).count();
    let lost: Vec<&str> = plan
        .operations
        .iter()
        .filter(|operation| operation.destructive)
        .filter_map(|operation| match &operation.action {
            Action::RemoveVolume { name } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    match lost.is_empty() {
        true => format!("Remove {} of `{name}`? Its data stays.", count(services, "service")),
        false => format!(
            "Remove {} of `{name}` and delete its data for good ({})?",
            count(services, "service"),
            lost.join(", ")
        ),
    }
}
