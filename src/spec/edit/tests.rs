use proptest::prelude::*;
use serde_json::json;

use super::*;

#[track_caller]
fn appended(text: &str, path: &[&str], items: &[Value]) -> String {
    append("watchpost.yaml", text, path, items).unwrap_or_else(|error| panic!("{error:?}"))
}

fn one() -> Vec<Value> {
    vec![json!({"link": "rules", "because": "known: yes"})]
}

const ONE: &str = "{link: rules, because: \"known: yes\"}";

#[test]
fn a_list_that_is_missing_is_created_at_the_end() {
    for (text, expected) in [
        ("", "accept:\n  - ONE\n"),
        ("# only a comment", "# only a comment\naccept:\n  - ONE\n"),
        ("name: a", "name: a\naccept:\n  - ONE\n"),
        ("name: a # x\n\nstack: b\n# end\n", "name: a # x\n\nstack: b\n# end\n\naccept:\n  - ONE\n"),
        ("\u{feff}name: a\r\nstack: b\r\n", "\u{feff}name: a\r\nstack: b\r\naccept:\r\n  - ONE\r\n"),
        ("---\nname: a\n...\n", "---\nname: a\naccept:\n  - ONE\n...\n"),
        ("{name: a}\n", "{name: a, accept: [ONE]}\n"),
        ("  name: a\n  stack: b\n", "  name: a\n  stack: b\n  accept:\n    - ONE\n"),
    ] {
        assert_eq!(appended(text, &["accept"], &one()), expected.replace("ONE", ONE), "{text:?}");
    }
}

#[test]
fn items_go_behind_the_last_one_in_its_style() {
    for (text, expected) in [
        ("accept:\n  - {a: b}  # why\nname: c\n", "accept:\n  - {a: b}  # why\n  - ONE\nname: c\n"),
        (
            "accept:\n- a: b\n  c: d\n\n# of name\nname: c",
            "accept:\n- a: b\n  c: d\n- link: rules\n  because: \"known: yes\"\n\n# of name\nname: c",
        ),
        ("accept:\n  - {a: b}\n  # - {c: d}\n\nname: c\n", "accept:\n  - {a: b}\n  # - {c: d}\n  - ONE\n\nname: c\n"),
        ("accept: [{a: b}]  # why\n", "accept: [{a: b}, ONE]  # why\n"),
        ("accept: [\n  {a: b},  # why\n]\n", "accept: [\n  {a: b}, ONE,  # why\n]\n"),
        ("accept: []\n", "accept: [ONE]\n"),
        ("accept:  # none yet\nname: a\n", "accept:  # none yet\n  - ONE\nname: a\n"),
        ("accept: ~ # none\n", "accept: [ONE] # none\n"),
        ("\"accept\":\n    - &x {a: b}\n'name': c", "\"accept\":\n    - &x {a: b}\n    - ONE\n'name': c"),
        ("{accept: [{a: b}], name: c}", "{accept: [{a: b}, ONE], name: c}"),
        ("accept:\n  -\t{a: b}\n", "accept:\n  -\t{a: b}\n  - ONE\n"),
        ("accept:\n  - {a: b}", "accept:\n  - {a: b}\n  - ONE\n"),
    ] {
        assert_eq!(appended(text, &["accept"], &one()), expected.replace("ONE", ONE), "{text:?}");
    }
}

#[test]
fn lines_that_look_like_comments_stay_in_their_text() {
    let text = "accept:\n  - because: |\n      why\n      # no comment\n\nname: a\n";
    let expected = "accept:\n  - because: |\n      why\n      # no comment\n  - link: rules\n    because: \"known: yes\"\n\nname: a\n";
    assert_eq!(appended(text, &["accept"], &one()), expected);
    let kept = "accept:\n  - because: |+\n      why\n\n\nname: a\n";
    let edited = appended(kept, &["accept"], &one());
    assert!(edited.starts_with("accept:\n  - because: |+\n      why\n\n\n  - link: rules\n"), "{edited}");
}

#[test]
fn lists_and_entries_deeper_down_are_created_with_what_leads_to_them() {
    let item = [json!({"name": "b", "address": "b:1"})];
    let path = ["components", "redis-exporter"];
    for (text, expected) in [
        (
            "components:\n  redis-exporter: [{name: a}]\n  grafana: {port: 1}\n",
            "components:\n  redis-exporter: [{name: a}, {name: b, address: \"b:1\"}]\n  grafana: {port: 1}\n",
        ),
        (
            "components:\n  grafana: {port: 1}\n  # more\nname: a\n",
            "components:\n  grafana: {port: 1}\n  # more\n  redis-exporter:\n    - {name: b, address: \"b:1\"}\nname: a\n",
        ),
        ("components: {}\n", "components: {redis-exporter: [{name: b, address: \"b:1\"}]}\n"),
        ("components:\nname: a\n", "components:\n  redis-exporter:\n    - {name: b, address: \"b:1\"}\nname: a\n"),
        ("name: a\n", "name: a\ncomponents:\n  redis-exporter:\n    - {name: b, address: \"b:1\"}\n"),
    ] {
        assert_eq!(appended(text, &path, &item), expected, "{text:?}");
    }
    let inserted = insert("w", "secrets:\n  a: {env: A}\n", &["secrets"], "b", &json!({"env": "B"})).expect("edited");
    assert_eq!(inserted, "secrets:\n  a: {env: A}\n  b: {env: B}\n");
    let inserted = insert("w", "stack: a\n", &[], "address", &json!("10.0.0.1")).expect("edited");
    assert_eq!(inserted, "stack: a\naddress: \"10.0.0.1\"\n");
}

#[test]
fn what_cannot_be_changed_alone_is_refused_with_its_place() {
    let refused = |text: &str| append("watchpost.yaml", text, &["accept"], &one()).expect_err(text);
    let alias = refused("x: &all\n  - {a: b}\naccept: *all\n");
    assert_eq!(alias.message, "nothing can be added here without changing something else");
    assert_eq!(alias.hint.as_deref(), Some("add these lines by hand"));
    let anchored = refused("accept: &all\n  - {a: b}\nx: *all\n");
    assert_eq!(anchored.message, alias.message);
    let text = refused("name: a\naccept: all\n");
    assert_eq!(text.message, "expected a list, found the text `all`");
    assert_eq!(text.at.as_ref().map(|at| at.line), Some(2));
    assert_eq!(refused("- a\n").message, "expected a mapping, found a list");
    assert!(refused("a: [").message.starts_with("this is not valid YAML"));
    let twice = insert("w", "secrets: {a: {env: A}}", &["secrets"], "a", &json!({})).expect_err("twice");
    assert_eq!(twice.message, "`a` exists already");
}

/// Texts of a spec in every style, with comments where they may stand.
fn spec_text() -> impl Strategy<Value = String> {
    let comment =
        prop_oneof![Just(""), Just("# a comment\n"), Just("\n"), Just("  # indented\n"), Just("\n# x: [\n\n")];
    let entry = prop_oneof![
        Just("KEY: text  # why\n"),
        Just("KEY: 'quoted # text'\n"),
        Just("KEY: \"two\n  lines\"\n"),
        Just("KEY: |\n  lines\n  # not a comment\n"),
        Just("KEY: >-\n  folded\n\n  more\n"),
        Just("KEY: |+\n  kept\n\n"),
        Just("KEY:\n"),
        Just("KEY: ~\n"),
        Just("KEY: []\n"),
        Just("KEY: {}\n"),
        Just("KEY: [a, {b: c}]  # why\n"),
        Just("KEY: [\n  a,\n  {b: c},  # why\n]\n"),
        Just("KEY: {a: 1, b: [2]}\n"),
        Just("KEY:\n  - a\n  - b: c\n    d: |\n      # text\n"),
        Just("KEY:\n- a\n- {b: c}\n"),
        Just("KEY:\n    - - a\n      - b\n    # end\n"),
        Just("KEY:\n  a: 1\n  b:\n    c: d # deep\n"),
        Just("KEY: &ANCHOR\n  - x\n"),
        Just("KEY: &ANCHOR {x: y}\n"),
        Just("\"KEY\":\n  - \"x\"\n"),
        Just("'KEY': 5\n"),
        Just("KEY: !!str 5\n"),
        Just("KEY:\t[a]\n"),
    ];
    let entries = prop::collection::vec((comment.clone(), entry), 0..6);
    (entries, comment, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(entries, last, crlf, cut, bom)| {
        let mut text = String::new();
        for (number, (comment, entry)) in entries.into_iter().enumerate() {
            let key = if number == 2 { "accept".to_owned() } else { format!("key{number}") };
            text += comment;
            text += &entry.replace("KEY", &key).replace("ANCHOR", &format!("anchor{number}"));
        }
        text += last;
        if cut {
            text.truncate(text.trim_end().len());
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

fn item() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z]{1,8}", "\\PC{0,12}", Just("- x: # *a".to_owned()), Just("x".repeat(120))];
    prop_oneof![
        text.clone().prop_map(Value::from),
        (text.clone(), text).prop_map(|(a, b)| json!({"link": a, "because": b})),
    ]
}

/// Is the second text the first with something put in at one place?
fn is_insertion(before: &str, after: &str) -> bool {
    let (before, after) = (before.as_bytes(), after.as_bytes());
    let prefix = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let suffix = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    prefix + suffix >= before.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_edit_only_puts_in_what_was_asked_for(text in spec_text(), items in prop::collection::vec(item(), 1..3)) {
        let Ok(before) = yaml::parse("w", &text) else { return Ok(()) };
        let list = before.get("accept");
        let can = list.is_none_or(|node| matches!(node.kind, Kind::Sequence(_) | Kind::Null));
        match append("w", &text, &["accept"], &items) {
            Ok(edited) => {
                prop_assert!(can, "{text:?}");
                let explicit_null = text.contains("accept: ~");
                prop_assert!(explicit_null || is_insertion(&text, &edited), "{text:?}\n{edited:?}");
                let after = yaml::parse("w", &edited).expect("read");
                let mut expected = list.map_or_else(|| json!([]), Node::to_json);
                if expected.is_null() {
                    expected = json!([]);
                }
                expected.as_array_mut().expect("a list").extend(items);
                prop_assert_eq!(after.get("accept").map(Node::to_json), Some(expected));
                for (key, value) in before.entries().iter().filter(|(key, _)| key.as_str() != Some("accept")) {
                    prop_assert!(after.get(key.as_str().expect("text")).is_some_and(|now| same(now, value)), "{edited:?}");
                }
                prop_assert_eq!(text.contains("\r\n"), edited.contains("\r\n"));
                prop_assert!(!text.contains("\r\n") || !edited.replace("\r\n", "").contains('\n'), "{edited:?}");
            }
            // A text without its final line break that ends in `|` has no place behind it that is not its own.
            Err(error) => prop_assert!(!can || text.trim_end() == text, "{text:?}: {error:?}"),
        }
    }
}
