use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::catalog::Catalog;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::deployed::Stack;
use crate::docker;
use crate::error::{Error, Exit};
use crate::render::Bundle;
use crate::ui::progress::Progress;
use crate::ui::proof::render;
use crate::verify::{self, Link, Options, Report, Verdict};

/// Verify that the monitoring works, link by link
///
/// Checks containers, targets, rules, alerting, delivery and dashboards. Each failure is shown with its cause and with the
/// command or setting that fixes it. Delivery sends a test alert to every receiver, and so
/// only with `--deliver`. Nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost verify
  watchpost verify --deliver                      test alerts to every receiver as well
  watchpost verify --only targets,rules
  watchpost verify -o json | jq .verdict          its shape: watchpost schema proof
  watchpost verify --junit proof.xml              for CI

Exit status 6: a link is broken; 1: nothing could be checked.")]
pub struct Args {
    /// Check only these links, separated by commas
    #[arg(long, value_name = "LINKS", value_delimiter = ',', conflicts_with = "skip", value_parser = links_parser())]
    only: Vec<Link>,
    /// Check all links but these
    #[arg(long, value_name = "LINKS", value_delimiter = ',', value_parser = links_parser())]
    skip: Vec<Link>,
    /// Send a test alert to every receiver, and follow its delivery
    #[arg(long)]
    deliver: bool,
    /// Write the result as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    pub choice: Choice,
}

/// A link by its name; completions know them all.
fn links_parser() -> impl TypedValueParser<Value = Link> {
    let link = |name: String| Link::ALL.into_iter().find(|link| link.name() == name).ok_or("not a link of the proof");
    PossibleValuesParser::new(Link::ALL.map(Link::name)).try_map(link)
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(verify(args, context)))
}

async fn verify(args: &Args, context: &Context) -> Result<Exit> {
    let subject = Subject::load(context, &args.choice)?;
    let client = session::connect(subject.host.as_deref()).await?;
    let observed = docker::observe(&client, &subject.name, None).await?;
    let stack = Stack::new(&client, &subject.name, &observed)?;
    let links = links(args);
    if links.is_empty() {
        bail!(Error::usage("no link is left to check").hint("remove one from `--skip`"));
    }
    let options = Options { links, deliver: args.deliver, patience: context.global.timeout };
    let report = prove(context, &stack, &subject.catalog, subject.bundle.as_ref(), &options).await;
    if let Some(path) = &args.junit {
        let written = std::fs::write(path, verify::report::junit::junit(&report));
        written.with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    show(context, &report)
}

/// Which stack is proved, and what is known of it here.
pub struct Subject {
    pub name: String,
    pub host: Option<String>,
    pub catalog: Catalog,
    /// What the spec renders to; without a spec, what runs is held against its own labels.
    pub bundle: Option<Bundle>,
}

impl Subject {
    pub fn load(context: &Context, choice: &Choice) -> Result<Self> {
        let (name, host) = context.stack()?;
        let has_spec = context.spec_path().is_some() || choice.stack.is_some();
        let prepared = if has_spec { Some(context.prepare(choice)?) } else { None };
        let spec = if context.spec_path().is_some() { Some(context.spec(choice)?) } else { None };
        let catalog = context.catalog(spec.as_ref())?;
        Ok(Self { name, host, catalog, bundle: prepared.map(|prepared| prepared.bundle) })
    }
}

fn links(args: &Args) -> Vec<Link> {
    let wanted = |link: &Link| (args.only.is_empty() || args.only.contains(link)) && !args.skip.contains(link);
    Link::ALL.into_iter().filter(wanted).collect()
}

/// Proves with a line that tells what is waited for.
pub async fn prove(
    context: &Context,
    stack: &Stack,
    catalog: &Catalog,
    bundle: Option<&Bundle>,
    options: &Options,
) -> Report {
    let progress = Progress::new(&context.ui, ["proof"]);
    let narrate = |event| {
        // The document is the whole of the output in JSON.
        if !context.ui.json {
            progress.event(event);
        }
    };
    let mut report = verify::prove(stack, catalog, bundle, options, &narrate).await;
    report.address(&context.addressing_on(&stack.client));
    progress.finish();
    report
}

/// The report on stdout, and its exit status. With `-q` only what is broken is said.
pub fn show(context: &Context, report: &Report) -> Result<Exit> {
    if context.ui.json {
        context.ui.document(report)?;
    } else if report.is_broken() || !context.global.quiet {
        let verbose = context.global.verbose;
        context.ui.data(&render(report, verbose, context.ui.width))?;
    }
    Ok(match report.verdict {
        Verdict::Broken => Exit::ProofFailed,
        // Nobody may take it for a success.
        Verdict::NotChecked => Exit::Error,
        _ => Exit::Done,
    })
}
