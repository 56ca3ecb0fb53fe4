//! Data sources: does Grafana have each one that a panel, a query, a variable or an annotation asks?

use std::collections::BTreeSet;

use serde_json::Value;

use super::subject::{LintedDashboard, Origin, Spot, Surroundings};
use crate::dashboard::panel::{self, Panel};
use crate::dashboard::scope::Scope;
use crate::dashboard::source::{Kinds, Reference, kind_of_query};
use crate::dashboard::variable::{Chosen, variables};
use crate::error::{Error, Severity};

pub(super) fn check(subject: &mut LintedDashboard<'_>, around: &Surroundings) {
    let model = subject.model;
    let mut asked = Asked { kinds: Kinds::of(model), scope: scope(model), around, said: BTreeSet::new() };
    for entry in
        ["/templating/list", "/annotations/list"].iter().filter_map(|path| model.pointer(path)?.as_array()).flatten()
    {
        // The built-in annotation is Grafana's own, whatever it names.
        if entry["builtIn"] != 1 {
            asked.of_entry(subject, entry);
        }
    }
    for panel in panel::panels(model) {
        asked.of_panel(subject, &panel);
    }
}

/// Every variable has a value here, so that a reference to one can be told from one to nothing.
fn scope(model: &Value) -> Scope {
    let mut scope = Scope::default();
    for variable in variables(model) {
        scope.set(variable.name, Chosen::one(format!("{VARIABLE}{}", variable.name)));
    }
    scope
}

/// Begins the value of every variable; no uid and no name has it.
const VARIABLE: &str = "\u{0}";

struct Asked<'a> {
    kinds: Kinds<'a>,
    scope: Scope,
    around: &'a Surroundings,
    /// Panels about which it was said that they name no data source.
    said: BTreeSet<String>,
}

impl Asked<'_> {
    /// A variable or an annotation.
    fn of_entry(&mut self, subject: &mut LintedDashboard<'_>, entry: &Value) {
        let chosen = if entry["type"] == "datasource" { entry["query"].as_str() } else { None };
        if let Some(kind) = chosen.filter(|kind| !kind.is_empty() && !self.has_kind(kind)) {
            let name = entry["name"].as_str().unwrap_or_default();
            needs(subject, None, &entry["query"], kind, &format!("the variable `{name}`"));
        }
        let what = format!("`{}`", entry["name"].as_str().unwrap_or_default());
        self.reference(subject, None, entry.get("datasource").unwrap_or(&Value::Null), entry, &what);
    }

    fn of_panel(&mut self, subject: &mut LintedDashboard<'_>, panel: &Panel<'_>) {
        let (title, targets) = (panel.name(), panel.targets());
        let what = format!("the panel `{title}`");
        let of_panel = &panel.model["datasource"];
        let inherits = |target: &panel::Query<'_>| std::ptr::eq(target.datasource, of_panel);
        // A panel's own is asked by the queries that have none; without queries it may be asked by what is in it.
        if targets.is_empty() || targets.iter().any(inherits) {
            self.reference(subject, Some(&title), of_panel, panel.model, &what);
        }
        for target in &targets {
            let own = target.datasource;
            if !inherits(target) && own != of_panel {
                self.reference(subject, Some(&title), own, target.model, &what);
            } else if own.is_null() && subject.origin == Origin::Own {
                self.unnamed(subject, &title, target);
            }
        }
    }

    /// Neither the query nor its panel names one: Grafana asks the default.
    fn unnamed(&mut self, subject: &mut LintedDashboard<'_>, title: &str, target: &panel::Query<'_>) {
        let what = format!("the panel `{title}`");
        match kind_of_query(target.model).filter(|kind| !self.has_kind(kind)) {
            Some(kind) => needs(subject, Some(title), target.model, kind, &what),
            None if !target.expr.is_empty() && self.said.insert(title.to_owned()) => {
                let error = Error::new(format!("{what} names no data source"))
                    .hint("pin it: `\"datasource\": {\"type\": \"prometheus\", \"uid\": \"watchpost-prometheus\"}`");
                subject.add(Severity::Warning, Some(title), Spot::Value(&target.model["expr"]), error);
            }
            None => {}
        }
    }

    fn has_kind(&self, kind: &str) -> bool {
        let sources = &self.around.sources;
        let built_in = matches!(kind, "grafana" | "datasource" | "__expr__" | "dashboard");
        sources.is_empty() || built_in || sources.iter().any(|source| source.kind == kind)
    }

    /// `holder` stands in for a reference that is not there.
    fn reference(
        &self,
        subject: &mut LintedDashboard<'_>,
        panel: Option<&str>,
        reference: &Value,
        holder: &Value,
        what: &str,
    ) {
        let at = if reference.is_null() { holder } else { reference };
        let catalog = subject.origin == Origin::Catalog;
        if catalog && let Some(name) = reference.as_str() {
            let error = Error::new(format!("the data source `{name}` is given by name"))
                .hint("write `{\"type\": \"prometheus\", \"uid\": \"${datasource}\"}`");
            return subject.add(Severity::Error, panel, Spot::Value(at), error);
        }
        match Reference::read(reference, &self.scope, &self.kinds) {
            Reference::Default | Reference::BuiltIn | Reference::Empty { .. } => {}
            Reference::OfKind(kind) if self.has_kind(&kind) => {}
            Reference::OfKind(kind) => needs(subject, panel, at, &kind, what),
            Reference::Unknown { variable, kind } => self.unknown(subject, panel, at, &variable, kind.as_deref()),
            Reference::Named { name, kind } => {
                if !name.contains(VARIABLE) && !self.exists(&name, reference, catalog) {
                    self.missing(subject, panel, at, &name, kind.as_deref(), what);
                }
            }
        }
    }

    /// Where the data sources are unknown, a uid may be one of them; a name is most often none.
    fn exists(&self, name: &str, reference: &Value, catalog: bool) -> bool {
        let sources = &self.around.sources;
        catalog
            || sources.iter().any(|source| source.uid == name || source.name == name)
            || (sources.is_empty() && !reference.is_string())
    }

    fn missing(
        &self,
        subject: &mut LintedDashboard<'_>,
        panel: Option<&str>,
        at: &Value,
        name: &str,
        kind: Option<&str>,
        what: &str,
    ) {
        if let Some(kind) = kind.filter(|kind| !self.has_kind(kind)) {
            return needs(subject, panel, at, kind, what);
        }
        let known: Vec<&str> = self.around.sources.iter().map(|source| source.uid.as_str()).collect();
        let error = Error::new(format!("{what} asks the data source `{name}`, which does not exist"));
        let hint = match known.as_slice() {
            [] => "`watchpost dashboards import FILE` replaces it with one that exists".to_owned(),
            known => format!("use one that exists: {}", known.join(", ")),
        };
        subject.add(Severity::Error, panel, Spot::Value(at), error.hint(hint));
    }

    fn unknown(
        &self,
        subject: &mut LintedDashboard<'_>,
        panel: Option<&str>,
        at: &Value,
        variable: &str,
        kind: Option<&str>,
    ) {
        if let Some(kind) = kind.filter(|kind| !self.has_kind(kind)) {
            return needs(subject, panel, at, kind, &format!("`${{{variable}}}`"));
        }
        // In the catalog, a variable may come with the rest of the dashboard.
        if subject.origin == Origin::Catalog && !variable.starts_with("DS_") {
            return;
        }
        let error = Error::new(format!("nothing resolves the data source `${{{variable}}}`"));
        let hint = match subject.origin {
            Origin::Catalog => "only the import dialog does; write `${datasource}`, a variable of the dashboard",
            Origin::Own => "only the import dialog does; `watchpost dashboards import FILE` resolves it",
        };
        subject.add(Severity::Error, panel, Spot::Value(at), error.hint(hint));
    }
}

fn needs(subject: &mut LintedDashboard<'_>, panel: Option<&str>, at: &Value, kind: &str, what: &str) {
    let error = Error::new(format!("{what} needs a data source of type `{kind}`; the stack has none"))
        .hint("remove it, or add such a data source to Grafana");
    subject.add(Severity::Error, panel, Spot::Value(at), error);
}
