//! The way to the stack's Grafana.

use anyhow::{Result, bail};

use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::deployed::Stack;
use crate::deployed::provisioning::Expected;
use crate::error::Error;
use crate::verify::Finding;
use crate::verify::links::dashboards::{Opened, open};

/// The deployed stack. Errors: nothing of it is on the host.
pub async fn stack(context: &Context) -> Result<Stack> {
    let (client, name, observed) = session::look(context).await?;
    Ok(Stack::new(&client, &name, &observed)?)
}

/// Its Grafana, let in, and what was deployed to it.
///
/// Errors: there is none, it does not answer, or it refuses the login; with what fixes that.
pub async fn grafana(stack: &Stack) -> Result<(Opened<'_>, Expected)> {
    let Some((service, deployed)) = stack.of("grafana") else {
        bail!(
            Error::new(format!("the stack `{}` has no Grafana", stack.name))
                .hint("`watchpost catalog show grafana` says what it takes")
        );
    };
    let (opened, files) = tokio::join!(open(stack, service, deployed), stack.files(service));
    Ok((opened.map_err(|finding| refused(&finding))?, Expected::of(files)))
}

fn refused(finding: &Finding) -> Error {
    let mut error = Error::new(format!("Grafana cannot be asked: {}", finding.what));
    for why in &finding.why {
        error = error.cause(why);
    }
    error.hint(finding.fix.as_ref().map_or_else(|| "`watchpost status` shows its state".into(), ToString::to_string))
}

/// Grafana's words as an error.
pub fn unanswered(refusal: crate::clients::api::ApiError) -> Error {
    Error::new("Grafana did not answer as it should").cause(refusal).hint("`watchpost logs grafana` may say why")
}
