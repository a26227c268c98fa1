//! The end of a process that has a fault of its own.

use super::end::end;
use super::exit_code::PANICKED;
use std::panic::{PanicHookInfo, set_hook};
use std::thread;

/// Has a panic in any thread end the process, with one line that names the thread. Without the thread the
/// process would go on as if it were whole.
pub(super) fn ends_the_process() {
    set_hook(Box::new(|panic| {
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            thread,
            place,
            message = message(panic),
            "the program has a fault, and ends"
        );
        // A request's panic is caught by its task, and costs its connection alone.
        if !thread.starts_with("http-") {
            // Nothing that is open can be trusted.
            end(PANICKED);
        }
    }));
}

/// The message on one line.
fn message(panic: &PanicHookInfo<'_>) -> String {
    panic.payload_as_str().unwrap_or("no message").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs in a process of its own, which `a_panic_in_any_thread_ends_the_process` starts.
    #[test]
    #[ignore = "ends the process"]
    fn panics_in_a_thread() {
        ends_the_process();
        let name = std::env::var("PANICS_IN").unwrap();
        let panics = thread::Builder::new().name(name).spawn(|| panic!("seen"));
        assert!(panics.unwrap().join().is_err());
    }

    #[test]
    fn a_panic_in_any_thread_ends_the_process() {
        for (thread, code) in [("redis-0", Some(PANICKED.into())), ("http-1", Some(0))] {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--ignored", "--exact", "cli::panic::tests::panics_in_a_thread"]);
            let output = child.env("PANICS_IN", thread).output().unwrap();
            assert_eq!(output.status.code(), code, "{thread}: {output:?}");
        }
    }
}
