//! `recsys demo`: the engine without any service, with visitors of its own.

use super::args::{DemoArgs, GenerateArgs};
use super::demo_folder::DemoFolder;
use super::files::make_folder;
use super::output::say;
use super::{generate, run};
use crate::config::Config;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The number of products and users of the demo's shop.
const PRODUCTS: u32 = 500;
const USERS: u32 = 200;
/// The events of one user and day that count: some of so few visitors would be bots within minutes.
const KEPT_EVENTS: u32 = 100_000;

pub(super) fn run(config: &Config, args: &DemoArgs) -> anyhow::Result<()> {
    let listener = run::bind(config)?;
    let mut config = config.clone();
    config.views.kept_events = config.views.kept_events.max(KEPT_EVENTS);
    let passing = match &args.dir {
        Some(dir) => {
            make_folder(dir)?;
            None
        }
        None => Some(DemoFolder::create(&std::env::temp_dir())?),
    };
    if let Some(folder) = &passing {
        config.files.dir = folder.path().into();
        let checkpoints = folder.path().join("checkpoints");
        config.checkpoint.url = checkpoints.to_str().map(str::to_owned);
    }
    // Nobody may be reading, and the demo goes on.
    let _ = say(&hints(config.http.listen.port()));
    let stop = Arc::new(AtomicBool::new(false));
    let visitors = visit(config.clone(), args.rate, stop.clone());
    // Its log goes by the command line alone: there is nothing to read again.
    let ran = run::run(&config, listener, false, &|| ());
    stop.store(true, Ordering::Relaxed);
    if let Some(Err(_)) = visitors.map(JoinHandle::join) {
        tracing::error!("the visitors' thread has panicked");
    }
    ran
}

/// Starts to generate visitors, on a thread of their own, until `stop` is set.
fn visit(config: Config, rate: u64, stop: Arc<AtomicBool>) -> Option<JoinHandle<()>> {
    let args = GenerateArgs::visitors(rate, USERS, PRODUCTS);
    (rate > 0).then(|| {
        std::thread::spawn(move || {
            if let Err(error) = generate::run(&config, &args, &stop) {
                tracing::error!(%error, "no more visitors come");
            }
        })
    })
}

/// What to try.
fn hints(port: u16) -> String {
    let at = format!("http://127.0.0.1:{port}");
    // Another port than that of the settings is to be named to other commands.
    let set = match port {
        8080 => String::new(),
        port => format!(" --set http.listen=127.0.0.1:{port}"),
    };
    format!(
        "A shop with {PRODUCTS} products and {USERS} visitors, until Ctrl-C. Look at it in a browser:\n\n  \
         {at}/\n\n\
         or ask:\n\n  \
         curl '{at}/api/recommendations/user1?n=5'\n  \
         recsys tail{set}\n  \
         recsys status --watch{set}\n"
    )
}
