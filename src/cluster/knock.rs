//! How one process connects to another.

use super::Plan;
use super::greeting::{Answer, Hello, PATIENCE, Purpose, Verdict, receive, send};
use std::io;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Why a connection was not taken, or could not be made.
pub(super) enum Refusal {
    Later(String),
    Never(String),
}

/// Connects to a process of lower number, for one purpose.
pub(super) async fn knock(
    plan: &Plan,
    run: u64,
    process: usize,
    purpose: Purpose,
) -> Result<TcpStream, Refusal> {
    let greeted = async {
        let mut stream = TcpStream::connect(&plan.hosts[process]).await?;
        stream.set_nodelay(true)?;
        send(&mut stream, &Hello { identity: plan.me.clone(), purpose, run }).await?;
        let answer: Answer = receive(&mut stream).await?;
        io::Result::Ok((stream, answer))
    };
    let (stream, Answer { identity, verdict }) = match timeout(2 * PATIENCE, greeted).await {
        Ok(greeted) => greeted.map_err(|error| Refusal::Later(error.to_string()))?,
        Err(_) => return Err(Refusal::Later("it does not answer".into())),
    };
    if identity.process != process {
        let other = identity.process;
        return Err(Refusal::Never(format!("hosts[{process}] leads to process {other}")));
    }
    match verdict {
        Verdict::Welcome => Ok(stream),
        Verdict::Later(why) => Err(Refusal::Later(why)),
        Verdict::Never(reason) => Err(Refusal::Never(reason)),
    }
}
