//! The `recsys` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    keep_pages_small();
    recsys::cli::main()
}

/// The allocator asks for huge pages. Buffers of merges are large, and live for milliseconds, so that
/// a tenth of the time went into clearing two megabytes at a time.
#[cfg(target_os = "linux")]
fn keep_pages_small() {
    // A kernel that refuses costs time, and nothing else.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
