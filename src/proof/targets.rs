use super::facts::Facts;
use super::report::{Checked, Link};
use super::stack::Stack;

pub async fn check(_stack: &Stack, _facts: &Facts<'_>) -> Checked {
    Checked::not_checked(Link::Targets, "not there yet", None)
}
pub fn follow(targets: Checked, _containers: &Checked) -> Checked {
    targets
}
pub fn down(_targets: &Checked, _facts: &Facts<'_>) -> Vec<super::facts::Down> {
    Vec::new()
}
