//! Writing a spec, as `init` does; `read` gives back the same.

use serde_json::{Map, Value, json};

use super::types::{Answers, Selection, Spec};
use crate::error::Result;
use crate::yaml::emit::emit;

/// `watchpost.yaml` of this spec, in the order in which people read it. Empty parts are left out.
pub fn write(spec: &Spec) -> Result<String> {
    let mut root = Map::new();
    root.insert("name".into(), json!(spec.name));
    root.insert("stack".into(), json!(spec.stack));
    let mut add = |key: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            _ => false,
        };
        if !empty {
            root.insert(key.into(), value);
        }
    };
    add("host", json!(spec.host));
    add("address", json!(spec.address));
    add("catalog", json!(spec.catalog));
    add("components", spec.components.iter().map(|(name, selection)| (name.clone(), selected(selection))).collect());
    add("secrets", json!(spec.secrets));
    add("alerting", alerting(spec));
    add("targets", json!(spec.targets));
    add("probes", json!(spec.probes));
    add("dashboards", json!(spec.dashboards));
    add("rules", json!(spec.rules));
    add("accept", json!(spec.accept));
    let body = emit(&Value::Object(root));
    Ok(format!("# What `watchpost up` deploys. `watchpost catalog show COMPONENT` lists all settings.\n{body}"))
}

fn selected(selection: &Selection) -> Value {
    match selection {
        Selection::Off => Value::Bool(false),
        Selection::One(settings) => Value::Object(answers(settings)),
        Selection::Many(instances) => instances
            .iter()
            .map(|(name, settings)| {
                let mut entry = Map::from_iter([("name".to_owned(), json!(name))]);
                entry.extend(answers(settings));
                Value::Object(entry)
            })
            .collect(),
    }
}

fn answers(answers: &Answers) -> Map<String, Value> {
    answers.iter().map(|(variable, node)| (variable.clone(), node.to_json())).collect()
}

fn alerting(spec: &Spec) -> Value {
    let mut alerting = Map::new();
    let receivers: Vec<Value> = spec
        .alerting
        .receivers
        .iter()
        .map(|receiver| {
            let mut entry = Map::new();
            entry.insert("name".into(), json!(receiver.name));
            entry.insert("type".into(), json!(receiver.kind));
            entry.extend(answers(&receiver.settings));
            Value::Object(entry)
        })
        .collect();
    if !receivers.is_empty() {
        alerting.insert("receivers".into(), Value::Array(receivers));
    }
    let routes: Vec<Value> = spec.alerting.routes.iter().map(route).collect();
    if !routes.is_empty() {
        alerting.insert("routes".into(), Value::Array(routes));
    }
    Value::Object(alerting)
}

fn route(route: &super::alerting::Route) -> Value {
    let mut value = json!(route);
    if let Some(entry) = value.as_object_mut() {
        entry.retain(|key, value| match key.as_str() {
            "match" => value.as_object().is_some_and(|labels| !labels.is_empty()),
            "continue" => value == &Value::Bool(true),
            _ => true,
        });
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::read;
    use crate::yaml::{self, Node};

    fn text_node(text: &str) -> Node {
        let mut node = yaml::parse("answer", "x").expect("YAML");
        node.kind = yaml::Kind::String(text.into());
        node
    }

    #[test]
    fn empty_parts_are_left_out() {
        let spec = Spec::from_defaults(Some("a"), Some("minimal"));
        insta::assert_snapshot!(write(&spec).expect("written"), @r"
        # What `watchpost up` deploys. `watchpost catalog show COMPONENT` lists all settings.
        name: a
        stack: minimal
        ");
    }

    #[test]
    fn lists_mappings_null_match_and_continue_are_written_as_they_were_read() {
        let text = "\
name: a
stack: minimal
host: unix:///run/docker.sock
address: monitor.example.org
catalog: ./catalog
components:
  cadvisor: false
  prometheus:
    external_labels:
      - site=x
      - team=y
    port: 9091
    retention: null
  redis-exporter:
    - name: cache
      address: cache:6379
      password:
        secret: cache
secrets:
  cache:
    command:
      - pass
      - cache
alerting:
  receivers:
    - name: oncall
      type: slack
      api_url:
        secret: cache
    - name: rest
      type: webhook
      url: http://hook/
  routes:
    - match:
        severity: critical
      to: oncall
      continue: true
      group_wait: 30s
    - to: rest
targets:
  - job: shop
    static:
      - shop:8080
    labels:
      team: web
probes:
  - url: https://shop.example.com/
    module: http_2xx
    labels: {}
dashboards:
  - ./dashboards
rules:
  - ./rules
accept:
  - link: dashboards
    metric: node_hwmon_*
    because: no sensors here
    until: \"2026-12-31\"
";
        let spec = read("watchpost.yaml", text).expect("valid");
        let written = write(&spec).expect("written");
        let (_, body) = written.split_once('\n').expect("a comment, then the spec");
        assert_eq!(body, text);
    }

    proptest! {
        #[test]
        fn whatever_was_answered_is_read_back_the_same(setting in "[a-z_]{1,12}", value in any::<String>()) {
            let mut spec = Spec::from_defaults(Some("a"), Some("minimal"));
            spec.components.insert("prometheus".into(), Selection::One(Answers::from([(setting.clone(), text_node(&value))])));
            let text = write(&spec).expect("written");
            let again = read("watchpost.yaml", &text).expect("read back");
            let Selection::One(answers) = &again.components["prometheus"] else { panic!("one") };
            prop_assert_eq!(answers[&setting].to_json(), Value::String(value));
            prop_assert_eq!(write(&again).expect("written"), text);
        }
    }
}
