//! The scheduler's time slice of this process's threads.
//!
//! A visitor's question takes a thread less than a millisecond. Where more threads are ready than there
//! are cores, Linux runs each for some milliseconds, and a thread that is woken has to wait. One that
//! asks for a shorter slice runs sooner, and gets no more time in all. Linux before 6.12 ignores it.
#![allow(unsafe_code, reason = "no crate offers these two system calls")]

use libc::sched_attr;
use std::io::{Error, Result};

/// The shortest slice that Linux grants, in nanoseconds.
const SLICE: u64 = 100_000;

/// Asks for short slices for this thread, and for those that it will start.
pub(crate) fn shorten() -> Result<()> {
    let mut attributes = attributes()?;
    // For other policies the field has another meaning.
    if let Ok(libc::SCHED_OTHER | libc::SCHED_BATCH) = attributes.sched_policy.try_into() {
        attributes.sched_runtime = SLICE;
        // SAFETY: the kernel reads `size` bytes, which is the size of the struct.
        done(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })?;
    }
    Ok(())
}

/// The scheduling attributes of this thread.
fn attributes() -> Result<sched_attr> {
    #[allow(clippy::cast_possible_truncation, reason = "it is some 50 bytes")]
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
    // SAFETY: the kernel writes at most SIZE bytes, and any bytes are valid numbers.
    done(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) })?;
    Ok(attributes)
}

/// The outcome of a system call.
fn done(returned: libc::c_long) -> Result<()> {
    if returned == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::{attributes, shorten};

    #[test]
    fn nothing_but_the_slice_changes() {
        let before = attributes().unwrap();
        shorten().unwrap();
        let after = attributes().unwrap();
        assert_eq!(after.sched_policy, before.sched_policy);
        assert_eq!(after.sched_nice, before.sched_nice);
        // A kernel that ignores slices shows none.
        assert!(after.sched_runtime <= super::SLICE);
    }
}
