//! Columns that are as wide as their widest cell.

/// Rows of cells as text; between columns stand at least so many blanks.
pub(super) fn table<const N: usize>(rows: &[[String; N]], gap: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < N {
                text.extend(std::iter::repeat_n(' ', widths[column] + gap - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_but_for_the_last() {
        let rows = [["A", "B"], ["long", ""], ["ö", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows, 1), "A    B\nlong \nö    c\n");
    }
}
