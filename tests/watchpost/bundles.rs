//! What is rendered, held against those who read it: Compose, promtool, amtool, the exporters' own checks.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::docker::{Container, docker};
use crate::support::watchpost;

const EVERYTHING: &str = r#"
stack: standard
components:
  prometheus: {external_labels: ["site=x$y"], retention_size: 10GB}
  node-exporter: {textfile_directory: /srv/metrics}
  pushgateway: true
  postgres-exporter: [{name: orders, host: orders-db, password: {secret: orders_db}, network: shop}]
  redis-exporter: [{name: cache, address: "cache:6379", password: {secret: cache}}, {name: plain, address: "plain:6379"}]
secrets: {orders_db: {env: ORDERS_DB}, cache: {file: ./cache}, slack_url: {env: SLACK}, token: {env: TOKEN}}
alerting:
  receivers:
    - {name: slack, type: slack, channel: "{{ weird }} <<channel>>", api_url: {secret: slack_url}}
    - {name: hook, type: webhook, url: "http://hook/"}
    - {name: mail, type: email, to: a@example.com, from: b@example.com, smarthost: "smtp.example.com:587", auth_username: b, auth_password: {secret: token}}
    - {name: pager, type: pagerduty, routing_key: {secret: token}}
    - {name: telegram, type: telegram, bot_token: {secret: token}, chat_id: -100}
    - {name: discord, type: discord, webhook_url: {secret: slack_url}}
    - {name: teams, type: msteamsv2, webhook_url: {secret: slack_url}}
    - {name: genie, type: opsgenie, api_key: {secret: token}}
    - {name: matter, type: mattermost, webhook_url: {secret: slack_url}}
  routes:
    - {match: {severity: critical, team: "a\"b"}, to: slack, continue: true, group_wait: 10s}
    - {match: {team: mail}, to: mail}
    - {match: {team: pager}, to: pager}
    - {match: {team: telegram}, to: telegram}
    - {match: {team: discord}, to: discord}
    - {match: {team: teams}, to: teams}
    - {match: {team: genie}, to: genie}
    - {match: {team: matter}, to: matter, repeat_interval: 1h}
    - {to: hook}
targets: [{job: shop, static: ["shop:8080"], labels: {team: web}, path: /m, scheme: https, interval: 1m}]
probes: [{url: "https://shop.example.com/"}, {url: "shop:443", module: tcp_tls, interval: 1m}]
"#;

fn rendered(spec: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("watchpost.yaml"), spec).expect("written");
    watchpost(["render", "--out", "bundle"]).inside(folder.path()).run().expect(0);
    folder
}

/// Runs a command in the pinned image with a service's files where it expects them, and returns its output.
#[track_caller]
fn check(bundle: &Path, service: &str, image: &str, command: &[&str]) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("wpt-check-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let (program, arguments) = command.split_first().expect("a command");
    docker(&[&["create", "--name", &name, "--entrypoint", program, image], arguments].concat());
    let container = Container(name.clone());
    docker(&["cp", bundle.join("files").join(service).to_str().expect("UTF-8"), &format!("{name}:/tmp/files")]);
    let output = Command::new("docker").args(["start", "-a", &name]).output().expect("docker");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{text}");
    drop(container);
    text
}

fn image(component: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(component).join("component.yaml");
    let text = std::fs::read_to_string(path).expect("a manifest");
    let value =
        |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).expect("pinned").trim().to_owned();
    format!("{}:{}", value("repository:"), value("tag:"))
}

#[test]
fn compose_accepts_every_bundle() {
    let Some(compose) = std::env::var_os("WATCHPOST_TEST_COMPOSE") else {
        eprintln!("skipped: WATCHPOST_TEST_COMPOSE names no Compose; tests/run sets it");
        return;
    };
    for spec in ["stack: minimal\n", "stack: standard\n", EVERYTHING] {
        let folder = rendered(spec);
        let output = Command::new(&compose)
            .args(["-f", "compose.yaml", "config", "--quiet"])
            .current_dir(folder.path().join("bundle"))
            .envs([("ORDERS_DB", "x"), ("SLACK", "x"), ("TOKEN", "x")])
            .output()
            .expect("Compose");
        assert!(output.status.success(), "{spec}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn promtool_and_amtool_accept_what_is_rendered() {
    let quick = "stack: minimal\ncomponents: {prometheus: {scrape_interval: 5s}}\n";
    for spec in ["stack: minimal\n", "stack: standard\n", EVERYTHING, quick] {
        let folder = rendered(spec);
        let bundle = folder.path().join("bundle");
        // `--syntax-only` would not read the rules; the files of secrets are not there yet in any case.
        let text = check(
            &bundle,
            "prometheus",
            &image("prometheus"),
            &["/bin/promtool", "check", "config", "--lint=all", "/tmp/files/prometheus.yml"],
        );
        assert!(text.contains("SUCCESS") && !text.contains("FAILED"), "{text}");
        check(
            &bundle,
            "alertmanager",
            &image("alertmanager"),
            &["/bin/amtool", "check-config", "/tmp/files/alertmanager.yml"],
        );
    }
}

const ROUTES: &str = r#"
stack: minimal
alerting:
  receivers:
    - {name: chat, type: webhook, url: "http://chat/"}
    - {name: hook, type: webhook, url: "http://hook/"}
    - {name: second, type: webhook, url: "http://second/"}
    - {name: team, type: webhook, url: "http://team/"}
  routes:
    - {match: {severity: critical}, to: chat, continue: true}
    - {match: {team: web}, to: team}
    - {to: hook, continue: true, group_wait: 7s}
    - {to: second, repeat_interval: 9h}
"#;

#[test]
fn alerts_go_where_the_routes_of_the_spec_say_by_amtools_reading() {
    let goes = |spec: &str, labels: &[&str], to: &str| {
        let folder = rendered(spec);
        let config = "--config.file=/tmp/files/alertmanager.yml";
        let command = [&["/bin/amtool", "config", "routes", "test", config], labels].concat();
        let text = check(&folder.path().join("bundle"), "alertmanager", &image("alertmanager"), &command);
        assert_eq!(text.lines().next(), Some(to), "{labels:?}");
    };
    goes(ROUTES, &["severity=critical"], "chat,hook,second");
    goes(ROUTES, &["severity=warning"], "hook,second");
    goes(ROUTES, &["severity=critical", "team=web"], "chat,team");
    goes(ROUTES, &["alertname=Watchdog", "severity=none"], "nobody");
    goes(EVERYTHING, &["severity=warning"], "hook");
    goes("stack: minimal\nalerting: {receivers: [{name: a, type: webhook, url: 'http://a'}]}\n", &["a=b"], "a");
    goes("stack: minimal\n", &["a=b"], "nobody");
    let folder = rendered(ROUTES);
    let path = folder.path().join("bundle/files/alertmanager/alertmanager.yml");
    let config = std::fs::read_to_string(path).expect("rendered");
    assert!(config.contains("group_wait: 7s") && config.contains("repeat_interval: 9h"), "{config}");
}

#[test]
fn the_blackbox_exporter_accepts_its_modules() {
    let folder = rendered("stack: standard\n");
    let bundle = folder.path().join("bundle");
    let command = ["/bin/blackbox_exporter", "--config.check", "--config.file=/tmp/files/blackbox.yml"];
    check(&bundle, "blackbox-exporter", &image("blackbox-exporter"), &command);
}

/// The unit tests of all rules, by the promtool of the pinned image.
#[test]
fn every_rule_passes_its_unit_tests() {
    let folder = rendered(EVERYTHING);
    let bundle = folder.path().join("bundle");
    let rules = bundle.join("files/prometheus/rules");
    let mut tested = 0;
    for component in std::fs::read_dir(&rules).expect("rules").map(|entry| entry.expect("an entry").path()) {
        let name = component.file_name().expect("a name").to_owned();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(&name).join("rules/tests");
        let target = component.join("tests");
        std::fs::create_dir_all(&target).expect("made");
        for test in std::fs::read_dir(source).into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
            std::fs::copy(&test, target.join(test.file_name().expect("a name"))).expect("copied");
            tested += 1;
        }
    }
    assert!(tested > 0);
    // All at once: most of the time goes into making databases.
    let script = "cd /tmp/files/rules && for test in */tests/*.yml; do /bin/promtool test rules \"$test\" & \
                  all=\"$all $!\"; done; for one in $all; do wait \"$one\" || exit 1; done";
    check(&bundle, "prometheus", &image("prometheus"), &["/bin/sh", "-c", script]);
}

#[test]
fn the_shipped_dashboards_are_what_their_descriptions_make() {
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/dashboards"))
        .arg("--check")
        .output()
        .expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
