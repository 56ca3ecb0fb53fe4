//! A verification as people read it: a line a link, and below it what is broken, why, and what fixes it.

mod paragraph;

use std::collections::BTreeMap;

use super::human::{self, count};
use super::style::{BAD, CHANGE, DIM, GOOD, paint};
use crate::report::cause::{self, Group};
use crate::report::{Checked, Finding, Report, Verdict};
use paragraph::paragraph;

/// So many lines below each link at most, unless everything is to be shown.
const LINES: usize = 16;
/// So many causes are shown even when they take more lines.
const AT_LEAST: usize = 3;

/// How much is shown, and in which width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    pub links: &'a [Checked],
    pub verbose: bool,
    pub width: Option<usize>,
}

/// The whole report, without a final newline. `verbose` shows every finding; lines past `width` go on indented below.
pub fn render(report: &Report, verbose: bool, width: Option<usize>) -> String {
    let names = report.links.iter().map(|checked| checked.link.name().len()).max().unwrap_or_default();
    let below = Below::of(report, verbose, width);
    let mut lines = Vec::new();
    for (at, checked) in report.links.iter().enumerate() {
        lines.push(format!("  {:names$}   {}", checked.link.name(), headline(checked, verbose)));
        lines.extend(below.lines(at, &[Verdict::Broken, Verdict::Warning, Verdict::NotChecked, Verdict::Accepted]));
        if verbose {
            lines.extend(notes(checked));
        }
    }
    lines.push(String::new());
    lines.push(ending(report));
    wrapped(&lines, width)
}

/// Only what is broken or a warning, for the end of `up`.
pub fn to_fix(report: &Report, width: Option<usize>) -> String {
    let below = Below::of(report, false, width);
    let mut lines = Vec::new();
    for (at, checked) in report.links.iter().enumerate() {
        if matches!(checked.verdict, Verdict::Broken | Verdict::Warning) {
            lines.push(format!("  {}   {}", checked.link.name(), headline(checked, false)));
            lines.extend(below.lines(at, &[Verdict::Broken, Verdict::Warning]));
        }
    }
    lines.push(String::new());
    lines.push(ending(report));
    wrapped(&lines, width)
}

/// The findings of each verdict by cause and link.
struct Below<'a> {
    groups: BTreeMap<Verdict, Vec<Vec<Group<'a>>>>,
    manner: Manner<'a>,
}

impl<'a> Below<'a> {
    fn of(report: &'a Report, verbose: bool, width: Option<usize>) -> Self {
        let verdicts = [Verdict::Broken, Verdict::Warning, Verdict::NotChecked, Verdict::Accepted];
        let groups = verdicts.map(|verdict| (verdict, cause::groups(&report.links, verdict)));
        Self { groups: groups.into(), manner: Manner { links: &report.links, verbose, width } }
    }

    /// The paragraphs of a link, those of each verdict together.
    fn lines(&self, at: usize, verdicts: &[Verdict]) -> Vec<String> {
        let mut lines = Vec::new();
        for verdict in verdicts {
            let groups =
                self.groups.get(verdict).and_then(|links| links.get(at)).map(Vec::as_slice).unwrap_or_default();
            match verdict {
                // What is known and accepted needs no lines, and the headline of a link says why it was not checked.
                Verdict::Accepted if !self.manner.verbose => {}
                Verdict::NotChecked if is_unchecked(&self.manner.links[at]) => {}
                _ => lines.extend(self.fitting(at, *verdict, groups)),
            }
        }
        lines
    }

    /// As many paragraphs as there is room for, those of the most findings first when there is not enough.
    fn fitting(&self, at: usize, verdict: Verdict, groups: &[Group<'a>]) -> Vec<String> {
        let height = |lines: &[String]| match self.manner.width {
            Some(width) => lines.iter().map(|line| wrap(line, width).lines().count()).sum(),
            None => lines.len(),
        };
        let write = |group: &Group<'a>| paragraph(&self.manner, at, verdict, group);
        if self.manner.verbose {
            return groups.iter().flat_map(write).collect();
        }
        let mut ranked: Vec<&Group<'a>> = groups.iter().collect();
        let room = if verdict == Verdict::Broken { LINES } else { LINES / 2 };
        if groups.len() > AT_LEAST {
            let all: usize = groups.iter().take(LINES + 1).map(|group| height(&write(group))).sum();
            if all > room {
                ranked.sort_by_key(|group| std::cmp::Reverse(group.total));
            }
        }
        let (mut lines, mut used) = (Vec::new(), 0);
        for (shown, group) in ranked.iter().enumerate() {
            let more = write(group);
            let height = height(&more);
            if shown >= AT_LEAST && used + height > room {
                let rest = &ranked[shown..];
                let findings: usize = rest.iter().map(|group| group.findings.len()).sum();
                let of =
                    if findings > rest.len() { format!(" in {}", count(findings, "finding")) } else { String::new() };
                let all = paint(DIM, "(-v or -o json shows all)");
                lines.push(format!("    {} and {}{of} {all}", sign(verdict), count(rest.len(), "more cause")));
                break;
            }
            used += height;
            lines.extend(more);
        }
        lines
    }
}

/// The lines, broken at spaces where they are too long; the rest stands two columns further in.
fn wrapped(lines: &[String], width: Option<usize>) -> String {
    let Some(width) = width else { return lines.join("\n") };
    lines.iter().map(|line| wrap(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrap(line: &str, width: usize) -> String {
    let content = line.trim_start_matches(' ');
    let indent = line.len() - content.len();
    let (first, rest) = (" ".repeat(indent), " ".repeat(indent + 2));
    textwrap::fill(content, human::wrapping(width).initial_indent(&first).subsequent_indent(&rest))
}

/// `7 containers ✓   9 targets ✓   55 of 67 rules ✓   alerting ✓   delivery –`
pub fn short(report: &Report) -> String {
    let mut words = Vec::new();
    for checked in &report.links {
        let sign = sign(checked.verdict);
        if checked.counts.is_empty() || is_unchecked(checked) {
            words.push(format!("{} {sign}", checked.link.name()));
        } else {
            words.extend(held(checked).into_iter().map(|held| format!("{held} {sign}")));
        }
    }
    words.join("   ")
}

pub(super) fn sign(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ok => paint(GOOD, "✓"),
        Verdict::Note => paint(DIM, "i"),
        Verdict::Warning => paint(CHANGE, "!"),
        Verdict::Accepted => paint(DIM, "~"),
        Verdict::NotChecked => paint(DIM, "–"),
        Verdict::Broken => paint(BAD, "✗"),
    }
}

/// Was nothing of the link checked?
fn is_unchecked(checked: &Checked) -> bool {
    checked.verdict == Verdict::NotChecked && checked.findings.iter().any(|finding| finding.id.starts_with("link:"))
}

fn is_counted(checked: &Checked, unit: &str) -> bool {
    checked.counts.iter().any(|counted| counted.what == unit)
}

fn number(checked: &Checked, verdict: Verdict) -> usize {
    checked.findings.iter().filter(|finding| finding.verdict == verdict).count()
}

/// What was counted, each with how many of it hold: `10 dashboards`, `55 of 67 rules`.
fn held(checked: &Checked) -> Vec<String> {
    let without = |unit: &str| {
        let other = |f: &&Finding| matches!(f.verdict, Verdict::NotChecked | Verdict::Accepted) && f.unit() == unit;
        checked.findings.iter().filter(other).count()
    };
    let words = |c: &crate::report::Count| match (checked.verdict, without(&c.what)) {
        (Verdict::Broken, _) | (_, 0) => count(c.number, &c.what),
        (_, others) => format!("{} of {}", c.number.saturating_sub(others), count(c.number, &c.what)),
    };
    checked.counts.iter().map(words).collect()
}

fn headline(checked: &Checked, verbose: bool) -> String {
    let counts = held(checked);
    let mut parts = match checked.verdict {
        Verdict::NotChecked if is_unchecked(checked) => {
            let Some(finding) = checked.findings.first() else { return sign(Verdict::NotChecked) };
            let how = finding.fix.as_ref().map(|fix| format!(": {fix}")).unwrap_or_default();
            return format!("{} not checked, since {}{how}", sign(Verdict::NotChecked), finding.what);
        }
        Verdict::Broken => {
            let of = counts.last().map(|counts| format!(" of {counts}")).unwrap_or_default();
            vec![format!("{} {} broken{of}", sign(Verdict::Broken), number(checked, Verdict::Broken))]
        }
        verdict => vec![format!("{} {}", sign(verdict), counts.join(", ")).trim_end().to_owned()],
    };
    let warnings = number(checked, Verdict::Warning);
    parts.extend((warnings > 0).then(|| count(warnings, "warning")));
    let of_accepted = |known| {
        let accepted = |finding: &&Finding| finding.verdict == Verdict::Accepted && finding.known == known;
        checked.findings.iter().filter(accepted).count()
    };
    parts.extend(Some(of_accepted(false)).filter(|n| *n > 0).map(|n| format!("{n} accepted")));
    parts.extend(Some(of_accepted(true)).filter(|n| *n > 0).map(|n| format!("{n} known")));
    parts.extend(unseen(checked).into_iter().map(|(unit, number)| {
        let of = if is_counted(checked, unit) { number.to_string() } else { count(number, unit) };
        format!("{of} not checked yet")
    }));
    let bare = counts.is_empty() && checked.verdict != Verdict::Broken && parts.len() == 1;
    let mut words = parts.remove(0);
    for part in parts {
        let comma = if words.contains(' ') { "," } else { "" };
        words = format!("{words}{comma} {part}");
    }
    if !checked.remarks.is_empty() {
        words = format!("{words}{} {}", if bare { "" } else { ";" }, checked.remarks.join("; "));
    }
    let notes = checked.findings.iter().filter(|finding| finding.verdict == Verdict::Note).collect::<Vec<_>>();
    if !verbose && !notes.is_empty() {
        words = format!("{words}   {}", note_line(&notes));
    }
    words
}

/// What of a link was not checked, and how many of it.
fn unseen(checked: &Checked) -> BTreeMap<&str, usize> {
    let mut units: BTreeMap<&str, usize> = BTreeMap::new();
    if !is_unchecked(checked) {
        for finding in checked.findings.iter().filter(|finding| finding.verdict == Verdict::NotChecked) {
            *units.entry(finding.unit()).or_default() += 1;
        }
    }
    units
}

/// One note in full; several as their numbers, by what they have in common.
fn note_line(notes: &[&Finding]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for note in notes {
        *kinds.entry(note.what.split(": ").next().unwrap_or_default()).or_default() += 1;
    }
    let text = match notes {
        [one] => format!("{} {}", one.subject, what_and_why(one)),
        _ if kinds.len() <= 2 && kinds.values().any(|number| *number > 1) => {
            let kinds: Vec<String> = kinds.into_iter().map(|(kind, number)| format!("{number} {kind}")).collect();
            format!("{} (-v for details)", kinds.join(", "))
        }
        many => format!("{} (-v for details)", count(many.len(), "note")),
    };
    format!("{} {text}", sign(Verdict::Note))
}

/// What is the case and why, in one line.
fn what_and_why(finding: &Finding) -> String {
    match finding.why.as_slice() {
        [] => finding.what.clone(),
        why => format!("{} ({})", finding.what, why.join("; ")),
    }
}

/// Notes, those of one reason together.
fn notes(checked: &Checked) -> Vec<String> {
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut by_reason: Vec<(String, Vec<&Finding>)> = Vec::new();
    for note in checked.findings.iter().filter(|finding| finding.verdict == Verdict::Note) {
        let reason = if note.why.is_empty() { note.what.clone() } else { note.why.join("; ") };
        let place = *places.entry(reason.clone()).or_insert(by_reason.len());
        if place == by_reason.len() {
            by_reason.push((reason, Vec::new()));
        }
        by_reason[place].1.push(note);
    }
    let mut lines = Vec::new();
    for (reason, notes) in by_reason {
        let line = match notes.as_slice() {
            [one] => format!("{}   {}", one.subject, what_and_why(one)),
            many => {
                let subjects: Vec<&str> = many.iter().map(|note| note.subject.as_str()).collect();
                let common = many[0].what.split(": ").next().unwrap_or_default();
                format!("{} {common}: {reason}", subjects.join(", "))
            }
        };
        lines.push(format!("    {} {line}", sign(Verdict::Note)));
        let fixes: std::collections::BTreeSet<String> =
            notes.iter().filter_map(|note| note.fix.as_ref()).map(ToString::to_string).collect();
        lines.extend(fixes.into_iter().map(|fix| format!("      {}", paint(DIM, fix))));
    }
    lines
}

fn ending(report: &Report) -> String {
    let compared = report.baseline.as_ref().map(|compared| format!(" {compared}.")).unwrap_or_default();
    match report.verdict {
        Verdict::Broken => {
            let causes = count(report.causes.max(1), "cause");
            format!("{causes}, {}.{compared}", count(report.broken_links, "broken link"))
        }
        Verdict::NotChecked => format!("Nothing was checked.{compared}"),
        _ => format!("{}. {:.1} s.{compared}", holds(report), report.took_seconds),
    }
}

/// `Every link that was checked holds, with 1 warning; delivery was not checked`.
pub fn holds(report: &Report) -> String {
    let unseen = not_seen(report);
    let all = unseen.is_empty() && report.links.len() == crate::report::Link::ALL.len();
    let mut text = String::from(if all { "Every link holds" } else { "Every link that was checked holds" });
    let warnings: usize = report.links.iter().map(|checked| number(checked, Verdict::Warning)).sum();
    if warnings > 0 {
        text = format!("{text}, with {}", count(warnings, "warning"));
    }
    match unseen.as_slice() {
        [] => text,
        [one] => {
            let were = if one.ends_with('s') { "were" } else { "was" };
            format!("{text}; {one} {were} not checked")
        }
        [rest @ .., last] => format!("{text}; {} and {last} were not checked", rest.join(", ")),
    }
}

/// `12 of 67 rules`
fn part(checked: &Checked, unit: &str, number: usize) -> String {
    match checked.counts.iter().find(|counted| counted.what == unit) {
        Some(all) => format!("{number} of {}", count(all.number, unit)),
        None => count(number, unit),
    }
}

/// Links that were not checked, and what of the others was not: `delivery`, `12 of 67 rules`.
fn not_seen(report: &Report) -> Vec<String> {
    let of = |checked: &Checked| match is_unchecked(checked) {
        true => vec![checked.link.name().to_owned()],
        false => unseen(checked).into_iter().map(|(unit, number)| part(checked, unit, number)).collect(),
    };
    report.links.iter().flat_map(of).collect()
}

/// Was everything checked that `up` asks for? It sends no test alerts, and what a stack does not have cannot be checked.
pub fn is_green(report: &Report) -> bool {
    let unchecked = |checked: &Checked| match is_unchecked(checked) {
        true => checked.link != crate::report::Link::Delivery && checked.findings.iter().any(|f| f.fix.is_some()),
        false => {
            !unseen(checked).is_empty()
                && checked.findings.iter().any(|f| f.verdict == Verdict::NotChecked && f.fix.is_some())
        }
    };
    report.verdict == Verdict::Ok && !report.links.iter().any(unchecked)
}

/// What `up` says at its end of what was not checked and can be, and how; empty when there is nothing.
pub fn unchecked(report: &Report) -> String {
    let (mut parts, mut ways) = (Vec::new(), Vec::new());
    for checked in &report.links {
        if is_unchecked(checked) {
            let name = checked.link.name();
            let were = if name.ends_with('s') { "were" } else { "was" };
            let fix = checked.findings.first().and_then(|finding| finding.fix.as_ref());
            ways.extend(fix.map(|fix| format!("{name} {were} not checked: {fix}")));
        } else {
            let unseen = unseen(checked).into_iter();
            parts.extend(unseen.map(|(unit, number)| format!("{} not checked yet", part(checked, unit, number))));
        }
    }
    parts.extend(ways);
    parts.join("; ")
}

#[cfg(test)]
mod tests;
