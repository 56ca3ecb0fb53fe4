mod list;
mod route;
mod simulate;
mod test;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::clients::api::ApiError;
use crate::deployed::Stack;
use crate::error::{Error, Exit, did_you_mean};
use crate::routing::{Labels, Tree};
use crate::verify::links::delivery;
use crate::verify::report::{Checked, Link};

/// See the alerts, whom they reach, and whether messages arrive
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Route(route::Args),
    Test(test::Args),
    Simulate(simulate::Args),
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(async {
        let (client, name, observed) = session::look(context).await?;
        let stack = Stack::new(&client, &name, &observed)?;
        match &args.command {
            Command::List(args) => list::run(args, context, &stack).await,
            Command::Route(args) => route::run(args, context, &stack).await,
            Command::Test(args) => test::run(args, context, &stack).await,
            Command::Simulate(args) => simulate::run(args, context, &stack).await,
        }
    }))
}

/// Prometheus or Alertmanager did not answer as asked.
fn refused(service: &str, refusal: &ApiError) -> Error {
    Error::new(format!("cannot ask `{service}`")).cause(refusal).hint("`watchpost verify` tells what is broken")
}

fn absent(service: &str) -> Error {
    Error::new(format!("`{service}` does not run"))
        .hint("`watchpost status` shows the services; `watchpost up` starts them")
}

/// The routes that Alertmanager has in force.
async fn tree(stack: &Stack) -> Result<Tree> {
    Ok(delivery::tree(stack, Link::Delivery).await.map_err(|checked| told(&checked))?)
}

/// Why a link cannot be looked at, as an error.
fn told(checked: &Checked) -> Error {
    let Some(finding) = checked.findings.first() else { return Error::new("cannot ask Alertmanager") };
    let error = Error::new(format!("cannot ask `{}`: {}", finding.subject, finding.what));
    let error = finding.why.iter().fold(error, Error::cause);
    match &finding.fix {
        Some(fix) => error.hint(format!("`{fix}`")),
        None => error,
    }
}

/// `severity=critical`, as an argument.
fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((label, value)) if !label.trim().is_empty() => {
            Ok((label.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
        }
        _ => Err(format!("`{text}` is no label; write it like `severity=critical`")),
    }
}

/// `severity=critical, team=db`
fn shown(labels: &Labels) -> String {
    labels.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>().join(", ")
}

/// A name that is not there, with the one that was probably meant.
fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    let error = Error::usage(format!("there is no {what} `{name}`"));
    match did_you_mean(name, known.iter().copied()) {
        Some(guess) => error.hint(format!("did you mean `{guess}`?")),
        None if known.is_empty() => error.hint(format!("this stack has no {what}")),
        None => error.hint(format!("known are {}", known.join(", "))),
    }
}
