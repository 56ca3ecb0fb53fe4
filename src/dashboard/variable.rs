//! The variables of a dashboard, and what Grafana would choose for them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::regex::Choice;

/// One entry of `templating.list`.
#[derive(Debug, Clone)]
pub struct Variable<'a> {
    pub name: &'a str,
    pub kind: Kind<'a>,
    /// Its query may match all choices at once.
    pub include_all: bool,
    /// What stands for all of them, instead of a list.
    pub all_value: Option<&'a str>,
    pub multi: bool,
    pub regex: &'a str,
    pub sort: u64,
    /// Values that the file chooses; `$__all` for all.
    pub current: Vec<String>,
    pub hidden: bool,
    pub datasource: &'a Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    /// Asks a data source.
    Query(Lookup<'a>),
    /// A list in the file.
    Custom(Vec<Choice>),
    /// One value: `constant` and `textbox`.
    Fixed(&'a str),
    /// `10s,1m,auto`
    Interval(Vec<String>),
    /// Data sources of this type.
    Datasource(&'a str),
    /// Filters over all queries: (label, operator, value).
    AdHoc(Vec<(&'a str, &'a str, &'a str)>),
    /// A kind that is not known here.
    Other(&'a str),
}

/// What a query variable asks Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// `label_values(selector, label)`; without a selector over everything.
    LabelValues {
        selector: Option<&'a str>,
        label: &'a str,
    },
    LabelNames {
        pattern: &'a str,
    },
    /// `metrics(pattern)`
    Metrics {
        pattern: &'a str,
    },
    /// `query_result(expression)`
    QueryResult {
        expr: &'a str,
    },
    /// Anything else: the series of a selector.
    Series {
        selector: &'a str,
    },
}

/// Grafana's value for "all of them".
pub const ALL: &str = "$__all";

/// What is in force for one variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// What goes into queries, one or several; none when nothing can be chosen.
    pub values: Vec<String>,
    /// All choices: what a panel is repeated by when all are chosen.
    pub choices: Vec<String>,
    /// Goes in as it is, without escaping: a custom value for all.
    pub verbatim: bool,
    /// Its values are escaped for a pattern and joined.
    pub multi: bool,
}

impl Chosen {
    pub fn one(value: impl Into<String>) -> Self {
        let values = vec![value.into()];
        Self { choices: values.clone(), values, verbatim: false, multi: false }
    }

    pub fn is_empty(&self) -> bool {
        !self.verbatim && self.values.iter().all(String::is_empty)
    }
}

/// The variables in the order of the file, in which later ones may refer to earlier ones.
pub fn variables(model: &Value) -> Vec<Variable<'_>> {
    model["templating"]["list"].as_array().into_iter().flatten().map(read).collect()
}

fn read(model: &Value) -> Variable<'_> {
    let text = |key: &str| model[key].as_str().unwrap_or_default();
    let kind = match text("type") {
        "query" => Kind::Query(lookup(query_text(model))),
        "custom" => Kind::Custom(custom(text("query"))),
        "constant" | "textbox" => {
            Kind::Fixed(model["query"].as_str().or(model["current"]["value"].as_str()).unwrap_or(""))
        }
        "interval" => Kind::Interval(split(text("query")).into_iter().filter(|one| one != "auto").collect()),
        "datasource" => Kind::Datasource(text("query")),
        "adhoc" => Kind::AdHoc(filters(model)),
        other => Kind::Other(other),
    };
    Variable {
        name: text("name"),
        kind,
        include_all: model["includeAll"] == true,
        all_value: model["allValue"].as_str().filter(|value| !value.is_empty()),
        multi: model["multi"] == true,
        regex: text("regex"),
        sort: model["sort"].as_u64().unwrap_or_default(),
        current: current(&model["current"]["value"]),
        hidden: matches!(model["hide"], Value::Number(ref n) if n.as_u64() == Some(2))
            || model["hide"] == "hideVariable",
        datasource: &model["datasource"],
    }
}

/// The text of a query variable: a string, or an object around one.
pub fn query_text(model: &Value) -> &str {
    model["query"].as_str().or(model["query"]["query"].as_str()).or(model["definition"].as_str()).unwrap_or_default()
}

fn current(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

fn filters(model: &Value) -> Vec<(&str, &str, &str)> {
    let lists = ["baseFilters", "filters"].into_iter().filter_map(|key| model[key].as_array());
    lists.flatten().filter_map(filter).collect()
}

fn filter(model: &Value) -> Option<(&str, &str, &str)> {
    Some((model["key"].as_str()?, model["operator"].as_str()?, model["value"].as_str()?))
}

/// Parts between commas; `\,` is a comma.
fn split(text: &str) -> Vec<String> {
    text.replace("\\,", "\u{0}")
        .split(',')
        .map(|part| part.trim().replace('\u{0}', ","))
        .filter(|p| !p.is_empty())
        .collect()
}

/// `a, b : 2` is the choices `a` and `b`, whose value is 2.
fn custom(text: &str) -> Vec<Choice> {
    split(text)
        .into_iter()
        .map(|part| match part.split_once(" : ") {
            Some((text, value)) => Choice { text: text.trim().to_owned(), value: value.trim().to_owned() },
            None => Choice::plain(part),
        })
        .collect()
}

fn lookup(text: &str) -> Lookup<'_> {
    let text = text.trim();
    let inside = |name: &str| text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')').map(str::trim);
    if let Some(arguments) = inside("label_values") {
        // The label comes last; a selector has commas of its own.
        return match arguments.rsplit_once(',') {
            Some((selector, label)) if !label.contains(['}', '"', '\'']) => {
                Lookup::LabelValues { selector: Some(selector.trim()), label: label.trim() }
            }
            _ => Lookup::LabelValues { selector: None, label: arguments },
        };
    }
    if let Some(pattern) = inside("label_names") {
        return Lookup::LabelNames { pattern };
    }
    if let Some(pattern) = inside("metrics") {
        return Lookup::Metrics { pattern };
    }
    match inside("query_result") {
        Some(expr) => Lookup::QueryResult { expr },
        None => Lookup::Series { selector: text },
    }
}

impl Variable<'_> {
    /// What Grafana has in force once the choices are known: the file's own choice where it is still to be had, else
    /// the first, which is all of them when that can be chosen.
    pub fn choose(&self, mut choices: Vec<Choice>) -> Chosen {
        sort(&mut choices, self.sort);
        let values: Vec<String> = choices.iter().map(|choice| choice.value.clone()).collect();
        let multi = self.multi || self.include_all;
        let kept: Vec<String> = self.current.iter().filter(|value| values.contains(value)).cloned().collect();
        let all = self.include_all && (self.current.iter().any(|value| value == ALL) || kept.is_empty());
        if all && let Some(custom) = self.all_value {
            return Chosen { values: vec![custom.to_owned()], choices: values, verbatim: true, multi };
        }
        let chosen = match (all, kept.is_empty()) {
            (true, _) => values.clone(),
            (false, false) => kept,
            (false, true) => values.first().cloned().into_iter().collect(),
        };
        Chosen { values: chosen, choices: values, verbatim: false, multi }
    }
}

/// Grafana's orders: 1 and 2 by text, 3 and 4 by the number in it, 5 and 6 by text in any case; even ones are reversed.
fn sort(choices: &mut [Choice], order: u64) {
    let number = |text: &str| -> f64 {
        let digits: String =
            text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(-1.0)
    };
    match order {
        1 | 2 => choices.sort_by(|a, b| a.text.cmp(&b.text)),
        3 | 4 => choices.sort_by(|a, b| number(&a.text).total_cmp(&number(&b.text))),
        5 | 6 => choices.sort_by_key(|choice| choice.text.to_lowercase()),
        _ => return,
    }
    if order.is_multiple_of(2) {
        choices.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(model: Value) -> (Kind<'static>, Chosen) {
        let whole: &'static Value = Box::leak(Box::new(json!({"templating": {"list": [model]}})));
        let variable = variables(whole).remove(0);
        let choices = match &variable.kind {
            Kind::Custom(choices) => choices.clone(),
            _ => ["b2", "a10", "a9"].map(Choice::plain).to_vec(),
        };
        (variable.kind.clone(), variable.choose(choices))
    }

    #[test]
    fn queries_are_told_apart() {
        let asked = |query: &str| match one(json!({"type": "query", "query": {"query": query, "refId": "A"}})).0 {
            Kind::Query(lookup) => lookup,
            other => panic!("{other:?}"),
        };
        let of = |selector: &'static str, label: &'static str| Lookup::LabelValues { selector: Some(selector), label };
        assert_eq!(asked("label_values(up{job=~\"a,b\"}, instance)"), of("up{job=~\"a,b\"}", "instance"));
        assert_eq!(asked("label_values(job)"), Lookup::LabelValues { selector: None, label: "job" });
        assert_eq!(asked("metrics(^node_)"), Lookup::Metrics { pattern: "^node_" });
        assert_eq!(asked("query_result(topk(5, up))"), Lookup::QueryResult { expr: "topk(5, up)" });
        assert_eq!(asked("up{job=\"x\"}"), Lookup::Series { selector: "up{job=\"x\"}" });
    }

    #[test]
    fn the_choice_is_what_grafana_would_show() {
        let values = |model: Value| one(model).1.values;
        assert_eq!(values(json!({"type": "query", "query": "q", "sort": 3})), ["b2"]);
        assert_eq!(values(json!({"type": "query", "query": "q", "sort": 1})), ["a10"]);
        assert_eq!(values(json!({"type": "query", "query": "q", "current": {"value": "a9"}})), ["a9"]);
        assert_eq!(values(json!({"type": "query", "query": "q", "current": {"value": "gone"}})), ["b2"]);
        assert_eq!(values(json!({"type": "query", "query": "q", "includeAll": true})), ["b2", "a10", "a9"]);
        let custom_all = one(json!({"type": "query", "query": "q", "includeAll": true, "allValue": ".*"})).1;
        assert!(custom_all.verbatim && custom_all.values == [".*"] && custom_all.choices.len() == 3);
        assert_eq!(values(json!({"type": "custom", "query": "one : 1, two\\, or so"})), ["1"]);
        assert_eq!(
            values(json!({"type": "custom", "query": "a,b,c", "current": {"value": ["c", "b"]}, "multi": true})),
            ["c", "b"]
        );
    }

    fn read_one(model: &Value) -> Variable<'_> {
        super::read(model)
    }

    #[test]
    fn ad_hoc_filters_are_read_whole_or_not_at_all() {
        let filter = |key: &str, value: &str| json!({"key": key, "operator": "=~", "value": value});
        let model = json!({"type": "adhoc", "baseFilters": [filter("env", "prod")],
            "filters": [filter("job", "web.*"), {"key": "job", "operator": "="}, {"key": "job", "value": "x"}, 7]});
        assert_eq!(read_one(&model).kind, Kind::AdHoc(vec![("env", "=~", "prod"), ("job", "=~", "web.*")]));
        assert_eq!(read_one(&json!({"type": "adhoc"})).kind, Kind::AdHoc(vec![]));
    }

    #[test]
    fn each_property_of_a_variable_is_read() {
        assert_eq!(read_one(&json!({"type": "constant", "query": "a"})).kind, Kind::Fixed("a"));
        assert_eq!(read_one(&json!({"type": "textbox", "current": {"value": "b"}})).kind, Kind::Fixed("b"));
        assert_eq!(read_one(&json!({"type": "datasource", "query": "loki"})).kind, Kind::Datasource("loki"));
        assert_eq!(read_one(&json!({"type": "new"})).kind, Kind::Other("new"));
        let interval = Kind::Interval(vec!["1m".into(), "10m".into()]);
        assert_eq!(read_one(&json!({"type": "interval", "query": "1m,auto, 10m"})).kind, interval);
        for (hide, hidden) in [(json!(2), true), (json!("hideVariable"), true), (json!(1), false), (json!("x"), false)]
        {
            assert_eq!(read_one(&json!({"hide": hide})).hidden, hidden, "{hide}");
        }
        for (value, expected) in [
            (json!("a"), vec!["a"]),
            (json!(5), vec!["5"]),
            (json!(true), vec!["true"]),
            (json!(["a", 5, null, {}]), vec!["a", "5"]),
            (json!(null), vec![]),
        ] {
            assert_eq!(read_one(&json!({"current": {"value": value}})).current, expected, "{value}");
        }
        assert_eq!(read_one(&json!({"allValue": ""})).all_value, None);
        assert!(read_one(&json!({"multi": true})).multi);
        assert!(!read_one(&json!({"includeAll": false})).include_all);
    }

    #[test]
    fn a_selector_with_a_comma_alone_has_no_label() {
        let over_all = |label| Lookup::LabelValues { selector: None, label };
        assert_eq!(lookup("label_values(up{a=\"b,c\"})"), over_all("up{a=\"b,c\"}"));
        assert_eq!(lookup(" label_names( ^job ) "), Lookup::LabelNames { pattern: "^job" });
        assert_eq!(lookup("label_values(up"), Lookup::Series { selector: "label_values(up" });
    }

    #[test]
    fn choices_are_sorted_as_grafana_does() {
        let sorted = |order: u64| {
            let mut choices = ["b2", "B1", "a10", "a9", "none"].map(Choice::plain).to_vec();
            sort(&mut choices, order);
            choices.into_iter().map(|choice| choice.value).collect::<Vec<_>>()
        };
        for (order, expected) in [
            (0, ["b2", "B1", "a10", "a9", "none"]),
            (1, ["B1", "a10", "a9", "b2", "none"]),
            (2, ["none", "b2", "a9", "a10", "B1"]),
            (3, ["none", "B1", "b2", "a9", "a10"]),
            (4, ["a10", "a9", "b2", "B1", "none"]),
            (5, ["a10", "a9", "B1", "b2", "none"]),
            (6, ["none", "b2", "B1", "a9", "a10"]),
        ] {
            assert_eq!(sorted(order), expected, "{order}");
        }
        // A choice without a number comes before 0.
        let mut choices = ["0", "none"].map(Choice::plain).to_vec();
        sort(&mut choices, 3);
        assert_eq!(choices[0].value, "none");
    }

    #[test]
    fn what_was_chosen_stays_unless_all_were_chosen() {
        let chosen = |all: bool, multi: bool, current: &[&str]| {
            let model = json!({"type": "query", "includeAll": all, "multi": multi, "current": {"value": current}});
            let chosen = read_one(&model).choose(["a", "b"].map(Choice::plain).to_vec());
            (chosen.values.join(","), chosen.multi)
        };
        for (all, multi, current, expected) in [
            (true, false, &["b"][..], ("b", true)),
            (true, false, &[ALL], ("a,b", true)),
            (true, true, &[ALL, "b"], ("a,b", true)),
            (true, true, &["gone"], ("a,b", true)),
            (false, true, &["b", "gone"], ("b", true)),
            (false, false, &[ALL], ("a", false)),
        ] {
            let (values, is_multi) = chosen(all, multi, current);
            assert_eq!((values.as_str(), is_multi), expected, "{all} {multi} {current:?}");
        }
    }

    #[test]
    fn only_texts_that_are_all_empty_are_empty() {
        let of = |values: &[&str], verbatim| Chosen {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            choices: vec![],
            verbatim,
            multi: false,
        };
        for (values, verbatim, empty) in [
            (&[][..], false, true),
            (&[""], false, true),
            (&["", "a"], false, false),
            (&["a"], false, false),
            (&[""], true, false),
        ] {
            assert_eq!(of(values, verbatim).is_empty(), empty, "{values:?} {verbatim}");
        }
    }
}
