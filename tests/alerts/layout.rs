//! What an operator sees of a panel before its data: what it is about, in which unit, and where it stands.

use crate::panels::DASHBOARDS;
use crate::rules::{RULES, alerts};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const COMPOSE: &str = include_str!("../../docker-compose.yml");

fn dashboards() -> [Value; DASHBOARDS.len()] {
    DASHBOARDS.map(|dashboard| serde_json::from_str(dashboard).unwrap())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter()
}

/// The panels with data.
fn with_data(dashboard: &Value) -> impl Iterator<Item = &Value> {
    panels(dashboard).filter(|panel| !["row", "text"].contains(&text(panel, "type")))
}

#[test]
fn a_panel_says_what_it_shows_and_in_which_unit() {
    for dashboard in &dashboards() {
        let mut titles = BTreeSet::new();
        for panel in with_data(dashboard) {
            let title = text(panel, "title");
            let place = format!("{}: {title:?}", text(dashboard, "title"));
            assert!(!title.is_empty() && titles.insert(title), "{place}: there is another one");
            assert!(text(panel, "description").ends_with('.'), "{place} has no description");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(defaults, "unit").is_empty(), "{place} has no unit");
            let steps = defaults["thresholds"]["steps"].as_array();
            let is_colored = steps.is_some_and(|steps| !steps.is_empty());
            assert!(is_colored || text(panel, "type") == "heatmap", "{place} has no thresholds");
            for target in panel["targets"].as_array().unwrap() {
                let source = &target["datasource"]["uid"];
                assert!(source == "prometheus", "{place} asks {source}");
            }
        }
        assert!(!titles.is_empty());
    }
}

#[test]
fn each_row_begins_with_what_it_tells() {
    for dashboard in &dashboards() {
        let panels: Vec<&Value> = panels(dashboard).collect();
        assert_eq!(text(panels[0], "type"), "row", "panels stand in rows");
        for (row, next) in panels.iter().zip(&panels[1..]).filter(|(it, _)| it["type"] == "row") {
            let title = text(row, "title");
            assert!(text(next, "type") == "text", "{title} begins with no text");
            assert!(!text(&next["options"], "content").is_empty(), "{title}");
        }
    }
}

#[test]
fn no_panel_covers_another() {
    for dashboard in &dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in panels(dashboard) {
            let title = text(panel, "title");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(x + w <= 24, "{title} is too wide");
            for place in (y..y + h).flat_map(|row| (x..x + w).map(move |column| (row, column))) {
                assert!(taken.insert(place), "{title} covers another panel at {place:?}");
            }
        }
    }
}

#[test]
fn alerts_that_a_panel_names_are_there() {
    let alerts: BTreeSet<String> = alerts(RULES).map(|alert| alert.name.to_owned()).collect();
    let mut named = 0;
    for dashboard in &dashboards() {
        for panel in panels(dashboard) {
            let texts = [text(panel, "description"), text(&panel["options"], "content")];
            for word in texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())) {
                // Names of alerts are words end to end, each with a capital.
                let is_capital = |c: char| c.is_ascii_uppercase();
                let is_name = word != "ZooKeeper"
                    && word.starts_with(is_capital)
                    && word.matches(is_capital).count() > 1
                    && word.contains(|c: char| c.is_ascii_lowercase());
                if is_name {
                    assert!(alerts.contains(word), "{}: no alert {word}", text(panel, "title"));
                    named += 1;
                }
            }
        }
    }
    assert!(named > 0);
}

#[test]
fn grafana_gets_every_dashboard_and_begins_with_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ops/grafana/dashboards");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, DASHBOARDS.len(), "a file in {} is not looked at", folder.display());
    let (_, home) = COMPOSE.split_once("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: ").unwrap();
    let home = Path::new(home.lines().next().unwrap());
    assert!(folder.join(home.file_name().unwrap()).exists(), "there is no {}", home.display());
    let uids: BTreeSet<String> =
        dashboards().iter().map(|dashboard| text(dashboard, "uid").to_owned()).collect();
    assert_eq!(uids.len(), DASHBOARDS.len(), "{uids:?}");
}
