//! A plan as people read it: one line a service, then the sum.

use std::collections::BTreeMap;

use super::human::count;
use super::style::{BAD, CHANGE, DIM, GOOD, STRONG, paint};
use super::table::{Cell, Table};
use crate::plan::operation::{Action, Operation, Plan, VolumeRole};

/// How much of a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Lines,
    /// With networks, volumes and images, and the diffs of files and settings.
    Full,
}

/// The lines of a plan that changes something, without a final newline.
///
/// `files` is how many files the bundle has; `width` cuts long causes on a terminal.
pub fn render(plan: &Plan, files: usize, detail: Detail, width: Option<usize>) -> String {
    if is_first(plan) && detail == Detail::Lines {
        return first(plan, files);
    }
    let mut lines = Table::new([]);
    let mut blocks = Vec::new();
    for operation in &plan.operations {
        let Some(row) = row(operation, detail) else { continue };
        lines.row(row);
        if detail == Detail::Full && !operation.diff.is_empty() {
            blocks.push(diffs(operation));
        }
    }
    let mut text: String =
        lines.render(width.map(|w| w.saturating_sub(2))).lines().map(|l| format!("  {l}\n")).collect();
    for block in blocks {
        text.push('\n');
        text.push_str(&block);
    }
    format!("{text}\n  {}.", summary(plan))
}

/// Is nothing of the stack there yet?
pub fn is_first(plan: &Plan) -> bool {
    plan.unchanged.is_empty()
        && plan.operations.iter().any(|operation| matches!(operation.action, Action::Create { .. }))
        && plan.operations.iter().all(|operation| {
            matches!(
                operation.action,
                Action::Pull { .. }
                    | Action::CreateNetwork { .. }
                    | Action::CreateVolume { .. }
                    | Action::Create { .. }
            )
        })
}

/// `+ 7 services, 1 network, 4 volumes, 9 files        nothing of it exists yet`
fn first(plan: &Plan, files: usize) -> String {
    let of = |wanted: fn(&Action) -> bool| plan.operations.iter().filter(|operation| wanted(&operation.action)).count();
    let parts = [
        (of(|action| matches!(action, Action::Create { .. })), "service"),
        (of(|action| matches!(action, Action::CreateNetwork { .. })), "network"),
        (of(|action| matches!(action, Action::CreateVolume { role: VolumeRole::Data, .. })), "volume"),
        (files, "file"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, name)| count(*n, name)).collect();
    let pulls = of(|action| matches!(action, Action::Pull { .. }));
    let pulls = if pulls > 0 { format!("; {} to pull", count(pulls, "image")) } else { String::new() };
    format!("  {} {}        nothing of it exists yet{pulls}", paint(GOOD, "+"), parts.join(", "))
}

/// The sign, the name, the verb and the causes; `None` for what only `Full` shows.
fn row(operation: &Operation, detail: Detail) -> Option<[Cell; 4]> {
    let (style, sign, name, verb) = match &operation.action {
        Action::Create { service } => (GOOD, "+", service, "create"),
        Action::Recreate { service, .. } => (CHANGE, "±", service, "recreate"),
        Action::Start { service, .. } => (GOOD, "~", service, "start"),
        Action::Remove { service, .. } => (BAD, "-", service, "remove"),
        Action::RemoveVolume { name } if detail == Detail::Full || operation.destructive => (BAD, "-", name, "remove"),
        _ if detail == Detail::Lines => return None,
        Action::Pull { image } => (GOOD, "+", image, "pull"),
        Action::CreateNetwork { name, .. } | Action::CreateVolume { name, .. } => (GOOD, "+", name, "create"),
        Action::RemoveNetwork { name, .. } | Action::RemoveVolume { name } => (BAD, "-", name, "remove"),
    };
    let mut causes = operation.causes.join("; ");
    if operation.destructive {
        causes = format!("{causes}{}its data is lost", if causes.is_empty() { "" } else { "; " });
    }
    Some([Cell::styled(style, sign), name.as_str().into(), verb.into(), causes.into()])
}

fn diffs(operation: &Operation) -> String {
    let mut text = String::new();
    for diff in &operation.diff {
        text.push_str(&format!("  {}\n", paint(STRONG, &diff.path)));
        for line in diff.unified.lines().filter(|line| !line.starts_with("---") && !line.starts_with("+++")) {
            let style = match line.as_bytes().first() {
                Some(b'+') => GOOD,
                Some(b'-') => BAD,
                Some(b'@') => DIM,
                _ => anstyle::Style::new(),
            };
            text.push_str(&format!("  {}\n", paint(style, line)));
        }
    }
    text
}

/// `1 recreate, 2 create; 4 unchanged`
pub fn summary(plan: &Plan) -> String {
    const ORDER: [&str; 7] = ["recreate", "create", "start", "remove", "pull", "network", "volume"];
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for operation in &plan.operations {
        let kind = match operation.action {
            Action::Recreate { .. } => 0,
            Action::Create { .. } => 1,
            Action::Start { .. } => 2,
            Action::Remove { .. } => 3,
            Action::Pull { .. } => 4,
            Action::CreateNetwork { .. } | Action::RemoveNetwork { .. } => 5,
            Action::CreateVolume { .. } | Action::RemoveVolume { .. } => 6,
        };
        *counts.entry(kind).or_default() += 1;
    }
    // Networks and volumes come and go with the services; alone they are worth telling.
    if counts.keys().any(|kind| *kind < 4) {
        counts.retain(|kind, _| *kind <= 4);
    }
    let parts: Vec<String> = counts.iter().map(|(kind, number)| format!("{number} {}", ORDER[*kind])).collect();
    format!("{}; {} unchanged", parts.join(", "), plan.unchanged.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::operation::FileDiff;

    fn operation(action: Action, cause: &str) -> Operation {
        let causes = if cause.is_empty() { Vec::new() } else { vec![cause.to_owned()] };
        Operation { id: 0, action, causes, depends_on: Vec::new(), destructive: false, diff: Vec::new() }
    }

    fn shown(plan: &Plan, detail: Detail) -> String {
        anstream::adapter::strip_str(&render(plan, 9, detail, None)).to_string()
    }

    #[test]
    fn the_first_deploy_is_one_line() {
        let name = || "monitoring_default".to_owned();
        let plan = Plan {
            operations: vec![
                operation(Action::Pull { image: "prom/prometheus:v3.5.3".into() }, ""),
                operation(Action::CreateNetwork { key: "default".into(), name: name() }, ""),
                operation(Action::CreateVolume { name: name(), role: VolumeRole::Data, service: None }, ""),
                operation(Action::Create { service: "prometheus".into() }, ""),
                operation(Action::Create { service: "grafana".into() }, ""),
            ],
            unchanged: Vec::new(),
        };
        assert_eq!(
            shown(&plan, Detail::Lines),
            "  + 2 services, 1 network, 1 volume, 9 files        nothing of it exists yet; 1 image to pull"
        );
    }

    fn change() -> Plan {
        let container = || "abc".to_owned();
        let mut recreate = operation(
            Action::Recreate { service: "grafana".into(), container: container() },
            "image grafana/grafana:13.1.3 → 13.2.3",
        );
        recreate.diff.push(FileDiff { path: "compose.yaml".into(), unified: "@@ -1 +1 @@\n-a\n+b\n".into() });
        Plan {
            operations: vec![
                operation(Action::CreateVolume { name: "v".into(), role: VolumeRole::Data, service: None }, ""),
                recreate,
                operation(Action::Create { service: "redis-exporter".into() }, "added to the spec"),
                operation(
                    Action::Remove { service: "pushgateway".into(), container: container() },
                    "no longer in the spec; its volume stays",
                ),
            ],
            unchanged: vec!["prometheus".into()],
        }
    }

    #[test]
    fn a_change_is_one_aligned_line_a_service_and_a_sum() {
        insta::assert_snapshot!(shown(&change(), Detail::Lines), @r"
          ±  grafana         recreate  image grafana/grafana:13.1.3 → 13.2.3
          +  redis-exporter  create    added to the spec
          -  pushgateway     remove    no longer in the spec; its volume stays

          1 recreate, 1 create, 1 remove; 1 unchanged.
        ");
    }

    #[test]
    fn in_full_it_shows_the_diffs_and_what_is_beside_the_services() {
        let text = shown(&change(), Detail::Full);
        assert!(
            text.contains("  +  v               create") && text.contains("  compose.yaml\n  @@ -1 +1 @@\n  -a\n  +b")
        );
    }
}
