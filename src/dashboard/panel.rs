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
    pub expr: &'a str,
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

    /// Queries that are run: those hidden, empty, or over other queries' results are not.
    pub fn queries(&self) -> Vec<Query<'a>> {
        let targets = self.model["targets"].as_array().into_iter().flatten();
        targets.filter(|target| target["hide"] != true).filter_map(|target| self.query(target)).collect()
    }

    fn query(&self, target: &'a Value) -> Option<Query<'a>> {
        let expr = target["expr"].as_str().filter(|expr| !expr.trim().is_empty())?;
        let of_panel = &self.model["datasource"];
        let datasource = match &target["datasource"] {
            Value::Null => of_panel,
            own if is_mixed(own) => of_panel,
            own => own,
        };
        let instant = target["instant"] == true;
        let interval = target["interval"].as_str().filter(|text| !text.is_empty());
        Some(Query {
            panel: self.clone(),
            ref_id: target["refId"].as_str().unwrap_or("A"),
            expr,
            datasource,
            instant,
            range: target["range"] == true || !instant,
            interval: interval.or(self.model["interval"].as_str()).unwrap_or_default(),
            max_points: self.model["maxDataPoints"].as_u64().filter(|points| *points > 0).unwrap_or(1000),
        })
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
}
