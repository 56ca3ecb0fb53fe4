//! Tera with our delimiters, and an escape that no answer gets around.
//!
//! `<< value >>`, `<% block %>`, `<# comment #>`: Prometheus's own `{{ }}` stays as it is. Every interpolation is
//! written as a JSON string, so that no answer can add a key, an item or a document. Three filters write something
//! else: `bare` a number or a boolean, `yaml` a structure, `flow` a list on one line.

use std::collections::BTreeMap;
use std::io::Write;

use tera::{Context, Delimiters, Error as TeraError, Kwargs, State, Tera, TeraResult, Value};

use crate::error::{Error, Result};
use crate::yaml::{SourceFile, emit};

/// A template engine with the delimiters, the escape and the filters of the catalog's templates.
fn engine() -> Result<Tera> {
    let mut tera = Tera::new();
    let delimiters = Delimiters {
        block_start: "<%".into(),
        block_end: "%>".into(),
        variable_start: "<<".into(),
        variable_end: ">>".into(),
        comment_start: "<#".into(),
        comment_end: "#>".into(),
    };
    tera.set_delimiters(delimiters).map_err(|error| Error::new("the template engine cannot be set up").cause(error))?;
    tera.autoescape_on([""]);
    tera.set_escape_fn(escape);
    tera.register_filter("bare", bare);
    tera.register_filter("yaml", yaml);
    tera.register_filter("flow", flow);
    tera.register_filter("labels", labels);
    tera.register_filter("safe", |_: &Value, _: Kwargs, _: &State| -> TeraResult<Value> {
        Err(TeraError::message("`safe` would let an answer change the file's shape; use `bare` or `yaml`"))
    });
    Ok(tera)
}

fn escape(text: &str, out: &mut dyn Write) -> std::io::Result<()> {
    out.write_all(emit::quote(text).as_bytes())
}

/// A number or a boolean as it is.
fn bare(value: &Value, _: Kwargs, _: &State) -> TeraResult<Value> {
    if value.is_bool() || value.is_number() {
        return Ok(Value::safe_string(&value.to_string()));
    }
    Err(TeraError::message(format!("`bare` accepts a number or a boolean, not {}", value.name())))
}

/// A structure in block style, from the start of a line; `indent` spaces before each (0 when left out).
fn yaml(value: &Value, arguments: Kwargs, _: &State) -> TeraResult<Value> {
    let indent: usize = arguments.get("indent")?.unwrap_or(0);
    let json = serde_json::to_value(value).map_err(|error| TeraError::message(error.to_string()))?;
    Ok(Value::safe_string(&emit::emit_indented(&json, indent)))
}

/// A list of texts on one line.
fn flow(value: &Value, _: Kwargs, _: &State) -> TeraResult<Value> {
    let items = value.as_array().ok_or_else(|| TeraError::message("`flow` accepts a list of texts"))?;
    let items: Vec<String> = items.iter().map(|item| emit::quote(item.as_str().unwrap_or_default())).collect();
    Ok(Value::safe_string(&format!("[{}]", items.join(", "))))
}

/// A list of `name=value` as a mapping. Prometheus expands `$` in external labels; `$$` is a plain one.
fn labels(value: &Value, _: Kwargs, _: &State) -> TeraResult<Value> {
    let items = value.as_array().ok_or_else(|| TeraError::message("`labels` accepts a list of `name=value`"))?;
    let pairs = items.iter().filter_map(|item| item.as_str()?.split_once('='));
    let pairs: BTreeMap<&str, String> = pairs.map(|(name, value)| (name, value.replace('$', "$$"))).collect();
    Ok(Value::from_serializable(&pairs))
}

/// Templates parsed once and rendered with many contexts.
#[derive(Default)]
pub struct Templates {
    tera: Option<Tera>,
}

impl Templates {
    /// Renders `text`; errors name `name`, the line, and what exists instead of an undefined variable.
    pub fn render(&mut self, name: &str, text: &str, context: &Context) -> Result<String> {
        // Nothing to fill in: most rules and dashboards.
        if !["<<", "<%", "<#"].iter().any(|mark| text.contains(mark)) {
            return Ok(text.to_owned());
        }
        let tera = match &mut self.tera {
            Some(tera) => tera,
            empty => empty.insert(engine()?),
        };
        if !tera.contains_template(name) {
            tera.add_raw_template(name, text).map_err(|error| located(name, text, &error))?;
        }
        tera.render(name, context).map_err(|error| located(name, text, &error))
    }
}

/// Tera reports as text: `error: MESSAGE`, then `--> NAME:LINE:COLUMN`.
fn located(name: &str, text: &str, error: &TeraError) -> Error {
    let report = error.to_string();
    let mut message = report.lines().next().unwrap_or("it cannot be rendered").trim_start_matches("error: ").to_owned();
    let place = report.lines().find_map(|line| {
        let mut parts = line.trim_start().strip_prefix("--> ")?.rsplitn(3, ':');
        let column: usize = parts.next()?.parse().ok()?;
        let line: usize = parts.next()?.parse().ok()?;
        Some((line, column))
    });
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    let width = report.lines().find(|line| line.contains('^')).map_or(1, |line| line.matches('^').count());
    let failed = Error::new(format!("the template `{name}` cannot be rendered")).cause(message);
    match place {
        Some((line, column)) => failed.at(SourceFile::new(name, text).location(line, column, width)),
        None => failed,
    }
    .hint("`<< answers.VARIABLE >>` names one of the component's questions; `watchpost catalog lint` checks a whole component")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(text: &str, answer: serde_json::Value) -> Result<String> {
        let context = Context::from_serialize(&json!({"answers": {"a": answer}})).expect("a context");
        Templates::default().render("t/service.yml", text, &context)
    }

    #[test]
    fn an_undefined_variable_names_template_and_line() {
        let error = render("x: 1\ny: << answers.b >>\n", json!(1)).expect_err("refused");
        let at = error.at.clone().expect("located");
        assert_eq!((at.file.as_str(), at.line), ("t/service.yml", 2));
        assert!(error.causes()[0].contains("Available fields: a"), "{:?}", error.causes());
    }

    #[test]
    fn interpolations_are_quoted_and_bare_takes_no_text() {
        assert_eq!(render("<< answers.a >>", json!("x\ny: z")).expect("rendered"), "\"x\\ny: z\"");
        assert_eq!(render("<< answers.a | bare >>", json!(5)).expect("rendered"), "5");
        assert!(render("<< answers.a | bare >>", json!("5, x: 1")).is_err());
        assert!(render("<< answers.a | safe >>", json!("x: 1")).is_err());
        assert_eq!(
            render("<< answers.a | yaml(indent=2) >>", json!({"k": ["v: w"]})).expect("rendered"),
            "  k:\n    - \"v: w\""
        );
    }

    #[test]
    fn prometheus_templates_stay_as_they_are() {
        assert_eq!(
            render("{{ $labels.instance }} << answers.a | bare >>", json!(5)).expect("rendered"),
            "{{ $labels.instance }} 5"
        );
    }
}
