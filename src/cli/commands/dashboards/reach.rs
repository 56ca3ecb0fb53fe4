//! The way to the stack's Grafana.

use anyhow::{Result, bail};

use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::clients::api::ApiError;
use crate::deployed::Stack;
use crate::deployed::provisioning::Provisioning;
use crate::error::Error;
use crate::verify::Finding;
use crate::verify::links::dashboards::{OpenGrafana, open};

/// The deployed stack. Errors: nothing of it is on the host.
pub async fn stack(context: &Context) -> Result<Stack> {
    let (client, name, observed) = session::look(context).await?;
    Ok(Stack::new(&client, &name, &observed)?)
}

/// The stack's Grafana with a valid login, and what was deployed to it.
///
/// Errors: the stack has no Grafana, Grafana does not answer, or it rejects the login; the hint is the fix.
pub async fn grafana<'a>(context: &Context, stack: &'a Stack) -> Result<(OpenGrafana<'a>, Provisioning)> {
    let Some((service, _)) = stack.first_of("grafana") else {
        bail!(
            Error::new(format!("the stack `{}` has no Grafana", stack.name))
                .hint("`watchpost catalog show grafana` lists its settings")
        );
    };
    let (opened, files) = tokio::join!(open(stack), stack.files(service));
    let opened = opened.map_err(|finding| closed(context, stack, *finding))?;
    Ok((opened, Provisioning::in_files(files)))
}

/// The finding as an error; its fix works as printed.
fn closed(context: &Context, stack: &Stack, finding: Finding) -> Error {
    let mut error = Error::new(format!("Grafana cannot be asked: {}", finding.what));
    for why in &finding.why {
        error = error.cause(why.as_str());
    }
    match finding.fix {
        Some(mut fix) => {
            fix.address(&context.addressing_on(stack.docker_host()));
            error.hint(fix.to_string())
        }
        None => error.hint(format!("`watchpost status{}` shows its state", context.same_stack())),
    }
}

/// Grafana's refusal as an error.
pub fn refused(context: &Context, refusal: ApiError) -> Error {
    Error::new("Grafana did not answer as expected")
        .cause(refusal)
        .hint(format!("`watchpost logs grafana{}` may say why", context.same_stack()))
}
