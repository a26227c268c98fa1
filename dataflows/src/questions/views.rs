//! The views that questions read at a worker.

use crate::arrange::dated::Summed;
use crate::arrange::view::ViewSpine;
use crate::digest::views::Digests;
use crate::ingest::catalogue::CatalogueSpine;
use crate::ingest::decisions::Decisions;
use crate::ingest::moment::Moment;
use crate::ranking::top_k_cache::TopKCache;
use crate::score::mixture::PAIR_SUMS;
use crate::score::model_history::ModelHistory;
use crate::time::Time;
use crate::views::pairs::partner::Partner;
use crate::views::popularity::ProductDay;
use crate::views::positions::PositionSpine;
use crate::views::product_tags::Label;
use crate::views::product_words::ProductWords;
use crate::views::recent::Recent;
use differential_dataflow::operators::arrange::TraceAgent;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;

/// The views of a worker.
pub struct Views {
    pub(crate) profile: TraceAgent<ViewSpine<u32>>,
    pub(crate) positions: TraceAgent<PositionSpine>,
    pub(crate) catalogue: TraceAgent<CatalogueSpine>,
    /// The words of the products that the worker owns.
    pub(crate) words: Rc<RefCell<ProductWords>>,
    pub(crate) recent: Rc<RefCell<Recent>>,
    pub(crate) decisions: Rc<RefCell<Decisions>>,
    /// Where the questions say which time is the earliest that they may still be about.
    pub(crate) asked_from: Rc<Cell<Time>>,
    pub(crate) model_history: Rc<RefCell<ModelHistory>>,
    pub(crate) digests: Rc<RefCell<Digests>>,
    /// Where a worker's sink says up to where it has written.
    pub(crate) written_before: Rc<Cell<Time>>,
    /// `None` if only profiles are kept: then rankings are empty.
    pub(crate) rankings: Option<RankingViews>,
}

/// The views that rankings are made from.
pub(crate) struct RankingViews {
    pub(crate) bought: TraceAgent<ViewSpine<u32>>,
    pub(crate) activity: TraceAgent<ViewSpine<Reverse<u32>>>,
    pub(crate) history: TraceAgent<ViewSpine<Moment>>,
    pub(crate) partners: CachedView<Partner, PAIR_SUMS>,
    pub(crate) repeats: TraceAgent<ViewSpine<u16>>,
    pub(crate) popularity: CachedView<ProductDay, 2>,
    pub(crate) labels: TraceAgent<ViewSpine<Label>>,
}

/// A view with the cache of its best products.
pub(crate) type CachedView<V, const N: usize> = (TraceAgent<ViewSpine<V>>, SharedCache<V, N>);

/// A cache that one operator updates with a view's batches, and another reads.
pub(crate) type SharedCache<V, const N: usize> = Rc<RefCell<TopKCache<V, N>>>;

/// An empty cache.
pub(crate) fn cache<V: Summed<N>, const N: usize>() -> SharedCache<V, N> {
    Rc::default()
}
