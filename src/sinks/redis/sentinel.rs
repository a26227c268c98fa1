//! Asks sentinels which Redis is the master.

use crate::config::{RedisConfig, SentinelConfig, name_and_port};
use crate::sinks::redis::client::{self, Server, address};
use crate::sinks::redis::trouble::{Place, Unfound, trouble};
use redis::{Connection, RedisResult};
use std::time::Duration;

/// The longest time that a sentinel may take to connect, and to answer: there are others.
const PATIENCE: Duration = Duration::from_millis(500);

/// The sentinels, with the connection to the one that has answered last.
pub(super) struct Sentinels {
    names: SentinelConfig,
    connection: Option<Connection>,
    /// The one to ask next.
    next: usize,
}

impl Sentinels {
    pub(super) fn new(names: SentinelConfig) -> Sentinels {
        Sentinels { names, connection: None, next: 0 }
    }

    /// Where the master is, by the first sentinel that says it.
    ///
    /// # Errors
    /// When none does: each with what is wrong with it.
    pub(super) fn master(&mut self, config: &RedisConfig) -> Result<Server, Unfound> {
        let (mut wrong, mut first) = (Vec::new(), None);
        // The one that is connected may have ended since: then it is tried anew.
        for _ in 0..=self.names.addresses.len() {
            let at = self.names.addresses[self.next].clone();
            let was_connected = self.connection.is_some();
            match self.ask(config, &at) {
                Ok(Some(master)) => return Ok(master),
                Ok(None) => {
                    let name = &self.names.master;
                    first.get_or_insert("no master");
                    wrong.push(format!("{at} knows no master {name} (redis.sentinel_master)"));
                }
                Err(_) if was_connected => {
                    self.connection = None;
                    continue;
                }
                Err(error) => {
                    let server = server(&at);
                    let place = Place::sentinel(config, address(config, &server));
                    let trouble = trouble(&place, &error);
                    first.get_or_insert(trouble.kind);
                    wrong.push(format!("{at}: {}", trouble.text));
                }
            }
            self.connection = None;
            self.next = (self.next + 1) % self.names.addresses.len();
            if wrong.len() == self.names.addresses.len() {
                break;
            }
        }
        let text = format!("no sentinel tells where the master is: {}", wrong.join("; "));
        Err(Unfound { kind: first.unwrap_or("connection"), text })
    }

    fn ask(&mut self, config: &RedisConfig, at: &str) -> RedisResult<Option<Server>> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let client = client::sentinel(config, &server(at))?;
                none.insert(client::connection(&client, PATIENCE)?)
            }
        };
        let mut asks = redis::cmd("SENTINEL");
        asks.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.names.master).query(connection)
    }
}

fn server(address: &str) -> Server {
    let (name, port) = name_and_port(address);
    (name.to_owned(), port)
}
