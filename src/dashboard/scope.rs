//! Variables put into texts, as Grafana does for Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::variable::Chosen;

/// No text becomes longer than this by its variables, in bytes: values that hold others could double without end.
const MOST: usize = 256 << 10;

/// What is in force for each variable.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scope {
    values: BTreeMap<String, Chosen>,
}

/// A text with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filled {
    pub text: String,
    /// Variables of the scope that were put in.
    pub used: BTreeSet<String>,
    /// Variables that the scope does not have; Grafana's own (`__interval`) are not among them.
    pub unknown: BTreeSet<String>,
}

/// One `$name`, `${name:format}`, `${name.field:format}` or `[[name:format]]`.
struct Reference<'a> {
    whole: usize,
    name: &'a str,
    format: &'a str,
}

impl Scope {
    pub fn set(&mut self, name: impl Into<String>, chosen: Chosen) {
        self.values.insert(name.into(), chosen);
    }

    pub fn get(&self, name: &str) -> Option<&Chosen> {
        self.values.get(name)
    }

    /// The same with one variable narrowed to a single value, as a repeated panel has it.
    pub fn with_one(&self, name: &str, value: &str) -> Self {
        let mut scope = self.clone();
        let multi = self.get(name).is_some_and(|chosen| chosen.multi);
        scope.set(name, Chosen { multi, ..Chosen::one(value) });
        scope
    }

    /// What a panel is repeated by: the values of the variable; all choices when a custom value stands for all.
    pub fn repeated(&self, name: &str) -> Vec<String> {
        self.get(name)
            .map(|chosen| if chosen.verbatim { &chosen.choices } else { &chosen.values })
            .cloned()
            .unwrap_or_default()
    }

    /// Escapes values for PromQL unless a format says otherwise. What no longer fits stays as it is written.
    pub fn fill(&self, text: &str) -> Filled {
        let mut filled = Filled::default();
        let (mut rest, mut full) = (text, false);
        while let Some(at) = rest.find(['$', '[']) {
            filled.text.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some(reference) = reference(rest) else {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                filled.text.push_str(&rest[..first]);
                rest = &rest[first..];
                continue;
            };
            match self.get(reference.name) {
                Some(chosen) => {
                    let value = if full { String::new() } else { formatted(chosen, reference.format) };
                    full |= filled.text.len() + value.len() > MOST;
                    filled.text.push_str(if full { &rest[..reference.whole] } else { &value });
                    filled.used.insert(reference.name.to_owned());
                }
                None => {
                    filled.text.push_str(&rest[..reference.whole]);
                    if !reference.name.starts_with("__") {
                        filled.unknown.insert(reference.name.to_owned());
                    }
                }
            }
            rest = &rest[reference.whole..];
        }
        filled.text.push_str(rest);
        filled
    }
}

/// The variable that the whole text refers to: `$ds`, `${ds}` or `[[ds]]`.
pub(super) fn whole(text: &str) -> Option<&str> {
    reference(text).filter(|reference| reference.whole == text.len()).map(|reference| reference.name)
}

/// The reference at the beginning of `text`.
fn reference(text: &str) -> Option<Reference<'_>> {
    if let Some(rest) = text.strip_prefix("[[") {
        let end = rest.find("]]")?;
        let (name, format) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        return is_name(name).then_some(Reference { whole: end + 4, name, format });
    }
    if let Some(rest) = text.strip_prefix("${") {
        let end = rest.find('}')?;
        let (path, format) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        let name = path.split('.').next().unwrap_or(path);
        return is_name(name).then_some(Reference { whole: end + 3, name, format });
    }
    let rest = text.strip_prefix('$')?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let name = &rest[..end];
    is_name(name).then_some(Reference { whole: end + 1, name, format: "" })
}

/// `$1` is a group of a pattern in `label_replace`, and no variable.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn formatted(chosen: &Chosen, format: &str) -> String {
    if chosen.verbatim {
        return chosen.values.join("");
    }
    let join = |separator: &str| chosen.values.join(separator);
    let each = |change: &dyn Fn(&str) -> String, separator: &str| {
        chosen.values.iter().map(|value| change(value)).collect::<Vec<_>>().join(separator)
    };
    match format {
        "" => promql(chosen),
        "raw" | "csv" | "text" => join(","),
        "pipe" => join("|"),
        "regex" => grouped(chosen, &|value| escaped(value, "-/\\^$*+?.()|[]{}", "\\")),
        "singlequote" => each(&|value| format!("'{}'", value.replace('\'', "\\'")), ","),
        "doublequote" => each(&|value| format!("\"{}\"", value.replace('"', "\\\"")), ","),
        "json" => serde_json::to_string(&chosen.values).unwrap_or_default(),
        "percentencode" => each(&|value| value.replace('%', "%25").replace(' ', "%20"), ","),
        // Grafana takes what it does not know for `glob`.
        _ if chosen.values.len() == 1 => join(""),
        _ => format!("{{{}}}", join(",")),
    }
}

/// The Prometheus data source's own: a single value inside quotes, several as a pattern.
fn promql(chosen: &Chosen) -> String {
    if !chosen.multi {
        return chosen.values.join(",").replace('\\', "\\\\").replace('"', "\\\"");
    }
    let special = |value: &str| escaped(&value.replace('\\', "\\\\\\\\"), "$^*{}[]'+?.()|", "\\\\");
    grouped(chosen, &special)
}

fn grouped(chosen: &Chosen, escape: &dyn Fn(&str) -> String) -> String {
    let values: Vec<String> = chosen.values.iter().map(|value| escape(value)).collect();
    match values.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    }
}

fn escaped(value: &str, special: &str, with: &str) -> String {
    value.chars().flat_map(|c| if special.contains(c) { with } else { "" }.chars().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        let many = |values: &[&str]| Chosen {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            choices: vec!["x".into(), "y".into()],
            verbatim: false,
            multi: true,
        };
        scope.set("host", many(&["a.b:1", "c|d"]));
        scope.set("one", many(&["a.b"]));
        scope.set("plain", Chosen::one("a.b"));
        scope.set("odd", Chosen::one("100% \"sure\""));
        scope.set("all", Chosen { values: vec![".*".into()], verbatim: true, ..many(&[]) });
        scope
    }

    #[test]
    fn formats_are_those_of_grafana() {
        for (text, expected) in [
            ("up{i=~\"$host\"}", r#"up{i=~"(a\\.b:1|c\\|d)"}"#),
            ("up{i=~\"$one\"}", r#"up{i=~"a\\.b"}"#),
            ("up{i=\"$plain\"}", "up{i=\"a.b\"}"),
            ("${all}", ".*"),
            ("${host:regex}", r"(a\.b:1|c\|d)"),
            ("${host:pipe}", "a.b:1|c|d"),
            ("${host:csv} ${host:raw}", "a.b:1,c|d a.b:1,c|d"),
            ("${host:singlequote}", "'a.b:1','c|d'"),
            ("${host:doublequote}", "\"a.b:1\",\"c|d\""),
            ("${host:json}", "[\"a.b:1\",\"c|d\"]"),
            ("${odd:percentencode}", "100%25%20\"sure\""),
            ("${odd:doublequote}", "\"100% \\\"sure\\\"\""),
            ("${one:glob} ${one:new}", "a.b a.b"),
            ("$one.b ${one.text:raw}", r"a\\.b.b a.b"),
            ("a[0] [[a b]] ${a b} ${a-b} $-", "a[0] [[a b]] ${a b} ${a-b} $-"),
            ("ä$one", r"äa\\.b"),
            ("[[plain]] [[host:pipe]]", "a.b a.b:1|c|d"),
            ("${host:glob}", "{a.b:1,c|d}"),
            ("rate(a[$__rate_interval]) [5m] $1 ${1}", "rate(a[$__rate_interval]) [5m] $1 ${1}"),
        ] {
            assert_eq!(scope().fill(text).text, expected, "{text}");
        }
    }

    #[test]
    fn values_that_double_come_to_an_end() {
        let mut scope = Scope::default();
        scope.set("v0", Chosen::one("x".repeat(64)));
        for index in 0..40 {
            let twice = scope.fill(&format!("$v{index}$v{index}")).text;
            assert!(twice.len() <= MOST + 8, "{index}");
            scope.set(format!("v{}", index + 1), Chosen::one(twice));
        }
        assert_eq!(scope.fill("$v3").text.len(), 512);
        let long = "$v10".repeat(100_000);
        assert!(scope.fill(&long).text.len() <= MOST + long.len());
        // What fits to the last byte is put in; what is one byte longer stays as it is written.
        scope.set("v", Chosen::one("x".repeat(MOST - 2)));
        assert_eq!(scope.fill("ab$v").text.len(), MOST);
        assert_eq!(scope.fill("abc$v").text, "abc$v");
    }

    #[test]
    fn what_was_used_and_what_is_unknown_is_told() {
        let filled = scope().fill("a{x=\"$host\", y=\"$nobody\"}[$__interval]");
        assert!(filled.used.contains("host") && filled.unknown.len() == 1 && filled.unknown.contains("nobody"));
        assert_eq!(scope().with_one("host", "c|d").fill("$host").text, r"c\\|d");
        assert_eq!(scope().repeated("all"), ["x", "y"]);
    }
}
