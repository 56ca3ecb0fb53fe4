mod accept;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::catalog::Catalog;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::{files, session};
use crate::cli::{block_on, or_interrupt};
use crate::deployed::Stack;
use crate::docker;
use crate::error::{Error, Exit};
use crate::render::Bundle;
use crate::report::baseline::Baseline;
use crate::spec::Accept;
use crate::ui::progress::Progress;
use crate::ui::proof::render;
use crate::verify::{self, Link, Options, Report, Verdict};
use accept::Wanted;

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
  watchpost verify --baseline proof.json          only what is new since that report fails
  watchpost verify --accept 'node_hwmon_*' --because 'no sensors here'

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
    /// Fail only for what is not broken in this report of `verify -o json` too
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Accept what is broken, or what of it has this subject, file or metric: writes entries of `accept` into the spec
    #[arg(long, value_name = "PATTERN", num_args = 0..=1, default_missing_value = "*", requires = "because",
        conflicts_with = "baseline")]
    accept: Option<String>,
    /// Say why it is accepted
    #[arg(long, value_name = "TEXT", requires = "accept")]
    because: Option<String>,
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
    let because = args.because.as_deref().unwrap_or_default();
    let wanted = args.accept.as_ref().map(|pattern| Wanted::new(context, pattern, because)).transpose()?;
    let baseline = baseline(args)?;
    let subject = Subject::load(context, &args.choice)?;
    let client = session::connect(subject.host.as_deref()).await?;
    let observed = docker::observe(&client, &subject.name, None).await?;
    let stack = Stack::read(&client, &subject.name, &observed).await?;
    let links = links(args);
    if links.is_empty() {
        bail!(Error::usage("no link is left to check").hint("remove one from `--skip`"));
    }
    let (patience, accept) = (context.global.timeout, subject.accept);
    let options = Options { links, deliver: args.deliver, patience, accept, deployed: false };
    let mut report = prove(context, &stack, &subject.catalog, subject.bundle.as_ref(), &options).await;
    if let Some((name, baseline)) = &baseline {
        report.compare(baseline, name);
    }
    if let Some(path) = &args.junit {
        let written = std::fs::write(path, verify::report::junit::junit(&report));
        written.with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let exit = show(context, &report)?;
    let Some(wanted) = wanted else { return Ok(exit) };
    wanted.carry_out(context, &mut report).await?;
    Ok(exit_of(&report))
}

/// The earlier report, with its file's name.
fn baseline(args: &Args) -> Result<Option<(String, Baseline)>> {
    let Some(path) = &args.baseline else { return Ok(None) };
    let name = path.display().to_string();
    let text = files::read_text(path)?;
    let baseline = Baseline::read(&name, &text)?;
    Ok(Some((name, baseline)))
}

/// Which stack is proved, and what is known of it here.
pub struct Subject {
    pub name: String,
    pub host: Option<String>,
    pub catalog: Catalog,
    /// What the spec renders to; without a spec, what runs is held against its own labels.
    pub bundle: Option<Bundle>,
    pub accept: Vec<Accept>,
}

impl Subject {
    pub fn load(context: &Context, choice: &Choice) -> Result<Self> {
        let (name, host) = context.stack()?;
        let has_spec = context.spec_path().is_some() || choice.stack.is_some();
        let prepared = if has_spec { Some(context.prepare(choice)?) } else { None };
        let spec = if context.spec_path().is_some() { Some(context.spec(choice)?) } else { None };
        let catalog = context.catalog(spec.as_ref())?;
        let accept = spec.map(|spec| spec.accept).unwrap_or_default();
        Ok(Self { name, host, catalog, bundle: prepared.map(|prepared| prepared.bundle), accept })
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
    Ok(exit_of(report))
}

fn exit_of(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Broken => Exit::ProofFailed,
        // Nobody may take it for a success.
        Verdict::NotChecked => Exit::Error,
        _ => Exit::Done,
    }
}
