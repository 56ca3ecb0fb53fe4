//! Dashboards: broken in every way, each named with its cause, and fixed by what is printed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::docker::docker;
use crate::support::http::await_value;
use crate::support::{Output, Stack, await_until, shell};

/// A team's own dashboard: one good panel, and three that are wrong in different ways.
fn shop() -> Value {
    let prometheus = json!({"type": "prometheus", "uid": "watchpost-prometheus"});
    let panel = |id: u64, title: &str, expr: &str| {
        json!({"id": id, "type": "stat", "title": title, "datasource": prometheus, "fieldConfig": {"defaults": {"unit": "short"}},
               "targets": [{"refId": "A", "expr": expr}]})
    };
    let mut elsewhere = panel(3, "Elsewhere", "up");
    elsewhere["datasource"]["uid"] = json!("elsewhere");
    json!({
        "uid": "shop", "title": "Shop", "schemaVersion": 41, "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [
            {"name": "job", "type": "query", "query": "label_values(up, job)", "datasource": prometheus, "includeAll": true,
             "multi": true, "refresh": 1},
            {"name": "zone", "type": "query", "hide": 2, "query": "label_values(up{job=~\"$job\"}, zone)",
             "datasource": prometheus, "refresh": 1}]},
        "panels": [
            panel(1, "Good", "sum by (job) (up{job=~\"$job\"})"),
            {"id": 9, "type": "row", "collapsed": true, "title": "More", "panels": [
                panel(2, "Misspelled", "rate(prometheus_htpp_requests_total[$__rate_interval])")]},
            elsewhere,
            panel(4, "By zone", "up{instance=\"$zone\"}")]})
}

fn write(stack: &Stack, model: &Value) {
    std::fs::create_dir_all(stack.path().join("boards")).expect("a folder");
    std::fs::write(stack.path().join("boards/shop.json"), format!("{model:#}\n")).expect("written");
}

/// A dashboard of schema v2, in a folder of its own.
fn write_new(stack: &Stack, without: &[&str]) {
    let text = include_str!("../fixtures/dashboards/new-resource.json");
    let mut model: Value = serde_json::from_str(text).expect("JSON");
    let elements = model["spec"]["elements"].as_object_mut().expect("elements");
    elements.retain(|name, _| !without.contains(&name.as_str()));
    std::fs::create_dir_all(stack.path().join("boards/team")).expect("a folder");
    std::fs::write(stack.path().join("boards/team/new.json"), format!("{model:#}\n")).expect("written");
}

fn check(stack: &Stack, status: i32) -> Value {
    let output: Output = stack.run(&["dashboards", "check", "-o", "json"]).expect(status);
    output.json()
}

fn findings(report: &Value) -> Vec<Value> {
    report["links"][0]["findings"].as_array().cloned().unwrap_or_default()
}

#[track_caller]
fn finding(report: &Value, id: &str) -> Value {
    let found = findings(report).into_iter().find(|finding| finding["id"] == id);
    found.unwrap_or_else(|| panic!("no finding {id} in {report:#}"))
}

fn broken(report: &Value) -> Vec<String> {
    let broken = findings(report).into_iter().filter(|finding| finding["verdict"] == "broken");
    broken.filter_map(|finding| finding["id"].as_str().map(str::to_owned)).collect()
}

/// Runs a printed fix in the stack's folder, as people would; `up` is agreed to.
#[track_caller]
fn apply(stack: &Stack, finding: &Value) {
    let fix = finding["fix"]["text"].as_str().unwrap_or_else(|| panic!("no fix in {finding:#}"));
    let binary = crate::support::binary();
    let line =
        fix.replace("watchpost up", "watchpost up --yes").replace("watchpost ", &format!("{} ", binary.display()));
    shell(&line).inside(stack.path()).run().expect(0);
}

/// Changes Grafana's database behind its back: `script` has it as `data`.
fn in_database(stack: &Stack, script: &str) {
    let program = format!(
        "import json\npath = '/var/lib/grafana/grafana.db'\ndata = json.load(open(path))\n{script}\njson.dump(data, open(path, 'w'))"
    );
    docker(&["exec", &stack.container("grafana"), "python3", "-c", &program]);
}

/// One request to Grafana as its administrator.
fn grafana(stack: &Stack, method: &str, path: &str, body: &Value) -> String {
    let password = stack.run(&["secrets", "show", "grafana_admin"]).expect(0).stdout;
    let login = base64(&format!("admin:{}", password.trim()));
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", stack.grafana)).expect("Grafana");
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u32| DIGITS[(value & 63) as usize] as char;
    text.as_bytes()
        .chunks(3)
        .map(|part| {
            let bits = part.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
            let all: String = [18, 12, 6, 0].map(|shift| digit(bits >> shift)).iter().collect();
            format!("{}{}", &all[..=part.len()], &"=="[..3 - part.len()])
        })
        .collect()
}

#[test]
fn each_broken_dashboard_is_named_with_its_cause_and_what_is_printed_fixes_it() {
    let stack = Stack::new("standard", "dashboards: [./boards]\n");
    write(&stack, &shop());
    write_new(&stack, &[]);
    stack.up();
    // Rates need two scrapes.
    await_value(stack.prometheus, "count(count_over_time(up[1m]) > 2)", 6.0);
    wrong_panels(&stack);
    a_change_in_the_ui(&stack);
    a_missing_dashboard(&stack);
    a_wrong_password(&stack);
    a_silent_data_source(&stack);
    an_old_volume(&stack);
}

fn wrong_panels(stack: &Stack) {
    let report = check(stack, 6);
    let ids = broken(&report);
    let expected =
        ["panel:new-resource/2/A", "panel:new-resource/3/A", "panel:shop/2/A", "panel:shop/3/A", "panel:shop/4/A"];
    let mut ids = ids;
    ids.sort();
    assert_eq!(ids, expected, "{:#}", report["links"][0]["counts"]);
    assert_eq!(finding(&report, "panel:new-resource/1/A")["verdict"], "ok", "a resource of schema v2 is proved too");
    let logs = finding(&report, "panel:new-resource/3/A");
    assert_eq!(logs["cause"], "needs a data source of type `loki`; the stack has none");
    assert_eq!(logs["about"]["file"], "team/new.json");
    assert_eq!(finding(&report, "panel:shop/1/A")["verdict"], "ok");
    let misspelled = finding(&report, "panel:shop/2/A");
    assert_eq!(misspelled["subject"], "Shop / Misspelled");
    assert_eq!(misspelled["what"], "no target has `prometheus_htpp_requests_total`");
    assert_eq!(misspelled["why"][0], "did you mean `prometheus_http_requests_total`?");
    let fix = misspelled["fix"]["text"].as_str().expect("a fix");
    assert!(fix.starts_with("in shop.json: correct the query A"), "{fix}");
    let elsewhere = finding(&report, "panel:shop/3/A");
    assert_eq!(elsewhere["what"], "Grafana has no data source `elsewhere`");
    assert!(
        elsewhere["fix"]["text"].as_str().expect("a fix").contains("\"uid\": \"watchpost-prometheus\""),
        "{elsewhere}"
    );
    let zone = finding(&report, "panel:shop/4/A");
    assert_eq!(zone["what"], "the hidden variable `zone` is empty");
    assert!(zone["why"][0].as_str().expect("why").contains("has the label `zone`"), "{zone}");
    // Lint says the same before deploying.
    let lint = stack.run(&["dashboards", "lint"]).expect(1);
    assert!(lint.stdout.contains("asks the data source `elsewhere`"), "{}", lint.stdout);
    assert!(lint.stdout.contains("did you mean `prometheus_http_requests_total`?"), "{}", lint.stdout);
    assert!(lint.stdout.contains("boards/shop.json:"), "{}", lint.stdout);

    let mut fixed = shop();
    fixed["panels"][1]["panels"][0]["targets"][0]["expr"] =
        json!("rate(prometheus_http_requests_total[$__rate_interval])");
    fixed["panels"][2]["datasource"]["uid"] = json!("watchpost-prometheus");
    fixed["templating"]["list"][1]["query"] = json!("label_values(up{job=~\"$job\"}, instance)");
    write(stack, &fixed);
    write_new(stack, &["b", "c"]);
    stack.up();
    let list = stack.run(&["dashboards", "list", "-o", "json"]).expect(0).json();
    let all = list["dashboards"].as_array().expect("dashboards");
    let new = all.iter().find(|one| one["uid"] == "new-resource").expect("listed");
    assert_eq!((&new["folder"], &new["state"]), (&json!("team"), &json!("in-sync")));
    let report = check(stack, 0);
    assert_eq!(broken(&report), Vec::<String>::new(), "a healthy stack has nothing broken");
    let count = |what: &str| {
        let counts = report["links"][0]["counts"].as_array().expect("counts");
        counts.iter().find(|count| count["what"] == what).map(|count| count["number"].as_u64().expect("a number"))
    };
    assert_eq!(count("dashboard"), Some(9));
    assert!(count("query") > Some(110), "{:?}", count("query"));
    let shown = findings(&report)
        .iter()
        .filter(|f| f["verdict"] == "ok" && f["id"].as_str().is_some_and(|id| id.starts_with("panel:")))
        .count();
    assert!(shown > 90, "{shown} panels show data");
    stack.run(&["dashboards", "lint"]).expect(0);
}

fn a_change_in_the_ui(stack: &Stack) {
    let held = grafana(stack, "GET", "/api/dashboards/uid/shop", &Value::Null);
    let held: Value = serde_json::from_str(held.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    let mut model = held["dashboard"].clone();
    model["panels"][0]["targets"][0]["expr"] = json!("count by (job) (up)");
    let answer = grafana(
        stack,
        "POST",
        "/api/dashboards/db",
        &json!({"dashboard": model, "folderUid": "watchpost-own", "overwrite": true}),
    );
    assert!(answer.contains("success"), "{answer}");
    grafana(
        stack,
        "POST",
        "/api/dashboards/db",
        &json!({"dashboard": {"uid": "sketch", "title": "Sketch", "panels": []}}),
    );

    let report = check(stack, 6);
    assert_eq!(broken(&report), ["dashboard:shop"]);
    let changed = finding(&report, "dashboard:shop");
    assert!(changed["what"].as_str().expect("what").starts_with("changed in the UI"), "{changed}");
    assert_eq!(changed["why"][0], "panels[Good].targets[A].expr differs");
    let list = stack.run(&["dashboards", "list", "-o", "json"]).expect(0).json();
    let state = |uid: &str| {
        let all = list["dashboards"].as_array().expect("dashboards");
        all.iter().find(|one| one["uid"] == uid).map(|one| one["state"].as_str().expect("a state").to_owned())
    };
    assert_eq!(state("shop").as_deref(), Some("changed"));
    assert_eq!(state("sketch").as_deref(), Some("unmanaged"));
    assert_eq!(state("watchpost-host").as_deref(), Some("in-sync"));
    let diff = stack.run(&["dashboards", "diff", "--exit-code"]).expect(2);
    assert!(
        diff.stdout.contains("panels[Good].targets[A].expr") && diff.stdout.contains("+ count by (job) (up)"),
        "{}",
        diff.stdout
    );
    stack.run(&["dashboards", "diff", "shopp"]).expect(1).says("did you mean `shop`?");

    apply(stack, &changed);
    let file = std::fs::read_to_string(stack.path().join("boards/shop.json")).expect("the file");
    assert!(file.contains("count by (job) (up)") && !file.contains("\"version\""), "{file}");
    check(stack, 0);
    stack.run(&["dashboards", "diff", "--exit-code"]).expect(0);
}

fn a_missing_dashboard(stack: &Stack) {
    // Grafana reads its files every ten seconds, and may bring it back meanwhile.
    let missing = await_until("a missing dashboard is named", 60, || {
        in_database(stack, "del data['dashboards']['shop']");
        let output = stack.run(&["dashboards", "check", "-o", "json"]);
        (output.status == Some(6)).then(|| output.json())
    });
    assert_eq!(broken(&missing), ["dashboard:shop"]);
    let missing = finding(&missing, "dashboard:shop");
    assert_eq!(missing["what"], "Grafana does not have it");
    apply(stack, &missing);
    await_until("the dashboard is back", 60, || {
        stack.run(&["dashboards", "check"]).status.filter(|status| *status == 0)
    });
}

fn a_wrong_password(stack: &Stack) {
    docker(&[
        "exec",
        &stack.container("grafana"),
        "grafana",
        "cli",
        "admin",
        "reset-admin-password",
        "changed-by-hand",
    ]);
    let report = check(stack, 6);
    assert_eq!(broken(&report), ["grafana"]);
    let locked = finding(&report, "grafana");
    assert_eq!(locked["what"], "Grafana rejects the password of `admin`");
    let password = stack.run(&["secrets", "show", "grafana_admin"]).expect(0).stdout;
    assert!(!report.to_string().contains(password.trim()), "the fix shows no secret");
    apply(stack, &locked);
    check(stack, 0);
}

fn a_silent_data_source(stack: &Stack) {
    docker(&["stop", "-t", "5", &stack.container("prometheus")]);
    let report = check(stack, 6);
    assert_eq!(broken(&report), ["datasource:watchpost-prometheus"]);
    let source = finding(&report, "datasource:watchpost-prometheus");
    assert_eq!(source["why"][0], "`prometheus` does not run");
    let panel = finding(&report, "panel:shop/1/A");
    assert_eq!(
        (&panel["verdict"], &panel["because"]),
        (&json!("not-checked"), &json!("datasource:watchpost-prometheus"))
    );
    apply(stack, &source);
    check(stack, 0);
}

fn an_old_volume(stack: &Stack) {
    in_database(
        stack,
        "old = data['datasources'].pop('watchpost-prometheus')\nold['uid'] = 'PBFA97CFB590B2093'\ndata['datasources'][old['uid']] = old",
    );
    // While it runs, the other uid can be seen; when it starts again, provisioning fails.
    let report = check(stack, 6);
    let source = finding(&report, "datasource:watchpost-prometheus");
    assert_eq!(source["what"], "its uid is `PBFA97CFB590B2093`, but dashboards ask for `watchpost-prometheus`");
    let container = stack.container("grafana");
    drop(Command::new("docker").args(["restart", "-t", "1", &container]).output());
    let report = await_until("Grafana does not start", 60, || {
        let report = check(stack, 6);
        report.to_string().contains("Datasource provisioning error: data source not found").then_some(report)
    });
    assert_eq!(broken(&report), ["grafana"]);
    let stopped = finding(&report, "grafana");
    assert_eq!(stopped["fix"]["text"], source["fix"]["text"]);
    apply(stack, &stopped);
    check(stack, 0);
}

/// An image of the test's own, removed at the end.
struct Image(String);

impl Drop for Image {
    fn drop(&mut self) {
        drop(Command::new("docker").args(["rmi", "-f", &self.0]).output());
    }
}

#[test]
fn grafana_7_5_without_health_by_uid_is_asked_through_its_proxy() {
    let name = format!("watchpost-test/grafana-{}:7.5.17", std::process::id());
    let image = Image(name);
    let stack = Stack::new("standard", "");
    let source = format!("{}-old", stack.name);
    docker(&["create", "--name", &source, "grafana/grafana:13.2.3"]);
    docker(&["commit", "--change", "ENV WATCHPOST_DOUBLE_VERSION=7.5.17", &source, &image.0]);
    docker(&["rm", "-v", &source]);
    stack.edit("grafana: {port:", &format!("grafana: {{image: \"{}\", port:", image.0));
    stack.up();
    await_value(stack.prometheus, "count(count_over_time(up[1m]) > 2)", 6.0);
    let report = check(&stack, 0);
    assert_eq!(broken(&report), Vec::<String>::new());
    assert_eq!(finding(&report, "grafana")["what"], "up, version 7.5.17");
    assert_eq!(finding(&report, "datasource:watchpost-prometheus")["verdict"], "ok");
    assert_eq!(finding(&report, "datasource:watchpost-alertmanager")["verdict"], "ok");
    assert_eq!(finding(&report, "panel:watchpost-prometheus/2/A")["verdict"], "ok");
    docker(&["stop", "-t", "5", &stack.container("prometheus")]);
    assert_eq!(broken(&check(&stack, 6)), ["datasource:watchpost-prometheus"]);
}

/// Serves texts by path, as grafana.com does.
fn serve(answers: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut client = BufReader::new(client);
            let mut request = String::new();
            drop(client.read_line(&mut request));
            let mut line = String::new();
            while client.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
            let found = answers.iter().find(|(known, _)| *known == path);
            let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body.as_str()));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            drop(client.get_mut().write_all((head + body).as_bytes()));
        }
    });
    address
}

#[test]
fn a_dashboard_from_elsewhere_gets_into_the_specs_folder_and_passes_lint() {
    let stack = Stack::new("standard", "# the end\n");
    let foreign = json!({
        "__inputs": [{"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"}],
        "__requires": [], "id": 5, "title": "Hosts: all", "schemaVersion": 39,
        "panels": [{"id": 1, "type": "stat", "title": "Up", "datasource": "${DS_PROMETHEUS}",
                    "fieldConfig": {"defaults": {"unit": "short"}}, "targets": [{"refId": "A", "expr": "sum(up)"}]}]});
    let v2 = json!({"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {"elements": {}, "layout": {}}});
    let base = serve(vec![
        (
            "/api/dashboards/17/revisions",
            json!({"items": [{"revision": 3}, {"revision": 12}, {"revision": 7}]}).to_string(),
        ),
        ("/api/dashboards/17/revisions/12/download", foreign.to_string()),
        ("/api/dashboards/18/revisions/1/download", v2.to_string()),
    ]);
    let import = |arguments: &[&str]| {
        let all: Vec<&str> = ["dashboards", "import"].iter().chain(arguments).copied().collect();
        stack.command(&all).env("WATCHPOST_GRAFANA_COM", &base).run()
    };
    let spec = || std::fs::read_to_string(stack.path().join("watchpost.yaml")).expect("the spec");
    let before = spec();
    import(&["gnet:17", "--dry-run"])
        .expect(0)
        .prints("Would write `Hosts: all` (gnet-17)")
        .prints("dashboards/hosts-all.json");
    assert!(spec() == before && !stack.path().join("dashboards").exists(), "a dry run changes nothing");
    import(&["gnet:17"]).expect(0).prints("Wrote `Hosts: all`");
    assert_eq!(spec(), format!("{before}dashboards: [./dashboards]\n"));
    let path = stack.path().join("dashboards/hosts-all.json");
    let model: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("the file")).expect("JSON");
    assert_eq!(
        (&model["uid"], &model["panels"][0]["datasource"]["uid"]),
        (&json!("gnet-17"), &json!("watchpost-prometheus"))
    );
    stack.run(&["dashboards", "lint", "--offline"]).expect(0).says("1 dashboard checked: 0 errors, 0 warnings");
    stack.run(&["render", "--out", "bundle"]).expect(0);

    import(&["gnet:17@12"]).expect(1).says("already exists").says("--force");
    import(&["gnet:17@12", "--force"]).expect(0);
    import(&["gnet:18@1"]).expect(1).says("has no `title`");
    import(&["gnet:19"]).expect(1).says("404");
    import(&["gnet:node"]).expect(64).says("gnet:1860");

    // A twin by title, and one that Grafana would choke on.
    let mut twin = model;
    twin["uid"] = json!("twin");
    twin["panels"][0]["targets"][0]["expr"] = json!("rate(up[15s])");
    std::fs::write(stack.path().join("dashboards/twin.json"), format!("{twin:#}")).expect("written");
    std::fs::write(stack.path().join("dashboards/new.json"), v2.to_string()).expect("written");
    let lint = stack.run(&["dashboards", "lint", "--offline", "-o", "json"]).expect(1).json();
    let messages: Vec<&str> =
        lint.as_array().expect("findings").iter().filter_map(|one| one["message"].as_str()).collect();
    assert!(messages.iter().any(|message| message.contains("has the same `title`, \"Hosts: all\"")), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("no valid `metadata.name`")), "{messages:#?}");
    assert!(
        lint.as_array().expect("findings").iter().all(|one| one["hint"].is_string() && one["line"].is_number()),
        "{lint:#}"
    );
}
