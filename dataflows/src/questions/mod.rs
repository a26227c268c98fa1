//! Questions: a dataflow of their own, beside the one that keeps the views.
//!
//! A query goes to the owner of its key (`users`), which answers it. A ranking is planned there,
//! and its evidence is requested from the owners of products and tags (`products`), who request more of it (`steps`). All parts go to
//! the origin (`gather`), which knows how many there are. A query's logical time is complete when
//! it is asked ([`crate::arrange::closed`]), so nothing here waits for anything but messages.

pub mod query;
pub mod ask;
pub mod views;
mod parts;
mod profile;
mod latest;
mod lists;
mod steps;
mod products;
mod plan;
mod users;
mod gather;

use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::catalogue::CatalogueSpine;
use crate::inputs::Records;
use crate::ranking::product_info::ProductInfo;
use crate::time::Time;
use differential_dataflow::operators::arrange::TraceAgent;
use gather::{Finisher, gather};
use lists::Lists;
use plan::Planner;
use products::{ProductViews, products};
use query::{Answered, RoutedQuery};
use std::cell::Cell;
use std::rc::Rc;
use steps::{StepViews, steps};
use timely::dataflow::operators::core::{Concat, Input, Probe};
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::probe;
use timely::dataflow::{Scope, Stream};
use users::{UserRankingViews, UserViews, users};
use views::{RankingViews, Views};

/// The input of queries. They are answered as of its time, which must be complete.
pub type Queries = Records<RoutedQuery>;

/// Answers questions, each at its origin. `asking` follows the frontier of the queries: earlier
/// times can no longer be asked about.
///
/// ```text
/// queries ─ answer queries ─┬─ parts ─────────────────────────────────────────────── gather answers ─ answers
///                           └─ requests ─ read evidence ─┬─ parts ───────────────────────┤
///                                                        └─ requests ─ read steps ─ parts ┘
/// ```
pub fn questions<'scope>(
    scope: Scope<'scope, Time>,
    views: Views,
    dictionaries: &SharedDictionaries,
    asking: &probe::Handle<Time>,
) -> (Queries, Stream<'scope, Time, Vec<Answered>>) {
    let (input, queries) = scope.new_input();
    let (user_rankings, product_views, finisher) = match views.rankings {
        Some(of_rankings) => {
            let both = (of_rankings, &views.catalogue);
            let (users, products, finisher) = rankings(both, scope.peers(), dictionaries);
            (Some(users), Some(products), Some(finisher))
        }
        None => (None, None, None),
    };
    let model_history = views.model_history.clone();
    let user_views = UserViews {
        profile: Lookup::new(views.profile),
        positions: Lookup::new(views.positions),
        catalogue: Lookup::new(views.catalogue),
        words: views.words,
        recent: views.recent,
        decisions: views.decisions,
        asked_from: views.asked_from,
        model_history: views.model_history,
        digests: views.digests,
        written_before: views.written_before,
        rankings: user_rankings,
        dictionaries: dictionaries.clone(),
    };
    let (from_users, requests) = users(queries.probe_with(asking), user_views);
    let from_products = match product_views {
        Some((of_products, of_steps)) => {
            let (parts, requests) = products(requests, of_products);
            parts.concat(steps(requests, of_steps))
        }
        None => empty(scope),
    };
    let answers = gather(from_users, from_products, dictionaries.clone(), model_history, finisher);
    (input, answers)
}

/// The state of the steps of a ranking, from the views that they read.
fn rankings(
    (views, catalogue): (RankingViews, &TraceAgent<CatalogueSpine>),
    peers: usize,
    dictionaries: &SharedDictionaries,
) -> (UserRankingViews, (ProductViews, StepViews), Finisher) {
    let info = || ProductInfo::new(catalogue.clone(), views.labels.clone());
    let planner = Planner {
        bought: Lookup::new(views.bought),
        history: Lookup::new(views.history),
        repeats: Lookup::new(views.repeats),
        product_info: info(),
        peers,
        dictionaries: dictionaries.clone(),
        repeat_rate: None,
    };
    let users = UserRankingViews {
        activity: Lookup::new(views.activity),
        popularity: Lookup::new(views.popularity.0.clone()),
        planner,
    };
    let finisher = Finisher::new(info());
    let read_from = Rc::new(Cell::new(0));
    let steps = StepViews {
        partners: Lists::new(views.partners.clone()),
        dictionaries: dictionaries.clone(),
        read_from: read_from.clone(),
    };
    let products = ProductViews {
        partners: Lists::new(views.partners),
        popularity: Lists::new(views.popularity),
        dictionaries: dictionaries.clone(),
        read_from,
    };
    (users, (products, steps), finisher)
}
