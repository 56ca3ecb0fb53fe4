//! Which selectors an expression shows by their own values, rather than by growth, number or presence.

use std::collections::BTreeSet;

use promql_parser::parser::token::{T_COUNT, T_COUNT_VALUES, T_DIV, T_GROUP, T_LAND, T_LUNLESS, T_SUB};
use promql_parser::parser::{BinaryExpr, Call, Expr};

use super::{Query, Selector, selector};

/// Functions that read growth out of a range.
const GROWTH: [&str; 9] =
    ["rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "resets", "changes"];
/// Functions to whom the value says nothing.
const PRESENCE: [&str; 5] = ["absent", "absent_over_time", "present_over_time", "count_over_time", "timestamp"];

impl Query {
    /// Selectors whose values are shown as they are: a counter among them shows its total since a restart.
    pub fn shown(&self) -> BTreeSet<Selector> {
        shown(&self.0)
    }
}

fn shown(expr: &Expr) -> BTreeSet<Selector> {
    match expr {
        Expr::VectorSelector(vector) => [selector(vector)].into(),
        Expr::Aggregate(aggregate) => match aggregate.op.id() {
            T_COUNT | T_GROUP | T_COUNT_VALUES => BTreeSet::new(),
            _ => shown(&aggregate.expr),
        },
        Expr::Binary(binary) => of_binary(binary),
        Expr::Call(call) => of_call(call),
        Expr::Paren(paren) => shown(&paren.expr),
        Expr::Unary(unary) => shown(&unary.expr),
        Expr::Subquery(subquery) => shown(&subquery.expr),
        Expr::MatrixSelector(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {
            BTreeSet::new()
        }
    }
}

fn of_call(call: &Call) -> BTreeSet<Selector> {
    let name = call.func.name;
    if PRESENCE.contains(&name) {
        return BTreeSet::new();
    }
    let arguments = call.args.args.iter().map(AsRef::as_ref);
    let read = arguments.filter(|argument| !(GROWTH.contains(&name) && matches!(argument, Expr::Subquery(_))));
    read.flat_map(shown).collect()
}

fn of_binary(binary: &BinaryExpr) -> BTreeSet<Selector> {
    if binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool) {
        return BTreeSet::new();
    }
    let (left, right) = (shown(&binary.lhs), shown(&binary.rhs));
    let metrics =
        |side: &BTreeSet<Selector>| -> BTreeSet<String> { side.iter().map(|one| one.metric.clone()).collect() };
    match binary.op.id() {
        T_LAND | T_LUNLESS => left,
        // A share of one in the other, and the growth since an earlier time.
        T_DIV if !left.is_empty() && !right.is_empty() => BTreeSet::new(),
        T_SUB if !left.is_empty() && metrics(&left) == metrics(&right) => BTreeSet::new(),
        _ => left.into_iter().chain(right).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_unless_something_takes_its_growth_its_number_or_its_presence() {
        for (text, expected) in [
            ("a", &["a"][..]),
            ("sum by (x) (a) + rate(b[5m])", &["a"]),
            ("topk(3, a)", &["a"]),
            ("increase(a[5m:30s])", &[]),
            ("rate(sum(a)[5m:30s])", &[]),
            ("max_over_time(a[5m:30s])", &["a"]),
            ("max_over_time(a[5m])", &[]),
            ("count(a)", &[]),
            ("count by (x) (a)", &[]),
            ("count(a) by (x)", &[]),
            ("group by (x) (a)", &[]),
            ("count_values(\"v\", a)", &[]),
            ("absent(a)", &[]),
            ("time() - timestamp(a)", &[]),
            ("a > bool 0", &[]),
            ("a > 0", &["a"]),
            ("rate(a[5m]) and a > 0", &[]),
            ("a unless b", &["a"]),
            ("b or a", &["a", "b"]),
            ("a - a offset 1h", &[]),
            ("a - b", &["a", "b"]),
            ("sum(a) / sum(b)", &[]),
            ("a / 60", &["a"]),
            ("-(a)", &["a"]),
            ("abs(a)", &["a"]),
        ] {
            let query = Query::parse(text).expect(text);
            let metrics: Vec<String> = query.shown().into_iter().map(|selector| selector.metric).collect();
            assert_eq!(metrics, expected, "{text}");
        }
    }
}
