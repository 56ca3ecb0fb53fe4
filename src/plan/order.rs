//! Operations in an order in which each comes after what it needs.

use std::collections::{BTreeMap, BTreeSet};

use super::operation::{Action, FileDiff, Operation};

/// An operation before it has a number. `after` names the keys of others; unknown ones do not count.
#[derive(Debug)]
pub struct Draft {
    pub key: String,
    pub action: Action,
    pub causes: Vec<String>,
    pub after: Vec<String>,
    pub destructive: bool,
    pub diff: Vec<FileDiff>,
}

impl Draft {
    pub fn new(key: impl Into<String>, action: Action) -> Self {
        Self { key: key.into(), action, causes: Vec::new(), after: Vec::new(), destructive: false, diff: Vec::new() }
    }

    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    pub fn after(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.after.extend(keys);
        self
    }
}

/// Numbers the drafts: the first that waits for nothing comes first. In a circle (two services that swap their
/// ports) the earliest of them goes ahead.
pub fn order(drafts: Vec<Draft>) -> Vec<Operation> {
    let known: BTreeSet<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    let mut waiting = drafts;
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    let mut operations = Vec::new();
    while !waiting.is_empty() {
        let free = |draft: &Draft| draft.after.iter().all(|key| !known.contains(key) || ids.contains_key(key));
        let at = waiting.iter().position(free).unwrap_or(0);
        let draft = waiting.remove(at);
        let mut depends_on: Vec<usize> = draft.after.iter().filter_map(|key| ids.get(key).copied()).collect();
        depends_on.sort_unstable();
        depends_on.dedup();
        let id = operations.len();
        ids.insert(draft.key, id);
        let Draft { action, causes, destructive, diff, .. } = draft;
        operations.push(Operation { id, action, causes, depends_on, destructive, diff });
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The services in their order, each with the ids that it waits for.
    fn ordered(drafts: &[(&str, &[&str])]) -> Vec<(String, Vec<usize>)> {
        let draft = |(key, after): &(&str, &[&str])| {
            Draft::new(*key, Action::Create { service: (*key).into() }).after(after.iter().map(|key| (*key).to_owned()))
        };
        let service = |operation: Operation| match operation.action {
            Action::Create { service } => (service, operation.depends_on),
            other => panic!("{other:?}"),
        };
        order(drafts.iter().map(draft).collect()).into_iter().map(service).collect()
    }

    #[test]
    fn each_operation_comes_after_all_that_it_needs() {
        for (drafts, expected) in [
            (&[("a", &["b"][..]), ("b", &[])][..], &[("b", &[][..]), ("a", &[0])][..]),
            (&[("a", &["b", "c"]), ("b", &[]), ("c", &[])], &[("b", &[]), ("c", &[]), ("a", &[0, 1])]),
            (&[("a", &["b"]), ("b", &["c"]), ("c", &[])], &[("c", &[]), ("b", &[0]), ("a", &[1])]),
            (&[("a", &[]), ("b", &[]), ("c", &["a", "a"])], &[("a", &[]), ("b", &[]), ("c", &[0])]),
            // What the plan does not have does not count, and neither do others in the order they came.
            (&[("a", &["x"]), ("b", &["x", "a"])], &[("a", &[]), ("b", &[0])]),
            // In a circle the earliest goes ahead.
            (&[("a", &["b"]), ("b", &["a"])], &[("a", &[]), ("b", &[0])]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(key, ids)| ((*key).to_owned(), ids.to_vec())).collect();
            assert_eq!(ordered(drafts), expected, "{drafts:?}");
        }
    }
}
