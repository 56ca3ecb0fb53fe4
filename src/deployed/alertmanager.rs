//! Alertmanager's configuration as it was deployed.

use super::stack::Stack;
use crate::routing::Tree;
use crate::yaml;

/// The configuration as it was deployed: it names where secrets come from, which Alertmanager itself does not tell.
pub async fn rendered_tree(stack: &Stack) -> Option<Tree> {
    let (name, _) = stack.of("alertmanager")?;
    let file = stack.files(name).await.get("alertmanager.yml")?;
    let node = yaml::parse("alertmanager.yml", std::str::from_utf8(file).ok()?).ok()?;
    Tree::of(&node.to_json()).ok()
}
