//! The page, in a browser.

use crate::harness::{Process, prefix, services};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
#[ignore = "needs the services that scripts/test starts, and Chromium"]
fn the_page_has_links_that_lead_somewhere() {
    let _services = services();
    let process = Process::ready(&prefix("page"), "1");
    let profile = tempfile::tempdir().unwrap();
    let page = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://127.0.0.1:{}/", process.port))
        .output()
        .expect("chromium is there");
    let dom = String::from_utf8(page.stdout).unwrap();
    let links: BTreeSet<&str> =
        dom.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for wanted in ["/api/user-profile/user1", "/api/recommendations/user1?n=10", "/api/trending"] {
        assert!(links.contains(wanted), "{wanted} is missing in\n{dom}");
    }
    for link in links {
        let (status, answer) = process.try_call("GET", link, "").expect("the front answers");
        assert_eq!(status, 200, "{link}: {answer}");
    }
}
