use super::*;

const MANIFEST: &str = "\
name: shop
title: Shop
description: A shop.
category: own
image: {repository: shop, tag: v1}
user: '1000:1000'
probe: {port: 80, path: /}
questions:
  - {variable: memory, label: Memory limit, description: At most this., type: size, default: 64m}
";
const SERVICE: &str = "services:\n  shop:\n    image: shop:v1\n";

/// Templates as they are: the engine is `render`'s, whose own tests lint what ships with it.
fn verbatim(component: &Component, _: &Resolved) -> Result<BTreeMap<String, String>> {
    let texts = component.files.iter().map(|(path, file)| Ok((path.clone(), file.text()?.to_owned())));
    texts.collect()
}

fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    let dir = tempfile::tempdir().expect("a folder");
    for (path, text) in [("component.yaml", MANIFEST), ("service.yml", SERVICE)].iter().chain(files) {
        let path = dir.path().join("shop").join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let catalog = Catalog::with_overlays(&[dir.path()]).expect("readable");
    lint(&catalog, &["shop".into()], &verbatim).expect("known")
}

fn messages(files: &[(&str, &str)]) -> Vec<String> {
    findings(files).into_iter().map(|finding| finding.problem.message.clone()).collect()
}

#[test]
fn a_sound_component_has_no_findings() {
    assert_eq!(messages(&[]), Vec::<String>::new());
}

#[test]
fn every_finding_is_located_and_says_what_to_do() {
    let manifest = MANIFEST.replace("tag: v1", "tag: latest").replace("description: At most this., ", "");
    let service = "services:\n  shop:\n    image: shop:v2\n    privileged: true\n";
    let found = findings(&[("component.yaml", &manifest), ("service.yml", service), ("notes.txt", "x")]);
    assert!(found.len() >= 4, "{found:?}");
    for finding in found {
        assert!(finding.problem.at.is_some() && finding.problem.hint.is_some(), "{finding:?}");
    }
}

#[test]
fn a_tag_that_moves_is_refused() {
    for tag in ["latest", "edge"] {
        let manifest = MANIFEST.replace("tag: v1", &format!("tag: {tag}"));
        let service = SERVICE.replace("v1", tag);
        let expected = format!("the tag `{tag}` names another image tomorrow");
        assert_eq!(messages(&[("component.yaml", &manifest), ("service.yml", &service)]), [expected]);
    }
}

#[test]
fn a_departure_from_the_safe_defaults_needs_a_reason() {
    for (key, line) in [
        ("privileged", "privileged: true"),
        ("read_only", "read_only: false"),
        ("cap_drop", "cap_drop: []"),
        ("cap_add", "cap_add: [SYS_ADMIN]"),
        ("security_opt", "security_opt: [seccomp=unconfined]"),
        ("user", "user: root"),
        ("pid", "pid: host"),
        ("volumes", "volumes: ['/var/run:/var/run']"),
        ("ports", "ports: ['80:80']"),
        ("ports", "ports: ['0.0.0.0:80:80']"),
        ("pids_limit", "pids_limit: -1"),
    ] {
        let service = format!("{SERVICE}    {line}\n");
        let expected = format!("`{key}` departs from the safe defaults without a reason");
        assert_eq!(messages(&[("service.yml", &service)]), [expected], "{line}");
        let excused = format!("{MANIFEST}exceptions: {{{key}: it must}}\n");
        assert!(messages(&[("service.yml", &service), ("component.yaml", &excused)]).is_empty(), "{line}");
    }
    let idle = format!("{MANIFEST}exceptions: {{pid: it must}}\n");
    assert_eq!(messages(&[("component.yaml", &idle)]), ["the exception `pid` excuses nothing"]);
}

#[test]
fn a_secret_in_the_environment_is_found_and_its_file_is_not() {
    let service = format!("{SERVICE}    environment: {{DB_PASSWORD: hunter2, DB_PASSWORD_FILE: /run/secrets/db}}\n");
    assert_eq!(
        messages(&[("service.yml", &service)]),
        ["`DB_PASSWORD` of the service `shop` looks like a secret in the environment"]
    );
}

#[test]
fn a_file_that_nothing_reads_is_named_with_the_name_that_was_meant() {
    let found = findings(&[("rules/shop.yaml", "groups: []\n")]);
    assert_eq!(found[0].problem.message, "nothing reads `rules/shop.yaml`");
    assert_eq!(found[0].problem.hint.as_deref(), Some("did you mean `rules/shop.yml`?"));
}

#[test]
fn an_alert_without_severity_texts_or_test_is_found() {
    let rules = "groups:\n  - name: shop\n    rules:\n      - alert: ShopEmpty\n        expr: shop_goods == 0\n        for: soon\n";
    assert_eq!(
        messages(&[("rules/shop.yml", rules)]),
        [
            "the alert `ShopEmpty` has no severity",
            "the alert `ShopEmpty` has no `summary`",
            "the alert `ShopEmpty` has no `description`",
            "`for` of the alert `ShopEmpty` is not a valid duration",
            "no test makes the alert `ShopEmpty` fire",
        ]
    );
    assert_eq!(findings(&[("rules/shop.yml", rules)])[0].problem.at.clone().expect("located").line, 4);
}

#[test]
fn a_recording_rule_needs_an_expression_and_a_name_with_levels() {
    let rules = "groups: [{name: shop, rules: [{record: goods}]}, {name: shop, rules: []}]\n";
    assert_eq!(
        messages(&[("rules/shop.yml", rules)]),
        [
            "`goods` has no `expr`",
            "the group `shop` is there twice",
            "the group `shop` has no rules",
            "the recording rule `goods` is named like a metric of an exporter",
        ]
    );
}

#[test]
fn a_dashboard_that_grafana_would_not_take_is_refused() {
    let good = r#"{"uid": "shop", "title": "Shop", "schemaVersion": 42, "panels": [
        {"type": "stat", "title": "Goods", "datasource": {"type": "prometheus", "uid": "${datasource}"},
         "targets": [{"expr": "rate(shop_goods_total[$__rate_interval])"}]}]}"#;
    assert!(messages(&[("dashboards/shop.json", good)]).is_empty());
    for (from, to, message) in [
        ("\"uid\": \"shop\"", "\"uid\": \"a shop\"", "the dashboard has no valid `uid`"),
        ("\"title\": \"Shop\",", "", "the dashboard has no `title`"),
        ("42", "43", "`schemaVersion` must be at most 42, not 43"),
        ("\"panels\"", "\"elements\": {}, \"panels\"", "this is the newer schema; the catalog ships classic JSON"),
        (
            "\"panels\"",
            "\"__inputs\": [], \"panels\"",
            "`__inputs` is for the import dialog; Grafana ignores it in files",
        ),
        ("${datasource}", "${DS_PROMETHEUS}", "nothing resolves the data source `${DS_PROMETHEUS}`"),
        ("$__rate_interval", "5m", "the panel `Goods` takes a rate over a fixed time"),
        ("{\"expr\": \"rate(shop_goods_total[$__rate_interval])\"}", "", "the panel `Goods` has no query"),
    ] {
        let changed = good.replace(from, to);
        assert_eq!(messages(&[("dashboards/shop.json", &changed)]), [message]);
    }
    let broken = findings(&[("dashboards/shop.json", "{\n  \"uid\": }")]);
    assert_eq!(broken[0].problem.at.clone().expect("located").line, 2);
}

#[test]
fn two_dashboards_of_one_uid_or_title_are_refused() {
    let dashboard = r#"{"uid": "shop", "title": "Shop", "schemaVersion": 42}"#;
    let other = dashboard.replace("\"shop\"", "\"other\"");
    let found = messages(&[("dashboards/a.json", dashboard), ("dashboards/b.json", &other)]);
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("b.json` has the same `title`, \"Shop\""), "{found:?}");
}

#[test]
fn recorded_metrics_are_read_and_missed() {
    let scraped = format!("{MANIFEST}scrape: {{job: shop, port: 80}}\n");
    let manifest = ("component.yaml", scraped.as_str());
    assert_eq!(messages(&[manifest]), ["it is scraped, but `metrics.prom` is missing"]);
    assert!(
        messages(&[manifest, ("metrics.prom", "# HELP a b\na{b=\"c d\"} 1.5e3\nb NaN 1700000000000\n")]).is_empty()
    );
    let found = findings(&[manifest, ("metrics.prom", "a 1\n<html>\n")]);
    assert_eq!(found[0].problem.message, "this line is not in Prometheus's text format");
    assert_eq!(found[0].problem.at.clone().expect("located").line, 2);
}

#[test]
fn a_setting_without_effect_is_found() {
    let manifest =
        format!("{MANIFEST}  - {{variable: port, label: Port, description: A port., type: int, default: 80}}\n");
    assert_eq!(messages(&[("component.yaml", &manifest)]), ["no template uses the answer to `port`"]);
}

#[test]
fn what_must_be_answered_needs_an_example_to_render_with() {
    let question = "  - {variable: host, label: Host, description: A host., type: string, required: true}\n";
    let service = format!("{SERVICE}    hostname: << answers.host >>\n");
    let manifest = format!("{MANIFEST}{question}");
    assert_eq!(
        messages(&[("component.yaml", &manifest), ("service.yml", &service)]),
        ["the question `host` must be answered and has no example"]
    );
}

#[test]
fn findings_as_json_carry_their_place() {
    let json = serde_json::to_value(findings(&[("notes.txt", "x")])).expect("JSON");
    assert_eq!((&json[0]["severity"], &json[0]["line"]), (&"error".into(), &1.into()));
    assert!(json[0]["file"].as_str().is_some_and(|file| file.ends_with("notes.txt")));
}

#[test]
fn both_samples_answer_what_must_be_answered() {
    let questions: Vec<Question> = crate::yaml::from_str(
        "q.yaml",
        "[{variable: host, label: H, type: string, required: true, example: db},
          {variable: tls, label: T, type: boolean, default: false},
          {variable: ca, label: C, type: string, show_if: tls=false, example: /ca}]",
    )
    .expect("questions");
    let (plain, full) = samples(&questions);
    assert_eq!((&plain["host"], &plain["tls"], &plain["ca"]), (&"db".into(), &false.into(), &Value::Null));
    assert_eq!((&full["tls"], &full["ca"]), (&true.into(), &Value::Null));
}

/// The worked example in CONTRIBUTING.md: each block after a line that is a path in backticks.
#[test]
fn contributing_shows_the_files_of_the_fixture() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("CONTRIBUTING.md")).expect("the guide");
    let fixture = root.join("tests/fixtures/overlay");
    let mut shown = BTreeMap::new();
    let mut path: Option<&str> = None;
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let named = line.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        path = named.filter(|name| name.contains('.') && !name.contains(' ')).or(path);
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            path.take().map(|path| shown.insert(path.to_owned(), block.join("\n") + "\n"));
        }
    }
    for (path, text) in &shown {
        assert_eq!(&std::fs::read_to_string(fixture.join(path)).expect(path), text, "{path}");
    }
    let catalog = Catalog::with_overlays(&[&fixture]).expect("valid");
    for path in catalog.components["price-feed"].files.keys() {
        assert!(shown.contains_key(&format!("templates/price-feed/{path}")), "{path} is not shown");
    }
    assert!(shown.contains_key("watchpost.yaml"));
}

#[test]
fn a_rule_or_panel_that_uses_an_unknown_metric_is_an_error_with_its_place() {
    let manifest = MANIFEST.to_owned()
        + "scrape: {job: shop, port: 80, path: /metrics}\nsometimes: [{metrics: 'shop_rare_.*', why: no sale yet}]\n";
    let rules = "groups:\n  - name: shop\n    rules:\n      - record: shop:price:max\n        expr: max(shop_price)\n      \
                 - record: shop:odd:max\n        expr: shop:price:max + shop_rare_total + up + max(shop_pricee)\n";
    let board = r#"{"uid": "shop-a", "title": "A", "schemaVersion": 39, "panels": [{"id": 1, "type": "stat", "title": "P",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "targets": [{"refId": "A", "expr": "sum(rate(shop_sold_total[$__rate_interval]))"}]}]}"#;
    let found = findings(&[
        ("component.yaml", &manifest),
        ("metrics.prom", "shop_price{a=\"b\"} 1\n"),
        ("rules/shop.yml", rules),
        ("dashboards/shop.json", board),
    ]);
    let unknown: Vec<_> = found.iter().filter(|f| f.problem.message.contains("no component exports")).collect();
    let messages: Vec<&str> = unknown.iter().map(|f| f.problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the rule `shop:odd:max` uses `shop_pricee`, which no component exports or records",
            "the panel `P` uses `shop_sold_total`, which no component exports or records",
        ]
    );
    assert_eq!(unknown[0].problem.at.as_ref().expect("located").line, 7);
    assert_eq!(unknown[0].problem.hint.as_deref(), Some("did you mean `shop_price`?"));
}
