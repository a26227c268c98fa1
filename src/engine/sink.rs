//! The destination of a worker's profiles. The engine knows what a sink does, and not where it writes.

use crate::engine::arrivals::Arrivals;
use crate::engine::messages::Beginning;
use dataflows::arrange::view::View;
use dataflows::held::Size;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::score::weights::Weights;
use dataflows::time::Time;

/// A sink that is open, before the worker's dataflow is built.
pub trait UnattachedSink: Send {
    /// Attaches the sink to the worker's profiles. It is called on the worker's thread while the
    /// dataflow is built, so that the sink may listen to the stream of batches.
    fn attach(
        self: Box<Self>,
        profile: View<'_, u32>,
        dictionaries: SharedDictionaries,
        arrivals: Arrivals,
    ) -> Box<dyn Sink>;
}

/// A sink of one worker, which calls it on its own thread. A sink must not block.
pub trait Sink {
    /// Tells what the views begin with, which they hold by now, and nothing else.
    fn begin(&mut self, beginning: &Beginning);

    /// Sets the weights. They change every score; before the first call a sink knows none, and writes
    /// nothing.
    fn set_weights(&mut self, weights: Weights);

    /// Writes profiles as of the epochs before `closed`, or a part of them: it is called after every
    /// step of the worker.
    fn flush(&mut self, closed: Time);

    /// The time before which all changes have been acknowledged.
    fn written_before(&self) -> Time;

    /// What it holds: changes that are not written yet, and what it notes of users.
    fn held(&self) -> Size;
}

/// The reason why a sink could not be opened.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;
