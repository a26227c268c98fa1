//! How long a thread runs until it is others' turn.
//!
//! What a thread does here for a visitor takes less than a millisecond. Where more threads are ready
//! than there are cores, Linux lets each run for some milliseconds, and one that is woken waits,
//! unless it has asked for shorter turns: then it comes sooner, and gets no more in all. From Linux
//! 6.12 on; older ones take no notice.
#![allow(unsafe_code, reason = "no crate offers these two system calls")]

use libc::sched_attr;
use std::io::{Error, Result};

/// The shortest turn that there is, in nanoseconds.
const TURN: u64 = 100_000;

/// Asks for short turns for this thread, and for those that it will start.
pub(crate) fn shorten() -> Result<()> {
    let mut attributes = attributes()?;
    // To other policies the same field means something else.
    if let Ok(libc::SCHED_OTHER | libc::SCHED_BATCH) = attributes.sched_policy.try_into() {
        attributes.sched_runtime = TURN;
        // SAFETY: the kernel reads `size` bytes, which is as many as there are.
        done(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })?;
    }
    Ok(())
}

/// How this thread is scheduled.
fn attributes() -> Result<sched_attr> {
    #[allow(clippy::cast_possible_truncation, reason = "it is a handful of numbers")]
    const SIZE: u32 = size_of::<sched_attr>() as u32;
    let mut attributes = sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most so many bytes, all of them numbers.
    done(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) })?;
    Ok(attributes)
}

fn done(returned: libc::c_long) -> Result<()> {
    if returned == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::{attributes, shorten};

    #[test]
    fn turns_are_all_that_changes() {
        let before = attributes().unwrap();
        shorten().unwrap();
        let after = attributes().unwrap();
        assert_eq!(after.sched_policy, before.sched_policy);
        assert_eq!(after.sched_nice, before.sched_nice);
        // Nothing is told by kernels that take no notice.
        assert!(after.sched_runtime <= super::TURN);
    }
}
