//! Tables: aligned columns, two spaces apart, no lines.

use anstyle::Style;

use super::style::{DIM, paint};

/// A column at least this wide is left when a terminal is too narrow.
const MIN_WIDTH: usize = 8;

#[derive(Debug, Clone)]
pub struct Cell {
    pub text: String,
    pub style: Style,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

impl Cell {
    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }
}

#[derive(Debug, Default)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// What the last column holds is of no use when it is cut.
    whole: bool,
}

impl Table {
    /// A table with a head; an empty `head` is left out.
    pub fn new(head: impl IntoIterator<Item = &'static str>) -> Self {
        Self { head: head.into_iter().collect(), ..Self::default() }
    }

    /// Where the terminal is too narrow, cells of the last column get a line of their own, and are never cut.
    pub fn last_whole(mut self) -> Self {
        self.whole = true;
        self
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, each with a newline. When `width` is too small, the widest columns are cut, with `…`.
    pub fn render(&self, width: Option<usize>) -> String {
        let full = self.widths(None);
        let fits = width.is_none_or(|width| full.iter().sum::<usize>() + 2 * full.len().saturating_sub(1) <= width);
        if self.whole && !fits { self.folded(width, full.len() - 1) } else { self.straight(width) }
    }

    /// The last of the columns below the others.
    fn folded(&self, width: Option<usize>, last: usize) -> String {
        let rows = self.rows.iter().map(|row| row.iter().take(last).cloned().collect()).collect();
        let head = self.head.iter().take(last).copied().collect();
        let upper = Self { head, rows, whole: false }.straight(width);
        let heads = usize::from(!self.head.is_empty());
        let below = self.rows.iter().map(|row| row.get(last).filter(|cell| !cell.text.is_empty()));
        let below = std::iter::repeat_n(None, heads).chain(below);
        let pair = |(line, cell): (&str, Option<&Cell>)| match cell {
            Some(cell) => format!("{line}\n  {}\n", paint(cell.style, &cell.text)),
            None => format!("{line}\n"),
        };
        upper.lines().zip(below).map(pair).collect()
    }

    fn straight(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let head = self.head.iter().map(|name| Cell::styled(DIM, *name)).collect::<Vec<_>>();
        let head = (!head.is_empty()).then_some(&head);
        head.into_iter().chain(&self.rows).map(|row| line(row, &widths) + "\n").collect()
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).chain([self.head.len()]).max().unwrap_or_default();
        let mut widths: Vec<usize> = (0..columns)
            .map(|column| {
                let head = self.head.get(column).map_or(0, |name| name.len());
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| console::measure_text_width(&cell.text)).max().unwrap_or_default().max(head)
            })
            .collect();
        let gaps = 2 * columns.saturating_sub(1);
        while width.is_some_and(|width| widths.iter().sum::<usize>() + gaps > width) {
            match widths.iter_mut().max() {
                Some(widest) if *widest > MIN_WIDTH => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

fn line(cells: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    let last = cells.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate().take(last + 1) {
        let text = console::truncate_str(&cell.text, width, "…");
        let padding = if column == last { 0 } else { width.saturating_sub(console::measure_text_width(&text)) + 2 };
        let text = if cell.style == Style::new() { text.into_owned() } else { paint(cell.style, text) };
        line.push_str(&text);
        line.push_str(&" ".repeat(padding));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["SERVICE", "IMAGE", "STATE"]);
        table.row(["prometheus".into(), "prom/prometheus:v3.5.3".into(), "running".into()]);
        table.row(["müll".into(), "prom/x:1".into(), "".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let text = anstream::adapter::strip_str(&table().render(None)).to_string();
        insta::assert_snapshot!(text, @r"
        SERVICE     IMAGE                   STATE
        prometheus  prom/prometheus:v3.5.3  running
        müll        prom/x:1
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_column() {
        let text = anstream::adapter::strip_str(&table().render(Some(36))).to_string();
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 36), "{text}");
        assert!(text.contains("prom/prometheu…") && text.contains("running"), "{text}");
    }

    #[test]
    fn a_column_that_must_stay_whole_gets_its_own_line_on_a_narrow_terminal() {
        let mut table = Table::new(["SERVICE", "IMAGE", "ADDRESS"]).last_whole();
        table.row(["prometheus".into(), "prometheus:v3.5.3".into(), "http://127.0.0.1:19090".into()]);
        table.row(["cadvisor".into(), "cadvisor:v0.60.5".into(), "".into()]);
        let text = anstream::adapter::strip_str(&table.render(Some(40))).to_string();
        insta::assert_snapshot!(text, @r"
        SERVICE     IMAGE
        prometheus  prometheus:v3.5.3
          http://127.0.0.1:19090
        cadvisor    cadvisor:v0.60.5
        ");
    }
}
