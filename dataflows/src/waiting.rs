//! Questions that wait until what they ask about is complete at their time.

use crate::Time;
use differential_dataflow::trace::TraceReader;
use timely::dataflow::operators::{Capability, InputCapability};
use timely::progress::Antichain;
use timely::progress::frontier::MutableAntichain;

/// Questions with the right to answer them at their time.
pub(crate) struct Waiting<Q>(Vec<(Capability<Time>, Vec<Q>)>);

impl<Q> Default for Waiting<Q> {
    fn default() -> Waiting<Q> {
        Waiting(Vec::new())
    }
}

impl<Q> Waiting<Q> {
    /// Takes questions in as they come.
    pub(crate) fn keep(&mut self, capability: &InputCapability<Time>, questions: &mut Vec<Q>) {
        let capability = capability.retain_least(0).expect("data has a time");
        self.0.push((capability, std::mem::take(questions)));
    }

    /// The questions of the times that are ready, in order of time; they wait no longer.
    pub(crate) fn take_ready(
        &mut self,
        is_ready: impl Fn(&Time) -> bool,
    ) -> Vec<(Capability<Time>, Vec<Q>)> {
        self.0.sort_by_key(|(capability, _)| *capability.time());
        let ready = self.0.partition_point(|(capability, _)| is_ready(capability.time()));
        self.0.drain(..ready).collect()
    }

    /// The earliest time of a question that waits, or may come; none when there will be no more.
    pub(crate) fn oldest(&self, asked: &MutableAntichain<Time>) -> Option<Time> {
        let held = self.0.iter().map(|(capability, _)| *capability.time());
        held.chain(asked.frontier().iter().copied()).min()
    }

    /// Lets a trace merge what no question can tell apart any more.
    pub(crate) fn release(
        &self,
        trace: &mut impl TraceReader<Time = Time>,
        asked: &MutableAntichain<Time>,
        complete: &MutableAntichain<Time>,
    ) {
        trace.set_logical_compaction(Antichain::from_iter(self.oldest(asked)).borrow());
        trace.set_physical_compaction(complete.frontier());
    }
}
