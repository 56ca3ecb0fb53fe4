//! Why a panel shows nothing: a variable, a metric, a label, or nothing to show at this moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::grafana::PanelQuery;
use crate::fix::Fix;
use crate::promql::{MatchKind, Query, Selector};
use crate::units::format_duration;
use crate::verify::absence::{self, Absence};
use crate::verify::links::dashboards::case::{Case, Outcomes, Plan, Shown};
use crate::verify::links::dashboards::data_sources::Sources;
use crate::verify::links::dashboards::variables::{EmptyVariable, VariableFailure};
use crate::verify::report::Finding;
use crate::verify::series::Series;
use crate::verify::snapshot::Snapshot;

/// Prometheus's values by expression; `None` when it gave no answer, 0 when nothing matches.
pub type Answers = BTreeMap<String, Option<f64>>;

/// Variables may follow from each other; a circle ends here.
const MAX_DEPTH: usize = 8;

fn count_of(selector: &str) -> String {
    format!("count({selector})")
}

fn count_with_label(selector: &Selector, label: &str) -> String {
    count_of(&format!("{}{{{label}!=\"\"}}", selector.metric))
}

fn samples_in(selector: &Selector, range: f64) -> String {
    format!("max(count_over_time({}[{}]))", selector.text, format_duration(range))
}

/// Labels that the selector requires.
fn required_labels(selector: &Selector) -> Vec<&str> {
    if selector.metric.is_empty() {
        return Vec::new();
    }
    let required = |kind: MatchKind| matches!(kind, MatchKind::Equal | MatchKind::Like);
    let matchers = selector.matchers.iter().filter(|matcher| required(matcher.kind) && !matcher.value.is_empty());
    matchers.map(|matcher| matcher.label.as_str()).collect()
}

/// Is its metric among `names`, all that Prometheus has?
fn is_present(selector: &Selector, names: &BTreeSet<String>) -> bool {
    selector.metric.is_empty() || names.contains(&selector.metric)
}

/// The first selector without series that keeps the query from yielding anything.
fn blocking_selector(query: &Query, names: &BTreeSet<String>, answers: &Answers) -> Option<Selector> {
    let exists =
        |selector: &Selector| is_present(selector, names) && answers.get(&count_of(&selector.text)) != Some(&Some(0.0));
    query.can_yield(&exists).err().map(|missing| missing.selector)
}

/// What Prometheus must still be asked before the empty panels can be explained. `names`: all metrics that it has.
pub fn open_questions(
    cases: &[Case<'_>],
    outcomes: &Outcomes,
    sources: &Sources<'_>,
    names: &BTreeSet<String>,
    answers: &Answers,
) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for case in cases {
        let Plan::Run(runs) = &case.plan else { continue };
        let Shown::Empty(Some(run)) = Shown::by(runs, outcomes) else { continue };
        if case.query.panel.may_be_empty() || blamed_variable(case).is_some() {
            continue;
        }
        if let Some(query) = parsed(run, sources) {
            open.extend(questions(&query, names, answers));
        }
    }
    open.retain(|question| !answers.contains_key(question));
    open
}

/// First whether each selector has series; then about the label that is missing, or the samples in each range. Nothing
/// about a metric that is absent: its name is the cause.
fn questions(query: &Query, names: &BTreeSet<String>, answers: &Answers) -> Vec<String> {
    if query.can_yield(&|selector| is_present(selector, names)).is_err() {
        return Vec::new();
    }
    let selectors = query.selectors();
    let present = selectors.iter().filter(|selector| is_present(selector, names));
    let counts: Vec<String> = present.map(|selector| count_of(&selector.text)).collect();
    if counts.iter().any(|count| !answers.contains_key(count)) {
        return counts;
    }
    match blocking_selector(query, names, answers) {
        Some(selector) => {
            required_labels(&selector).into_iter().map(|label| count_with_label(&selector, label)).collect()
        }
        None => query.ranges().into_iter().map(|(_, range, selector)| samples_in(&selector, range)).collect(),
    }
}

fn parsed(run: &PanelQuery, sources: &Sources<'_>) -> Option<Query> {
    Query::parse(&run.executed(sources.by_uid(&run.source)?)).ok()
}

/// A variable that leaves the query empty or invalid.
enum Blamed {
    /// The dashboard does not have it.
    Unknown(String),
    Empty(String),
}

fn blamed_variable(case: &Case<'_>) -> Option<Blamed> {
    let filled = case.variables.scope.fill(case.query.expr);
    if let Some(unknown) = filled.unknown.first() {
        return Some(Blamed::Unknown(unknown.clone()));
    }
    let mut used = filled.used.into_iter();
    used.find(|name| case.variables.empty.contains_key(name)).map(Blamed::Empty)
}

/// Turns what was seen into causes.
pub struct Explainer<'a> {
    pub chain: &'a Snapshot<'a>,
    pub sources: &'a Sources<'a>,
    pub answers: &'a Answers,
}

impl Explainer<'_> {
    /// The query ended with an error.
    pub fn refused(&self, case: &Case<'_>, run: &PanelQuery, words: &str) -> Finding {
        // An empty variable often leaves a text that is not valid PromQL.
        if let Some(finding) = self.by_variable(case) {
            return finding.why(words);
        }
        case.broken(words.trim()).why(format!("its query: {}", run.expr)).fix(case.correct_query())
    }

    /// The query yields nothing.
    pub fn empty(&self, case: &Case<'_>, run: &PanelQuery) -> Finding {
        if let Some(finding) = self.by_variable(case) {
            return finding;
        }
        let Some(query) = parsed(run, self.sources) else {
            return case.note("it shows nothing; why is unknown, since our parser cannot read its query");
        };
        let Ok(names) = &self.chain.names else {
            return case.not_checked("it shows nothing, and Prometheus cannot be asked why");
        };
        if let Err(missing) = query.can_yield(&|selector| is_present(selector, names)) {
            return self.missing_metric(case, &missing.selector, case.correct_query());
        }
        match blocking_selector(&query, names, self.answers) {
            Some(selector) => self.no_series(case, &selector),
            None => self.nothing_now(case, &query),
        }
    }

    fn by_variable(&self, case: &Case<'_>) -> Option<Finding> {
        Some(match blamed_variable(case)? {
            Blamed::Unknown(name) => case
                .broken(format!("it uses `${name}`, which is not a variable of the dashboard"))
                .fix(case.correct_query()),
            Blamed::Empty(name) => self.variable(case, &name, 0),
        })
    }

    fn variable(&self, case: &Case<'_>, name: &str, depth: usize) -> Finding {
        let Some(EmptyVariable { query, hidden, failure }) = case.variables.empty.get(name) else {
            return case.note("it shows nothing");
        };
        let kind = if *hidden { "hidden variable" } else { "variable" };
        let what = format!("the {kind} `{name}` is empty");
        let broken = |why: String| case.broken(&what).why(why).fix(case.correct_variable(name));
        let finding = match failure {
            VariableFailure::Follows(before) if depth < MAX_DEPTH => {
                let cause = self.variable(case, before, depth + 1);
                let cause_in_words = format!("its query uses another variable, and {}", cause.what);
                return renamed(cause, &what, cause_in_words);
            }
            VariableFailure::Follows(before) => broken(format!("its query uses `{before}`, which is empty")),
            VariableFailure::NoChoices => broken("it has nothing to choose from".into()),
            VariableFailure::Refused(words) => broken(words.clone()),
            VariableFailure::FilteredAway { regex, values } => {
                broken(format!("its regex `{regex}` matches none of {values} values"))
            }
            VariableFailure::NothingFound { selector, label } => {
                self.no_values(case, name, what, selector, label.as_deref())
            }
        };
        if query.is_empty() { finding } else { finding.why(format!("its query: {query}")) }
    }

    /// A variable's query found nothing.
    fn no_values(&self, case: &Case<'_>, name: &str, what: String, selector: &str, label: Option<&str>) -> Finding {
        let fix = case.correct_variable(name);
        let broken = |why: String| case.broken(&what).why(why).fix(fix.clone());
        let parsed = Query::parse(selector).ok();
        let Some(first) = parsed.and_then(|query| query.selectors().into_iter().next()) else {
            return match label {
                Some(label) => broken(format!("no series has the label `{label}`")),
                None => broken("nothing is found".into()),
            };
        };
        if !first.metric.is_empty() && !self.chain.has(&first.metric) {
            let cause = self.missing_metric(case, &first, fix);
            let cause_in_words = cause.what.clone();
            return renamed(cause, &what, cause_in_words);
        }
        if let Some(label) = label.filter(|label| !self.may_have_label(&first.metric, label)) {
            return broken(format!("no series of `{}` has the label `{label}`", first.text));
        }
        let why = format!("nothing matches {} now", first.text);
        if first.matchers.is_empty() { broken(why) } else { case.note(&what).why(why) }
    }

    /// Does the catalog know the label for this metric, or does every target have it? Then it may be missing only now.
    fn may_have_label(&self, metric: &str, label: &str) -> bool {
        let known = &self.chain.known_metrics;
        known.has_label(metric, label) || (known.job(metric).is_some() && matches!(label, "job" | "instance"))
    }

    fn missing_metric(&self, case: &Case<'_>, selector: &Selector, fix: Fix) -> Finding {
        let metric = &selector.metric;
        // Prometheus makes these itself with every scrape.
        if metric == "up" || metric.starts_with("scrape_") {
            return case.note("nothing was scraped yet");
        }
        match absence::explain(selector, self.chain, &Series::default()) {
            Absence::TargetDown(id) => target_down(case, id, format!("`{metric}` is absent")),
            Absence::NotYet(why) => case.not_checked(format!("`{metric}` does not exist yet: {why}")),
            Absence::Expected(why) => case.note(format!("`{metric}` is absent: {why}")),
            Absence::Mistake(mistake) => {
                let finding = case.broken(&mistake.cause).cause(&mistake.cause).on_metric(metric).fix(fix);
                match mistake.guess {
                    Some(guess) => finding.why(format!("did you mean `{guess}`?")),
                    None => finding,
                }
            }
        }
    }

    /// The metric exists, but no series of it matches.
    fn no_series(&self, case: &Case<'_>, selector: &Selector) -> Finding {
        let nothing_matches = format!("nothing matches {}", selector.text);
        match absence::explain(selector, self.chain, &Series::default()) {
            Absence::TargetDown(id) => return target_down(case, id, nothing_matches),
            Absence::NotYet(why) => return case.not_checked(nothing_matches).why(why),
            Absence::Mistake(mistake) if !selector.metric.is_empty() => {
                let fix = case.edit(mistake.correction());
                return case.broken(nothing_matches).why(&mistake.cause).cause(&mistake.cause).fix(fix);
            }
            _ => {}
        }
        for label in required_labels(selector) {
            let none_has_it = self.answers.get(&count_with_label(selector, label)) == Some(&Some(0.0));
            if none_has_it && !self.may_have_label(&selector.metric, label) {
                let what = format!("no series of `{}` has the label `{label}`", selector.metric);
                return case.broken(what).why(format!("its query selects {}", selector.text)).fix(case.correct_query());
            }
        }
        case.note(format!("{nothing_matches} now"))
    }

    /// Every selector has series, but the whole query yields nothing.
    fn nothing_now(&self, case: &Case<'_>, query: &Query) -> Finding {
        for (function, range, selector) in query.ranges() {
            let samples = self.answers.get(&samples_in(&selector, range)).copied().flatten();
            if samples.is_some_and(|samples| samples < 2.0) {
                let metric = selector.metric;
                return case
                    .note(format!("no traffic yet: `{function}` of {metric} needs two scrapes in {range:.0} s"));
            }
        }
        case.note("nothing to show now: its metrics exist, but its filters match none of them")
    }
}

/// The cause as a finding about what follows from it.
fn renamed(mut cause: Finding, what: &str, why: String) -> Finding {
    cause.what = what.to_owned();
    cause.why.insert(0, why);
    cause
}

/// It follows from a target that is down.
fn target_down(case: &Case<'_>, id: String, what: String) -> Finding {
    let target = id.split_once(':').map_or(id.as_str(), |(_, name)| name);
    let why = format!("the target {target} is down");
    case.broken(what).why(why).because(Some(id))
}
