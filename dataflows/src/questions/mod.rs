//! Questions as a dataflow of their own, beside the one that keeps the views.
//!
//! A query goes to the owner of its key (`users`). A ranking is planned there, and further asked of
//! the owners of products and tags (`products`). All parts come back to the origin (`gather`),
//! which knows how many there are. A query's logical time is complete when it is asked
//! ([`crate::arrange::closed`]), so nothing here waits for anything but messages.

pub mod query;
pub mod ask;
pub mod views;
mod parts;
mod profile;
mod latest;
mod products;
mod plan;
mod users;
mod gather;

use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::SharedDictionaries;
use crate::inputs::Records;
use crate::ranking::product_info::ProductInfo;
use crate::time::Time;
use gather::{Finisher, gather};
use plan::Planner;
use products::{Products, products};
use query::{Answered, RoutedQuery};
use timely::dataflow::operators::core::{Input, Probe};
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::probe;
use timely::dataflow::{Scope, Stream};
use users::{RankingUsers, Users, users};
use views::{RankingViews, Views};

/// The input of queries. Its time is the one that they are answered as of, and must be complete.
pub type Queries = Records<RoutedQuery>;

/// Answers queries: each answer comes out at the origin of its question. `asking` tells which times
/// can no longer be asked about.
pub fn questions<'scope>(
    scope: Scope<'scope, Time>,
    views: Views,
    dictionaries: &SharedDictionaries,
    asking: &probe::Handle<Time>,
) -> (Queries, Stream<'scope, Time, Vec<Answered>>) {
    let (input, queries) = scope.new_input();
    let (for_users, for_products, finisher) = match views.rankings {
        Some(views) => {
            let (users, products, finisher) = rankings(views, scope.peers(), dictionaries);
            (Some(users), Some(products), Some(finisher))
        }
        None => (None, None, None),
    };
    let known = Users {
        profile: Lookup::new(views.profile),
        positions: Lookup::new(views.positions),
        recent: views.recent,
        model_history: views.model_history,
        rankings: for_users,
        dictionaries: dictionaries.clone(),
    };
    let (from_users, requests) = users(queries.probe_with(asking), known);
    let from_products = match for_products {
        Some(known) => products(requests, known),
        None => empty(scope),
    };
    (input, gather(from_users, from_products, dictionaries.clone(), finisher))
}

/// The parts of a ranking's three steps, from the views that they read.
fn rankings(
    views: RankingViews,
    peers: usize,
    dictionaries: &SharedDictionaries,
) -> (RankingUsers, Products, Finisher) {
    let info = || ProductInfo::new(views.catalogue.clone(), views.labels.clone());
    let planner = Planner {
        bought: Lookup::new(views.bought),
        history: Lookup::new(views.history),
        repeats: Lookup::new(views.repeats),
        product_info: info(),
        peers,
        dictionaries: dictionaries.clone(),
        again: None,
    };
    let users = RankingUsers { activity: Lookup::new(views.activity), planner };
    let finisher = Finisher::new(info());
    let ((partners, partner_cache), (popular, popular_cache)) = (views.partners, views.popularity);
    let products = Products {
        partners: (Lookup::new(partners), partner_cache),
        popularity: (Lookup::new(popular), popular_cache),
        dictionaries: dictionaries.clone(),
    };
    (users, products, finisher)
}
