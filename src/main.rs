//! The `recsys` program.

#[cfg(target_os = "linux")]
mod turns;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    suit_the_kernel();
    recsys::cli::main()
}

/// A kernel that refuses costs time, and nothing else.
#[cfg(target_os = "linux")]
fn suit_the_kernel() {
    // The allocator asks for huge pages. Buffers of merges are large, and live for milliseconds, so
    // that a tenth of the time went into clearing two megabytes at a time.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let _ = turns::shorten();
}
