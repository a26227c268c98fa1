//! Reads the rules and their tests, as far as they are looked at here: one key a line.

pub(crate) const RULES: &str = include_str!("../../ops/prometheus/rules.yml");
pub(crate) const TESTS: &str = include_str!("../../ops/prometheus/rules_test.yml");

/// An alert: its name, and its expression on one line.
pub(crate) struct Alert<'a> {
    pub(crate) name: &'a str,
    pub(crate) expr: String,
}

/// The alerts of a file of rules.
pub(crate) fn alerts(rules: &str) -> impl Iterator<Item = Alert<'_>> {
    rules.split("- alert: ").skip(1).map(|rule| {
        let name = rule.lines().next().unwrap();
        let (_, rest) = rule.split_once("expr:").expect("an alert has an expression");
        let keys = ["for:", "labels:", "keep_firing_for:"];
        let lines = rest.lines().map(str::trim);
        let expr: Vec<&str> = lines
            .take_while(|line| !keys.iter().any(|key| line.starts_with(key)))
            .filter(|line| !["", "|"].contains(line))
            .collect();
        Alert { name, expr: expr.join(" ") }
    })
}

/// The series that tests of rules are given.
pub(crate) fn series(tests: &str) -> impl Iterator<Item = &str> {
    tests.split("series: '").skip(1).map(|rest| rest.split('\'').next().unwrap())
}

/// What one test holds an alert to: whether it fires, and the names of the metrics that there are.
pub(crate) struct Case<'a> {
    pub(crate) test: &'a str,
    pub(crate) alert: &'a str,
    pub(crate) fires: bool,
    pub(crate) metrics: Vec<&'a str>,
}

/// The cases of all tests of rules.
pub(crate) fn cases(tests: &str) -> impl Iterator<Item = Case<'_>> {
    tests.split("  - name: ").skip(1).flat_map(|test| {
        let names = series(test).map(|series| series.split('{').next().unwrap());
        let metrics: Vec<&str> = names.collect();
        let name = test.lines().next().unwrap();
        test.split("alertname: ").skip(1).map(move |case| {
            let alert = case.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            Case {
                test: name,
                alert,
                fires: case.contains("- exp_labels"),
                metrics: metrics.clone(),
            }
        })
    })
}

/// The value of a label of a series.
pub(crate) fn label<'a>(series: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = series.split_once(&format!("{name}=\""))?;
    value.split('"').next()
}
