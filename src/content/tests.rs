use std::path::Path;

use super::*;

fn file(path: &str, content: &[u8]) -> OwnFile {
    OwnFile { path: path.to_owned(), content: content.to_vec() }
}

/// What reading says of a file, and its first cause.
fn said(name: &str, content: &[u8]) -> (String, Option<String>) {
    match check_rules(name, &file(name, content)) {
        Ok(RuleFile::Rules) => ("rules".into(), None),
        Ok(RuleFile::Tests) => ("tests".into(), None),
        Err(error) => (error.message.clone(), error.causes().into_iter().next()),
    }
}

#[test]
fn of_each_rule_file_is_said_what_is_written_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rules");
    let text = std::fs::read_to_string(folder.join("said.yaml")).expect("what is to be said");
    let expected: BTreeMap<String, BTreeMap<String, String>> = yaml::from_str("said.yaml", &text).expect("a mapping");
    assert!(expected.len() > 15, "{}", expected.len());
    for (name, expected) in expected {
        let content = std::fs::read(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (reading, cause) = said(&name, &content);
        assert_eq!((Some(&reading), cause.as_ref()), (expected.get("reading"), expected.get("cause")), "{name}");
    }
}

/// As `promtool check rules` of Prometheus 3.5 finds them.
#[test]
fn what_prometheus_accepts_without_a_rule_is_accepted() {
    for text in ["", "---\n", "null\n", "{}\n", "groups:\n", "groups: []\n", "\u{feff}# only this\n"] {
        assert_eq!(said("a.yml", text.as_bytes()).0, "rules", "{text:?}");
    }
    for text in ["[]\n", "a\n", "rules: []\n", "groups: {}\n", "groups: a\n"] {
        assert_ne!(said("a.yml", text.as_bytes()).0, "rules", "{text:?}");
    }
}

#[test]
fn a_folder_that_is_a_pattern_is_refused() {
    let (message, cause) = said("team[a]/shop.yml", b"groups: []\n");
    assert_eq!(message, "the folder of `team[a]/shop.yml` has `[` in its name");
    assert!(cause.expect("a cause").starts_with("Prometheus finds rule files by patterns"));
    assert_eq!(said("team/shop[1].yml", b"groups: []\n").0, "rules");
}

/// The errors that dashboards at these paths give: message, line, causes.
fn problems(files: &[(&str, &[u8])]) -> Vec<(String, usize, Vec<String>)> {
    let files = files.iter().map(|(name, content)| ((*name).to_owned(), file(name, content))).collect();
    let errors = check_dashboards(&files, &Catalog::embedded().expect("valid"));
    let line = |error: &Error| error.at.as_ref().map_or(0, |at| at.line);
    errors.iter().map(|error| (error.message.clone(), line(error), error.causes())).collect()
}

#[test]
fn a_byte_order_mark_utf_16_and_an_empty_file_are_named() {
    let found =
        problems(&[("a.json", b"\xef\xbb\xbf{\"title\": \"A\"}"), ("b.json", b"\xff\xfe{\0}\0"), ("c.json", b"")]);
    let message = |index: usize| (found[index].0.as_str(), found[index].2.first().map(String::as_str));
    assert_eq!(
        message(0),
        ("`a.json` begins with a byte order mark (BOM)", Some("Grafana rejects a dashboard that does"))
    );
    let why = "the file is encoded in UTF-16 (little endian); save it as UTF-8";
    assert_eq!(message(1), ("`b.json` is not UTF-8 text", Some(why)));
    assert!(message(2).0.starts_with("this is not valid JSON: EOF"), "{found:?}");
}

#[test]
fn a_title_is_of_its_folder_and_a_uid_of_all() {
    let board = |uid: &str, title: &str| format!("{{\"uid\": \"{uid}\",\n\"title\": \"{title}\"}}").into_bytes();
    let (a, b, c) = (board("a", "Shop"), board("b", "Shop"), board("a", "Other"));
    assert_eq!(problems(&[("shop.json", &a), ("team-a/shop.json", &b)]), []);
    // Grafana names a folder by the innermost of the file's.
    let found = problems(&[("x/db/shop.json", &a), ("y/db/shop.json", &b)]);
    assert_eq!(
        (found.len(), found[0].0.as_str(), found[0].1),
        (1, "the title `Shop` is used by `x/db/shop.json` too", 2)
    );
    let found = problems(&[("shop.json", &a), ("team-a/other.json", &c)]);
    assert_eq!((found.len(), found[0].0.as_str(), found[0].1), (1, "the uid `a` is used by `shop.json` too", 1));
    // Beside a shipped dashboard of that title, in another folder.
    let shipped = board("mine", "Prometheus");
    assert_eq!(problems(&[("p.json", &shipped)]), []);
    assert_eq!(problems(&[("Watchpost/p.json", &board("mine", "Overview"))]).len(), 1);
}

#[test]
fn of_a_large_dashboard_errors_name_the_file_alone() {
    let board = |uid: &str| {
        format!("{{\"uid\": \"{uid}\", \"title\": \"A\", \"x\": \"{}\"}}", "x".repeat(input::SPEC)).into_bytes()
    };
    let found = problems(&[("a.json", &board("a")), ("b.json", &board("b"))]);
    assert_eq!(found, [("the title `A` is used by `a.json` too".to_owned(), 0, vec!["in `b.json`".to_owned()])]);
}

#[test]
fn json_nested_without_end_is_an_error_and_no_overflow() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(problems(&[("a.json", deep.as_bytes())])[0].0.starts_with("this is not valid JSON: recursion limit"));
}

#[test]
fn what_was_meant_to_be_loaded_is_recognized() {
    assert!(looks_like_rules("# old\ngroups:\n- name: a\n") && looks_like_rules("\u{feff}groups:\n"));
    assert!(looks_like_rules("{\"groups\": [{\"name\": \"a\", \"rules\": []}]}"));
    assert!(!looks_like_rules("# Our rules\n\nThey are in groups: see below.\n") && !looks_like_rules("{}"));
    assert!(looks_like_a_dashboard("\u{feff}\n{\"title\": \"A\", \"panels\": []}"));
    assert!(!looks_like_a_dashboard("{\"name\": \"package\"}") && !looks_like_a_dashboard("panels and titles"));
}
