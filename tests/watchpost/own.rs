//! Your own rules and dashboards in folders, and the addresses in messages, on a stack that runs.

use serde_json::{Value, json};

use crate::support::Stack;
use crate::support::http::{await_value, get};

fn write(stack: &Stack, path: &str, text: impl AsRef<[u8]>) {
    let path = stack.path().join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn board(uid: &str, expr: &str) -> String {
    let panel = json!({"id": 1, "type": "stat", "title": "Up", "targets": [{"refId": "A", "expr": expr}],
        "datasource": {"type": "prometheus", "uid": "watchpost-prometheus"}});
    json!({"uid": uid, "title": "Shop", "schemaVersion": 41, "panels": [panel]}).to_string()
}

fn rules(group: &str, alert: &str) -> String {
    format!("groups:\n- name: {group}\n  rules:\n  - {{alert: {alert}, expr: up == 2, labels: {{severity: info}}}}\n")
}

#[test]
fn folders_of_rules_and_dashboards_work_and_links_lead_out_of_the_stack() {
    let more = "address: monitor.example.org\nrules: [./rules]\ndashboards: [./boards]\ntargets:\n  \
                - {job: named, static: ['prometheus:9090'], path: '/federate?match[]=prometheus_build_info'}\n";
    let stack = Stack::new("minimal", "");
    stack.write("minimal", &format!("  grafana: {{port: {}}}\n", stack.grafana), more);
    write(&stack, "rules/team-a/shop.YML", format!("\u{feff}{}", rules("a", "ShopOfA")));
    write(&stack, "rules/team-b/shop.rules", rules("a", "ShopOfB"));
    write(&stack, "rules/team-b/off.yaml", "# groups: []\n");
    write(&stack, "rules/team-b/new.rule", rules("new", "NotLoaded"));
    write(&stack, "boards/shop.json", board("shop", "up"));
    write(&stack, "boards/team-a/shop.json", board("shop-a", "up{job=\"named\"}"));
    let output = stack.up();
    output.says("new.rule` is not loaded").says("`rules:` loads `*.yml`, `*.yaml` or `*.rules` files");
    await_value(stack.prometheus, "count(count_over_time(up[1m]) > 2)", 5.0);

    let groups: Value = serde_json::from_str(&get(stack.prometheus, "/api/v1/rules").expect("rules")).expect("JSON");
    let groups = groups["data"]["groups"].as_array().cloned().unwrap_or_default();
    let mut files: Vec<&str> =
        groups.iter().filter_map(|group| group["file"].as_str()?.split("/current/").nth(1)).collect();
    files.retain(|file| file.starts_with("rules/own/"));
    files.sort_unstable();
    assert_eq!(files, ["rules/own/team-a/shop.YML", "rules/own/team-b/shop.rules"]);

    let report = stack.run(&["verify", "-o", "json"]).expect(0).json();
    let findings: Vec<&Value> = report["links"]
        .as_array()
        .expect("links")
        .iter()
        .filter_map(|link| link["findings"].as_array())
        .flatten()
        .collect();
    let verdict =
        |id: &str| findings.iter().find(|finding| finding["id"] == id).map(|finding| finding["verdict"].clone());
    for id in ["dashboard:shop", "dashboard:shop-a", "group:rules/own/team-a/shop.YML/a"] {
        assert!(verdict(id).is_none_or(|verdict| verdict == "ok"), "{id}: {report:#}");
    }
    // Published on 127.0.0.1: the name alone does not open the port.
    assert_eq!(verdict("external_url:prometheus"), Some("note".into()), "{report:#}");
    let list = stack.run(&["dashboards", "list", "-o", "json"]).expect(0).json();
    let boards = list["dashboards"].as_array().expect("dashboards").iter();
    let folders: Vec<_> =
        boards.filter(|b| b["title"] == "Shop").map(|b| (b["uid"].clone(), b["folder"].clone())).collect();
    assert!(folders.contains(&("shop".into(), "Own".into())), "{list:#}");
    assert!(folders.contains(&("shop-a".into(), "team-a".into())), "{list:#}");
    let flags = get(stack.prometheus, "/api/v1/status/flags").expect("flags");
    assert!(flags.contains(&format!("http://monitor.example.org:{}/", stack.prometheus)), "{flags}");
}
