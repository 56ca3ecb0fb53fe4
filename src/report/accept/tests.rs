use std::time::Duration;

use super::*;

const TODAY: &str = "2026-11-27";

fn rule(name: &str, file: &str, metric: &str) -> Finding {
    Finding::broken(format!("rule:g/{name}"), name, "can never fire")
        .cause(format!("no target has `{metric}`"))
        .in_file(format!("rules/own/{file}"))
        .of_alert(name)
        .on_metric(metric)
}

fn report(rules: Vec<Finding>, panels: Vec<Finding>) -> Report {
    let target = Finding::broken("target:pg/x", "pg/x", "refused").because(Some("container:pg".into()));
    let container = Finding::broken("container:pg", "pg", "is paused");
    let links = vec![
        Checked::new(Link::Containers, &[], vec![container]),
        Checked::new(Link::Targets, &[], vec![target]),
        Checked::new(Link::Rules, &[("rule", rules.len())], rules),
        Checked::new(Link::Dashboards, &[], panels),
    ];
    Report::new("s", "h", links, Duration::ZERO)
}

fn entry(link: &str, change: impl FnOnce(&mut Accept)) -> Accept {
    let mut entry = Accept {
        link: link.into(),
        because: "no sensors here".into(),
        place: "watchpost.yaml, line 9".into(),
        ..Accept::default()
    };
    change(&mut entry);
    entry
}

fn verdicts(report: &Report) -> Vec<(&str, Verdict)> {
    let all = report.links.iter().flat_map(|checked| &checked.findings);
    all.map(|finding| (finding.id.as_str(), finding.verdict)).collect()
}

#[test]
fn a_star_stands_for_any_text_and_nothing_else_has_a_meaning() {
    for (pattern, text, matched) in [
        ("node_*", "node_load1", true),
        ("node_*", "xnode_load1", false),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b", "ab", true),
        ("ab*b", "ab", false),
        ("a.c", "abc", false),
        ("CPU (all) *", "CPU (all) busy", true),
        ("*é*", "née", true),
    ] {
        assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
    }
    assert!(matches_file("shop.yml", "rules/own/shop.yml") && matches_file("rules/*/shop.yml", "rules/own/shop.yml"));
    assert!(!matches_file("own/shop.yml", "rules/own/shop.yml"));
}

#[test]
fn what_an_entry_covers_is_accepted_and_what_follows_from_it_too() {
    let follower = Finding::broken("panel:d/1/A", "D / P", "empty").because(Some("target:pg/x".into()));
    let mut report = report(vec![rule("A", "a.yml", "node_hwmon_x"), rule("B", "b.yml", "other")], vec![follower]);
    report.accept(
        &[
            entry("rules", |e| e.metric = Some("node_hwmon_*".into())),
            entry("containers", |e| e.subject = Some("pg".into())),
        ],
        TODAY,
    );
    assert_eq!(
        verdicts(&report),
        [
            ("container:pg", Verdict::Accepted),
            ("target:pg/x", Verdict::Accepted),
            ("rule:g/A", Verdict::Accepted),
            ("rule:g/B", Verdict::Broken),
            ("panel:d/1/A", Verdict::Accepted),
        ]
    );
    assert_eq!((report.causes, report.broken_links), (1, 1));
    let why = |id: &str| report.finding(id).expect("it").why.clone();
    assert_eq!(why("rule:g/A"), ["accepted: no sensors here (watchpost.yaml, line 9)"]);
    assert_eq!(why("panel:d/1/A"), ["accepted with pg/x"]);
}

#[test]
fn an_entry_that_matches_nothing_or_is_past_its_day_is_a_warning_in_its_link() {
    let of = |findings: Vec<Finding>, entries: &[Accept]| {
        let mut report = report(findings, Vec::new());
        report.accept(entries, TODAY);
        let rules = report.links.iter().find(|checked| checked.link == Link::Rules).expect("rules").clone();
        (
            rules.verdict,
            rules.findings.into_iter().filter(|finding| finding.id.starts_with("accept:")).collect::<Vec<_>>(),
        )
    };
    let gone = entry("rules", |e| e.alert = Some("Gone".into()));
    let (verdict, found) = of(vec![Finding::ok("rule:g/A", "A")], std::slice::from_ref(&gone));
    assert_eq!((verdict, found.len()), (Verdict::Warning, 1));
    assert_eq!(found[0].id, "accept:rules/alert Gone");
    assert_eq!(found[0].subject, "accept (watchpost.yaml, line 9)");
    assert_eq!(found[0].what, "matches nothing that is broken any more");
    assert_eq!(found[0].fix_text(), "in watchpost.yaml under `accept`: remove the entry for alert Gone");

    let day = |until: &str| entry("rules", |e| e.until = Some(until.into()));
    let (verdict, found) = of(vec![rule("A", "a.yml", "x")], &[day("2026-11-26")]);
    assert_eq!((verdict, found[0].what.as_str()), (Verdict::Broken, "accepts nothing since its last day, 2026-11-26"));
    assert_eq!(of(vec![rule("A", "a.yml", "x")], &[day(TODAY)]).0, Verdict::Ok, "the last day counts");

    // What was not looked at may match later.
    let waiting = Finding::not_checked("rule:g/Gone", "Gone", "not yet").of_alert("Gone");
    assert_eq!(of(vec![Finding::ok("rule:g/A", "A"), waiting], std::slice::from_ref(&gone)).1, []);
    let silent = Finding::broken("prometheus:rules", "prometheus", "does not answer");
    assert_eq!(of(vec![silent], std::slice::from_ref(&gone)).1, []);
    let elsewhere = entry("delivery", |e| e.subject = Some("x".into()));
    assert_eq!(of(vec![Finding::ok("rule:g/A", "A")], &[elsewhere]).1, [], "the link was not asked for");
}

#[test]
fn few_entries_accept_what_is_broken_and_nothing_else() {
    let mut rules: Vec<Finding> =
        (0..40).map(|n| rule(&format!("R{n}"), "a.yml", &format!("cortex_{}", n % 9))).collect();
    rules.push(rule("S", "s.yml", "single"));
    rules.extend((0..9).map(|n| {
        let name = format!("E{n}");
        Finding::broken(format!("rule:e/{name}"), &name, "does not evaluate").in_file("rules/own/e.yml").of_alert(name)
    }));
    rules.push(Finding::ok("rule:g/Fine", "Fine").in_file("rules/own/a.yml").of_alert("Fine").on_metric("node_load1"));
    let panel = Finding::broken("panel:d/1/A", "D / P", "empty").because(Some("target:pg/x".into()));
    let mut report = report(rules, vec![panel]);
    let entries = report.entries_for(None, "known");
    let written: Vec<String> = entries.iter().map(|entry| format!("{}: {}", entry.link, entry.words())).collect();
    assert_eq!(
        written,
        ["containers: subject pg", "rules: metric cortex_*", "rules: metric single", "rules: file rules/own/e.yml"]
    );
    assert!(entries.iter().all(|entry| entry.because == "known"));
    report.accept(&entries, TODAY);
    assert_eq!((report.verdict, report.causes), (Verdict::Ok, 0));
}

#[test]
fn a_pattern_picks_causes_by_subject_file_and_metric_and_an_entry_covers_no_other() {
    let found = |pattern: &str| {
        let evaluates = |name: &str| Finding::broken(format!("rule:e/{name}"), name, format!("{name} is wrong"));
        let rules = vec![
            rule("A", "a.yml", "node_x"),
            rule("B", "b.yml", "node_y"),
            evaluates("C").in_file("rules/own/c.yml").of_alert("C"),
            evaluates("D").in_file("rules/own/c.yml").of_alert("D"),
            Finding::ok("rule:g/F", "F").of_alert("F").on_metric("node_x"),
        ];
        let entries = report(rules, Vec::new()).entries_for(Some(pattern), "known");
        entries.iter().map(|entry| format!("{}: {}", entry.link, entry.words())).collect::<Vec<_>>()
    };
    assert_eq!(found("node_y"), ["rules: metric node_y"]);
    assert_eq!(found("b.yml"), ["rules: metric node_y"]);
    assert_eq!(found("A"), ["rules: file rules/own/a.yml, alert A, metric node_x"], "a rule that works uses it too");
    assert_eq!(found("C"), ["rules: file rules/own/c.yml, alert C"], "D has another cause");
    assert_eq!(found("pg"), ["containers: subject pg"]);
    assert_eq!(found("nothing"), Vec::<String>::new());
}
