//! Dials another process and shakes hands with it.

use super::handshake::{Hello, HelloAnswer, PATIENCE, Purpose, Verdict, receive, send};
use super::plan::ClusterPlan;
use std::io;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Why dialing failed.
pub(super) enum DialError {
    /// The process cannot be reached, or does not accept now; and why.
    Retry(String),
    /// The process never accepts this one, and why.
    Fatal(String),
}

/// Connects to another process for one purpose. `run` is the `Hello`'s. Returns the run of the other one as well.
pub(super) async fn dial(
    plan: &ClusterPlan,
    run: u64,
    process: usize,
    purpose: Purpose,
) -> Result<(TcpStream, u64), DialError> {
    let handshake = async {
        let mut stream = TcpStream::connect(&plan.hosts[process]).await?;
        stream.set_nodelay(true)?;
        send(&mut stream, &Hello { identity: plan.me.clone(), purpose, run }).await?;
        let answer: HelloAnswer = receive(&mut stream).await?;
        io::Result::Ok((stream, answer))
    };
    let (stream, HelloAnswer { identity, run, verdict }) =
        match timeout(2 * PATIENCE, handshake).await {
            Ok(answered) => answered.map_err(|error| DialError::Retry(error.to_string()))?,
            Err(_) => return Err(DialError::Retry("it does not answer".into())),
        };
    if identity.process != process {
        let other = identity.process;
        return Err(DialError::Fatal(format!("hosts[{process}] leads to process {other}")));
    }
    match verdict {
        Verdict::Welcome => Ok((stream, run)),
        Verdict::Later(why) => Err(DialError::Retry(why)),
        Verdict::Never(reason) => Err(DialError::Fatal(reason)),
    }
}
