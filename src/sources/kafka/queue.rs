//! A partition's own queue, polled for many messages at once.
//!
//! rdkafka polls messages one by one, which costs three readings of the clock and two locks a
//! message. librdkafka has a call for many, which rdkafka does not expose; so this file calls
//! librdkafka itself, and the compiler cannot check its memory
//! safety; so the one other call that rdkafka lacks, [`may_be_stored`], stands here as well.
#![allow(unsafe_code, reason = "librdkafka is C; what each call relies on stands beside it")]

use super::client::SplitConsumer;
use crate::event_log::Partition;
use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_message_destroy, rd_kafka_message_status,
    rd_kafka_message_t, rd_kafka_message_timestamp, rd_kafka_msg_status_t,
    rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy, rd_kafka_queue_forward,
    rd_kafka_queue_get_partition, rd_kafka_queue_t, rd_kafka_resp_err_t, rd_kafka_t,
    rd_kafka_timestamp_type_t,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};
use std::ffi::{CString, c_void};
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

/// The most messages of one poll.
const MOST_MESSAGES: usize = 1000;

/// A message, borrowed from librdkafka.
#[derive(Clone, Copy)]
pub(super) struct QueuedMessage<'a> {
    pub(super) offset: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    /// Milliseconds since the Unix epoch.
    pub(super) time: Option<i64>,
}

/// An error of a partition, such as its end, and the offset that it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueuedError {
    pub(super) code: RDKafkaErrorCode,
    pub(super) offset: i64,
}

/// An entry of a queue: a message, or an error.
pub(super) type Polled<'a> = Result<QueuedMessage<'a>, QueuedError>;

/// The queue of one partition, split off from the consumer's.
///
/// **Invariant:** `native` is a counted reference to a queue, released when this is dropped. The
/// client that it belongs to outlives it, as `consumer` is dropped after it. (librdkafka never
/// finishes closing a client while one of its queues is referenced.)
pub(super) struct PartitionQueue {
    native: NonNull<rd_kafka_queue_t>,
    /// The thread that librdkafka wakes when the queue is no longer empty. Shared, not boxed:
    /// librdkafka keeps a pointer to it, and moving a `Box` invalidates such pointers.
    _waker: Arc<Thread>,
    /// Room for the messages of one poll. Between polls its pointers are stale.
    messages: Vec<*mut rd_kafka_message_t>,
    consumer: Arc<SplitConsumer>,
}

// SAFETY: librdkafka's queues may be used from any thread, and nothing reads the pointers in
// `messages` between polls, so that the queue may move to another thread then.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Splits off the queue of a partition, which may be assigned before or later; `None` when the
    /// client is no consumer, or no topic has such a name.
    pub(super) fn split(
        consumer: &Arc<SplitConsumer>,
        partition: &Partition,
        waker: Thread,
    ) -> Option<PartitionQueue> {
        let topic = CString::new(&*partition.topic).ok()?;
        let waker = Arc::new(waker);
        // SAFETY: the client lives, as its consumer does; the name ends with a NUL.
        let native = unsafe {
            let client = consumer.client().native_ptr();
            rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.index)
        };
        let native = NonNull::new(native)?;
        // SAFETY: `native` is a live reference; forwarding its queue to nowhere splits it off. The
        // waker does not move, as it is shared, and lives until `drop` has removed the callback.
        unsafe {
            rd_kafka_queue_forward(native.as_ptr(), ptr::null_mut());
            let waker = Arc::as_ptr(&waker).cast_mut().cast();
            rd_kafka_queue_cb_event_enable(native.as_ptr(), Some(wake), waker);
        }
        let messages = vec![ptr::null_mut(); MOST_MESSAGES];
        Some(PartitionQueue { native, _waker: waker, messages, consumer: consumer.clone() })
    }

    /// The first offset that a partition has, and its end.
    pub(super) fn watermarks(
        &self,
        Partition { topic, index }: &Partition,
        patience: Duration,
    ) -> KafkaResult<(i64, i64)> {
        self.consumer.fetch_watermarks(topic, *index, patience)
    }

    /// Reads on at an offset, after an error that has stopped the partition.
    pub(super) fn begin_at(
        &self,
        Partition { topic, index }: &Partition,
        offset: i64,
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, *index, Offset::Offset(offset))?;
        // A partition that has stopped cannot be sought in. Its queue stays split off.
        self.consumer.incremental_unassign(&list)?;
        self.consumer.incremental_assign(&list)
    }

    /// Calls `show` with the messages that wait, [`MOST_MESSAGES`] at most, until it breaks.
    /// Returns whether that many were there.
    pub(super) fn poll(
        &mut self,
        mut show: impl FnMut(Polled<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<(), bool> {
        // SAFETY: `native` is a live reference, and `messages` has room for as many as are asked
        // for. With a timeout of 0 this does not block.
        let count = unsafe {
            let room = self.messages.as_mut_ptr();
            rd_kafka_consume_batch_queue(self.native.as_ptr(), 0, room, self.messages.len())
        };
        // A negative count is an error, and no messages.
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
        // SAFETY: `native` is a live reference until here. librdkafka removes the callback under
        // the lock that it runs callbacks under, so that none runs afterwards and the waker may be
        // dropped.
        unsafe {
            rd_kafka_queue_cb_event_enable(self.native.as_ptr(), None, ptr::null_mut());
            rd_kafka_queue_destroy(self.native.as_ptr());
        }
    }
}

/// Wakes the thread that polls a queue. librdkafka calls it when the queue is no longer empty.
unsafe extern "C" fn wake(_: *mut rd_kafka_t, waker: *mut c_void) {
    // SAFETY: this is the pointer that `PartitionQueue::split` passed, to a thread handle that
    // lives as long as the callback is set.
    let waker = unsafe { &*waker.cast::<Thread>() };
    waker.unpark();
}

/// Polled messages that were not shown yet. Dropping it destroys them.
///
/// **Invariant:** each pointer is to a message that librdkafka handed over and nobody has
/// destroyed.
struct UnreadMessages<'a>(&'a [*mut rd_kafka_message_t]);

impl UnreadMessages<'_> {
    /// The next message.
    fn first(&self) -> Option<&rd_kafka_message_t> {
        // SAFETY: the message is not destroyed, and `pass` cannot run while it is borrowed.
        self.0.first().map(|&message| unsafe { &*message })
    }

    /// Destroys the next message.
    fn pass(&mut self) {
        if let Some((&message, rest)) = self.0.split_first() {
            self.0 = rest;
            // SAFETY: the message was not destroyed, and its pointer is no longer in the list.
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

/// Tells whether a broker may have a record whose delivery has failed.
pub(super) fn may_be_stored(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the message is borrowed, so that librdkafka has not destroyed it.
    let status = unsafe { rd_kafka_message_status(message.ptr()) };
    status != rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

fn polled(message: &rd_kafka_message_t) -> Polled<'_> {
    if message.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(QueuedError { code: message.err.into(), offset: message.offset });
    }
    let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: both pointers are to live values, and the message is a consumer's.
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

/// Returns the bytes at a pointer; `None` if it is null.
///
/// # Safety
/// If the pointer is not null, `length` bytes at it must be readable, and not change, for `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller guarantees it.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}
