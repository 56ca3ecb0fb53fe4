//! An earlier report as the measure: only what is newly broken fails.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::cause::{Cause, Index};
use super::{About, Checked, Finding, Link, Report, Verdict};
use crate::error::{Error, Result};
use crate::fix::Fix;

/// How a report differs from the baseline, in causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Broken in both.
    pub known: usize,
    /// Broken only now.
    pub new: usize,
    /// Broken only in the baseline, in links that were checked now.
    pub gone: usize,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} known, {} new, {} gone", self.known, self.new, self.gone)
    }
}

/// What was broken in an earlier report.
#[derive(Debug)]
pub struct Baseline {
    links: Vec<Checked>,
}

#[derive(Deserialize)]
struct Past {
    links: Vec<PastLink>,
}

#[derive(Deserialize)]
struct PastLink {
    link: Link,
    findings: Vec<PastFinding>,
}

/// What of a finding tells causes apart; a later version may have written more.
#[derive(Deserialize)]
struct PastFinding {
    id: String,
    verdict: Verdict,
    what: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    why: Vec<String>,
    fix: Option<PastFix>,
    because: Option<String>,
    cause: Option<String>,
    #[serde(default)]
    about: About,
    #[serde(default)]
    known: bool,
}

#[derive(Deserialize)]
struct PastFix {
    text: String,
}

impl PastFinding {
    /// As it was judged then. What the baseline before accepted is broken still.
    fn into_finding(mut self) -> Finding {
        if self.known {
            self.why.pop();
        }
        Finding {
            id: self.id,
            subject: self.subject,
            verdict: if self.known { Verdict::Broken } else { self.verdict },
            what: self.what,
            why: self.why,
            fix: self.fix.map(|fix| Fix::words(fix.text)),
            because: self.because,
            cause: self.cause,
            about: self.about,
            known: false,
        }
    }
}

impl Baseline {
    /// Reads what `verify -o json` wrote; `name` is how errors call the file.
    pub fn read(name: &str, text: &str) -> Result<Self> {
        let hint = "write one with `watchpost verify -o json > proof.json`";
        let json: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| Error::new(format!("`{name}` is not valid JSON")).cause(error).hint(hint))?;
        let past = Past::deserialize(&json).map_err(|error| {
            Error::new(format!("`{name}` is not a report of `watchpost verify -o json`")).cause(error).hint(hint)
        })?;
        let link = |past: PastLink| {
            Checked::new(past.link, &[], past.findings.into_iter().map(PastFinding::into_finding).collect())
        };
        Ok(Self { links: past.links.into_iter().map(link).collect() })
    }
}

/// The broken findings' ids and causes, of the links that `wanted` picks.
fn broken(links: &[Checked], wanted: impl Fn(&Finding) -> bool) -> (HashSet<&str>, HashSet<Cause>) {
    let index = Index::new(links);
    let findings = || links.iter().flat_map(|checked| &checked.findings).filter(|finding| wanted(finding));
    (findings().map(|finding| finding.id.as_str()).collect(), findings().map(|finding| index.cause(finding)).collect())
}

impl Report {
    /// Accepts what is broken in the baseline too, by its id or its cause. `name` is the baseline's file.
    pub fn compare(&mut self, baseline: &Baseline, name: &str) {
        let (ids, causes) = broken(&baseline.links, Finding::is_broken);
        let index = Index::new(&self.links);
        let all = self.links.iter().flat_map(Checked::broken);
        let known: HashSet<String> = all
            .filter(|finding| ids.contains(finding.id.as_str()) || causes.contains(&index.cause(finding)))
            .map(|finding| finding.id.clone())
            .collect();
        let (now, causes_now) = broken(&self.links, Finding::is_broken);
        let (_, new) = broken(&self.links, |finding| finding.is_broken() && !known.contains(&finding.id));
        let (_, old) = broken(&self.links, |finding| known.contains(&finding.id));
        let checked = |link: Link| {
            self.links.iter().any(|checked| checked.link == link && checked.verdict != Verdict::NotChecked)
        };
        let past = Index::new(&baseline.links);
        let of_checked = baseline.links.iter().filter(|past| checked(past.link)).flat_map(Checked::broken);
        let mut gone: HashSet<Cause> = HashSet::new();
        let mut stayed: HashSet<Cause> = HashSet::new();
        for finding in of_checked {
            let cause = past.cause(finding);
            let stays = now.contains(finding.id.as_str()) || causes_now.contains(&cause);
            if stays {
                stayed.insert(cause)
            } else {
                gone.insert(cause)
            };
        }
        let compared =
            Compared { known: old.difference(&new).count(), new: new.len(), gone: gone.difference(&stayed).count() };
        for finding in self.links.iter_mut().flat_map(|checked| &mut checked.findings) {
            if known.contains(&finding.id) {
                (finding.verdict, finding.known) = (Verdict::Accepted, true);
                finding.why.push(format!("known: `{name}` has it too"));
            }
        }
        self.baseline = Some(compared);
        self.recount();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn broken(id: &str, what: &str) -> Finding {
        Finding::broken(id, id, what)
    }

    fn report(findings: Vec<Finding>) -> Report {
        let rules = Checked::new(Link::Rules, &[("rule", findings.len())], findings);
        let delivery = Checked::not_checked(Link::Delivery, "not asked", None);
        Report::new("s", "h", vec![rules, delivery], Duration::ZERO)
    }

    fn baseline(report: &Report) -> Baseline {
        Baseline::read("old.json", &serde_json::to_string(report).expect("JSON")).expect("a report")
    }

    #[test]
    fn only_what_is_new_fails_and_causes_are_compared() {
        let missing = |id: &str, metric: &str| broken(id, "can never fire").cause(format!("no target has `{metric}`"));
        let old = report(vec![missing("rule:g/A", "x"), broken("rule:g/B", "late"), broken("rule:g/C", "gone by now")]);
        let mut now = report(vec![missing("rule:g/NEW", "x"), broken("rule:g/B", "later"), missing("rule:g/D", "y")]);
        now.compare(&baseline(&old), "old.json");
        assert_eq!(now.baseline, Some(Compared { known: 2, new: 1, gone: 1 }));
        assert_eq!((now.verdict, now.causes), (Verdict::Broken, 1));
        let known = now.finding("rule:g/NEW").expect("it");
        assert_eq!((known.verdict, known.known), (Verdict::Accepted, true));
        // A report that was compared is a baseline again.
        let mut again = report(vec![missing("rule:g/NEW", "x"), broken("rule:g/B", "later")]);
        again.compare(&baseline(&now), "now.json");
        assert_eq!((again.baseline, again.verdict), (Some(Compared { known: 2, new: 0, gone: 1 }), Verdict::Ok));
    }

    #[test]
    fn a_link_that_was_not_checked_has_nothing_that_is_gone() {
        let mut old = report(vec![Finding::ok("rule:g/A", "A")]);
        old.links.push(Checked::new(Link::Dashboards, &[], vec![broken("panel:d/1/A", "empty")]));
        let mut now = report(vec![Finding::ok("rule:g/A", "A")]);
        now.compare(&baseline(&old), "old.json");
        assert_eq!(now.baseline, Some(Compared { known: 0, new: 0, gone: 0 }));
    }

    #[test]
    fn what_the_spec_accepted_then_is_new_without_its_entry() {
        let mut old = report(vec![broken("rule:g/A", "x")]);
        old.links[0].findings[0].verdict = Verdict::Accepted;
        let mut now = report(vec![broken("rule:g/A", "x")]);
        now.compare(&baseline(&old), "old.json");
        assert_eq!(now.baseline, Some(Compared { known: 0, new: 1, gone: 0 }));
    }

    #[test]
    fn a_file_that_is_no_report_is_named_with_the_way_to_one() {
        for (text, said) in [
            ("{", "`a.json` is not valid JSON"),
            ("", "`a.json` is not valid JSON"),
            ("[]", "`a.json` is not a report of `watchpost verify -o json`"),
            (
                "{\"links\": [{\"link\": \"moon\", \"findings\": []}]}",
                "`a.json` is not a report of `watchpost verify -o json`",
            ),
            ("{\"stack\": \"s\"}", "`a.json` is not a report of `watchpost verify -o json`"),
        ] {
            let error = Baseline::read("a.json", text).expect_err(text);
            assert_eq!(error.message, said);
            assert_eq!(error.hint.as_deref(), Some("write one with `watchpost verify -o json > proof.json`"));
        }
    }
}
