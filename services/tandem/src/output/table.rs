//! Aligned tables of text.

/// On which side a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table: columns under headers, rows, and perhaps a last row set apart.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    last: Option<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table with no columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of words.
    pub fn left(mut self, header: impl Into<String>) -> Self {
        self.columns.push((header.into(), Align::Left));
        self
    }

    /// Adds a column of numbers.
    pub fn right(mut self, header: impl Into<String>) -> Self {
        self.columns.push((header.into(), Align::Right));
        self
    }

    /// Adds a row, of one cell per column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// Sets the row that stands apart at the end.
    pub fn last(&mut self, cells: Vec<String>) {
        self.last = Some(cells.into_iter().map(clean).collect());
    }

    /// Whether it has no rows at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.last.is_none()
    }

    /// As lines of text.
    pub fn render(&self) -> String {
        let headers: Vec<String> = self.columns.iter().map(|(header, _)| header.clone()).collect();
        let all = || std::iter::once(&headers).chain(&self.rows).chain(&self.last);
        let width = |index: usize| all().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let mut out = String::new();
        let mut line = |row: &[String]| {
            let cells = row.iter().zip(&self.columns).zip(&widths).map(|((cell, (_, align)), width)| padded(cell, *width, *align));
            out.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
            out.push('\n');
        };
        line(&headers);
        line(&rule);
        self.rows.iter().for_each(|row| line(row));
        if let Some(last) = &self.last {
            if !self.rows.is_empty() {
                line(&rule);
            }
            line(last);
        }
        out
    }
}

fn padded(cell: &str, width: usize, align: Align) -> String {
    match align {
        Align::Left => format!("{cell:<width$}"),
        Align::Right => format!("{cell:>width$}"),
    }
}

/// Names come from whoever wrote the catalogue: nothing in them may move the cursor of whoever reads them.
pub fn clean(text: String) -> String {
    match text.chars().any(char::is_control) {
        true => text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new().left("service").right("value");
        table.row(vec!["waste/recycling".into(), "£1,234.50".into()]);
        table.row(vec!["café".into(), "—".into()]);
        table.last(vec!["all".into(), "£2.00".into()]);
        let expected = "\
service              value
───────────────  ─────────
waste/recycling  £1,234.50
café                     —
───────────────  ─────────
all                  £2.00
";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\n".into()), "a\u{FFFD}[2Jb\u{FFFD}");
    }
}
