use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cli::commands::dashboards::around;
use crate::cli::shared::context::Context;
use crate::cli::shared::files;
use crate::cli::{block_on, or_interrupt};
use crate::dashboard::lint;
use crate::error::{Error, Exit, Severity};
use crate::input;
use crate::ui::human::count;

/// Check dashboards before Grafana gets them
///
/// Errors are what Grafana rejects or shows empty: unresolved inputs, missing data sources, a uid or title twice in a folder,
/// bare schema v2, rates over less than two scrapes. Warnings are missing units, counters without a rate, metrics that no target
/// has. Prometheus is asked about queries that our parser cannot read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost dashboards lint                    all that the spec lists
  watchpost dashboards lint new.json --offline

With -o json: [{severity, panel, message, file, line, column, hint}]

Exit status: 1 when something must be fixed; warnings alone are 0.")]
pub struct Args {
    /// Check these files or folders [default: those under the spec's `dashboards:`]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Do not ask the host which metrics and data sources exist
    #[arg(long)]
    offline: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(check(args, context)))
}

async fn check(args: &Args, context: &Context) -> Result<Exit> {
    let dashboards = read(args, context)?;
    let texts: Vec<&str> = dashboards.iter().map(|(_, text)| text.as_str()).collect();
    let (around, why_not) = around::surroundings(context, &texts, args.offline).await?;
    let mut findings = lint::twins(dashboards.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    findings.extend(dashboards.iter().flat_map(|(name, text)| lint::lint(name, text, &around)));
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
    let warnings = findings.len() - errors;
    let checked = count(dashboards.len(), "dashboard");
    context.ui.say(&format!("{checked} checked: {}, {}.", count(errors, "error"), count(warnings, "warning")));
    if let Some(why) = why_not {
        context.ui.say(&format!("Metrics were not compared with the host: {why}."));
    }
    Ok(if errors > 0 { Exit::Error } else { Exit::Done })
}

/// Names and texts.
fn read(args: &Args, context: &Context) -> Result<Vec<(String, String)>> {
    if args.files.is_empty() {
        let own = around::own_dashboards(context)?;
        if own.is_empty() {
            bail!(Error::usage("nothing to check: the spec lists no dashboards").hint("name files to check"));
        }
        return Ok(own.into_iter().map(|file| (files::readable(&file.path), file.text)).collect());
    }
    let mut found = Vec::new();
    for path in &args.files {
        let paths = if path.is_dir() { files::json_files(path, ".") } else { vec![path.clone()] };
        for path in paths {
            found.push((files::readable(&path), read_text(&path)?));
        }
    }
    Ok(found)
}

fn read_text(path: &Path) -> Result<String> {
    input::text(path, input::CONTENT).map_err(|error| {
        Error::new(format!("cannot read `{}`", path.display())).cause(error).hint("check the path").into()
    })
}
