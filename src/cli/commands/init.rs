mod closing;
mod terminal;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::catalog::Catalog;
use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::docker;
use crate::error::{Error, Exit};
use crate::input;
use crate::spec::{self, Spec};
use crate::ui::human::{count, hanging};
use crate::wizard::{self, Answers, HOST, Scripted, Surroundings, WHERE};
use crate::yaml::emit::emit;
use closing::Closing;
use terminal::Terminal;

/// Ask a few questions, write `watchpost.yaml`, and offer to deploy it
///
/// Enter takes the default, and the Up key fetches it for editing. In a text, `<` goes back and `?` explains; in a list,
/// Esc or its last entries do. Ctrl-C leaves with nothing written. Without a terminal the same answers come from a file,
/// or are the defaults.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost init                            at a terminal
  watchpost init --defaults                 without questions
  watchpost init --answers answers.yaml     from answers; `-` reads them from the input
  watchpost init --save answers.yaml        keeps the answers, to do the same elsewhere")]
pub struct Args {
    /// Read the answers from this YAML file; a missing one takes its default
    #[arg(long, value_name = "FILE", conflicts_with = "defaults")]
    answers: Option<PathBuf>,
    /// Use every default
    #[arg(long)]
    defaults: bool,
    /// Write the answers to this file as well
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Replace an existing spec
    #[arg(long)]
    force: bool,
}

const GREETING: &str = "Let's put monitoring on a Docker host.\n\
    Enter takes the default, Up edits it, < goes back, ? explains.";

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let path = context.global.file.clone().unwrap_or_else(|| PathBuf::from("watchpost.yaml"));
    let catalog = context.catalog(None)?;
    let scripted = args.answers.is_some() || args.defaults;
    if !scripted && !context.ui.interactive {
        bail!(
            Error::usage("`init` asks questions, which needs a terminal")
                .hint("pass `--defaults` to use every default, or `--answers FILE` to read the answers from a file")
        );
    }
    let occupied = path.exists() && !args.force;
    if occupied && scripted {
        bail!(
            Error::new(format!("`{}` exists", path.display()))
                .hint("`--force` replaces it; `-f FILE` writes to another")
        );
    }
    let around = Surroundings {
        overwrites: (occupied && !scripted).then(|| path.display().to_string()),
        placed: context.global.host.is_some(),
        ..Surroundings::default()
    };
    let answers = match scripted {
        true => Some(from_script(args, &catalog, &around)?),
        false => at_terminal(context, &catalog, around)?,
    };
    let Some(answers) = answers else {
        let kept = if occupied { "; `-f FILE` writes to another file" } else { "" };
        context.ui.say(&format!("Nothing was written{kept}."));
        return Ok(Exit::Done);
    };
    let spec = complete(wizard::spec(&catalog, &answers)?, context, &path)?;
    let text = spec::write(&spec)?;
    // What is written can be deployed: the same checks as `up` makes.
    let read = spec::read(&path.display().to_string(), &text)?;
    crate::render::render(&crate::spec::resolve(&read, &catalog, Default::default())?)?;
    write_whole(&path, &text)?;
    if let Some(save) = &args.save {
        write_whole(save, &emit(&answers.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))?;
    }
    let replaced = args.force || answers.contains_key(wizard::OVERWRITE);
    let closing = Closing { context, args, catalog: &catalog, path: &path, spec: &spec, answers: &answers, replaced };
    closing.summarize(&text)?;
    closing.offer(scripted)
}

/// What the flags say goes into the spec as well, so that `up` needs none of them.
fn complete(mut spec: Spec, context: &Context, path: &Path) -> Result<Spec> {
    let global = &context.global;
    spec.name = global.name.clone().unwrap_or(spec.name);
    spec.host = global.host.clone().or(spec.host);
    spec.catalog = match global.catalog.as_slice() {
        [] => None,
        [folder] => Some(from_folder_of(path, folder)?.display().to_string()),
        _ => {
            bail!(
                Error::usage("a spec names one folder with `catalog:`, and several were given")
                    .hint("put the components into one folder, or give one `--catalog` here and the others to `up`")
            );
        }
    };
    Ok(spec)
}

/// A path as the spec has it: relative to the spec's own folder.
fn from_folder_of(spec: &Path, path: &Path) -> Result<PathBuf> {
    let beside = spec.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder == Path::new("."));
    if beside || path.is_absolute() {
        return Ok(path.to_owned());
    }
    std::path::absolute(path).with_context(|| format!("cannot find `{}`", path.display()))
}

fn from_script(args: &Args, catalog: &Catalog, around: &Surroundings) -> Result<Answers> {
    let mut asker = match &args.answers {
        None => Scripted::defaults(),
        Some(path) => {
            let (name, text) = read_answers(path)?;
            Scripted::read(&name, &text)?
        }
    };
    let answers = wizard::run(&mut asker, catalog, around)?.unwrap_or_default();
    asker.finish(if around.placed { &[WHERE, HOST] } else { &[] })?;
    Ok(answers)
}

fn read_answers(path: &Path) -> Result<(String, String)> {
    let unreadable = || format!("cannot read the answers `{}`", path.display());
    if path == Path::new("-") {
        let text = input::bytes_of(std::io::stdin(), input::SPEC).and_then(input::decoded).with_context(unreadable)?;
        return Ok(("the input".into(), text));
    }
    Ok((path.display().to_string(), input::text(path, input::SPEC).with_context(unreadable)?))
}

fn at_terminal(context: &Context, catalog: &Catalog, mut around: Surroundings) -> Result<Option<Answers>> {
    let width = console::Term::stderr().size_checked().map(|(_, columns)| columns.into());
    context.ui.say(&format!("{}\n", hanging(GREETING, 0, width)));
    around.docker = block_on(or_interrupt(async { Ok(describe(context).await) }))?;
    Ok(wizard::run(&mut Terminal::new(context.ui.unicode), catalog, &around)?)
}

/// `Docker 28.5, 24 containers`, when a daemon answers.
async fn describe(context: &Context) -> Option<String> {
    let client = session::connect(context.global.host.as_deref()).await.ok()?;
    let containers = docker::running(&client).await?;
    Some(format!("Docker {}, {}", client.engine.version, count(containers, "container")))
}

/// All or nothing: a file of the same folder is renamed into place.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    let written = std::fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.and_then(|()| std::fs::rename(&draft, path)).with_context(|| format!("cannot write `{}`", path.display()))
}
