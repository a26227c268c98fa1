//! `recsys demo`: the engine without any service, with visitors of its own.

use super::args::{DemoArgs, GenerateArgs};
use super::{generate, run};
use crate::config::Config;
use std::path::Path;

/// The number of products and users of the demo's shop.
const PRODUCTS: u32 = 500;
const USERS: u32 = 200;

pub(super) fn run(config: &Config, args: &DemoArgs) -> anyhow::Result<()> {
    let mut config = config.clone();
    let passing = args
        .dir
        .is_none()
        .then(|| std::env::temp_dir().join(format!("recsys-demo-{}", std::process::id())));
    if let Some(dir) = &passing {
        config.files.dir.clone_from(dir);
    }
    print_hints(config.http.listen.port());
    let visitors = visit(config.clone(), args.rate);
    let ran = run::run(&config);
    // The signal that ended the engine ends the visitors as well.
    if let Some(Err(_)) = visitors.map(std::thread::JoinHandle::join) {
        tracing::error!("the visitors' thread has panicked");
    }
    passing.as_deref().map_or(Ok(()), remove)?;
    ran
}

/// Starts to generate visitors, on a thread of their own.
fn visit(config: Config, rate: u64) -> Option<std::thread::JoinHandle<()>> {
    let args = GenerateArgs::visitors(rate, USERS, PRODUCTS);
    (rate > 0).then(|| {
        std::thread::spawn(move || {
            if let Err(error) = generate::run(&config, &args) {
                tracing::error!(%error, "no more visitors come");
            }
        })
    })
}

/// Prints what to try.
#[allow(clippy::print_stdout, reason = "this is the command's output")]
fn print_hints(port: u16) {
    let at = format!("http://127.0.0.1:{port}");
    println!("A shop with {PRODUCTS} products and {USERS} visitors, on {at} until Ctrl-C. Try:\n");
    println!("  curl {at}/api/trending?n=5");
    println!("  curl {at}/api/user-profile/user1");
    println!("  curl {at}/api/recommendations/user1?n=5\n");
}

fn remove(dir: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
