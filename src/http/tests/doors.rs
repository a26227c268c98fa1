//! Who is let in: tokens, visitors' keys, limits, and what answers say of it.

use super::client::Reply;
use super::fixture::{Engine, Fixture, http_config};
use crate::access::{Scope, SigningSecret, Token, VisitorClaims, secret_line, token_line};
use crate::config::{Admission, HttpConfig};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// A request of another machine, as a proxy passes it on.
const FROM_AFAR: &str = "X-Forwarded-For: 192.0.2.1";
const EVENT: &str =
    r#"{"eventType":"view","userId":"user1","product":"p","timestamp":"2025-04-01T12:00:00Z"}"#;
const WEIGHTS: &str = r#"{"view":1,"add_to_cart":3,"purchase":5}"#;

/// A token of each scope, and a secret for visitors' keys.
struct Known {
    tokens: Vec<(Scope, Token)>,
    secret: SigningSecret,
}

impl Known {
    fn new() -> Known {
        let token = |scope| (scope, Token::new().unwrap());
        Known {
            tokens: Scope::ALL.into_iter().map(token).collect(),
            secret: SigningSecret::random().unwrap(),
        }
    }

    fn lines(&self) -> String {
        let lines =
            self.tokens.iter().map(|(scope, token)| token_line(scope.name(), *scope, token));
        lines.chain([secret_line("pages", &self.secret)]).collect::<Vec<_>>().join("\n")
    }

    fn header(&self, scope: Scope) -> String {
        let (_, token) = self.tokens.iter().find(|(known, _)| *known == scope).unwrap();
        format!("Authorization: Bearer {}", token.expose())
    }

    fn key(&self, claims: &VisitorClaims) -> String {
        format!("Authorization: Bearer {}", self.secret.sign("pages", claims))
    }
}

fn config(reads: Admission, writes: Admission, lines: &str) -> HttpConfig {
    let mut http = http_config();
    http.access.reads = reads;
    http.access.writes = writes;
    http.access.tokens = lines.parse().unwrap();
    http
}

fn locked(known: &Known) -> Fixture {
    Fixture::with(Engine::Scripted, config(Admission::Token, Admission::Token, &known.lines()))
}

fn soon() -> u64 {
    (jiff::Timestamp::now().as_second() + 60).try_into().unwrap()
}

fn statuses(fixture: &Fixture, header: &str) -> Vec<u16> {
    let requests = [
        ("GET /healthz", ""),
        ("GET /api/trending", ""),
        ("GET /api/recommendations/user1", ""),
        ("GET /api/user-activity/user1", ""),
        ("POST /api/user-behavior", EVENT),
        ("POST /api/users/user1/forget", ""),
        ("POST /api/recommendation/weights", WEIGHTS),
    ];
    let status = |(request, body)| fixture.send(&format!("{request}\n{header}"), body).status;
    requests.map(status).to_vec()
}

#[test]
fn each_scope_is_let_in_for_what_it_grants() {
    let known = Known::new();
    let fixture = locked(&known);
    let nobody = [200, 401, 401, 401, 401, 401, 401];
    assert_eq!(statuses(&fixture, ""), nobody);
    assert_eq!(statuses(&fixture, "Authorization: Basic dTpw"), nobody);
    let own = "Origin: http://127.0.0.1";
    for (scope, expected) in [
        (Scope::Public, [200, 200, 403, 403, 201, 403, 403]),
        (Scope::Read, [200, 200, 200, 200, 403, 403, 403]),
        (Scope::Write, [200, 200, 200, 200, 201, 201, 403]),
        (Scope::Admin, [200, 200, 200, 200, 201, 201, 200]),
    ] {
        let header = format!("{}\n{own}", known.header(scope));
        assert_eq!(statuses(&fixture, &header), expected, "{scope:?}");
    }
    assert_eq!(statuses(&fixture, "Authorization: Bearer recsys_x"), nobody);
}

#[test]
fn settings_say_who_needs_no_token() {
    use Admission::{Anyone, Loopback, Token};
    let known = Known::new();
    let both = "read, write";
    for (reads, writes, here, afar) in [
        (Anyone, Loopback, [200, 201], [200, 401]),
        (Loopback, Anyone, [200, 201], [401, 201]),
        (Token, Loopback, [401, 201], [401, 401]),
        (Anyone, Anyone, [200, 201], [200, 201]),
    ] {
        let fixture = Fixture::with(Engine::Scripted, config(reads, writes, &known.lines()));
        for (header, expected) in [("", here), (FROM_AFAR, afar)] {
            let read = fixture.send(&format!("GET /api/user-profile/user1\n{header}"), "");
            let write = fixture.send(&format!("POST /api/user-behavior\n{header}"), EVENT);
            assert_eq!([read.status, write.status], expected, "{both}: {reads:?}, {writes:?}");
        }
    }
}

#[test]
fn a_refusal_says_what_is_missing() {
    let known = Known::new();
    let fixture = locked(&known);
    let missing = fixture.send("POST /api/user-behavior", EVENT);
    assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"recsys\""));
    assert!(missing.body.contains("(http.writes)"), "{missing:?}");
    let header = known.header(Scope::Read);
    let scant = fixture.send(&format!("POST /api/user-behavior\n{header}"), EVENT);
    assert_eq!(scant.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
    assert!(scant.body.contains("the token read has the scope read"), "{scant:?}");
    assert!(fixture.log.events.lock().unwrap().is_empty(), "nothing of it is stored");
}

#[test]
fn a_visitors_key_reads_that_visitors_lists_and_nothing_else() {
    let known = Known::new();
    let fixture = locked(&known);
    let origin = Some("https://shop.example".to_owned());
    let key = known.key(&VisitorClaims::new("user1", soon(), origin.clone()));
    assert_eq!(statuses(&fixture, &key), [200, 403, 200, 403, 403, 403, 403]);
    let ask = |path: &str, key: &str, origin: &str| {
        fixture.send(&format!("GET {path}\n{key}\nOrigin: {origin}"), "").status
    };
    let (own, other) = ("https://shop.example", "https://other.example");
    for (path, origin, expected) in [
        ("/api/user-profile/user1", own, 200),
        ("/api/user-profile/user%31", own, 200),
        ("/api/user-profile/user1", other, 403),
        ("/api/user-profile/user2", own, 403),
        ("/api/recommendations/user2", own, 403),
        ("/api/recommendations/user1/why/p", own, 403),
    ] {
        assert_eq!(ask(path, &key, origin), expected, "{path} {origin}");
    }
    let old = known.key(&VisitorClaims::new("user1", soon() - 120, None));
    let reply = fixture.send(&format!("GET /api/user-profile/user1\n{old}"), "");
    assert_eq!(reply.status, 401);
    assert!(reply.body.contains("has expired"), "{reply:?}");
}

#[test]
fn a_public_token_is_for_pages_of_the_allowed_origins() {
    let known = Known::new();
    let mut http = config(Admission::Token, Admission::Token, &known.lines());
    http.cors_origins = vec!["https://shop.example".into()];
    let fixture = Fixture::with(Engine::Scripted, http);
    let token = known.header(Scope::Public).replace("Authorization: Bearer ", "");
    for (origin, expected) in
        [("Origin: https://shop.example", 201), ("Origin: https://other.example", 403), ("", 403)]
    {
        let header = format!("Authorization: Bearer {token}\n{origin}");
        let by_header = fixture.send(&format!("POST /api/user-behavior\n{header}"), EVENT);
        // As `navigator.sendBeacon` sends it, which sets no header.
        let beacon = format!("POST /api/user-behavior?token={token}\nContent-Type: text/plain");
        let by_query = fixture.send(&format!("{beacon}\n{origin}"), EVENT);
        assert_eq!([by_header.status, by_query.status], [expected; 2], "{origin}");
    }
    let secret = known.header(Scope::Write).replace("Authorization: Bearer ", "");
    let reply = fixture.send(&format!("POST /api/user-behavior?token={secret}"), EVENT);
    assert_eq!(reply.status, 401, "others see what is in a query: {reply:?}");
}

#[test]
fn who_asks_too_often_is_told_when_to_ask_again() {
    let known = Known::new();
    let mut http = config(Admission::Anyone, Admission::Token, &known.lines());
    http.rates.per_address = NonZeroU32::new(1);
    let fixture = Fixture::with(Engine::Scripted, http);
    let ask = || fixture.send("GET /api/trending", "");
    let [first, second, third] = [ask(), ask(), ask()];
    assert_eq!([first.status, second.status, third.status], [200, 200, 429]);
    assert_eq!(first.header("ratelimit-policy"), Some("\"address\";q=1;w=1"));
    assert_eq!(first.header("ratelimit"), Some("\"address\";r=1;t=1"));
    assert_eq!(third.header("ratelimit"), Some("\"address\";r=0;t=1"));
    assert_eq!(third.header("retry-after"), Some("1"));
    assert_eq!(fixture.send("GET /healthz", "").status, 200);
    let header = known.header(Scope::Read);
    let named = fixture.send(&format!("GET /api/trending\n{header}"), "");
    assert_eq!((named.status, named.header("ratelimit")), (200, None));
}

#[test]
fn every_answer_has_an_id_and_is_taken_for_what_it_says() {
    let fixture = Fixture::new();
    let header = |reply: &Reply, name| reply.header(name).map(str::to_owned);
    for request in ["GET /api/trending", "GET /nowhere", "PATCH /healthz", "GET /"] {
        let reply = fixture.send(&format!("{request}\nX-Request-Id: abc-1"), "");
        assert_eq!(header(&reply, "x-request-id").as_deref(), Some("abc-1"), "{request}");
        assert_eq!(header(&reply, "x-content-type-options").as_deref(), Some("nosniff"));
    }
    let [one, other] = [0; 2].map(|_| header(&fixture.send("GET /healthz", ""), "x-request-id"));
    assert!(one.is_some() && one != other);
    let page = fixture.send("GET /", "");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let is_inline =
        |script: &str| !script.starts_with(" src=") && !script.contains(" src=\"/console/");
    assert!(!page.body.split("<script").skip(1).any(is_inline), "the policy allows none");
    let docs = fixture.send("GET /docs", "");
    let policy = docs.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!docs.body.contains("<script"), "the policy allows none");
}

#[test]
fn tokens_change_with_their_file() {
    let known = Known::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, known.lines()).unwrap();
    let mut http = config(Admission::Token, Admission::Token, "");
    http.access.tokens_file = Some(file.clone());
    let fixture = Fixture::with(Engine::Scripted, http);
    let newer = Known::new();
    let status = |known: &Known| {
        fixture.send(&format!("GET /api/status\n{}", known.header(Scope::Read)), "").status
    };
    assert_eq!([status(&known), status(&newer)], [200, 401]);
    let until = |expected: [u16; 2]| {
        let begun = Instant::now();
        while [status(&known), status(&newer)] != expected {
            assert!(begun.elapsed() < Duration::from_secs(20), "the file was not read again");
        }
    };
    let mut listener = fixture.connect();
    listener.send(&format!("GET /api/stream\n{}", known.header(Scope::Read)), "");
    listener.lines_until("event: pulse");
    std::fs::write(&file, newer.lines()).unwrap();
    until([401, 200]);
    // Whoever has listened by a token that is none any more hears no more.
    listener.lines_until("0");
    // What is bad changes nothing, and what is good after it does again.
    std::fs::write(&file, "shop write x").unwrap();
    std::fs::write(&file, known.lines()).unwrap();
    until([200, 401]);
}
