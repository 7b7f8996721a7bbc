//! Figures as people read them.

use std::time::Duration;

use unicode_width::UnicodeWidthChar as _;

/// A time with one decimal, such as `3.2s`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}

/// A number of bytes in decimal units, such as `1.20kB`. What is negative counts as 0.
pub(super) fn bytes(count: i64) -> String {
    if count < 1000 {
        return format!("{}B", count.max(0));
    }
    let mut amount = count as f64 / 1000.0;
    for unit in ["kB", "MB", "GB", "TB"] {
        // 999.995 would be written as 1000.00.
        if amount < 999.995 {
            return format!("{amount:.2}{unit}");
        }
        amount /= 1000.0;
    }
    format!("{amount:.2}PB")
}

/// How many columns a text without control sequences takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// As much of a text without control sequences as `width` columns take, with tabs as spaces; an ellipsis stands
/// for what is left out.
pub(super) fn truncate(text: &str, width: usize) -> String {
    let text = text.replace('\t', "    ");
    if columns(&text) <= width {
        return text;
    }
    let mut taken = 0;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken < width
        })
        .collect();
    if width > 0 {
        cut.push('\u{2026}');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let amounts = [i64::MIN, 0, 999, 1000, 1_204, 999_999, 5_250_000, 28_000_000_000, i64::MAX];
        assert_eq!(
            amounts.map(bytes),
            ["0B", "0B", "999B", "1.00kB", "1.20kB", "1.00MB", "5.25MB", "28.00GB", "9223.37PB"]
        );
        assert_eq!(seconds(Duration::from_millis(3249)), "3.2s");
    }

    #[test]
    fn texts_fit() {
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abcd", 3), "ab\u{2026}");
        assert_eq!(truncate("a\tb", 4), "a  \u{2026}");
        assert_eq!(truncate("abc", 0), "");
        // Each of these takes two columns.
        assert_eq!(truncate("\u{6f22}\u{5b57}\u{6f22}", 5), "\u{6f22}\u{5b57}\u{2026}");
        assert_eq!(truncate("\u{6f22}\u{5b57}\u{6f22}", 4), "\u{6f22}\u{2026}");
    }
}
