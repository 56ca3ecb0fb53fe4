//! Which findings come from one mistake: a missing metric breaks rules and panels alike, and is fixed once.

use std::collections::{HashMap, HashSet};

use super::{Checked, Finding, Verdict};

/// A chain of findings that follow from each other ends here, also when it is a circle.
const DEPTH: usize = 8;

/// What distinguishes one mistake from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The mistake in words, as its findings give it.
    Words(String),
    /// A finding that the report does not have: its link was not checked.
    Elsewhere(String),
    /// What was found, why, and the fix. What is about a place in a file has a fix for that place, which tells no two
    /// mistakes apart.
    Found { what: String, why: Vec<String>, fix: Option<String> },
}

impl Cause {
    /// The cause of a finding that follows from no other.
    fn of(finding: &Finding) -> Self {
        if let Some(words) = &finding.cause {
            return Self::Words(words.clone());
        }
        let placed = !finding.about.is_empty() || matches!(finding.unit(), "rule" | "query");
        let fix = if placed { None } else { finding.fix.as_ref().map(ToString::to_string) };
        Self::Found { what: finding.what.clone(), why: finding.why.clone(), fix }
    }
}

/// The findings of some links by their ids.
pub struct Index<'a> {
    by_id: HashMap<&'a str, &'a Finding>,
}

impl<'a> Index<'a> {
    pub fn new(links: &'a [Checked]) -> Self {
        let findings = links.iter().flat_map(|checked| &checked.findings);
        Self { by_id: findings.map(|finding| (finding.id.as_str(), finding)).collect() }
    }

    pub fn get(&self, id: &str) -> Option<&'a Finding> {
        self.by_id.get(id).copied()
    }

    /// The finding at the end of the chain, or the id where it leaves the report.
    pub fn root(&self, finding: &'a Finding) -> Result<&'a Finding, &'a str> {
        let mut root = finding;
        for _ in 0..DEPTH {
            let Some(id) = root.because.as_deref() else { break };
            root = self.get(id).ok_or(id)?;
        }
        Ok(root)
    }

    pub fn cause(&self, finding: &'a Finding) -> Cause {
        match self.root(finding) {
            Ok(root) => Cause::of(root),
            Err(id) => Cause::Elsewhere(id.to_owned()),
        }
    }
}

/// The findings of one cause in one link.
#[derive(Debug)]
pub struct Group<'a> {
    pub cause: Cause,
    /// What they follow from, when all of them do and the report has it.
    pub root: Option<&'a Finding>,
    /// The link that has the cause first, by its place in the report.
    pub first: usize,
    /// How many findings of this verdict the cause has in all links.
    pub total: usize,
    pub findings: Vec<&'a Finding>,
}

/// The findings of a verdict in groups, link by link, in the order in which they appear. What follows from another finding
/// stands in a group of its own, behind that finding's.
pub fn groups<'a>(links: &'a [Checked], verdict: Verdict) -> Vec<Vec<Group<'a>>> {
    let index = Index::new(links);
    let mut seen: HashMap<Cause, (usize, usize)> = HashMap::new();
    let mut all = Vec::new();
    for (at, checked) in links.iter().enumerate() {
        let mut places: HashMap<(Cause, bool), usize> = HashMap::new();
        let mut of_link: Vec<Group<'a>> = Vec::new();
        for finding in checked.findings.iter().filter(|finding| finding.verdict == verdict) {
            let cause = index.cause(finding);
            seen.entry(cause.clone()).or_insert((at, 0)).1 += 1;
            let follows = finding.because.is_some();
            let place = *places.entry((cause.clone(), follows)).or_insert(of_link.len());
            if place == of_link.len() {
                let root = if follows { index.root(finding).ok() } else { None };
                of_link.push(Group { cause, root, first: at, total: 0, findings: Vec::new() });
            }
            of_link[place].findings.push(finding);
        }
        of_link.sort_by_key(|group| group.findings[0].because.is_some());
        all.push(of_link);
    }
    for group in all.iter_mut().flatten() {
        (group.first, group.total) = seen.get(&group.cause).copied().unwrap_or((group.first, 0));
    }
    all
}

/// How many mistakes there are behind what is broken.
pub fn count(links: &[Checked]) -> usize {
    let index = Index::new(links);
    let causes: HashSet<Cause> = links.iter().flat_map(Checked::broken).map(|finding| index.cause(finding)).collect();
    causes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Link;

    fn broken(id: &str, what: &str) -> Finding {
        Finding::broken(id, id.split_once(':').map_or(id, |(_, name)| name), what)
    }

    fn missing(id: &str) -> Finding {
        broken(id, "shows nothing").cause("no target has `x`")
    }

    fn link(link: Link, findings: Vec<Finding>) -> Checked {
        Checked::new(link, &[], findings)
    }

    #[test]
    fn one_mistake_in_rules_and_panels_is_one_cause() {
        let rules = link(Link::Rules, vec![missing("rule:g/A"), missing("rule:g/B"), broken("rule:g/C", "other")]);
        let boards = link(Link::Dashboards, vec![missing("panel:d/1/A")]);
        let links = [rules, boards];
        assert_eq!(count(&links), 2);
        let found = groups(&links, Verdict::Broken);
        let sizes: Vec<Vec<usize>> =
            found.iter().map(|of| of.iter().map(|group| group.findings.len()).collect()).collect();
        assert_eq!(sizes, [vec![2, 1], vec![1]]);
        assert_eq!((found[1][0].first, found[1][0].total), (0, 3));
    }

    #[test]
    fn what_follows_leads_to_the_end_of_its_chain_and_a_circle_ends() {
        let containers = link(Link::Containers, vec![broken("container:pg", "is paused")]);
        let targets = link(Link::Targets, vec![broken("target:pg/x", "refused").because(Some("container:pg".into()))]);
        let rules = link(Link::Rules, vec![broken("rule:g/A", "empty").because(Some("target:pg/x".into()))]);
        let links = [containers, targets, rules];
        assert_eq!(count(&links), 1);
        let found = groups(&links, Verdict::Broken);
        assert_eq!(found[2][0].root.map(|root| root.id.as_str()), Some("container:pg"));
        let circle = [link(
            Link::Targets,
            vec![
                broken("target:a", "down").because(Some("target:b".into())),
                broken("target:b", "down").because(Some("target:a".into())),
            ],
        )];
        assert_eq!(count(&circle), 1);
    }

    #[test]
    fn a_cause_that_was_not_checked_counts_once_and_targets_of_two_jobs_are_two() {
        let because = |id: &str| broken(id, "empty").because(Some("target:pg/x".into()));
        assert_eq!(count(&[link(Link::Rules, vec![because("rule:g/A"), because("rule:g/B")])]), 1);
        let refused = |id: &str, fix: &str| broken(id, "connection refused").fix(fix);
        let targets = vec![
            refused("target:a/1", "correct the port of `a`"),
            refused("target:a/2", "correct the port of `a`"),
            refused("target:b/1", "correct the port of `b`"),
        ];
        assert_eq!(count(&[link(Link::Targets, targets)]), 2);
        let at = |id: &str, place: &str| broken(id, "does not evaluate").fix(format!("correct {place}"));
        assert_eq!(count(&[link(Link::Rules, vec![at("rule:g/A", "A"), at("rule:g/B", "B")])]), 1);
    }
}
