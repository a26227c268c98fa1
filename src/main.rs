//! The `recsys` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    tune_the_kernel();
    recsys::cli::main()
}

/// Asks the kernel for small pages. If it refuses, the program is slower, and works.
#[cfg(target_os = "linux")]
fn tune_the_kernel() {
    // The allocator asks for huge pages. Buffers of merges are large and live for milliseconds: a tenth
    // of the time went into clearing pages of two megabytes.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
