//! Connections to the nodes of a Redis, one to each: what is sent to them all, and the one that has the engine's own
//! keys.

use crate::sinks::redis::client::Server;
use crate::sinks::redis::dialer::Dialer;
use crate::sinks::redis::encode::{Pipeline, command};
use crate::sinks::redis::topology::{Topology, redirected};
use crate::sinks::redis::units::{Group, group, units};
use redis::{
    Cmd, Connection, ConnectionLike, ErrorKind, FromRedisValue, RedisError, RedisResult,
    ServerErrorKind, Value,
};
use std::io::Error;
use std::ops::Range;
use std::sync::Arc;

/// The connections to the nodes that are written to, by their numbers in the topology.
pub struct Nodes {
    dialer: Dialer,
    topology: Arc<Topology>,
    links: Vec<Option<Link>>,
    /// The node that has the key which is watched.
    watched: Option<usize>,
}

struct Link {
    connection: Connection,
    /// False once somebody has heard of it.
    is_new: bool,
}

impl Nodes {
    /// Asks which nodes there are, if that is to be asked, and connects to all of them.
    ///
    /// # Errors
    /// When nobody tells, or one of them does not answer in time or refuses the login.
    pub fn open(dialer: &Dialer) -> RedisResult<Nodes> {
        let topology = dialer.find()?;
        dialer.publish(&topology);
        let mut nodes = Nodes::new(dialer, topology);
        nodes.connect_all()?;
        Ok(nodes)
    }

    /// Those of a topology, none of which is connected.
    pub(super) fn new(dialer: &Dialer, topology: Arc<Topology>) -> Nodes {
        let links = topology.nodes().map(|_| None).collect();
        Nodes { dialer: dialer.clone(), topology, links, watched: None }
    }

    pub(super) fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Goes over to another topology. Connections to nodes that stay are kept.
    pub(super) fn follow(&mut self, topology: Arc<Topology>) {
        let before = std::mem::replace(&mut self.topology, topology);
        let mut links: Vec<_> = before.nodes().zip(std::mem::take(&mut self.links)).collect();
        let mut link = |node| {
            let at = links.iter().position(|(before, _)| *before == node)?;
            links.swap_remove(at).1
        };
        self.links = self.topology.nodes().map(&mut link).collect();
        self.watched = None;
    }

    /// Connects to a node, unless it is connected.
    pub(super) fn connect(&mut self, node: usize) -> RedisResult<&mut Connection> {
        let link = match &mut self.links[node] {
            Some(link) => link,
            none => {
                let server = self.topology.nodes().nth(node).cloned().flatten();
                let connection = self.dialer.connect(&server)?;
                none.insert(Link { connection, is_new: true })
            }
        };
        Ok(&mut link.connection)
    }

    /// Connects to all that are not connected.
    pub(super) fn connect_all(&mut self) -> RedisResult<()> {
        (0..self.links.len()).try_for_each(|node| self.connect(node).map(drop))
    }

    /// Whether all are connected.
    pub(super) fn is_whole(&self) -> bool {
        self.links.iter().all(Option::is_some)
    }

    /// The nodes that have been connected to since this was asked last.
    pub(super) fn take_new(&mut self) -> Vec<usize> {
        let mut new = Vec::new();
        for (node, link) in self.links.iter_mut().enumerate() {
            if link.as_mut().is_some_and(|link| std::mem::take(&mut link.is_new)) {
                new.push(node);
            }
        }
        new
    }

    /// Ends the connection that has the engine's own keys: what was begun on it is not finished.
    pub(super) fn leave_home(&mut self) {
        self.links[self.topology.home()] = None;
    }

    /// The connection that has the engine's own keys.
    pub fn home(&mut self) -> Home<'_> {
        Home(self)
    }

    /// Does something with the connection to a node, which ends if it fails.
    pub(super) fn on<T>(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let Some(link) = &mut self.links[node] else {
            return Err(Error::other("a node of Redis is not connected").into());
        };
        act(&mut link.connection).inspect_err(|error| self.note(node, error))
    }

    /// Asks a node.
    pub(super) fn query<T: FromRedisValue>(&mut self, node: usize, cmd: &Cmd) -> RedisResult<T> {
        self.on(node, |connection| cmd.query(connection))
    }

    /// Asks the node that has a key.
    pub(super) fn query_key<T: FromRedisValue>(&mut self, key: &str, cmd: &Cmd) -> RedisResult<T> {
        self.query(self.topology.of_key(key.as_bytes()), cmd)
    }

    /// The number of all keys.
    pub(super) fn size(&mut self) -> RedisResult<u64> {
        let size = redis::cmd("DBSIZE");
        (0..self.topology.masters()).map(|node| self.query::<u64>(node, &size)).sum()
    }

    /// Has each node take what it has of a pipeline, with one more command of its own behind it. All is sent before the
    /// first answer is awaited. Tells what each node has answered to its own command, also where another one has not
    /// answered; returns the answers to the others, in their order.
    ///
    /// # Errors
    /// When a node does not answer in time. What it has taken is not known then.
    pub(super) fn exchange(
        &mut self,
        pipeline: &mut Pipeline,
        own: &[[&str; 3]],
        mut tell: impl FnMut(usize, Value),
    ) -> RedisResult<Vec<Value>> {
        let topology = self.topology.clone();
        // The only one gets all of it as it is.
        let mut groups = match own.len() {
            1 => Vec::new(),
            nodes => group(pipeline.packed(), nodes, |key| topology.of_key(key)),
        };
        let mut sent = Vec::with_capacity(own.len());
        for (node, last) in own.iter().enumerate() {
            sent.push(match groups.get_mut(node) {
                None => pipeline.show_with(last, |packed| self.send(node, packed)),
                Some(group) => {
                    command(&mut group.packed, last);
                    self.send(node, &group.packed)
                }
            });
        }
        let all = 0..pipeline.answers();
        let mut answers = vec![Value::Nil; all.end];
        let mut failed = None;
        for (node, sent) in sent.into_iter().enumerate() {
            let places = groups.get(node).map_or(std::slice::from_ref(&all), |it| &it.answers);
            let received = sent.and_then(|()| {
                self.receive(node, places, &mut answers)?;
                self.on(node, receive)
            });
            match received {
                Ok(answer) => tell(node, answer),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.ask(pipeline, &mut answers).map(|()| answers),
        }
    }

    /// Sends what was answered with `ASK` to the nodes that their slots are being moved to.
    fn ask(&mut self, pipeline: &Pipeline, answers: &mut [Value]) -> RedisResult<()> {
        if !answers.iter().any(|answer| asks(answer).is_some()) {
            return Ok(());
        }
        let mut groups: Vec<Group> = self.links.iter().map(|_| Group::default()).collect();
        for unit in units(pipeline.packed()) {
            let Some(to) = answers[unit.answers.clone()].iter().find_map(asks) else { continue };
            let group = &mut groups[self.target(self.topology.of_key(unit.key), to)?];
            command(&mut group.packed, &["ASKING"]);
            group.packed.extend_from_slice(unit.packed);
            group.answers.push(unit.answers);
        }
        let mut failed = None;
        for (node, group) in groups.iter().enumerate().filter(|(_, it)| !it.answers.is_empty()) {
            let taken = self.send(node, &group.packed).and_then(|()| {
                for place in &group.answers {
                    self.on(node, receive)?.extract_error()?;
                    self.receive(node, std::slice::from_ref(place), answers)?;
                }
                Ok(())
            });
            failed = failed.or(taken.err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// The node that another one redirects to.
    fn target(&self, from: usize, to: &str) -> RedisResult<usize> {
        let nobody: Server = Default::default();
        let from = self.topology.nodes().nth(from).and_then(Option::as_ref).unwrap_or(&nobody);
        let Some(server) = redirected(to, from) else {
            return Err(Error::other(format!("a slot is being moved to nobody: {to}")).into());
        };
        self.topology.position(&server).ok_or_else(|| {
            self.dialer.add_mover(server);
            let told = "a slot is being moved to a node that has yet to be gone over";
            (ErrorKind::Server(ServerErrorKind::Ask), told, to.to_owned()).into()
        })
    }

    fn send(&mut self, node: usize, packed: &[u8]) -> RedisResult<()> {
        self.on(node, |connection| connection.send_packed_command(packed))
    }

    /// Receives answers into their places. The first one that does not come in time ends it: the client's own way waits
    /// for each of the others as long again.
    fn receive(
        &mut self,
        node: usize,
        places: &[Range<usize>],
        answers: &mut [Value],
    ) -> RedisResult<()> {
        self.on(node, |connection| {
            for place in places.iter().cloned().flatten() {
                answers[place] = receive(connection)?;
            }
            Ok(())
        })
    }

    fn note(&mut self, node: usize, error: &RedisError) {
        if error.code().is_none() {
            self.links[node] = None;
        }
        if let Some(server) = self.topology.nodes().nth(node) {
            self.dialer.doubt(server, error);
        }
    }
}

/// The next answer.
fn receive(connection: &mut Connection) -> RedisResult<Value> {
    loop {
        match connection.recv_response()? {
            // Nobody has asked for it.
            Value::Push { .. } => {}
            answer => return Ok(answer),
        }
    }
}

/// Where an answer sends to, if it is `ASK`.
fn asks(answer: &Value) -> Option<&str> {
    match answer {
        Value::ServerError(error) if error.code() == "ASK" => error.details()?.split(' ').nth(1),
        _ => None,
    }
}

/// The connection that has the engine's own keys, which follows the slot of these while it is moved.
pub struct Home<'a>(&'a mut Nodes);

impl Home<'_> {
    /// The name that a key of the engine itself has there.
    pub fn key(&self, key: &str) -> String {
        self.0.topology.own(key)
    }
}

impl ConnectionLike for Home<'_> {
    fn req_packed_command(&mut self, cmd: &[u8]) -> RedisResult<Value> {
        let home = self.0.topology.home();
        let answer = self.0.on(home, |connection| connection.req_packed_command(cmd))?;
        let (at, answer) = match asks(&answer) {
            None => (home, answer),
            Some(to) => {
                let target = self.0.target(home, to)?;
                let answer = self.0.on(target, |connection| {
                    redis::cmd("ASKING").exec(connection)?;
                    connection.req_packed_command(cmd)
                });
                (target, answer?)
            }
        };
        if cmd.starts_with(b"*2\r\n$5\r\nWATCH\r\n") {
            self.0.watched = Some(at);
        }
        Ok(answer)
    }

    /// A transaction goes where the key was when it was watched: if it is elsewhere by now, nothing is done.
    fn req_packed_commands(
        &mut self,
        cmd: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let home = self.0.topology.home();
        let at = self.0.watched.take().unwrap_or(home);
        self.0.on(at, |connection| {
            if at != home {
                redis::cmd("ASKING").exec(connection)?;
            }
            connection.req_packed_commands(cmd, offset, count)
        })
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.0.links[self.0.topology.home()].as_ref().is_some_and(|it| it.connection.is_open())
    }
}
