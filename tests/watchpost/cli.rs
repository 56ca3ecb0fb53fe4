//! What works without a Docker host.

use crate::support::{Output, shell, watchpost};

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    watchpost(arguments).inside(folder.path()).env("DOCKER_HOST", "unix:///nonexistent").run()
}

fn with_spec(text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("watchpost.yaml"), text).expect("written");
    watchpost(arguments).inside(folder.path()).run()
}

#[test]
fn help_lists_every_command_and_the_exit_statuses() {
    let output = run(&["--help"]).expect(0);
    for text in ["up ", "plan ", "down ", "status ", "catalog ", "Exit status:\n  0    done", "--color"] {
        assert!(output.stdout.contains(text), "help lacks {text:?}:\n{}", output.stdout);
    }
    run(&["up", "--help"]).expect(0).prints("--without").prints("Examples:");
}

#[test]
fn wrong_usage_ends_with_64() {
    run(&["upp"]).expect(64).says("'up'");
    run(&["up", "--nonsense"]).expect(64);
    run(&[]).expect(64);
    run(&["up", "--timeout", "soon"]).expect(64).says("`soon` is not a valid duration");
}

#[test]
fn version_is_told_both_ways() {
    run(&["--version"]).expect(0).prints(env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["version", "-o", "json"]).expect(0).json()["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn completions_know_components_and_stacks() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        run(&["completions", shell]).expect(0).prints("watchpost");
    }
    run(&["completions", "bash"]).expect(0).prints("node-exporter").prints("minimal");
}

#[test]
fn the_schema_is_valid_json_and_knows_the_components() {
    let schema = run(&["schema"]).expect(0).json();
    assert!(schema.to_string().contains("scrape_interval"));
    let accepts = |spec: serde_json::Value| jsonschema::validator_for(&schema).expect("a schema").is_valid(&spec);
    assert!(accepts(serde_json::json!({"stack": "minimal", "components": {"prometheus": {"port": 9090}}})));
    assert!(!accepts(serde_json::json!({"stack": "minimal", "components": {"prometheus": {"prot": 9090}}})));
}

#[test]
fn without_a_spec_it_says_how_to_get_one() {
    run(&["plan"]).expect(64).says("watchpost.yaml").says("--stack standard");
    run(&["plan", "-f", "missing.yaml"]).expect(1).says("missing.yaml");
}

#[test]
fn a_misspelt_setting_is_underlined_and_guessed() {
    let text = "stack: standard\ncomponents:\n  prometheus:\n    retension: 30d\n";
    let output = with_spec(text, &["render"]).expect(1);
    output
        .says("error: unknown setting `retension` of component `prometheus`")
        .says("--> watchpost.yaml:4:5")
        .says("^^^^^^^^^ did you mean `retention`?")
        .says("hint: `watchpost catalog show prometheus`");
}

#[test]
fn errors_in_json_are_one_document_on_stdout() {
    let output = with_spec("stack: standrad\n", &["render", "-o", "json"]).expect(1);
    assert!(output.json()["message"].as_str().is_some_and(|m| m.contains("standrad")), "{}", output.stdout);
}

#[test]
fn rendering_is_the_same_to_the_byte_every_time() {
    let once = with_spec("stack: standard\n", &["render", "-o", "json"]).expect(0).stdout;
    let again = with_spec("stack: standard\n", &["render", "-o", "json"]).expect(0).stdout;
    assert!(once == again && once.contains("files/prometheus/prometheus.yml"));
}

#[test]
fn render_writes_a_folder_or_prints_compose() {
    with_spec("stack: minimal\n", &["render"]).expect(0).prints("services:");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("bundle");
    with_spec("stack: minimal\n", &["render", "--out", out.to_str().expect("UTF-8")]).expect(0);
    assert!(out.join("compose.yaml").is_file() && out.join("files/prometheus/prometheus.yml").is_file());
}

#[test]
fn the_catalog_is_listed_shown_linted_and_ejected() {
    run(&["catalog", "list"]).expect(0).prints("prometheus").prints("standard");
    assert!(run(&["catalog", "list", "-o", "json"]).expect(0).json()["components"].is_array());
    run(&["catalog", "show", "prometheus"]).expect(0).prints("retention").prints("15d");
    run(&["catalog", "show", "promethius"]).expect(1).says("did you mean `prometheus`?");
    run(&["catalog", "lint"]).expect(0);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    run(&["catalog", "eject", "prometheus", out]).expect(0);
    assert!(folder.path().join("templates/prometheus/component.yaml").is_file());
    run(&["render", "--stack", "minimal", "--catalog", out]).expect(0);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_force_it() {
    let plain = run(&["plan"]);
    assert!(!plain.stderr.contains('\u{1b}'));
    let folder = tempfile::tempdir().expect("a folder");
    let forced = watchpost(["plan", "--color", "always"]).inside(folder.path()).run();
    assert!(forced.stderr.contains('\u{1b}'));
}

#[test]
fn the_set_up_leaves_this_machines_mounts_alone_when_docker_is_elsewhere() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let program = |name: &str, script: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
    };
    let mounted = folder.path().join("mounted");
    program("findmnt", "echo private");
    program("mount", &format!("touch {}", mounted.display()));
    program("sudo", "exec \"$@\"");
    let ready = |context: &str, host: &str| {
        program("docker", &format!("if [ \"$1\" = context ]; then echo {context}; fi"));
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/docker-ready");
        shell(script).env("PATH", path).env("DOCKER_HOST", host).run().expect(0);
        mounted.exists()
    };
    assert!(!ready("elsewhere", ""));
    assert!(!ready("default", "tcp://elsewhere:2375"));
    assert!(ready("default", ""), "on this machine it is done");
}
