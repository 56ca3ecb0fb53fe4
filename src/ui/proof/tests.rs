use std::time::Duration;

use super::*;
use crate::fix::Fix;
use crate::report::Link;

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
      rules        ✓ 96 rules   i 2 can never fire (-v for details)
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
    assert!(text.contains("i RaidDegraded, RaidFailed can never fire: no software RAID"), "{text}");
}

#[test]
fn long_lines_go_on_indented() {
    assert_eq!(wrap("    ✗ one two   three", 15), "    ✗ one two\n      three");
    assert!(plain(&render(&report(), true, Some(60))).lines().all(|line| console::measure_text_width(line) <= 60));
}

#[test]
fn the_short_form_is_one_line() {
    let text = plain(&short(&report()));
    assert_eq!(text, "2 containers ✓   2 targets ✗   96 rules ✓   delivery –   2 dashboards ✗   9 queries ✗");
}

fn of(links: Vec<Checked>) -> Report {
    Report::new("s", "local", links, Duration::from_millis(400))
}

fn query(board: usize, panel: usize, query: usize, metric: &str) -> Finding {
    let title = format!("Panel {panel}");
    Finding::broken(format!("panel:b{board}/{panel}/{query}"), format!("Board {board} / {title}"), "shows nothing")
        .why(format!("no target has `{metric}`"))
        .cause(format!("no target has `{metric}`"))
        .fix(
            Fix::edit(format!("board{board}.json"), format!("correct the query {query} of the panel `{title}`"))
                .then(Fix::up()),
        )
        .in_file(format!("board{board}.json"))
        .of_panel(title)
        .on_metric(metric)
}

fn rule(number: usize, metric: &str) -> Finding {
    let (name, file) = (format!("Rule{number}"), format!("rules/own/r{}.yml", number / 250));
    Finding::broken(format!("rule:g{}/{name}", number / 50), &name, format!("can never fire: it uses `{metric}`"))
        .why(format!("no target has `{metric}`"))
        .cause(format!("no target has `{metric}`"))
        .fix(Fix::edit(&file, format!("correct `{metric}`")).then(Fix::up()))
        .in_file(file)
        .of_alert(name)
        .on_metric(metric)
}

fn lines(report: &Report) -> Vec<String> {
    plain(&render(report, false, Some(100))).lines().map(str::to_owned).collect()
}

/// 2,000 broken queries of 600 metrics in 30 dashboards, 10,000 broken rules of one mistake, and both at once.
#[test]
fn a_large_foreign_set_is_short_and_fast() {
    let queries = || (0..2000).map(|n| query(n % 30, n / 60, n, &format!("foreign_{}_total", n % 600))).collect();
    let rules = || (0..10_000).map(|n| rule(n, "foreign_1_total")).collect();
    let boards = || Checked::new(Link::Dashboards, &[("dashboard", 30), ("query", 2000)], queries());
    let rules = || Checked::new(Link::Rules, &[("rule", 10_000)], rules());
    let began = std::time::Instant::now();
    let only_rules = of(vec![rules()]);
    assert_eq!(only_rules.causes, 1);
    assert!(lines(&only_rules).len() <= 10, "{:#?}", lines(&only_rules));
    let only_boards = of(vec![boards()]);
    assert_eq!(only_boards.causes, 600);
    assert!(lines(&only_boards).len() < 60, "{:#?}", lines(&only_boards));
    assert!(plain(&to_fix(&only_boards, Some(80))).lines().count() < 60);
    let both = of(vec![rules(), boards()]);
    assert_eq!(both.causes, 600, "the rules' metric is one of the dashboards'");
    assert!(lines(&both).len() < 60, "{:#?}", lines(&both));
    let all = plain(&render(&both, true, None));
    assert!(all.lines().count() > 12_000, "-v shows everything");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?} in a build without optimisation", began.elapsed());
}

#[test]
fn a_cause_is_one_paragraph_with_its_counts_and_a_few_places() {
    let rules = Checked::new(Link::Rules, &[("rule", 900)], (0..600).map(|n| rule(n, "cortex_build_info")).collect());
    let queries: Vec<Finding> = (0..95).map(|n| query(7, n / 3, n, "cortex_build_info")).collect();
    let late = Finding::broken("panel:b8/1/A", "Board 8 / QPS", "the query is wrong").fix("correct it");
    let boards =
        Checked::new(Link::Dashboards, &[("query", 2041)], queries.clone().into_iter().chain([late]).collect());
    insta::assert_snapshot!(plain(&render(&of(vec![rules, boards]), false, None)), @r"
      rules        ✗ 600 broken of 900 rules
        ✗ 600 rules in 3 files, no target has `cortex_build_info`
          Rule0, Rule1, Rule2 and 597 more
          fix: in rules/own/r0.yml: correct `cortex_build_info`, then watchpost up; and so in the other places
      dashboards   ✗ 96 broken of 2041 queries
        ✗ Board 7: 95 queries in 32 panels
          Board 7 / Panel 0, Board 7 / Panel 1, Board 7 / Panel 2 and 29 more
          because no target has `cortex_build_info`, as rules above
        ✗ Board 8 / QPS   the query is wrong
          fix: correct it

    2 causes, 2 broken links.
    ");
    let alone = of(vec![Checked::new(Link::Dashboards, &[("query", 2041)], queries)]);
    let text = plain(&render(&alone, false, None));
    assert!(text.contains("✗ Board 7: 95 queries in 32 panels, no target has `cortex_build_info`\n"), "{text}");
}

#[test]
fn what_was_not_checked_is_named_in_its_link_and_in_the_last_line() {
    let later = Fix::watchpost(["verify"]).note("in 9 minutes");
    let waiting = |n: usize| {
        Finding::not_checked(format!("rule:g/{n}"), format!("R{n}"), "was not evaluated yet").fix(later.clone())
    };
    let mut findings: Vec<Finding> = (0..12).map(waiting).collect();
    findings.extend((12..67).map(|n| Finding::ok(format!("rule:g/{n}"), format!("R{n}"))));
    let rules = Checked::new(Link::Rules, &[("rule", 67)], findings);
    let delivery = Checked::not_checked(Link::Delivery, "it sends messages", Some("watchpost alerts test".into()));
    let partly = of(vec![rules, delivery.clone()]);
    insta::assert_snapshot!(plain(&render(&partly, false, None)), @r"
      rules      ✓ 55 of 67 rules, 12 not checked yet
        – 12 rules: was not evaluated yet
          R0, R1, R2 and 9 more
          fix: watchpost verify (in 9 minutes)
      delivery   – not checked, since it sends messages: watchpost alerts test

    Every link that was checked holds; 12 of 67 rules and delivery were not checked. 0.4 s.
    ");
    assert_eq!(plain(&short(&partly)), "55 of 67 rules ✓   delivery –");
    assert!(!is_green(&partly));
    let ok = Checked::new(Link::Rules, &[("rule", 1)], vec![Finding::ok("rule:g/a", "a")]);
    let only_delivery = of(vec![ok.clone(), delivery]);
    assert!(is_green(&only_delivery), "`up` sends no test alerts");
    assert_eq!(unchecked(&only_delivery), "delivery was not checked: watchpost alerts test");
    assert_eq!(holds(&only_delivery), "Every link that was checked holds; delivery was not checked");
    let none = of(vec![ok, Checked::not_checked(Link::Dashboards, "this stack has no Grafana", None)]);
    assert!(is_green(&none), "nothing is there to check");
    assert!(holds(&none).ends_with("; dashboards were not checked"));
}

#[test]
fn each_verdict_has_its_sign_and_its_lines() {
    let mut accepted = rule(1, "node_hwmon_temp_celsius");
    accepted.verdict = Verdict::Accepted;
    let mut known = rule(2, "x");
    (known.verdict, known.known) = (Verdict::Accepted, true);
    let rules = Checked::new(Link::Rules, &[("rule", 3)], vec![accepted, known, Finding::ok("rule:g/c", "c")]);
    let warning = Finding::warning("receivers", "receivers", "nobody is notified").fix("add a receiver");
    let alerting = Checked::new(Link::Alerting, &[], vec![warning]).remark("critical → nobody");
    let report = of(vec![rules, alerting]);
    assert_eq!(report.verdict, Verdict::Warning);
    insta::assert_snapshot!(plain(&render(&report, false, None)), @r"
      rules      ✓ 1 of 3 rules, 1 accepted, 1 known
      alerting   ! 1 warning; critical → nobody
        ! receivers   nobody is notified
          fix: add a receiver

    Every link that was checked holds, with 1 warning. 0.4 s.
    ");
    let verbose = plain(&render(&report, true, None));
    assert!(verbose.contains("    ~ Rule1   can never fire"), "{verbose}");
    assert!(plain(&to_fix(&report, None)).contains("nobody is notified"));
}
