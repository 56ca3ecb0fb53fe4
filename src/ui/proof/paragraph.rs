//! The findings of one cause in one link: what is the case, where, why, and what fixes it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Manner, sign};
use crate::report::cause::{Cause, Group};
use crate::report::{Finding, Verdict};
use crate::ui::human::count;
use crate::ui::style::{DIM, paint};

/// So many findings are shown each on its own line.
const EACH: usize = 3;
/// So many reasons are shown of a cause with several findings.
const REASONS: usize = 3;

/// The lines of the link at place `at` in the report.
pub(super) fn paragraph(manner: &Manner<'_>, at: usize, verdict: Verdict, group: &Group<'_>) -> Vec<String> {
    let sign = sign(verdict);
    if let Some(because) = because(manner, at, group) {
        let mut lines = following(manner, &sign, &group.findings);
        lines.push(format!("      {}", paint(DIM, because)));
        return lines;
    }
    let first = group.findings[0];
    let mut lines = if let [one] = group.findings.as_slice() {
        vec![format!("    {sign} {}   {}", one.subject, one.what)]
    } else {
        let what = first.cause.as_ref().map_or_else(|| format!(": {}", first.what), |cause| format!(", {cause}"));
        let mut lines = vec![format!("    {sign} {}{what}", places(&group.findings))];
        lines.extend(subjects(manner, &group.findings));
        lines
    };
    lines.extend(reasons(&group.findings).into_iter().map(|why| format!("      {why}")));
    lines.extend(fix(&group.findings));
    lines
}

/// Says where the cause is, when it is not here: another finding, or the same mistake in a link above.
fn because(manner: &Manner<'_>, at: usize, group: &Group<'_>) -> Option<String> {
    if group.findings[0].because.is_some() {
        let Some(root) = group.root else {
            let Cause::Elsewhere(id) = &group.cause else { return None };
            return Some(format!("because of {id}"));
        };
        let above = group.first <= at && manner.links[group.first].findings.iter().any(|finding| finding.id == root.id);
        return Some(format!("because of {}{}", root.subject, if above { " above" } else { "" }));
    }
    match &group.cause {
        Cause::Words(words) if group.first < at => {
            Some(format!("because {words}, as {} above", manner.links[group.first].link.name()))
        }
        _ => None,
    }
}

/// What follows from something else needs no reasons.
fn following(manner: &Manner<'_>, sign: &str, findings: &[&Finding]) -> Vec<String> {
    if manner.verbose || findings.len() <= EACH {
        return findings.iter().map(|finding| format!("    {sign} {}: {}", finding.subject, finding.what)).collect();
    }
    let mut lines = vec![format!("    {sign} {}", places(findings))];
    lines.extend(subjects(manner, findings));
    lines
}

/// `Cortex-reads: 95 queries in 31 panels`, `512 rules in 41 files`.
fn places(findings: &[&Finding]) -> String {
    let mut units: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        *units.entry(finding.unit()).or_default() += 1;
    }
    let counts: Vec<String> = units.iter().map(|(unit, number)| count(*number, unit)).collect();
    let counts = counts.join(" and ");
    let queries: Vec<&&Finding> = findings.iter().filter(|finding| finding.unit() == "query").collect();
    if queries.len() == findings.len() {
        let panels: BTreeSet<&str> = queries.iter().map(|finding| finding.subject.as_str()).collect();
        let boards: BTreeSet<&str> = queries.iter().map(|finding| board(finding)).collect();
        let panels = format!("{counts} in {}", count(panels.len(), "panel"));
        return match boards.first() {
            Some(board) if boards.len() == 1 => format!("{board}: {panels}"),
            _ => format!("{panels} of {}", count(boards.len(), "dashboard")),
        };
    }
    let files: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.about.file.as_deref()).collect();
    match files.first() {
        None => counts,
        Some(file) if files.len() == 1 => format!("{file}: {counts}"),
        Some(_) => format!("{counts} in {}", count(files.len(), "file")),
    }
}

/// The dashboard of a panel's finding, whose subject is `Dashboard / Panel`.
fn board(finding: &Finding) -> &str {
    let panel = finding.about.panel.as_ref();
    let board = panel.and_then(|panel| finding.subject.strip_suffix(panel.as_str())?.strip_suffix(" / "));
    board.unwrap_or_else(|| finding.subject.split(" / ").next().unwrap_or_default())
}

/// A few of the subjects in one line; each on its own, with what is the case, when all are to be shown.
fn subjects(manner: &Manner<'_>, findings: &[&Finding]) -> Vec<String> {
    if manner.verbose {
        let line = |finding: &&Finding| match &finding.about.file {
            Some(file) => format!("      {} ({file}): {}", finding.subject, finding.what),
            None => format!("      {}: {}", finding.subject, finding.what),
        };
        return findings.iter().map(line).collect();
    }
    let mut seen = BTreeSet::new();
    let names: Vec<&str> = findings.iter().map(|f| f.subject.as_str()).filter(|name| seen.insert(*name)).collect();
    let shown = names.len().min(EACH);
    let (few, rest) = names.split_at(shown);
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    vec![format!("      {}{more}", few.join(", "))]
}

/// The reasons that all of them have.
fn reasons(findings: &[&Finding]) -> Vec<String> {
    let (Some(first), true) = (findings.first(), !findings.is_empty()) else { return Vec::new() };
    if findings.len() == 1 {
        return first.why.clone();
    }
    let cause = first.cause.as_deref().unwrap_or_default();
    let common = |why: &&String| *why != cause && findings.iter().all(|finding| finding.why.contains(*why));
    first.why.iter().filter(common).take(REASONS).cloned().collect()
}

/// The fix once. Where each place needs its own, the first stands for all.
fn fix(findings: &[&Finding]) -> Option<String> {
    let fix = findings.iter().find_map(|finding| finding.fix.as_ref())?;
    let alike = findings.iter().all(|finding| finding.fix.as_ref().is_none_or(|other| other == fix));
    Some(format!("      fix: {fix}{}", if alike { "" } else { "; and so in the other places" }))
}
