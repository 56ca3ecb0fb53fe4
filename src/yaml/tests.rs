use proptest::prelude::*;
use serde_json::{Value, json};

use super::emit::{emit, emit_indented, quote};
use super::*;

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    #[serde(default)]
    ports: Vec<u16>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Simple,
    Port(u16),
}

fn sample(text: &str) -> Sample {
    from_str("s.yaml", text).expect("valid")
}

fn error(text: &str) -> Error {
    from_str::<Sample>("s.yaml", text).expect_err("must be rejected")
}

/// The value under `a`.
fn value_of(text: &str) -> Value {
    parse("s.yaml", text).expect("YAML").to_json()["a"].clone()
}

/// As people see it: message, line and column, label.
fn rendered(error: &Error) -> String {
    let at = error.at.as_ref().expect("located");
    format!("{}:{} {} [{}]", at.line, at.column, error.message, error.label.as_deref().unwrap_or_default())
}

#[test]
fn an_unknown_key_is_located_and_its_neighbour_guessed() {
    insta::assert_snapshot!(rendered(&error("name: a\nprots: [1]\n")), @"2:1 unknown key `prots` [did you mean `ports`?]");
    insta::assert_snapshot!(rendered(&error("name: a\nxyzzy: [1]\n")), @"2:1 unknown key `xyzzy` []");
    insta::assert_snapshot!(error("name: a\nxyzzy: 1\n").hint.clone().expect("a hint"), @"known keys here: `name`, `ports`, `mode`");
    assert_eq!(error("name: a\nprots: [1]\n").at.clone().expect("located").width, 5);
}

#[test]
fn a_wrong_value_deep_inside_is_located() {
    insta::assert_snapshot!(rendered(&error("name: a\nports:\n  - 1\n  - many\n")), @"4:5 expected u16, found the text `many` []");
    insta::assert_snapshot!(rendered(&error("name: a\nports: [70000]\n")), @"2:9 expected u16, found the number 70000 []");
    insta::assert_snapshot!(rendered(&error("name: [a]\n")), @"1:7 expected a string, found a list []");
    insta::assert_snapshot!(rendered(&error("name: a\nmode: sipmle\n")), @"2:7 `sipmle` is not one of `simple`, `port` [did you mean `simple`?]");
    insta::assert_snapshot!(rendered(&error("name: a\nmode: {simple: 1, port: 2}\n")), @"2:7 expected a text or a mapping with one key, found a mapping []");
    insta::assert_snapshot!(rendered(&error("name: a\nmode: [port]\n")), @"2:7 expected a text or a mapping with one key, found a list []");
}

#[test]
fn a_key_written_twice_is_refused_and_both_lines_are_named() {
    insta::assert_snapshot!(rendered(&error("name: a\nports: []\nname: b\n")), @"3:1 the key `name` is written twice [first written on line 1]");
    for twice in
        ["a: 1\na: 2", "x: {a: 1, a: 2}", "1: a\n'1': b", "true: a\n\"true\": b", "x: &m {a: 1}\ny: {<<: *m, <<: *m}"]
    {
        assert!(parse("s.yaml", twice).expect_err("refused").message.contains("written twice"), "{twice}");
    }
}

#[test]
fn the_plain_reader_refuses_a_key_written_twice_as_well() {
    for twice in ["a: 1\na: 2", "x: {a: 1, a: 2}", "- {1: a, 1: b}"] {
        let error = read::<Value>("s.yaml", twice).expect_err("refused");
        assert!(error.message.contains("duplicate"), "{}", error.message);
        assert!(error.at.is_some(), "{twice}");
    }
}

#[test]
fn a_missing_key_is_named() {
    insta::assert_snapshot!(rendered(&error("ports: []\n")), @"1:1 missing key `name` []");
}

#[test]
fn broken_yaml_is_located() {
    insta::assert_snapshot!(rendered(&error("name: [a\nports: 1\n")), @"2:6 this is not valid YAML: illegal placement of ':' indicator []");
    insta::assert_snapshot!(rendered(&error("name: a\n---\nname: b\n")), @"2:1 a second YAML document starts here; expected one []");
    insta::assert_snapshot!(rendered(&error("? [a, b]\n: 1\n")), @"1:3 a key must be a text []");
    insta::assert_snapshot!(rendered(&error("name: *other\n")), @"1:7 this is not valid YAML: while parsing node, found unknown anchor []");
}

#[test]
fn a_key_with_nothing_is_an_empty_list_or_mapping_and_no_text() {
    assert_eq!(sample("name: a\nports:\n").ports, [0; 0]);
    assert!(parse("s.yaml", "a:").expect("YAML").get("a").is_some_and(Node::is_null));
    insta::assert_snapshot!(rendered(&error("name:\n")), @"1:5 expected a string, found nothing []");
}

#[test]
fn scalars_are_typed_by_what_is_written() {
    for (text, value) in [
        ("a: !!str 1", json!("1")),
        ("a: !!str", json!("")),
        ("a: !ours 1", json!("1")),
        ("a: !!int 1", json!(1)),
        ("a: '1'", json!("1")),
        ("a: 1", json!(1)),
        ("a: -1.5", json!(-1.5)),
        ("a: no", json!("no")),
        ("a: True", json!(true)),
        ("a: ~", Value::Null),
        ("a: .", json!(".")),
        ("a: 1_000", json!("1_000")),
        ("a: 12:30", json!("12:30")),
    ] {
        assert_eq!(value_of(text.trim_end()), value, "{text}");
    }
}

#[test]
fn keys_that_are_numbers_or_booleans_are_texts_as_written() {
    let node = parse("s.yaml", "1: a\n2.50: b\ntrue: c\n010: d\n").expect("YAML");
    let keys: Vec<&str> = node.entries().iter().filter_map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["1", "2.50", "true", "010"]);
}

#[test]
fn numbers_and_booleans_are_texts_as_written_where_a_text_is_asked_for() {
    for text in ["3.10", "010", "5", "true"] {
        assert_eq!(sample(&format!("name: {text}\n")).name, text);
    }
}

#[test]
fn a_variant_is_a_word_or_a_mapping_with_one_key() {
    assert_eq!(sample("name: a\nmode: simple\n").mode, Mode::Simple);
    assert_eq!(sample("name: a\nmode: {port: 80}\n").mode, Mode::Port(80));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_key() {
    assert_eq!(sample("\u{feff}name: a\n").name, "a");
}

#[test]
fn nesting_is_refused_beyond_its_limit_and_without_overflow() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(parse("s.yaml", &nested(tree::MAX_DEPTH + 1)).is_ok());
    let error = parse("s.yaml", &nested(tree::MAX_DEPTH + 2)).expect_err("refused");
    assert_eq!(
        (error.message.as_str(), error.at.clone().expect("located").column),
        ("nested deeper than 64 levels", 66)
    );
    for endless in ["[".repeat(100_000), "{a: ".repeat(10_000), "- ".repeat(10_000), "a:\n".to_owned() + &" ".repeat(9)]
    {
        drop(parse("s.yaml", &endless));
        drop(read::<Value>("s.yaml", &endless));
    }
    assert!(read::<Value>("s.yaml", &nested(100)).is_err());
}

#[test]
fn aliases_are_refused_beyond_their_limit() {
    // 1,000 nodes: the list and its items.
    let list = "a: &a [".to_owned() + &"x,".repeat(999) + "]\n";
    let aliased = |times: usize| list.clone() + "b: [" + &"*a,".repeat(times) + "]\n";
    // The anchor itself is the first copy.
    assert!(parse("s.yaml", &aliased(tree::MAX_ALIASED / 1000 - 1)).is_ok());
    let error = parse("s.yaml", &aliased(tree::MAX_ALIASED / 1000)).expect_err("refused");
    assert_eq!(error.message, "aliases expand to more than a file can hold");
    // Keys count too: mapping, key and value.
    assert_eq!(parse("s.yaml", "{a: [b, c], d: e}").expect("YAML").count(), 7);
}

#[test]
fn long_texts_and_nested_anchors_do_not_multiply_either() {
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a,".repeat(1000));
    assert_eq!(parse("s.yaml", &long).expect_err("refused").message, "aliases expand to more than a file can hold");
    let nested: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let nested = format!("{nested}{}{}", "x,".repeat(10_000), "]".repeat(60));
    assert_eq!(parse("s.yaml", &nested).expect_err("refused").message, "aliases expand to more than a file can hold");
}

#[test]
fn a_long_line_is_quoted_around_the_place() {
    let text = format!("[{}{{a: 1, a: 2}}, {}]", "'ä', ".repeat(10_000), "'ö', ".repeat(10_000));
    let at = parse("s.yaml", &text).expect_err("twice").at.clone().expect("located");
    assert_eq!((at.column, at.skipped), (50_009, 50_009 - 201));
    assert!(
        at.excerpt.chars().count() <= 600
            && at.excerpt.chars().skip(at.column - 1 - at.skipped).collect::<String>().starts_with("a: 2"),
        "{at:?}"
    );
    let error = parse("s.yaml", &format!("a: {}", "ß".repeat(1_000_000))).expect("YAML").decode::<Vec<u8>>();
    assert!(error.expect_err("refused").message.len() < 500);
}

#[test]
fn aliases_that_multiply_are_refused_by_both_readers() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{inner}]\n");
    }
    assert!(parse("s.yaml", &text).is_err());
    assert!(read::<Value>("s.yaml", &text).is_err());
}

#[test]
fn an_alias_has_the_place_of_its_definition() {
    let node = parse("s.yaml", "a: &m {q: 1}\nb: *m\n").expect("YAML");
    assert_eq!(node.get("b").and_then(|b| b.get("q")).expect("q").place.line, 1);
}

#[test]
fn people_can_read_what_is_written() {
    let value = json!({
        "name": "a b", "ports": ["127.0.0.1:80:80"], "list": [{"a": 1, "b": [true]}, {}], "none": null, "no": "no",
        "number": "1e3", "text": "first\nsecond: 'x'\n", "long": "word ".repeat(30).trim(), "empty": [],
    });
    insta::assert_snapshot!(emit(&value), @r#"
    name: a b
    ports:
      - 127.0.0.1:80:80
    list:
      - a: 1
        b:
          - true
      - {}
    none: null
    "no": "no"
    number: "1e3"
    text: |
      first
      second: 'x'
    long: word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word
    empty: []
    "#);
}

#[test]
fn a_line_of_blanks_and_tabs_reads_back_in_every_reader() {
    for text in ["\n\t", "a\n\t\nb", "\t\n", " \t\n x\n"] {
        let value = serde_json::json!({ "a": text });
        let written = emit(&value);
        assert!(readings(&written).iter().all(|read| read.as_ref() == Ok(&value)), "{text:?}: {written}");
    }
}

#[test]
fn a_quoted_text_stays_on_one_line() {
    assert_eq!(quote("a\"b\\c\nd\re\tf\u{85}g\u{2028}h"), r#""a\"b\\c\nd\re\tf\u0085g\u2028h""#);
}

fn any_text() -> impl Strategy<Value = String> {
    let pieces = "(\\PC|[\\-:,{}\\[\\]#&*!|>'\"%@`?\\n\\t\\r $]|a: |- |<<|=|~|\u{2028}|\u{2029}|\u{85}|\u{feff}|\u{0}|\u{7f}|\
                  \u{fffe}|\\x1b|yes|no|y|N|off|null|0x1|0o7|0b1|1_0|1e3|12:30|2020-01-01|\\+\\.inf|\\.nan){0,8}";
    prop_oneof![any::<String>(), pieces, "[a-z0-9:=./-]{0,12}"]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What each reader makes of a text; the third descends from libyaml, as Go's and Python's do.
fn readings(text: &str) -> [Result<Value, String>; 3] {
    [
        parse("x.yaml", text).map(|node| node.to_json()).map_err(|error| error.to_string()),
        read("x.yaml", text).map_err(|error| error.to_string()),
        yaml_serde::from_str(text).map_err(|error| error.to_string()),
    ]
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back_the_same(value in anything()) {
        let text = emit(&value);
        for reading in readings(&text) {
            prop_assert_eq!(reading.as_ref(), Ok(&value), "{}", text);
        }
        let indented = format!("under:\n{}\nnext: 1\n", emit_indented(&value, 2));
        for reading in readings(&indented) {
            prop_assert_eq!(reading.map(|read| read["under"].clone()), Ok(value.clone()), "{}", indented);
        }
    }

    #[test]
    fn whatever_is_quoted_reads_back_the_same(text in any_text()) {
        let quoted = quote(&text);
        prop_assert!(!quoted.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']), "{}", quoted);
        for written in [format!("a: {quoted}"), format!("a: [{quoted}, {quoted}]"), format!("? {quoted}\n: 1")] {
            let [first, second, third] = readings(&written);
            prop_assert!(first.is_ok(), "{:?}", first);
            prop_assert_eq!(&first, &second);
            prop_assert_eq!(&first, &third);
        }
        prop_assert_eq!(value_of(&format!("a: {quoted}")), Value::String(text));
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "(\\PC|[\\-:,{}\\[\\]#&*!|>'\"%@`?\\n\\t ]|a: |- |<<){0,60}") {
        drop(parse("s.yaml", &text));
        drop(read::<Value>("s.yaml", &text));
    }
}
