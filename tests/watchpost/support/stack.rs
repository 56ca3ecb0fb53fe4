//! A stack of one test: a folder with its spec, ports nobody else has, and nothing left behind.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::docker;
use super::run::{Run, watchpost};
use super::{Output, free_port};

pub struct Stack {
    pub name: String,
    pub prometheus: u16,
    pub alertmanager: u16,
    pub grafana: u16,
    folder: TempDir,
}

impl Stack {
    /// A stack of the catalog with free ports; `more` is added to the spec as it stands.
    pub fn new(stack: &str, more: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("wpt-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir().expect("a folder");
        let new = Self { name, prometheus: free_port(), alertmanager: free_port(), grafana: free_port(), folder };
        new.write(stack, "", more);
        new
    }

    /// Writes the spec anew: `components` are lines below `components:`, each indented by two.
    pub fn write(&self, stack: &str, components: &str, more: &str) {
        // The real images, where they can be had, instead of the stand-ins under their names.
        let other = |variable: &str| std::env::var(variable).map(|image| format!("image: \"{image}\"")).ok();
        let mut grafana = String::new();
        if stack == "standard" {
            let image = other("WATCHPOST_TEST_GRAFANA").map(|image| format!(", {image}")).unwrap_or_default();
            grafana = format!("  grafana: {{port: {}{image}}}\n", self.grafana);
            if let Some(image) = other("WATCHPOST_TEST_CADVISOR").filter(|_| !components.contains("  cadvisor:")) {
                grafana += &format!("  cadvisor: {{{image}}}\n");
            }
        }
        let text = format!(
            "name: {}\nstack: {stack}\ncomponents:\n  prometheus: {{port: {}, scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n  alertmanager: {{port: {}}}\n{grafana}{components}{more}",
            self.name, self.prometheus, self.alertmanager,
        );
        std::fs::write(self.path().join("watchpost.yaml"), text).expect("written");
    }

    /// Changes the spec's text.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.path().join("watchpost.yaml");
        let text = std::fs::read_to_string(&path).expect("the spec");
        assert!(text.contains(from), "the spec lacks {from:?}:\n{text}");
        std::fs::write(path, text.replace(from, to)).expect("written");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Run {
        watchpost(arguments).inside(self.path())
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).run()
    }

    /// Deploys, for tests that look at something else than the proof.
    #[track_caller]
    pub fn up(&self) -> Output {
        self.run(&["up", "--yes", "--no-verify"]).expect(0)
    }

    /// The name of a service's container.
    pub fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    /// Container ids by service, of all services that are there.
    pub fn containers(&self) -> std::collections::BTreeMap<String, String> {
        let filter = format!("label=watchpost.stack={}", self.name);
        let format = "{{.Label \"com.docker.compose.service\"}} {{.ID}}";
        let text = docker::docker(&["ps", "-a", "--no-trunc", "--filter", &filter, "--format", format]);
        text.lines().filter_map(|line| line.split_once(' ')).map(|(s, id)| (s.to_owned(), id.to_owned())).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        docker::remove_stack(&self.name);
    }
}
