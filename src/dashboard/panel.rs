//! The panels of a dashboard and what they ask, wherever they stand: in rows, in old `rows`, in libraries.

use serde_json::Value;

/// One panel that can ask for data.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    pub id: u64,
    pub title: &'a str,
    /// `timeseries`, `stat`, ...
    pub kind: &'a str,
    pub description: &'a str,
    /// The variable that the panel, or the row around it, is repeated by.
    pub repeat: Option<&'a str>,
    pub model: &'a Value,
}

/// One query of a panel that Grafana runs.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    pub panel: Panel<'a>,
    pub ref_id: &'a str,
    /// Empty in queries of other kinds of data sources.
    pub expr: &'a str,
    pub model: &'a Value,
    /// The query's own data source, else the panel's; null for Grafana's default.
    pub datasource: &'a Value,
    /// One value for now, rather than a graph.
    pub instant: bool,
    pub range: bool,
    /// The least distance of two points, such as `30s` or `$interval`; empty when none is set.
    pub interval: &'a str,
    /// At most this many points.
    pub max_points: u64,
}

impl<'a> Panel<'a> {
    fn new(model: &'a Value, row_repeat: Option<&'a str>) -> Self {
        let text = |key: &str| model[key].as_str().unwrap_or_default();
        Self {
            id: model["id"].as_u64().unwrap_or_default(),
            title: text("title"),
            kind: text("type"),
            description: text("description"),
            repeat: repeated(model).or(row_repeat),
            model,
        }
    }

    /// As people find it: its title, else its kind and number.
    pub fn name(&self) -> String {
        match self.title.trim() {
            "" => format!("{} {}", if self.kind.is_empty() { "panel" } else { self.kind }, self.id),
            title => title.to_owned(),
        }
    }

    /// Does it say of itself that it may be empty? A sentence of its description begins with `Empty`.
    pub fn may_be_empty(&self) -> bool {
        says_empty(self.description)
    }

    /// Queries with an expression that are run: those hidden, empty, or over other queries' results are not.
    pub fn queries(&self) -> Vec<Query<'a>> {
        self.targets().into_iter().filter(|query| !query.expr.trim().is_empty()).collect()
    }

    /// All queries that are not hidden, whatever kind of data source they ask.
    pub fn targets(&self) -> Vec<Query<'a>> {
        let targets = self.model["targets"].as_array().into_iter().flatten();
        targets.filter(|target| target["hide"] != true).map(|target| self.query(target)).collect()
    }

    fn query(&self, target: &'a Value) -> Query<'a> {
        let of_panel = &self.model["datasource"];
        let datasource = match &target["datasource"] {
            Value::Null => of_panel,
            own if is_mixed(own) => of_panel,
            own => own,
        };
        let instant = target["instant"] == true;
        let interval = target["interval"].as_str().filter(|text| !text.is_empty());
        Query {
            panel: self.clone(),
            ref_id: target["refId"].as_str().unwrap_or("A"),
            expr: target["expr"].as_str().unwrap_or_default(),
            model: target,
            datasource,
            instant,
            range: target["range"] == true || !instant,
            interval: interval.or(self.model["interval"].as_str()).unwrap_or_default(),
            max_points: self.model["maxDataPoints"].as_u64().filter(|points| *points > 0).unwrap_or(1000),
        }
    }
}

fn is_mixed(datasource: &Value) -> bool {
    datasource == "-- Mixed --" || datasource["uid"] == "-- Mixed --"
}

fn repeated(model: &Value) -> Option<&str> {
    model["repeat"].as_str().filter(|name| !name.is_empty())
}

/// Does a sentence of this text begin with `Empty`?
pub fn says_empty(text: &str) -> bool {
    let sentences = text.split_inclusive(['.', '\n', ';']).map(str::trim_start);
    sentences.into_iter().any(|sentence| sentence.split(|c: char| !c.is_alphanumeric()).next() == Some("Empty"))
}

/// All panels but rows, in the order of the file.
pub fn panels(model: &Value) -> Vec<Panel<'_>> {
    let mut found = Vec::new();
    gather(model, None, &mut found);
    for row in model["rows"].as_array().into_iter().flatten() {
        gather(row, repeated(row), &mut found);
    }
    found
}

fn gather<'a>(holder: &'a Value, row_repeat: Option<&'a str>, found: &mut Vec<Panel<'a>>) {
    // Panels after an expanded row belong to it until the next row, and are repeated with it.
    let mut open = row_repeat;
    for model in holder["panels"].as_array().into_iter().flatten() {
        if model["type"] == "row" {
            open = repeated(model).or(row_repeat);
            gather(model, open, found);
        } else {
            found.push(Panel::new(model, open));
        }
    }
}

/// All queries of all panels.
pub fn queries(model: &Value) -> Vec<Query<'_>> {
    panels(model).iter().flat_map(Panel::queries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn panels_in_rows_of_both_kinds_are_found_and_hidden_queries_are_not_run() {
        let model = json!({
            "panels": [
                {"id": 1, "type": "row", "repeat": "host", "panels": [
                    {"id": 2, "type": "stat", "title": "In a row", "targets": [{"refId": "A", "expr": "a", "instant": true}]}]},
                {"id": 3, "type": "timeseries", "title": "After", "interval": "1m", "datasource": {"uid": "p"}, "targets": [
                    {"refId": "A", "expr": "b"}, {"refId": "B", "expr": "c", "hide": true}, {"refId": "C", "expr": " "},
                    {"refId": "D", "type": "math", "expression": "$A * 2"}]}],
            "rows": [{"panels": [{"id": 4, "type": "graph", "targets": [{"expr": "d"}]}]}],
        });
        let queries = queries(&model);
        let found: Vec<_> = queries.iter().map(|q| (q.panel.id, q.expr, q.instant, q.range)).collect();
        assert_eq!(found, [(2, "a", true, false), (3, "b", false, true), (4, "d", false, true)]);
        assert_eq!(queries[0].panel.repeat, Some("host"));
        assert_eq!((queries[1].interval, queries[1].datasource["uid"].as_str()), ("1m", Some("p")));
    }

    #[test]
    fn only_a_sentence_that_begins_so_declares_a_panel_empty() {
        assert!(says_empty("What fires. Empty when all is well."));
        assert!(!says_empty("How much is not Empty."));
        assert!(!says_empty("Emptying of queues."));
    }

    #[test]
    fn a_query_asks_its_own_data_source_unless_it_has_none_or_a_mixed_one() {
        for (own, asked) in [
            (json!({"uid": "own"}), json!({"uid": "own"})),
            (json!("own"), json!("own")),
            (Value::Null, json!({"uid": "panel"})),
            (json!("-- Mixed --"), json!({"uid": "panel"})),
            (json!({"type": "datasource", "uid": "-- Mixed --"}), json!({"uid": "panel"})),
        ] {
            let model =
                json!({"panels": [{"datasource": {"uid": "panel"}, "targets": [{"expr": "a", "datasource": own}]}]});
            assert_eq!(*queries(&model)[0].datasource, asked, "{own}");
        }
    }

    #[test]
    fn what_a_query_leaves_open_is_its_panels_or_grafanas() {
        let asked = |target: Value, panel: Value| {
            let mut panel = panel;
            panel["targets"] = json!([target]);
            let model = json!({"panels": [panel]});
            let query = queries(&model).remove(0);
            (query.ref_id.to_owned(), query.interval.to_owned(), query.max_points, query.instant, query.range)
        };
        let of = |id: &str, interval: &str, points, instant, range| {
            (id.to_owned(), interval.to_owned(), points, instant, range)
        };
        assert_eq!(asked(json!({"expr": "a"}), json!({})), of("A", "", 1000, false, true));
        assert_eq!(
            asked(
                json!({"expr": "a", "refId": "B", "interval": "30s"}),
                json!({"interval": "1m", "maxDataPoints": 50})
            ),
            of("B", "30s", 50, false, true)
        );
        assert_eq!(
            asked(json!({"expr": "a", "interval": "", "instant": true}), json!({"interval": "1m", "maxDataPoints": 0})),
            of("A", "1m", 1000, true, false)
        );
        assert_eq!(
            asked(json!({"expr": "a", "instant": true, "range": true}), json!({"maxDataPoints": 1})),
            of("A", "", 1, true, true)
        );
    }

    #[test]
    fn a_panel_is_named_by_its_title_and_says_itself_that_it_may_be_empty() {
        let model = json!({"panels": [
            {"id": 1, "type": "stat", "title": " Sales ", "description": "Empty at night."},
            {"id": 2, "type": "stat", "description": "Sales."},
            {"id": 3}]});
        let seen: Vec<_> = panels(&model).iter().map(|panel| (panel.name(), panel.may_be_empty())).collect();
        let of = |name: &str, empty| (name.to_owned(), empty);
        assert_eq!(seen, [of("Sales", true), of("stat 2", false), of("panel 3", false)]);
    }
}
