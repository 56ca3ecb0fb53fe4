//! Grafana's HTTP API, <https://grafana.com/docs/grafana/latest/developers/http_api/>.

use base64::Engine as _;

use super::api::Refusal;
use crate::docker::{Answer, Door, Request};
use crate::secrets::Secret;

pub struct Grafana<'a> {
    door: &'a Door,
    user: String,
    password: Option<Secret>,
}

impl<'a> Grafana<'a> {
    /// `password`: `None` when it could not be read.
    pub fn new(door: &'a Door, user: &str, password: Option<Secret>) -> Self {
        Self { door, user: user.to_owned(), password }
    }

    /// Could the administrator's password be read? Without one, questions are asked as nobody.
    pub fn has_login(&self) -> bool {
        self.password.is_some()
    }

    /// Asks as the administrator.
    pub async fn ask(&self, request: Request) -> Result<Answer, Refusal> {
        let request = match &self.password {
            None => request,
            Some(password) => {
                let login =
                    base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user, password.expose()));
                request.header("Authorization", format!("Basic {login}"))
            }
        };
        self.door.ask(&request).await.map_err(Refusal::silence)
    }
}
