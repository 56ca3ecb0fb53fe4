//! Which dashboards Grafana has, and whether they are the ones that were deployed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clients::api::ApiError;
use crate::clients::grafana::{Grafana, Hit, StoredDashboard};
use crate::dashboard::compare::{Change, changes};
use crate::dashboard::{classic, too_new};
use crate::deployed::provisioning::{ProvisionedDashboard, Provisioning};
use crate::fix::Fix;
use crate::verify::links::dashboards::access::Access;
use crate::verify::report::Finding;

/// What Grafana has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StoredDashboards {
    pub hits: Vec<Hit>,
    /// Those that were deployed, by uid; `None` when Grafana does not have it, its words when it refuses.
    pub by_uid: BTreeMap<String, Result<Option<StoredDashboard>, String>>,
}

impl StoredDashboards {
    /// Errors: Grafana's refusal to list them.
    pub async fn look(grafana: &Grafana<'_>, provisioning: &Provisioning) -> Result<Self, ApiError> {
        let files = &provisioning.dashboards;
        let fetch = async |uid: String| {
            let stored = grafana.dashboard(&uid).await.map_err(|error| error.message);
            (uid, stored)
        };
        let named = files.iter().filter(|file| !file.uid.is_empty()).map(|file| fetch(file.uid.clone()));
        let (hits, named) = tokio::join!(grafana.search(), join_all(named));
        let hits = hits?;
        // Grafana gave a uid to a dashboard whose file has none: the title says which.
        let unnamed = hits.iter().filter(|hit| files.iter().any(|file| file.uid.is_empty() && file.title == hit.title));
        let unnamed = join_all(unnamed.map(|hit| fetch(hit.uid.clone()))).await;
        let mut by_uid: BTreeMap<String, Result<Option<StoredDashboard>, String>> =
            named.into_iter().chain(unnamed).collect();
        for hit in &hits {
            // A resource names its folder by uid only.
            if let Some(Ok(Some(stored))) = by_uid.get_mut(&hit.uid)
                && stored.meta.folder_title.is_empty()
            {
                stored.meta.folder_title.clone_from(&hit.folder_title);
            }
        }
        Ok(Self { by_uid, hits })
    }
}

/// One dashboard: of the files, of Grafana, or of both.
#[derive(Debug)]
pub struct DashboardDrift<'a> {
    pub uid: String,
    pub title: &'a str,
    pub folder: &'a str,
    pub file: Option<&'a ProvisionedDashboard>,
    pub stored: Option<&'a StoredDashboard>,
    pub state: State,
    /// Grafana's own, as classic JSON, since that is what people see; else the file's.
    pub model: Cow<'a, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    InSync,
    /// Grafana's differs from the file.
    Changed {
        changes: Vec<Change>,
    },
    /// In another folder of Grafana.
    Moved {
        folder: String,
    },
    Missing {
        why: Option<String>,
    },
    /// Grafana does not return it: saved in a newer schema, for example.
    Unreadable {
        why: String,
    },
    /// In Grafana, but in no file.
    Unmanaged,
}

impl State {
    /// As people read it.
    pub fn words(&self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Changed { .. } => "changed in the UI",
            Self::Moved { .. } => "in another folder",
            Self::Missing { .. } => "missing",
            Self::Unreadable { .. } => "unreadable",
            Self::Unmanaged => "unmanaged",
        }
    }
}

impl DashboardDrift<'_> {
    /// Was it deployed, and does Grafana have it?
    pub fn is_live(&self) -> bool {
        self.file.is_some() && self.stored.is_some()
    }
}

fn shown<'a>(file: &'a ProvisionedDashboard, stored: Option<&'a StoredDashboard>) -> Cow<'a, Value> {
    let stored = stored.map(|stored| classic(&stored.dashboard)).filter(|model| model.get("panels").is_some());
    stored.unwrap_or_else(|| classic(&file.model))
}

/// Every dashboard of the files and of Grafana, the files' first.
pub fn drift<'a>(provisioning: &'a Provisioning, stored: &'a StoredDashboards) -> Vec<DashboardDrift<'a>> {
    let mut dashboards = Vec::new();
    let mut managed: BTreeSet<String> = provisioning.dashboards.iter().map(|file| file.uid.clone()).collect();
    for file in &provisioning.dashboards {
        let uid = match file.uid.as_str() {
            "" => unnamed_uid(file, stored, &managed),
            uid => uid.to_owned(),
        };
        managed.insert(uid.clone());
        let (stored, state) = match stored.by_uid.get(&uid) {
            Some(Ok(Some(stored))) => (Some(stored), compared(file, stored)),
            Some(Err(why)) => (None, State::Unreadable { why: why.clone() }),
            Some(Ok(None)) | None => (None, State::Missing { why: file.rejected.clone() }),
        };
        let model = shown(file, stored);
        let (title, folder) = (file.title.as_str(), file.folder.as_str());
        dashboards.push(DashboardDrift { uid, title, folder, file: Some(file), stored, state, model });
    }
    for hit in stored.hits.iter().filter(|hit| !managed.contains(&hit.uid)) {
        dashboards.push(DashboardDrift {
            uid: hit.uid.clone(),
            title: &hit.title,
            folder: &hit.folder_title,
            file: None,
            stored: None,
            state: State::Unmanaged,
            model: Cow::Owned(Value::Null),
        });
    }
    dashboards
}

/// The uid that Grafana gave to the dashboard of a file without one; empty when Grafana does not have it.
fn unnamed_uid(file: &ProvisionedDashboard, stored: &StoredDashboards, managed: &BTreeSet<String>) -> String {
    let named = || stored.hits.iter().filter(|hit| hit.title == file.title && !managed.contains(&hit.uid));
    // The same title may be in several folders; one that was moved is in another.
    let hit = named().find(|hit| hit.folder_title == file.folder).or_else(|| named().next());
    hit.map(|hit| hit.uid.clone()).unwrap_or_default()
}

fn compared(file: &ProvisionedDashboard, stored: &StoredDashboard) -> State {
    let meta = &stored.meta;
    // Before Grafana 8 only the title identifies a folder, and Grafana chooses the uid of one that it makes from files.
    let by_title = meta.folder_uid.is_empty() || file.folder_uid.is_empty();
    let in_place = if by_title { meta.folder_title == file.folder } else { meta.folder_uid == file.folder_uid };
    if !in_place {
        return State::Moved { folder: meta.folder_title.clone() };
    }
    let mut changes = changes(&file.model, &stored.dashboard);
    changes.retain(|change| !(file.uid.is_empty() && change.path == "uid"));
    if changes.is_empty() { State::InSync } else { State::Changed { changes } }
}

/// The verdict on a deployed dashboard.
pub fn judge(dashboard: &DashboardDrift<'_>, grafana: &Access) -> Finding {
    let finding = verdict(dashboard, grafana);
    match dashboard.file {
        Some(file) => finding.in_file(&file.file),
        None => finding,
    }
}

fn verdict(dashboard: &DashboardDrift<'_>, grafana: &Access) -> Finding {
    let file = dashboard.file;
    let key = if dashboard.uid.is_empty() { file.map_or("", |file| &file.file) } else { &dashboard.uid };
    let (id, subject) = (format!("dashboard:{key}"), format!("dashboard {}", dashboard.title));
    // Grafana reads its files again when it restarts.
    let restart = || Fix::docker(["restart", &grafana.container]);
    match &dashboard.state {
        State::InSync | State::Unmanaged => Finding::ok(id, subject),
        State::Unreadable { why } => {
            Finding::broken(id, subject, "Grafana does not return it as it was deployed").why(why).fix(restart())
        }
        State::Missing { why: Some(why) } => Finding::broken(id, subject, "Grafana does not have it")
            .why(why)
            .fix(Fix::watchpost(["dashboards", "lint"])),
        State::Missing { why: None } if file.is_some_and(|file| too_new(&file.model, &grafana.version)) => {
            let export = "export it as classic JSON, or use Grafana 13 or newer";
            Finding::broken(id, subject, format!("Grafana {} does not accept schema v2 from files", grafana.version))
                .fix(Fix::words(export).then(Fix::up()))
        }
        State::Missing { why: None } => Finding::broken(id, subject, "Grafana does not have it")
            .why("it was deleted, or Grafana stopped reading its files")
            .fix(restart()),
        State::Moved { folder } => {
            let folder = if folder.is_empty() { "no folder" } else { folder };
            let what = format!("it is in `{folder}` but was deployed to `{}`", dashboard.folder);
            Finding::broken(id, subject, what).fix(restart())
        }
        State::Changed { changes } => {
            let mut finding = Finding::broken(id, subject, "changed in the UI: it differs from the deployed file");
            for change in changes.iter().take(3) {
                finding = finding.why(format!("{} differs", change.path));
            }
            if changes.len() > 3 {
                finding = finding.why(format!("and {} more", changes.len() - 3));
            }
            let own = file.is_some_and(|file| file.own);
            let export = || Fix::watchpost(["dashboards", "export", &dashboard.uid]).then(Fix::up());
            finding.fix(if own { export() } else { restart() })
        }
    }
}
