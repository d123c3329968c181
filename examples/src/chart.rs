//! A bar chart for a terminal.
use std::fmt::Write;

/// Parts of a block, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// One line for each row: its name, a bar of at most `width` columns, its number.
pub fn bar_chart(rows: &[(String, u64)], width: usize) -> String {
    let name_width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let largest = rows.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let mut chart = String::new();
    for (name, n) in rows {
        let eighths = (*n as f64 / largest as f64 * (width * 8) as f64).round() as usize;
        let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
        // Writing to a String cannot fail.
        let _ = writeln!(chart, "{name:>name_width$} {bar:<width$} {n}");
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        let rows = [("self".to_owned(), 16), ("fn".to_owned(), 9), ("x".to_owned(), 0)];
        assert_eq!(bar_chart(&rows, 4), "self ████ 16\n  fn ██▎  9\n   x      0\n");
        assert_eq!(bar_chart(&[], 4), "");
    }
}
