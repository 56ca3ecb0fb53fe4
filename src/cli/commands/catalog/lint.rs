use anyhow::Result;

use crate::catalog::lint::{Severity, lint};
use crate::cli::shared::context::Context;
use crate::error::Exit;
use crate::render;
use crate::ui::human::count;

/// Check components against the rules that the shipped ones keep
///
/// Without names it checks your components, from `--catalog` and the spec's `catalog:`, or all when you have none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost catalog lint --catalog ours
  watchpost catalog lint prometheus

Exit status: 1 if there are errors; warnings alone are 0.")]
pub struct Args {
    /// Check only these components
    #[arg(value_name = "COMPONENT")]
    component: Vec<String>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let catalog = context.own_catalog()?;
    let mut names = args.component.clone();
    if names.is_empty() {
        let overlaid = catalog.components.iter().filter(|(_, component)| component.overlaid);
        names.extend(overlaid.map(|(name, _)| name.clone()));
    }
    let mut findings = lint(&catalog, &names, &|component, answers| render::sample(&catalog, component, answers))?;
    findings.iter_mut().for_each(|finding| finding.problem.address(&context.ui.addressing));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if context.ui.json {
        context.ui.document(&findings)?;
    } else {
        for (index, finding) in findings.iter().enumerate() {
            if index > 0 {
                context.ui.raw(b"\n")?;
            }
            context.ui.finding(&finding.problem, finding.severity == Severity::Warning)?;
        }
    }
    let checked = if names.is_empty() { catalog.components.len() } else { names.len() };
    let warnings = findings.len() - errors;
    context.ui.say(&format!(
        "{} checked: {}, {}.",
        count(checked, "component"),
        count(errors, "error"),
        count(warnings, "warning")
    ));
    Ok(if errors > 0 { Exit::Error } else { Exit::Done })
}
