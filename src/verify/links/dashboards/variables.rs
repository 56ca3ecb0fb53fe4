//! A dashboard's variables, resolved as Grafana does when it is opened: in order, each asking with those before it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clients::api::{ApiError, path_segment, with_query};
use crate::clients::grafana::{DataSource, Grafana};
use crate::dashboard::regex::{self, Choice};
use crate::dashboard::time::{self, Range};
use crate::dashboard::variable::{Chosen, Kind, Lookup, Variable, variables};
use crate::dashboard::{self, Scope};
use crate::time::now;
use crate::units;
use crate::verify::links::dashboards::once::Once;

/// Points that an interval variable's `auto` aims at.
const AUTO_COUNT: u64 = 30;

/// What a dashboard's variables came to.
#[derive(Debug, Default)]
pub struct Resolved {
    pub scope: Scope,
    /// Variables that nothing can be chosen for.
    pub empty: BTreeMap<String, Emptiness>,
    /// Filters over all queries: (label, operator, value).
    pub filters: Vec<(String, String, String)>,
}

/// Why nothing can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptiness {
    /// As the dashboard has it: `label_values(up, instance)`.
    pub query: String,
    pub hidden: bool,
    pub cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The selector and the label that nothing was found for.
    NothingFound { selector: String, label: Option<String> },
    /// The regex keeps none of this many values.
    FilteredAway { regex: String, values: usize },
    /// Another variable, which it asks with, is empty.
    Follows(String),
    /// The data source's words.
    Refused(String),
    /// The file names no choices.
    NoChoices,
}

/// Asks each question once, however many dashboards have it.
pub struct Resolver<'a> {
    pub grafana: &'a Grafana<'a>,
    pub sources: &'a [DataSource],
    asked: Once<(String, String), Result<Value, ApiError>>,
}

impl<'a> Resolver<'a> {
    pub fn new(grafana: &'a Grafana<'a>, sources: &'a [DataSource]) -> Self {
        Self { grafana, sources, asked: Once::default() }
    }

    async fn ask(&self, source: &DataSource, path: String) -> Result<Value, ApiError> {
        let key = (source.uid.clone(), path);
        self.asked.get(&key, async || self.grafana.prometheus(source, &key.1).await).await
    }

    /// The data source that a reference means: by uid, by name, by a variable, or the default.
    pub fn source(&self, reference: &Value, scope: &Scope) -> Option<&'a DataSource> {
        let given = reference["uid"].as_str().or(reference.as_str()).unwrap_or_default();
        let wanted = scope.fill(given).text;
        if wanted.is_empty() || wanted == "default" {
            return self.sources.iter().find(|source| source.is_default);
        }
        let by_uid = self.sources.iter().find(|source| source.uid == wanted);
        by_uid.or_else(|| self.sources.iter().find(|source| source.name == wanted))
    }

    pub async fn resolve(&self, model: &Value) -> Resolved {
        let mut resolved = Resolved { scope: given(model), ..Resolved::default() };
        let range = Range::of(&model["time"], now());
        let list = model["templating"]["list"].as_array().map_or(&[][..], Vec::as_slice);
        for (variable, entry) in variables(model).iter().zip(list) {
            let chosen = match &variable.kind {
                Kind::Query(lookup) => self.queried(variable, lookup, entry, range, &mut resolved).await,
                Kind::Custom(choices) => Some(variable.choose(choices.clone())),
                // A constant that is empty on purpose goes in as nothing.
                Kind::Fixed(value) => Some(Chosen::one(resolved.scope.fill(value).text)),
                Kind::Interval(steps) => Some(Chosen::one(interval(variable, entry, steps, range))),
                Kind::Datasource(kind) => Some(variable.choose(self.of_kind(kind, variable.regex))),
                Kind::AdHoc(filters) => {
                    let owned = filters.iter().map(|(l, o, v)| ((*l).to_owned(), (*o).to_owned(), (*v).to_owned()));
                    resolved.filters.extend(owned);
                    None
                }
                Kind::Other(_) => variable.current.first().map(Chosen::one),
            };
            let Some(chosen) = chosen else { continue };
            let fixed = matches!(variable.kind, Kind::Fixed(_));
            if chosen.is_empty() && !fixed && !resolved.empty.contains_key(variable.name) {
                let emptiness = Emptiness { query: String::new(), hidden: variable.hidden, cause: Cause::NoChoices };
                resolved.empty.insert(variable.name.to_owned(), emptiness);
            }
            resolved.scope.set(variable.name, chosen);
        }
        resolved
    }

    fn of_kind(&self, kind: &str, regex: &str) -> Vec<Choice> {
        let named = self.sources.iter().filter(|source| source.kind == kind);
        let kept = regex::filter(regex, named.map(|source| source.name.clone()));
        let uid = |name: &str| self.sources.iter().find(|source| source.name == name).map(|source| source.uid.clone());
        kept.into_iter().filter_map(|choice| Some(Choice { value: uid(&choice.value)?, text: choice.text })).collect()
    }

    async fn queried(
        &self,
        variable: &Variable<'_>,
        lookup: &Lookup<'_>,
        entry: &Value,
        range: Range,
        resolved: &mut Resolved,
    ) -> Option<Chosen> {
        let query = dashboard::variable::query_text(entry).to_owned();
        let cause = match self.source(variable.datasource, &resolved.scope) {
            None => Cause::Refused("its data source is not there".into()),
            // Other kinds have questions of their own, which are not asked here.
            Some(source) if source.kind != "prometheus" => return variable.current.first().map(Chosen::one),
            Some(source) => {
                let question = Question::of(lookup, &resolved.scope, range);
                let before = question.used.iter().find(|name| resolved.empty.contains_key(*name));
                let answer = match question.misnamed() {
                    Some(label) => Err(ApiError::new(format!("`{label}` is no name of a label"))),
                    None => self.ask(source, question.path.clone()).await,
                };
                match answer {
                    Err(_) if question.misnamed().is_some() && before.is_some() => {
                        Cause::Follows(before.cloned().unwrap_or_default())
                    }
                    Err(refusal) => Cause::Refused(refusal.message),
                    Ok(data) => {
                        let values = question.values(&data, lookup);
                        let (count, regex) = (values.len(), resolved.scope.fill(variable.regex).text);
                        let chosen = variable.choose(regex::filter(&regex, values));
                        if !chosen.choices.iter().all(String::is_empty) {
                            return Some(chosen);
                        }
                        match (before, count) {
                            (Some(before), _) => Cause::Follows(before.clone()),
                            (None, 0) => Cause::NothingFound { selector: question.selector, label: question.label },
                            (None, values) => Cause::FilteredAway { regex: variable.regex.to_owned(), values },
                        }
                    }
                }
            }
        };
        let emptiness = Emptiness { query, hidden: variable.hidden, cause };
        resolved.empty.insert(variable.name.to_owned(), emptiness);
        Some(variable.choose(Vec::new()))
    }
}

/// One question to Prometheus's API.
struct Question {
    path: String,
    selector: String,
    label: Option<String>,
    /// Variables that it asks with.
    used: Vec<String>,
}

impl Question {
    fn of(lookup: &Lookup<'_>, scope: &Scope, range: Range) -> Self {
        let now = now();
        // Whole minutes, so that dashboards that ask alike ask once.
        let minute = |at: f64| (at / 60.0).floor() * 60.0;
        let (start, end) = (minute(now - range.from).to_string(), (minute(now - range.to) + 60.0).to_string());
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
        let named = label.map(|label| scope.fill(label));
        let used = filled.used.iter().chain(named.iter().flat_map(|label| &label.used)).cloned().collect();
        let label = named.map(|label| label.text);
        let span = [("start", start.as_str()), ("end", end.as_str())];
        let mut matching = span.to_vec();
        if !filled.text.is_empty() {
            matching.push(("match[]", &filled.text));
        }
        let path = match lookup {
            Lookup::LabelValues { .. } => {
                let label = path_segment(label.as_deref().unwrap_or_default());
                with_query(&format!("/api/v1/label/{label}/values"), &matching)
            }
            Lookup::LabelNames { .. } => with_query("/api/v1/labels", &span),
            Lookup::Metrics { .. } => with_query("/api/v1/label/__name__/values", &span),
            Lookup::QueryResult { .. } => with_query("/api/v1/query", &[("query", &filled.text)]),
            Lookup::Series { .. } => with_query("/api/v1/series", &matching),
        };
        Self { path, selector: filled.text, label, used }
    }

    /// The label that goes into the path, when no label can be called so.
    fn misnamed(&self) -> Option<&str> {
        self.label.as_deref().filter(|label| !is_label_name(label))
    }

    /// The values in an answer, as texts that the variable's regex is held against.
    fn values(&self, data: &Value, lookup: &Lookup<'_>) -> Vec<String> {
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let texts = |value: &Value| items(value).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
        match lookup {
            Lookup::LabelValues { .. } => texts(data),
            Lookup::LabelNames { pattern } | Lookup::Metrics { pattern } => {
                let mut all: Vec<String> = texts(data);
                all.retain(|name| regex::is_match(pattern, name));
                all
            }
            Lookup::QueryResult { .. } if data["resultType"] == "scalar" => texts(&data["result"]),
            Lookup::QueryResult { .. } => items(&data["result"]).iter().map(result).collect(),
            Lookup::Series { .. } => items(data).iter().map(series).collect(),
        }
    }
}

/// Dots are taken too, since Prometheus 3 has them; a path of dots alone leads elsewhere.
fn is_label_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// `name{a="b"}` of a series' labels.
fn series(labels: &Value) -> String {
    let name = labels["__name__"].as_str().unwrap_or_default();
    let rest = labels.as_object().into_iter().flatten().filter(|(key, _)| *key != "__name__");
    let rest: Vec<String> = rest.map(|(key, value)| format!("{key}={value}")).collect();
    if rest.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(",")) }
}

/// `name{a="b"} 1 1700000000000`, as Grafana writes a result for the regex.
fn result(one: &Value) -> String {
    let at = one["value"][0].as_f64().unwrap_or_default() * 1000.0;
    format!("{} {} {at:.0}", series(&one["metric"]), one["value"][1].as_str().unwrap_or_default())
}

/// What Grafana itself puts in, but for what depends on the resolution.
fn given(model: &Value) -> Scope {
    let mut scope = Scope::default();
    let (now, range) = (now(), Range::of(&model["time"], now()));
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
mod tests {
    use super::*;

    #[test]
    fn a_label_leads_to_no_other_path() {
        let of = |label: &str| {
            let lookup = Lookup::LabelValues { selector: Some("up"), label };
            let mut scope = Scope::default();
            scope.set("l", Chosen::one("../../admin"));
            Question::of(&lookup, &scope, Range { from: 3600.0, to: 0.0 })
        };
        for good in ["instance", "_x1", "service.name"] {
            assert_eq!(of(good).misnamed(), None);
            assert!(of(good).path.starts_with(&format!("/api/v1/label/{good}/values?")));
        }
        for bad in ["../../../../api/admin/settings?", "a b", "a\r\nHost: x", "..", "", "$l", "a/b"] {
            let question = of(bad);
            assert!(question.misnamed().is_some(), "{bad:?}");
            let path = question.path.split('?').next().unwrap_or_default();
            assert_eq!(path.matches('/').count(), 5, "{path}");
            assert!(!path.contains([' ', '\r', '\n']), "{path}");
        }
        assert_eq!(of("$l").used, ["l"]);
    }
}
