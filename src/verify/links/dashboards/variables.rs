//! A dashboard's variables, resolved as Grafana does when it is opened: in order, each with the values of those before it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clients::api::{path_segment, with_query};
use crate::clients::grafana::DataSource;
use crate::dashboard::regex::{self, Choice};
use crate::dashboard::source::{Kinds, Reference};
use crate::dashboard::time::{self, Range};
use crate::dashboard::variable::{Chosen, Kind, Lookup, Variable, query_text, variables};
use crate::dashboard::{self, Scope};
use crate::units;
use crate::verify::links::dashboards::data_sources;

/// Points that an interval variable's `auto` aims at.
const AUTO_COUNT: u64 = 30;

/// What a dashboard's variables resolve to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Resolved {
    pub scope: Scope,
    /// Variables without any value.
    pub empty: BTreeMap<String, EmptyVariable>,
    /// Filters over all queries: (label, operator, value).
    pub filters: Vec<(String, String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmptyVariable {
    /// As the dashboard has it: `label_values(up, instance)`.
    pub query: String,
    pub hidden: bool,
    /// A custom value stands for all values: queries have one all the same.
    #[serde(default)]
    pub all_value: bool,
    pub failure: VariableFailure,
}

/// Why a variable has no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VariableFailure {
    /// Nothing has this selector and label.
    NothingFound { selector: String, label: Option<String> },
    /// The regex matches none of this many values.
    FilteredAway { regex: String, values: usize },
    /// Another variable, which its query uses, is empty.
    Follows(String),
    /// The data source's words.
    Refused(String),
    /// A type of data source that Grafana does not have.
    NeedsSource(String),
    /// The file lists no choices.
    NoChoices,
}

/// `ask`: what a data source's Prometheus has under `data` at a path.
pub async fn resolve<A>(model: &Value, sources: &[DataSource], now: f64, ask: &A) -> Resolved
where
    A: AsyncFn(&DataSource, &str) -> Result<Value, String>,
{
    let mut resolved = Resolved { scope: built_in(model, now), ..Resolved::default() };
    let range = Range::of(&model["time"], now);
    let kinds = Kinds::of(model);
    let entries = model["templating"]["list"].as_array().map_or(&[][..], Vec::as_slice);
    for (variable, entry) in variables(model).iter().zip(entries) {
        let value = match &variable.kind {
            Kind::Query(lookup) => {
                let question = Question::new(lookup, &resolved.scope, range, now);
                queried(variable, &question, (sources, &kinds), &resolved, ask).await
            }
            Kind::Custom(choices) => Ok(Some(variable.choose(choices.clone()))),
            Kind::Fixed(value) => Ok(Some(Chosen::one(resolved.scope.fill(value).text))),
            Kind::Interval(steps) => Ok(Some(Chosen::one(interval(variable, entry, steps, range)))),
            Kind::Datasource(kind) if !sources.iter().any(|source| source.kind == *kind) => {
                Err(VariableFailure::NeedsSource((*kind).to_owned()))
            }
            Kind::Datasource(kind) => Ok(Some(variable.choose(data_sources_of(kind, sources, variable.regex)))),
            Kind::AdHoc(filters) => {
                let owned = |(label, operator, value): &(&str, &str, &str)| {
                    ((*label).to_owned(), (*operator).to_owned(), (*value).to_owned())
                };
                resolved.filters.extend(filters.iter().map(owned));
                Ok(None)
            }
            Kind::Other(_) => Ok(variable.current.first().map(Chosen::one)),
        };
        // A constant may be empty on purpose.
        let may_be_empty = matches!(variable.kind, Kind::Fixed(_));
        let (chosen, failure) = match value {
            Ok(None) => continue,
            Ok(Some(chosen)) if chosen.is_empty() && !may_be_empty => (chosen, Some(VariableFailure::NoChoices)),
            Ok(Some(chosen)) => (chosen, None),
            Err(failure) => (variable.choose(Vec::new()), Some(failure)),
        };
        if let Some(failure) = failure {
            let query = if matches!(variable.kind, Kind::Query(_)) { query_text(entry) } else { "" };
            let (query, all_value) = (query.to_owned(), chosen.verbatim);
            let empty = EmptyVariable { query, hidden: variable.hidden, all_value, failure };
            resolved.empty.insert(variable.name.to_owned(), empty);
        }
        resolved.scope.set(variable.name, chosen);
    }
    resolved
}

/// The choice among those that the data source has; `Ok(None)` when the file leaves the choice open and nobody is asked.
async fn queried<A>(
    variable: &Variable<'_>,
    question: &Question<'_>,
    (sources, kinds): (&[DataSource], &Kinds<'_>),
    resolved: &Resolved,
    ask: &A,
) -> Result<Option<Chosen>, VariableFailure>
where
    A: AsyncFn(&DataSource, &str) -> Result<Value, String>,
{
    let reference = Reference::read(variable.datasource, &resolved.scope, kinds);
    let Some(source) = data_sources::find(sources, &reference) else {
        let has = |kind: &str| sources.iter().any(|source| source.kind == kind);
        return Err(match reference.kind().filter(|kind| !has(kind)) {
            Some(kind) => VariableFailure::NeedsSource(kind.to_owned()),
            None => VariableFailure::Refused("its data source does not exist".into()),
        });
    };
    if source.kind != "prometheus" {
        // Other kinds of data sources have queries that are not run here.
        return Ok(variable.current.first().map(Chosen::one));
    }
    let empty_before = question.used.iter().find(|name| resolved.empty.contains_key(*name));
    let follows = |name: &String| VariableFailure::Follows(name.clone());
    if let Some(label) = question.invalid_label() {
        let refused = || VariableFailure::Refused(format!("`{label}` is not a valid label name"));
        return Err(empty_before.map_or_else(refused, follows));
    }
    let data = ask(source, &question.path).await.map_err(VariableFailure::Refused)?;
    let values = question.values(&data);
    let found = values.len();
    let chosen = variable.choose(regex::filter(&resolved.scope.fill(variable.regex).text, values));
    if !chosen.choices.iter().all(String::is_empty) {
        return Ok(Some(chosen));
    }
    Err(match (empty_before, found) {
        (Some(before), _) => follows(before),
        (None, 0) => {
            VariableFailure::NothingFound { selector: question.selector.clone(), label: question.label.clone() }
        }
        (None, values) => VariableFailure::FilteredAway { regex: variable.regex.to_owned(), values },
    })
}

/// A query variable's question to Prometheus's API.
struct Question<'a> {
    lookup: &'a Lookup<'a>,
    path: String,
    selector: String,
    label: Option<String>,
    /// Variables that the question uses.
    used: BTreeSet<String>,
}

impl<'a> Question<'a> {
    fn new(lookup: &'a Lookup<'a>, scope: &Scope, range: Range, now: f64) -> Self {
        let (template, label) = match lookup {
            Lookup::LabelValues { selector, label } => (selector.unwrap_or_default(), Some(*label)),
            Lookup::LabelNames { pattern } | Lookup::Metrics { pattern } => (*pattern, None),
            Lookup::QueryResult { expr } => (*expr, None),
            Lookup::Series { selector } => (*selector, None),
        };
        let mut ranged = scope.clone();
        for (name, seconds) in [("__range", range.seconds()), ("__interval", 60.0), ("__rate_interval", 60.0)] {
            ranged.set(name, Chosen::one(units::format_duration(seconds)));
        }
        let filled = ranged.fill(template);
        let filled_label = label.map(|label| scope.fill(label));
        let mut used = filled.used;
        used.extend(filled_label.iter().flat_map(|label| label.used.iter().cloned()));
        let label = filled_label.map(|label| label.text);
        let path = path(lookup, &filled.text, label.as_deref().unwrap_or_default(), range, now);
        Self { lookup, path, selector: filled.text, label, used }
    }

    /// A label that would lead to another path of the API.
    fn invalid_label(&self) -> Option<&str> {
        self.label.as_deref().filter(|label| !is_label_name(label))
    }

    /// The values in an answer, as the texts that the variable's regex is applied to.
    fn values(&self, data: &Value) -> Vec<String> {
        match self.lookup {
            Lookup::LabelValues { .. } => strings(data),
            Lookup::LabelNames { pattern } | Lookup::Metrics { pattern } => {
                let mut names = strings(data);
                names.retain(|name| regex::is_match(pattern, name));
                names
            }
            Lookup::QueryResult { .. } if data["resultType"] == "scalar" => strings(&data["result"]),
            Lookup::QueryResult { .. } => items(&data["result"]).iter().map(result_text).collect(),
            Lookup::Series { .. } => items(data).iter().map(series_text).collect(),
        }
    }
}

/// `selector` and `label` with their variables filled in.
fn path(lookup: &Lookup<'_>, selector: &str, label: &str, range: Range, now: f64) -> String {
    // Whole minutes, so that dashboards with the same question share one answer.
    let minute = |at: f64| (at / 60.0).floor() * 60.0;
    let (start, end) = (minute(now - range.from).to_string(), (minute(now - range.to) + 60.0).to_string());
    let span = [("start", start.as_str()), ("end", end.as_str())];
    let mut matching = span.to_vec();
    if !selector.is_empty() {
        matching.push(("match[]", selector));
    }
    match lookup {
        Lookup::LabelValues { .. } => with_query(&format!("/api/v1/label/{}/values", path_segment(label)), &matching),
        Lookup::LabelNames { .. } => with_query("/api/v1/labels", &span),
        Lookup::Metrics { .. } => with_query("/api/v1/label/__name__/values", &span),
        Lookup::QueryResult { .. } => with_query("/api/v1/query", &[("query", selector)]),
        Lookup::Series { .. } => with_query("/api/v1/series", &matching),
    }
}

/// Prometheus 3 accepts dots too; a path of dots alone would lead elsewhere.
fn is_label_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> Vec<String> {
    items(value).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// `name{a="b"}` of a series' labels.
fn series_text(labels: &Value) -> String {
    let name = labels["__name__"].as_str().unwrap_or_default();
    let rest = labels.as_object().into_iter().flatten().filter(|(key, _)| *key != "__name__");
    let rest: Vec<String> = rest.map(|(key, value)| format!("{key}={value}")).collect();
    if rest.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(",")) }
}

/// `name{a="b"} 1 1700000000000`, as Grafana writes a result for the regex.
fn result_text(result: &Value) -> String {
    let at = result["value"][0].as_f64().unwrap_or_default() * 1000.0;
    format!("{} {} {at:.0}", series_text(&result["metric"]), result["value"][1].as_str().unwrap_or_default())
}

/// Variables that Grafana itself provides, except those that depend on the resolution.
fn built_in(model: &Value, now: f64) -> Scope {
    let mut scope = Scope::default();
    let range = Range::of(&model["time"], now);
    let fixed = [
        ("__from", format!("{:.0}", (now - range.from) * 1000.0)),
        ("__to", format!("{:.0}", (now - range.to) * 1000.0)),
        ("__dashboard", dashboard::title(model).to_owned()),
        ("__org", "1".to_owned()),
        ("__timezone", "utc".to_owned()),
    ];
    for (name, value) in fixed {
        scope.set(name, Chosen::one(value));
    }
    scope
}

fn data_sources_of(kind: &str, sources: &[DataSource], pattern: &str) -> Vec<Choice> {
    let names = sources.iter().filter(|source| source.kind == kind).map(|source| source.name.clone());
    let mut choices = Vec::new();
    for choice in regex::filter(pattern, names) {
        if let Some(source) = sources.iter().find(|source| source.name == choice.value) {
            choices.push(Choice { value: source.uid.clone(), text: choice.text });
        }
    }
    choices
}

fn interval(variable: &Variable<'_>, entry: &Value, steps: &[String], range: Range) -> String {
    match variable.current.first().map(String::as_str) {
        Some(auto) if auto.starts_with("$__auto") || auto == "auto" => {
            let count = entry["auto_count"].as_u64().unwrap_or(AUTO_COUNT);
            let least = entry["auto_min"].as_str().and_then(units::parse_grafana_duration).unwrap_or(10.0);
            units::format_duration(time::step(range.seconds(), count, least))
        }
        Some(current) => current.to_owned(),
        None => steps.first().cloned().unwrap_or_else(|| "1m".into()),
    }
}

#[cfg(test)]
mod tests;
