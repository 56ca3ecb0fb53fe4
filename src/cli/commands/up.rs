use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;

use crate::cli::commands::verify;
use crate::cli::shared::context::{Choice, Context, Prepared};
use crate::cli::shared::session::{self, Draft};
use crate::cli::{block_on, or_interrupt};
use crate::compose::values::Port;
use crate::compose::{Secret, SecretExtension};
use crate::deployed::Stack;
use crate::docker::{self, Client, Job};
use crate::error::{Error, Exit};
use crate::plan::operation::Action;
use crate::ui::changes::{self, Detail};
use crate::ui::human::count;
use crate::ui::progress::Progress;
use crate::ui::proof;
use crate::ui::table::Table;
use crate::units::format_took;
use crate::verify::{Link, Options, Report, Verdict};

/// Deploy the stack, or update a deployed one to match the spec
///
/// Shows what it would change and asks. Then it pulls images first, changes only what differs, and waits until every
/// service is ready and stays ready. If a changed service fails, the previous one is restored. At the end it verifies that
/// the whole works, as `watchpost verify` does; a broken link is exit status 6.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost up                                      what ./watchpost.yaml says
  watchpost up --stack standard --yes               without a spec, from the stack's defaults
  watchpost up --stack standard --without grafana   without one of its components
  watchpost up --set prometheus.retention=30d       with one answer changed")]
pub struct Args {
    #[command(flatten)]
    pub choice: Choice,
    /// Skip the proof at the end
    #[arg(long)]
    pub no_verify: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(deploy(&args.choice, !args.no_verify, context))
}

/// Deploys, and proves at the end when `verify` is given. Exit 6: deployed, and a link is broken.
pub async fn deploy(choice: &Choice, verify: bool, context: &Context) -> Result<Exit> {
    let began = Instant::now();
    let prepared = context.prepare(choice)?;
    prepared.say(&context.ui);
    let agreed = or_interrupt(async {
        let client = session::connect(prepared.host.as_deref()).await?;
        session::caution(context, &client, &prepared).await;
        let draft = session::draft(&client, &prepared).await?;
        let agreed = agree(context, &prepared, &client, &draft).await?;
        Ok((client, draft, agreed))
    });
    let (client, draft, agreed) = agreed.await?;
    let pages = pages(context, &prepared, &client);
    if draft.plan.operations.is_empty() {
        let report = or_interrupt(prove(context, choice, &prepared, &client, verify)).await?;
        return nothing_to_do(context, &prepared, &draft, &pages, report.as_ref());
    }
    if !agreed {
        context.ui.say("Nothing was changed.");
        return Ok(Exit::Done);
    }
    if context.ui.interactive && !context.global.yes {
        or_interrupt(unmoved(&client, &prepared, &draft)).await?;
    }
    apply(context, &prepared, &client, &draft).await?;
    let report = or_interrupt(prove(context, choice, &prepared, &client, verify)).await?;
    finished(context, &draft, &pages, began, report.as_ref())
}

/// The answer may have taken long: the plan that was agreed to must still be the plan.
async fn unmoved(client: &Client, prepared: &Prepared, agreed: &Draft) -> Result<()> {
    if session::draft(client, prepared).await?.plan == agreed.plan {
        return Ok(());
    }
    bail!(
        Error::new("the Docker host changed while waiting for your answer; nothing was done")
            .hint("run `watchpost up` again to see the new plan")
    )
}

/// The proof of what is deployed by now.
async fn prove(
    context: &Context,
    choice: &Choice,
    prepared: &Prepared,
    client: &Client,
    wanted: bool,
) -> Result<Option<Report>> {
    if !wanted {
        return Ok(None);
    }
    let name = &prepared.bundle.compose.name;
    let observed = docker::observe(client, name, None).await?;
    let stack = Stack::read(client, name, &observed).await?;
    let spec = context.spec(choice)?;
    let catalog = context.catalog(Some(&spec))?;
    let patience = context.global.timeout;
    let accept = spec.accept;
    let options = Options { links: Link::ALL.to_vec(), deliver: false, patience, accept, deployed: true };
    Ok(Some(verify::prove(context, &stack, &catalog, Some(&prepared.bundle), &options).await))
}

/// What the exit status says of the proof.
fn proven(report: Option<&Report>) -> Exit {
    if report.is_some_and(Report::is_broken) { Exit::ProofFailed } else { Exit::Done }
}

/// Shows the plan and asks. Without a question to ask, agreed is what `--yes` or the missing terminal says.
async fn agree(context: &Context, prepared: &Prepared, client: &Client, draft: &Draft) -> Result<bool> {
    let plan = &draft.plan;
    if plan.operations.is_empty() {
        return Ok(true);
    }
    if !context.ui.json {
        context.ui.say(&format!("{}\n", heading(prepared, client)));
        let detail = if context.global.verbose { Detail::Full } else { Detail::Lines };
        context.ui.say(&format!("{}\n", changes::render(plan, prepared.bundle.files.len(), detail, context.ui.width)));
    }
    if context.global.yes {
        return Ok(true);
    }
    let question = match changes::is_first(plan) {
        true => format!("Deploy to {}?", place(client)),
        false => format!("Change this on {}?", place(client)),
    };
    Ok(context.ui.confirm(&question, true, "--yes").await?)
}

fn place(client: &Client) -> String {
    if client.engine.local { "the local Docker host".into() } else { client.engine.name.clone() }
}

/// `monitoring · stack standard · local Docker 28.5.1`
pub fn heading(prepared: &Prepared, client: &Client) -> String {
    let engine = &client.engine;
    let host = if engine.local {
        format!("local Docker {}", engine.version)
    } else {
        format!("{} · Docker {}", engine.name, engine.version)
    };
    format!("{} · stack {} · {host}", prepared.bundle.compose.name, prepared.stack)
}

async fn apply(context: &Context, prepared: &Prepared, client: &Client, draft: &Draft) -> Result<()> {
    let job = Job {
        plan: &draft.plan,
        bundle: &prepared.bundle,
        fingerprints: &draft.fingerprints,
        secrets: &draft.secrets,
        fingerprint_key: &draft.fingerprint_key,
        timeout: context.global.timeout,
    };
    let services = draft.plan.operations.iter().filter_map(|operation| match &operation.action {
        Action::Create { service }
        | Action::Recreate { service, .. }
        | Action::Start { service, .. }
        | Action::Remove { service, .. } => Some(service.as_str()),
        _ => None,
    });
    let progress = Progress::new(&context.ui, services);
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(docker::apply(client, &job, &|event| progress.event(event), interrupted).await?)
}

fn nothing_to_do(
    context: &Context,
    prepared: &Prepared,
    draft: &Draft,
    pages: &[PageAddress],
    report: Option<&Report>,
) -> Result<Exit> {
    if context.ui.json {
        return done(context, draft, pages, report);
    }
    let services = count(draft.plan.unchanged.len(), "service");
    let name = &prepared.bundle.compose.name;
    match report {
        None => context.ui.say(&format!("{name} · nothing to do, {services} ready.")),
        Some(report) if report.is_broken() => {
            context.ui.say(&format!("{name} · nothing to do, {services} ready; the proof is broken:\n"));
            context.ui.say(&proof::to_fix(report, context.ui.width));
        }
        Some(report) if report.verdict == Verdict::Warning => {
            context.ui.say(&format!("{name} · nothing to do, {services} ready:\n"));
            context.ui.say(&proof::to_fix(report, context.ui.width));
        }
        Some(report) if proof::is_green(report) => {
            let unchecked = proof::unchecked(report);
            let rest = if unchecked.is_empty() { String::new() } else { format!("; {unchecked}") };
            context.ui.say(&format!("{name} · nothing to do, {services} ready, proof green{rest}."));
        }
        Some(report) => context.ui.say(&format!("{name} · nothing to do, {services} ready. {}.", proof::holds(report))),
    }
    Ok(proven(report))
}

fn done(context: &Context, draft: &Draft, pages: &[PageAddress], report: Option<&Report>) -> Result<Exit> {
    let (changed, unchanged) = (draft.plan.operations.len(), draft.plan.unchanged.len());
    context.ui.json_line(
        &json!({"event": "done", "changed": changed, "unchanged": unchanged, "pages": pages, "proof": report}),
    )?;
    Ok(proven(report))
}

fn finished(
    context: &Context,
    draft: &Draft,
    pages: &[PageAddress],
    began: Instant,
    report: Option<&Report>,
) -> Result<Exit> {
    if context.ui.json {
        return done(context, draft, pages, report);
    }
    if let Some(report) = report {
        context.ui.say(&format!("\n  proof   {}", proof::short(report)));
    }
    let mut table = Table::new([]);
    for page in pages {
        table.row([page.title.as_str().into(), page.address.as_str().into(), page.note.as_str().into()]);
    }
    let lines: String = table.render(None).lines().map(|line| format!("  {}\n", line.trim_end())).collect();
    if !pages.is_empty() {
        context.ui.say(&format!("\n{}", lines.trim_end()));
    }
    context.ui.say(&format!("\nDeployed in {}.", format_took(began.elapsed())));
    match report {
        Some(report) if report.is_broken() => context
            .ui
            .say(&format!("\nDeployed, but verification failed:\n\n{}", proof::to_fix(report, context.ui.width))),
        Some(report) if report.verdict == Verdict::Warning => {
            context.ui.say(&format!("\n{}", proof::to_fix(report, context.ui.width)));
        }
        Some(report) if !proof::unchecked(report).is_empty() => {
            context.ui.say(&format!("{}.", capital(&proof::unchecked(report))));
        }
        _ => {}
    }
    Ok(proven(report))
}

/// As the beginning of a sentence.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A page to open, and what one must know to get in.
#[derive(Debug, serde::Serialize)]
struct PageAddress {
    title: String,
    address: String,
    note: String,
}

fn pages(context: &Context, prepared: &Prepared, client: &Client) -> Vec<PageAddress> {
    let mut pages = Vec::new();
    for service in prepared.bundle.compose.services.values() {
        let Some(extension) = &service.extension else { continue };
        let Some(page) = &extension.page else { continue };
        let ports = service.ports.iter().filter_map(|text| Port::parse(text).ok());
        for port in ports.filter(|port| port.container == page.port) {
            pages.push(PageAddress {
                title: extension.title.clone(),
                address: format!("http://{}:{}{}", client.engine.openable(&port.ip), port.host, page.path),
                note: noted(page.note.as_deref().unwrap_or_default(), &prepared.bundle.compose.secrets, context),
            });
        }
    }
    // Grafana first: it is what people open.
    pages.sort_by_key(|page| page.note.is_empty());
    pages
}

/// A page's note. A command of ours stands at its end, and needs the flags that lead to this stack.
fn noted(note: &str, secrets: &BTreeMap<String, Secret>, context: &Context) -> String {
    let note = with_source(note, secrets);
    if note.contains("watchpost ") { format!("{note}{}", context.same_stack()) } else { note }
}

/// `secrets show` shows what was generated; of any other secret, a note says where its value is.
fn with_source(note: &str, secrets: &BTreeMap<String, Secret>) -> String {
    let asked = note.split_once("watchpost ");
    let of_secret = |(before, command): (&str, &str)| {
        Some((before.to_owned(), secrets.get(command.strip_prefix("secrets show ")?)?))
    };
    let Some((before, secret)) = asked.and_then(of_secret) else {
        return note.to_owned();
    };
    match secret {
        Secret { extension: Some(SecretExtension { generate: Some(_), .. }), .. } => note.to_owned(),
        Secret { environment: Some(variable), .. } => format!("{before}in the variable {variable}"),
        Secret { file: Some(file), .. } => format!("{before}in the file {file}"),
        _ => format!("{before}as the command in the spec prints it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_generated_secret_is_shown_by_secrets_show() {
        let generated = SecretExtension { generate: Some(24), ..SecretExtension::default() };
        let command = SecretExtension { command: vec!["pass".into()], ..SecretExtension::default() };
        let secrets = BTreeMap::from([
            ("made".to_owned(), Secret { extension: Some(generated), ..Secret::default() }),
            ("env".to_owned(), Secret { environment: Some("ADMIN".into()), ..Secret::default() }),
            ("file".to_owned(), Secret { file: Some("./admin".into()), ..Secret::default() }),
            ("command".to_owned(), Secret { extension: Some(command), ..Secret::default() }),
        ]);
        let note = |name: &str| with_source(&format!("password: watchpost secrets show {name}"), &secrets);
        assert_eq!(note("made"), "password: watchpost secrets show made");
        assert_eq!(note("env"), "password: in the variable ADMIN");
        assert_eq!(note("file"), "password: in the file ./admin");
        assert_eq!(note("command"), "password: as the command in the spec prints it");
        assert_eq!(with_source("user admin", &secrets), "user admin");
    }
}
