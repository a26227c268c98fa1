//! Asks the nodes of a Redis Cluster which of them has which slots.

use crate::config::{RedisConfig, name_and_port};
use crate::sinks::redis::client::{Server, address, client, connection};
use crate::sinks::redis::topology::Topology;
use crate::sinks::redis::trouble::{Place, Unfound, trouble};
use redis::{Connection, RedisError, RedisResult, Value};
use std::time::Duration;

/// The longest time that a node may take to connect, and to answer: there are others.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// The nodes that are asked, with the connection to the one that has answered last.
pub(super) struct Cluster {
    /// Those of the configuration.
    seeds: Vec<Server>,
    /// Those that are known, in the order in which they are asked.
    known: Vec<Server>,
    connection: Option<(Server, Connection)>,
}

impl Cluster {
    pub(super) fn new(seeds: &[String]) -> Cluster {
        let server = |seed: &String| {
            let (name, port) = name_and_port(seed);
            (name.to_owned(), port)
        };
        let seeds: Vec<Server> = seeds.iter().map(server).collect();
        Cluster { known: seeds.clone(), seeds, connection: None }
    }

    /// Asks another node next: the last one may not know what has changed.
    pub(super) fn turn_away(&mut self) {
        if let Some((last, _)) = self.connection.take() {
            self.known.retain(|known| *known != last);
            self.known.push(last);
        }
    }

    /// Who has which slots, by the first node that says it.
    ///
    /// # Errors
    /// When none does: each with what is wrong with it.
    pub(super) fn topology(&mut self, config: &RedisConfig) -> Result<Topology, Unfound> {
        if let Some((at, connection)) = &mut self.connection
            && let Ok(Ok(topology)) = ask(connection, at)
        {
            return Ok(topology);
        }
        // The one that is connected may have ended since: then it is tried anew.
        self.connection = None;
        let (mut wrong, mut first) = (Vec::new(), None);
        for at in self.known.clone() {
            let (kind, text) = match self.connect(config, &at) {
                Ok(Ok(topology)) => {
                    self.learn(&topology);
                    return Ok(topology);
                }
                Ok(Err(text)) => ("CLUSTERDOWN", text),
                Err(error) if is_none(&error) => {
                    ("other", "is no node of a cluster: redis.cluster must name some".into())
                }
                Err(error) => {
                    let trouble =
                        trouble(&Place::redis(config, Some(address(config, &at))), &error);
                    (trouble.kind, trouble.text)
                }
            };
            first.get_or_insert(kind);
            wrong.push(format!("{}:{}: {text}", at.0, at.1));
        }
        let text = format!("no node of the cluster tells who has its slots: {}", wrong.join("; "));
        Err(Unfound { kind: first.unwrap_or("connection"), text })
    }

    fn connect(
        &mut self,
        config: &RedisConfig,
        at: &Server,
    ) -> RedisResult<Result<Topology, String>> {
        let patience = PATIENCE.min(config.timeout);
        let mut connection = connection(&client(config, Some(at))?, patience)?;
        let answered = ask(&mut connection, at)?;
        if answered.is_ok() {
            self.connection = Some((at.clone(), connection));
        }
        Ok(answered)
    }

    /// The nodes of a cluster come and go: those of the configuration are the last that are asked.
    fn learn(&mut self, topology: &Topology) {
        let last = self.connection.iter().map(|(at, _)| at);
        let all = last.chain(topology.all().flatten()).chain(&self.seeds);
        let mut known: Vec<Server> = Vec::new();
        for server in all {
            if !known.contains(server) {
                known.push(server.clone());
            }
        }
        self.known = known;
    }
}

fn ask(connection: &mut Connection, at: &Server) -> RedisResult<Result<Topology, String>> {
    let answer: Value = redis::cmd("CLUSTER").arg("SLOTS").query(connection)?;
    Ok(Topology::parse(&answer, at))
}

/// Whether it is the answer of a Redis that is no node of a cluster.
fn is_none(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("cluster support disabled"))
}
