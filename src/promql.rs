//! PromQL expressions: which series they ask for, and whether they can yield anything at all.
//!
//! The grammar is `promql-parser`'s, which lags a little behind Prometheus: an expression that it does not parse is
//! unverified, not wrong.

mod depth;
mod likeness;
mod quantile;
mod shown;

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{T_DIV, T_LAND, T_LOR, T_LUNLESS, T_MOD};
use promql_parser::parser::{self, Expr, VectorSelector};

pub use likeness::{family, meant};

/// Has the selector series, within a range of so many seconds where a function takes one?
type Exists<'a> = dyn Fn(&Selector, Option<f64>) -> bool + 'a;

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

    /// Can it yield anything, when just the selectors exist that `exists` says? `Err` names the part that stands in
    /// the way.
    pub fn can_yield(&self, exists: &dyn Fn(&Selector) -> bool) -> Result<(), MissingSelector> {
        yields(&self.0, &|selector, _| exists(selector))
    }

    /// The same, when it also matters whether a function over a range of so many seconds takes the selector; `None`: its
    /// samples are used as they stand.
    pub fn can_yield_within(&self, exists: &Exists<'_>) -> Result<(), MissingSelector> {
        yields(&self.0, exists)
    }
}

/// Text in double quotes, as PromQL and Alertmanager's matchers have it.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn parsed(text: &str) -> Result<Expr, String> {
    depth::shallow(text)?;
    parser::parse(text)
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

fn yields(expr: &Expr, exists: &Exists<'_>) -> Result<(), MissingSelector> {
    let one = |vector: &VectorSelector, range: Option<f64>| {
        let selector = selector(vector);
        if exists(&selector, range) { Ok(()) } else { Err(MissingSelector { selector, divisor: false }) }
    };
    match expr {
        Expr::VectorSelector(vector) => one(vector, None),
        Expr::MatrixSelector(matrix) => one(&matrix.vs, Some(matrix.range.as_secs_f64())),
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
mod tests;
