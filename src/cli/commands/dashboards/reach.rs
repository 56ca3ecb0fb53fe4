//! The way to the stack's Grafana.

use anyhow::{Result, bail};

use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::clients::api::ApiError;
use crate::deployed::Stack;
use crate::deployed::provisioning::Provisioning;
use crate::error::Error;
use crate::fix::Fix;
use crate::verify::links::dashboards::{OpenGrafana, open};

/// The deployed stack. Errors: nothing of it is on the host.
pub async fn stack(context: &Context) -> Result<Stack> {
    let (client, name, observed) = session::look(context).await?;
    Ok(Stack::read(&client, &name, &observed).await?)
}

/// The stack's Grafana with a valid login, and what was deployed to it.
///
/// Errors: the stack has no Grafana, Grafana does not answer, or it rejects the login; the hint is the fix.
pub async fn grafana<'a>(stack: &'a Stack) -> Result<(OpenGrafana<'a>, Provisioning)> {
    let Some((service, _)) = stack.first_of("grafana") else {
        if stack.services.removed_of("grafana").is_some() {
            bail!(Error::new("Grafana's container was removed").fix(Fix::up()));
        }
        bail!(
            Error::new(format!("the stack `{}` has no Grafana", stack.name))
                .hint("`watchpost catalog show grafana` lists its settings")
        );
    };
    let (opened, files) = tokio::join!(open(stack), stack.files(service));
    let opened = opened.map_err(|finding| session::unanswered(*finding))?;
    Ok((opened, Provisioning::in_files(files)))
}

/// Grafana's refusal as an error.
pub fn refused(refusal: ApiError) -> Error {
    Error::new("Grafana did not answer as expected").cause(refusal).hint("`watchpost logs grafana` may say why")
}
