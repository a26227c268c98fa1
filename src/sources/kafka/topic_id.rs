//! The ids of topics, which tell a topic from another of its name: one that was deleted and made anew has
//! another id, whatever offsets it has.
//!
//! librdkafka has a call for them that rdkafka does not expose, so this file calls it itself; the compiler
//! cannot check its memory safety.
#![allow(unsafe_code, reason = "librdkafka is C; what each call relies on stands beside it")]

use super::client::SplitConsumer;
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_AdminOptions_t, rd_kafka_DescribeTopics,
    rd_kafka_DescribeTopics_result_topics, rd_kafka_TopicCollection_destroy,
    rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicCollection_t,
    rd_kafka_TopicDescription_error, rd_kafka_TopicDescription_name, rd_kafka_TopicDescription_t,
    rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_base64str,
    rd_kafka_Uuid_least_significant_bits, rd_kafka_Uuid_most_significant_bits, rd_kafka_admin_op_t,
    rd_kafka_error_code, rd_kafka_event_DescribeTopics_result, rd_kafka_event_destroy,
    rd_kafka_event_error, rd_kafka_event_t, rd_kafka_queue_destroy, rd_kafka_queue_new,
    rd_kafka_queue_poll, rd_kafka_queue_t, rd_kafka_resp_err_t,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

/// Asks the brokers for the ids of topics, which these got when they were made, as Kafka's own tools write them. One that is missing, and one of brokers before Kafka 2.8, which
/// gave topics no ids, is left out.
///
/// # Errors
/// When the brokers do not answer in time, or refuse.
pub(super) fn topic_ids(
    consumer: &SplitConsumer,
    topics: &[Arc<str>],
    patience: Duration,
) -> KafkaResult<HashMap<Arc<str>, String>> {
    let names: Vec<CString> = topics.iter().filter_map(|name| CString::new(&**name).ok()).collect();
    let event = describe(consumer, &names, patience)?;
    // SAFETY: the event lives to the end of this function, and with it all that it lends.
    unsafe {
        let error = rd_kafka_event_error(event.0.as_ptr());
        if error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let result = rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        if result.is_null() {
            return Err(no_answer());
        }
        let mut count = 0;
        let described = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let described = (0..count).map(|index| *described.add(index));
        let mut ids: HashMap<String, String> = described.filter_map(|topic| id(topic)).collect();
        let ids = topics.iter().filter_map(|name| Some((name.clone(), ids.remove(&**name)?)));
        Ok(ids.collect())
    }
}

/// The name and the id of a topic that was described.
///
/// # Safety
/// `topic` must be lent by an event that lives.
unsafe fn id(topic: *const rd_kafka_TopicDescription_t) -> Option<(String, String)> {
    // SAFETY: as above; the name and the text end with a NUL.
    let [name, id] = unsafe {
        let error = rd_kafka_TopicDescription_error(topic);
        let is_good = error.is_null()
            || rd_kafka_error_code(error) == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let id = rd_kafka_TopicDescription_topic_id(topic);
        if !is_good || id.is_null() {
            return None;
        }
        let halves =
            [rd_kafka_Uuid_most_significant_bits(id), rd_kafka_Uuid_least_significant_bits(id)];
        let text = rd_kafka_Uuid_base64str(id);
        if halves == [0, 0] || text.is_null() {
            return None;
        }
        [rd_kafka_TopicDescription_name(topic), text].map(|text| CStr::from_ptr(text))
    };
    Some((name.to_string_lossy().into_owned(), id.to_string_lossy().into_owned()))
}

/// Has the brokers describe topics, and waits for their answer.
fn describe(consumer: &SplitConsumer, names: &[CString], patience: Duration) -> KafkaResult<Event> {
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let mut names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the client lives, as its consumer does. The names live until they have been copied. Each
    // pointer that is made is checked, and freed once, when its owner is dropped. The request holds
    // references of its own to the queue and the options.
    unsafe {
        let client = consumer.client().native_ptr();
        let describes = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let topics = rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = Topics(NonNull::new(topics).ok_or_else(no_answer)?);
        let options = rd_kafka_AdminOptions_new(client, describes);
        let options = Options(NonNull::new(options).ok_or_else(no_answer)?);
        let queue = Queue(NonNull::new(rd_kafka_queue_new(client)).ok_or_else(no_answer)?);
        rd_kafka_AdminOptions_set_request_timeout(
            options.0.as_ptr(),
            milliseconds,
            ptr::null_mut(),
            0,
        );
        rd_kafka_DescribeTopics(client, topics.0.as_ptr(), options.0.as_ptr(), queue.0.as_ptr());
        // The request itself ends in time, with an error.
        let event = rd_kafka_queue_poll(queue.0.as_ptr(), milliseconds.saturating_add(1_000));
        NonNull::new(event).map(Event).ok_or_else(no_answer)
    }
}

fn no_answer() -> KafkaError {
    KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut)
}

/// Makes an owner of what librdkafka has made, which frees it when it is dropped.
macro_rules! owner {
    ($name:ident, $native:ty, $free:ident) => {
        struct $name(NonNull<$native>);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: it was made by librdkafka, belongs to this owner alone, and is used no more.
                unsafe { $free(self.0.as_ptr()) }
            }
        }
    };
}

owner!(Topics, rd_kafka_TopicCollection_t, rd_kafka_TopicCollection_destroy);
owner!(Options, rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy);
owner!(Queue, rd_kafka_queue_t, rd_kafka_queue_destroy);
owner!(Event, rd_kafka_event_t, rd_kafka_event_destroy);
