use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::cli::commands::alerts::{absent, refused, unknown};
use crate::cli::shared::context::{Context, duration};
use crate::clients::api::ApiError;
use crate::clients::prometheus::{Group, Prometheus, Rule};
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
/// Evaluates the expression over the past as often as its rule does. `for` counts for each set of labels on its own, and
/// only time for which Prometheus has data counts. Each alert of that name is simulated, with its group and file.
/// Nothing is sent. With `--expr` the alert need not be deployed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost alerts simulate HostMemoryHighUtilization --since 7d
  watchpost alerts simulate HostMemoryHighUtilization --for 15m
  watchpost alerts simulate --expr 'node_load1 > 4' --for 5m

With -o json: {\"alert\", \"group\", \"file\", \"labels\", \"expr\", \"for\", \"step\", \"since\", \"data_since\", \"data_seconds\",
\"times\", \"seconds\", \"near\", \"firings\": [{labels, active_at, fired_at, resolved_at, seconds}]}, times spent in seconds;
several alerts of one name: {\"rules\": [...]}")]
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

/// A rule that is simulated, and where it stands; both texts are empty for an expression alone.
struct Subject {
    rule: SimulatedRule,
    group: String,
    file: String,
    /// The alert's own, such as its severity: alerts of one name differ by them.
    labels: BTreeMap<String, String>,
}

/// A subject, and what it would have done.
struct Simulated {
    subject: Subject,
    simulation: Simulation,
}

/// The simulated time, and when Prometheus's data begins, where that is later.
struct Span {
    start: f64,
    from: Option<f64>,
    end: f64,
}

pub async fn run(args: &Args, context: &Context, stack: &Stack) -> Result<Exit> {
    let prometheus = stack.prometheus().await.ok_or_else(|| absent("prometheus"))?;
    let groups = prometheus.rules().await.map_err(|refusal| refused("prometheus", &refusal))?;
    let subjects = subjects(args, &groups)?;
    let end = time::now();
    let start = end - args.since.as_secs_f64();
    let from = oldest(&prometheus).await.filter(|oldest| *oldest > start);
    let span = Span { start, from, end };
    let mut all = Vec::new();
    for subject in subjects {
        let simulation = simulate(&prometheus, &subject.rule, start, end).await;
        let simulation = simulation.map_err(|refusal| wrong(&subject.rule.expr, &refusal))?;
        all.push(Simulated { subject, simulation });
    }
    if !context.ui.json {
        let texts: Vec<String> =
            all.iter().map(|one| text(args, one, &span, all.len() > 1, context.ui.width)).collect();
        context.ui.data(&texts.join("\n"))?;
    } else if let [one] = &all[..] {
        context.ui.document(&document(args, one, &span))?;
    } else {
        let rules: Vec<_> = all.iter().map(|one| document(args, one, &span)).collect();
        context.ui.document(&json!({"rules": rules}))?;
    }
    Ok(Exit::Done)
}

fn wrong(expr: &str, refusal: &ApiError) -> Error {
    match refusal.status {
        Some(400 | 422) => Error::usage(format!("Prometheus rejects the expression `{expr}`")).cause(refusal.clone()),
        _ => refused("prometheus", refusal),
    }
}

/// Every alert of that name: several may share one.
///
/// Errors: the alert is not deployed, and there is no expression.
fn subjects(args: &Args, groups: &[Group]) -> Result<Vec<Subject>> {
    let all: Vec<_> =
        groups.iter().flat_map(|g| g.rules.iter().map(move |r| (g, r))).filter(|(_, r)| r.is_alert()).collect();
    let found: Vec<_> = all.iter().filter(|(_, rule)| args.alert.as_ref() == Some(&rule.name)).collect();
    let wait = args.wait.map(|wait| wait.as_secs_f64());
    if let (true, None, Some(name)) = (found.is_empty(), &args.expr, &args.alert) {
        let known: Vec<&str> = all.iter().map(|(_, rule)| rule.name.as_str()).collect();
        let error = unknown("alert", name, &known);
        let error = if error.hint.as_ref().is_some_and(|hint| hint.starts_with("known")) {
            error.hint("`watchpost alerts list` shows them; `--expr` simulates an expression that is not deployed")
        } else {
            error
        };
        return Err(error.into());
    }
    if found.is_empty() {
        let interval = groups.first().map_or(15.0, |group| group.interval);
        let expr = args.expr.clone().unwrap_or_default();
        let rule = SimulatedRule { expr, wait: wait.unwrap_or(0.0), keep: 0.0, interval };
        return Ok(vec![Subject { rule, group: String::new(), file: String::new(), labels: BTreeMap::new() }]);
    }
    let subject = |(group, rule): &(&Group, &Rule)| Subject {
        rule: SimulatedRule {
            expr: args.expr.clone().unwrap_or_else(|| rule.query.clone()),
            wait: wait.unwrap_or(rule.duration),
            keep: rule.keep_firing_for,
            interval: group.interval,
        },
        group: group.name.clone(),
        file: below_current(&group.file).to_owned(),
        labels: rule.labels.clone(),
    };
    Ok(found.into_iter().map(subject).collect())
}

/// `rules/own/shop.yml` of `/etc/watchpost/current/rules/own/shop.yml`
fn below_current(file: &str) -> &str {
    file.split_once("/current/").map_or(file, |(_, below)| below)
}

/// When the oldest sample is from; `None` when Prometheus does not watch itself.
async fn oldest(prometheus: &Prometheus<'_>) -> Option<f64> {
    prometheus.value("min(prometheus_tsdb_lowest_timestamp_seconds) > 0").await.ok().flatten()
}

fn lasted(firing: &Firing, end: f64) -> f64 {
    firing.ended.unwrap_or(end) - firing.began
}

fn document(args: &Args, simulated: &Simulated, span: &Span) -> serde_json::Value {
    let Simulated { subject, simulation } = simulated;
    let row = |firing: &Firing| Row {
        labels: firing.labels.clone(),
        active_at: time::text(firing.active),
        fired_at: time::text(firing.began),
        resolved_at: firing.ended.map(time::text),
        seconds: lasted(firing, span.end).round(),
    };
    let rows: Vec<Row> = simulation.firings.iter().map(row).collect();
    let mut document = json!({
        "alert": args.alert,
        "group": subject.group,
        "file": subject.file,
        "labels": subject.labels,
        "expr": subject.rule.expr,
        "for": subject.rule.wait,
        "step": simulation.step,
        "since": time::text(span.start),
        "data_since": span.from.map(time::text),
        "data_seconds": simulation.covered.round(),
        "times": rows.len(),
        "seconds": rows.iter().fold(0.0, |sum, row| sum + row.seconds),
        "near": simulation.near,
        "firings": rows,
    });
    if let (true, Some(fields)) = (subject.group.is_empty(), document.as_object_mut()) {
        fields.retain(|key, _| !matches!(key.as_str(), "group" | "file" | "labels"));
    }
    document
}

/// What tells an alert from others of its name: ` of group shop in rules/own/shop.yml, severity="warning"`.
fn told_apart(subject: &Subject) -> String {
    let labels = subject.labels.iter().map(|(label, value)| format!(", {label}=\"{value}\""));
    format!(" of group {} in {}{}", subject.group, subject.file, labels.collect::<String>())
}

fn text(args: &Args, simulated: &Simulated, span: &Span, several: bool, width: Option<usize>) -> String {
    let Simulated { subject, simulation } = simulated;
    let since = format_span(args.since.as_secs_f64());
    let times = match simulation.firings.len() {
        0 => format!("would not have fired in {since}"),
        number => {
            let total: f64 = simulation.firings.iter().map(|firing| lasted(firing, span.end)).sum();
            format!("would have fired {} in {since}, for {} in all", count(number, "time"), format_span(total))
        }
    };
    let name = args.alert.as_deref().unwrap_or("It");
    let which = if several { told_apart(subject) } else { String::new() };
    let mut text = format!("{}{which} {times}\n", paint(STRONG, name));
    text += &format!("  {}\n", paint(DIM, &subject.rule.expr));
    text += &format!("  for {}, evaluated every {}\n", format_span(subject.rule.wait), format_span(simulation.step));
    if simulation.covered < (span.end - span.start) * 0.98 {
        text += &format!(
            "  only {} of that time count: Prometheus has no data of the rest\n",
            format_span(simulation.covered)
        );
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
        table.row([
            at.into(),
            format!("{}{still}", format_span(lasted(firing, span.end))).into(),
            labels.join(", ").into(),
        ]);
    }
    text += &format!("\n{}", table.render(width));
    if simulation.firings.len() > ROWS {
        text += &format!("… and {} before; -o json shows all\n", simulation.firings.len() - ROWS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(alert: Option<&str>, expr: Option<&str>) -> Args {
        Args {
            alert: alert.map(str::to_owned),
            since: Duration::from_secs(3600),
            expr: expr.map(str::to_owned),
            wait: None,
        }
    }

    fn groups() -> Vec<Group> {
        let rule = |severity: &str, query: &str| {
            json!({"name": "DiskFull", "query": query, "type": "alerting", "health": "ok", "duration": 60,
                "labels": {"severity": severity}})
        };
        let group = |name: &str, file: &str, rules: serde_json::Value| {
            json!({"name": name, "file": format!("/etc/watchpost/current/rules/{file}"), "interval": 15,
                "lastEvaluation": "", "rules": rules})
        };
        let all = json!([
            group("host", "node-exporter/host.yml", json!([rule("critical", "a > 95")])),
            group("disk", "own/team-a/disk.yml", json!([rule("warning", "a > 80"), rule("info", "a > 70")])),
        ]);
        serde_json::from_value(all).expect("groups")
    }

    #[test]
    fn alerts_of_one_name_are_told_apart_by_group_file_and_labels() {
        let found = subjects(&args(Some("DiskFull"), None), &groups()).expect("found");
        let said: Vec<String> = found.iter().map(|found| format!("{}{}", found.rule.expr, told_apart(found))).collect();
        assert_eq!(
            said,
            [
                "a > 95 of group host in rules/node-exporter/host.yml, severity=\"critical\"",
                "a > 80 of group disk in rules/own/team-a/disk.yml, severity=\"warning\"",
                "a > 70 of group disk in rules/own/team-a/disk.yml, severity=\"info\"",
            ]
        );
        let alone = subjects(&args(None, Some("up == 0")), &groups()).expect("an expression");
        assert!(alone.len() == 1 && alone[0].group.is_empty() && alone[0].rule.wait == 0.0);
        assert!(subjects(&args(Some("DiskFul"), None), &groups()).is_err());
    }

    #[test]
    fn time_without_data_is_said_and_a_rule_of_its_own_has_no_place() {
        let subject = subjects(&args(None, Some("vector(1)")), &groups()).expect("one").remove(0);
        let simulation = Simulation { step: 15.0, covered: 600.0, ..Simulation::default() };
        let span = Span { start: 0.0, from: Some(3000.0), end: 3600.0 };
        let simulated = Simulated { subject, simulation };
        let text = text(&args(None, Some("vector(1)")), &simulated, &span, false, None);
        assert!(text.contains("only 10 min of that time count: Prometheus has no data of the rest"), "{text}");
        let document = document(&args(None, None), &simulated, &span);
        assert!(document.get("group").is_none() && document["data_seconds"] == 600.0, "{document}");
    }
}
