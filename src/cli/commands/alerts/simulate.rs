use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::cli::commands::alerts::{absent, refused, unknown};
use crate::cli::shared::context::{Context, duration};
use crate::clients::api::ApiError;
use crate::clients::prometheus::{Group, Prometheus};
use crate::deployed::Stack;
use crate::error::{Error, Exit};
use crate::history::{Firing, SimulatedRule, Simulation, simulate};
use crate::time;
use crate::ui::human::count;
use crate::ui::style::{DIM, STRONG, paint};
use crate::ui::table::Table;
use crate::units::format_span;

/// More rows than this are only shown as JSON.
const ROWS: usize = 40;

/// Show how often an alert would have fired, from the data that Prometheus has
///
/// Evaluates the expression over the past as often as its rule does. `for` counts for each set of labels on its own.
/// Nothing is sent. With `--expr` the alert need not be deployed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost alerts simulate HostMemoryHighUtilization --since 7d
  watchpost alerts simulate HostMemoryHighUtilization --for 15m
  watchpost alerts simulate --expr 'node_load1 > 4' --for 5m

With -o json: {\"alert\", \"expr\", \"for\", \"step\", \"since\", \"data_since\", \"times\", \"seconds\", \"near\", \"firings\":
[{labels, active_at, fired_at, resolved_at, seconds}]}, times spent in seconds")]
pub struct Args {
    /// Simulate this deployed alert
    #[arg(required_unless_present = "expr")]
    alert: Option<String>,
    /// Look back this far
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    since: Duration,
    /// Evaluate this expression instead of the alert's
    #[arg(long, value_name = "PROMQL")]
    expr: Option<String>,
    /// Require the expression to hold this long, instead of the alert's `for`
    #[arg(long = "for", value_name = "DURATION", value_parser = hold)]
    wait: Option<Duration>,
}

/// A duration that may be zero.
fn hold(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { duration(text) }
}

/// One time the alert would have fired.
#[derive(Debug, Serialize)]
struct Row {
    labels: BTreeMap<String, String>,
    active_at: String,
    fired_at: String,
    /// Absent while it still fires.
    resolved_at: Option<String>,
    seconds: f64,
}

pub async fn run(args: &Args, context: &Context, stack: &Stack) -> Result<Exit> {
    let prometheus = stack.prometheus().await.ok_or_else(|| absent("prometheus"))?;
    let groups = prometheus.rules().await.map_err(|refusal| refused("prometheus", &refusal))?;
    let subject = subject(args, &groups)?;
    let end = time::now();
    let start = end - args.since.as_secs_f64();
    let (simulation, oldest) = tokio::join!(simulate(&prometheus, &subject, start, end), oldest(&prometheus));
    let simulation = simulation.map_err(|refusal| wrong(&subject.expr, &refusal))?;
    let from = oldest.filter(|oldest| *oldest > start);
    let name = args.alert.as_deref().unwrap_or("It");
    if context.ui.json {
        context.ui.document(&document(args, &subject, &simulation, start, from, end))?;
    } else {
        context.ui.data(&text(name, args, &subject, &simulation, from, end, context.ui.width))?;
    }
    Ok(Exit::Done)
}

fn wrong(expr: &str, refusal: &ApiError) -> Error {
    match refusal.status {
        Some(400 | 422) => Error::usage(format!("Prometheus rejects the expression `{expr}`")).cause(refusal.clone()),
        _ => refused("prometheus", refusal),
    }
}

/// Errors: the alert is not deployed, and there is no expression.
fn subject(args: &Args, groups: &[Group]) -> Result<SimulatedRule> {
    let all: Vec<_> =
        groups.iter().flat_map(|g| g.rules.iter().map(move |r| (g, r))).filter(|(_, r)| r.is_alert()).collect();
    let found = args.alert.as_ref().map(|name| (name, all.iter().find(|(_, rule)| rule.name == *name)));
    let wait = args.wait.map(|wait| wait.as_secs_f64());
    match (&args.expr, found) {
        (None, Some((name, None))) => {
            let known: Vec<&str> = all.iter().map(|(_, rule)| rule.name.as_str()).collect();
            let error = unknown("alert", name, &known);
            let error = if error.hint.as_ref().is_some_and(|hint| hint.starts_with("known")) {
                error.hint("`watchpost alerts list` shows them; `--expr` simulates an expression that is not deployed")
            } else {
                error
            };
            Err(error.into())
        }
        (expr, Some((_, Some((group, rule))))) => Ok(SimulatedRule {
            expr: expr.clone().unwrap_or_else(|| rule.query.clone()),
            wait: wait.unwrap_or(rule.duration),
            keep: rule.keep_firing_for,
            interval: group.interval,
        }),
        (expr, _) => {
            let interval = groups.first().map_or(15.0, |group| group.interval);
            Ok(SimulatedRule { expr: expr.clone().unwrap_or_default(), wait: wait.unwrap_or(0.0), keep: 0.0, interval })
        }
    }
}

/// When the oldest sample is from; `None` when Prometheus does not watch itself.
async fn oldest(prometheus: &Prometheus<'_>) -> Option<f64> {
    prometheus.value("min(prometheus_tsdb_lowest_timestamp_seconds) > 0").await.ok().flatten()
}

fn lasted(firing: &Firing, end: f64) -> f64 {
    firing.ended.unwrap_or(end) - firing.began
}

fn document(
    args: &Args,
    subject: &SimulatedRule,
    simulation: &Simulation,
    start: f64,
    from: Option<f64>,
    end: f64,
) -> serde_json::Value {
    let row = |firing: &Firing| Row {
        labels: firing.labels.clone(),
        active_at: time::text(firing.active),
        fired_at: time::text(firing.began),
        resolved_at: firing.ended.map(time::text),
        seconds: lasted(firing, end).round(),
    };
    let rows: Vec<Row> = simulation.firings.iter().map(row).collect();
    json!({
        "alert": args.alert,
        "expr": subject.expr,
        "for": subject.wait,
        "step": simulation.step,
        "since": time::text(start),
        "data_since": from.map(time::text),
        "times": rows.len(),
        "seconds": rows.iter().fold(0.0, |sum, row| sum + row.seconds),
        "near": simulation.near,
        "firings": rows,
    })
}

fn text(
    name: &str,
    args: &Args,
    subject: &SimulatedRule,
    simulation: &Simulation,
    from: Option<f64>,
    end: f64,
    width: Option<usize>,
) -> String {
    let since = format_span(args.since.as_secs_f64());
    let times = match simulation.firings.len() {
        0 => format!("would not have fired in {since}"),
        number => {
            let total: f64 = simulation.firings.iter().map(|firing| lasted(firing, end)).sum();
            format!("would have fired {} in {since}, for {} in all", count(number, "time"), format_span(total))
        }
    };
    let mut text = format!("{} {times}\n", paint(STRONG, name));
    text += &format!("  {}\n", paint(DIM, &subject.expr));
    text += &format!("  for {}, evaluated every {}\n", format_span(subject.wait), format_span(simulation.step));
    if let Some(from) = from {
        text += &format!("  Prometheus only has data of the last {}\n", format_span(end - from));
    }
    if simulation.near > 0 {
        text += &format!("  {} the expression held for less than that\n", count(simulation.near, "time"));
    }
    if simulation.firings.is_empty() {
        return text;
    }
    let mut table = Table::new(["FIRED (UTC)", "LASTED", "LABELS"]);
    for firing in simulation.firings.iter().rev().take(ROWS) {
        let still = if firing.ended.is_none() { ", still" } else { "" };
        let labels: Vec<String> = firing.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let at = time::text(firing.began).replace('T', " ").replace('Z', "");
        table.row([at.into(), format!("{}{still}", format_span(lasted(firing, end))).into(), labels.join(", ").into()]);
    }
    text += &format!("\n{}", table.render(width));
    if simulation.firings.len() > ROWS {
        text += &format!("… and {} before; -o json shows all\n", simulation.firings.len() - ROWS);
    }
    text
}
