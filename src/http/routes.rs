//! The routes as data, how a path finds its route, and the handler of each.

use crate::access::Right;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::query::Query;
use crate::http::rankings::{RULES, WHY_RULES};
use crate::http::reply::Reply;
use crate::http::{
    behavior, changes, collect, config, forgets, import, lab, learned, lists, live, operations,
    pages, products, rankings, reads, ready, settings,
};
use hyper::body::Incoming;

/// The method of a request. Any other than these is [`Verb::Other`], which bounds the metrics'
/// labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Other,
}

impl Verb {
    pub(super) const COUNT: usize = 7;

    pub(super) fn of(method: &hyper::Method) -> Verb {
        match method.as_str() {
            "GET" => Verb::Get,
            "HEAD" => Verb::Head,
            "POST" => Verb::Post,
            "PUT" => Verb::Put,
            "DELETE" => Verb::Delete,
            "OPTIONS" => Verb::Options,
            _ => Verb::Other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Head => "HEAD",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
            Verb::Options => "OPTIONS",
            Verb::Other => "OTHER",
        }
    }
}

/// The routes, in the order of [`ROUTES`]. The service matches on them to choose a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Profile,
    Profiles,
    Activity,
    Recommendations,
    Lists,
    Why,
    Session,
    Similar,
    ProductActivity,
    Product,
    Products,
    Trending,
    LabRecommendations,
    LabProfile,
    Behavior,
    Segment,
    Ga4,
    Merge,
    Forget,
    User,
    Config,
    Settings,
    Weights,
    Quality,
    RankingWeights,
    AcceptWeights,
    ResetWeights,
    Checkpoint,
    Metrics,
    Health,
    Ready,
    Status,
    Stream,
    DeadLetters,
    Changes,
    OpenApi,
    Script,
    Docs,
    Page,
    Console,
}

/// A route's pattern, which is also its label in the metrics, and its methods.
pub(super) struct RouteSpec {
    pub(super) pattern: &'static str,
    pub(super) methods: &'static [MethodSpec],
}

/// A method of a route, and the names of the parameters that its query may have.
pub(super) struct MethodSpec {
    pub(super) verb: Verb,
    /// What whoever asks must have.
    pub(super) right: Right,
    pub(super) parameters: &'static [&'static str],
}

const NONE: &[&str] = &[];
const FORMAT: &[&str] = &["format"];
const OPEN: &[MethodSpec] = &[method(Verb::Get, Right::Open, NONE)];
const READ: &[MethodSpec] = &[get(NONE)];
const READ_BY_POST: &[MethodSpec] = &[method(Verb::Post, Right::Read, NONE)];
/// The parameter for a public token, which those send that can set no header.
pub(super) const TOKEN: &str = "token";
const SESSION: &[MethodSpec] = &[method(Verb::Post, Right::Browse, &[TOKEN])];
/// What trends take: a tag, and the rules of every ranking.
const TAG_AND_RULES: [&str; RULES.len() + 1] = {
    let mut all = ["tag"; RULES.len() + 1];
    let (_, rules) = all.split_at_mut(1);
    rules.copy_from_slice(RULES);
    all
};

const PROFILE: &[MethodSpec] = &[method(Verb::Get, Right::Visitor, FORMAT)];
const PROFILES_BY_POST: &[MethodSpec] = &[method(Verb::Post, Right::Read, FORMAT)];
const RANKING: &[MethodSpec] = &[method(Verb::Get, Right::Visitor, RULES)];
const SIMILAR: &[MethodSpec] = &[method(Verb::Get, Right::Browse, RULES)];
const WHY: &[MethodSpec] = &[get(WHY_RULES)];
const PRODUCT: &[MethodSpec] = &[
    method(Verb::Get, Right::Browse, NONE),
    method(Verb::Put, Right::Write, &["wait"]),
    delete(&["wait"]),
];
const PRODUCTS: &[MethodSpec] = &[
    method(Verb::Get, Right::Browse, &["q", "n", "cursor"]),
    method(Verb::Post, Right::Write, &["wait"]),
];
const TRENDING: &[MethodSpec] = &[method(Verb::Get, Right::Browse, &TAG_AND_RULES)];
const BEHAVIOR: &[MethodSpec] =
    &[get(&["limit"]), method(Verb::Post, Right::Record, &["wait", TOKEN])];
const SEGMENT: &[MethodSpec] = &[method(Verb::Post, Right::Write, &["wait"])];
/// Where Google Analytics has a secret, there is a token here.
pub(super) const SECRET: &str = "api_secret";
const GA4: &[MethodSpec] =
    &[method(Verb::Post, Right::Record, &["measurement_id", "firebase_app_id", SECRET, "wait"])];
const MERGE: &[MethodSpec] = &[method(Verb::Post, Right::Write, &["wait"])];
const FORGET: &[MethodSpec] = &[get(NONE), method(Verb::Post, Right::Write, &["wait"])];
const USER: &[MethodSpec] = &[get(FORMAT), delete(&["wait"])];
const CONFIG: &[MethodSpec] =
    &[get(NONE), put(NONE), post(NONE), method(Verb::Delete, Right::Admin, NONE)];
const WEIGHTS: &[MethodSpec] = &[get(NONE), post(NONE)];
const QUALITY: &[MethodSpec] = &[get(&["days"])];
const RANKING_WEIGHTS: &[MethodSpec] = &[get(NONE), put(NONE)];
const DONE_BY_POST: &[MethodSpec] = &[post(NONE)];
const STREAM: &[MethodSpec] = &[get(&["user"])];
const READY: &[MethodSpec] = &[method(Verb::Get, Right::Open, &["for"])];

/// Every route that the front serves, in the order of [`Route`].
pub(super) static ROUTES: [RouteSpec; 40] = [
    spec("/api/user-profile/{userId}", PROFILE),
    spec("/api/user-profiles", PROFILES_BY_POST),
    spec("/api/user-activity/{userId}", READ),
    spec("/api/recommendations/{userId}", RANKING),
    spec("/api/recommendations", READ_BY_POST),
    spec("/api/recommendations/{userId}/why/{productId}", WHY),
    spec("/api/session/recommendations", SESSION),
    spec("/api/products/{id}/similar", SIMILAR),
    spec("/api/products/{id}/activity", READ),
    spec("/api/products/{id}", PRODUCT),
    spec("/api/products", PRODUCTS),
    spec("/api/trending", TRENDING),
    spec("/api/lab/recommendations", READ_BY_POST),
    spec("/api/lab/profile", PROFILES_BY_POST),
    spec("/api/user-behavior", BEHAVIOR),
    spec("/api/collect/segment", SEGMENT),
    spec("/api/collect/ga4", GA4),
    spec("/api/users/{userId}/merge", MERGE),
    spec("/api/users/{userId}/forget", FORGET),
    spec("/api/users/{userId}", USER),
    spec("/api/config/{path}", CONFIG),
    spec("/api/config", READ),
    spec("/api/recommendation/weights", WEIGHTS),
    spec("/api/quality", QUALITY),
    spec("/api/ranking/weights", RANKING_WEIGHTS),
    spec("/api/ranking/weights/accept", DONE_BY_POST),
    spec("/api/ranking/weights/reset", DONE_BY_POST),
    spec("/api/admin/checkpoint", DONE_BY_POST),
    spec("/metrics", READ),
    spec("/healthz", OPEN),
    spec("/readyz", READY),
    spec("/api/status", READ),
    spec("/api/stream", STREAM),
    spec("/api/dead-letters", READ),
    spec("/api/changes", READ),
    spec("/openapi.json", OPEN),
    spec("/recsys.js", OPEN),
    spec("/docs", OPEN),
    spec("/", OPEN),
    spec("/console/{file}", OPEN),
];

/// What only reads, and so do those below by POST.
const fn get(parameters: &'static [&'static str]) -> MethodSpec {
    method(Verb::Get, Right::Read, parameters)
}

/// What changes how the engine works.
const fn post(parameters: &'static [&'static str]) -> MethodSpec {
    method(Verb::Post, Right::Admin, parameters)
}

const fn put(parameters: &'static [&'static str]) -> MethodSpec {
    method(Verb::Put, Right::Admin, parameters)
}

/// What takes something out that is known.
const fn delete(parameters: &'static [&'static str]) -> MethodSpec {
    method(Verb::Delete, Right::Write, parameters)
}

const fn method(verb: Verb, right: Right, parameters: &'static [&'static str]) -> MethodSpec {
    MethodSpec { verb, right, parameters }
}

const fn spec(pattern: &'static str, methods: &'static [MethodSpec]) -> RouteSpec {
    RouteSpec { pattern, methods }
}

impl Route {
    pub(super) fn spec(self) -> &'static RouteSpec {
        &ROUTES[self as usize]
    }

    /// Has the route's handler answer a request.
    pub(super) async fn handle(
        self,
        verb: Verb,
        call: &Call<'_>,
        body: Incoming,
    ) -> Result<Reply, Fault> {
        let writes = matches!(verb, Verb::Post | Verb::Put);
        match self {
            Route::Profile => reads::profile(call).await,
            Route::Profiles => reads::profiles(call, body).await,
            Route::Activity => reads::activity(call).await,
            Route::Recommendations => rankings::recommendations(call).await,
            Route::Lists => lists::lists(call, body).await,
            Route::Why => rankings::why(call).await,
            Route::Session => rankings::session(call, body).await,
            Route::Similar => rankings::similar(call).await,
            Route::ProductActivity => products::activity(call).await,
            Route::Product if verb == Verb::Delete => products::delete(call).await,
            Route::Product if writes => products::write(call, body).await,
            Route::Product => products::read(call).await,
            Route::Products if writes => import::import(call, body).await,
            Route::Products => products::search(call).await,
            Route::Trending => rankings::trending(call).await,
            Route::LabRecommendations => lab::recommendations(call, body).await,
            Route::LabProfile => lab::profile(call, body).await,
            Route::Behavior if writes => behavior::record(call, body).await,
            Route::Behavior => reads::recent(call).await,
            Route::Segment => collect::take_segment(call, body).await,
            Route::Ga4 => collect::take_ga4(call, body).await,
            Route::Merge => behavior::merge(call, body).await,
            Route::Forget if writes => behavior::forget(call, body).await,
            Route::Forget => forgets::receipt(call).await,
            Route::User if verb == Verb::Delete => behavior::forget(call, body).await,
            Route::User => reads::user(call).await,
            Route::Config if verb == Verb::Delete => config::restore(call).await,
            Route::Config if writes => config::write(call, body).await,
            Route::Config => config::read(call).await,
            Route::Settings => settings::list(call),
            Route::Weights if writes => config::write_weights(call, body).await,
            Route::Weights => config::read_weights(call),
            Route::Quality => learned::quality(call).await,
            Route::RankingWeights if writes => learned::pin(call, body).await,
            Route::RankingWeights => learned::weights(call).await,
            Route::AcceptWeights => learned::accept(call).await,
            Route::ResetWeights => learned::reset(call).await,
            Route::Checkpoint => operations::checkpoint(call).await,
            Route::Metrics => operations::metrics(call),
            Route::Health => Ok(operations::health()),
            Route::Ready => ready::ready(call).await,
            Route::Status => operations::status(call).await,
            Route::Stream => live::stream(call),
            Route::DeadLetters => Ok(operations::dead_letters(call)),
            Route::Changes => changes::list(call).await,
            Route::OpenApi => Ok(operations::openapi()),
            Route::Script => Ok(operations::script()),
            Route::Docs => Ok(pages::docs()),
            Route::Page => Ok(pages::console(call)),
            Route::Console => pages::console_file(call),
        }
    }

    /// Whether the answer to a request waits until all reads show what it stores.
    pub(super) fn waits(self, verb: Verb, query: &str) -> bool {
        // Many rows take the time that their body takes, in any case.
        let of_few = self.spec().method(verb).filter(|_| self != Route::Products);
        let method = of_few.filter(|method| method.parameters.contains(&"wait"));
        method.is_some_and(|method| {
            Query::parse(query, method.parameters)
                .and_then(|query| behavior::waits(&query))
                .unwrap_or(false)
        })
    }

    /// Whether answers tell of a person, so that nobody may store them on the way.
    pub(super) fn is_about_a_person(self) -> bool {
        match self {
            Route::Profile
            | Route::Profiles
            | Route::Activity
            | Route::Recommendations
            | Route::Lists
            | Route::Why
            | Route::Session
            | Route::LabRecommendations
            | Route::LabProfile
            | Route::Behavior
            | Route::Segment
            | Route::Ga4
            | Route::Merge
            | Route::Forget
            | Route::User
            | Route::Stream
            | Route::DeadLetters => true,
            Route::Similar
            | Route::ProductActivity
            | Route::Product
            | Route::Products
            | Route::Trending
            | Route::Config
            | Route::Settings
            | Route::Weights
            | Route::Quality
            | Route::RankingWeights
            | Route::AcceptWeights
            | Route::ResetWeights
            | Route::Checkpoint
            | Route::Metrics
            | Route::Health
            | Route::Ready
            | Route::Status
            | Route::Changes
            | Route::OpenApi
            | Route::Script
            | Route::Docs
            | Route::Page
            | Route::Console => false,
        }
    }

    /// Whether supervisors ask it, which are never too many.
    pub(super) fn is_for_probes(self) -> bool {
        matches!(self, Route::Health | Route::Ready)
    }

    /// Whether operators and their programs need the route when all connections are taken.
    pub(super) fn is_for_operators(self) -> bool {
        matches!(self, Route::Health | Route::Ready | Route::Metrics)
    }
}

impl RouteSpec {
    /// Returns a method, or `None` if the route does not allow it. HEAD is a GET without the body.
    pub(super) fn method(&self, verb: Verb) -> Option<&'static MethodSpec> {
        let verb = if verb == Verb::Head { Verb::Get } else { verb };
        self.methods.iter().find(|method| method.verb == verb)
    }

    /// Returns the methods as the header `Allow` lists them.
    pub(super) fn allow(&self) -> String {
        let mut allow = String::new();
        for MethodSpec { verb, .. } in self.methods {
            allow.push_str(verb.name());
            allow.push_str(if *verb == Verb::Get { ", HEAD, " } else { ", " });
        }
        allow + Verb::Options.name()
    }
}

/// Finds a path's route and the value of the pattern's parameter, still percent-encoded; of several, with what is between.
pub(super) fn find(path: &str) -> Option<(Route, &str)> {
    let mut segments = path.strip_prefix('/')?.splitn(3, '/');
    let (first, second, rest) = (segments.next()?, segments.next(), segments.next());
    // Only the path of a setting may contain slashes.
    let one = rest.filter(|rest| !rest.contains('/'));
    Some(match (first, second, one) {
        ("api", Some("user-profile"), Some(user)) => (Route::Profile, user),
        ("api", Some("user-activity"), Some(user)) => (Route::Activity, user),
        ("api", Some("recommendations"), Some(user)) => (Route::Recommendations, user),
        ("api", Some("recommendations"), None) => match rest {
            Some(rest) => {
                let both = Some(rest).filter(|rest| rest.matches('/').count() == 2)?;
                both.split_once("/why/").map(|_| (Route::Why, both))?
            }
            None => (Route::Lists, ""),
        },
        ("api", Some("recommendation"), Some("weights")) => (Route::Weights, ""),
        ("api", Some("session"), Some("recommendations")) => (Route::Session, ""),
        ("api", Some("lab"), Some("recommendations")) => (Route::LabRecommendations, ""),
        ("api", Some("lab"), Some("profile")) => (Route::LabProfile, ""),
        ("api", Some("collect"), Some("segment")) => (Route::Segment, ""),
        ("api", Some("collect"), Some("ga4")) => (Route::Ga4, ""),
        ("api", Some("products"), Some(product)) => (Route::Product, product),
        ("api", Some("products"), None) => match rest {
            Some(rest) => match before(rest, "/similar") {
                Some(product) => (Route::Similar, product),
                None => (Route::ProductActivity, before(rest, "/activity")?),
            },
            None => (Route::Products, ""),
        },
        ("api", Some("users"), Some(user)) => (Route::User, user),
        ("api", Some("users"), _) => match before(rest?, "/merge") {
            Some(account) => (Route::Merge, account),
            None => (Route::Forget, before(rest?, "/forget")?),
        },
        ("api", Some("ranking"), _) => match rest? {
            "weights" => (Route::RankingWeights, ""),
            "weights/accept" => (Route::AcceptWeights, ""),
            "weights/reset" => (Route::ResetWeights, ""),
            _ => return None,
        },
        ("api", Some("admin"), Some("checkpoint")) => (Route::Checkpoint, ""),
        ("api", Some("config"), _) => match rest {
            Some(path) => (Route::Config, path),
            None => (Route::Settings, ""),
        },
        ("console", Some(_), _) => (Route::Console, path.strip_prefix("/console/")?),
        _ if rest.is_some() => return None,
        ("api", Some("user-profiles"), _) => (Route::Profiles, ""),
        ("api", Some("user-behavior"), _) => (Route::Behavior, ""),
        ("api", Some("quality"), _) => (Route::Quality, ""),
        ("api", Some("trending"), _) => (Route::Trending, ""),
        ("api", Some("status"), _) => (Route::Status, ""),
        ("api", Some("stream"), _) => (Route::Stream, ""),
        ("api", Some("dead-letters"), _) => (Route::DeadLetters, ""),
        ("api", Some("changes"), _) => (Route::Changes, ""),
        ("metrics", None, _) => (Route::Metrics, ""),
        ("healthz", None, _) => (Route::Health, ""),
        ("readyz", None, _) => (Route::Ready, ""),
        ("openapi.json", None, _) => (Route::OpenApi, ""),
        ("recsys.js", None, _) => (Route::Script, ""),
        ("docs", None, _) => (Route::Docs, ""),
        ("", None, _) => (Route::Page, ""),
        _ => return None,
    })
}

/// Returns the one segment before a path's end.
fn before<'a>(path: &'a str, end: &str) -> Option<&'a str> {
    path.strip_suffix(end).filter(|segment| !segment.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_own_pattern() {
        for (index, row) in ROUTES.iter().enumerate() {
            let found = find(row.pattern).map(|(route, _)| route as usize);
            assert_eq!(found, Some(index), "{}", row.pattern);
        }
    }

    #[test]
    fn paths_mean_routes() {
        for (path, expected) in [
            ("/api/user-profile/a%2Fb", Some((Route::Profile, "a%2Fb"))),
            ("/api/user-profile/", Some((Route::Profile, ""))),
            ("/api/user-profile", None),
            ("/api/user-profile/a/b", None),
            ("/api/recommendations", Some((Route::Lists, ""))),
            ("/api/config/a/b/c", Some((Route::Config, "a/b/c"))),
            ("/api/config/a", Some((Route::Config, "a"))),
            ("/api/config", Some((Route::Settings, ""))),
            ("/api/trending/x", None),
            ("/api/lab", None),
            ("/api/lab/profile", Some((Route::LabProfile, ""))),
            ("/api/lab/profile/user1", None),
            ("/api/products/a%2Fb/similar", Some((Route::Similar, "a%2Fb"))),
            ("/api/products/a%2Fb/activity", Some((Route::ProductActivity, "a%2Fb"))),
            ("/api/products/similar", Some((Route::Product, "similar"))),
            ("/api/products/a/b/similar", None),
            ("/api/products/a", Some((Route::Product, "a"))),
            ("/api/products/", Some((Route::Product, ""))),
            ("/api/products", Some((Route::Products, ""))),
            ("/api/users/a%2Fb/merge", Some((Route::Merge, "a%2Fb"))),
            ("/api/users//merge", Some((Route::Merge, ""))),
            ("/api/users/merge", Some((Route::User, "merge"))),
            ("/api/users/a%2Fb/forget", Some((Route::Forget, "a%2Fb"))),
            ("/api/users//forget", Some((Route::Forget, ""))),
            ("/api/users/forget", Some((Route::User, "forget"))),
            ("/api/users", None),
            ("/api/users/a/b/forget", None),
            ("/api/users/merge/forget", Some((Route::Forget, "merge"))),
            ("/api/users/a%2Fb", Some((Route::User, "a%2Fb"))),
            ("/api/users/a/b/merge", None),
            ("/api/collect", None),
            ("/api/collect/segment", Some((Route::Segment, ""))),
            ("/api/collect/segment/v1", None),
            ("/recsys.js", Some((Route::Script, ""))),
            ("/metrics/", None),
            ("/metrics/x/y", None),
            ("//", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(find(path), expected, "{path}");
        }
    }

    #[test]
    fn trends_take_the_rules_of_all_rankings() {
        let [trending] = Route::Trending.spec().methods else { panic!("it has one method") };
        assert_eq!(trending.parameters, [&["tag"], RULES].concat());
    }

    #[test]
    fn alerts_about_traffic_leave_out_what_operators_ask() {
        let rules = include_str!("../../ops/prometheus/rules.yml");
        let probes = [Route::Metrics, Route::Health, Route::Ready];
        assert!(probes.iter().all(|route| route.is_for_operators()));
        // The lab's questions wait for each other, and many rows take the time of their body.
        let others = [Route::LabRecommendations, Route::LabProfile, Route::Products];
        let all = probes.into_iter().chain(others);
        let patterns = all.map(|route| route.spec().pattern).collect::<Vec<_>>().join("|");
        let series = rules.matches("http_request_duration_ms_").count();
        let of_visitors = rules.matches(&format!("route!~\"{patterns}\"")).count();
        // The advice of an alert, how to tell the routes apart, has one more.
        assert_eq!(of_visitors + 1, series, "{patterns}");
    }

    #[test]
    fn allow_lists_what_works() {
        assert_eq!(Route::Profile.spec().allow(), "GET, HEAD, OPTIONS");
        assert_eq!(Route::Config.spec().allow(), "GET, HEAD, PUT, POST, DELETE, OPTIONS");
        assert_eq!(Route::Profiles.spec().allow(), "POST, OPTIONS");
    }
}
