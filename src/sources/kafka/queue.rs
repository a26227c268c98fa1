//! A partition's own queue, which gives its messages in batches.
//!
//! rdkafka gives them one by one, which costs three readings of the clock and two locks a message.
//! librdkafka has a call for many, which rdkafka leaves out: so this speaks to librdkafka itself. It
//! is the one place that does, and the one that the compiler can't hold to memory safety.
#![allow(unsafe_code, reason = "librdkafka is C; what each call relies on stands beside it")]

use super::client::SplitConsumer;
use crate::engine::intake::Partition;
use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_message_destroy, rd_kafka_message_t,
    rd_kafka_message_timestamp, rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy,
    rd_kafka_queue_forward, rd_kafka_queue_get_partition, rd_kafka_queue_t, rd_kafka_resp_err_t,
    rd_kafka_t, rd_kafka_timestamp_type_t,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use std::ffi::{CString, c_void};
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::thread::Thread;

/// How many messages one call gives at most.
const MOST_MESSAGES: usize = 1000;

/// A message, while it is shown.
#[derive(Clone, Copy)]
pub(super) struct QueuedMessage<'a> {
    pub(super) offset: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    /// In milliseconds since the Unix epoch.
    pub(super) time: Option<i64>,
}

/// What a queue gives: a message, or what happened to its partition.
pub(super) type Polled<'a> = Result<QueuedMessage<'a>, RDKafkaErrorCode>;

/// The queue of one partition, split off from the consumer's.
///
/// **Invariant:** `native` is a reference to a queue that we count as ours until it is dropped, and
/// the client that it belongs to lives for at least as long, for `_consumer` is dropped after it.
/// librdkafka waits for ever for a client of which a queue is still held.
pub(super) struct PartitionQueue {
    native: NonNull<rd_kafka_queue_t>,
    /// Woken by librdkafka when the queue is no longer empty; boxed, for librdkafka keeps a pointer.
    _waker: Box<Thread>,
    /// Room for a batch. Between calls none of these is ours.
    messages: Vec<*mut rd_kafka_message_t>,
    _consumer: Arc<SplitConsumer>,
}

// SAFETY: librdkafka's queues may be used from any thread, and `messages` is room and no more
// between calls, so that whichever thread has the queue may go on with it.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Splits the queue of an assigned partition off; none when there is no such partition.
    pub(super) fn split(
        consumer: &Arc<SplitConsumer>,
        partition: &Partition,
        waker: Thread,
    ) -> Option<PartitionQueue> {
        let topic = CString::new(&*partition.topic).ok()?;
        let waker = Box::new(waker);
        // SAFETY: the client lives, as its consumer does; the name ends with a NUL.
        let native = unsafe {
            let client = consumer.client().native_ptr();
            rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.index)
        };
        let native = NonNull::new(native)?;
        // SAFETY: the queue is ours, and to forward it to nowhere splits it off. The waker lives
        // until `drop` has taken the callback back, for a box does not move what is in it.
        unsafe {
            rd_kafka_queue_forward(native.as_ptr(), ptr::null_mut());
            let waker = ptr::from_ref::<Thread>(&waker).cast_mut().cast();
            rd_kafka_queue_cb_event_enable(native.as_ptr(), Some(wake), waker);
        }
        let messages = vec![ptr::null_mut(); MOST_MESSAGES];
        Some(PartitionQueue { native, _waker: waker, messages, _consumer: consumer.clone() })
    }

    /// Shows what waits, a batch at most, until it is told to stop; tells whether the batch was full.
    pub(super) fn poll(
        &mut self,
        mut show: impl FnMut(Polled<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<(), bool> {
        // SAFETY: the queue is ours, and there is room for as many as are asked for. No time to
        // wait, so this does not block.
        let count = unsafe {
            let room = self.messages.as_mut_ptr();
            rd_kafka_consume_batch_queue(self.native.as_ptr(), 0, room, self.messages.len())
        };
        // A count below zero is an error, and no message.
        let count = usize::try_from(count).unwrap_or(0);
        let mut rest = UnreadMessages(&self.messages[..count]);
        while let Some(message) = rest.first() {
            show(polled(message))?;
            rest.pass();
        }
        ControlFlow::Continue(count == self.messages.len())
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours until here. Callbacks run under the lock that takes them back,
        // so that afterwards none runs, and the waker may go.
        unsafe {
            rd_kafka_queue_cb_event_enable(self.native.as_ptr(), None, ptr::null_mut());
            rd_kafka_queue_destroy(self.native.as_ptr());
        }
    }
}

/// Wakes the thread that a queue was split off for.
unsafe extern "C" fn wake(_: *mut rd_kafka_t, waker: *mut c_void) {
    // SAFETY: this is the pointer that `PartitionQueue::split` gave, to what lives as long as the callback.
    let waker = unsafe { &*waker.cast::<Thread>() };
    waker.unpark();
}

/// Messages that are ours and not shown yet. Dropping it destroys those that never were.
///
/// **Invariant:** each points to a message that librdkafka has given, and that is not destroyed.
struct UnreadMessages<'a>(&'a [*mut rd_kafka_message_t]);

impl UnreadMessages<'_> {
    /// The next one, until it is passed.
    fn first(&self) -> Option<&rd_kafka_message_t> {
        // SAFETY: it is there, and can't be passed while it is borrowed.
        self.0.first().map(|&message| unsafe { &*message })
    }

    fn pass(&mut self) {
        if let Some((&message, rest)) = self.0.split_first() {
            self.0 = rest;
            // SAFETY: it was there, and no longer is one of these.
            unsafe { rd_kafka_message_destroy(message) };
        }
    }
}

impl Drop for UnreadMessages<'_> {
    fn drop(&mut self) {
        while !self.0.is_empty() {
            self.pass();
        }
    }
}

fn polled(message: &rd_kafka_message_t) -> Polled<'_> {
    if message.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(message.err.into());
    }
    let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is one of a consumer; both are there.
    let time = unsafe { rd_kafka_message_timestamp(message, &raw mut kind) };
    let known = kind != rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    Ok(QueuedMessage {
        offset: message.offset,
        // SAFETY: key and value lie within the message, with these lengths.
        key: unsafe { bytes(message.key, message.key_len) },
        value: unsafe { bytes(message.payload, message.len) },
        time: (known && time != -1).then_some(time),
    })
}

/// The bytes at a pointer; none if it is null.
///
/// # Safety
/// From a pointer that is not null so many bytes must be readable, and unchanged, for `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller has it.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}
