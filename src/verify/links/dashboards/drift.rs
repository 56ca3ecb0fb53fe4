//! Which dashboards Grafana has, and whether they are the ones that were deployed.

use futures_util::future::join_all;
use serde::Serialize;

use crate::clients::api::ApiError;
use crate::clients::grafana::{Grafana, Held};
use crate::dashboard::compare::{Change, changes};
use crate::deployed::provisioning::{Expected, ProvisionedDashboard};
use crate::deployed::stack::Stack;
use crate::verify::report::Finding;

/// One dashboard: of the files, of Grafana, or of both.
#[derive(Debug, Clone)]
pub struct DashboardDrift {
    pub uid: String,
    pub title: String,
    pub folder: String,
    pub expected: Option<ProvisionedDashboard>,
    pub held: Option<Held>,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    InSync,
    /// Grafana has another than the file.
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
    /// Grafana does not hand it out: saved in a newer schema, for one.
    Unreadable {
        why: String,
    },
    /// In Grafana, and in no file.
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
            Self::Unreadable { .. } => "cannot be read",
            Self::Unmanaged => "unmanaged",
        }
    }
}

/// Every dashboard of the files and of Grafana, the files' first.
///
/// Errors: Grafana's refusal to list them.
pub async fn drift(grafana: &Grafana<'_>, expected: &Expected) -> Result<Vec<DashboardDrift>, ApiError> {
    let hits = grafana.search();
    let boards = join_all(expected.boards.iter().map(|board| one(grafana, board)));
    let (hits, mut kept) = tokio::join!(hits, boards);
    for hit in hits? {
        let known = kept.iter_mut().find(|kept| kept.uid == hit.uid || is_unnamed(kept, &hit.title));
        match known {
            // A file without a uid: Grafana made one.
            Some(board) if board.uid.is_empty() => {
                board.held = grafana.dashboard(&hit.uid).await?;
                board.uid = hit.uid;
                if let (Some(held), Some(file)) = (&board.held, &board.expected) {
                    board.state = compared(file, held);
                }
            }
            Some(_) => {}
            None => kept.push(DashboardDrift {
                uid: hit.uid,
                title: hit.title,
                folder: hit.folder_title,
                expected: None,
                held: None,
                state: State::Unmanaged,
            }),
        }
    }
    Ok(kept)
}

fn is_unnamed(kept: &DashboardDrift, title: &str) -> bool {
    kept.uid.is_empty() && kept.held.is_none() && kept.title == title
}

async fn one(grafana: &Grafana<'_>, board: &ProvisionedDashboard) -> DashboardDrift {
    let answer = if board.uid.is_empty() { Ok(None) } else { grafana.dashboard(&board.uid).await };
    let (held, state) = match answer {
        Err(refusal) => (None, State::Unreadable { why: refusal.message }),
        Ok(None) => (None, State::Missing { why: board.refused.clone() }),
        Ok(Some(held)) => {
            let state = compared(board, &held);
            (Some(held), state)
        }
    };
    let (uid, title, folder) = (board.uid.clone(), board.title.clone(), board.folder.clone());
    DashboardDrift { uid, title, folder, expected: Some(board.clone()), held, state }
}

fn compared(board: &ProvisionedDashboard, held: &Held) -> State {
    let meta = &held.meta;
    // Before Grafana 8 a folder is told by its title alone.
    let in_place = if meta.folder_uid.is_empty() {
        meta.folder_title == board.folder
    } else {
        meta.folder_uid == board.folder_uid
    };
    if !in_place {
        return State::Moved { folder: meta.folder_title.clone() };
    }
    let mut changes = changes(&board.model, &held.dashboard);
    changes.retain(|change| !(board.uid.is_empty() && change.path == "uid"));
    if changes.is_empty() { State::InSync } else { State::Changed { changes } }
}

/// What the proof says about a deployed dashboard.
pub fn finding(stack: &Stack, kept: &DashboardDrift) -> Finding {
    let key = if kept.uid.is_empty() { kept.expected.as_ref().map_or("", |board| &board.file) } else { &kept.uid };
    let (id, subject) = (format!("dashboard:{key}"), format!("dashboard {}", kept.title));
    let own = kept.expected.as_ref().is_some_and(|board| board.own);
    let file = kept.expected.as_ref().map_or("", |board| board.file.as_str());
    let container = stack.of("grafana").map_or("grafana", |(_, deployed)| deployed.container.name.as_str());
    let restart = format!("{} restart {container}", stack.docker());
    match &kept.state {
        State::InSync | State::Unmanaged => Finding::ok(id, subject),
        State::Unreadable { why } => {
            Finding::broken(id, subject, "Grafana does not hand it out as it was deployed").why(why).fix(restart)
        }
        State::Missing { why: Some(why) } => Finding::broken(id, subject, "Grafana does not have it")
            .why(why)
            .fix(format!("watchpost dashboards lint {file}")),
        State::Missing { why: None } => Finding::broken(id, subject, "Grafana does not have it")
            .why("it was deleted, or Grafana stopped reading its files")
            .fix(restart),
        State::Moved { folder } => {
            let folder = if folder.is_empty() { "no folder" } else { folder };
            let what = format!("it is in `{folder}`, and was deployed to `{}`", kept.folder);
            Finding::broken(id, subject, what).fix(restart)
        }
        State::Changed { changes } => {
            let mut finding = Finding::broken(id, subject, "changed in the UI: it is not the one that was deployed");
            for change in changes.iter().take(3) {
                finding = finding.why(format!("{} differs", change.path));
            }
            if changes.len() > 3 {
                finding = finding.why(format!("and {} more", changes.len() - 3));
            }
            let fix = if own { format!("watchpost dashboards export {} && watchpost up", kept.uid) } else { restart };
            finding.fix(fix)
        }
    }
}
