//! What `verify` found, link by link.
//!
//! As JSON (`verify -o json`) its shape is `docs/proof.schema.json`.

mod accept;
pub mod baseline;
pub mod cause;
pub mod ids;
pub mod junit;

pub use baseline::Compared;

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fix::{Addressing, Fix};

/// The JSON schema of a report.
pub const SCHEMA: &str = include_str!("../docs/proof.schema.json");

/// The links of the chain; each needs those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// Every container is as deployed and runs well.
    Containers,
    /// Every target is scraped.
    Targets,
    /// Every rule is loaded, evaluates, and has the metrics it uses.
    Rules,
    /// Alerts reach Alertmanager, and it has somewhere to send them.
    Alerting,
    /// Every receiver gets a message.
    Delivery,
    /// Every panel shows data.
    Dashboards,
}

impl Link {
    pub const ALL: [Link; 6] =
        [Self::Containers, Self::Targets, Self::Rules, Self::Alerting, Self::Delivery, Self::Dashboards];

    pub fn name(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Targets => "targets",
            Self::Rules => "rules",
            Self::Alerting => "alerting",
            Self::Delivery => "delivery",
            Self::Dashboards => "dashboards",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Ok,
    /// Worth knowing, and nothing to do: an alert that cannot fire because this host has nothing of the kind.
    Note,
    /// Works as configured, and is probably not what was meant: nobody is notified.
    Warning,
    /// Not seen to work: not looked at, or too early to say.
    NotChecked,
    /// Broken, and the spec's `accept` says that this is known.
    Accepted,
    Broken,
}

/// What a finding is about, as `accept` in the spec names it; absent parts do not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// As its author knows it: `rules/own/shop.yml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The panel's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panel: Option<String>,
    /// The name of an alert or a recording rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

impl About {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Unique in the report, and the same from run to run: `target:node/localhost`.
    pub id: String,
    /// Its name for people: `node/localhost`.
    pub subject: String,
    pub verdict: Verdict,
    /// What was found, in a few words; may be empty when all is well.
    pub what: String,
    /// The reasons, where they are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// The command or setting that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The id of another finding that this one follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The mistake in words, equal in all findings that come from it: ``no target has `cortex_build_info` ``.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// Broken in the baseline too, and accepted for that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

impl Finding {
    fn new(verdict: Verdict, id: impl Into<String>, subject: impl Into<String>, what: impl Into<String>) -> Self {
        let (id, subject, what) = (plain(id.into()), plain(subject.into()), plain(what.into()));
        debug_assert!(ids::is_known(&id), "`{id}` is missing in src/report/ids.rs");
        Self {
            id,
            subject,
            verdict,
            what,
            why: Vec::new(),
            fix: None,
            because: None,
            cause: None,
            about: About::default(),
            known: false,
        }
    }

    pub fn ok(id: impl Into<String>, subject: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, id, subject, "")
    }

    pub fn note(id: impl Into<String>, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Verdict::Note, id, subject, what)
    }

    pub fn warning(id: impl Into<String>, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Verdict::Warning, id, subject, what)
    }

    pub fn broken(id: impl Into<String>, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Verdict::Broken, id, subject, what)
    }

    pub fn not_checked(id: impl Into<String>, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Verdict::NotChecked, id, subject, what)
    }

    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(plain(why.into()));
        self
    }

    pub fn fix(mut self, fix: impl Into<Fix>) -> Self {
        let mut fix = fix.into();
        fix.map(&|text| plain(text.to_owned()));
        self.fix = Some(fix);
        self
    }

    pub fn because(mut self, id: Option<String>) -> Self {
        self.because = id.or(self.because);
        self
    }

    /// The mistake that this finding shares with others.
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(plain(cause.into()));
        self
    }

    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.about.file = Some(plain(file.into()));
        self
    }

    pub fn of_panel(mut self, title: impl Into<String>) -> Self {
        self.about.panel = Some(plain(title.into()));
        self
    }

    pub fn of_alert(mut self, name: impl Into<String>) -> Self {
        self.about.alert = Some(plain(name.into()));
        self
    }

    pub fn on_metric(mut self, metric: impl Into<String>) -> Self {
        self.about.metric = Some(plain(metric.into()));
        self
    }

    /// The fix as people read it; empty when there is none.
    pub fn fix_text(&self) -> String {
        self.fix.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    pub fn is_broken(&self) -> bool {
        self.verdict == Verdict::Broken
    }

    /// What it is one of, by its id: `rule`, `query`.
    pub fn unit(&self) -> &'static str {
        match self.id.split_once(':').map(|(kind, _)| kind) {
            Some("container") => "container",
            Some("target") => "target",
            Some("rule") => "rule",
            Some("group") => "group",
            Some("panel") => "query",
            Some("dashboard") => "dashboard",
            Some("datasource") => "data source",
            Some("receiver") => "receiver",
            Some("route") => "route",
            Some("job") => "job",
            Some("probe") => "probe",
            None if self.id == "watchdog" => "alert",
            _ => "finding",
        }
    }
}

/// Names and texts come from other programs: their control characters must not reach a terminal.
fn plain(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

/// How many of something were checked: `96 rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Singular: `rule`, `query`.
    pub what: String,
    pub number: usize,
}

/// One link with everything that was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    pub link: Link,
    pub verdict: Verdict,
    pub counts: Vec<Count>,
    /// Shown beside the sign when the link holds: `critical → oncall`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    pub findings: Vec<Finding>,
}

impl Checked {
    /// The verdict is that of the worst finding; notes, and some that were not checked, leave it `Ok`.
    pub fn new(link: Link, counts: &[(&str, usize)], findings: Vec<Finding>) -> Self {
        let verdict = worst(&findings);
        let counts = counts.iter().map(|(what, number)| Count { what: (*what).to_owned(), number: *number }).collect();
        Self { link, verdict, counts, remarks: Vec::new(), findings }
    }

    /// A link that was not checked, and why; `how` is the command that checks it.
    pub fn not_checked(link: Link, why: impl Into<String>, how: Option<Fix>) -> Self {
        let mut finding = Finding::not_checked(format!("link:{}", link.name()), link.name(), why);
        finding.fix = how;
        Self::new(link, &[], vec![finding])
    }

    pub fn with(mut self, more: Vec<Finding>) -> Self {
        self.findings.extend(more);
        self.verdict = worst(&self.findings);
        self
    }

    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }

    pub fn broken(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_broken())
    }
}

fn worst(findings: &[Finding]) -> Verdict {
    let is = |verdict| move |finding: &Finding| finding.verdict == verdict;
    if findings.iter().any(is(Verdict::Broken)) {
        Verdict::Broken
    } else if !findings.is_empty() && findings.iter().all(is(Verdict::NotChecked)) {
        Verdict::NotChecked
    } else if findings.iter().any(is(Verdict::Warning)) {
        Verdict::Warning
    } else {
        Verdict::Ok
    }
}

/// The whole verification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub stack: String,
    /// `local Docker`, or the host's address.
    pub host: String,
    pub verdict: Verdict,
    /// Links that are broken.
    pub broken_links: usize,
    /// Mistakes behind what is broken, each counted once.
    pub causes: usize,
    pub took_seconds: f64,
    /// How this differs from an earlier report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Compared>,
    pub links: Vec<Checked>,
}

impl Report {
    pub fn new(stack: &str, host: &str, mut links: Vec<Checked>, took: Duration) -> Self {
        links.sort_by_key(|checked| checked.link);
        number_ids(&mut links);
        let mut report = Self {
            stack: stack.to_owned(),
            host: host.to_owned(),
            verdict: Verdict::NotChecked,
            broken_links: 0,
            causes: 0,
            took_seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            baseline: None,
            links,
        };
        report.recount();
        report
    }

    /// Verdicts and numbers from the findings as they are by now.
    fn recount(&mut self) {
        for checked in &mut self.links {
            checked.verdict = worst(&checked.findings);
        }
        self.causes = cause::count(&self.links);
        let are = |verdict| move |checked: &&Checked| checked.verdict == verdict;
        self.broken_links = self.links.iter().filter(are(Verdict::Broken)).count();
        let nothing = self.links.iter().all(|checked| checked.verdict == Verdict::NotChecked);
        self.verdict = match (self.broken_links, nothing) {
            (0, true) => Verdict::NotChecked,
            (0, false) if self.links.iter().any(|checked| checked.verdict == Verdict::Warning) => Verdict::Warning,
            (0, false) => Verdict::Ok,
            _ => Verdict::Broken,
        };
    }

    pub fn is_broken(&self) -> bool {
        self.verdict == Verdict::Broken
    }

    /// For a report by `up`: where running it again is the fix, the log of the service is the next step.
    pub fn without_circles(&mut self) {
        for finding in self.links.iter_mut().flat_map(|checked| &mut checked.findings) {
            let Some(fix) = finding.fix.take() else { continue };
            let cause = finding.because.as_deref().unwrap_or(&finding.id);
            let service = cause.strip_prefix("container:");
            let logs = || Fix::watchpost(["logs"].into_iter().chain(service)).note("shows why");
            finding.fix = Some(fix.after_up().unwrap_or_else(logs));
        }
    }

    /// Puts the flags of this run into the commands of every fix.
    pub fn address(&mut self, addressing: &Addressing) {
        let findings = self.links.iter_mut().flat_map(|checked| &mut checked.findings);
        findings.filter_map(|finding| finding.fix.as_mut()).for_each(|fix| fix.address(addressing));
    }

    /// The finding with this id.
    pub fn finding(&self, id: &str) -> Option<&Finding> {
        self.links.iter().flat_map(|checked| &checked.findings).find(|finding| finding.id == id)
    }
}

/// Ids are unique: the second of one id ends with `#2`. Targets may share job and instance, rules their names.
fn number_ids(links: &mut [Checked]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for finding in links.iter_mut().flat_map(|checked| &mut checked.findings) {
        let count = seen.entry(finding.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            finding.id = format!("{}#{count}", finding.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_leave_a_link_whole_and_causes_are_counted_once() {
        let targets = Checked::new(
            Link::Targets,
            &[("target", 2)],
            vec![Finding::ok("target:a", "a"), Finding::broken("target:b", "b", "refused")],
        );
        let rules = Checked::new(Link::Rules, &[], vec![Finding::note("rule:x", "x", "can never fire")]);
        let boards = Checked::new(
            Link::Dashboards,
            &[],
            vec![Finding::broken("panel:p", "p", "empty").because(Some("target:b".into()))],
        );
        let report = Report::new("s", "h", vec![boards, rules, targets], Duration::from_millis(1));
        assert_eq!((report.broken_links, report.causes, report.verdict), (2, 1, Verdict::Broken));
        assert_eq!(report.links[0].link, Link::Targets);
        assert_eq!(report.links[1].verdict, Verdict::Ok);
    }

    #[test]
    fn a_report_by_up_does_not_lead_back_to_up() {
        let stopped = Finding::broken("container:grafana", "grafana", "has stopped").fix(Fix::up());
        let followed = Finding::broken("target:a", "a", "refused").fix(Fix::up()).because(Some("container:a".into()));
        let other = Finding::broken("route:x", "x", "leads nowhere").fix(Fix::spec("alerting", "x").then(Fix::up()));
        let checked = Checked::new(Link::Containers, &[], vec![stopped, followed, other]);
        let mut report = Report::new("s", "h", vec![checked], Duration::from_millis(1));
        report.without_circles();
        let fixes: Vec<String> = report.links[0].findings.iter().map(Finding::fix_text).collect();
        assert_eq!(
            fixes,
            [
                "watchpost logs grafana (shows why)",
                "watchpost logs a (shows why)",
                "in watchpost.yaml under `alerting`: x, then watchpost up"
            ]
        );
    }

    #[test]
    fn a_report_with_every_verdict_is_as_its_schema_says() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let findings = vec![
            Finding::ok("target:a", "a"),
            Finding::note("target:b", "b", "noted").why("because"),
            Finding::warning("target:e", "e", "works")
                .cause("a cause")
                .in_file("f")
                .of_panel("p")
                .of_alert("a")
                .on_metric("m"),
            Finding::not_checked("target:c", "c", "no way"),
            Finding::broken("target:d", "d", "broken").why("because").fix("repair it").because(Some("target:a".into())),
        ];
        let checked = |link: &Link| match link {
            Link::Delivery => Checked::not_checked(*link, "not asked for", Some("watchpost verify --deliver".into())),
            _ => Checked::new(*link, &[("thing", 5)], findings.clone()).remark("said"),
        };
        let report = Report::new("s", "h", Link::ALL.iter().map(checked).collect(), Duration::from_millis(12));
        let past =
            baseline::Baseline::read("old.json", &serde_json::to_string(&report).expect("JSON")).expect("a report");
        let mut compared = report.clone();
        compared.compare(&past, "old.json");
        assert_eq!(
            compared.finding("target:d").map(|found| (found.verdict, found.known)),
            Some((Verdict::Accepted, true))
        );
        let json = serde_json::to_value(&compared).expect("JSON");
        let wrong: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let json = serde_json::to_value(&report).expect("JSON");
        let wrong: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let without = |pointer: &str, key: &str| {
            let mut json = json.clone();
            json.pointer_mut(pointer).and_then(|part| part.as_object_mut()?.remove(key)).expect("it was there");
            validator.is_valid(&json)
        };
        assert!(!without("", "causes") && !without("/links/0", "counts") && !without("/links/0/findings/4", "what"));
        let mut other = json;
        other["links"][0]["verdict"] = "fine".into();
        assert!(!validator.is_valid(&other));
    }

    #[test]
    fn a_link_that_was_not_checked_says_why_and_how() {
        let checked = Checked::not_checked(Link::Delivery, "no receiver is configured", Some(Fix::up()));
        assert_eq!((checked.verdict, checked.counts.len()), (Verdict::NotChecked, 0));
        let found = &checked.findings[0];
        assert_eq!((found.id.as_str(), found.verdict), ("link:delivery", Verdict::NotChecked));
        assert_eq!((found.what.as_str(), found.fix_text().as_str()), ("no receiver is configured", "watchpost up"));
    }

    #[test]
    fn the_second_finding_of_one_id_is_numbered() {
        let twice = vec![Finding::ok("target:a", "a"), Finding::ok("target:a", "a")];
        let report = Report::new("s", "h", vec![Checked::new(Link::Targets, &[], twice)], Duration::ZERO);
        assert!(report.finding("target:a").is_some() && report.finding("target:a#2").is_some());
    }
}
