use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use crate::cli::commands::alerts::{absent, refused};
use crate::cli::shared::context::Context;
use crate::clients::prometheus::{Group, Prometheus, Rule};
use crate::deployed::Stack;
use crate::error::Exit;
use crate::history::last_fired;
use crate::promql::Query;
use crate::time;
use crate::ui::style::{BAD, CHANGE, DIM};
use crate::ui::table::{Cell, Table};
use crate::units::format_age;
use crate::units::parse_duration;

/// How far back the last firing is searched for, in seconds.
const WINDOW: f64 = 30.0 * 86_400.0;

/// List alerts: state, last evaluation, metrics, when they last fired
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost alerts list
  watchpost alerts list --state firing
  watchpost alerts list disk

With -o json: {\"stack\", \"alerts\": [{name, group, state, severity, firing, pending, health, error, expr, for, watches,
evaluated_at, last_fired_at}]}")]
pub struct Args {
    /// Show alerts whose name contains this, in upper or lower case
    #[arg(value_name = "NAME")]
    part: Option<String>,
    /// Show alerts in this state
    #[arg(long)]
    state: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Firing,
    Pending,
    Inactive,
}

/// One alerting rule.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    group: String,
    state: String,
    severity: Option<String>,
    /// How many alerts of it are in that state now.
    firing: usize,
    pending: usize,
    /// `ok`, `err` or `unknown`.
    health: String,
    error: Option<String>,
    expr: String,
    /// Seconds.
    #[serde(rename = "for")]
    wait: f64,
    watches: Vec<String>,
    evaluated_at: Option<String>,
    last_fired_at: Option<String>,
    /// It fired within the window, and not long enough to say when.
    #[serde(skip)]
    fired: bool,
}

pub async fn run(args: &Args, context: &Context, stack: &Stack) -> Result<Exit> {
    let prometheus = stack.prometheus().await.ok_or_else(|| absent("prometheus"))?;
    let window = window(&prometheus).await;
    let (groups, fired) = tokio::join!(prometheus.rules(), last_fired(&prometheus, window));
    let groups = groups.map_err(|refusal| refused("prometheus", &refusal))?;
    // Without that history the list is still one.
    let fired = fired.unwrap_or_else(|refusal| {
        context.ui.warn(&format!("Prometheus does not say when alerts last fired: {refusal}"));
        BTreeMap::new()
    });
    let mut rows: Vec<Row> = groups.iter().flat_map(|group| rows(group, &fired)).collect();
    rows.retain(|row| args.wants(row));
    let rank = |row: &Row| ["firing", "pending"].iter().position(|state| *state == row.state).unwrap_or(2);
    rows.sort_by(|a, b| (rank(a), &a.name).cmp(&(rank(b), &b.name)));
    if context.ui.json {
        context.ui.document(&json!({"stack": stack.name, "alerts": rows}))?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        context.ui.say("No matching alerts; `watchpost alerts list` shows all.");
        return Ok(Exit::Done);
    }
    context.ui.data(&table(&rows, window).render(context.ui.width))?;
    Ok(Exit::Done)
}

impl Args {
    fn wants(&self, row: &Row) -> bool {
        let state = match self.state {
            None => true,
            Some(State::Firing) => row.state == "firing",
            Some(State::Pending) => row.state == "pending",
            Some(State::Inactive) => row.state == "inactive",
        };
        let named = self.part.as_ref().is_none_or(|part| row.name.to_lowercase().contains(&part.to_lowercase()));
        state && named
    }
}

/// As long as Prometheus keeps samples, bounded.
async fn window(prometheus: &Prometheus<'_>) -> f64 {
    let flags = prometheus.flags().await.unwrap_or_default();
    let kept = flags.get("storage.tsdb.retention.time").and_then(|text| parse_duration(text)).filter(|s| *s > 0.0);
    kept.unwrap_or(15.0 * 86_400.0).min(WINDOW)
}

fn rows(group: &Group, fired: &BTreeMap<String, Option<f64>>) -> Vec<Row> {
    group.rules.iter().filter(|rule| rule.is_alert()).map(|rule| row(group, rule, fired)).collect()
}

fn row(group: &Group, rule: &Rule, fired: &BTreeMap<String, Option<f64>>) -> Row {
    let of = |state: &str| rule.alerts.iter().filter(|alert| alert.state == state).count();
    let mut watches: Vec<String> = match Query::parse(&rule.query) {
        Ok(query) => query.selectors().into_iter().map(|selector| selector.metric).filter(|m| !m.is_empty()).collect(),
        Err(_) => Vec::new(),
    };
    watches.dedup();
    let last = fired.get(&rule.name);
    Row {
        name: rule.name.clone(),
        group: group.name.clone(),
        state: rule.state.clone().unwrap_or_default(),
        severity: rule.labels.get("severity").cloned(),
        firing: of("firing"),
        pending: of("pending"),
        health: rule.health.clone(),
        error: rule.last_error.clone().filter(|error| !error.is_empty()),
        expr: rule.query.clone(),
        wait: rule.duration,
        watches,
        evaluated_at: time::parse(&rule.last_evaluation).map(time::text),
        last_fired_at: last.copied().flatten().map(time::text),
        fired: last.is_some(),
    }
}

fn table(rows: &[Row], window: f64) -> Table {
    let mut table = Table::new(["ALERT", "STATE", "SEVERITY", "EVALUATED", "LAST FIRED", "WATCHES"]);
    for row in rows {
        let fired = match (&row.last_fired_at, row.fired) {
            _ if row.firing > 0 => "now".to_owned(),
            (Some(at), _) => ago(at),
            (None, true) => format!("in the last {}", format_age(Duration::from_secs_f64(window))),
            (None, false) => String::new(),
        };
        table.row([
            row.name.as_str().into(),
            state(row),
            row.severity.as_deref().unwrap_or_default().into(),
            row.evaluated_at.as_deref().map(ago).unwrap_or_else(|| "never".into()).into(),
            fired.into(),
            row.watches.join(", ").into(),
        ]);
    }
    table
}

fn state(row: &Row) -> Cell {
    let several = |count: usize| if count > 1 { format!(" {count}") } else { String::new() };
    match row.state.as_str() {
        _ if row.health == "err" => Cell::styled(BAD, "error"),
        "firing" => Cell::styled(BAD, format!("firing{}", several(row.firing))),
        "pending" => Cell::styled(CHANGE, format!("pending{}", several(row.pending))),
        other => Cell::styled(DIM, other),
    }
}

fn ago(at: &str) -> String {
    let seconds = time::age(at).unwrap_or_default().max(0.0);
    format!("{} ago", format_age(Duration::from_secs_f64(seconds)))
}
