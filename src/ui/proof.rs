//! A proof as people read it.

use std::fmt::Write;

use super::human::{count, took};
use super::style::{BAD, DIM, GOOD, HINT, WARNING, paint};
use crate::proof::{Checked, Finding, Report, Verdict};

/// One line a link, and below it what is broken; notes too when `verbose`.
pub fn render(report: &Report, verbose: bool, _width: Option<usize>) -> String {
    let mut text = String::new();
    for checked in &report.links {
        let counts: Vec<String> = checked.counts.iter().map(|counted| count(counted.number, &counted.what)).collect();
        let _ = writeln!(text, "{:<13}{} {}", checked.link.name(), sign(checked.verdict), summary(checked, &counts));
        for finding in &checked.findings {
            if finding.is_broken() || (verbose && finding.verdict != Verdict::Ok) {
                block(&mut text, finding);
            }
        }
    }
    let _ = writeln!(text, "\n{}", total(report));
    text
}

fn summary(checked: &Checked, counts: &[String]) -> String {
    let broken = checked.broken().count();
    let notes = checked.findings.iter().filter(|finding| finding.verdict == Verdict::Note).count();
    let mut parts = counts.to_vec();
    if broken > 0 {
        parts.push(format!("{broken} broken"));
    }
    if notes > 0 {
        parts.push(count(notes, "note"));
    }
    parts.join(", ")
}

fn block(text: &mut String, finding: &Finding) {
    let _ = writeln!(text, "  {} {}: {}", sign(finding.verdict), finding.subject, finding.what);
    for why in &finding.why {
        let _ = writeln!(text, "      {}", paint(DIM, why));
    }
    if let Some(mend) = &finding.mend {
        let _ = writeln!(text, "      {} {mend}", paint(HINT, "mend:"));
    }
}

fn sign(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ok => paint(GOOD, "✓"),
        Verdict::Note => paint(WARNING, "!"),
        Verdict::NotChecked => paint(DIM, "–"),
        Verdict::Broken => paint(BAD, "✗"),
    }
}

fn total(report: &Report) -> String {
    let took = took(std::time::Duration::from_secs_f64(report.took_seconds));
    if report.is_broken() {
        let causes = count(report.causes, "cause");
        return format!("{causes}, {} broken. Took {took}.", count(report.broken_links, "link"));
    }
    format!("All well, in {took}.")
}
