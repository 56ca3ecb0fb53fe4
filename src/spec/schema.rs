//! The spec's JSON schema, made from the catalog: editors complete and check `watchpost.yaml` with it.

use serde_json::{Map, Value, json};

use crate::catalog::question::{Kind, Question};
use crate::catalog::{Catalog, Manifest};
use crate::spec::alerting::NOBODY;
use crate::spec::names::LINKS;

/// JSON schema (draft 2020-12) of `watchpost.yaml` for this catalog.
pub fn schema(catalog: &Catalog) -> Value {
    let components: Map<String, Value> =
        catalog.components.iter().map(|(name, component)| (name.clone(), selection(&component.manifest))).collect();
    let receivers: Vec<Value> = catalog
        .receivers
        .values()
        .map(|kind| {
            let mut properties = Map::new();
            properties.insert(
                "name".into(),
                json!({"type": "string", "not": {"const": NOBODY}, "description": "What routes call it."}),
            );
            properties.insert("type".into(), json!({"const": kind.name, "description": kind.description}));
            properties.insert(
                "send_resolved".into(),
                json!({"type": "boolean", "default": true, "description": "Tell as well when an alert is over."}),
            );
            settings(&kind.questions, properties, &["name", "type"])
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "watchpost.yaml",
        "description": "What Watchpost deploys on a Docker host.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$", "maxLength": 63, "default": "monitoring",
                "description": "The stack's name, and the Compose project's. One host can carry several stacks."},
            "stack": {"enum": catalog.stacks.keys().collect::<Vec<_>>(), "default": "standard",
                "description": "The set of components to begin with."},
            "host": {"type": "string", "description": "The Docker host; left out, what DOCKER_HOST or the current context says."},
            "address": {"type": "string", "pattern": "^[^/@\\s?#]+$",
                "description": "The name or IP address under which people reach the Docker host; links in messages lead there."},
            "catalog": {"type": "string", "description": "A folder that adds or replaces components."},
            "components": {"type": ["object", "null"], "additionalProperties": false, "properties": components,
                "description": "Settings by component; `false` leaves one out."},
            "secrets": {"type": "object", "additionalProperties": {"$ref": "#/$defs/source"},
                "description": "Where secrets come from; never their values."},
            "alerting": {"type": "object", "additionalProperties": false, "properties": {
                "receivers": {"type": "array", "items": {"oneOf": receivers}},
                "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}}}},
            "targets": {"type": "array", "items": {"$ref": "#/$defs/target"}},
            "probes": {"type": "array", "items": {"$ref": "#/$defs/probe"}},
            "dashboards": {"type": "array", "items": {"type": "string"}, "description": "Folders of your own dashboards."},
            "rules": {"type": "array", "items": {"type": "string"}, "description": "Folders of your own rules."},
            "accept": {"type": ["array", "null"], "items": {"$ref": "#/$defs/accept"},
                "description": "Broken findings that are known: they count as accepted, and fail nothing."},
        },
        "$defs": definitions(),
    })
}

fn definitions() -> Value {
    let labels = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let interval = json!({"type": "string", "pattern": DURATION});
    json!({
        "secret": {"type": "object", "additionalProperties": false, "required": ["secret"],
            "properties": {"secret": {"type": "string"}}},
        "source": {"oneOf": [
            one_key("env", json!({"type": "string", "description": "A variable of the environment."})),
            one_key("file", json!({"type": "string", "description": "A file, relative to the spec."})),
            one_key("command", json!({"type": "array", "items": {"type": "string"}, "minItems": 1})),
            one_key("generate", json!({"type": "integer", "minimum": 8, "maximum": 256})),
        ]},
        "accept": accept(),
        "route": {"type": "object", "additionalProperties": false, "required": ["to"], "properties": {
            "match": labels, "to": {"type": "string"}, "continue": {"type": "boolean"},
            "group_wait": interval, "repeat_interval": interval}},
        "target": {"type": "object", "additionalProperties": false, "required": ["job", "static"], "properties": {
            "job": {"type": "string", "minLength": 1}, "static": {"type": "array", "items": {"type": "string", "pattern": "^[^/@\\s]+:[0-9]+$"}},
            "labels": labels, "path": {"type": "string"}, "scheme": {"enum": ["http", "https"]}, "interval": interval}},
        "probe": {"type": "object", "additionalProperties": false, "required": ["url"], "properties": {
            "url": {"type": "string"}, "module": {"type": "string", "default": "http_2xx"}, "labels": labels, "interval": interval}},
    })
}

fn accept() -> Value {
    let pattern = |what: &str| json!({"type": "string", "minLength": 1, "description": format!("{what}; `*` stands for any text.")});
    json!({"type": "object", "additionalProperties": false, "required": ["link", "because"], "properties": {
        "link": {"enum": LINKS, "description": "The link of the proof."},
        "subject": pattern("What `verify` calls it"),
        "file": pattern("The file of the rule or dashboard, with or without its folder"),
        "panel": pattern("The panel's title"),
        "alert": pattern("The name of the alert or recording rule"),
        "metric": {"type": "string", "pattern": "^[A-Za-z0-9_:*]+$", "description": "The metric; `*` stands for any text."},
        "because": {"type": "string", "minLength": 1, "description": "Why it is accepted."},
        "until": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "The last day on which it counts."},
    }})
}

const DURATION: &str = "^([0-9]+(y|w|d|h|ms|m|s))+$";

fn one_key(key: &str, value: Value) -> Value {
    let properties = Map::from_iter([(key.to_owned(), value)]);
    json!({"type": "object", "additionalProperties": false, "required": [key], "properties": properties})
}

fn selection(manifest: &Manifest) -> Value {
    let one = settings(&manifest.questions, Map::new(), &[]);
    let mut forms = vec![json!({"type": ["boolean", "null"]})];
    if manifest.multiple {
        let name = Map::from_iter([("name".to_owned(), json!({"type": "string"}))]);
        forms.push(json!({"type": "array", "minItems": 1, "items": settings(&manifest.questions, name, &["name"])}));
    }
    forms.push(one);
    json!({"description": manifest.description, "anyOf": forms})
}

fn settings(questions: &[Question], mut properties: Map<String, Value>, always: &[&str]) -> Value {
    let mut required: Vec<&str> = always.to_vec();
    for question in questions {
        properties.insert(question.variable.clone(), property(question));
        if question.required && question.default.is_none() && question.secret.is_none() && question.show_if.is_none() {
            required.push(&question.variable);
        }
    }
    json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
}

fn property(question: &Question) -> Value {
    let mut schema = match question.kind {
        Kind::String | Kind::Multiline => json!({"type": "string"}),
        Kind::Int => json!({"type": "integer"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Enum => json!({"enum": question.options}),
        Kind::Password => json!({"$ref": "#/$defs/secret"}),
        Kind::Duration => json!({"type": "string", "pattern": DURATION}),
        Kind::Size => json!({"type": ["string", "integer"], "pattern": "^[0-9]+([kKmMgGtT]i?)?[bB]?$"}),
        Kind::List => json!({"type": "array", "items": {"type": "string"}}),
    };
    let Some(entries) = schema.as_object_mut() else { return schema };
    entries.insert("title".into(), json!(question.label));
    entries.insert("description".into(), json!(question.description));
    let bounds = [
        ("default", question.default.clone()),
        ("minimum", question.min.map(Value::from)),
        ("maximum", question.max.map(Value::from)),
        ("minLength", question.min_length.map(Value::from)),
        ("maxLength", question.max_length.map(Value::from)),
    ];
    entries.extend(bounds.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    if let (Some(pattern), Kind::String | Kind::Multiline) = (&question.valid_chars, question.kind) {
        entries.insert("pattern".into(), json!(format!("^(?:{pattern})?$")));
    }
    if question.or_secret {
        return json!({"anyOf": [schema, {"$ref": "#/$defs/secret"}]});
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn problems(text: &str) -> Vec<String> {
        let schema = schema(&Catalog::embedded().expect("valid"));
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        let instance = yaml::parse("watchpost.yaml", text).expect("YAML").to_json();
        validator.iter_errors(&instance).map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_schema_takes_what_reading_takes() {
        let text = "stack: standard\naddress: monitor.example.org\ncomponents:\n  prometheus: {retention: 30d, port: 9090}\n  cadvisor: false\n  \
            redis-exporter: [{name: cache, address: 'cache:6379'}]\n  grafana: {admin_password: {secret: g}}\n\
            secrets: {g: {env: G}, s: {file: ./s}}\nalerting:\n  receivers: [{name: a, type: slack, api_url: {secret: s}, send_resolved: false}, {name: b, type: webhook, url: {secret: s}}]\n  \
            routes: [{match: {severity: critical}, to: a}]\ntargets: [{job: shop, static: ['shop:80']}]\nprobes: [{url: 'https://a.b'}]\n\
            accept: [{link: rules, alert: Host*, because: x, until: 2026-12-31}, {link: dashboards, file: a.json, metric: node_*, because: y}]\n";
        assert_eq!(problems(text), Vec::<String>::new());
        assert_eq!(problems(""), Vec::<String>::new());
    }

    #[test]
    fn the_schema_refuses_what_reading_refuses() {
        for text in [
            "stcak: standard",
            "stack: nothing",
            "components: {prometheus: {retension: 30d}}",
            "components: {prometheus: {port: 70000}}",
            "components: {nothing: {}}",
            "secrets: {a: hunter2}",
            "alerting: {receivers: [{name: a, type: slack}]}",
            "components: {redis-exporter: [{address: 'a:1'}]}",
            "components: {postgres-exporter: {}}",
            "components: {redis-exporter: []}",
            "alerting: 5",
            "alerting: {receivers: {name: a}}",
            "alerting: {receivers: [{name: nobody, type: webhook, url: 'http://a'}]}",
            "alerting: {receivers: [{name: a, type: webhook, url: 'http://a', send_resolved: maybe}]}",
            "secrets: [a]",
            "host: 5",
            "address: 'http://a'",
            "targets: [{job: '', static: ['a:1']}]",
            "accept: [{link: rules}]",
            "accept: [{because: x}]",
            "accept: [{link: rulse, because: x}]",
            "accept: [{link: rules, because: x, job: y}]",
            "accept: [{link: rules, because: x, metric: 'a.*'}]",
            "accept: [{link: rules, because: x, until: soon}]",
        ] {
            assert!(!problems(text).is_empty(), "{text}");
        }
    }
}
