//! Why a panel shows nothing: a variable, a metric, a label, or nothing to be seen just now.

use crate::clients::grafana::PanelQuery;
use crate::clients::prometheus::Prometheus;
use crate::error::did_you_mean;
use crate::fix::Fix;
use crate::promql::{self, MatchKind, Selector};
use crate::verify::absence::{self, Absence};
use crate::verify::links::dashboards::once::Once;
use crate::verify::links::dashboards::queries::{Case, Whole, file};
use crate::verify::links::dashboards::variables::{Cause, Emptiness};
use crate::verify::report::{Finding, Verdict};
use crate::verify::snapshot::Snapshot;

/// The cause, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    verdict: Verdict,
    what: String,
    why: Vec<String>,
    fix: Option<Fix>,
    because: Option<String>,
}

impl Why {
    fn new(verdict: Verdict, what: impl Into<String>) -> Self {
        Self { verdict, what: what.into(), why: Vec::new(), fix: None, because: None }
    }

    pub fn note(what: impl Into<String>) -> Self {
        Self::new(Verdict::Note, what)
    }

    fn broken(what: impl Into<String>, fix: impl Into<Fix>) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(Verdict::Broken, what) }
    }

    fn and(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    pub fn finding(self, id: &str, subject: &str) -> Finding {
        let mut finding = match self.verdict {
            Verdict::Broken => Finding::broken(id, subject, self.what),
            Verdict::NotChecked => Finding::not_checked(id, subject, self.what),
            _ => Finding::note(id, subject, self.what),
        };
        finding.why = self.why;
        finding.fix = self.fix;
        finding.because(self.because)
    }
}

/// Asks Prometheus itself about selectors, each once.
pub(super) struct Explainer<'a> {
    snapshot: &'a Snapshot<'a>,
    counted: Once<String, Option<f64>>,
}

impl<'a> Explainer<'a> {
    pub fn new(whole: &Whole<'a>) -> Self {
        Self { snapshot: whole.snapshot, counted: Once::default() }
    }

    /// The query ended with an error.
    pub fn refused(&self, case: &Case<'_>, asked: &PanelQuery, words: &str) -> Why {
        // A variable that came to nothing often leaves a text that is no PromQL.
        if let Some(why) = self.by_variable(case) {
            return why.and(words.to_owned());
        }
        let place = format!("correct the query {} in {}, then watchpost up", case.query.ref_id, file(case.kept));
        Why::broken(words.trim(), place).and(format!("it asks: {}", asked.expr))
    }

    pub async fn empty(&self, case: &Case<'_>, asked: &PanelQuery, whole: &Whole<'_>) -> Why {
        if let Some(why) = self.by_variable(case) {
            return why;
        }
        let Some(source) = whole.sources.iter().find(|source| source.uid == asked.source) else {
            return Why::note("it shows nothing");
        };
        let Ok(query) = promql::Query::parse(&asked.executed(source)) else {
            return Why::note("it shows nothing, and its query is not read here, so that nothing can be said of why");
        };
        let Ok(names) = &self.snapshot.names else {
            return Why::new(Verdict::NotChecked, "it shows nothing, and Prometheus cannot be asked why");
        };
        let named = |selector: &Selector| selector.metric.is_empty() || names.contains(&selector.metric);
        if let Err(lack) = query.can_yield(&named) {
            return self.absent(&lack.selector, &place(case));
        }
        let Some(prometheus) = whole.stack.prometheus().await else {
            return Why::note("it shows nothing");
        };
        for selector in query.selectors() {
            self.count(&prometheus, &selector.text).await;
        }
        let counted = |selector: &Selector| self.counted.known(&selector.text) != Some(Some(0.0));
        match query.can_yield(&counted) {
            Err(lack) => self.unmatched(&prometheus, &lack.selector, &place(case)).await,
            Ok(()) => self.nothing_now(&prometheus, &query).await,
        }
    }

    /// The first variable of the query that nothing can be chosen for, or that the dashboard does not have.
    fn by_variable(&self, case: &Case<'_>) -> Option<Why> {
        let filled = case.resolved.scope.fill(case.query.expr);
        if let Some(unknown) = filled.unknown.first() {
            let what = format!("it uses `${unknown}`, which is no variable of the dashboard");
            return Some(Why::broken(what, place(case)));
        }
        let name = filled.used.iter().find(|name| case.resolved.empty.contains_key(*name))?;
        Some(self.variable(case, name, 0))
    }

    fn variable(&self, case: &Case<'_>, name: &str, depth: usize) -> Why {
        let Some(Emptiness { query, hidden, cause }) = case.resolved.empty.get(name) else {
            return Why::note("it shows nothing");
        };
        let kind = if *hidden { "hidden variable" } else { "variable" };
        let what = format!("the {kind} `{name}` is empty");
        let place = format!("correct the variable `{name}` in {}, then watchpost up", file(case.kept));
        let why = match cause {
            Cause::Follows(before) if depth < 8 => {
                let inner = self.variable(case, before, depth + 1);
                let mut why = vec![format!("it asks with another, and {}", inner.what)];
                why.extend(inner.why.iter().cloned());
                return Why { what, why, ..inner };
            }
            Cause::Follows(before) => Why::broken(what, place).and(format!("it asks with `{before}`, which is empty")),
            Cause::NoChoices => Why::broken(what, place).and("there is nothing to choose from"),
            Cause::Refused(words) => Why::broken(what, place).and(words.clone()),
            Cause::FilteredAway { regex, values } => {
                Why::broken(what, place).and(format!("its regex `{regex}` keeps none of {values} values"))
            }
            Cause::NothingFound { selector, label } => self.not_found(what, &place, selector, label.as_deref()),
        };
        if query.is_empty() { why } else { why.and(format!("it asks: {query}")) }
    }

    /// A variable's question has no answer.
    fn not_found(&self, what: String, place: &str, selector: &str, label: Option<&str>) -> Why {
        let parsed = promql::Query::parse(selector).ok();
        let first = parsed.and_then(|query| query.selectors().into_iter().next());
        let known = |metric: &str| self.snapshot.names.as_ref().is_ok_and(|names| names.contains(metric));
        match (first, label) {
            (Some(first), _) if !first.metric.is_empty() && !known(&first.metric) => {
                let inner = self.absent(&first, place);
                let cause = inner.what.clone();
                let mut why = vec![cause];
                why.extend(inner.why.iter().cloned());
                Why { what, why, ..inner }
            }
            (Some(first), Some(label)) if !self.has_label(&first.metric, label) => {
                Why::broken(what, place).and(format!("no series of `{}` has the label `{label}`", first.text))
            }
            (Some(first), _) => {
                let why = Why::note(what).and(format!("nothing matches {} now", first.text));
                if first.matchers.is_empty() {
                    Why { verdict: Verdict::Broken, fix: Some(place.into()), ..why }
                } else {
                    why
                }
            }
            (None, Some(label)) => Why::broken(what, place).and(format!("no series has the label `{label}`")),
            (None, None) => Why::broken(what, place).and("nothing is found"),
        }
    }

    /// Does the catalog know the label for this metric? Then it may be missing just now.
    fn has_label(&self, metric: &str, label: &str) -> bool {
        let needle = format!("{label}=\"");
        self.snapshot.catalog.components.values().any(|component| {
            let sample = component.files.get("metrics.prom").and_then(|file| file.text().ok()).unwrap_or_default();
            let lines = sample.lines().filter(|line| line.split(['{', ' ']).next() == Some(metric));
            let mut labels = lines.filter_map(|line| line.split_once('{'));
            // Targets bring these by themselves.
            labels.any(|(_, rest)| rest.contains(&needle)) || matches!(label, "job" | "instance")
        })
    }

    fn absent(&self, selector: &Selector, place: &str) -> Why {
        // Prometheus makes these itself with every scrape.
        if selector.metric == "up" || selector.metric.starts_with("scrape_") {
            return Why::note("nothing was scraped yet");
        }
        match absence::explain(selector, self.snapshot) {
            Absence::TargetDown(id) => down(&id, &format!("{} is absent", selector.metric)),
            Absence::Expected(why) => Why::note(format!("{} is absent: {why}", selector.metric)),
            Absence::Unknown(why) => {
                let names = self.snapshot.names.as_ref().ok();
                let guess = names.and_then(|names| did_you_mean(&selector.metric, names.iter().map(String::as_str)));
                let fix = match guess {
                    Some(guess) => format!("is `{guess}` meant? {place}"),
                    None => place.to_owned(),
                };
                Why::broken(why, fix)
            }
        }
    }

    /// The metric is there, and no series of it matches.
    async fn unmatched(&self, prometheus: &Prometheus<'_>, selector: &Selector, place: &str) -> Why {
        if let Absence::TargetDown(id) = absence::explain(selector, self.snapshot) {
            return down(&id, &format!("nothing matches {}", selector.text));
        }
        let wanted = |kind: MatchKind| matches!(kind, MatchKind::Equal | MatchKind::Like);
        for matcher in selector.matchers.iter().filter(|m| wanted(m.kind) && !m.value.is_empty()) {
            let with_label = format!("{}{{{}!=\"\"}}", selector.metric, matcher.label);
            if !selector.metric.is_empty()
                && self.count(prometheus, &with_label).await == Some(0.0)
                && !self.has_label(&selector.metric, &matcher.label)
            {
                let what = format!("no series of `{}` has the label `{}`", selector.metric, matcher.label);
                return Why::broken(what, place).and(format!("it asks for {}", selector.text));
            }
        }
        Why::note(format!("nothing matches {} now", selector.text))
    }

    /// Everything is there, and the whole yields nothing.
    async fn nothing_now(&self, prometheus: &Prometheus<'_>, query: &promql::Query) -> Why {
        for (function, range, selector) in query.ranges() {
            let samples = format!("max(count_over_time({}[{}]))", selector.text, crate::units::format_duration(range));
            if prometheus.value(&samples).await.ok().flatten().is_none_or(|count| count < 2.0) {
                let text = selector.metric;
                return Why::note(format!("no traffic yet: `{function}` of {text} needs two scrapes in {range:.0} s"));
            }
        }
        Why::note("there is nothing to show just now: its metrics are there, and its filters keep none of them")
    }

    /// How many series there are; `None` when Prometheus does not say.
    async fn count(&self, prometheus: &Prometheus<'_>, selector: &str) -> Option<f64> {
        let ask = async || {
            let count = prometheus.value(&format!("count({selector})")).await.ok()?;
            Some(count.unwrap_or_default())
        };
        self.counted.get(&selector.to_owned(), ask).await
    }
}

fn place(case: &Case<'_>) -> String {
    format!("correct the query {} in {}, then watchpost up", case.query.ref_id, file(case.kept))
}

/// It follows from a target that is down.
fn down(id: &str, what: &str) -> Why {
    let target = id.split_once(':').map_or(id, |(_, name)| name);
    let why = Why::new(Verdict::Broken, what.to_owned()).and(format!("the target {target} is down"));
    Why { because: Some(id.to_owned()), ..why }
}
