//! Whether one rule can yield anything, and why not.

use super::intervals;
use super::judge::file;
use crate::clients::prometheus::{Group, Rule};
use crate::clients::series::{Missing, Series};
use crate::fix::Fix;
use crate::promql::{MissingSelector, Query, Selector};
use crate::units::{format_span, format_window};
use crate::verify::absence::{self, Absence, Lack};
use crate::verify::report::Finding;
use crate::verify::snapshot::Snapshot;
use crate::verify::window::{self, NarrowWindow};

/// The rules of one group, with what was seen of the stack.
pub struct RulesOf<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub series: &'a Series,
    pub group: &'a Group,
}

impl RulesOf<'_> {
    pub fn judge(&self, rule: &Rule) -> Finding {
        let finding = self.verdict(rule);
        finding.in_file(file(self.group)).of_alert(&rule.name)
    }

    fn id(&self, rule: &Rule) -> String {
        format!("rule:{}/{}", self.group.name, rule.name)
    }

    fn broken(&self, rule: &Rule, what: impl Into<String>) -> Finding {
        Finding::broken(self.id(rule), &rule.name, what)
    }

    /// A change of the rule's file.
    fn edit(&self, what: impl Into<String>) -> Fix {
        Fix::edit(file(self.group), what).then(Fix::up())
    }

    fn verdict(&self, rule: &Rule) -> Finding {
        if rule.health == "err" {
            let error = rule.last_error.as_deref().unwrap_or("Prometheus does not say why");
            let fix = self.edit(format!("correct the expression of `{}`", rule.name));
            let why = error.rsplit("err: ").next().unwrap_or(error);
            return self.broken(rule, "does not evaluate").why(why).fix(fix);
        }
        // Prometheus has parsed it, even where our parser cannot.
        let Ok(query) = Query::parse(&rule.query) else { return self.evaluated(rule) };
        if let Some(aggregation) = query.quantile_without_le() {
            return self.without_le(rule, &aggregation);
        }
        let exists = |selector: &Selector| self.exists(selector);
        if let Err(missing) = query.can_yield(&exists) {
            return self.cannot_yield(rule, &missing);
        }
        let narrow = window::too_narrow(&query, self.snapshot, self.series);
        let fits = |one: &&NarrowWindow, selector: &Selector, range: Option<f64>| {
            one.selector == *selector && range == Some(one.window)
        };
        let sampled = |selector: &Selector, range: Option<f64>| {
            exists(selector) && !narrow.iter().any(|one| fits(&one, selector, range))
        };
        if let Err(missing) = query.can_yield_within(&sampled)
            && let Some(narrow) = narrow.iter().find(|one| one.selector == missing.selector)
        {
            return self.narrow(rule, narrow);
        }
        if let Some(finding) = self.vanishing(rule, &query) {
            return finding;
        }
        match query.wanted().iter().find(|selector| !exists(selector)) {
            Some(selector) => self.degraded(rule, selector),
            None => self.evaluated(rule),
        }
    }

    fn exists(&self, selector: &Selector) -> bool {
        self.series.missing(selector).is_none() && absence::impossible_value(selector, self.snapshot).is_none()
    }

    /// It has what it uses: ok once Prometheus has evaluated it.
    fn evaluated(&self, rule: &Rule) -> Finding {
        if rule.health == "unknown" {
            let finding = Finding::not_checked(self.id(rule), &rule.name, "was not evaluated yet");
            return finding.why(absence::first_evaluation(self.group, self.snapshot));
        }
        Finding::ok(self.id(rule), &rule.name)
    }

    fn without_le(&self, rule: &Rule, aggregation: &str) -> Finding {
        let cause = format!("`histogram_quantile` needs the label `le`, which `{aggregation}` removes");
        self.broken(rule, format!("{}: {cause}", never(rule)))
            .cause(cause)
            .fix(self.edit(format!("write `{aggregation} by (le) (...)`, with the labels to keep beside `le`")))
    }

    fn narrow(&self, rule: &Rule, narrow: &NarrowWindow) -> Finding {
        let metric = &narrow.selector.metric;
        let what = if narrow.always { never(rule).to_owned() } else { "is blind most of the time".to_owned() };
        self.broken(rule, format!("{what}: {}", narrow.what()))
            .why(&narrow.cause)
            .cause(&narrow.cause)
            .on_metric(metric)
            .fix(narrow.fix(file(self.group)))
    }

    /// An alert that waits longer than its series stays: each gap between two samples starts the wait again.
    fn vanishing(&self, rule: &Rule, query: &Query) -> Option<Finding> {
        let lookback = intervals::lookback(self.snapshot);
        if !rule.is_alert() || rule.duration < lookback {
            return None;
        }
        let gap = |selector: &Selector| {
            let interval = absence::interval(selector, self.snapshot, self.series).unwrap_or_default();
            // An evaluation falls into each gap.
            interval - lookback > self.group.interval
        };
        let missing = query.can_yield_within(&|selector, range| range.is_some() || !gap(selector)).err()?;
        let metric = &missing.selector.metric;
        let span = format_span(lookback);
        let what = format!("can never fire: `{metric}` vanishes {span} after each scrape, which resets its `for`");
        let interval = absence::interval(&missing.selector, self.snapshot, self.series).unwrap_or_default();
        let cause = format!("the samples of `{metric}` are {} apart", format_span(interval));
        let fix = self.edit(format!("use `last_over_time({metric}[{}])`", format_window(2.0 * interval)));
        let finding = Finding::warning(self.id(rule), &rule.name, what);
        Some(finding.why(&cause).cause(cause).on_metric(metric).fix(fix))
    }

    /// A rule that works without one of the metrics it uses.
    fn degraded(&self, rule: &Rule, selector: &Selector) -> Finding {
        let what = format!("degraded: `{}` does not exist", selector.text);
        let finding = Finding::note(self.id(rule), &rule.name, what).on_metric(&selector.metric);
        match absence::explain(selector, self.snapshot, self.series) {
            Absence::TargetDown(target) => finding.because(Some(target)),
            Absence::NotYet(why) | Absence::Expected(why) => finding.why(why),
            Absence::Mistake(mistake) => finding.why(&mistake.cause).cause(&mistake.cause),
        }
    }

    /// A rule that cannot yield anything now.
    fn cannot_yield(&self, rule: &Rule, missing: &MissingSelector) -> Finding {
        let (id, name) = (self.id(rule), &rule.name);
        let selector = &missing.selector;
        let why = absence::explain(selector, self.snapshot, self.series);
        let uses = if missing.divisor { "divides by" } else { "uses" };
        let what = format!("{}: it {uses} {}", never(rule), self.lacking(selector, &why));
        let finding = match why {
            Absence::TargetDown(target) => Finding::broken(id, name, what).because(Some(target)),
            Absence::NotYet(why) => Finding::not_checked(id, name, "cannot be checked yet").why(why),
            Absence::Expected(why) => Finding::note(id, name, what).why(why),
            Absence::Mistake(mistake) => Finding::broken(id, name, what)
                .why(&mistake.cause)
                .cause(&mistake.cause)
                .fix(self.edit(mistake.correction())),
        };
        if selector.metric.is_empty() { finding } else { finding.on_metric(&selector.metric) }
    }

    /// What the selector lacks, for a sentence: `x`, which does not exist.
    fn lacking(&self, selector: &Selector, why: &Absence) -> String {
        let metric = if selector.metric.is_empty() { &selector.text } else { &selector.metric };
        match (why, self.series.missing(selector)) {
            (Absence::Mistake(mistake), _) if matches!(mistake.lack, Lack::Value { .. }) => {
                format!("`{}`, which never matches", selector.text)
            }
            (_, Some(Missing::Label(label))) => format!("`{metric}` with a label `{label}`, which does not exist"),
            (_, Some(Missing::Metric)) => format!("`{metric}`, which does not exist"),
            (_, None) => format!("`{}`, which matches nothing", selector.text),
        }
    }
}

fn never(rule: &Rule) -> &'static str {
    if rule.is_alert() { "can never fire" } else { "can never record anything" }
}
