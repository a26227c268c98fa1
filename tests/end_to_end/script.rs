//! `recsys.js`, in a browser: on a shop's page beside the engine, and beside one that fails.

use crate::harness::{Process, alone, event, eventually, free_port};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The script as it is served.
const SCRIPT: &str = include_str!("../../src/http/recsys.js");

/// A request that a shop has got.
#[derive(Debug)]
struct Request {
    /// The method and the target.
    line: String,
    /// Their names in lower case.
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Request> {
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let line = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            lines.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        Some(Request { line, headers, body: String::from_utf8(body).unwrap() })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A shop's server: it has pages and, below `/engine/`, answers as an engine in trouble might. It tells of all
/// other requests.
struct Shop {
    port: u16,
    requests: Receiver<Request>,
}

/// The statuses with which a shop's engine answers events, the last first; 201 when there are no more.
type Statuses = Arc<Mutex<Vec<u16>>>;

impl Shop {
    /// Serves pages, each by its path.
    fn open(port: u16, pages: Vec<(&'static str, String)>, statuses: &[u16]) -> Shop {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (told, requests) = channel();
        let statuses: Statuses = Arc::new(Mutex::new(statuses.iter().rev().copied().collect()));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (pages, told, statuses) = (pages.clone(), told.clone(), statuses.clone());
                std::thread::spawn(move || answer(&stream.unwrap(), &pages, &told, &statuses));
            }
        });
        Shop { port, requests }
    }

    /// The next request that starts so.
    fn next(&self, begin: &str) -> Request {
        loop {
            let next = self.requests.recv_timeout(Duration::from_secs(60));
            let next = next.unwrap_or_else(|error| panic!("{begin}: {error}"));
            if next.line.starts_with(begin) {
                return next;
            }
        }
    }
}

fn answer(
    mut stream: &TcpStream,
    pages: &[(&'static str, String)],
    told: &Sender<Request>,
    statuses: &Statuses,
) {
    // The browser opens connections that it may never use.
    let Some(request) = Request::read(stream) else { return };
    let page = pages.iter().find(|(path, _)| request.line == format!("GET {path}"));
    let is_event = request.line.starts_with("POST /engine/api/user-behavior");
    let is_ranking = request.line.contains("/engine/api/") && !is_event;
    let (status, content_type, body) = match page {
        Some((path, page)) if path.ends_with(".js") => (200, "text/javascript", page.clone()),
        Some((_, page)) => (200, "text/html", format!("<!doctype html><meta charset=utf-8>{page}")),
        None if is_event => {
            (statuses.lock().unwrap().pop().unwrap_or(201), "application/json", "{}".into())
        }
        None if is_ranking => (200, "application/json", r#"[{"id":"a/b","name":"<i>A"}]"#.into()),
        None => (200, "application/json", "{}".into()),
    };
    // Nobody listens once a test has ended.
    let _ = told.send(request);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// A browser with a page open, ended when dropped.
struct Browser(Child);

impl Browser {
    fn open(profile: &Path, shop: &Shop) -> Browser {
        let browser = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("http://127.0.0.1:{}/", shop.port))
            .stderr(Stdio::null())
            .spawn();
        Browser(browser.expect("chromium is there"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A page that loads the script with attributes, and then runs its own, which may tell the shop something.
fn page(source: &str, attributes: &str, own: &str) -> String {
    let tell =
        r#"const tell = (it) => fetch("/told", { method: "POST", body: JSON.stringify(it) });"#;
    let load = format!(r#"<script src="{source}/recsys.js" {attributes}></script>"#);
    format!("{load}<ul id=shown></ul><script>{tell}{own}</script>")
}

#[test]
#[ignore = "needs Chromium, which scripts/test installs"]
fn a_page_tells_the_engine_and_shows_what_it_recommends() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let port = free_port();
    let let_in = format!("http.cors_origins=http://127.0.0.1:{port}");
    let engine = Process::spawn(alone(folders[0].path()), "1", &["--set", &let_in]);
    engine.wait_ready();
    let of_visitor = |visitor: u32| {
        let user = format!("visitor{visitor}");
        ["p1", "p2", "p3"].map(|product| event("view", &user, product, &["t"]))
    };
    engine.post(&Value::from_iter((0..5).flat_map(of_visitor)));
    let source = format!("http://127.0.0.1:{}", engine.port);
    let first = r#"
        recsys.view("p1", { tags: ["t"] });
        const before = localStorage.recsys ?? null;
        recsys.consent(true);
        tell({ before, session: recsys.session() }).then(() => {
            recsys.purchase("p3");
            location = "/second";
        });"#;
    let second = r#"
        const ids = (products) => products.map((it) => it.id);
        recsys.recommend("home", shown, { n: 3 })
            .then(() => recsys.recommend("home", ids, { n: 3 }))
            .then((ids) => tell({ session: recsys.session(), html: shown.outerHTML, ids }))
            .then(() => recsys.consent(false))
            .then(() => tell({ after: localStorage.recsys ?? null, session: recsys.session() }));"#;
    let pages = vec![
        ("/", page(&source, "", first)),
        ("/second", page(&source, r#"data-link="/p/{id}""#, second)),
    ];
    let shop = Shop::open(port, pages, &[]);
    let _browser = Browser::open(folders[1].path(), &shop);

    let told = shop.next("POST /told").json();
    let session = told["session"].as_str().unwrap().to_owned();
    assert!(told["before"].is_null() && !session.is_empty(), "without consent: {told}");
    let told = shop.next("POST /told").json();
    assert_eq!(told["session"], session, "it is the same on the next page");
    let ids = told["ids"].as_array().unwrap();
    assert!(ids.contains(&json!("p2")), "{told}");
    let html = told["html"].as_str().unwrap();
    assert!(html.contains(r#"<li><a href="/p/p2">p2</a></li>"#), "{html}");
    assert_eq!(html.matches("<li>").count(), ids.len(), "{html}");
    let told = shop.next("POST /told").json();
    assert!(told["after"].is_null() && told["session"] != session, "without it again: {told}");

    // What the page told as it was left has come as well.
    let heard = || {
        let events = engine.get("/api/user-behavior?limit=1000");
        let events = events.as_array().unwrap().iter();
        let by_visitor = events.filter(|event| event["userId"] == session);
        by_visitor
            .map(|it| format!("{} {}", it["eventType"], it["product"]))
            .collect::<BTreeSet<_>>()
    };
    let all = BTreeSet::from([r#""view" "p1""#, r#""purchase" "p3""#].map(str::to_owned));
    eventually("what the page told", || heard() == all);
}

#[test]
#[ignore = "needs Chromium, which scripts/test installs"]
fn what_is_not_taken_is_told_again_and_what_is_bad_is_not() {
    let profile = tempfile::tempdir().unwrap();
    let port = free_port();
    let endpoint = format!("http://127.0.0.1:{port}/engine/");
    // Leaves the page while its last event waits to be told again.
    let first = r#"
        const ask = fetch;
        let answers = 0;
        window.fetch = async (...of) => {
            const answer = await ask(...of);
            answers += String(of[0]).endsWith("user-behavior");
            if (answers == 4) location = "/second";
            return answer;
        };
        recsys.view("a", { category: "c" });
        recsys.cart("b");
        recsys.uncart("c");"#;
    let second = r#"
        recsys.recommend("home", shown, { n: 2, onlyTags: ["x", "y"] })
            .then(() => tell(shown.innerHTML));"#;
    let with_token = format!(r#"data-endpoint="{endpoint}" data-token="t k""#);
    let with_key = format!(r#"{with_token} data-key="k" data-user="u/1""#);
    let pages = vec![
        ("/", page("", &with_token, first)),
        ("/second", page("", &with_key, second)),
        ("/recsys.js", SCRIPT.to_owned()),
    ];
    let shop = Shop::open(port, pages, &[503, 201, 400, 429]);
    let _browser = Browser::open(profile.path(), &shop);

    let told = "POST /engine/api/user-behavior";
    let sent: Vec<_> = (0..4).map(|_| shop.next(told)).collect();
    assert!(sent.iter().all(|it| it.line == told && it.header("authorization") == "Bearer t k"));
    let events: Vec<_> = sent.iter().map(Request::json).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["view", "view", "add_to_cart", "remove_from_cart"]);
    assert_eq!(events[0], events[1], "it is told again with the id that it had");
    assert_eq!((&events[0]["product"], &events[0]["category"]), (&json!("a"), &json!("c")));
    assert_ne!(events[1]["eventId"], events[2]["eventId"]);
    let beacon = shop.next(told);
    assert_eq!(beacon.line, format!("{told}?token=t+k"));
    assert_eq!(beacon.header("content-type"), "text/plain;charset=UTF-8");
    assert_eq!((beacon.header("authorization"), beacon.json()), ("", json!([events[3]])));

    let asked = shop.next("GET /engine/");
    let target = "api/recommendations/u%2F1?placement=home&n=2&onlyTags=x%2Cy";
    assert_eq!(asked.line, format!("GET /engine/{target}"));
    assert_eq!(asked.header("authorization"), "Bearer k");
    let html = shop.next("POST /told").json();
    assert_eq!(html, r#"<li><a href="/products/a%2Fb">&lt;i&gt;A</a></li>"#);
}
