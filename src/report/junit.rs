//! A report as JUnit XML, which CI systems show as tests: a link is a suite, a finding a case.
//!
//! <https://github.com/testmoapp/junitxml>. `quick-junit` would bring six crates more for these few elements.

use quick_xml::Writer;
use quick_xml::events::BytesText;
use quick_xml::writer::ElementWriter;

use crate::report::{Checked, Finding, Report, Verdict};

/// The document with its declaration, ending with a newline. A broken finding is a failure with its reasons and its fix;
/// what was not checked is skipped.
pub fn junit(report: &Report) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let count = |verdict| report.links.iter().map(|checked| count_of(checked, verdict)).sum::<usize>();
    let total: usize = report.links.iter().map(|checked| checked.findings.len()).sum();
    let suites = writer.create_element("testsuites").with_attributes([
        ("name", clean(&format!("watchpost verify: {} on {}", report.stack, report.host)).as_str()),
        ("tests", total.to_string().as_str()),
        ("failures", count(Verdict::Broken).to_string().as_str()),
        ("skipped", count(Verdict::NotChecked).to_string().as_str()),
        ("errors", "0"),
        ("time", format!("{:.3}", report.took_seconds).as_str()),
    ]);
    // Writing into memory does not fail.
    drop(suites.write_inner_content(|writer| report.links.iter().try_for_each(|checked| suite(writer, checked))));
    let body = String::from_utf8(writer.into_inner()).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n")
}

fn count_of(checked: &Checked, verdict: Verdict) -> usize {
    checked.findings.iter().filter(|finding| finding.verdict == verdict).count()
}

type Out = Writer<Vec<u8>>;

fn suite(writer: &mut Out, checked: &Checked) -> std::io::Result<()> {
    let suite = writer.create_element("testsuite").with_attributes([
        ("name", checked.link.name()),
        ("tests", checked.findings.len().to_string().as_str()),
        ("failures", count_of(checked, Verdict::Broken).to_string().as_str()),
        ("skipped", count_of(checked, Verdict::NotChecked).to_string().as_str()),
        ("errors", "0"),
    ]);
    let cases =
        |writer: &mut Out| checked.findings.iter().try_for_each(|finding| case(writer, checked.link.name(), finding));
    suite.write_inner_content(cases).map(drop)
}

fn case(writer: &mut Out, link: &str, finding: &Finding) -> std::io::Result<()> {
    // The id is unique: two panels may have one name.
    let name = if finding.id.is_empty() { &finding.subject } else { &finding.id };
    let (name, class) = (clean(name), format!("watchpost.{link}"));
    let case =
        writer.create_element("testcase").with_attributes([("name", name.as_str()), ("classname", class.as_str())]);
    let (what, description) = (clean(&finding.what), clean(&description(finding)));
    match finding.verdict {
        Verdict::Ok => case.write_empty().map(drop),
        Verdict::Note | Verdict::Warning | Verdict::Accepted => fill(case, |writer| {
            writer.create_element("system-out").write_text_content(BytesText::new(&description)).map(drop)
        }),
        Verdict::NotChecked => fill(case, |writer| {
            writer.create_element("skipped").with_attribute(("message", what.as_str())).write_empty().map(drop)
        }),
        Verdict::Broken => fill(case, |writer| {
            let failure = writer.create_element("failure");
            let failure = failure.with_attributes([("message", what.as_str()), ("type", "broken")]);
            failure.write_text_content(BytesText::new(&description)).map(drop)
        }),
    }
}

fn fill<'a>(
    element: ElementWriter<'a, Vec<u8>>,
    content: impl FnOnce(&mut Out) -> std::io::Result<()>,
) -> std::io::Result<()> {
    element.write_inner_content(content).map(drop)
}

/// What was found, why, and the fix, a line each.
fn description(finding: &Finding) -> String {
    let kind = match finding.verdict {
        Verdict::Warning => "warning: ",
        Verdict::Accepted => "accepted: ",
        _ => "",
    };
    let mut lines = vec![format!("{kind}{}: {}", finding.subject, finding.what)];
    lines.extend(finding.why.iter().cloned());
    lines.extend(
        finding.cause.iter().filter(|cause| !finding.why.contains(cause)).map(|cause| format!("cause: {cause}")),
    );
    lines.extend(finding.because.iter().map(|id| format!("follows from {id}")));
    lines.extend(finding.fix.iter().map(|fix| format!("fix: {fix}")));
    lines.join("\n")
}

/// Without the characters that XML 1.0 does not allow, however they are written. <https://www.w3.org/TR/xml/#charsets>
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quick_xml::events::Event;
    use quick_xml::{Reader, XmlVersion};

    use super::*;
    use crate::report::Link;

    const HOSTILE: &str = "a<b> & \"c\" ]]> 'd'\u{1}\u{1b}[31m\u{ffff}\n\u{e9}\u{1f600}";

    fn report() -> Report {
        let targets = vec![
            Finding::ok("target:a", "a"),
            Finding::broken("target:b", HOSTILE, HOSTILE).why(HOSTILE).fix("watchpost up --set \"x\""),
        ];
        let mut accepted = Finding::broken("rule:w", "w", "can never fire").cause("no target has `x`");
        accepted.verdict = Verdict::Accepted;
        let rules = vec![
            Finding::note("rule:x", "x", "can never fire"),
            Finding::not_checked("rule:y", "y", "no <way>"),
            Finding::warning("rule:z", "z", "cannot fire in time"),
            accepted,
        ];
        let links = vec![Checked::new(Link::Targets, &[], targets), Checked::new(Link::Rules, &[], rules)];
        Report::new("mon<itoring", "local & Docker", links, Duration::from_millis(1500))
    }

    /// Elements with their attributes, and texts, as a parser reads them.
    fn parsed(xml: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let mut seen = Vec::new();
        let mut text = String::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Eof => return seen,
                Event::Start(tag) | Event::Empty(tag) => {
                    let attributes = tag.attributes().map(|attribute| {
                        let attribute = attribute.expect("well-formed");
                        let value = attribute.normalized_value(XmlVersion::Explicit1_0).expect("escaped").into_owned();
                        format!("{}={value}", attribute.key.as_ref())
                    });
                    let attributes: Vec<String> = attributes.collect();
                    seen.push(format!("{} {}", tag.name().as_ref(), attributes.join("|")));
                }
                Event::Text(part) => text.push_str(&part),
                Event::GeneralRef(reference) => {
                    let sign = reference.resolve_char_ref().expect("a sign").map(String::from);
                    let known = || quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned);
                    text.push_str(&sign.or_else(known).expect("a known entity"));
                }
                Event::End(_) => {
                    if !text.trim().is_empty() {
                        seen.push(text.trim().to_owned());
                    }
                    text.clear();
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_verdict_has_its_element_and_hostile_text_stays_text() {
        let xml = junit(&report());
        // A finding has no control characters; XML does not allow some others.
        let survives = HOSTILE.replace(char::is_control, " ").replace('\u{ffff}', "\u{fffd}");
        let seen = parsed(&xml);
        assert_eq!(
            seen[0],
            "testsuites name=watchpost verify: mon<itoring on local & Docker|tests=6|failures=1|skipped=1|errors=0|time=1.500"
        );
        let has = |wanted: &str| assert!(seen.iter().any(|element| element == wanted), "{wanted:?} in {seen:#?}");
        has("testsuite name=targets|tests=2|failures=1|skipped=0|errors=0");
        has("testcase name=target:a|classname=watchpost.targets");
        has(&format!("failure message={survives}|type=broken"));
        has(&format!("{survives}: {survives}\n{survives}\nfix: watchpost up --set \"x\""));
        has("skipped message=no <way>");
        has("x: can never fire");
        has("warning: z: cannot fire in time");
        has("accepted: w: can never fire\ncause: no target has `x`");
        let outs = seen.iter().filter(|element| element.starts_with("system-out")).count();
        assert_eq!(outs, 3, "a note, a warning and what is accepted fail nothing");
        assert!(!xml.contains('\u{1}') && !xml.contains('\u{1b}'));
    }
}
