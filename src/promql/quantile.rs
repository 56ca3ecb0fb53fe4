//! Quantiles of buckets that an aggregation has merged: without `le`, `histogram_quantile` yields nothing.

use promql_parser::parser::{AggregateExpr, Expr, LabelModifier};

use super::{Query, walk};

impl Query {
    /// The aggregation that removes the label `le` before `histogram_quantile` needs it: `sum`. Only of classic
    /// buckets, whose names end in `_bucket`: native histograms have no `le`.
    pub fn quantile_without_le(&self) -> Option<String> {
        let mut found = None;
        walk(&self.0, &mut |expr| {
            if let Expr::Call(call) = expr
                && call.func.name == "histogram_quantile"
                && let Some(buckets) = call.args.args.get(1)
            {
                found = found.take().or_else(|| removes_le(buckets));
            }
        });
        found
    }
}

fn removes_le(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Paren(paren) => removes_le(&paren.expr),
        Expr::Aggregate(aggregate) if !keeps_le(aggregate) => {
            let selectors = Query(aggregate.expr.as_ref().clone()).selectors();
            let classic = !selectors.is_empty() && selectors.iter().all(|one| one.metric.ends_with("_bucket"));
            classic.then(|| aggregate.op.to_string())
        }
        Expr::Aggregate(aggregate) => removes_le(&aggregate.expr),
        _ => None,
    }
}

/// `topk` and the like keep all labels.
fn keeps_le(aggregate: &AggregateExpr) -> bool {
    if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&aggregate.op.to_string().as_str()) {
        return true;
    }
    match &aggregate.modifier {
        Some(LabelModifier::Include(labels)) => labels.labels.iter().any(|label| label == "le"),
        Some(LabelModifier::Exclude(labels)) => labels.labels.iter().all(|label| label != "le"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost_by(text: &str) -> Option<String> {
        Query::parse(text).expect("PromQL").quantile_without_le()
    }

    #[test]
    fn a_sum_that_removes_le_is_named() {
        for text in [
            "histogram_quantile(0.9, sum(rate(a_bucket[5m])))",
            "1 + histogram_quantile(0.9, (sum by (job) (rate(a_bucket[5m])))) > 2",
            "histogram_quantile(0.9, sum by (le) (sum without (le) (rate(a_bucket[5m]))))",
        ] {
            assert_eq!(lost_by(text).as_deref(), Some("sum"), "{text}");
        }
        assert_eq!(lost_by("histogram_quantile(0.9, max(a_bucket))").as_deref(), Some("max"));
    }

    #[test]
    fn a_sum_that_keeps_le_and_a_native_histogram_are_fine() {
        for text in [
            "histogram_quantile(0.9, sum by (le, job) (rate(a_bucket[5m])))",
            "histogram_quantile(0.9, sum without (job) (rate(a_bucket[5m])))",
            "histogram_quantile(0.9, rate(a_bucket[5m]))",
            "histogram_quantile(0.9, topk(3, rate(a_bucket[5m])))",
            "histogram_quantile(0.9, sum(rate(a_seconds[5m])))",
            "sum(rate(a_bucket[5m]))",
        ] {
            assert_eq!(lost_by(text), None, "{text}");
        }
    }
}
