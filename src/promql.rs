//! PromQL expressions: which series they ask for, and whether they can yield anything at all.
//!
//! The grammar is `promql-parser`'s, which lags a little behind Prometheus: an expression that it does not parse is
//! unverified, not wrong.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{T_DIV, T_LAND, T_LOR, T_LUNLESS, T_MOD};
use promql_parser::parser::{self, Expr, VectorSelector};

/// Beyond these, walking an expression would not end well: how deep brackets may lie in each other, and how many
/// operators one may have, each of which may hold the one before it.
const DEEPEST: usize = 200;
const MOST_OPERATORS: usize = 1000;

/// An expression that parsed.
#[derive(Debug, Clone)]
pub struct Query(Expr);

/// One `metric{label="value"}` of an expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// Empty when the metric's name is matched by a pattern.
    pub metric: String,
    pub matchers: Vec<Match>,
    /// As PromQL, without range and offset.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub label: String,
    pub kind: MatchKind,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchKind {
    Equal,
    NotEqual,
    Like,
    NotLike,
}

/// Why an expression cannot yield anything: one of its parts has no series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSelector {
    pub selector: Selector,
    /// Is it what something is divided by?
    pub divisor: bool,
}

impl Query {
    /// Errors: the parser's own words; an expression too deep to be looked at.
    pub fn parse(text: &str) -> Result<Self, String> {
        parsed(text).map(Self)
    }

    /// Every selector, each once, in the order of their text.
    pub fn selectors(&self) -> BTreeSet<Selector> {
        let mut found = BTreeSet::new();
        walk(&self.0, &mut |expr| match expr {
            Expr::VectorSelector(vector) => drop(found.insert(selector(vector))),
            Expr::MatrixSelector(matrix) => drop(found.insert(selector(&matrix.vs))),
            _ => {}
        });
        found
    }

    /// Selectors but for those whose absence is the point: `absent(up)`.
    pub fn wanted(&self) -> BTreeSet<Selector> {
        let mut found = self.selectors();
        walk(&self.0, &mut |expr| {
            if let Expr::Call(call) = expr
                && call.func.name.starts_with("absent")
            {
                call.args.args.iter().for_each(|argument| {
                    Self(argument.as_ref().clone()).selectors().iter().for_each(|selector| {
                        found.remove(selector);
                    });
                });
            }
        });
        found
    }

    /// Ranges in seconds, by the function that takes them: `("rate", 300.0)`.
    pub fn ranges(&self) -> Vec<(String, f64, Selector)> {
        let mut found = Vec::new();
        walk(&self.0, &mut |expr| {
            let Expr::Call(call) = expr else { return };
            for argument in &call.args.args {
                if let Expr::MatrixSelector(matrix) = argument.as_ref() {
                    found.push((call.func.name.to_owned(), matrix.range.as_secs_f64(), selector(&matrix.vs)));
                }
            }
        });
        found
    }

    /// Selectors that no function over a range takes: where a counter would be shown as it is.
    pub fn bare_selectors(&self) -> BTreeSet<Selector> {
        let mut found = BTreeSet::new();
        walk(&self.0, &mut |expr| {
            if let Expr::VectorSelector(vector) = expr {
                found.insert(selector(vector));
            }
        });
        found
    }

    /// Can it yield anything, when just the selectors exist that `exists` says? `Err` names the part that stands in
    /// the way.
    pub fn can_yield(&self, exists: &dyn Fn(&Selector) -> bool) -> Result<(), MissingSelector> {
        yields(&self.0, exists)
    }
}

/// Text in double quotes, as PromQL and Alertmanager's matchers have it.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn parsed(text: &str) -> Result<Expr, String> {
    shallow(text)?;
    parser::parse(text)
}

/// Errors: what there is too much of. Strings and comments do not count.
fn shallow(text: &str) -> Result<(), String> {
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        let length = match first {
            '"' | '\'' | '`' => string(rest, first),
            '#' => rest.find(['\r', '\n']).unwrap_or(rest.len()),
            _ => word.max(first.len_utf8()),
        };
        match first {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '+' | '-' | '*' | '/' | '%' | '^' | '=' | '!' | '<' | '>' => operators += 1,
            _ if ["and", "or", "unless", "atan2"].iter().any(|name| rest[..word].eq_ignore_ascii_case(name)) => {
                operators += 1;
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("its brackets lie more than {DEEPEST} deep in each other"));
        }
        if operators > MOST_OPERATORS {
            return Err(format!("it has more than {MOST_OPERATORS} operators"));
        }
        rest = &rest[length..];
    }
    Ok(())
}

/// The length of the string at the beginning of `text`, with its quotes. The parser knows escapes in backticks too.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The expression with these filters (label, operator, value) in each of its selectors, as Grafana's ad hoc filters
/// are; as it stands when it does not parse.
pub fn narrowed(text: &str, filters: &[(String, String, String)]) -> String {
    if filters.is_empty() {
        return text.to_owned();
    }
    let Ok(mut expr) = parsed(text) else { return text.to_owned() };
    let matchers: Vec<Matcher> = filters.iter().flat_map(matchers).collect();
    narrow(&mut expr, &matchers);
    expr.to_string()
}

/// One filter, read by the parser itself; none when it is no filter that PromQL has.
fn matchers((label, operator, value): &(String, String, String)) -> Vec<Matcher> {
    match parsed(&format!("x{{{label}{operator}{}}}", quoted(value))) {
        Ok(Expr::VectorSelector(vector)) => vector.matchers.matchers,
        _ => Vec::new(),
    }
}

fn narrow(expr: &mut Expr, filters: &[Matcher]) {
    let into = |vector: &mut VectorSelector| vector.matchers.matchers.extend(filters.iter().cloned());
    match expr {
        Expr::VectorSelector(vector) => into(vector),
        Expr::MatrixSelector(matrix) => into(&mut matrix.vs),
        Expr::Aggregate(aggregate) => narrow(&mut aggregate.expr, filters),
        Expr::Unary(unary) => narrow(&mut unary.expr, filters),
        Expr::Paren(paren) => narrow(&mut paren.expr, filters),
        Expr::Subquery(subquery) => narrow(&mut subquery.expr, filters),
        Expr::Binary(binary) => {
            narrow(&mut binary.lhs, filters);
            narrow(&mut binary.rhs, filters);
        }
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| narrow(argument, filters)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn yields(expr: &Expr, exists: &dyn Fn(&Selector) -> bool) -> Result<(), MissingSelector> {
    let one = |vector: &VectorSelector| {
        let selector = selector(vector);
        if exists(&selector) { Ok(()) } else { Err(MissingSelector { selector, divisor: false }) }
    };
    match expr {
        Expr::VectorSelector(vector) => one(vector),
        Expr::MatrixSelector(matrix) => one(&matrix.vs),
        Expr::Aggregate(aggregate) => yields(&aggregate.expr, exists),
        Expr::Unary(unary) => yields(&unary.expr, exists),
        Expr::Paren(paren) => yields(&paren.expr, exists),
        Expr::Subquery(subquery) => yields(&subquery.expr, exists),
        Expr::Binary(binary) => {
            let (left, right) = (yields(&binary.lhs, exists), yields(&binary.rhs, exists));
            match binary.op.id() {
                T_LOR => left.or_else(|lack| right.map_err(|_| lack)),
                T_LUNLESS => left,
                T_LAND => left.and(right),
                T_DIV | T_MOD => left.and(right.map_err(|lack| MissingSelector { divisor: true, ..lack })),
                _ => left.and(right),
            }
        }
        Expr::Call(call) if call.func.name.starts_with("absent") => Ok(()),
        Expr::Call(call) => call.args.args.iter().try_for_each(|argument| yields(argument, exists)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Ok(()),
    }
}

fn walk(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expr);
    match expr {
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &aggregate.param {
                walk(parameter, visit);
            }
            walk(&aggregate.expr, visit);
        }
        Expr::Unary(unary) => walk(&unary.expr, visit),
        Expr::Binary(binary) => {
            walk(&binary.lhs, visit);
            walk(&binary.rhs, visit);
        }
        Expr::Paren(paren) => walk(&paren.expr, visit),
        Expr::Subquery(subquery) => walk(&subquery.expr, visit),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| walk(argument, visit)),
        _ => {}
    }
}

fn selector(vector: &VectorSelector) -> Selector {
    let plain = VectorSelector { offset: None, at: None, ..vector.clone() };
    let all = vector.matchers.matchers.iter().chain(vector.matchers.or_matchers.iter().flatten());
    let named = |matcher: &&Matcher| matcher.name == "__name__" && matches!(matcher.op, MatchOp::Equal);
    let by_matcher = vector.matchers.matchers.iter().find(named).map(|matcher| matcher.value.clone());
    let matchers = all.filter(|matcher| matcher.name != "__name__").map(|matcher| Match {
        label: matcher.name.clone(),
        kind: match matcher.op {
            MatchOp::Equal => MatchKind::Equal,
            MatchOp::NotEqual => MatchKind::NotEqual,
            MatchOp::Re(_) => MatchKind::Like,
            MatchOp::NotRe(_) => MatchKind::NotLike,
        },
        value: matcher.value.clone(),
    });
    Selector {
        metric: vector.name.clone().or(by_matcher).unwrap_or_default(),
        matchers: matchers.collect(),
        text: Expr::VectorSelector(plain).to_string(),
    }
}

#[cfg(test)]
mod tests {
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
        let filters =
            [("job".to_owned(), "=~".to_owned(), "a.*".to_owned()), ("x".into(), "one of".into(), "y".into())];
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
        let query =
            Query::parse("rate(a{x=\"1\"}[5m] offset 1h) + on (i) {__name__=\"b\", y!~\"2|3\"}").expect("PromQL");
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

    #[test]
    fn counters_that_no_function_takes_are_bare() {
        let bare = |text: &str| -> Vec<String> {
            Query::parse(text).expect("PromQL").bare_selectors().into_iter().map(|selector| selector.metric).collect()
        };
        assert_eq!(bare("sum(a) + rate(b[5m])"), ["a"]);
    }

    #[test]
    fn brackets_and_operators_in_strings_and_comments_do_not_count() {
        let many = "(-".repeat(DEEPEST.max(MOST_OPERATORS) + 1);
        for text in [
            format!("a{{b=\"{many}\"}}"),
            format!("a{{b='\\'{many}'}}"),
            format!("a # {many}"),
            format!("a # {many}\n + 1"),
            format!("# \"\n a # {many}\n # \" "),
        ] {
            assert_eq!(shallow(&text), Ok(()), "{text:.20}");
        }
        // Closed brackets do not lie in each other, and quotes end.
        assert_eq!(shallow(&"(a)[b]{c}".repeat(DEEPEST)), Ok(()));
        for text in [format!("\"\"{many}"), format!("'a'{many}"), format!("\"\\\"\"{many}"), format!("#\n{many}")] {
            assert!(shallow(&text).is_err(), "{text:.20}");
        }
        let chained = |count: usize| "a and ".repeat(count) + "a";
        assert_eq!(shallow(&chained(MOST_OPERATORS)), Ok(()));
        assert!(shallow(&chained(MOST_OPERATORS + 1)).is_err());
        assert_eq!(string("\"ab\"c", '"'), 4);
        assert_eq!(string("'a\\'b' c", '\''), 6);
        assert_eq!(string("\"open", '"'), 5);
    }
}
