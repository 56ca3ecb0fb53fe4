//! `verify --accept`: writes what is broken and lived with into the spec.

use std::path::PathBuf;

use anyhow::{Result, bail};
use similar::{ChangeTag, TextDiff};

use crate::cli::shared::context::Context;
use crate::cli::shared::files;
use crate::error::Error;
use crate::spec::{self, Accept};
use crate::time;
use crate::ui::human::count;
use crate::ui::style::{BAD, DIM, GOOD, paint};
use crate::verify::Report;

/// What is to be accepted, from the flags; checked before anything is looked at.
pub struct Wanted {
    /// `None`: everything that is broken.
    pattern: Option<String>,
    because: String,
    spec: PathBuf,
}

impl Wanted {
    /// Errors: there is no spec to write into, or nobody to ask.
    pub fn new(context: &Context, pattern: &str, because: &str) -> Result<Self> {
        let Some(spec) = context.spec_path() else {
            bail!(
                Error::usage("`--accept` writes into the spec, but there is no `watchpost.yaml` here")
                    .hint("pass `-f FILE` to name one, or run `watchpost init` to write one")
            )
        };
        if because.trim().is_empty() {
            bail!(Error::usage("`--because` is empty").hint("say why it is accepted, for those who read it later"));
        }
        if !context.ui.interactive && !context.global.yes {
            bail!(
                Error::usage("`--accept` asks before it writes")
                    .cause("a question needs a terminal")
                    .hint("pass `--yes` to go ahead without the question")
            );
        }
        let pattern = Some(pattern.to_owned()).filter(|pattern| pattern != "*");
        Ok(Self { pattern, because: because.to_owned(), spec })
    }

    /// Shows the entries as a diff of the spec, asks, writes them, and accepts in the report what they cover.
    pub async fn carry_out(&self, context: &Context, report: &mut Report) -> Result<()> {
        if !report.is_broken() {
            context.ui.say("Nothing is broken, so that there is nothing to accept.");
            return Ok(());
        }
        let entries = report.entries_for(self.pattern.as_deref(), &self.because);
        if entries.is_empty() {
            let pattern = self.pattern.as_deref().unwrap_or("*");
            bail!(
                Error::new(format!("nothing that is broken matches `{pattern}`"))
                    .cause("a pattern is held against the subject, file, panel, alert and metric of each finding")
                    .hint("`watchpost verify -v` lists them; `*` stands for any text")
            );
        }
        let name = self.spec.display().to_string();
        let text = files::read_text(&self.spec)?;
        let edited = with_entries(&name, &text, &entries)?;
        if edited == text {
            context.ui.say(&format!("`{name}` has these entries already."));
            report.accept(&entries, &time::today());
            return Ok(());
        }
        context.ui.say(&format!("\n{}", diff(&name, &text, &edited)));
        let question = format!("Write {} to `{name}`?", count(entries.len(), "entry"));
        if !context.global.yes && !context.ui.confirm(&question, true, "--yes").await? {
            context.ui.say("Nothing was written.");
            return Ok(());
        }
        files::change(&self.spec, |text| with_entries(&name, text, &entries))?;
        context.ui.say(&format!("Wrote {} to `{name}`.", count(entries.len(), "entry")));
        report.accept(&entries, &time::today());
        Ok(())
    }
}

/// The spec's text with the entries that it lacks.
fn with_entries(name: &str, text: &str, entries: &[Accept]) -> crate::error::Result<String> {
    let present = spec::read(name, text)?.accept;
    let same = |known: &Accept, entry: &Accept| Accept { place: String::new(), ..known.clone() } == *entry;
    let missing = entries.iter().filter(|entry| !present.iter().any(|known| same(known, entry)));
    let missing: Vec<serde_json::Value> = missing.map(|entry| serde_json::json!(entry)).collect();
    let edited = spec::edit::append(name, text, &["accept"], &missing)?;
    // An entry that reading refuses must not get into the file.
    spec::read(name, &edited)?;
    Ok(edited)
}

/// The changed lines with three around them.
fn diff(name: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = vec![format!("  {name}")];
    for group in diff.grouped_ops(3) {
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let line = change.value().trim_end_matches(['\r', '\n']);
            lines.push(match change.tag() {
                ChangeTag::Insert => format!("    {}", paint(GOOD, format!("+ {line}"))),
                ChangeTag::Delete => format!("    {}", paint(BAD, format!("- {line}"))),
                ChangeTag::Equal => format!("      {}", paint(DIM, line)),
            });
        }
    }
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(metric: &str) -> Accept {
        Accept {
            link: "rules".into(),
            metric: Some(metric.into()),
            because: "no sensors: none".into(),
            ..Accept::default()
        }
    }

    #[test]
    fn entries_are_added_once_and_shown_as_a_diff() {
        let text =
            "stack: minimal # small\r\naccept:\r\n  - {link: rules, metric: a, because: \"no sensors: none\"}\r\n";
        let edited = with_entries("w", text, &[entry("a"), entry("node_hwmon_*")]).expect("edited");
        let added = "  - {link: rules, metric: node_hwmon_*, because: \"no sensors: none\"}\r\n";
        assert_eq!(edited, format!("{text}{added}"));
        assert_eq!(with_entries("w", &edited, &[entry("a"), entry("node_hwmon_*")]).expect("edited"), edited);
        let shown = anstream::adapter::strip_str(&diff("w", text, &edited)).to_string();
        assert_eq!(
            shown,
            "  w\n      stack: minimal # small\n      accept:\n        - {link: rules, metric: a, because: \"no sensors: none\"}\n    \
             +   - {link: rules, metric: node_hwmon_*, because: \"no sensors: none\"}\n"
        );
    }

    #[test]
    fn an_entry_that_the_spec_would_refuse_is_not_written() {
        let error = with_entries("w", "stack: minimal\n", &[entry("not a metric")]).expect_err("refused");
        assert_eq!(error.message, "`not a metric` is not a valid pattern");
    }
}
