//! Why a panel shows nothing: a variable, a metric, a label, or nothing to show at this moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::grafana::PanelQuery;
use crate::clients::series::Series;
use crate::fix::Fix;
use crate::promql::{Query, Selector};
use crate::units::format_duration;
use crate::verify::absence::{self, Absence, Lack};
use crate::verify::links::dashboards::case::{Case, Outcomes, Plan, Shown};
use crate::verify::links::dashboards::data_sources::{self, Sources};
use crate::verify::links::dashboards::variables::{EmptyVariable, VariableFailure};
use crate::verify::report::Finding;
use crate::verify::snapshot::Snapshot;
use crate::verify::window;

/// Prometheus's values by expression; `None` when it gave no answer, 0 when nothing matches.
pub type Answers = BTreeMap<String, Option<f64>>;

/// Variables may follow from each other; a circle ends here.
const MAX_DEPTH: usize = 8;

fn count_of(selector: &str) -> String {
    format!("count({selector})")
}

fn samples_in(selector: &Selector, range: f64) -> String {
    format!("max(count_over_time({}[{}]))", selector.text, format_duration(range))
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

/// The queries of panels that show nothing, where a variable is not to blame.
fn empty_queries(cases: &[Case<'_>], outcomes: &Outcomes, sources: &Sources<'_>) -> Vec<Query> {
    let mut empty = Vec::new();
    for case in cases {
        let Plan::Run(runs) = &case.plan else { continue };
        let Shown::Empty(Some(run)) = Shown::by(runs, outcomes) else { continue };
        if !case.query.panel.may_be_empty() && blamed_variable(case).is_none() {
            empty.extend(parsed(run, sources));
        }
    }
    empty
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
    for query in empty_queries(cases, outcomes, sources) {
        open.extend(questions(&query, names, answers));
    }
    open.retain(|question| !answers.contains_key(question));
    open
}

/// First whether each selector has series, then how many samples are in each range. Nothing about a metric that is absent:
/// its name is the cause.
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
        Some(_) => Vec::new(),
        None => query.ranges().into_iter().map(|(_, range, selector)| samples_in(&selector, range)).collect(),
    }
}

/// The selectors of empty panels whose metrics exist: what they lack is asked about together.
pub fn doubtful(
    cases: &[Case<'_>],
    outcomes: &Outcomes,
    sources: &Sources<'_>,
    names: &BTreeSet<String>,
) -> BTreeSet<Selector> {
    let queries = empty_queries(cases, outcomes, sources);
    let selectors = queries.iter().flat_map(Query::selectors);
    selectors.filter(|selector| !selector.metric.is_empty() && is_present(selector, names)).collect()
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

/// A variable without values is not to blame where a custom value stands for all of them.
fn blamed_variable(case: &Case<'_>) -> Option<Blamed> {
    let filled = case.variables.scope.fill(case.query.expr);
    if let Some(unknown) = filled.unknown.first() {
        return Some(Blamed::Unknown(unknown.clone()));
    }
    let empty = |name: &String| case.variables.empty.get(name).is_some_and(|variable| !variable.all_value);
    filled.used.into_iter().find(empty).map(Blamed::Empty)
}

/// Turns what was seen into causes.
pub struct Explainer<'a> {
    pub chain: &'a Snapshot<'a>,
    pub sources: &'a Sources<'a>,
    pub answers: &'a Answers,
    pub series: &'a Series,
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
        let by_variable = || self.by_variable(case);
        let Some(query) = parsed(run, self.sources) else {
            let unknown = || case.note("it shows nothing; why is unknown, since our parser cannot read its query");
            return by_variable().unwrap_or_else(unknown);
        };
        let Ok(names) = &self.chain.names else {
            let unasked = || case.not_checked("it shows nothing, and Prometheus cannot be asked why");
            return by_variable().unwrap_or_else(unasked);
        };
        let missing = query.can_yield(&|selector| is_present(selector, names)).err();
        // A metric that does not exist would leave the panel empty whatever the variables were.
        if let Some(missing) = &missing
            && names_whole(case.query.expr, &missing.selector.metric)
        {
            return self.absent(case, &missing.selector, case.correct_query());
        }
        if let Some(finding) = by_variable() {
            return finding;
        }
        match missing.map(|missing| missing.selector).or_else(|| blocking_selector(&query, names, self.answers)) {
            Some(selector) => self.absent(case, &selector, case.correct_query()),
            None => self.nothing_now(case, &query),
        }
    }

    fn by_variable(&self, case: &Case<'_>) -> Option<Finding> {
        Some(match blamed_variable(case)? {
            Blamed::Unknown(name) => case
                .broken(format!("it uses `${name}`, which is not a variable of the dashboard"))
                .cause(format!("`${name}` is not a variable of {}", case.file()))
                .fix(case.correct_query()),
            Blamed::Empty(name) => self.variable(case, &name, 0),
        })
    }

    fn variable(&self, case: &Case<'_>, name: &str, depth: usize) -> Finding {
        let Some(EmptyVariable { query, hidden, failure, .. }) = case.variables.empty.get(name) else {
            return case.note("it shows nothing");
        };
        let kind = if *hidden { "hidden variable" } else { "variable" };
        let what = format!("the {kind} `{name}` is empty");
        let cause = format!("the {kind} `{name}` of {} is empty", case.file());
        let broken = |why: String| case.broken(&what).cause(&cause).why(why).fix(case.correct_variable(name));
        let finding = match failure {
            VariableFailure::Follows(before) if depth < MAX_DEPTH => {
                let cause = self.variable(case, before, depth + 1);
                let cause_in_words = format!("its query uses another variable, and {}", cause.what);
                return renamed(cause, &what, cause_in_words);
            }
            VariableFailure::Follows(before) => broken(format!("its query uses `{before}`, which is empty")),
            VariableFailure::NoChoices => broken("it has nothing to choose from".into()),
            VariableFailure::Refused(words) => broken(words.clone()),
            VariableFailure::NeedsSource(kind) => {
                let needs = data_sources::needs(case, kind);
                let words = needs.what.clone();
                return renamed(needs, &what, words);
            }
            VariableFailure::FilteredAway { regex, values } => {
                broken(format!("its regex `{regex}` matches none of {values} values"))
            }
            VariableFailure::NothingFound { selector, label } => {
                self.no_values(case, name, &what, selector, label.as_deref()).unwrap_or_else(broken)
            }
        };
        if query.is_empty() { finding } else { finding.why(format!("its query: {query}")) }
    }

    /// A variable's query found nothing. Errors: why the variable itself is wrong.
    fn no_values(
        &self,
        case: &Case<'_>,
        name: &str,
        what: &str,
        selector: &str,
        label: Option<&str>,
    ) -> Result<Finding, String> {
        let parsed = Query::parse(selector).ok();
        let Some(first) = parsed.and_then(|query| query.selectors().into_iter().next()) else {
            return Err(match label {
                Some(label) => format!("no series has the label `{label}`"),
                None => "nothing is found".into(),
            });
        };
        let absent = || self.absent(case, &first, case.correct_variable(name));
        if !first.metric.is_empty() && !self.chain.has(&first.metric) {
            let cause = absent();
            let cause_in_words = cause.what.clone();
            return Ok(renamed(cause, what, cause_in_words));
        }
        if let Some(label) = label.filter(|label| !self.may_have_label(&first.metric, label)) {
            return Err(format!("no series of `{}` has the label `{label}`", first.text));
        }
        let why = format!("nothing matches {} now", first.text);
        if first.matchers.is_empty() {
            return Err(why);
        }
        let cause = absent();
        Ok(if cause.is_broken() { renamed(cause, what, why) } else { case.note(what).why(why) })
    }

    /// Does the catalog know the label for this metric, or does every target have it? Then it may be missing only now.
    fn may_have_label(&self, metric: &str, label: &str) -> bool {
        let known = &self.chain.known_metrics;
        known.has_label(metric, label) || (known.job(metric).is_some() && matches!(label, "job" | "instance"))
    }

    /// Nothing matches the selector.
    fn absent(&self, case: &Case<'_>, selector: &Selector, fix: Fix) -> Finding {
        let metric = &selector.metric;
        let exists = metric.is_empty() || self.chain.has(metric);
        let what = if exists { format!("nothing matches {}", selector.text) } else { format!("`{metric}` is absent") };
        let finding = match absence::explain(selector, self.chain, self.series) {
            Absence::TargetDown(id) => target_down(case, id, what),
            Absence::NotYet(why) => case.not_checked("cannot be checked yet").why(what).why(why),
            Absence::Expected(_) if exists => case.note(format!("{what} now")),
            Absence::Expected(why) => case.note(format!("{what}: {why}")),
            Absence::Mistake(mistake) => {
                let finding = case.broken(&mistake.cause).cause(&mistake.cause);
                let finding = match &mistake.guess {
                    Some(guess) => finding.why(format!("did you mean `{guess}`?")),
                    None => finding,
                };
                match mistake.lack {
                    Lack::Metric(_) => finding.fix(fix),
                    _ => finding.why(format!("its query selects {}", selector.text)).fix(fix),
                }
            }
        };
        if metric.is_empty() { finding } else { finding.on_metric(metric) }
    }

    /// Every selector has series, but the whole query yields nothing.
    fn nothing_now(&self, case: &Case<'_>, query: &Query) -> Finding {
        if let Some(aggregation) = query.quantile_without_le() {
            let cause = format!("`histogram_quantile` needs the label `le`, which `{aggregation}` removes");
            let fix = case.edit(format!("write `{aggregation} by (le) (...)`, with the labels to keep beside `le`"));
            return case.broken(&cause).cause(cause).fix(fix);
        }
        if let Some(narrow) = window::too_narrow(query, self.chain, self.series).first() {
            let finding = case.broken(narrow.what()).why(&narrow.cause).cause(&narrow.cause);
            return finding.on_metric(&narrow.selector.metric).fix(narrow.fix(case.file()));
        }
        for (function, range, selector) in query.ranges() {
            let samples = self.answers.get(&samples_in(&selector, range)).copied().flatten();
            if samples.is_some_and(|samples| samples < 2.0) {
                let metric = selector.metric;
                let needs = format!("`{function}` of {metric} needs two scrapes in {range:.0} s");
                // Prometheus was started a moment ago.
                return match self.chain.configured_ago < range {
                    true => case.not_checked("cannot be checked yet").why(needs),
                    false => case.note(format!("no traffic yet: {needs}")),
                };
            }
        }
        case.note("nothing to show now: its metrics exist, but its filters match none of them")
    }
}

/// Does the metric's name stand in the text by itself, not put together from a variable?
fn names_whole(expr: &str, metric: &str) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$');
    !metric.is_empty()
        && expr.match_indices(metric).any(|(at, _)| {
            let (before, after) = (&expr[..at], &expr[at + metric.len()..]);
            // `}` and `]]` end a variable, and so does `[[` begin one.
            let joined = before.ends_with(|c: char| joins(c) || c == '}') || before.ends_with("]]");
            !joined && !after.starts_with(joins) && !after.starts_with("[[")
        })
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
