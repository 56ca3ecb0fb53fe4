//! Which dashboards Grafana has, and whether they are the ones that were deployed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clients::api::ApiError;
use crate::clients::grafana::{Grafana, Hit, StoredDashboard};
use crate::dashboard::compare::{Change, changes};
use crate::deployed::provisioning::{ProvisionedDashboard, Provisioning};
use crate::fix::Fix;
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
        Ok(Self { by_uid: named.into_iter().chain(unnamed).collect(), hits })
    }
}

/// One dashboard: of the files, of Grafana, or of both.
#[derive(Debug, Clone)]
pub struct DashboardDrift {
    pub uid: String,
    pub title: String,
    pub folder: String,
    pub file: Option<ProvisionedDashboard>,
    pub stored: Option<StoredDashboard>,
    pub state: State,
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

impl DashboardDrift {
    /// Was it deployed, and does Grafana have it?
    pub fn is_live(&self) -> bool {
        self.file.is_some() && self.stored.is_some()
    }

    /// Grafana's own where it is classic JSON, since that is what people see; else the file's.
    pub fn model(&self) -> &Value {
        let stored = self.stored.as_ref().map(|stored| &stored.dashboard).filter(|model| model.get("panels").is_some());
        let file = self.file.as_ref().map(|file| &file.model);
        stored.or(file).unwrap_or(&Value::Null)
    }
}

/// Every dashboard of the files and of Grafana, the files' first.
pub fn drift(provisioning: &Provisioning, stored: &StoredDashboards) -> Vec<DashboardDrift> {
    let mut dashboards = Vec::new();
    let mut managed: BTreeSet<String> = provisioning.dashboards.iter().map(|file| file.uid.clone()).collect();
    for file in &provisioning.dashboards {
        let uid = match file.uid.as_str() {
            "" => unnamed_uid(file, stored, &managed),
            uid => uid.to_owned(),
        };
        managed.insert(uid.clone());
        let (stored, state) = match stored.by_uid.get(&uid) {
            Some(Ok(Some(stored))) => (Some(stored.clone()), compared(file, stored)),
            Some(Err(why)) => (None, State::Unreadable { why: why.clone() }),
            Some(Ok(None)) | None => (None, State::Missing { why: file.rejected.clone() }),
        };
        let (title, folder) = (file.title.clone(), file.folder.clone());
        dashboards.push(DashboardDrift { uid, title, folder, file: Some(file.clone()), stored, state });
    }
    for hit in stored.hits.iter().filter(|hit| !managed.contains(&hit.uid)) {
        dashboards.push(DashboardDrift {
            uid: hit.uid.clone(),
            title: hit.title.clone(),
            folder: hit.folder_title.clone(),
            file: None,
            stored: None,
            state: State::Unmanaged,
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

/// The verdict on a deployed dashboard. `container`: Grafana's, which reads its files again when it restarts.
pub fn judge(dashboard: &DashboardDrift, container: &str) -> Finding {
    let file = dashboard.file.as_ref();
    let key = if dashboard.uid.is_empty() { file.map_or("", |file| &file.file) } else { &dashboard.uid };
    let (id, subject) = (format!("dashboard:{key}"), format!("dashboard {}", dashboard.title));
    let restart = || Fix::docker(["restart", container]);
    match &dashboard.state {
        State::InSync | State::Unmanaged => Finding::ok(id, subject),
        State::Unreadable { why } => {
            Finding::broken(id, subject, "Grafana does not return it as it was deployed").why(why).fix(restart())
        }
        State::Missing { why: Some(why) } => Finding::broken(id, subject, "Grafana does not have it")
            .why(why)
            .fix(Fix::watchpost(["dashboards", "lint"])),
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
