//! A verification as people read it: a line a link, and below it what is broken, why, and what fixes it.

use std::collections::BTreeMap;

use super::human::{self, count};
use super::style::{BAD, CHANGE, DIM, GOOD, paint};
use crate::verify::report::{Checked, Finding, Report, Verdict};

/// Findings that follow from another one are shown one by one up to this many.
const FOLLOWING: usize = 3;

/// The whole report, without a final newline. `verbose` shows every note; lines past `width` go on indented below.
pub fn render(report: &Report, verbose: bool, width: Option<usize>) -> String {
    let names = report.links.iter().map(|checked| checked.link.name().len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for checked in &report.links {
        lines.push(format!("  {:names$}   {}", checked.link.name(), headline(checked, verbose)));
        lines.extend(broken(report, checked));
        if verbose {
            lines.extend(notes(checked));
        }
    }
    lines.push(String::new());
    lines.push(ending(report));
    wrapped(&lines, width)
}

/// Only what is broken, for the end of `up`.
pub fn broken_links(report: &Report, width: Option<usize>) -> String {
    let mut lines = Vec::new();
    for checked in report.links.iter().filter(|checked| checked.verdict == Verdict::Broken) {
        lines.push(format!("  {}   {}", checked.link.name(), headline(checked, false)));
        lines.extend(broken(report, checked));
    }
    lines.push(String::new());
    lines.push(ending(report));
    wrapped(&lines, width)
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

/// `7 containers ✓   9 targets ✓   84 rules ✓   alerting ✓`
pub fn short(report: &Report) -> String {
    let mut words = Vec::new();
    for checked in report.links.iter().filter(|checked| checked.verdict != Verdict::NotChecked) {
        let sign = sign(checked.verdict);
        if checked.counts.is_empty() {
            words.push(format!("{} {sign}", checked.link.name()));
        }
        words.extend(checked.counts.iter().map(|c| format!("{} {sign}", count(c.number, &c.what))));
    }
    words.join("   ")
}

fn sign(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ok => paint(GOOD, "✓"),
        Verdict::Note | Verdict::Warning => paint(CHANGE, "!"),
        Verdict::Accepted => paint(DIM, "~"),
        Verdict::NotChecked => paint(DIM, "–"),
        Verdict::Broken => paint(BAD, "✗"),
    }
}

fn headline(checked: &Checked, verbose: bool) -> String {
    let counts: Vec<String> = checked.counts.iter().map(|c| count(c.number, &c.what)).collect();
    let mut words = match checked.verdict {
        Verdict::NotChecked => {
            let Some(finding) = checked.findings.first() else { return sign(Verdict::NotChecked) };
            let how = finding.fix.as_ref().map(|fix| format!(": {fix}")).unwrap_or_default();
            return format!("{} not checked, since {}{how}", sign(Verdict::NotChecked), finding.what);
        }
        Verdict::Broken => {
            let number = checked.broken().count();
            let of = counts.last().map(|counts| format!(" of {counts}")).unwrap_or_default();
            format!("{} {number} broken{of}", sign(Verdict::Broken))
        }
        _ => format!("{} {}", sign(Verdict::Ok), counts.join(", ")).trim_end().to_owned(),
    };
    if !checked.remarks.is_empty() {
        words = format!(
            "{words}{} {}",
            if counts.is_empty() && checked.verdict != Verdict::Broken { "" } else { ";" },
            checked.remarks.join("; ")
        );
    }
    let notes = checked.findings.iter().filter(|finding| finding.verdict == Verdict::Note).collect::<Vec<_>>();
    if !verbose && !notes.is_empty() {
        words = format!("{words}   {}", note_line(&notes));
    }
    words
}

/// One note in full; several as their numbers, by what they have in common.
fn note_line(notes: &[&Finding]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for note in notes {
        *kinds.entry(note.what.split(':').next().unwrap_or_default()).or_default() += 1;
    }
    let text = match notes {
        [one] => format!("{} {}", one.subject, what_and_why(one)),
        _ if kinds.len() <= 2 => {
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

fn broken(report: &Report, checked: &Checked) -> Vec<String> {
    let mut lines = Vec::new();
    let mut following: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in checked.broken() {
        match &finding.because {
            Some(cause) => following.entry(cause).or_default().push(finding),
            None => lines.extend(broken_lines(finding)),
        }
    }
    for (cause, findings) in following {
        let because = match report.finding(cause) {
            Some(finding) => format!("because of {} above", finding.subject),
            None => format!("because of {cause}"),
        };
        for finding in findings.iter().take(FOLLOWING) {
            lines.push(format!("    {} {}: {}", sign(Verdict::Broken), finding.subject, finding.what));
        }
        if findings.len() > FOLLOWING {
            lines.push(format!("    {} and {} more", sign(Verdict::Broken), findings.len() - FOLLOWING));
        }
        lines.push(format!("      {}", paint(DIM, because)));
    }
    lines
}

fn broken_lines(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!("    {} {}   {}", sign(Verdict::Broken), finding.subject, finding.what)];
    lines.extend(finding.why.iter().map(|why| format!("      {why}")));
    lines.extend(finding.fix.iter().map(|fix| format!("      fix: {fix}")));
    lines
}

/// Notes, those of one reason together.
fn notes(checked: &Checked) -> Vec<String> {
    let mut by_reason: Vec<(String, Vec<&Finding>)> = Vec::new();
    for note in checked.findings.iter().filter(|finding| finding.verdict == Verdict::Note) {
        let reason = if note.why.is_empty() { note.what.clone() } else { note.why.join("; ") };
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, notes)) => notes.push(note),
            None => by_reason.push((reason, vec![note])),
        }
    }
    let mut lines = Vec::new();
    for (reason, notes) in by_reason {
        let line = match notes.as_slice() {
            [one] => format!("{}   {}", one.subject, what_and_why(one)),
            many => {
                let subjects: Vec<&str> = many.iter().map(|note| note.subject.as_str()).collect();
                let common = many[0].what.split(':').next().unwrap_or_default();
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
    match report.verdict {
        Verdict::Broken => {
            let causes = count(report.causes.max(1), "cause");
            format!("{causes}, {}.", count(report.broken_links, "broken link"))
        }
        Verdict::NotChecked => "Nothing was checked.".into(),
        _ => format!("Every link that was checked holds. {:.1} s.", report.took_seconds),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verify::report::Link;

    fn report() -> Report {
        let containers = Checked::new(Link::Containers, &[("container", 2)], vec![Finding::ok("container:a", "a")]);
        let targets = Checked::new(
            Link::Targets,
            &[("target", 2)],
            vec![
                Finding::broken("target:pg/orders", "pg/orders", "password authentication failed")
                    .why("its log says so")
                    .fix("set the secret `orders_db`, then watchpost up"),
            ],
        );
        let rules = Checked::new(
            Link::Rules,
            &[("rule", 96)],
            vec![
                Finding::note("rule:a", "RaidDegraded", "can never fire: it asks for `md`").why("no software RAID"),
                Finding::note("rule:b", "RaidFailed", "can never fire: it asks for `md2`").why("no software RAID"),
            ],
        );
        let delivery = Checked::not_checked(Link::Delivery, "it sends messages", Some("watchpost alerts test".into()));
        let boards = Checked::new(
            Link::Dashboards,
            &[("dashboard", 2), ("query", 9)],
            vec![
                Finding::broken("panel:x", "PostgreSQL / Locks", "`pg_locks_count` is not there")
                    .because(Some("target:pg/orders".into())),
            ],
        );
        Report::new("s", "local", vec![containers, targets, rules, delivery, boards], Duration::from_millis(400))
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_broken_link_shows_its_cause_its_fix_and_what_follows_from_it() {
        insta::assert_snapshot!(plain(&render(&report(), false, None)), @r"
          containers   ✓ 2 containers
          targets      ✗ 1 broken of 2 targets
            ✗ pg/orders   password authentication failed
              its log says so
              fix: set the secret `orders_db`, then watchpost up
          rules        ✓ 96 rules   ! 2 can never fire (-v for details)
          delivery     – not checked, since it sends messages: watchpost alerts test
          dashboards   ✗ 1 broken of 9 queries
            ✗ PostgreSQL / Locks: `pg_locks_count` is not there
              because of pg/orders above

        1 cause, 2 broken links.
        ");
    }

    #[test]
    fn verbose_shows_notes_by_their_reason() {
        let text = plain(&render(&report(), true, None));
        assert!(text.contains("! RaidDegraded, RaidFailed can never fire: no software RAID"), "{text}");
    }

    #[test]
    fn long_lines_go_on_indented() {
        assert_eq!(wrap("    ✗ one two   three", 15), "    ✗ one two\n      three");
        assert!(plain(&render(&report(), true, Some(60))).lines().all(|line| console::measure_text_width(line) <= 60));
    }

    #[test]
    fn the_short_form_is_one_line() {
        let text = plain(&short(&report()));
        assert_eq!(text, "2 containers ✓   2 targets ✗   96 rules ✓   2 dashboards ✗   9 queries ✗");
    }
}
