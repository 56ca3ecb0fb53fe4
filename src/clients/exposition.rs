//! Metrics as a service shows them at `/metrics`.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::BTreeMap;

/// The samples of one answer, in its order.
#[derive(Debug, Clone, Default)]
pub struct Exposition(Vec<Sample>);

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Exposition {
    /// What is no sample is passed over.
    pub fn read(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// The sum of a metric's samples that have these labels; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.total(name, labels).unwrap_or(0.0)
    }

    /// The same; `None` when there is none.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has =
            |sample: &&Sample| labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value));
        self.of(name).filter(has).map(|sample| sample.value).reduce(|a, b| a + b)
    }

    /// A label of the metric's first sample that has it and is not 0.
    pub fn label_of(&self, name: &str, label: &str) -> Option<String> {
        let mut values =
            self.of(name).filter(|sample| sample.value != 0.0).filter_map(|sample| sample.labels.get(label));
        values.find(|value| !value.is_empty()).cloned()
    }

    pub fn samples(&self) -> &[Sample] {
        &self.0
    }

    /// `None` when the metric is not there.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.of(name).next().map(|sample| sample.value)
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = unquoted(after)?;
            labels.insert(key.to_owned(), value);
            rest = after;
        }
    }
    let value = rest.split_whitespace().next()?.trim_start_matches('+').parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The text up to the closing quote, which is left out, and what follows.
pub fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels_and_the_rest_is_passed_over() {
        let read = Exposition::read(
            "# HELP a b\na 1\nb{x=\"y\",z=\"a \\\"q\\\" {}\"} 2.5 1700000000\nb{x=\"w\"} +Inf\nnonsense\nb{x= 1\n",
        );
        assert_eq!(read.value("a"), Some(1.0));
        assert_eq!(read.sum("b", &[("x", "y"), ("z", "a \"q\" {}")]), 2.5);
        assert_eq!(read.value("c"), None);
    }
}
