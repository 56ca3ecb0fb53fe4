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

/// List alerts, show who gets them, test delivery
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
        let stack = Stack::read(&client, &name, &observed).await?;
        match &args.command {
            Command::List(args) => list::run(args, context, &stack).await,
            Command::Route(args) => route::run(args, context, &stack).await,
            Command::Test(args) => test::run(args, context, &stack).await,
            Command::Simulate(args) => simulate::run(args, context, &stack).await,
        }
    }))
}

/// Prometheus or Alertmanager did not answer as asked.
fn refused(service: &str, error: &ApiError) -> Error {
    Error::new(format!("cannot query `{service}`")).cause(error.clone()).hint("`watchpost verify` shows what is broken")
}

fn absent(service: &str) -> Error {
    Error::new(format!("`{service}` does not run"))
        .hint("`watchpost status` shows the services; `watchpost up` starts them")
}

/// The routes that Alertmanager has in force.
async fn tree(stack: &Stack) -> Result<Tree> {
    let tree = delivery::tree(stack, Link::Delivery).await;
    Ok(tree.map_err(unavailable)?)
}

/// Why Alertmanager's routes are not known, as an error.
fn unavailable(checked: Checked) -> Error {
    match checked.findings.into_iter().next() {
        Some(finding) => session::unanswered(finding),
        None => Error::new("cannot query Alertmanager"),
    }
}

/// `severity=critical`, as an argument.
fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((label, value)) if !label.trim().is_empty() => {
            Ok((label.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
        }
        _ => Err(format!("`{text}` is not a valid label; write it like `severity=critical`")),
    }
}

/// `severity=critical, team=db`
fn joined(labels: &Labels) -> String {
    labels.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>().join(", ")
}

/// A name that does not exist, with the one that was probably meant.
fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    let error = Error::usage(format!("the {what} `{name}` does not exist"));
    match did_you_mean(name, known.iter().copied()) {
        Some(guess) => error.hint(format!("did you mean `{guess}`?")),
        None if known.is_empty() => error.hint(format!("this stack has no {what}")),
        None => error.hint(format!("known are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::{Addressing, Fix};
    use crate::verify::report::Finding;

    #[test]
    fn the_fix_of_a_finding_is_that_of_the_error_and_leads_to_this_stack() {
        let finding = Finding::broken("alertmanager:delivery", "alertmanager", "does not answer")
            .why("no answer in time")
            .fix(Fix::watchpost(["logs", "alertmanager"]));
        let addressing = Addressing { name: Some("shop".into()), ..Addressing::default() };
        let mut error = unavailable(Checked::new(Link::Delivery, &[], vec![finding]));
        error.address(&addressing);
        let fix = error.fix.as_ref().map(ToString::to_string);
        assert_eq!(fix.as_deref(), Some("watchpost logs alertmanager --name shop"));
        assert_eq!(error.causes(), ["no answer in time"]);
        assert_eq!(error.message, "cannot query `alertmanager`: does not answer");
    }
}
