//! The exit codes, of all commands alike. The middle ones are those of `sysexits.h`.

/// What was asked for is done.
pub(super) const DONE: u8 = 0;
/// A failure that has no code of its own.
pub(super) const FAILED: u8 = 1;
/// The command line, the configuration or a setting's value is bad.
pub(super) const USAGE: u8 = 64;
/// What was read is not what it should be.
pub(super) const DATA: u8 = 65;
/// A file can't be read.
pub(super) const UNREADABLE: u8 = 66;
/// A file, a folder or standard output can't be written.
pub(super) const UNWRITABLE: u8 = 74;
/// Another process of the cluster is lost, or has stopped: all are to be started again.
pub(super) const PEER_LOST: u8 = 75;
/// Redis is another engine's.
pub(super) const HELD: u8 = 77;
/// A thread has panicked: Rust's own code for its main thread.
pub(super) const PANICKED: u8 = 101;
/// Interrupted: 128 and the number of SIGINT, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// What the help says of each.
pub(super) const ALL: [(u8, &str); 10] = [
    (DONE, "done, or the reader of the output has had enough"),
    (
        FAILED,
        "failed: a service does not answer or refuses, an address is taken, a receipt is forged, Redis differs…",
    ),
    (USAGE, "bad command line, configuration or value of a setting"),
    (DATA, "a file does not have the format that was named"),
    (UNREADABLE, "a file cannot be read: it is missing, a folder…"),
    (UNWRITABLE, "a file, a folder or the output cannot be written"),
    (PEER_LOST, "another process of the cluster is lost, or has stopped: start all again"),
    (HELD, "another engine holds Redis, or has taken it from this one"),
    (PANICKED, "a fault of the program"),
    (INTERRUPTED, "interrupted before the work was done"),
];

/// The table of all, as text.
pub(super) fn table() -> String {
    ALL.iter().fold("Exit codes:\n".to_owned(), |text, (code, what)| {
        format!("{text}  {code:<4} {what}\n")
    })
}
