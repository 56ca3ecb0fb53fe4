//! Which metric a misspelt name may mean.

use std::collections::BTreeSet;

/// Metrics of one exporter begin alike: two names that differ by a typo are more alike than this.
const ALIKE: f64 = 0.8;

/// The most similar of the names, if one is so similar that it can be what was meant. Only names of the same family are
/// compared: `nginx_up` is never a misspelt `node_up`.
pub fn meant<'n>(metric: &str, names: &'n BTreeSet<String>) -> Option<&'n str> {
    let family = family(metric);
    let mut best: Option<(f64, &str)> = None;
    for name in names.range(family.to_owned()..).take_while(|name| name.starts_with(family)) {
        // A longer tail differs by more than a typo; this saves most of the comparisons.
        let (longer, shorter) = (name.len().max(metric.len()), name.len().min(metric.len()));
        if self::family(name) != family || (shorter as f64) < ALIKE * longer as f64 {
            continue;
        }
        let likeness = strsim::normalized_damerau_levenshtein(name, metric);
        if likeness > ALIKE && likeness > best.map_or(0.0, |(likeness, _)| likeness) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

/// What the name of a metric begins with: `node` of `node_load1`, `job` of `job:up:sum`.
pub fn family(metric: &str) -> &str {
    metric.split(['_', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_neighbour_and_another_family_or_another_name_does_not() {
        let names: BTreeSet<String> =
            ["node_load1", "node_load15", "node_network_up", "nodes_load1", "up", "job:errors:rate5m"]
                .map(str::to_owned)
                .into();
        assert_eq!(meant("node_laod1", &names), Some("node_load1"));
        assert_eq!(meant("job:errors:rate1m", &names), Some("job:errors:rate5m"));
        assert_eq!(meant("nginx_network_up", &names), None);
        assert_eq!(meant("node_network_info", &names), None);
        assert_eq!((meant("ud", &names), meant("", &names)), (None, None));
    }
}
