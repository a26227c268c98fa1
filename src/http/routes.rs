//! The routes as data, and how a path finds its route.

/// The method of a request. Any other than these is [`Verb::Other`], which bounds the metrics'
/// labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Head,
    Post,
    Put,
    Options,
    Other,
}

impl Verb {
    pub(super) const COUNT: usize = 6;

    pub(super) fn of(method: &hyper::Method) -> Verb {
        match method.as_str() {
            "GET" => Verb::Get,
            "HEAD" => Verb::Head,
            "POST" => Verb::Post,
            "PUT" => Verb::Put,
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
            Verb::Options => "OPTIONS",
            Verb::Other => "OTHER",
        }
    }
}

/// Whether a method on a route only reads. By default web pages of any origin may read,
/// and none but the server's own may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Reads,
    Writes,
}

/// The routes, in the order of [`ROUTES`]. The service matches on them to choose a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Profile,
    Profiles,
    Activity,
    Recommendations,
    Session,
    Similar,
    Trending,
    Behavior,
    Merge,
    Config,
    Weights,
    Metrics,
    Health,
    Ready,
    Status,
    OpenApi,
    Page,
}

/// A route's pattern, which is also its label in the metrics, and its methods.
pub(super) struct RouteSpec {
    pub(super) pattern: &'static str,
    pub(super) methods: &'static [(Verb, Access)],
}

const READ: &[(Verb, Access)] = &[(Verb::Get, Access::Reads)];
const READ_BY_POST: &[(Verb, Access)] = &[(Verb::Post, Access::Reads)];
const POST: &[(Verb, Access)] = &[(Verb::Post, Access::Writes)];
const READ_AND_POST: &[(Verb, Access)] =
    &[(Verb::Get, Access::Reads), (Verb::Post, Access::Writes)];
const READ_AND_WRITE: &[(Verb, Access)] =
    &[(Verb::Get, Access::Reads), (Verb::Put, Access::Writes), (Verb::Post, Access::Writes)];

/// Every route that the front serves, in the order of [`Route`].
pub(super) static ROUTES: [RouteSpec; 17] = [
    spec("/api/user-profile/{userId}", READ),
    spec("/api/user-profiles", READ_BY_POST),
    spec("/api/user-activity/{userId}", READ),
    spec("/api/recommendations/{userId}", READ),
    spec("/api/session/recommendations", READ_BY_POST),
    spec("/api/products/{id}/similar", READ),
    spec("/api/trending", READ),
    spec("/api/user-behavior", READ_AND_POST),
    spec("/api/users/{userId}/merge", POST),
    spec("/api/config/{path}", READ_AND_WRITE),
    spec("/api/recommendation/weights", READ_AND_POST),
    spec("/metrics", READ),
    spec("/healthz", READ),
    spec("/readyz", READ),
    spec("/api/status", READ),
    spec("/openapi.json", READ),
    spec("/", READ),
];

const fn spec(pattern: &'static str, methods: &'static [(Verb, Access)]) -> RouteSpec {
    RouteSpec { pattern, methods }
}

impl Route {
    pub(super) fn spec(self) -> &'static RouteSpec {
        &ROUTES[self as usize]
    }
}

impl RouteSpec {
    /// Returns whether a method reads or writes, or `None` if the route does not allow it. HEAD is
    /// a GET without the body.
    pub(super) fn access(&self, verb: Verb) -> Option<Access> {
        let verb = if verb == Verb::Head { Verb::Get } else { verb };
        self.methods.iter().find(|(known, _)| *known == verb).map(|(_, access)| *access)
    }

    /// Returns the methods as the header `Allow` lists them.
    pub(super) fn allow(&self) -> String {
        let mut allow = String::new();
        for (verb, _) in self.methods {
            allow.push_str(verb.name());
            allow.push_str(if *verb == Verb::Get { ", HEAD, " } else { ", " });
        }
        allow + Verb::Options.name()
    }
}

/// Finds a path's route and the value of the pattern's parameter, still percent-encoded.
pub(super) fn find(path: &str) -> Option<(Route, &str)> {
    let mut segments = path.strip_prefix('/')?.splitn(3, '/');
    let (first, second, rest) = (segments.next()?, segments.next(), segments.next());
    // Only the path of a setting may contain slashes.
    let one = rest.filter(|rest| !rest.contains('/'));
    Some(match (first, second, one) {
        ("api", Some("user-profile"), Some(user)) => (Route::Profile, user),
        ("api", Some("user-activity"), Some(user)) => (Route::Activity, user),
        ("api", Some("recommendations"), Some(user)) => (Route::Recommendations, user),
        ("api", Some("recommendation"), Some("weights")) => (Route::Weights, ""),
        ("api", Some("session"), Some("recommendations")) => (Route::Session, ""),
        ("api", Some("products"), _) => (Route::Similar, before(rest?, "/similar")?),
        ("api", Some("users"), _) => (Route::Merge, before(rest?, "/merge")?),
        ("api", Some("config"), _) => (Route::Config, rest?),
        _ if rest.is_some() => return None,
        ("api", Some("user-profiles"), _) => (Route::Profiles, ""),
        ("api", Some("user-behavior"), _) => (Route::Behavior, ""),
        ("api", Some("trending"), _) => (Route::Trending, ""),
        ("api", Some("status"), _) => (Route::Status, ""),
        ("metrics", None, _) => (Route::Metrics, ""),
        ("healthz", None, _) => (Route::Health, ""),
        ("readyz", None, _) => (Route::Ready, ""),
        ("openapi.json", None, _) => (Route::OpenApi, ""),
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
            ("/api/config/a/b/c", Some((Route::Config, "a/b/c"))),
            ("/api/config/a", Some((Route::Config, "a"))),
            ("/api/config", None),
            ("/api/trending/x", None),
            ("/api/products/a%2Fb/similar", Some((Route::Similar, "a%2Fb"))),
            ("/api/products/similar", None),
            ("/api/products/a/b/similar", None),
            ("/api/products/a", None),
            ("/api/users/a%2Fb/merge", Some((Route::Merge, "a%2Fb"))),
            ("/api/users//merge", Some((Route::Merge, ""))),
            ("/api/users/merge", None),
            ("/api/users/a", None),
            ("/api/users/a/b/merge", None),
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
    fn allow_lists_what_works() {
        assert_eq!(Route::Profile.spec().allow(), "GET, HEAD, OPTIONS");
        assert_eq!(Route::Config.spec().allow(), "GET, HEAD, PUT, POST, OPTIONS");
        assert_eq!(Route::Profiles.spec().allow(), "POST, OPTIONS");
    }
}
