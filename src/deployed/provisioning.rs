//! What was deployed to Grafana: data sources, folders and dashboards, from the service's own files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::dashboard;
use crate::dashboard::import::Source;
use crate::units;
use crate::yaml;

#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub sources: Vec<Source>,
    pub boards: Vec<ProvisionedDashboard>,
}

/// A dashboard's file.
#[derive(Debug, Clone)]
pub struct ProvisionedDashboard {
    /// `shop.json`
    pub file: String,
    pub uid: String,
    pub title: String,
    pub model: Value,
    pub folder: String,
    pub folder_uid: String,
    /// People's own, rather than one that Watchpost brings.
    pub own: bool,
    /// Why Grafana cannot take it, where that can be seen from the file.
    pub refused: Option<String>,
}

/// A folder of files, and Grafana's folder that they go to.
struct Provider {
    path: String,
    folder: String,
    folder_uid: String,
}

impl Expected {
    /// From the files by path below `/etc/watchpost/current`.
    pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut expected = Self { sources: sources(files), boards: Vec::new() };
        for provider in providers(files) {
            let inside = files.iter().filter_map(|(path, content)| Some((path.strip_prefix(&provider.path)?, content)));
            for (file, content) in inside.filter(|(file, _)| file.ends_with(".json")) {
                expected.boards.push(board(&provider, file, &String::from_utf8_lossy(content)));
            }
        }
        twice(&mut expected.boards);
        expected
    }
}

fn parsed(files: &BTreeMap<String, Vec<u8>>, folder: &str) -> Vec<Value> {
    let inside = files.iter().filter(|(path, _)| path.starts_with(folder) && path.ends_with(".yml"));
    let texts = inside.filter_map(|(path, content)| Some((path, std::str::from_utf8(content).ok()?)));
    texts.filter_map(|(path, text)| Some(yaml::parse(path, text).ok()?.to_json())).collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// The data sources that the provisioning files name.
pub fn sources(files: &BTreeMap<String, Vec<u8>>) -> Vec<Source> {
    let documents = parsed(files, "provisioning/datasources/");
    let entries = documents.iter().flat_map(|document| document["datasources"].as_array().into_iter().flatten());
    let source =
        |entry: &Value| Source { name: text(entry, "name"), uid: text(entry, "uid"), kind: text(entry, "type") };
    entries.map(source).collect()
}

/// Seconds between two scrapes, as Grafana is told.
pub fn scrape_interval(files: &BTreeMap<String, Vec<u8>>) -> Option<f64> {
    let documents = parsed(files, "provisioning/datasources/");
    let mut entries = documents.iter().flat_map(|document| document["datasources"].as_array().into_iter().flatten());
    entries.find_map(|entry| units::parse_grafana_duration(entry["jsonData"]["timeInterval"].as_str()?))
}

fn providers(files: &BTreeMap<String, Vec<u8>>) -> Vec<Provider> {
    let documents = parsed(files, "provisioning/dashboards/");
    let entries = documents.iter().flat_map(|document| document["providers"].as_array().into_iter().flatten());
    let provider = |entry: &Value| {
        let path = entry["options"]["path"].as_str()?.strip_prefix("/etc/watchpost/current/")?;
        let (folder, folder_uid) = (text(entry, "folder"), text(entry, "folderUid"));
        Some(Provider { path: format!("{}/", path.trim_end_matches('/')), folder, folder_uid })
    };
    entries.filter_map(provider).collect()
}

fn board(provider: &Provider, file: &str, content: &str) -> ProvisionedDashboard {
    let parsed = dashboard::parse(file, content);
    let refused = match &parsed {
        Err(error) => Some(format!("the file is no JSON: {}", error.causes.join(": "))),
        Ok(model) if dashboard::is_schema_v2(model) => {
            Some("it is of schema v2, which Grafana does not take from files".into())
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
        folder: provider.folder.clone(),
        folder_uid: provider.folder_uid.clone(),
        own: provider.path.contains("/own/"),
        refused,
    }
}

/// Of two with one uid, or one title in a folder, Grafana takes neither.
fn twice(boards: &mut [ProvisionedDashboard]) {
    for index in 0..boards.len() {
        let one = &boards[index];
        let twin = boards.iter().enumerate().find(|(other, board)| {
            *other != index
                && ((!one.uid.is_empty() && board.uid == one.uid)
                    || (board.folder_uid == one.folder_uid && board.title == one.title))
        });
        let Some((_, twin)) = twin else { continue };
        let what = if twin.uid == one.uid { "uid" } else { "title" };
        let why = format!("`{}` has the same {what}: Grafana then stops updating the whole folder", twin.file);
        boards[index].refused.get_or_insert(why);
    }
}
