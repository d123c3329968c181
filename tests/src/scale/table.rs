//! Tables for people, in Markdown, printed row by row.

/// Prints the head of a table.
pub fn head(columns: &[&str]) {
    println!("| {} |", columns.join(" | "));
    println!("|{}", " ---: |".repeat(columns.len()));
}

/// Prints a row.
pub fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// A number with three digits that count, large ones with blanks between the thousands.
#[must_use]
pub fn number(x: f64) -> String {
    let decimals = match x.abs() {
        x if x >= 100.0 || x == 0.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{x:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 && whole.as_bytes()[i - 1] != b'-' {
            out.push(' ');
        }
        out.push(digit);
    }
    out + rest
}

/// A part of a whole, in per cent.
#[must_use]
pub fn percent(part: f64) -> String {
    format!("{} %", number(part * 100.0))
}

#[cfg(test)]
mod tests {
    use super::{number, percent};

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.1234, 1.234, 56.78, 1234.5, 10_000_000.0].map(number);
        assert_eq!(shown, ["0", "0.123", "1.23", "56.8", "1 234", "10 000 000"]);
        assert_eq!(percent(0.5), "50.0 %");
    }
}
