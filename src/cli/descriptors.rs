//! The limit of open files: as high as this process may have it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest that this process may choose. What it starts with, often 1024, is meant
/// for programs that cannot take more.
pub(super) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        let shown = |limit: Option<u64>| limit.map_or("none".into(), |limit| limit.to_string());
        let (current, maximum) = (shown(current), shown(maximum));
        tracing::warn!(%error, current, maximum, "the limit of open files was not raised");
    }
}
