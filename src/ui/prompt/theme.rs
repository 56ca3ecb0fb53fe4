//! How prompts look: `  Label               › answer`, lists below their label.

use std::fmt::{self, Write};

use console::{Term, measure_text_width, truncate_str};
use dialoguer::theme::Theme;

use super::Row;
use crate::ui::human::hanging;
use crate::ui::style::{DIM, STRONG, fit, for_stderr, paint};

/// Columns of a label with its indent; what is longer pushes its answer to the right.
const LABEL: usize = 26;

pub struct Look<'a> {
    pub unicode: bool,
    /// One of a sequence, its answer below the others'; a question that stands alone is not.
    pub aligned: bool,
    /// Items are passed by their index, and their rows are here: dialoguer takes an item of more bytes than the terminal
    /// has columns for a wrapped one, and would clear a line too many.
    pub rows: &'a [Row],
}

/// `  Label               › `
pub fn lead(label: &str, width: usize) -> String {
    let label = truncate_str(label, width.saturating_sub(12), "…");
    let padding = LABEL.min(width / 2).saturating_sub(measure_text_width(&label) + 2);
    format!("  {label}{:padding$} {} ", "", paint(DIM, "›"))
}

fn width() -> usize {
    usize::from(Term::stderr().size().1).saturating_sub(1).max(20)
}

impl Look<'_> {
    fn write(&self, f: &mut dyn Write, text: &str) -> fmt::Result {
        f.write_str(&for_stderr(&fit(text, self.unicode)))
    }

    fn lead(&self, label: &str) -> String {
        if self.aligned { lead(label, width()) } else { format!("  {label} ") }
    }

    fn row(&self, f: &mut dyn Write, item: &str, mark: &str, active: bool) -> fmt::Result {
        let Some(row) = item.parse::<usize>().ok().and_then(|index| self.rows.get(index)) else { return Ok(()) };
        let noted = self.rows.iter().filter(|row| !row.note.is_empty());
        let column = noted.map(|row| measure_text_width(&row.label)).max().unwrap_or(0);
        let padding = column.saturating_sub(measure_text_width(&row.label));
        let head = format!("    {mark} {}", row.label);
        let head = if active { paint(STRONG, head) } else { head };
        let indent = "    ".len() + measure_text_width(mark) + 1 + column + 2;
        let note = match row.note.as_str() {
            "" => String::new(),
            note => format!("{:padding$}  {}", "", paint(DIM, hanging(note, indent, Some(width())))),
        };
        self.write(f, &format!("{head}{note}"))
    }
}

impl Theme for Look<'_> {
    /// Heads a list.
    fn format_prompt(&self, f: &mut dyn Write, prompt: &str) -> fmt::Result {
        self.write(f, self.lead(prompt).trim_end())
    }

    fn format_confirm_prompt(&self, f: &mut dyn Write, prompt: &str, default: Option<bool>) -> fmt::Result {
        let choice = match (default, self.aligned) {
            (Some(true), _) => "[Y/n]",
            (Some(false), _) => "[y/N]",
            (None, true) => "[Enter goes back]",
            (None, false) => "[Enter leaves]",
        };
        self.write(f, &format!("{}{choice} ", self.lead(prompt)))
    }

    fn format_input_prompt(&self, f: &mut dyn Write, prompt: &str, default: Option<&str>) -> fmt::Result {
        let default = default.map(|default| paint(DIM, format!("[{default}] "))).unwrap_or_default();
        self.write(f, &format!("{}{default}", self.lead(prompt)))
    }

    fn format_select_prompt_item(&self, f: &mut dyn Write, item: &str, active: bool) -> fmt::Result {
        self.row(f, item, if active { "●" } else { "○" }, active)
    }

    fn format_multi_select_prompt_item(
        &self,
        f: &mut dyn Write,
        item: &str,
        checked: bool,
        active: bool,
    ) -> fmt::Result {
        let mark = match (checked, active) {
            (true, true) => "› ◉",
            (true, false) => "  ◉",
            (false, true) => "› ○",
            (false, false) => "  ○",
        };
        self.row(f, item, mark, active)
    }
}
