//! A service's own `/metrics`, read as far as the checks need it: it tells the present, without a scrape.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

/// Samples of `metric`: labels as written, and the value.
pub fn samples<'a>(text: &'a str, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(metric)?;
        let (labels, rest) = match rest.strip_prefix('{') {
            // A label's value may hold any sign but an unescaped quote.
            Some(rest) => {
                let end = rest.rfind('}')?;
                (&rest[..end], &rest[end + 1..])
            }
            None => ("", rest),
        };
        let value = rest.strip_prefix(' ')?.split(' ').next()?;
        Some((labels, value.parse().ok()?))
    })
}

/// All samples of `metric` together; `None` when there are none.
pub fn sum(text: &str, metric: &str) -> Option<f64> {
    samples(text, metric).map(|(_, value)| value).reduce(|a, b| a + b)
}

/// The same, of those that carry the label with this value.
pub fn sum_of(text: &str, metric: &str, label: &str, value: &str) -> Option<f64> {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let wanted = format!("{label}=\"{escaped}\"");
    let of = samples(text, metric).filter(|(labels, _)| {
        labels.match_indices(&wanted).any(|(at, _)| at == 0 || labels.as_bytes().get(at - 1) == Some(&b','))
    });
    of.map(|(_, value)| value).reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# TYPE a counter\na{x=\"1\",name=\"on call\"} 2\na{x=\"2\",name=\"on call\"} 3.5e1\nab 7\na_b{} 1\n";

    #[test]
    fn only_the_metric_itself_is_counted() {
        assert_eq!(sum(TEXT, "a"), Some(37.0));
        assert_eq!(sum(TEXT, "ab"), Some(7.0));
        assert_eq!(sum(TEXT, "c"), None);
        assert_eq!(sum_of(TEXT, "a", "x", "2"), Some(35.0));
        assert_eq!(sum_of(TEXT, "a", "name", "on"), None);
    }
}
