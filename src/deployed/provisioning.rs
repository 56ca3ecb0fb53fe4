//! What should be in Grafana: data sources, folders and dashboards, from the service's own files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dashboard::import::ProvisionedSource;
use crate::dashboard::{self, Form};
use crate::units;
use crate::yaml;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Provisioning {
    pub data_sources: Vec<ProvisionedSource>,
    pub dashboards: Vec<ProvisionedDashboard>,
}

/// A dashboard's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProvisionedDashboard {
    /// Below its provider's folder: `shop.json`, `team-a/shop.json`.
    pub file: String,
    pub uid: String,
    pub title: String,
    /// As the file has it, in any form.
    pub model: Value,
    pub folder: String,
    /// Empty where Grafana chooses it, as for folders that it makes from those of the files.
    pub folder_uid: String,
    /// Your own, rather than one that Watchpost brings.
    pub own: bool,
    /// Why Grafana rejects the file, where the file shows it.
    pub rejected: Option<String>,
}

/// A folder of files, and the folder in Grafana that they go to.
struct Provider {
    path: String,
    folder: String,
    folder_uid: String,
    /// The innermost folder of a file is its folder in Grafana.
    from_files: bool,
}

impl Provider {
    fn folder_of(&self, file: &str) -> String {
        match file.rsplit_once('/') {
            Some((folders, _)) if self.from_files => folders.rsplit('/').next().unwrap_or(folders).to_owned(),
            _ => self.folder.clone(),
        }
    }
}

impl Provisioning {
    /// From the files by path below `/etc/watchpost/current`.
    pub fn in_files(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut dashboards = Vec::new();
        for provider in providers(files) {
            for (path, content) in files {
                let Some(file) = path.strip_prefix(&provider.path).filter(|file| file.ends_with(".json")) else {
                    continue;
                };
                dashboards.push(dashboard(&provider, file, &String::from_utf8_lossy(content)));
            }
        }
        reject_duplicates(&mut dashboards);
        Self { data_sources: data_sources(files), dashboards }
    }
}

/// The entries under `key` of all provisioning files of a folder.
fn entries(files: &BTreeMap<String, Vec<u8>>, folder: &str, key: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for (path, content) in files {
        if !path.starts_with(folder) || !path.ends_with(".yml") {
            continue;
        }
        let Ok(text) = std::str::from_utf8(content) else { continue };
        let Ok(document) = yaml::read::<Value>(path, text) else { continue };
        found.extend(document[key].as_array().cloned().unwrap_or_default());
    }
    found
}

fn string(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// The data sources in the provisioning files.
pub fn data_sources(files: &BTreeMap<String, Vec<u8>>) -> Vec<ProvisionedSource> {
    let entries = entries(files, "provisioning/datasources/", "datasources");
    let source = |entry: &Value| ProvisionedSource {
        name: string(entry, "name"),
        uid: string(entry, "uid"),
        kind: string(entry, "type"),
    };
    entries.iter().map(source).collect()
}

/// Seconds between two scrapes, as Grafana is configured.
pub fn scrape_interval(files: &BTreeMap<String, Vec<u8>>) -> Option<f64> {
    let entries = entries(files, "provisioning/datasources/", "datasources");
    entries.iter().find_map(|entry| units::parse_grafana_duration(entry["jsonData"]["timeInterval"].as_str()?))
}

fn providers(files: &BTreeMap<String, Vec<u8>>) -> Vec<Provider> {
    let entries = entries(files, "provisioning/dashboards/", "providers");
    let provider = |entry: &Value| {
        let path = entry["options"]["path"].as_str()?.strip_prefix("/etc/watchpost/current/")?;
        let (folder, folder_uid) = (string(entry, "folder"), string(entry, "folderUid"));
        let from_files = entry["options"]["foldersFromFilesStructure"] == Value::Bool(true);
        Some(Provider { path: format!("{}/", path.trim_end_matches('/')), folder, folder_uid, from_files })
    };
    entries.iter().filter_map(provider).collect()
}

fn dashboard(provider: &Provider, file: &str, content: &str) -> ProvisionedDashboard {
    let parsed = dashboard::parse(file, content);
    let rejected = match &parsed {
        Err(error) => Some(format!("the file is not valid JSON: {}", error.causes().join(": "))),
        Ok(model) if dashboard::form(model) == Form::V2Spec => {
            Some("it is a bare schema v2 spec, which Grafana rejects in files".into())
        }
        Ok(model) if dashboard::title(model).is_empty() => Some("it has no title".into()),
        Ok(_) => None,
    };
    let model = parsed.unwrap_or_default();
    ProvisionedDashboard {
        file: file.to_owned(),
        uid: dashboard::uid(&model).to_owned(),
        title: match dashboard::title(&model) {
            "" => file.trim_end_matches(".json").to_owned(),
            title => title.to_owned(),
        },
        model,
        folder: provider.folder_of(file),
        folder_uid: provider.folder_uid.clone(),
        own: provider.path.contains("/own/") || provider.path.contains("/own-folders/"),
        rejected,
    }
}

/// Grafana rejects both of two dashboards with one uid, or with one title in a folder.
fn reject_duplicates(dashboards: &mut [ProvisionedDashboard]) {
    let mut reasons = Vec::new();
    for (index, dashboard) in dashboards.iter().enumerate() {
        let twin = dashboards.iter().enumerate().find_map(|(other, twin)| {
            let same_uid = !dashboard.uid.is_empty() && twin.uid == dashboard.uid;
            let same_folder = (&twin.folder_uid, &twin.folder) == (&dashboard.folder_uid, &dashboard.folder);
            let same_title = same_folder && twin.title == dashboard.title;
            (other != index && (same_uid || same_title)).then_some(twin)
        });
        if let Some(twin) = twin {
            let what = if twin.uid == dashboard.uid { "uid" } else { "title" };
            let why = format!("`{}` has the same {what}: Grafana then stops updating the whole folder", twin.file);
            reasons.push((index, why));
        }
    }
    for (index, why) in reasons {
        dashboards[index].rejected.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provisioning(dashboards: &[(&str, &str)]) -> Provisioning {
        let provider = "providers: [{folder: Shop, folderUid: shop, options: {path: /etc/watchpost/current/own}}]";
        let source = "datasources: [{name: P, uid: p, type: prometheus, jsonData: {timeInterval: 10s}}]";
        let mut files = BTreeMap::from([
            ("provisioning/dashboards/own.yml".to_owned(), provider.as_bytes().to_vec()),
            ("provisioning/datasources/p.yml".to_owned(), source.as_bytes().to_vec()),
            ("elsewhere/x.json".to_owned(), b"{}".to_vec()),
        ]);
        files.extend(dashboards.iter().map(|(name, text)| (format!("own/{name}"), text.as_bytes().to_vec())));
        assert_eq!(scrape_interval(&files), Some(10.0));
        Provisioning::in_files(&files)
    }

    #[test]
    fn dashboards_are_those_in_the_folders_of_the_providers() {
        let found = provisioning(&[("a.json", r#"{"uid": "a", "title": "A"}"#), ("notes.txt", "")]);
        assert_eq!(found.data_sources[0].uid, "p");
        let [dashboard] = &found.dashboards[..] else { panic!("{found:?}") };
        assert_eq!(
            (dashboard.file.as_str(), dashboard.folder.as_str(), &dashboard.rejected),
            ("a.json", "Shop", &None)
        );
    }

    #[test]
    fn files_that_grafana_rejects_say_why() {
        let found = provisioning(&[
            ("a.json", r#"{"uid": "x", "title": "A"}"#),
            ("b.json", r#"{"uid": "x", "title": "B"}"#),
            ("c.json", r#"{"uid": "c", "title": "D"}"#),
            ("d.json", r#"{"uid": "d", "title": "D"}"#),
            ("e.json", "{"),
            ("f.json", r#"{"title": "F", "elements": {}}"#),
            ("g.json", r#"{"uid": "g"}"#),
        ]);
        let why: Vec<&str> = found.dashboards.iter().map(|d| d.rejected.as_deref().unwrap_or("accepted")).collect();
        for (why, expected) in why.iter().zip([
            "`b.json` has the same uid",
            "`a.json` has the same uid",
            "`d.json` has the same title",
            "`c.json` has the same title",
            "the file is not valid JSON",
            "it is a bare schema v2 spec",
            "it has no title",
        ]) {
            assert!(why.starts_with(expected), "{why}");
        }
    }

    #[test]
    fn folders_of_files_become_folders_of_grafana() {
        let provider = "providers: [{options: {path: /etc/watchpost/current/dashboards/own-folders, \
                        foldersFromFilesStructure: true}}]";
        let text = |uid: &str| format!("{{\"uid\": \"{uid}\", \"title\": \"T\"}}").into_bytes();
        let found = Provisioning::in_files(&BTreeMap::from([
            ("provisioning/dashboards/own.yml".to_owned(), provider.as_bytes().to_vec()),
            ("dashboards/own-folders/team/a.json".to_owned(), text("a")),
            ("dashboards/own-folders/team/deep/a.json".to_owned(), text("b")),
            ("dashboards/own-folders/x/deep/c.json".to_owned(), text("c")),
        ]));
        let seen: Vec<_> = found.dashboards.iter().map(|d| (d.file.as_str(), d.folder.as_str(), d.own)).collect();
        assert_eq!(
            seen,
            [("team/a.json", "team", true), ("team/deep/a.json", "deep", true), ("x/deep/c.json", "deep", true)]
        );
        let why = found.dashboards[2].rejected.as_deref().unwrap_or_default();
        assert!(why.starts_with("`team/deep/a.json` has the same title"), "{why}");
        assert_eq!(found.dashboards[0].rejected, None, "the same title in another folder is no conflict");
    }

    #[test]
    fn a_resource_of_schema_v2_is_named_by_its_metadata() {
        let spec = r#"{"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "metadata": {"name": "n"},
            "spec": {"title": "New", "elements": {}, "layout": {}}}"#;
        let found = provisioning(&[("a.json", spec)]);
        let [dashboard] = &found.dashboards[..] else { panic!("{found:?}") };
        assert_eq!((dashboard.uid.as_str(), dashboard.title.as_str(), &dashboard.rejected), ("n", "New", &None));
    }
}
