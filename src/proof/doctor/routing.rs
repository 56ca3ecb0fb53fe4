//! Where a route of Alertmanager's configuration leads.
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#route>

use regex_lite::Regex;
use serde_json::Value;

/// Receivers that an alert with these labels gets to.
pub fn receivers<'a>(route: &'a Value, labels: &[(&str, &str)]) -> Vec<&'a str> {
    follow(route, labels, route["receiver"].as_str().unwrap_or_default())
}

fn follow<'a>(route: &'a Value, labels: &[(&str, &str)], inherited: &'a str) -> Vec<&'a str> {
    let own = route["receiver"].as_str().unwrap_or(inherited);
    let mut found = Vec::new();
    for child in children(route).filter(|child| matches(child, labels)) {
        found.extend(follow(child, labels, own));
        if child["continue"] != Value::Bool(true) {
            break;
        }
    }
    if found.is_empty() { vec![own] } else { found }
}

/// Every receiver that a route names.
pub fn named(route: &Value) -> Vec<&str> {
    let own = route["receiver"].as_str().into_iter();
    own.chain(children(route).flat_map(named)).collect()
}

fn children(route: &Value) -> impl Iterator<Item = &Value> {
    route["routes"].as_array().into_iter().flatten()
}

fn matches(route: &Value, labels: &[(&str, &str)]) -> bool {
    let matchers = route["matchers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    matchers.into_iter().all(|matcher| holds(matcher, labels))
}

/// `name="value"`, with `=`, `!=`, `=~` or `!~`.
fn holds(matcher: &str, labels: &[(&str, &str)]) -> bool {
    let Some(at) = matcher.find(['=', '!']) else { return false };
    let (name, rest) = matcher.split_at(at);
    let (operator, value) = ["=~", "!~", "!=", "="]
        .into_iter()
        .find_map(|operator| Some((operator, rest.strip_prefix(operator)?)))
        .unwrap_or(("=", rest));
    let value = value.trim().trim_matches('"').replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
    let had = labels.iter().find(|(label, _)| *label == name.trim().trim_matches('"')).map_or("", |(_, value)| value);
    let pattern = || Regex::new(&format!("^(?:{value})$")).is_ok_and(|pattern| pattern.is_match(had));
    match operator {
        "=~" => pattern(),
        "!~" => !pattern(),
        "!=" => had != value,
        _ => had == value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alert_takes_the_first_route_that_matches_and_goes_on_where_told() {
        let route = json!({"receiver": "fallback", "routes": [
            {"receiver": "nobody", "matchers": ["alertname=~\"Watchdog|InfoInhibitor\""]},
            {"receiver": "chat", "matchers": ["severity!=\"critical\""], "continue": true},
            {"matchers": ["severity=\"critical\""], "routes": [{"receiver": "oncall", "matchers": ["team!~\"b.*\""]}]},
        ]});
        assert_eq!(receivers(&route, &[("alertname", "Watchdog")]), ["nobody"]);
        assert_eq!(receivers(&route, &[("severity", "warning")]), ["chat"]);
        assert_eq!(receivers(&route, &[("severity", "critical"), ("team", "a")]), ["oncall"]);
        assert_eq!(receivers(&route, &[("severity", "critical"), ("team", "bb")]), ["fallback"]);
        assert_eq!(named(&route), ["fallback", "nobody", "chat", "oncall"]);
    }
}
