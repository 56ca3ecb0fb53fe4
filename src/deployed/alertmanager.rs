//! Alertmanager's configuration: the deployed file, and the one in force.

use serde_json::Value;

use super::stack::Stack;
use crate::yaml;

/// The deployed file as JSON. It names where secrets come from, which Alertmanager itself does not.
pub async fn deployed_config(stack: &Stack) -> Option<Value> {
    let (name, _) = stack.first_of("alertmanager")?;
    let file = stack.files(name).await.get("alertmanager.yml")?;
    yaml::read("alertmanager.yml", std::str::from_utf8(file).ok()?).ok()
}

/// The configuration that Alertmanager has in force.
///
/// Errors: why Alertmanager does not answer.
pub async fn config_in_force(stack: &Stack) -> Result<Value, String> {
    let alertmanager = stack.alertmanager().await.ok_or("it does not run")?;
    alertmanager.config().await.map_err(|error| error.message)
}
