//! The way into Grafana: does it run, does it answer, does it accept the stack's login.

use serde::{Deserialize, Serialize};

use crate::clients::grafana::{DataSource, Grafana, Login, admin_tool};
use crate::deployed::stack::{Deployed, Stack};
use crate::docker;
use crate::fix::{Fix, quoted};
use crate::verify::links::dashboards::data_sources;
use crate::verify::report::Finding;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    pub service: String,
    pub container: String,
    /// The administrator, and the file of the password inside the container.
    pub user: String,
    pub password_file: Option<String>,
    /// Empty when Grafana hides it.
    pub version: String,
    pub state: GrafanaState,
    /// The last lines of the log, when Grafana does not run or answer.
    pub log: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrafanaState {
    Open,
    Stopped,
    /// Why there is no answer.
    Unanswered(String),
    /// Deployed without a file for the password.
    NoPasswordFile,
    PasswordUnreadable,
    PasswordRejected,
    /// Too many wrong passwords lately.
    LoginBlocked,
    /// Another refusal, in Grafana's words.
    Refused(String),
}

/// Grafana with a valid login.
pub struct OpenGrafana<'a> {
    pub grafana: Grafana<'a>,
    pub data_sources: Vec<DataSource>,
}

impl Access {
    pub fn is_open(&self) -> bool {
        self.state == GrafanaState::Open
    }

    /// Does Grafana neither run nor answer? Then nothing is known about its login.
    pub fn is_down(&self) -> bool {
        matches!(self.state, GrafanaState::Stopped | GrafanaState::Unanswered(_))
    }
}

/// Tries the login once: five wrong passwords block the account.
pub async fn look<'a>(stack: &'a Stack, service: &str, deployed: &Deployed) -> (Access, Option<OpenGrafana<'a>>) {
    let setting = |name: &str| deployed.service.environment.get(name).cloned();
    let mut access = Access {
        service: service.to_owned(),
        container: deployed.container.name.clone(),
        user: setting("GF_SECURITY_ADMIN_USER").unwrap_or_else(|| "admin".into()),
        password_file: setting("GF_SECURITY_ADMIN_PASSWORD__FILE"),
        version: String::new(),
        state: GrafanaState::Open,
        log: Vec::new(),
    };
    let opened = match stack.grafana().await {
        Some(grafana) => enter(grafana, &mut access.version).await,
        None if deployed.is_running() => Err(GrafanaState::NoPasswordFile),
        None => Err(GrafanaState::Stopped),
    };
    match opened {
        Ok(opened) => (access, Some(opened)),
        Err(state) => {
            access.state = state;
            if access.is_down() {
                access.log = stack.log(service).await;
            }
            (access, None)
        }
    }
}

async fn enter<'a>(grafana: Grafana<'a>, version: &mut String) -> Result<OpenGrafana<'a>, GrafanaState> {
    let health = grafana.health().await.map_err(|error| GrafanaState::Unanswered(error.message))?;
    *version = health.version;
    if !grafana.has_password() {
        return Err(GrafanaState::PasswordUnreadable);
    }
    match grafana.login().await.map_err(|error| GrafanaState::Refused(error.message))? {
        Login::Valid => {}
        Login::Wrong => return Err(GrafanaState::PasswordRejected),
        Login::Blocked => return Err(GrafanaState::LoginBlocked),
    }
    let data_sources = grafana.data_sources().await;
    let data_sources = data_sources
        .map_err(|error| GrafanaState::Refused(format!("Grafana does not list its data sources: {error}")))?;
    Ok(OpenGrafana { grafana, data_sources })
}

pub fn judge(access: &Access) -> Finding {
    let broken = |what: &str| Finding::broken("grafana", "Grafana", what);
    match &access.state {
        GrafanaState::Open => {
            let mut finding = Finding::ok("grafana", "Grafana");
            finding.what = match access.version.as_str() {
                "" => "up".into(),
                version => format!("up, version {version}"),
            };
            finding
        }
        GrafanaState::Stopped => down(access, broken("Grafana does not run")),
        GrafanaState::Unanswered(why) => down(access, broken(&format!("Grafana does not answer: {why}"))),
        GrafanaState::NoPasswordFile => {
            broken("the login is unknown: Grafana was deployed without GF_SECURITY_ADMIN_PASSWORD__FILE").fix(Fix::up())
        }
        GrafanaState::PasswordUnreadable => {
            broken("the administrator's password cannot be read from the container").fix(Fix::up())
        }
        GrafanaState::PasswordRejected => rejected(access).fix(reset_password(access)),
        GrafanaState::LoginBlocked => rejected(access)
            .why("after too many wrong passwords, Grafana rejects every password for five minutes, even the right one")
            .fix(Fix::words("wait five minutes").then(Fix::watchpost(["dashboards", "check"]))),
        GrafanaState::Refused(why) => broken(why).fix(Fix::watchpost(["logs", &access.service])),
    }
}

/// The last error in the log says more than that Grafana is down.
fn down(access: &Access, mut finding: Finding) -> Finding {
    if let Some(line) = docker::error_or_last_line(&access.log) {
        finding = finding.why(format!("its log ends with: {line}"));
    }
    // https://github.com/grafana/grafana/issues/110740
    if access.log.iter().any(|line| line.contains("atasource provisioning error")) {
        return finding.why(data_sources::OLD_VOLUME).fix(data_sources::replace());
    }
    finding.fix(Fix::up())
}

fn rejected(access: &Access) -> Finding {
    let what = format!("Grafana rejects the password of `{}`", access.user);
    Finding::broken("grafana", "Grafana", what)
        .why("Grafana reads the password only at its first start on an empty volume; this volume has another one")
}

/// The password comes from the file in the container: it is on no command line.
fn reset_password(access: &Access) -> Fix {
    let file = quoted(access.password_file.as_deref().unwrap_or_default());
    let tool = admin_tool(&access.version);
    let command = format!("{tool} admin reset-admin-password --password-from-stdin < {file}");
    Fix::docker(["exec", &access.container, "sh", "-c", &command])
}
