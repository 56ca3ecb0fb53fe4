use super::*;
use crate::spec;

fn resolved(text: &str) -> Result<Spec> {
    let spec = spec::read("watchpost.yaml", text)?;
    resolve(&spec, &Catalog::embedded()?, OwnFiles::default()).map(|_| spec)
}

/// Every error as people see it: message, place, label, causes, hint.
fn errors(text: &str) -> String {
    let error = resolved(text).expect_err("rejected");
    let mut lines = Vec::new();
    for error in std::iter::once(&error).chain(&error.also) {
        let place = error.at.as_ref().map(|at| format!(" ({}:{})", at.line, at.column)).unwrap_or_default();
        let label = error.label.as_ref().map(|label| format!(" [{label}]")).unwrap_or_default();
        let causes: String = error.causes().iter().map(|cause| format!(" < {cause}")).collect();
        let hint = error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        lines.push(format!("{}{place}{label}{causes}{hint}", error.message));
    }
    lines.join("\n")
}

#[test]
fn a_stack_without_any_component_is_rejected() {
    let catalog = Catalog::embedded().expect("valid");
    let off: Vec<String> = catalog.components.keys().map(|name| format!("{name}: false")).collect();
    insta::assert_snapshot!(errors(&format!("components: {{{}}}", off.join(", "))), @r"
    nothing is left to deploy
      hint: remove a `false` under `components:` or a `--without`
    ");
}

#[test]
fn a_component_needs_the_ones_that_its_manifest_names() {
    insta::assert_snapshot!(errors("stack: minimal\ncomponents: {prometheus: false, pushgateway: true}"), @r"
    `node-exporter` needs `prometheus`, which this stack leaves out
      hint: include `prometheus`, or leave out `node-exporter` too
    `pushgateway` needs `prometheus`, which this stack leaves out
      hint: include `prometheus`, or leave out `pushgateway` too
    ");
}

#[test]
fn keys_that_only_one_component_uses_need_that_component() {
    insta::assert_snapshot!(errors("stack: minimal\ncomponents: {grafana: false}\nprobes: [{url: 'http://a'}]\ndashboards: [./d]\n"), @r"
    `probes` need the component `blackbox-exporter`, which this stack does not have (3:1)
      hint: add `blackbox-exporter: true` under `components:`, or remove `probes:`
    `dashboards` need the component `grafana`, which this stack does not have (4:1)
      hint: add `grafana: true` under `components:`, or remove `dashboards:`
    ");
}

#[test]
fn a_stack_named_by_a_flag_is_not_looked_for_in_the_file() {
    let catalog = Catalog::embedded().expect("the catalog");
    let mut spec = spec::read("watchpost.yaml", "stack: minimal").expect("valid");
    spec.stack = "nope".into();
    let error = resolve(&spec, &catalog, OwnFiles::default()).map(|_| ()).expect_err("rejected");
    assert_eq!((error.message.as_str(), error.at.is_none()), ("unknown stack `nope`", true));
}

#[test]
fn unknown_names_are_located_and_guessed() {
    insta::assert_snapshot!(errors("stack: standart"), @r"
    unknown stack `standart` (1:8) [did you mean `standard`?]
      hint: the catalog has `minimal`, `standard`
    ");
    insta::assert_snapshot!(errors("components: {prometeus: {}}"), @r"
    unknown component `prometeus` (1:14) [did you mean `prometheus`?]
      hint: `watchpost catalog list` lists all components
    ");
    insta::assert_snapshot!(errors("alerting: {receivers: [{name: a, type: slak}]}"), @r"
    unknown type `slak` of receiver `a` (1:40) [did you mean `slack`?]
      hint: known types: discord, email, mattermost, msteamsv2, opsgenie, pagerduty, slack, telegram, webhook
    ");
    insta::assert_snapshot!(errors("alerting: {receivers: [{name: a, type: msteams}]}"), @r"
    unknown type `msteams` of receiver `a` (1:40) < Microsoft has retired the connectors that `msteams` used
      hint: use `type: msteamsv2`
    ");
}

#[test]
fn errors_of_all_components_and_receivers_come_in_one_pass() {
    insta::assert_snapshot!(errors("components: {prometheus: {port: 0, retension: 1d}, cadvisor: [{name: a}]}\nalerting: {receivers: [{name: a, type: slack, send_resolved: maybe}]}"), @r"
    a stack holds one `cadvisor`, not a list (1:62)
      hint: write its settings directly below `cadvisor:`
    unknown setting `retension` of component `prometheus` (1:36) [did you mean `retention`?]
      hint: `watchpost catalog show prometheus` lists its settings
    `send_resolved` of receiver `a` must be true or false, not the text `maybe` (2:62)
      hint: default true: also notify when an alert is resolved
    receiver `a` needs `api_url` (2:24) < Webhook URL
      hint: settings of the type `slack`: api_url, channel, send_resolved
    ");
}

#[test]
fn a_job_of_the_stack_is_not_the_name_of_a_target() {
    insta::assert_snapshot!(errors("targets: [{job: probe-x, static: ['a:1']}, {job: node, static: ['a:1']}, {job: prometheus, static: ['a:1']}]"), @r"
    the job `probe-x` is one of the stack's own (1:17)
      hint: give it another name
    the job `node` is one of the stack's own (1:50)
      hint: give it another name
    the job `prometheus` is one of the stack's own (1:80)
      hint: give it another name
    ");
}

#[test]
fn a_timeout_is_not_longer_than_its_interval() {
    insta::assert_snapshot!(errors("components: {prometheus: {scrape_interval: 10s, scrape_timeout: 11s}}"), @r"
    `scrape_timeout` of `prometheus` is longer than its `scrape_interval`: 11s and 10s (1:65)
      hint: leave out `scrape_timeout`: it is then 10s, or the interval if that is shorter
    ");
    assert!(resolved("components: {prometheus: {scrape_interval: 10s, scrape_timeout: 10s}}").is_ok());
}

#[test]
fn capitals_in_a_name_are_lowercase_in_the_service() {
    let spec =
        spec::read("watchpost.yaml", "components: {redis-exporter: [{name: Cache, address: 'a:1'}]}").expect("valid");
    let catalog = Catalog::embedded().expect("valid");
    let resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
    assert!(resolved.instances.iter().any(|instance| instance.name == "redis-exporter-cache"));
    assert!(resolved.instances.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn only_settings_that_hold_secrets_are_passwords() {
    let text = "secrets: {s: {env: S}}\nalerting: {receivers: [{name: a, type: webhook, url: 'http://a'}, \
                {name: b, type: webhook, url: {secret: s}}], routes: [{to: a, continue: true}, {to: b}]}";
    let catalog = Catalog::embedded().expect("valid");
    let spec = spec::read("watchpost.yaml", text).expect("valid");
    let resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
    assert!(!resolved.receivers[0].passwords.contains("url") && resolved.receivers[1].passwords.contains("url"));
    assert_eq!(resolved.receivers[0].settings["send_resolved"], Value::Bool(true));
}
