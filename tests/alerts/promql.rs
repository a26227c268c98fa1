//! Reads expressions of Prometheus, as far as they are looked at here.

use std::collections::BTreeSet;

/// Words of the language that are followed by a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Its other words.
const WORDS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];

/// The names of the metrics that an expression reads.
pub(crate) fn metrics(expr: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut rest = expr;
    let mut in_labels = false;
    while let Some(first) = rest.chars().next() {
        let word =
            rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).next();
        let word = word.unwrap();
        if word.is_empty() {
            // Matchers, ranges and texts name no metric.
            let (open, close) = match first {
                '{' => (1, '}'),
                '[' => (1, ']'),
                '"' => (1, '"'),
                _ => (0, first),
            };
            in_labels &= first != ')';
            rest = &rest[open..];
            rest = &rest[rest.find(close).map_or(rest.len(), |at| at + close.len_utf8())..];
            continue;
        }
        rest = &rest[word.len()..];
        let is_called = rest.trim_start().starts_with('(');
        if BEFORE_LABELS.contains(&word) {
            in_labels = is_called;
        } else if !(in_labels
            || is_called
            || WORDS.contains(&word)
            || is_aggregation(word, rest)
            || first.is_ascii_digit())
        {
            names.insert(word);
        }
    }
    names
}

/// The labels that an expression's series have: those of all its aggregations. `None` when it has none, so
/// that the metrics' own labels stay.
pub(crate) fn kept_labels(expr: &str) -> Option<BTreeSet<&str>> {
    let lists = expr.split("by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    let labels: BTreeSet<&str> = lists.flat_map(|list| list.split(", ")).collect();
    let is_one = ["sum(", "min(", "max("].iter().any(|start| expr.starts_with(start));
    (is_one || !labels.is_empty()).then_some(labels)
}

/// Whether a word is the operator of `sum by (…) (…)`.
fn is_aggregation(word: &str, rest: &str) -> bool {
    let next = rest.trim_start().split(' ').next().unwrap();
    ["sum", "min", "max", "avg", "count"].contains(&word) && ["by", "without"].contains(&next)
}

#[test]
fn metrics_are_told_from_other_words() {
    for (expr, expected) in [
        ("up{job=\"recsys\"} == 0", &["up"][..]),
        (
            "sum by (instance, topic) (rate(a_total[5m])) > 0.9 * avg(b offset 5m)",
            &["a_total", "b"],
        ),
        ("sum(rate(a[1m])) by (le) / c > 1e3 or absent(d{x=~\"e|f\"})", &["a", "c", "d"]),
        ("a and on (job) b == 1 unless c", &["a", "b", "c"]),
        ("histogram_quantile(0.95, sum by (route, le)(rate(a_bucket[1m])))", &["a_bucket"]),
        ("a:b:c * 100", &["a:b:c"]),
    ] {
        assert!(
            metrics(expr).into_iter().eq(expected.iter().copied()),
            "{expr}: {:?}",
            metrics(expr)
        );
    }
}

#[test]
fn labels_that_are_kept_are_told_from_others() {
    let cases: [(&str, Option<&[&str]>); 6] = [
        ("up", None),
        ("rate(a_total[1m])", None),
        ("sum(rate(a[1m])) / sum(b)", Some(&[])),
        ("sum by (c, d) (rate(a[1m]))", Some(&["c", "d"])),
        ("histogram_quantile(0.5, sum by (route, le)(rate(a_bucket[1m])))", Some(&["le", "route"])),
        ("sum by (c) (a) or sum by (d) (b)", Some(&["c", "d"])),
    ];
    for (expr, expected) in cases {
        let expected = expected.map(|labels| labels.iter().copied().collect());
        assert_eq!(kept_labels(expr), expected, "{expr}");
    }
}
