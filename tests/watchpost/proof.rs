//! A stack is broken in one place after the other; the proof names the link and the cause, and what it says fixes it.

use serde_json::Value;

use crate::support::docker::{Container, Network, docker};
use crate::support::{Output, Stack};

/// What `verify` finds of one thing.
#[track_caller]
fn finding(report: &Value, id: &str) -> Value {
    let links = report["links"].as_array().expect("links");
    let found = links.iter().flat_map(|link| link["findings"].as_array().expect("findings")).find(|f| f["id"] == id);
    found.cloned().unwrap_or_else(|| panic!("nothing of {id} in {report:#}"))
}

fn broken(report: &Value) -> Vec<String> {
    let links = report["links"].as_array().expect("links");
    let findings = links.iter().flat_map(|link| link["findings"].as_array().expect("findings"));
    findings.filter(|f| f["verdict"] == "broken").map(|f| format!("{f}")).collect()
}

#[track_caller]
fn verify(stack: &Stack, status: i32, more: &[&str]) -> Value {
    let arguments = [&["verify", "-o", "json"], more].concat();
    stack.command(&arguments).env("DB_PASSWORD", "right").run().expect(status).json()
}

#[track_caller]
fn up(stack: &Stack, status: i32) -> Output {
    stack.command(&["up", "--yes"]).env("DB_PASSWORD", "right").run().expect(status)
}

#[test]
fn a_healthy_stack_has_no_broken_link_and_up_says_so() {
    let somebody = "alerting:\n  receivers: [{name: team, type: webhook, url: \"http://127.0.0.1:9/\"}]\n  \
                    routes: [{to: team}]\n";
    let stack = Stack::new("standard", somebody);
    let output = up(&stack, 0);
    for said in ["6 containers ✓", "6 targets ✓", "rules ✓", "alerting ✓", "7 dashboards ✓", "queries ✓"] {
        assert!(output.stderr.contains(said), "{said} is not in {}", output.stderr);
    }
    let report = verify(&stack, 0, &[]);
    assert_eq!(broken(&report), Vec::<String>::new());
    assert_eq!(report["verdict"], "ok");
    let some = verify(&stack, 0, &["--skip", "dashboards,delivery"]);
    assert_eq!(some["links"].as_array().map(Vec::len), Some(4), "{some:#}");
    stack.run(&["verify", "--only", "delivery"]).expect(1).prints("Nothing was checked");
    stack.run(&["verify", "--skip", "containers,targets,rules,alerting,delivery,dashboards"]).expect(64);
    assert!(stack.run(&["verify", "-q"]).expect(0).stdout.is_empty(), "with -q only what is broken is said");
    stack.run(&["up", "--yes"]).expect(0).says("nothing to do, 6 services ready");
    // Without the spec it is held against its own labels.
    let text = watchpost_elsewhere(&stack, &["verify", "--name", &stack.name]).expect(0).stdout;
    assert!(text.contains("delivery") && text.contains("not checked"), "{text}");
    // Where nobody is notified, `up` says the way out, and that is no fault.
    stack.edit("{to: team}", "{match: {severity: critical}, to: team}");
    up(&stack, 0).says("reach nobody");
    stack.write("standard", "", "");
    up(&stack, 0).says("notify nobody: no receiver is configured").says("add receivers and routes");
}

fn watchpost_elsewhere(stack: &Stack, arguments: &[&str]) -> Output {
    let folder = stack.path().join("elsewhere");
    std::fs::create_dir_all(&folder).expect("made");
    crate::support::watchpost(arguments).inside(&folder).run()
}

#[test]
fn a_stopped_exporter_is_the_one_cause_of_all_that_rests_on_it() {
    let stack = Stack::new("minimal", "");
    stack.up();
    docker(&["stop", "-t", "1", &stack.container("node-exporter")]);
    let report = crate::support::await_until("the target is down", 30, || {
        let report = stack.run(&["verify", "-o", "json", "--only", "containers,targets,rules"]).json();
        (finding(&report, "target:node/localhost")["verdict"] == "broken").then_some(report)
    });
    let container = finding(&report, "container:node-exporter");
    assert!(container["what"].as_str().is_some_and(|what| what.contains("has stopped")), "{container}");
    assert_eq!(finding(&report, "target:node/localhost")["because"], "container:node-exporter");
    assert_eq!(report["causes"], 1, "{:#?}", broken(&report));
    assert_eq!(container["fix"]["text"], "watchpost up");
    // What is known fails nothing: by an earlier report, and by the spec.
    std::fs::write(stack.path().join("old.json"), report.to_string()).expect("written");
    let links = ["--only", "containers,targets,rules"];
    let same = verify(&stack, 0, &[&links[..], &["--baseline", "old.json"]].concat());
    assert_eq!((&same["baseline"]["known"], &same["baseline"]["new"]), (&1.into(), &0.into()), "{same:#}");
    let accept = [&["verify", "--accept", "--because", "in repair", "--yes"], &links[..]].concat();
    let entry = "- {link: containers, subject: node-exporter, because: in repair}";
    stack.run(&accept).expect(0).says(entry).says("Wrote 1 entry to `watchpost.yaml`.");
    assert_eq!(finding(&verify(&stack, 0, &links), "target:node/localhost")["verdict"], "accepted");
    up(&stack, 0);
    let over = finding(&verify(&stack, 0, &links), "accept:containers/subject node-exporter");
    assert_eq!(over["verdict"], "warning", "{over}");
    assert_eq!(broken(&verify(&stack, 0, &[])), Vec::<String>::new());
}

/// Targets that fail in every way, with the words that must name the way and what fixes the spec.
const TARGETS: &str = "targets:
  - {job: port, static: [\"APP:81\"]}
  - {job: ours, static: [\"alertmanager:9999\"]}
  - {job: nowhere, static: [\"no-such-host:80\"]}
  - {job: login, static: [\"APP:80\"], path: /login}
  - {job: page, static: [\"APP:80\"], path: /page}
  - {job: gone, static: [\"APP:80\"], path: /gone}
  - {job: tls, static: [\"APP:80\"], scheme: https}
  - {job: slow, static: [\"APP:82\"]}
";
const MENDED: &str = "targets:
  - {job: port, static: [\"APP:80\"]}
";

const OWN_RULES: &str = "groups:
  - name: own
    rules:
      - {alert: NoSuchMetric, expr: node_laod1 > 100, labels: {severity: warning}, annotations: {summary: s}}
      - {alert: DividesByNothing, expr: node_load1 / node_no_such_divisor > 1, labels: {severity: warning}, annotations: {summary: s}}
      - {alert: NoSuchLabel, expr: 'node_load1{colour=\"red\"} > 100', labels: {severity: warning}, annotations: {summary: s}}
      - {alert: DoesNotEvaluate, expr: 'up * on (x) up', labels: {severity: warning}, annotations: {summary: s}}
";

/// A small server: metrics under `/metrics`, a page, nothing else; port 82 takes connections and stays silent, since
/// the process that listens there is stopped.
const APP: &str = "mkdir -p /tmp/www && cd /tmp/www && echo 'app_up 1' > metrics && echo '<html>' > page && \
    mkdir login && printf '/login:user:pass\\n' > /tmp/httpd.conf && { nc -l -p 82 & silent=$!; } && \
    until netstat -ltn | grep -q ':82 '; do kill -0 $silent || exit 1; done && kill -STOP $silent && \
    exec httpd -f -p 80 -h /tmp/www -c /tmp/httpd.conf";

#[test]
fn every_way_a_target_or_rule_fails_is_named_with_its_cause_and_its_fix_fixes() {
    let stack = Stack::new("minimal", "");
    let network = Network::create(&format!("{}-apps", stack.name));
    let db = format!("{}-db", stack.name);
    let db =
        Container::run(&db, &["--network", &network.0, "-e", "POSTGRES_PASSWORD=right", "watchpost-test/postgres:18"]);
    let components = format!(
        "  postgres-exporter: [{{name: orders, host: {}, user: postgres, network: {}, password: {{secret: db}}}}]\n",
        db.0, network.0
    );
    let name = format!("{}-app", stack.name);
    let targets = TARGETS.replace("APP", &name);
    let more = format!("{targets}rules: [./rules]\nsecrets: {{db: {{env: DB_PASSWORD}}}}\n");
    std::fs::create_dir(stack.path().join("rules")).expect("made");
    std::fs::write(stack.path().join("rules/own.yml"), OWN_RULES).expect("written");
    stack.write("minimal", &components, &more);
    let output = stack.command(&["up", "--yes"]).env("DB_PASSWORD", "wrong").run().expect(6);
    assert!(output.stderr.contains("verification failed"), "{}", output.stderr);
    let run = ["--network", &format!("{}_default", stack.name), "watchpost-test/busybox:1", "sh", "-c", APP];
    let app = Container::run(&name, &run);

    let what = |report: &Value, id: &str| finding(report, id)["what"].as_str().expect("text").to_owned();
    let report = crate::support::await_until("every target was scraped", 40, || {
        let report = verify(&stack, 6, &["--only", "targets,rules"]);
        let refused = what(&report, &format!("target:port/{name}:81")).contains("refused");
        (refused && what(&report, &format!("target:slow/{name}:82")).contains("no answer")).then_some(report)
    });
    for (id, said) in [
        (format!("target:port/{name}:81"), "connection refused: nothing listens on"),
        ("target:ours/alertmanager:9999".into(), "connection refused: nothing listens on"),
        ("target:nowhere/no-such-host:80".into(), "DNS: the host `no-such-host` does not exist"),
        (format!("target:login/{name}:80"), "401"),
        (format!("target:page/{name}:80"), "not in Prometheus's format"),
        (format!("target:gone/{name}:80"), "404"),
        (format!("target:tls/{name}:80"), "TLS"),
        (format!("target:slow/{name}:82"), "no answer within 2s"),
        ("target:postgres/postgres-exporter-orders".into(), "password authentication failed"),
        ("rule:own/NoSuchMetric".into(), "can never fire: it uses `node_laod1`"),
        ("rule:own/DividesByNothing".into(), "can never fire: it divides by `node_no_such_divisor`"),
        ("rule:own/NoSuchLabel".into(), "`node_load1` with a label `colour`"),
        ("rule:own/DoesNotEvaluate".into(), "does not evaluate"),
    ] {
        let found = finding(&report, &id);
        assert!(found["what"].as_str().is_some_and(|what| what.contains(said)), "{said} is not in {found:#}");
        assert!(found["fix"]["text"].is_string() && found["because"].is_null(), "{found:#}");
    }
    let fix = finding(&report, "target:postgres/postgres-exporter-orders")["fix"]["text"].clone();
    assert!(fix.as_str().is_some_and(|fix| fix.contains("DB_PASSWORD")), "{fix}");
    let fix = finding(&report, "target:ours/alertmanager:9999")["fix"]["text"].clone();
    assert!(fix.as_str().is_some_and(|fix| fix.contains("the port of the job `ours`")), "{fix}");
    let guess = finding(&report, "rule:own/NoSuchMetric")["fix"]["text"].clone();
    assert!(
        guess
            .as_str()
            .is_some_and(|fix| fix.contains("rules/own/own.yml: correct `node_laod1`: did you mean `node_load1`?")),
        "{guess}"
    );

    // Each fix as it was said: ports, addresses and paths corrected, the secret set, the rules corrected.
    let more = more.replace(&targets, &MENDED.replace("APP", &name));
    stack.write("minimal", &components, &more);
    let fixed = "groups: [{name: own, rules: [{alert: A, expr: node_load1 > 100, labels: {severity: warning}}]}]\n";
    std::fs::write(stack.path().join("rules/own.yml"), fixed).expect("written");
    up(&stack, 0);
    assert_eq!(broken(&verify(&stack, 0, &[])), Vec::<String>::new());
    drop((app, db, network));
}

#[test]
fn containers_that_were_changed_behind_our_back_are_named() {
    let stack = Stack::new("minimal", "");
    stack.up();
    docker(&["update", "--memory", "300m", "--memory-swap", "-1", &stack.container("prometheus")]);
    docker(&["pause", &stack.container("alertmanager")]);
    let report = verify(&stack, 6, &["--only", "containers"]);
    let what = |id: &str| finding(&report, id)["what"].as_str().expect("text").to_owned();
    assert!(what("settings:prometheus").contains("memory limit"), "{report:#}");
    assert!(what("container:alertmanager").contains("paused"), "{report:#}");
    docker(&["unpause", &stack.container("alertmanager")]);
    // The fix as it was said.
    docker(&["rm", "-f", &stack.container("prometheus")]);
    up(&stack, 0);
    assert_eq!(broken(&verify(&stack, 0, &["--only", "containers"])), Vec::<String>::new());
}
