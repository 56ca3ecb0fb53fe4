//! Dashboards as Grafana's file provisioning takes them.

use serde_json::Value;

use super::{Report, place};
use crate::catalog::{Catalog, CatalogFile, Component};
use crate::dashboard::{self, lint};
use crate::error::{Error, Result};

pub(super) fn check(catalog: &Catalog, component: &Component, report: &mut Report<'_>) {
    for (path, file) in component.files_in("dashboards", ".json") {
        match parse(file) {
            Ok(model) => {
                twins(catalog, file, &model, report);
                let text = file.text().unwrap_or_default();
                for finding in lint::structure(&file.name, text, &model, lint::Origin::Catalog) {
                    report.add(finding.severity, finding.problem);
                }
            }
            Err(error) => report.error(error.within(format!("`dashboards/{path}` is not valid JSON"))),
        }
    }
}

fn parse(file: &CatalogFile) -> Result<Value> {
    dashboard::parse(&file.name, file.text()?)
}

/// One uid, or one title, used twice takes write access from Grafana's whole provider (grafana/grafana#89085).
fn twins(catalog: &Catalog, file: &CatalogFile, model: &Value, report: &mut Report<'_>) {
    let others = catalog.components.values().flat_map(|component| component.files_in("dashboards", ".json"));
    for (_, other) in others.filter(|(_, other)| other.name != file.name) {
        let Ok(other_model) = parse(other) else { continue };
        for key in ["uid", "title"] {
            let value = &model[key];
            if value.is_string() && *value == other_model[key] {
                let error = Error::new(format!("`{}` has the same `{key}`, {value}", other.name));
                report.error(error.at(place(file, &value.to_string())).hint("Grafana then stops updating all of them"));
            }
        }
    }
}
