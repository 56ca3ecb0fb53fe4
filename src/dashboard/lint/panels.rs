//! Queries, units and data sources of your own panels.

use std::collections::BTreeSet;

use serde_json::Value;

use super::subject::{LintedDashboard, Surroundings, quoted};
use crate::dashboard::panel::{self, Panel, Query};
use crate::dashboard::scope::{Filled, Scope};
use crate::dashboard::time;
use crate::dashboard::variable::{Chosen, Kind, variables};
use crate::error::{Error, Severity, did_you_mean};
use crate::promql;
use crate::units;

/// Panels that show numbers, which have a unit.
const NUMERIC: [&str; 6] = ["timeseries", "graph", "stat", "gauge", "bargauge", "histogram"];
/// Functions that need two samples in their range.
const NEED_TWO: [&str; 9] =
    ["rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "resets", "changes"];
const SCRAPE_INTERVAL: f64 = 15.0;

pub(super) fn check(subject: &mut LintedDashboard<'_>, around: &Surroundings) {
    let model = subject.model;
    let scope = placeholders(model, around);
    let mut absent = BTreeSet::new();
    for panel in panel::panels(model) {
        unit(subject, &panel);
        for query in panel.queries() {
            source(subject, &query, around);
            expression(subject, &query, &scope, around, &mut absent);
        }
    }
}

/// A value for every variable, so that expressions can be parsed without asking Prometheus.
fn placeholders(model: &Value, around: &Surroundings) -> Scope {
    let mut scope = Scope::default();
    for variable in variables(model) {
        let chosen = match &variable.kind {
            Kind::Custom(choices) => variable.choose(choices.clone()),
            Kind::Fixed(value) => Chosen::one(*value),
            Kind::Interval(steps) => Chosen::one(steps.first().map_or("5m", String::as_str)),
            _ => Chosen::one("placeholder"),
        };
        scope.set(variable.name, chosen);
    }
    let scrape = around.scrape_interval.unwrap_or(SCRAPE_INTERVAL);
    let range = time::Range::of(&model["time"], 0.0).seconds();
    for (name, seconds) in [("__rate_interval", 4.0 * scrape), ("__interval", 4.0 * scrape), ("__range", range)] {
        scope.set(name, Chosen::one(units::format_duration(seconds)));
        scope.set(format!("{name}_ms"), Chosen::one(format!("{:.0}", seconds * 1000.0)));
        scope.set(format!("{name}_s"), Chosen::one(format!("{seconds:.0}")));
    }
    scope
}

fn unit(subject: &mut LintedDashboard<'_>, panel: &Panel<'_>) {
    let config = &panel.model["fieldConfig"];
    let overridden = config["overrides"].to_string().contains("\"unit\"");
    let old = panel.model["yaxes"][0]["format"].is_string() || panel.model["format"].is_string();
    if NUMERIC.contains(&panel.kind) && !config["defaults"]["unit"].is_string() && !overridden && !old {
        let error = Error::new(format!("the panel `{}` has no unit", panel.name()));
        let hint =
            "set `fieldConfig.defaults.unit`: `s`, `bytes`, `percentunit`, `reqps`, ...; `short` for a plain number";
        subject.add(Severity::Warning, Some(panel.title), &quoted(panel.title), error.hint(hint));
    }
}

fn source(subject: &mut LintedDashboard<'_>, query: &Query<'_>, around: &Surroundings) {
    let title = query.panel.name();
    if query.datasource.is_null() {
        let error = Error::new(format!("the panel `{title}` names no data source"));
        let hint = "pin it: `\"datasource\": {\"type\": \"prometheus\", \"uid\": \"watchpost-prometheus\"}`";
        return subject.add(Severity::Warning, Some(&title), &quoted(query.expr), error.hint(hint));
    }
    let uid = query.datasource["uid"].as_str().unwrap_or_default();
    let open = uid.is_empty() || uid.starts_with(['$', '[', '-']) || uid == "grafana" || around.sources.is_empty();
    if !open && !around.sources.contains(uid) {
        let known: Vec<&str> = around.sources.iter().map(String::as_str).collect();
        let error = Error::new(format!("the panel `{title}` asks the data source `{uid}`, which does not exist"));
        let hint = format!("use one that exists: {}", known.join(", "));
        subject.add(Severity::Error, Some(&title), &quoted(uid), error.hint(hint));
    }
}

fn expression(
    subject: &mut LintedDashboard<'_>,
    query: &Query<'_>,
    scope: &Scope,
    around: &Surroundings,
    absent: &mut BTreeSet<String>,
) {
    let (title, needle) = (query.panel.name(), quoted(query.expr));
    let filled = scope.fill(query.expr);
    for name in &filled.unknown {
        let error = Error::new(format!("the panel `{title}` uses `${name}`, which is not a variable of the dashboard"));
        let hint = format!("add `{name}` under `templating.list`, or write its value");
        subject.add(Severity::Error, Some(&title), &needle, error.hint(hint));
    }
    let parsed = match promql::Query::parse(&filled.text) {
        Ok(parsed) => parsed,
        Err(why) => return unreadable(subject, query, &filled, &why, around),
    };
    window(subject, query, &parsed, around);
    if regex_lite::Regex::new(r"\b(rate|irate|increase)\([^\[\]]*\[\$\{?__interval\b")
        .is_ok_and(|r| r.is_match(query.expr))
    {
        let error = Error::new(format!("the panel `{title}` takes a rate over `$__interval`"));
        let hint = "write `$__rate_interval`: `$__interval` covers less than two scrapes when you zoom in";
        subject.add(Severity::Warning, Some(&title), &needle, error.hint(hint));
    }
    for selector in parsed.bare_selectors() {
        if selector.metric.ends_with("_total") && !is_counted(query.expr, &selector.metric) {
            let error = Error::new(format!("the panel `{title}` shows the raw counter `{}`", selector.metric));
            let hint = format!("`rate({}[$__rate_interval])` shows its growth", selector.metric);
            subject.add(Severity::Warning, Some(&title), &needle, error.hint(hint));
        }
    }
    let Some(metrics) = &around.metrics else { return };
    for selector in parsed.selectors() {
        let metric = selector.metric;
        // A name that a variable completes is not in the text.
        if metric.is_empty()
            || metrics.contains(&metric)
            || !query.expr.contains(&metric)
            || !absent.insert(metric.clone())
        {
            continue;
        }
        let error = Error::new(format!("no target has `{metric}`, which the panel `{title}` asks for"));
        let hint = match did_you_mean(&metric, metrics.iter().map(String::as_str)) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "does the spec scrape a target that exports it?".to_owned(),
        };
        subject.add(Severity::Warning, Some(&title), &quoted(&metric), error.hint(hint));
    }
}

/// Every query with its variables filled in, and the panel it is in.
pub(super) fn filled(model: &Value) -> Vec<(String, String)> {
    let scope = placeholders(model, &Surroundings::default());
    let queries = panel::queries(model).into_iter();
    queries.map(|query| (query.panel.name(), scope.fill(query.expr).text)).collect()
}

pub(super) fn unread(model: &Value) -> Vec<String> {
    let scope = placeholders(model, &Surroundings::default());
    let texts = panel::queries(model).into_iter().map(|query| scope.fill(query.expr).text);
    texts.filter(|text| promql::Query::parse(text).is_err()).collect()
}

/// Only Prometheus has the last word: our parser may be behind it.
fn unreadable(subject: &mut LintedDashboard<'_>, query: &Query<'_>, filled: &Filled, why: &str, around: &Surroundings) {
    let (title, needle) = (query.panel.name(), quoted(query.expr));
    match around.answers.get(&filled.text) {
        Some(None) => {}
        Some(Some(words)) if filled.used.is_empty() => {
            let error =
                Error::new(format!("the query of the panel `{title}` is not valid PromQL")).cause(words.as_str());
            subject.add(
                Severity::Error,
                Some(&title),
                &needle,
                error.hint("correct the query: Prometheus rejects it, and the panel shows an error"),
            );
        }
        _ => {
            let first = why.lines().next().unwrap_or(why);
            let error = Error::new(format!("the query of the panel `{title}` is not verified: {first}"));
            let hint = if filled.used.is_empty() {
                "our parser cannot read it; deploy the stack, so that Prometheus can be asked"
            } else {
                "it was tried with placeholders for its variables; `watchpost dashboards check` asks Prometheus"
            };
            subject.add(Severity::Warning, Some(&title), &needle, error.hint(hint));
        }
    }
}

fn window(subject: &mut LintedDashboard<'_>, query: &Query<'_>, parsed: &promql::Query, around: &Surroundings) {
    let Some(scrape) = around.scrape_interval else { return };
    for (function, range, selector) in parsed.ranges() {
        if NEED_TWO.contains(&function.as_str()) && range < 2.0 * scrape {
            let title = query.panel.name();
            let (range, scrape) = (units::format_duration(range), units::format_duration(scrape));
            let error = Error::new(format!(
                "the panel `{title}` takes `{function}` of `{}` over {range}, which is less than two scrapes ({scrape} apart)",
                selector.metric
            ));
            let hint = "the panel would be empty; write `[$__rate_interval]`";
            subject.add(Severity::Error, Some(&title), &quoted(query.expr), error.hint(hint));
        }
    }
}

/// Is it only counted how many series there are, or whether any is?
fn is_counted(expr: &str, metric: &str) -> bool {
    let before = expr.split(metric).next().unwrap_or_default().trim_end();
    ["count(", "group(", "absent(", "timestamp("].iter().any(|call| before.ends_with(call))
        || before.contains("count by")
}
