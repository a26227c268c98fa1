//! Batches straight out of librdkafka: one call for two thousand records.

use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_message_destroy, rd_kafka_message_t,
    rd_kafka_queue_destroy, rd_kafka_queue_get_consumer, rd_kafka_queue_t, rd_kafka_resp_err_t,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::error::Error;
use std::time::Duration;

const TOPICS: [&str; 3] = ["view-events", "add-to-cart-events", "purchase-events"];
const BATCH: usize = 2_000;

/// Reads the three topics from their beginning.
pub struct Consumer {
    /// NB: destroyed before the consumer is, or that would wait for it for ever.
    queue: *mut rd_kafka_queue_t,
    messages: Vec<*mut rd_kafka_message_t>,
    _consumer: BaseConsumer,
}

impl Consumer {
    pub fn open(bootstrap: &str, prefix: &str) -> Result<Consumer, Box<dyn Error>> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "peer-loop")
            .set("enable.auto.commit", "false")
            .set("queued.min.messages", "200000")
            .set("fetch.message.max.bytes", "8388608")
            .set("fetch.wait.max.ms", "100")
            // 1,000 by default: the backlog would be read in bursts, a second apart.
            .set("fetch.queue.backoff.ms", "2")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for topic in TOPICS.map(|topic| format!("{prefix}{topic}")) {
            let metadata = consumer.fetch_metadata(Some(&topic), Duration::from_secs(10))?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                partitions.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
            }
        }
        if partitions.count() == 0 {
            return Err("there are no topics".into());
        }
        consumer.assign(&partitions)?;
        // SAFETY: the client lives as long as the consumer, which outlives the queue.
        let queue = unsafe { rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Ok(Consumer { queue, messages: vec![std::ptr::null_mut(); BATCH], _consumer: consumer })
    }

    /// Shows the records that there are, or come within 100 ms; how many.
    pub fn batch(&mut self, mut show: impl FnMut(&[u8])) -> u64 {
        // SAFETY: the queue is alive, and there is room for as many messages as are asked for.
        let count = unsafe {
            let messages = self.messages.as_mut_ptr();
            rd_kafka_consume_batch_queue(self.queue, 100, messages, BATCH)
        };
        let mut records = 0;
        for &message in &self.messages[..usize::try_from(count).unwrap_or(0)] {
            // SAFETY: a message is ours from here until it is destroyed, which happens once, after
            // the last use of its payload.
            unsafe {
                let whole = &*message;
                if whole.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    show(std::slice::from_raw_parts(whole.payload.cast(), whole.len));
                    records += 1;
                }
                rd_kafka_message_destroy(message);
            }
        }
        records
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: nobody uses the queue any more.
        unsafe { rd_kafka_queue_destroy(self.queue) }
    }
}
