//! Offline work: recorded click sets, the protocols that grade a ranking on them, the baselines of the
//! literature, and a made-up shop. Nothing that serves depends on it.
//!
//! [`read`] turns a published file into records, and [`clicks`] turns records into clicks with dense
//! ids, each in its visit. A [`protocol`] asks a [`recommender`] for the next product of each visit,
//! and [`metrics`] counts at which rank it was. The [`baselines`] are recommenders, and so is the
//! engine's own dataflow ([`served`]); [`methods`] lists all of them with their settings. The
//! [`generator`] makes events instead of reading them.

#![forbid(unsafe_code)]

pub mod read;
pub mod clicks;
pub mod recommender;
pub mod baselines;
pub mod served;
pub mod methods;
pub mod metrics;
pub mod protocol;
pub mod generator;
