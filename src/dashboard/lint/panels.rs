//! Queries, units and data sources of your own panels.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

use super::subject::{LintedDashboard, Spot, Surroundings};
use crate::dashboard::panel::{self, Panel, Query};
use crate::dashboard::scope::{Filled, Scope};
use crate::dashboard::source::{Kinds, Reference};
use crate::dashboard::time;
use crate::dashboard::variable::{Chosen, Kind, variables};
use crate::error::{Error, Severity};
use crate::promql;
use crate::units;

/// Panels that show numbers, which have a unit.
const NUMERIC: [&str; 6] = ["timeseries", "graph", "stat", "gauge", "bargauge", "histogram"];
/// Functions that need two samples in their range.
const NEED_TWO: [&str; 9] =
    ["rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "resets", "changes"];
const SCRAPE_INTERVAL: f64 = 15.0;
/// A window of fewer scrapes has gaps as soon as one is late.
const FEW_SCRAPES: f64 = 4.0;

// Constant patterns, compiled in the tests.
static FIXED_RATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(rate|irate|increase)\([^\[\]]*\[\d").ok());
static INTERVAL_RATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(rate|irate|increase)\([^\[\]]*\[\$\{?__interval\b").ok());

pub(super) fn takes_fixed_rate(expr: &str) -> bool {
    FIXED_RATE.as_ref().is_some_and(|pattern| pattern.is_match(expr))
}

pub(super) fn check(subject: &mut LintedDashboard<'_>, around: &Surroundings) {
    let model = subject.model;
    let scope = placeholders(model, around);
    let kinds = Kinds::of(model);
    let mut absent = BTreeSet::new();
    for panel in panel::panels(model) {
        unit(subject, &panel);
        for query in panel.queries().iter().filter(|query| asks_prometheus(query, &scope, &kinds, around)) {
            expression(subject, query, &scope, around, &mut absent);
        }
    }
}

/// Loki's queries have an `expr` too, which is not PromQL.
fn asks_prometheus(query: &Query<'_>, scope: &Scope, kinds: &Kinds<'_>, around: &Surroundings) -> bool {
    let reference = Reference::read(query.datasource, scope, kinds);
    let named = |name: &str| around.sources.iter().find(|source| source.uid == name || source.name == name);
    match &reference {
        Reference::BuiltIn => false,
        Reference::Named { name, .. } if named(name).is_some() => {
            named(name).is_some_and(|source| source.kind == "prometheus")
        }
        other => other.kind().is_none_or(|kind| kind == "prometheus"),
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
    let overrides = config["overrides"].as_array().into_iter().flatten();
    let properties = overrides.filter_map(|one| one["properties"].as_array()).flatten();
    let overridden = properties.into_iter().any(|property| property["id"] == "unit");
    let old = panel.model["yaxes"][0]["format"].is_string() || panel.model["format"].is_string();
    if NUMERIC.contains(&panel.kind) && !config["defaults"]["unit"].is_string() && !overridden && !old {
        let error = Error::new(format!("the panel `{}` has no unit", panel.name()));
        let hint =
            "set `fieldConfig.defaults.unit`: `s`, `bytes`, `percentunit`, `reqps`, ...; `short` for a plain number";
        let at = if panel.title.is_empty() { panel.model } else { &panel.model["title"] };
        subject.add(Severity::Warning, Some(panel.title), Spot::Value(at), error.hint(hint));
    }
}

fn expression(
    subject: &mut LintedDashboard<'_>,
    query: &Query<'_>,
    scope: &Scope,
    around: &Surroundings,
    absent: &mut BTreeSet<String>,
) {
    let title = query.panel.name();
    let mut add = |severity, error: Error| {
        subject.add(severity, Some(&title), Spot::Value(&query.model["expr"]), error);
    };
    let filled = scope.fill(query.expr);
    for name in &filled.unknown {
        let error = Error::new(format!("the panel `{title}` uses `${name}`, which is not a variable of the dashboard"));
        add(Severity::Error, error.hint(format!("add `{name}` under `templating.list`, or write its value")));
    }
    if !filled.unknown.is_empty() {
        return;
    }
    let parsed = match promql::Query::parse(&filled.text) {
        Ok(parsed) => parsed,
        Err(why) => return unreadable(&mut add, query, &filled, &why, around),
    };
    window(&mut add, query, &parsed, around);
    if INTERVAL_RATE.as_ref().is_some_and(|pattern| pattern.is_match(query.expr)) {
        let error = Error::new(format!("the panel `{title}` takes a rate over `$__interval`"));
        let hint = "write `$__rate_interval`: `$__interval` covers less than two scrapes when you zoom in";
        add(Severity::Warning, error.hint(hint));
    }
    let shown: BTreeSet<String> = parsed.shown().into_iter().map(|selector| selector.metric).collect();
    for metric in shown.iter().filter(|metric| metric.ends_with("_total") && !around.gauges.contains(*metric)) {
        let error = Error::new(format!("the panel `{title}` shows the raw counter `{metric}`"));
        add(Severity::Warning, error.hint(format!("`rate({metric}[$__rate_interval])` shows its growth")));
    }
    for (metric, meant) in missing(&parsed, query.expr, around, absent) {
        let error = Error::new(format!("no target has `{metric}`, which the panel `{title}` asks for"));
        let hint = match meant {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "does the spec scrape a target that exports it?".to_owned(),
        };
        add(Severity::Warning, error.hint(hint));
    }
}

/// Metrics that no target has, each once in a dashboard, and what was meant.
fn missing<'a>(
    parsed: &promql::Query,
    expr: &str,
    around: &'a Surroundings,
    absent: &mut BTreeSet<String>,
) -> Vec<(String, Option<&'a str>)> {
    let Some(metrics) = &around.metrics else { return Vec::new() };
    let mut found = Vec::new();
    for selector in parsed.selectors() {
        let metric = selector.metric;
        // A name that a variable completes is not in the text; alerts come and go.
        let known = metric.is_empty() || metrics.contains(&metric) || metric.starts_with("ALERTS");
        if !known && expr.contains(&metric) && absent.insert(metric.clone()) {
            let meant = promql::meant(&metric, metrics);
            found.push((metric, meant));
        }
    }
    found
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
fn unreadable(
    add: &mut dyn FnMut(Severity, Error),
    query: &Query<'_>,
    filled: &Filled,
    why: &str,
    around: &Surroundings,
) {
    let title = query.panel.name();
    match around.answers.get(&filled.text) {
        Some(None) => {}
        Some(Some(words)) if filled.used.is_empty() => {
            let error =
                Error::new(format!("the query of the panel `{title}` is not valid PromQL")).cause(words.as_str());
            let hint = "correct the query: Prometheus rejects it, and the panel shows an error";
            add(Severity::Error, error.hint(hint));
        }
        _ => {
            let first = why.lines().next().unwrap_or(why);
            let error = Error::new(format!("the query of the panel `{title}` is not verified: {first}"));
            let hint = if filled.used.is_empty() {
                "our parser cannot read it; deploy the stack, so that Prometheus can be asked"
            } else {
                "it was tried with placeholders for its variables; `watchpost dashboards check` asks Prometheus"
            };
            add(Severity::Warning, error.hint(hint));
        }
    }
}

/// Windows that are too short: of less than two scrapes they hold nothing, of a few they have gaps as soon as a scrape
/// is late, which a graph shows that people zoom into.
fn window(add: &mut dyn FnMut(Severity, Error), query: &Query<'_>, parsed: &promql::Query, around: &Surroundings) {
    let title = query.panel.name();
    let scrape = around.scrape_interval.unwrap_or(SCRAPE_INTERVAL);
    let zooms = query.range && query.panel.model["timeFrom"].as_str().is_none_or(str::is_empty);
    for (function, range, selector) in parsed.ranges() {
        if !NEED_TWO.contains(&function.as_str()) || range >= FEW_SCRAPES * scrape {
            continue;
        }
        let (over, apart) = (units::format_duration(range), units::format_duration(scrape));
        if range < 2.0 * scrape {
            let error = Error::new(format!(
                "the panel `{title}` takes `{function}` of `{}` over {over}, which is less than two scrapes ({apart} apart)",
                selector.metric
            ));
            if around.scrape_interval.is_some() {
                add(Severity::Error, error.hint("the panel would be empty; write `[$__rate_interval]`"));
            }
        } else if zooms && takes_fixed_rate(query.expr) {
            let error = Error::new(format!(
                "the panel `{title}` takes `{function}` of `{}` over {over}, which has gaps when a scrape is late ({apart} apart)",
                selector.metric
            ));
            let hint = "write `[$__rate_interval]`, which follows the zoom and the scrape interval";
            add(Severity::Warning, error.hint(hint));
        }
    }
}
