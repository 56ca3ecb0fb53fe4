//! Alerts: the way to receivers, broken in one place after the other, and each break named with what fixes it.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use watchpost::routing::{Labels, Tree};

use crate::support::docker::{Container, docker};
use crate::support::free_port;
use crate::support::sink::{Hook, Mail, Manner, host_address};
use crate::support::{Output, Stack, await_until, http};

/// A stack whose Alertmanager waits for nothing.
fn quick(alerting: &str) -> Stack {
    let stack = Stack::new("minimal", alerting);
    stack.edit(
        &format!("alertmanager: {{port: {}", stack.alertmanager),
        &format!("alertmanager: {{group_wait: 1s, group_interval: 3s, port: {}", stack.alertmanager),
    );
    stack
}

#[track_caller]
fn receiver(document: &Value, name: &str) -> Value {
    let all = document["receivers"].as_array().expect("receivers");
    let found = all.iter().find(|finding| finding["subject"] == name);
    found.cloned().unwrap_or_else(|| panic!("nothing of {name} in {document:#}"))
}

/// The finding's text in one line.
fn line_of(finding: &Value) -> String {
    let why: Vec<&str> = finding["why"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let text = |key: &str| finding[key].as_str().unwrap_or_default();
    format!(
        "{} {} | {} | {}",
        text("verdict"),
        text("what"),
        why.join("; "),
        finding["fix"]["text"].as_str().unwrap_or_default()
    )
}

const SECRET: &str = "T0000-s3cret-path";

#[test]
fn each_receiver_is_named_with_what_it_answers_and_its_fix_fixes_it() {
    let good = Hook::start(Manner::good());
    let slow = Hook::start(Manner::Slowly(Duration::from_secs(2)));
    let unauthorized = Hook::start(Manner::Answers(401, "who are you".into()));
    let failing = Hook::start(Manner::Answers(500, "out of order".into()));
    let hanging = Hook::start(Manner::Hangs);
    // It repeats the secret address, as some do.
    let gone = Hook::start(Manner::Answers(404, format!("nothing at /{SECRET}")));
    let (mail, closed) = (Mail::start("watch", "right"), free_port());
    let host = host_address();
    let webhook = |name: &str, url: &str| format!("    - {{name: {name}, type: webhook, url: \"{url}\"}}\n");
    let receivers = [
        webhook("good", &good.url()),
        webhook("slow", &slow.url()),
        webhook("unauthorized", &unauthorized.url()),
        webhook("failing", &failing.url()),
        webhook("hanging", &hanging.url()),
        webhook("refused", &format!("http://{host}:{closed}/")),
        webhook("lost", "http://no-such-host.invalid/"),
        "    - {name: slack, type: slack, api_url: {secret: slack_url}, channel: \"#ops\"}\n".into(),
        format!("    - {{name: mail, type: email, to: a@example.com, from: b@example.com, smarthost: \"{host}:{}\", auth_username: watch, auth_password: {{secret: mail}}, require_tls: false}}\n", mail.port),
    ]
    .concat();
    let routes: String = ["slow", "unauthorized", "failing", "hanging", "refused", "lost", "slack", "mail"]
        .iter()
        .map(|name| format!("    - {{match: {{team: {name}}}, to: {name}}}\n"))
        .collect();
    let stack = quick(&format!(
        "secrets: {{slack_url: {{env: SLACK_URL}}, mail: {{env: MAIL_PASSWORD}}}}\nalerting:\n  receivers:\n{receivers}  routes:\n{routes}    - {{to: good}}\n"
    ));
    let run = |arguments: &[&str], address: &str, password: &str| -> Output {
        stack.command(arguments).env("SLACK_URL", address).env("MAIL_PASSWORD", password).run()
    };
    let secret = format!("{}{SECRET}", gone.url());
    run(&["up", "--yes", "--no-verify"], &secret, "wrong").expect(0);

    let output = run(&["alerts", "test", "-o", "json", "--wait", "5s"], &secret, "wrong").expect(6);
    assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET), "{}{}", output.stdout, output.stderr);
    let document = output.json();
    for (name, texts) in [
        ("good", vec!["ok answered", "the resolved message was answered too"]),
        ("slow", vec!["ok answered after "]),
        (
            "unauthorized",
            vec!["broken answers 401 Unauthorized", "who are you", "correct `url` of the receiver `unauthorized`"],
        ),
        ("failing", vec!["broken answers 500", "out of order", "watchpost alerts test failing"]),
        ("hanging", vec!["broken accepted the connection but has not answered for 5 s"]),
        ("refused", vec!["broken refuses the connection: nothing listens at", &format!("{host}:{closed}")]),
        ("lost", vec!["broken cannot be found: the host `no-such-host.invalid` has no address", "correct `url`"]),
        ("slack", vec!["broken answers 404 Not Found", "`api_url` (the secret `slack_url`)"]),
        ("mail", vec!["broken rejects the login", "535", "`auth_password` (the secret `mail`)"]),
    ] {
        let line = line_of(&receiver(&document, name));
        for text in texts {
            assert!(line.contains(text), "{name} lacks {text:?}: {line}");
        }
    }
    let messages = good.messages().concat();
    assert!(messages.contains("[TEST]") && messages.contains("\"status\":\"resolved\""), "{messages}");
    assert_eq!(mail.messages(), Vec::<String>::new());

    // Each fix, as it was printed: what listens is put right, what is in the spec corrected, and `up`.
    let correct = Hook::start(Manner::good());
    stack.edit(&unauthorized.url(), &correct.url());
    stack.edit("http://no-such-host.invalid/", &correct.url());
    failing.turn(Manner::good());
    hanging.turn(Manner::good());
    let _listens = Hook::on(closed, Manner::good());
    gone.turn(Manner::good());
    run(&["up", "--yes", "--no-verify"], &secret, "right").expect(0);
    let output = run(&["alerts", "test"], &secret, "right").expect(0);
    assert_eq!(output.stdout.matches('✓').count(), 9, "{}", output.stdout);
    output.says("mail: accepted, waits 1 s for more of its group").prints("mail");
    assert!(mail.messages().concat().contains("WatchpostTest"));
    let proof = run(&["verify", "--deliver", "--only", "delivery", "-o", "json"], &secret, "right").expect(0).json();
    assert_eq!((&proof["links"][0]["verdict"], &proof["links"][0]["counts"][0]["number"]), (&"ok".into(), &9.into()));

    // A name that does not exist, labels, and a silence.
    run(&["alerts", "test", "god"], &secret, "right").expect(64).says("did you mean `good`?");
    let output = run(&["alerts", "test", "--labels", "team=slow,severity=critical"], &secret, "right").expect(0);
    assert!(output.stdout.contains("slow") && !output.stdout.contains("good"), "{}", output.stdout);
    let alertmanager = stack.container("alertmanager");
    let amtool = [
        "exec",
        &alertmanager,
        "amtool",
        "--alertmanager.url=http://127.0.0.1:9093",
        "silence",
        "add",
        "-a",
        "t",
        "-c",
        "t",
        "team=mail",
    ];
    docker(&amtool);
    let output = run(&["alerts", "test", "mail", "-o", "json"], &secret, "right").expect(6);
    let finding = receiver(&output.json(), "mail");
    assert!(line_of(&finding).contains("a silence holds the alert back"), "{finding}");
    assert!(crate::support::shell(finding["fix"]["text"].as_str().expect("a fix")).run().status == Some(0));
    run(&["alerts", "test", "mail"], &secret, "right").expect(0);
}

#[track_caller]
fn verify(stack: &Stack, status: i32) -> Value {
    stack.run(&["verify", "--only", "containers,alerting", "-o", "json"]).expect(status).json()
}

fn findings(report: &Value) -> Vec<String> {
    let links = report["links"].as_array().expect("links");
    let all = links.iter().flat_map(|link| link["findings"].as_array().expect("findings"));
    all.filter(|f| f["verdict"] != "ok")
        .map(|f| format!("{} {}", f["id"].as_str().unwrap_or_default(), line_of(f)))
        .collect()
}

#[track_caller]
fn fix_of(report: &Value, id: &str) -> String {
    let links = report["links"].as_array().expect("links");
    let all = links.iter().flat_map(|link| link["findings"].as_array().expect("findings"));
    let found = all.into_iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id} in {report:#}"));
    found["fix"]["text"].as_str().unwrap_or_else(|| panic!("{found} has no fix")).to_owned()
}

#[test]
fn a_break_between_prometheus_and_a_receiver_is_named_and_its_fix_fixes_it() {
    let stack = quick("");
    stack.up();
    // Without a receiver nobody is notified: a warning, and not a fault.
    let report = verify(&stack, 0);
    assert!(findings(&report).iter().any(|f| f.contains("notify nobody: no receiver is configured")), "{report:#}");
    stack.run(&["alerts", "test"]).expect(6).prints("no receiver is configured");

    // A wrong route.
    let hook = Hook::start(Manner::good());
    let path = stack.path().join("watchpost.yaml");
    let spec = std::fs::read_to_string(&path).expect("the spec");
    let routes =
        "  routes:\n    - {match: {severity: critcal}, to: oncall}\n    - {match: {severity: warning}, to: oncall}\n";
    let alerting =
        format!("alerting:\n  receivers: [{{name: oncall, type: webhook, url: \"{}\"}}]\n{routes}", hook.url());
    std::fs::write(&path, spec + &alerting).expect("written");
    stack.up();
    let report = verify(&stack, 6);
    let all = findings(&report);
    assert!(all.iter().any(|f| f.starts_with("route:severity=critical broken reach nobody")), "{all:#?}");
    assert!(all.iter().any(|f| f.contains("did you mean `critical`?")), "{all:#?}");
    assert!(fix_of(&report, "route:severity=\"critcal\"").contains("write `severity: critical` instead of `critcal`"));
    stack.edit("severity: critcal", "severity: critical");
    stack.up();
    let report = verify(&stack, 0);
    assert!(report.to_string().contains("critical → oncall, warning → oncall"), "{report:#}");

    // The network between them.
    let (alertmanager, network) = (stack.container("alertmanager"), format!("{}_default", stack.name));
    docker(&["network", "disconnect", &network, &alertmanager]);
    let report = verify(&stack, 6);
    let all = findings(&report);
    assert!(
        all.iter().any(|f| f.contains("is unreachable for Prometheus") && f.contains("is not in the network")),
        "{all:#?}"
    );
    assert_eq!(crate::support::shell(&fix_of(&report, "alertmanager:alertmanager:9093")).run().status, Some(0));
    verify(&stack, 0);

    // Prometheus sends what fires once a minute.
    await_until("Watchdog has arrived", 90, || {
        verify(&stack, 0).to_string().contains("Watchdog reached Alertmanager").then_some(())
    });

    // Alertmanager itself.
    docker(&["stop", "-t", "1", &alertmanager]);
    http::await_value(stack.prometheus, "up{job=\"alertmanager\"}", 0.0);
    let report = verify(&stack, 6);
    assert_eq!(report["causes"], 1, "{report:#}");
    assert!(report.to_string().contains("\"because\":\"container:alertmanager\""), "{report:#}");
    stack.run(&["alerts", "route", "--labels", "a=b"]).expect(1).says("watchpost up");
    stack.run(&["up", "--yes", "--no-verify"]).expect(0);
    verify(&stack, 0);
    lists_and_simulates(&stack);
}

/// The commands that look, on a stack that runs.
fn lists_and_simulates(stack: &Stack) {
    let output = stack.run(&["alerts", "list", "--state", "firing", "-o", "json"]).expect(0).json();
    let watchdog = &output["alerts"].as_array().expect("alerts").iter().find(|a| a["name"] == "Watchdog").cloned();
    let watchdog = watchdog.as_ref().expect("Watchdog fires");
    assert_eq!((&watchdog["severity"], &watchdog["firing"]), (&"none".into(), &1.into()));
    assert!(watchdog["evaluated_at"].is_string(), "{watchdog}");
    let text = stack.run(&["alerts", "list", "targetdown"]).expect(0).stdout;
    assert!(
        text.contains("TargetDown") && text.contains("critical") && text.contains("up") && text.lines().count() == 2,
        "{text}"
    );

    let output = stack.run(&["alerts", "route", "--labels", "severity=critical,team=x", "-o", "json"]).expect(0).json();
    assert_eq!(output["reaches"][0]["receiver"], "oncall");
    assert_eq!(output["reaches"][0]["path"], serde_json::json!(["everything", "severity=\"critical\""]));
    stack.run(&["alerts", "route", "--labels", "alertname=Watchdog"]).expect(0).says("reaches nobody");

    let simulated = |more: &[&str]| {
        let arguments = [&["alerts", "simulate", "-o", "json"], more].concat();
        stack.run(&arguments).expect(0).json()
    };
    let watchdog = simulated(&["Watchdog", "--since", "10m"]);
    assert_eq!((&watchdog["times"], &watchdog["firings"][0]["resolved_at"]), (&1.into(), &Value::Null));
    // Alertmanager was down for a while: one target of three, once.
    let down = simulated(&["--expr", "up == 0", "--since", "10m"]);
    let sets: Vec<&str> =
        down["firings"].as_array().expect("firings").iter().filter_map(|f| f["labels"]["job"].as_str()).collect();
    assert!(sets.contains(&"alertmanager") && !sets.contains(&"node"), "{down:#}");
    let longer = simulated(&["--expr", "up == 0", "--since", "10m", "--for", "9m"]);
    assert!(longer["times"] == 0 && longer["near"].as_u64() > Some(0), "{longer:#}");
    stack.run(&["alerts", "simulate", "Watchdg"]).expect(64).says("did you mean `Watchdog`?");
    stack.run(&["alerts", "simulate", "--expr", "up =="]).expect(64).says("rejects the expression");
}

/// Numbers that look like chance and are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }

    fn matcher(&mut self) -> String {
        let label = self.one(&["severity", "team", "\"zone name\"", "job"]);
        match self.roll(6) {
            0 => format!("{label}=~\"{}\"", self.one(&["critical|warning", "c.*", ".+", "db-[0-9]+", "(a|b)?", ""])),
            1 => format!("{label}!~\"{}\"", self.one(&["critical|info", "db.*", ".*", "x"])),
            2 => format!("{label}!=\"{}\"", self.one(&["critical", "db-1", "", "a\\\"b"])),
            _ => format!("{label}=\"{}\"", self.one(&["critical", "warning", "db-1", "a", "a\\\"b", "a, b", "ü"])),
        }
    }

    fn route(&mut self, depth: u64) -> Value {
        let matchers: Vec<String> = (0..self.roll(3)).map(|_| self.matcher()).collect();
        let mut route = serde_json::json!({"matchers": matchers, "continue": self.roll(3) == 0});
        if self.roll(5) > 0 {
            route["receiver"] = self.one(&["r1", "r2", "r3", "r4"]).into();
        }
        if self.roll(6) == 0 {
            route["match"] = serde_json::json!({"team": "db-1"});
            route["match_re"] = serde_json::json!({"severity": "crit.*|warning"});
        }
        if depth > 0 {
            route["routes"] = (0..self.roll(4)).map(|_| self.route(depth - 1)).collect();
        }
        route
    }

    fn labels(&mut self) -> Vec<(&'static str, &'static str)> {
        let mut labels = Vec::new();
        for (name, values) in [
            ("severity", ["critical", "warning", "info"]),
            ("team", ["db-1", "a", "a, b"]),
            ("zone name", ["a", "ü", "db-22"]),
            ("job", ["a\"b", "x", "critical"]),
        ] {
            if self.roll(3) > 0 {
                labels.push((name, values[self.roll(3) as usize]));
            }
        }
        labels
    }
}

/// `/bin/amtool` of the pinned image, over many trees and labels in one container.
#[test]
fn routes_are_worked_out_as_amtool_does() {
    let mut dice = Dice(2_845);
    let folder = tempfile::tempdir().expect("a folder");
    let receivers = serde_json::json!([{"name": "r0"}, {"name": "r1"}, {"name": "r2"}, {"name": "r3"}, {"name": "r4"}]);
    let (mut script, mut expected) = (String::new(), Vec::new());
    for number in 0..14 {
        let routes: Vec<Value> = (0..=dice.roll(4)).map(|_| dice.route(2)).collect();
        let config = serde_json::json!({"route": {"receiver": "r0", "routes": routes}, "receivers": receivers});
        std::fs::write(folder.path().join(format!("{number}.yml")), config.to_string()).expect("written");
        let tree = Tree::parse(&config).expect("a tree");
        for _ in 0..12 {
            let labels = dice.labels();
            let quoted: Vec<String> = labels
                .iter()
                .map(|(label, value)| format!("'\"{label}\"=\"{}\"'", value.replace('"', "\\\"")))
                .collect();
            script += &format!(
                "/bin/amtool config routes test --config.file=/trees/{number}.yml {} 2>/dev/null || echo refused\n",
                quoted.join(" ")
            );
            let labels: Labels = labels.into_iter().map(|(l, v)| (l.to_owned(), v.to_owned())).collect();
            let reached: Vec<&str> = tree.hits(&labels).iter().map(|hit| hit.route.receiver.as_str()).collect();
            expected.push((number, labels.clone(), reached.join(",")));
        }
    }
    std::fs::write(folder.path().join("script"), script).expect("written");
    let name = format!("wpt-routes-{}", std::process::id());
    let container = Container(name.clone());
    docker(&["create", "--name", &name, "--entrypoint", "/bin/sh", "prom/alertmanager:v0.33.1", "/trees/script"]);
    docker(&["cp", &format!("{}/.", folder.path().display()), &format!("{name}:/trees")]);
    let output = Command::new("docker").args(["start", "-a", &name]).output().expect("docker");
    drop(container);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), expected.len(), "{said:?}");
    let mut different = std::collections::BTreeSet::new();
    for ((number, labels, ours), amtool) in expected.iter().zip(&said) {
        different.insert(*amtool);
        let tree = std::fs::read_to_string(folder.path().join(format!("{number}.yml"))).expect("a tree");
        assert_eq!(ours, amtool, "{labels:?} in {tree}");
    }
    // A table in which all went the same way would show nothing.
    assert!(different.len() > 6 && !different.contains("refused"), "{different:?}");
}
