//! What `doctor` found, as people read it: one line a finding, and below it why and what fixes it.

use std::fmt::Write;

use anstyle::Style;

use super::human::{self, count};
use super::style::{BAD, CHANGE, DIM, GOOD, STRONG, paint};
use crate::doctor::Diagnosis;
use crate::verify::Verdict;
use crate::verify::report::Finding;

/// Where reasons and fixes begin.
const BELOW: usize = 6;
/// Narrower than this, lines are broken no further.
const NARROWEST: usize = 40;

/// The whole diagnosis; what is wider than `width` is broken at spaces.
pub fn render(diagnosis: &Diagnosis, width: Option<usize>) -> String {
    let findings = || diagnosis.areas.iter().flat_map(|area| &area.findings);
    let column = findings().map(|finding| console::measure_text_width(&finding.subject)).max().unwrap_or(0);
    let mut text = String::new();
    for area in &diagnosis.areas {
        let _ = writeln!(text, "{}", paint(STRONG, area.about));
        for finding in &area.findings {
            finding_lines(&mut text, finding, column, width);
        }
    }
    let _ = write!(text, "\n{}", wrapped(&summary(diagnosis), width, 0).join("\n"));
    text
}

fn sign(verdict: Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Ok => (GOOD, "✓"),
        Verdict::Note => (DIM, "i"),
        Verdict::Warning => (CHANGE, "!"),
        Verdict::Accepted => (DIM, "~"),
        Verdict::NotChecked => (DIM, "–"),
        Verdict::Broken => (BAD, "✗"),
    }
}

fn finding_lines(text: &mut String, finding: &Finding, column: usize, width: Option<usize>) {
    let (style, sign) = sign(finding.verdict);
    let padding = " ".repeat(column.saturating_sub(console::measure_text_width(&finding.subject)));
    let what = match finding.verdict {
        Verdict::NotChecked => format!("not checked: {}", finding.what),
        Verdict::Accepted => format!("accepted: {}", finding.what),
        _ => finding.what.clone(),
    };
    let indent = column + 6;
    let lines = wrapped(&what, width, indent);
    let first = lines.first().map(String::as_str).unwrap_or_default();
    let _ = writeln!(text, "{}", format!("  {} {}{padding}  {first}", paint(style, sign), finding.subject).trim_end());
    let margin = " ".repeat(indent);
    for line in lines.iter().skip(1) {
        let _ = writeln!(text, "{margin}{line}");
    }
    let why = if finding.verdict == Verdict::Ok { "" } else { "why: " };
    let below = finding.why.iter().map(|text| (DIM, format!("{why}{text}")));
    let fix = finding.fix.iter().map(|text| (Style::new(), format!("fix: {text}")));
    for (style, paragraph) in below.chain(fix) {
        for (at, line) in wrapped(&paragraph, width, BELOW + 2).iter().enumerate() {
            let indent = if at == 0 { BELOW } else { BELOW + 2 };
            let _ = writeln!(text, "{:indent$}{}", "", paint(style, line));
        }
    }
}

/// The text in lines that fit beside `indent`.
fn wrapped(text: &str, width: Option<usize>, indent: usize) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    human::lines(text, width.max(NARROWEST).saturating_sub(indent).max(20))
}

fn summary(diagnosis: &Diagnosis) -> String {
    let number = |verdict, what| Some(diagnosis.count(verdict)).filter(|n| *n > 0).map(|n| count(n, what));
    let problems = match diagnosis.problems {
        0 => "no problem".to_owned(),
        problems => count(problems, "problem"),
    };
    let found: Vec<String> = [Some(problems), number(Verdict::Warning, "warning")].into_iter().flatten().collect();
    let worth = number(Verdict::Note, "thing").map(|notes| format!(", {notes} worth knowing")).unwrap_or_default();
    let unseen = number(Verdict::NotChecked, "check").map(|n| format!(", {n} not possible")).unwrap_or_default();
    let found = found.join(" and ");
    let (first, rest) = found.split_at(1);
    format!("{}{rest} found{worth}{unseen}.", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Area;

    #[test]
    fn findings_are_aligned_and_broken_at_spaces() {
        let broken = Finding::broken("storage:disk", "disk", "30 days of data needs 88 GB but only 50 GB is free")
            .why("20,000 samples/s at 1.7 bytes")
            .fix("watchpost up --set prometheus.retention=13d");
        let areas = vec![
            Area {
                about: "Docker",
                findings: vec![
                    Finding::ok("docker:engine", "engine"),
                    Finding::not_checked("clock:host", "clock", "no way"),
                ],
            },
            Area {
                about: "Storage",
                findings: vec![
                    broken,
                    Finding::note("storage:series", "memory", "tight"),
                    Finding::warning("receivers", "mail", "nobody is notified"),
                ],
            },
        ];
        let diagnosis = Diagnosis { stack: "m".into(), host: "local Docker".into(), problems: 1, areas };
        let text = anstream::adapter::strip_str(&render(&diagnosis, Some(60))).to_string();
        insta::assert_snapshot!(text, @r"
        Docker
          ✓ engine
          – clock   not checked: no way
        Storage
          ✗ disk    30 days of data needs 88 GB but only 50 GB is
                    free
              why: 20,000 samples/s at 1.7 bytes
              fix: watchpost up --set prometheus.retention=13d
          i memory  tight
          ! mail    nobody is notified

        1 problem and 1 warning found, 1 thing worth knowing, 1
        check not possible.
        ");
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 60), "{text}");
    }
}
