//! Which files a component's folder may hold, and its recorded metrics.

use regex_lite::Regex;

use super::{Report, at_offset, place};
use crate::catalog::{CatalogFile, Component};
use crate::error::Error;

pub(super) fn check(component: &Component, report: &mut Report<'_>) {
    for (path, file) in component.files.iter().filter(|(path, _)| !belongs(path)) {
        let error = Error::new(format!("nothing reads `{path}`")).at(place(file, ""));
        report.error(error.hint(advice(path)));
    }
    match (component.files.get("metrics.prom"), &component.manifest.scrape) {
        (Some(file), _) => metrics(file, report),
        (None, Some(scrape)) => {
            let file = &component.files["component.yaml"];
            let error = Error::new("it is scraped, but `metrics.prom` is missing").at(place(file, "scrape:"));
            report.warn(error.hint(format!(
                "save what port {} answers to `{}` as `metrics.prom`; rules and dashboards are held against it",
                scrape.port, scrape.path
            )));
        }
        (None, None) => {}
    }
}

fn belongs(path: &str) -> bool {
    let below = |folder: &str| path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    if let Some(rest) = below("rules") {
        let name = rest.strip_prefix("tests/").unwrap_or(rest);
        return name.ends_with(".yml") && !name.contains('/');
    }
    if let Some(rest) = below("dashboards") {
        return rest.ends_with(".json");
    }
    let top = ["component.yaml", "service.yml", "receivers.yaml", "metrics.prom", "README.md"];
    below("files").is_some() || top.contains(&path)
}

fn advice(path: &str) -> String {
    let renamed = match path {
        "component.yml" => Some("component.yaml".to_owned()),
        "service.yaml" | "compose.yaml" | "docker-compose.yml" => Some("service.yml".to_owned()),
        _ => path.strip_suffix(".yaml").filter(|_| path.starts_with("rules/")).map(|stem| format!("{stem}.yml")),
    };
    match renamed {
        Some(name) => format!("did you mean `{name}`?"),
        None => "a component has `component.yaml`, `service.yml`, `files/`, `rules/*.yml`, `rules/tests/*.yml`, \
                 `dashboards/*.json`, `metrics.prom`, `README.md`"
            .into(),
    }
}

/// Prometheus's text format: `name{labels} value [timestamp]`, after
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
fn metrics(file: &CatalogFile, report: &mut Report<'_>) {
    let text = match file.text() {
        Ok(text) => text,
        Err(error) => return report.error(error),
    };
    // The pattern is a constant that the tests compile.
    let Ok(sample) = Regex::new(r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})?[ \t]+\S+([ \t]+-?\d+)?$") else { return };
    let mut offset = 0;
    let mut samples = 0;
    for line in text.split('\n') {
        let trimmed = line.trim();
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            samples += 1;
            if !sample.is_match(trimmed) {
                let at = at_offset(file, offset, line.chars().count());
                let error = Error::new("this line is not in Prometheus's text format").at(at);
                return report
                    .error(error.hint("expected `name{label=\"value\"} 1.5`; record the file from the service"));
            }
        }
        offset += line.len() + 1;
    }
    if samples == 0 {
        let error = Error::new("`metrics.prom` holds no sample").at(place(file, ""));
        report.error(error.hint("record it from the running service"));
    }
}
