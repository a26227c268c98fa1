//! Reads the dashboards of Grafana.

use serde_json::Value;

pub(crate) const DASHBOARDS: [&str; 3] = [
    include_str!("../../ops/grafana/dashboards/shop.json"),
    include_str!("../../ops/grafana/dashboards/engine.json"),
    include_str!("../../ops/grafana/dashboards/quality.json"),
];

/// One query of a panel.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) expr: String,
    pub(crate) legend: String,
}

/// The queries of all panels of all dashboards.
pub(crate) fn panels() -> Vec<Panel> {
    let mut panels = Vec::new();
    for dashboard in DASHBOARDS {
        let dashboard: Value = serde_json::from_str(dashboard).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            for target in panel["targets"].as_array().into_iter().flatten() {
                panels.push(Panel {
                    title: text(&panel["title"]),
                    kind: text(&panel["type"]),
                    expr: text(&target["expr"]),
                    legend: text(&target["legendFormat"]),
                });
            }
        }
    }
    assert!(!panels.is_empty());
    panels
}
