//! Findings that are known and lived with.

use super::Reader;
use crate::error::did_you_mean;
use crate::spec::names::LINKS;
use crate::spec::types::Accept;
use crate::time;
use crate::yaml::Node;

const KEYS: [&str; 8] = ["link", "subject", "file", "panel", "alert", "metric", "because", "until"];
const EXAMPLE: &str = "such as `{link: dashboards, metric: node_hwmon_*, because: no sensors here}`";

impl Reader {
    pub(super) fn accept(&mut self, root: &Node) -> Vec<Accept> {
        self.items(root, "accept").iter().filter_map(|item| self.accepted(item)).collect()
    }

    fn accepted(&mut self, item: &Node) -> Option<Accept> {
        let before = self.errors.len();
        if item.is_null() {
            self.errors.push(item.error("an entry of `accept` is empty").hint(EXAMPLE));
            return None;
        }
        self.mapping(item, "an entry of `accept`", EXAMPLE);
        self.known_keys(item, &KEYS);
        let mut text = |key: &str| {
            let text = self.text_under(item, key);
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                let place = item.get(key).unwrap_or(item);
                self.errors.push(place.error(format!("`{key}` is empty")));
            }
            text
        };
        let accept = Accept {
            link: text("link").unwrap_or_default(),
            subject: text("subject"),
            file: text("file"),
            panel: text("panel"),
            alert: text("alert"),
            metric: text("metric"),
            because: text("because").unwrap_or_default(),
            until: text("until"),
            place: format!("{}, line {}", item.location().file, item.place.line),
        };
        if self.errors.len() == before {
            self.required(item);
            self.check(item, &accept);
        }
        (self.errors.len() == before).then_some(accept)
    }

    fn required(&mut self, item: &Node) {
        for (key, hint) in [
            ("link", format!("one of {}", LINKS.join(", "))),
            ("because", "say why it is accepted, for those who read it later".to_owned()),
        ] {
            if item.get(key).is_none_or(Node::is_null) {
                self.errors.push(item.error(format!("an entry of `accept` needs a `{key}`")).hint(hint));
            }
        }
    }

    fn check(&mut self, item: &Node, accept: &Accept) {
        let place = |key: &str| item.get(key).unwrap_or(item);
        if !accept.link.is_empty() && !LINKS.contains(&accept.link.as_str()) {
            let error = place("link").error(format!("unknown link `{}`", accept.link));
            self.errors.push(match did_you_mean(&accept.link, LINKS) {
                Some(guess) => error.label(format!("did you mean `{guess}`?")),
                None => error.hint(format!("one of {}", LINKS.join(", "))),
            });
        }
        for (key, pattern) in [
            ("subject", &accept.subject),
            ("file", &accept.file),
            ("panel", &accept.panel),
            ("alert", &accept.alert),
            ("metric", &accept.metric),
        ] {
            let Some(pattern) = pattern else { continue };
            if let Some(better) = as_expression(key, pattern) {
                let error = place(key).error(format!("`{pattern}` is not a valid pattern"));
                let better = if better.is_empty() { String::new() } else { format!("; write `{better}`") };
                self.errors
                    .push(error.hint(format!("`*` stands for any text, and nothing else has a meaning{better}")));
            }
        }
        if let Some(until) = accept.until.as_ref().filter(|until| !time::is_date(until)) {
            let error = place("until").error(format!("`{until}` is not a date"));
            self.errors.push(error.hint("write the last day as `2026-12-31`"));
        }
    }
}

/// For what is a regular expression, or cannot match anything: the pattern that may be meant, or an empty text.
fn as_expression(key: &str, pattern: &str) -> Option<String> {
    let of_metric = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '*');
    let looks = pattern.contains(".*") || pattern.contains(".+") || pattern.starts_with('^');
    let wrong = match key {
        "metric" => !pattern.chars().all(of_metric),
        "file" => pattern.starts_with('^'),
        _ => looks,
    };
    if !wrong && !pattern.contains(char::is_control) {
        return None;
    }
    let better = pattern.trim_start_matches('^').trim_end_matches('$').replace(".*", "*").replace(".+", "*");
    let valid = better != pattern && (key != "metric" || better.chars().all(of_metric));
    Some(if valid { better } else { String::new() })
}

#[cfg(test)]
mod tests {
    use crate::spec::read;

    /// Messages, lines and columns.
    fn errors(text: &str) -> Vec<(String, usize, usize)> {
        let Err(error) = read("watchpost.yaml", text) else { return Vec::new() };
        let place = |error: &crate::error::Error| {
            let at = error.at.as_ref().expect("a place");
            (error.message.clone(), at.line, at.column)
        };
        std::iter::once(&error).chain(&error.also).map(place).collect()
    }

    #[test]
    fn every_mistake_of_an_entry_has_its_place() {
        for (entry, message, column) in [
            ("{because: x}", "an entry of `accept` needs a `link`", 11),
            ("{link: rules}", "an entry of `accept` needs a `because`", 11),
            ("{link: rules, because: ''}", "`because` is empty", 34),
            ("{link: rulse, because: x}", "unknown link `rulse`", 18),
            ("{link: rules, because: x, jbo: y}", "unknown key `jbo`", 37),
            ("{link: rules, because: x, until: 2026-02-30}", "`2026-02-30` is not a date", 44),
            ("{link: rules, because: x, until: soon}", "`soon` is not a date", 44),
            ("{link: rules, because: x, metric: 'node_.*'}", "`node_.*` is not a valid pattern", 45),
            ("{link: rules, because: x, metric: ''}", "`metric` is empty", 45),
            ("{link: rules, because: x, alert: '^Host'}", "`^Host` is not a valid pattern", 44),
            ("{link: rules, because: x, file: [a]}", "`file` must be a text, found a list", 43),
            ("rules", "an entry of `accept` must be a mapping, found the text `rules`", 11),
            ("", "an entry of `accept` is empty", 0),
        ] {
            let found = errors(&format!("accept:\n  - {{link: rules, because: a}}\n  -     {entry}\n"));
            assert_eq!(found.len(), 1, "{entry}: {found:?}");
            assert_eq!((found[0].0.as_str(), found[0].1), (message, 3), "{entry}");
            assert!(column == 0 || found[0].2 == column - 2, "{entry}: {found:?}");
        }
        assert_eq!(errors("accept: {link: rules}"), [("`accept` must be a list, found a mapping".into(), 1, 9)]);
        let hint = |text: &str| read("w", text).expect_err("refused").hint.clone().unwrap_or_default();
        let found = hint("accept: [{link: rules, because: x, metric: 'node_.*'}]");
        assert!(found.ends_with("write `node_*`"), "{found}");
    }

    #[test]
    fn an_entry_is_read_with_its_place() {
        let text = "accept:\n  - {link: dashboards, file: node-*.json, panel: 'CPU *', metric: node_hwmon_*, \
            because: no sensors, until: 2026-12-31}\n";
        let spec = read("watchpost.yaml", text).expect("valid");
        let [entry] = spec.accept.as_slice() else { panic!("{:?}", spec.accept) };
        assert_eq!((entry.link.as_str(), entry.until.as_deref()), ("dashboards", Some("2026-12-31")));
        assert_eq!(entry.place, "watchpost.yaml, line 2");
        assert!(read("w", "accept:\n").is_ok_and(|spec| spec.accept.is_empty()));
    }
}
