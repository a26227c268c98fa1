//! The heart of a worker process: the queues of its inputs and questions, and the loop between.

mod clock;
pub mod intake;
pub mod question;
mod grades;
mod asking;
mod arrivals;
mod sink;
mod messages;
mod storage;
mod in_force;
mod pace;
mod oldest_hour;
mod process_state;
mod setup;
mod worker;
mod timely_setup;
mod start;

pub use arrivals::{Arrivals, RecordTimes};
pub use in_force::{InForce, ModelInForce};
pub use messages::{Announcement, Beginning, Report};
pub use oldest_hour::OldestHour;
pub use setup::ModelChange;
pub use sink::{Sink, SinkError, UnattachedSink};
pub use start::{Engine, EngineHandles, Opened, StartError, start};
pub use storage::{Restored, Storage, Stored};
