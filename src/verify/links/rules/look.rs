//! Reads the deployed rule files, and asks Prometheus which series the rules find.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clients::prometheus::Group;
use crate::clients::series::Series;
use crate::deployed::stack::Stack;
use crate::promql::{Query, Selector};
use crate::yaml::{self, Node};

/// What there is to know of the rules beyond Prometheus's list of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RulesSnapshot {
    /// Groups of the deployed files.
    pub deployed: Vec<DeployedGroup>,
    pub series: Series,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedGroup {
    /// `rules/own/shop.yml`
    pub file: String,
    pub name: String,
}

pub async fn look(stack: &Stack, groups: &[Group]) -> RulesSnapshot {
    let mut selectors: BTreeSet<Selector> = BTreeSet::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        selectors.extend(Query::parse(&rule.query).map(|query| query.selectors()).unwrap_or_default());
    }
    let series = async {
        match stack.prometheus().await {
            Some(prometheus) => Series::ask(&prometheus, &selectors).await,
            None => Series::default(),
        }
    };
    let (deployed, series) = tokio::join!(deployed(stack), series);
    RulesSnapshot { deployed, series }
}

async fn deployed(stack: &Stack) -> Vec<DeployedGroup> {
    let Some((service, _)) = stack.first_of("prometheus") else { return Vec::new() };
    let mut groups = Vec::new();
    for (path, content) in stack.files(service).await {
        if path.starts_with("rules/") {
            groups.extend(groups_of(path, content));
        }
    }
    groups
}

/// The groups that a rule file holds; none when it is not valid YAML, which Prometheus itself reports.
fn groups_of(path: &str, content: &[u8]) -> Vec<DeployedGroup> {
    let text = std::str::from_utf8(content).unwrap_or_default();
    let Ok(document) = yaml::parse(path, text) else { return Vec::new() };
    let groups = document.get("groups").map(Node::items).unwrap_or_default();
    // Prometheus does not list a group without rules.
    let has_rules = |group: &&Node| group.get("rules").is_some_and(|rules| !rules.items().is_empty());
    let names = groups.iter().filter(has_rules).filter_map(|group| group.get("name")?.as_str());
    names.map(|name| DeployedGroup { file: path.to_owned(), name: name.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_rule_file_are_read_and_other_files_hold_none() {
        let file =
            b"groups: [{name: shop, rules: [{record: a, expr: b}]}, {name: disk, rules: [{alert: A, expr: b}]}]\n";
        let names: Vec<String> = groups_of("rules/a.yml", file).into_iter().map(|group| group.name).collect();
        assert_eq!(names, ["shop", "disk"]);
        let empty = b"groups: [{name: shop, rules: []}, {name: disk}, {name: net, rules: }]\n";
        assert!(groups_of("rules/a.yml", empty).is_empty() && groups_of("rules/a.yml", b"# none\n").is_empty());
        assert!(groups_of("rules/b.yml", b"{").is_empty() && groups_of("rules/c.yml", &[0xff]).is_empty());
    }
}
