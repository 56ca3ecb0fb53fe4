//! Changes to a spec from the command line: `--set`, `--without`, and a spec from nothing.

use std::collections::BTreeMap;

use super::alerting::Alerting;
use super::types::{Answers, DEFAULT_NAME, DEFAULT_STACK, Selection, Spec};
use crate::error::{Error, Exit, Result, did_you_mean};
use crate::yaml::{self, Node};

impl Spec {
    /// What `up --stack NAME` deploys without a file.
    pub fn from_defaults(name: Option<&str>, stack: Option<&str>) -> Self {
        Self {
            name: name.unwrap_or(DEFAULT_NAME).into(),
            stack: stack.unwrap_or(DEFAULT_STACK).into(),
            host: None,
            address: None,
            catalog: None,
            components: BTreeMap::new(),
            secrets: BTreeMap::new(),
            alerting: Alerting::default(),
            targets: Vec::new(),
            probes: Vec::new(),
            dashboards: Vec::new(),
            rules: Vec::new(),
            accept: Vec::new(),
            source: None,
        }
    }

    /// `COMPONENT.SETTING=VALUE`, or `COMPONENT.NAME.SETTING=VALUE` for one of several. The value is YAML.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let form = || {
            Error::usage(format!("`--set {assignment}` is not an assignment"))
                .hint("write `COMPONENT.SETTING=VALUE`, such as `--set prometheus.retention=30d`")
        };
        let (path, value) = assignment.split_once('=').ok_or_else(form)?;
        let value = value_node(assignment, path, value)?;
        match path.split('.').collect::<Vec<_>>()[..] {
            [component, setting] => self.answers(assignment, component)?.insert(setting.into(), value),
            [component, instance, setting] => {
                self.named(assignment, component, instance)?.insert(setting.into(), value)
            }
            _ => return Err(form()),
        };
        Ok(())
    }

    fn answers(&mut self, assignment: &str, component: &str) -> Result<&mut Answers> {
        let selection = self.components.entry(component.into()).or_insert_with(|| Selection::One(Answers::new()));
        if matches!(selection, Selection::Off) {
            *selection = Selection::One(Answers::new());
        }
        match selection {
            Selection::One(answers) => Ok(answers),
            _ => Err(Error::usage(format!("`--set {assignment}`: there are several of `{component}`"))
                .hint(format!("name one: `--set {component}.NAME.SETTING=VALUE`"))),
        }
    }

    fn named(&mut self, assignment: &str, component: &str, instance: &str) -> Result<&mut Answers> {
        let selection = self.components.entry(component.into()).or_insert_with(|| Selection::Many(Vec::new()));
        let Selection::Many(instances) = selection else {
            return Err(Error::usage(format!("`--set {assignment}`: `{component}` has no names"))
                .hint(format!("write `--set {component}.SETTING=VALUE`")));
        };
        if !instances.iter().any(|(name, _)| name == instance) {
            instances.push((instance.into(), Answers::new()));
        }
        let found = instances.iter_mut().find(|(name, _)| name == instance);
        found.map(|(_, answers)| answers).ok_or_else(|| Error::new(format!("`{instance}` was not added")))
    }

    /// Leaves components out. `known` are the catalog's names.
    pub fn without<'a>(&mut self, components: &[String], known: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
        for name in components {
            if !known.clone().any(|other| other == name) {
                let error = Error::usage(format!("`--without {name}`: unknown component"));
                return Err(match did_you_mean(name, known.clone()) {
                    Some(guess) => error.hint(format!("did you mean `{guess}`?")),
                    None => error.hint("`watchpost catalog list` lists all components"),
                });
            }
            self.components.insert(name.clone(), Selection::Off);
        }
        Ok(())
    }
}

/// The value as YAML, placed in the flag so that errors point into it.
fn value_node(assignment: &str, path: &str, value: &str) -> Result<Node> {
    let mut node = yaml::parse("--set", value).map_err(|error| error.exit(Exit::Usage))?;
    let source = yaml::SourceFile::new("--set", assignment);
    node.source = source;
    node.place = yaml::Place { line: 1, column: path.chars().count() + 2, width: value.chars().count() };
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_overrides_and_points_into_the_flag() {
        let mut spec = Spec::from_defaults(None, None);
        spec.set("prometheus.retention=30d").expect("valid");
        spec.set("redis-exporter.cache.address=cache:6379").expect("valid");
        let Selection::One(answers) = &spec.components["prometheus"] else { panic!("one") };
        let at = answers["retention"].location();
        assert_eq!((at.file.as_str(), at.column, at.excerpt.as_str()), ("--set", 22, "prometheus.retention=30d"));
        assert!(matches!(&spec.components["redis-exporter"], Selection::Many(list) if list[0].0 == "cache"));
        assert_eq!(spec.set("retention").expect_err("refused").exit, Exit::Usage);
    }

    #[test]
    fn a_component_left_out_must_exist() {
        let mut spec = Spec::from_defaults(None, None);
        let error = spec.without(&["grafna".into()], ["grafana"].into_iter()).expect_err("refused");
        assert_eq!(error.hint.as_deref(), Some("did you mean `grafana`?"));
    }

    /// As `ui` prints it, in one line.
    fn rejected(error: Error) -> String {
        let hint = error.hint.clone().unwrap_or_default();
        format!("{:?}: {}, hint: {hint}", error.exit, error.message)
    }

    #[test]
    fn an_assignment_that_cannot_be_read_says_how_to_write_one() {
        let mut spec = Spec::from_defaults(None, None);
        spec.set("redis-exporter.cache.address=cache:6379").expect("valid");
        let mut set = |assignment: &str| rejected(spec.set(assignment).expect_err("rejected"));
        insta::assert_snapshot!(set("retention"), @"Usage: `--set retention` is not an assignment, hint: write `COMPONENT.SETTING=VALUE`, such as `--set prometheus.retention=30d`");
        insta::assert_snapshot!(set("retention=30d"), @"Usage: `--set retention=30d` is not an assignment, hint: write `COMPONENT.SETTING=VALUE`, such as `--set prometheus.retention=30d`");
        insta::assert_snapshot!(set("a.b.c.d=1"), @"Usage: `--set a.b.c.d=1` is not an assignment, hint: write `COMPONENT.SETTING=VALUE`, such as `--set prometheus.retention=30d`");
    }

    #[test]
    fn an_unknown_component_cannot_be_left_out() {
        let mut spec = Spec::from_defaults(None, None);
        let mut without = |name: &str| {
            rejected(spec.without(&[name.into()], ["grafana", "cadvisor"].into_iter()).expect_err("rejected"))
        };
        insta::assert_snapshot!(without("grafna"), @"Usage: `--without grafna`: unknown component, hint: did you mean `grafana`?");
        insta::assert_snapshot!(without("xyzzy"), @"Usage: `--without xyzzy`: unknown component, hint: `watchpost catalog list` lists all components");
    }

    #[test]
    fn an_assignment_changes_the_one_of_several_that_it_names() {
        let mut spec = Spec::from_defaults(None, None);
        for assignment in
            ["redis-exporter.a.address=a:1", "redis-exporter.b.address=b:1", "redis-exporter.a.address=c:1"]
        {
            spec.set(assignment).expect("valid");
        }
        let Selection::Many(list) = &spec.components["redis-exporter"] else { panic!("many") };
        let addresses: Vec<_> =
            list.iter().map(|(name, answers)| (name.as_str(), answers["address"].as_str())).collect();
        assert_eq!(addresses, [("a", Some("c:1")), ("b", Some("b:1"))]);
    }
}
