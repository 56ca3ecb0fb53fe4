//! Answers from a file, or the defaults: the same questions without a terminal.

use std::collections::BTreeMap;

use super::{Asker, Prompt, Reply};
use crate::error::{Error, Result, did_you_mean};
use crate::yaml::{self, Node};

/// Answers from a YAML mapping by the prompts' keys, and the defaults for the rest.
#[derive(Debug, Default)]
pub struct Scripted {
    answers: BTreeMap<String, Node>,
    asked: Vec<String>,
}

impl Scripted {
    /// All defaults.
    pub fn defaults() -> Self {
        Self::default()
    }

    /// `name` is how errors call the text.
    pub fn read(name: &str, text: &str) -> Result<Self> {
        let node = yaml::parse(name, text)?;
        if !node.is_null() && node.entries().is_empty() {
            return Err(node
                .error(format!("expected answers by key, found {}", node.describe()))
                .hint("such as `stack: minimal`"));
        }
        let entry = |(key, value): &(Node, Node)| Some((key.as_str()?.to_owned(), value.clone()));
        Ok(Self { answers: node.entries().iter().filter_map(entry).collect(), asked: Vec::new() })
    }

    /// An answer that no question used is a typo, unless it is one of those `settled` before.
    pub fn finish(&self, settled: &[&str]) -> Result<()> {
        let left = |key: &String| !self.asked.contains(key) && !settled.contains(&key.as_str());
        let unknown = self.answers.iter().filter(|(key, _)| left(key)).map(|(key, node)| {
            let error = node.error(format!("no question has the key `{key}`"));
            match did_you_mean(key, self.asked.iter().map(String::as_str)) {
                Some(guess) => error.hint(format!("did you mean `{guess}`?")),
                None => error.hint(format!("the keys are {}", self.asked.join(", "))),
            }
        });
        Error::all(unknown.collect())
    }
}

impl Asker for Scripted {
    fn ask(&mut self, prompt: &Prompt) -> Result<Reply> {
        self.asked.push(prompt.key.clone());
        let (value, node) = match self.answers.get(&prompt.key) {
            Some(node) => (node.to_json(), Some(node)),
            None => (prompt.default.clone(), None),
        };
        prompt.check(&value).map(Reply::Answer).map_err(|problem| {
            let message = format!("`{}` {}", prompt.key, problem.message);
            let error = match node {
                None => Error::new(message),
                Some(node) if prompt.confidential => node.error(message).without_excerpt(),
                Some(node) => node.error(message),
            };
            error.hint(problem.hint.unwrap_or_else(|| prompt.help.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::spec::{self, SecretSource, Selection};
    use crate::wizard::{Surroundings, run};

    fn written(text: &str) -> Result<String> {
        let catalog = Catalog::embedded()?;
        let mut asker = Scripted::read("answers.yaml", text)?;
        let answers = run(&mut asker, &catalog, &Surroundings::default())?.expect("all answered");
        asker.finish(&[])?;
        spec::write(&super::super::spec(&catalog, &answers)?)
    }

    #[test]
    fn the_defaults_make_the_standard_stack_in_at_most_eight_questions() {
        let catalog = Catalog::embedded().expect("valid");
        let mut asker = Scripted::defaults();
        let there = Surroundings { overwrites: Some("watchpost.yaml".into()), ..Default::default() };
        assert!(run(&mut asker, &catalog, &there).expect("asked").is_none(), "what is there is kept");
        let mut asker = Scripted::defaults();
        let answers = run(&mut asker, &catalog, &Surroundings::default()).expect("answered").expect("all");
        // One more asks whether to deploy.
        assert!(asker.asked.len() < 8, "{:?}", asker.asked);
        let spec = super::super::spec(&catalog, &answers).expect("a spec");
        assert_eq!(spec.stack, "standard");
    }

    #[test]
    fn the_address_is_guessed_from_the_docker_hosts_and_may_be_left_out() {
        let address = |answers: &str| {
            let text = written(answers).expect("written");
            spec::read("watchpost.yaml", &text).expect("valid").address
        };
        assert_eq!(address("where: elsewhere\nhost: tcp://db1.example.org:2375\n").as_deref(), Some("db1.example.org"));
        assert_eq!(address("where: elsewhere\nhost: unix:///run/other.sock\n"), None);
        assert_eq!(address("address: 192.0.2.7\n").as_deref(), Some("192.0.2.7"));
        assert!(written("address: 'http://a'\n").is_err());
    }

    #[test]
    fn a_secret_is_written_by_its_source_only() {
        let text =
            written("alerts: slack\nalerts.api_url: OPS_SLACK\nalerts.channel: '#ops'\nprometheus.retention: 30d\n")
                .expect("written");
        let spec = spec::read("watchpost.yaml", &text).expect("valid");
        assert_eq!(spec.address, None);
        assert_eq!(spec.secrets["slack_api_url"], SecretSource::Env("OPS_SLACK".into()));
        assert_eq!(spec.alerting.routes[0].to, "oncall");
        let Selection::One(prometheus) = &spec.components["prometheus"] else { panic!("one") };
        assert_eq!(prometheus["retention"].as_str(), Some("30d"));
    }

    #[test]
    fn a_secret_where_its_source_belongs_is_refused_and_not_shown() {
        for value in ["https://hooks.example.com/T0", "xoxb-123-abc", "two words"] {
            let error = written(&format!("alerts: slack\nalerts.api_url: {value}\n")).expect_err("refused");
            assert!(error.message.starts_with("`alerts.api_url` must name a variable"), "{}", error.message);
            assert_eq!(error.at.clone().expect("a place").excerpt, "");
            assert!(!format!("{} {:?}", error.message, error.hint).contains(value));
        }
        written("alerts: slack\nalerts.api_url: ./slack-url\n").expect("a file");
    }

    #[test]
    fn more_settings_are_asked_by_component_and_only_what_differs_is_written() {
        let text =
            written("stack: minimal\nmore: true\nmore.alertmanager: true\nalertmanager.port: 9999\n").expect("written");
        assert!(text.contains("port: 9999") && !text.contains("group_wait"), "{text}");
    }

    #[test]
    fn advanced_settings_are_asked_by_group_and_only_of_those_who_want_it() {
        let catalog = Catalog::embedded().expect("valid");
        let asked = |text: &str| {
            let mut asker = Scripted::read("answers.yaml", text).expect("answers");
            run(&mut asker, &catalog, &Surroundings::default()).expect("answered");
            asker.finish(&[]).expect("all asked");
            asker.asked
        };
        let text = "stack: minimal\nmore: true\nmore.prometheus: true\n";
        let without = asked(text);
        assert!(without.contains(&"more.prometheus.scraping".into()), "{without:?}");
        assert!(!without.contains(&"prometheus.scrape_interval".into()), "{without:?}");
        let with = asked(&format!("{text}more.prometheus.scraping: true\nprometheus.scrape_interval: 30s\n"));
        assert!(with.contains(&"prometheus.scrape_timeout".into()) && !with.contains(&"prometheus.memory".into()));
    }

    #[test]
    fn a_question_with_a_condition_is_asked_only_while_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let component = folder.path().join("templates/node-exporter");
        std::fs::create_dir_all(&component).expect("made");
        let manifest = "name: node-exporter\ntitle: N\ndescription: D.\ncategory: own\nimage: {repository: n, tag: v1}\nquestions:\n  \
            - {variable: mode, label: Mode, type: enum, options: [plain, proxy], default: plain}\n  \
            - {variable: proxy, label: Proxy, type: string, show_if: mode=proxy}\n";
        std::fs::write(component.join("component.yaml"), manifest).expect("written");
        std::fs::write(component.join("service.yml"), "services:\n  << name >>: {}\n").expect("written");
        let catalog = Catalog::with_overlays(&[folder.path()]).expect("valid");
        let asked = |text: &str| {
            let text = format!("stack: minimal\nmore: true\nmore.node-exporter: true\n{text}");
            let mut asker = Scripted::read("answers.yaml", &text).expect("answers");
            run(&mut asker, &catalog, &Surroundings::default()).expect("answered");
            asker.finish(&[]).map(|()| asker.asked.contains(&"node-exporter.proxy".to_owned()))
        };
        assert!(!asked("").expect("answered"));
        assert!(asked("node-exporter.mode: proxy\nnode-exporter.proxy: p\n").expect("answered"));
        assert!(asked("node-exporter.mode: plain\nnode-exporter.proxy: p\n").is_err());
    }

    #[test]
    fn wrong_and_unknown_answers_are_named_with_their_places() {
        let error = written("stack: standrd\n").expect_err("refused");
        assert_eq!(error.at.clone().expect("located").line, 1);
        let error = written("stack: minimal\ngrafana.address: '0.0.0.0:3000'\n").expect_err("refused");
        assert!(error.message.contains("no question has the key `grafana.address`"), "{}", error.message);
        assert!(written("grafana.address: everywhere\n").is_err());
        assert!(written("prometheus.retention: soon\n").is_err());
    }
}
