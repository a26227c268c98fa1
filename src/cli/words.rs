//! What commands show to people: columns, bars, and answers in words. What comes from others cannot steer the terminal.

use serde_json::Value;
use std::fmt::Write;

/// The widest bar.
const WIDEST: u8 = 30;

/// Lines of cells under each other: those that are numbers to the right, all others to the left.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let width = |column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or_default();
    let is_number = |column| {
        let mut filled = cells(column).filter(|cell| !cell.is_empty());
        filled.all(|cell| cell.trim_end_matches(['%', ' ']).parse::<f64>().is_ok())
    };
    let columns: Vec<(usize, bool)> =
        (0..count).map(|column| (width(column), is_number(column))).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, (width, is_number)) in row.iter().zip(&columns) {
            let _ = match is_number {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text of somebody else's, with U+FFFD for what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A bar as long as its share of the largest.
pub(super) fn bar(value: f64, largest: f64) -> String {
    let share = if largest > 0.0 { (value / largest).clamp(0.0, 1.0) } else { 0.0 };
    // A step is there from its half on.
    (0..WIDEST)
        .filter(|&step| (f64::from(step) + 0.5) / f64::from(WIDEST) < share)
        .map(|_| '█')
        .collect()
}

/// A field as text: a text as it is, anything else as JSON, nothing as nothing.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The texts of a list.
pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// The parts of a score in words, each with its share, the largest first.
pub(super) fn reasons(reasons: &Value, score: f64) -> String {
    let parts = reasons.as_array().into_iter().flatten();
    let parts = parts.map(|reason| {
        let share = reason["score"].as_f64().unwrap_or_default() / score * 100.0;
        match share.is_finite() {
            true => format!("{} {share:.0} %", cause(reason)),
            false => cause(reason),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// What a part of a score comes from.
pub(super) fn cause(reason: &Value) -> String {
    let named = |name: &str| text(&reason[name]);
    match reason["type"].as_str().unwrap_or_default() {
        "product" => format!("goes with {}", named("product")),
        "related" => format!("like {}", named("product")),
        "tag" => format!("tag {}", named("tag")),
        "seen" => "seen in this visit".into(),
        "seen_before" => "seen before".into(),
        "popular" => "popular".into(),
        "rule" => format!("{} by rule {}", named("action"), named("rule")),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_stand_to_the_right_and_nothing_steers_the_terminal() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["a", "9", "x"]), row(["bcd", "10.5", "\u{1b}[2J"])];
        assert_eq!(columns(&rows), "a       9  x\nbcd  10.5  \u{fffd}[2J\n");
        assert_eq!(columns(&[]), "");
    }

    #[test]
    fn bars_are_shares_of_the_largest() {
        let length = |value, largest| bar(value, largest).chars().count();
        assert_eq!([length(5.0, 5.0), length(2.5, 5.0), length(0.0, 5.0)], [30, 15, 0]);
        assert_eq!([length(1.0, 0.0), length(-1.0, 5.0)], [0, 0]);
    }

    #[test]
    fn reasons_are_told_in_words() {
        let told = json!([
            {"type": "tag", "tag": "shoes", "score": 3}, {"type": "product", "product": "p1", "score": 1},
            {"type": "rule", "action": "pin", "rule": "summer", "score": 0}
        ]);
        assert_eq!(
            reasons(&told, 4.0),
            "tag shoes 75 %, goes with p1 25 %, pin by rule summer 0 %"
        );
        assert_eq!(reasons(&json!([{"type": "popular", "score": 0}]), 0.0), "popular");
    }
}
