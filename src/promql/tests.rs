use super::depth::{DEEPEST, MOST_OPERATORS};
use super::*;

fn lack(text: &str, known: &[&str]) -> Option<(String, bool)> {
    let query = Query::parse(text).expect("PromQL");
    let exists = |selector: &Selector| known.contains(&selector.metric.as_str());
    query.can_yield(&exists).err().map(|lack| (lack.selector.metric, lack.divisor))
}

#[test]
fn what_stands_in_the_way_is_named() {
    assert_eq!(lack("rate(a[5m]) / b > 1", &["a"]), Some(("b".into(), true)));
    assert_eq!(lack("a and on (x) b", &["a"]), Some(("b".into(), false)));
    assert_eq!(lack("a unless b", &["a"]), None);
    assert_eq!(lack("sum(a) or b", &["b"]), None);
    assert_eq!(lack("sum(a) or b", &[]), Some(("a".into(), false)));
    assert_eq!(lack("absent(a)", &[]), None);
    assert_eq!(lack("count(a) or vector(0)", &[]), None);
    assert_eq!(lack("max_over_time(a[1h:1m]) - b", &["b"]), Some(("a".into(), false)));
}

#[test]
fn filters_go_into_every_selector() {
    let filters = [("job".to_owned(), "=~".to_owned(), "a.*".to_owned()), ("x".into(), "one of".into(), "y".into())];
    let text = narrowed("sum(rate(a[5m])) / b{c=\"d\"}", &filters);
    assert_eq!(text, "sum(rate(a{job=~\"a.*\"}[5m])) / b{c=\"d\",job=~\"a.*\"}");
}

#[test]
fn what_is_too_deep_is_refused_before_it_is_parsed() {
    let filters = [("job".to_owned(), "=".to_owned(), "x".to_owned())];
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    for deep in [
        nested(100_000),
        "(".repeat(100_000),
        "a[".repeat(100_000),
        format!("{}a", "-".repeat(100_000)),
        format!("a{}", "^a".repeat(100_000)),
        format!("a{}", " or a".repeat(100_000)),
        // Brackets in comments and strings do not close those around.
        "(#)\n".repeat(100_000),
        "(#)\r".repeat(100_000),
        r#"`\`)`("\")"("#.repeat(100_000),
        format!("1{}", "or 1".repeat(100_000)),
    ] {
        assert!(Query::parse(&deep).is_err());
        assert_eq!(narrowed(&deep, &filters), deep);
    }
    for fine in [
        nested(DEEPEST),
        format!("a{}", " unless a".repeat(MOST_OPERATORS)),
        format!("{}a", "-".repeat(MOST_OPERATORS)),
        format!("{}a{}", "-(".repeat(DEEPEST), ")".repeat(DEEPEST)),
        format!("a{{b=\"{}\\\"{}\", c='{}', d=`\\\\`}}", "(".repeat(300), "-".repeat(2000), "[".repeat(300)),
    ] {
        let query = Query::parse(&fine).expect("PromQL");
        assert_eq!(query.selectors().len(), 1);
        assert!(narrowed(&fine, &filters).contains("job"));
    }
}

#[test]
fn quoted_texts_are_read_back_as_they_were() {
    for text in ["a\"b", "a\\d\nb", "\u{e9}\u{200b}\u{7}\0", "it's {x}", "${a}"] {
        let query = Query::parse(&format!("a{{b={}}}", quoted(text))).expect("PromQL");
        let values: Vec<String> = query.selectors().into_iter().map(|s| s.matchers[0].value.clone()).collect();
        assert_eq!(values, [text]);
    }
}

#[test]
fn selectors_come_without_range_and_offset() {
    let query = Query::parse("rate(a{x=\"1\"}[5m] offset 1h) + on (i) {__name__=\"b\", y!~\"2|3\"}").expect("PromQL");
    let texts: Vec<(String, String)> = query.selectors().into_iter().map(|s| (s.metric, s.text)).collect();
    assert_eq!(texts[0], ("a".into(), "a{x=\"1\"}".into()));
    assert_eq!(texts[1].0, "b");
    assert_eq!(query.ranges()[0].1, 300.0);
}

#[test]
fn what_is_wanted_leaves_out_what_may_be_absent() {
    let wanted = |text: &str| -> Vec<String> {
        Query::parse(text).expect("PromQL").wanted().into_iter().map(|selector| selector.text).collect()
    };
    assert_eq!(wanted("absent(a) or b"), ["b"]);
    assert_eq!(wanted("absent_over_time(a[5m]) or rate(b[5m])"), ["b"]);
    assert_eq!(wanted("sum(rate(a[5m])) / b"), ["a", "b"]);
}

#[test]
fn every_part_of_an_expression_is_looked_at() {
    for text in [
        "sum by (x) (a)",
        "quantile(scalar(a), vector(1))",
        "-a",
        "(a)",
        "vector(1) + a",
        "a + vector(1)",
        "max_over_time(a[1h:1m])",
        "abs(a)",
        "rate(a[5m])",
    ] {
        let metrics: Vec<String> =
            Query::parse(text).expect(text).selectors().into_iter().map(|selector| selector.metric).collect();
        assert_eq!(metrics, ["a"], "{text}");
    }
}

#[test]
fn what_an_operator_needs_is_what_stands_in_the_way() {
    for (text, known, expected) in [
        ("a and b", &["b"][..], Some(("a", false))),
        ("a and b", &["a", "b"], None),
        ("a % b", &["a"], Some(("b", true))),
        ("a * b", &["a"], Some(("b", false))),
        ("a unless b", &["b"], Some(("a", false))),
        ("-(a)", &[], Some(("a", false))),
        ("sum(max_over_time(rate(a[5m])[1h:1m]))", &[], Some(("a", false))),
        ("clamp_max(a, 1)", &[], Some(("a", false))),
        ("absent_over_time(a[5m])", &[], None),
        ("1 + 1", &[], None),
    ] {
        assert_eq!(lack(text, known), expected.map(|(metric, divisor)| (metric.to_owned(), divisor)), "{text}");
    }
}

#[test]
fn the_name_in_a_matcher_is_the_metric_only_when_it_is_the_whole_name() {
    for (text, metric) in [
        ("a{x=\"1\"}", "a"),
        ("{__name__=\"a\", x=\"1\"}", "a"),
        ("{__name__=~\"a.*\", x=\"1\"}", ""),
        ("{__name__!=\"a\", x=\"1\"}", ""),
        ("{x=\"a\"}", ""),
    ] {
        let all = Query::parse(text).expect(text).selectors();
        let selector = all.first().expect(text);
        assert_eq!((selector.metric.as_str(), selector.matchers.len()), (metric, 1), "{text}");
    }
}

#[test]
fn matchers_keep_their_kind() {
    let query = Query::parse("a{b=\"1\", c!=\"2\", d=~\"3\", e!~\"4\"}").expect("PromQL");
    let kinds: Vec<MatchKind> = query.selectors().into_iter().flat_map(|s| s.matchers).map(|m| m.kind).collect();
    assert_eq!(kinds, [MatchKind::Equal, MatchKind::NotEqual, MatchKind::Like, MatchKind::NotLike]);
}
