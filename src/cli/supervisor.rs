//! Tells systemd that the process serves, and that it lives.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::sleep;

/// A supervisor that listens to this process, by the protocol of `sd_notify`.
pub(super) struct Supervisor {
    socket: UnixDatagram,
    /// The interval at which it is to hear that the process lives, if it is.
    beat: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names; none where it names none, or one that does not listen.
    pub(super) fn of(variable: impl Fn(&str) -> Option<OsString>) -> Option<Supervisor> {
        let address = variable("NOTIFY_SOCKET").filter(|address| !address.is_empty())?;
        let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_meant =
            number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience = number("WATCHDOG_USEC").filter(|_| is_meant).map(Duration::from_micros);
        match connect(&address) {
            Ok(socket) => Some(Supervisor { socket, beat: patience.map(|patience| patience / 3) }),
            Err(error) => {
                tracing::warn!(%error, ?address, "the supervisor does not listen at NOTIFY_SOCKET");
                None
            }
        }
    }

    /// Tells that the process serves, and again and again that it lives.
    pub(super) async fn tell(self) {
        self.send("READY=1");
        let Some(beat) = self.beat else { return };
        loop {
            self.send("WATCHDOG=1");
            sleep(beat).await;
        }
    }

    fn send(&self, message: &str) {
        // A supervisor that misses it acts as it is set to.
        let _ = self.socket.send(message.as_bytes());
    }
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
