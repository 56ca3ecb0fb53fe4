//! What the spec accepts: broken findings that are known and lived with.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::cause::{self, Index};
use super::{Checked, Finding, Link, Report, Verdict};
use crate::fix::Fix;
use crate::spec::Accept;

/// From so many metrics of one prefix on, one pattern stands for them.
const FAMILY: usize = 4;
/// From so many findings in one file on, the whole file is accepted when nothing else in it is broken.
const WHOLE_FILE: usize = 6;

/// Does the text match, when each `*` stands for any text?
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((last, between)) = parts.split_last() else { return true };
    for part in between {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// A pattern without a folder is held against the file's name alone.
fn matches_file(pattern: &str, file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    matches(pattern, file) || (!pattern.contains('/') && matches(pattern, name))
}

impl Accept {
    /// Is the finding of this link one that the entry is about, whatever its verdict?
    pub fn covers(&self, link: Link, finding: &Finding) -> bool {
        let part = |pattern: &Option<String>, value: Option<&str>, fits: fn(&str, &str) -> bool| {
            pattern.as_ref().is_none_or(|pattern| value.is_some_and(|value| fits(pattern, value)))
        };
        let about = &finding.about;
        self.link == link.name()
            && part(&self.subject, Some(&finding.subject), matches)
            && part(&self.file, about.file.as_deref(), matches_file)
            && part(&self.panel, about.panel.as_deref(), matches)
            && part(&self.alert, about.alert.as_deref(), matches)
            && part(&self.metric, about.metric.as_deref(), matches)
    }

    /// Is its last day over? Days are written so that later ones are greater.
    fn is_over(&self, today: &str) -> bool {
        self.until.as_deref().is_some_and(|until| until < today)
    }

    /// `file shop.json, metric node_hwmon_*`
    fn words(&self) -> String {
        let parts = [
            ("subject", &self.subject),
            ("file", &self.file),
            ("panel", &self.panel),
            ("alert", &self.alert),
            ("metric", &self.metric),
        ];
        let given = parts.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key} {value}")));
        let given: Vec<String> = given.collect();
        if given.is_empty() { format!("all of {}", self.link) } else { given.join(", ") }
    }

    fn warning(&self, what: String, fix: &str) -> Finding {
        let id = format!("accept:{}/{}", self.link, self.words());
        let subject = if self.place.is_empty() { "accept".to_owned() } else { format!("accept ({})", self.place) };
        Finding::warning(id, subject, what).fix(Fix::spec("accept", format!("{fix} the entry for {}", self.words())))
    }
}

/// Did the link look at what its findings are usually about? Without Grafana's answer no entry for panels matches.
fn was_judged(checked: &Checked) -> bool {
    let unit = match checked.link {
        Link::Containers => "container",
        Link::Targets => "target",
        Link::Rules => "rule",
        Link::Alerting => "",
        Link::Delivery => "receiver",
        Link::Dashboards => "query",
    };
    checked
        .findings
        .iter()
        .any(|finding| finding.verdict != Verdict::NotChecked && (unit.is_empty() || finding.unit() == unit))
}

impl Report {
    /// Broken findings that an entry covers count as accepted, and so does what follows from them. An entry that covers
    /// nothing any more, or is past its day, is a warning.
    pub fn accept(&mut self, entries: &[Accept], today: &str) {
        if entries.is_empty() {
            return;
        }
        let mut why: BTreeMap<String, String> = BTreeMap::new();
        for checked in &self.links {
            let of_link: Vec<&Accept> = entries.iter().filter(|entry| !entry.is_over(today)).collect();
            for finding in checked.broken() {
                if let Some(entry) = of_link.iter().find(|entry| entry.covers(checked.link, finding)) {
                    let place = if entry.place.is_empty() { "accept" } else { &entry.place };
                    why.insert(finding.id.clone(), format!("accepted: {} ({place})", entry.because));
                }
            }
        }
        self.follow(&mut why);
        let warnings = self.unused(entries, today);
        for checked in &mut self.links {
            for finding in &mut checked.findings {
                if let Some(why) = why.remove(&finding.id) {
                    finding.verdict = Verdict::Accepted;
                    finding.why.push(super::plain(why));
                }
            }
            checked.findings.extend(warnings.iter().filter(|(link, _)| *link == checked.link).map(|(_, w)| w.clone()));
        }
        super::number_ids(&mut self.links);
        self.recount();
    }

    /// What follows from an accepted finding, over any number of steps.
    fn follow(&self, why: &mut BTreeMap<String, String>) {
        let index = Index::new(&self.links);
        loop {
            let before = why.len();
            for finding in self.links.iter().flat_map(Checked::broken) {
                let Some(because) = finding.because.as_ref().filter(|id| why.contains_key(*id)) else { continue };
                let subject = index.get(because).map_or(because.as_str(), |finding| &finding.subject);
                why.entry(finding.id.clone()).or_insert_with(|| format!("accepted with {subject}"));
            }
            if why.len() == before {
                return;
            }
        }
    }

    fn unused(&self, entries: &[Accept], today: &str) -> Vec<(Link, Finding)> {
        let mut warnings = Vec::new();
        for entry in entries {
            let Some(checked) = self.links.iter().find(|checked| checked.link.name() == entry.link) else { continue };
            if let (true, Some(until)) = (entry.is_over(today), &entry.until) {
                let what = format!("accepts nothing since its last day, {until}");
                warnings.push((checked.link, entry.warning(what, "remove")));
                continue;
            }
            let covers = |finding: &Finding| {
                matches!(finding.verdict, Verdict::Broken | Verdict::NotChecked) && entry.covers(checked.link, finding)
            };
            if was_judged(checked) && !checked.findings.iter().any(covers) {
                let what = "matches nothing that is broken any more".to_owned();
                warnings.push((checked.link, entry.warning(what, "remove")));
            }
        }
        warnings
    }

    /// Few entries that accept what is broken and has this pattern in its subject, file, metric, alert or panel; what
    /// follows from an accepted finding needs none. Nothing that is whole or was not asked for matches them.
    pub fn entries_for(&self, pattern: Option<&str>, because: &str) -> Vec<Accept> {
        let picked = |finding: &Finding| {
            let about = &finding.about;
            let texts = [&about.file, &about.panel, &about.alert, &about.metric];
            pattern.is_none_or(|pattern| {
                matches(pattern, &finding.subject)
                    || about.file.as_deref().is_some_and(|file| matches_file(pattern, file))
                    || texts.iter().any(|text| text.as_deref().is_some_and(|text| matches(pattern, text)))
            })
        };
        let index = Index::new(&self.links);
        let causes: HashSet<cause::Cause> = self
            .links
            .iter()
            .flat_map(Checked::broken)
            .filter(|finding| picked(finding))
            .map(|finding| index.cause(finding))
            .collect();
        let mut entries = Vec::new();
        for checked in &self.links {
            let broken = checked.broken().filter(|finding| causes.contains(&index.cause(finding)));
            // What follows from another finding of this report is accepted with that one.
            let own: Vec<&Finding> =
                broken.filter(|f| f.because.as_ref().is_none_or(|id| index.get(id).is_none())).collect();
            entries.extend(Proposal { checked, wanted: own.iter().map(|f| f.id.as_str()).collect() }.entries(&own));
        }
        for entry in &mut entries {
            because.clone_into(&mut entry.because);
        }
        entries
    }
}

/// What is to be accepted in one link.
struct Proposal<'a> {
    checked: &'a Checked,
    wanted: HashSet<&'a str>,
}

impl Proposal<'_> {
    fn entry(&self) -> Accept {
        Accept { link: self.checked.link.name().to_owned(), ..Accept::default() }
    }

    /// Does the entry cover nothing else that is known by now?
    fn is_narrow(&self, entry: &Accept) -> bool {
        let other =
            |finding: &Finding| finding.verdict != Verdict::Accepted && !self.wanted.contains(finding.id.as_str());
        !self
            .checked
            .findings
            .iter()
            .any(|finding| other(finding) && finding.because.is_none() && entry.covers(self.checked.link, finding))
    }

    fn entries(&self, findings: &[&Finding]) -> Vec<Accept> {
        let mut entries = self.families(findings);
        let mut rest: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| !entries.iter().any(|e| e.covers(self.checked.link, finding))) {
            rest.entry(finding.about.file.as_deref().unwrap_or_default()).or_default().push(finding);
        }
        for (file, findings) in rest {
            let whole = Accept { file: Some(file.to_owned()), ..self.entry() };
            if !file.is_empty() && findings.len() >= WHOLE_FILE && self.is_narrow(&whole) {
                entries.push(whole);
                continue;
            }
            let mut single: Vec<Accept> = findings.iter().map(|finding| self.single(finding)).collect();
            single.sort_by_key(Accept::words);
            single.dedup();
            entries.extend(single);
        }
        entries
    }

    /// An entry for each metric, or for several that begin alike.
    fn families(&self, findings: &[&Finding]) -> Vec<Accept> {
        let metrics: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.about.metric.as_deref()).collect();
        let mut by_prefix: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for metric in metrics {
            by_prefix.entry(metric.split_once('_').map_or(metric, |(first, _)| first)).or_default().push(metric);
        }
        let of = |metric: &str| Accept { metric: Some(metric.to_owned()), ..self.entry() };
        let mut entries = Vec::new();
        for (prefix, metrics) in by_prefix {
            let family = of(&format!("{prefix}_*"));
            if metrics.len() >= FAMILY && self.is_narrow(&family) {
                entries.push(family);
            } else {
                entries.extend(metrics.into_iter().map(of).filter(|entry| self.is_narrow(entry)));
            }
        }
        entries
    }

    /// The entry for one finding and no other.
    fn single(&self, finding: &Finding) -> Accept {
        let about = finding.about.clone();
        let entry =
            Accept { file: about.file, panel: about.panel, alert: about.alert, metric: about.metric, ..self.entry() };
        let named = entry.panel.is_some() || entry.alert.is_some() || entry.metric.is_some();
        // A star in a name would be a pattern; it matches the name too.
        if named { entry } else { Accept { subject: Some(finding.subject.clone()), file: entry.file, ..self.entry() } }
    }
}

#[cfg(test)]
mod tests;
