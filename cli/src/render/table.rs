//! Columns that are as wide as what is in them.

use std::fmt;

use textwrap::core::display_width;

/// Rows may have different lengths; the last cell of a row is never filled up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| display_width(cell)).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let gap = width.saturating_sub(display_width(cell)) + 2;
                line.push_str(cell);
                line.push_str(&" ".repeat(gap));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    /// Colour takes no room.
    #[test]
    fn columns_are_aligned_whatever_their_colour() {
        let mut table = Table::default();
        table.row(["\u{1b}[1ma\u{1b}[0m", "one"]);
        table.row(["böse", "two", "three"]);
        assert_eq!(table.to_string(), "\u{1b}[1ma\u{1b}[0m     one\nböse  two  three\n");
    }
}
