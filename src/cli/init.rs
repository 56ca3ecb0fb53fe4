use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::context::{Choice, Context};
use super::{block_on, or_interrupt, session, up};
use crate::catalog::Catalog;
use crate::docker;
use crate::error::{Error, Exit, Result};
use crate::spec;
use crate::ui::human::count;
use crate::ui::style::{DIM, STRONG, paint};
use crate::wizard::{self, Answers, Scripted, Surroundings, Terminal};
use crate::yaml::emit::emit;

/// Ask a few questions, write `watchpost.yaml`, and offer to deploy it
///
/// Enter takes the default, Esc goes back, `?` explains, Ctrl-C leaves with nothing written. Without a terminal the same
/// answers come from a file, or are the defaults.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost init                            at a terminal
  watchpost init --defaults                 without questions
  watchpost init --answers answers.yaml     from answers; `-` reads them from the input
  watchpost init --save answers.yaml        keeps the answers, to do the same elsewhere")]
pub struct Args {
    /// Answers by question, as YAML; what is left out takes its default
    #[arg(long, value_name = "FILE", conflicts_with = "defaults")]
    answers: Option<PathBuf>,
    /// Take every default
    #[arg(long)]
    defaults: bool,
    /// Write the answers to this file as well
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Replace a spec that is there already
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let path = context.global.file.clone().unwrap_or_else(|| PathBuf::from("watchpost.yaml"));
    let catalog = context.catalog(None)?;
    let scripted = args.answers.is_some() || args.defaults;
    if !scripted && !context.ui.interactive {
        return Err(Error::usage("`init` asks questions, and there is no terminal to ask on")
            .hint("`--defaults` takes every default; `--answers FILE` reads the answers from a file"));
    }
    let occupied = path.exists() && !args.force;
    if occupied && scripted {
        return Err(Error::new(format!("`{}` is there already", path.display()))
            .hint("`--force` replaces it; `-f FILE` writes to another"));
    }
    let answers = match scripted {
        true => from_script(args, &catalog)?,
        false => at_terminal(context, &catalog, occupied.then(|| path.display().to_string()))?,
    };
    let mut spec = wizard::spec(&catalog, &answers)?;
    spec.name = context.global.name.clone().unwrap_or(spec.name);
    let text = spec::write(&spec)?;
    // What is written can be deployed: the same checks as `up` makes.
    crate::render::resolve(&spec::read(&path.display().to_string(), &text)?, &catalog, Default::default())?;
    write_whole(&path, &text)?;
    if let Some(save) = &args.save {
        write_whole(save, &emit(&answers.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))?;
    }
    summarize(context, args, &catalog, &path, &text, &answers)?;
    offer(context, &path, scripted)
}

fn from_script(args: &Args, catalog: &Catalog) -> Result<Answers> {
    let mut asker = match &args.answers {
        None => Scripted::defaults(),
        Some(path) => {
            let (name, text) = read_answers(path)?;
            Scripted::read(&name, &text)?
        }
    };
    let answers = wizard::run(&mut asker, catalog, &Surroundings::default())?;
    asker.finish()?;
    Ok(answers)
}

fn read_answers(path: &Path) -> Result<(String, String)> {
    let unreadable = |error| Error::new(format!("cannot read the answers `{}`", path.display())).cause(error);
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        return Ok(("the input".into(), text));
    }
    Ok((path.display().to_string(), std::fs::read_to_string(path).map_err(unreadable)?))
}

fn at_terminal(context: &Context, catalog: &Catalog, overwrites: Option<String>) -> Result<Answers> {
    let mut terminal = Terminal::new();
    terminal.say("Let's put monitoring on a Docker host. Enter takes the default, Esc goes back, ? explains.\n")?;
    let docker = block_on(or_interrupt(async { Ok(describe(context).await) }))?;
    wizard::run(&mut terminal, catalog, &Surroundings { docker, overwrites })
}

/// `Docker 28.5, 24 containers`, when a daemon answers.
async fn describe(context: &Context) -> Option<String> {
    let client = session::connect(context.global.host.as_deref()).await.ok()?;
    let containers = docker::running(&client).await?;
    Some(format!("Docker {}, {}", client.engine.version, count(containers, "container")))
}

/// All or nothing: a file of the same folder is renamed into place.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(format!("cannot write `{}`", path.display())).cause(error);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    let written = std::fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.and_then(|()| std::fs::rename(&draft, path)).map_err(failed)
}

fn summarize(
    context: &Context,
    args: &Args,
    catalog: &Catalog,
    path: &Path,
    text: &str,
    answers: &Answers,
) -> Result<()> {
    let ui = &context.ui;
    let body: String = text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("    {line}\n")).collect();
    ui.say(&format!("\nWrote {} ({}).", paint(STRONG, path.display()), count(text.lines().count(), "line")));
    ui.say(&paint(DIM, body.trim_end()));
    let needed: Vec<&str> = answers
        .iter()
        .filter(|(key, _)| key.starts_with("alerts.") && text.contains("secrets:"))
        .filter_map(|(_, value)| value.as_str())
        .filter(|source| text.contains(&format!("env: {source}\n")))
        .collect();
    if !needed.is_empty() {
        ui.say(&format!("Set before you deploy: {}", needed.join(", ")));
    }
    let again = match (&args.answers, &args.save) {
        (Some(file), _) => format!("watchpost init --answers {}", file.display()),
        (None, Some(file)) => format!("watchpost init --answers {}", file.display()),
        (None, None) => one_line(catalog, answers)?,
    };
    ui.say(&format!("The same again without questions:\n  {again}"));
    Ok(())
}

/// What was answered otherwise than by default, as a command that can be pasted into a shell.
fn one_line(catalog: &Catalog, answers: &Answers) -> Result<String> {
    let defaults = wizard::run(&mut Scripted::defaults(), catalog, &Surroundings::default())?;
    let said: Vec<String> = answers
        .iter()
        .filter(|(key, value)| {
            key.as_str() != wizard::OVERWRITE && defaults.get(*key) != Some(value) && value.as_str() != Some("")
        })
        .map(|(key, value)| format!("{key}: {}", emit(value).trim_end()))
        .collect();
    if said.is_empty() {
        return Ok("watchpost init --defaults".into());
    }
    Ok(format!("echo '{{{}}}' | watchpost init --answers -", said.join(", ").replace('\'', r"'\''")))
}

fn offer(context: &Context, path: &Path, scripted: bool) -> Result<Exit> {
    if scripted || !context.ui.interactive {
        context.ui.say(&format!(
            "Deploy it with: watchpost up{}",
            if path == Path::new("watchpost.yaml") { String::new() } else { format!(" -f {}", path.display()) }
        ));
        return Ok(Exit::Done);
    }
    let deploy = block_on(or_interrupt(context.ui.confirm("Deploy now?", true, "--yes")))?;
    if !deploy {
        context.ui.say("Deploy it with: watchpost up");
        return Ok(Exit::Done);
    }
    let mut global = context.global.clone();
    global.file = Some(path.to_owned());
    global.yes = true;
    let context = Context { ui: context.ui.clone(), global };
    block_on(up::deploy(&Choice::default(), true, &context))
}
