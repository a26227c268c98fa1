//! Ends the connections of engines that held Redis before. A lease alone does not stop a process that was frozen in
//! front of a write: it wakes up, and writes.

use redis::{Connection, RedisResult};

/// What stands before the fence in the name of an engine's connection.
const PREFIX: &str = "recsys:";
/// The most times that connections are listed: none comes again that has been ended.
const ROUNDS: usize = 10;

/// Gives a connection its name, by which it is found and ended.
pub(super) fn name(connection: &mut Connection, fence: u64, what: &str) -> RedisResult<()> {
    let name = format!("{PREFIX}{fence}:{what}");
    redis::cmd("CLIENT").arg("SETNAME").arg(name).exec(connection)
}

/// Ends all connections to a node that have another fence in their name. Returns how many there were.
pub(super) fn end(connection: &mut Connection, fence: u64) -> RedisResult<usize> {
    let mut ended = 0;
    for _ in 0..ROUNDS {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(connection)?;
        let others: Vec<u64> = others(&list, fence).collect();
        if others.is_empty() {
            return Ok(ended);
        }
        for id in others {
            ended +=
                redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query::<usize>(connection)?;
        }
    }
    Err(std::io::Error::other("connections of another engine come again and again").into())
}

/// The ids of connections with another fence.
fn others(list: &str, fence: u64) -> impl Iterator<Item = u64> {
    list.lines().filter_map(move |line| {
        let part = |key: &str| line.split(' ').find_map(|part| part.strip_prefix(key));
        let of = part("name=")?.strip_prefix(PREFIX)?.split(':').next()?.parse::<u64>().ok()?;
        if of == fence { None } else { part("id=")?.parse().ok() }
    })
}

#[cfg(test)]
mod tests {
    use super::others;

    #[test]
    fn connections_of_other_fences_are_told_by_their_names() {
        let list = "id=3 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=8 name=recsys:17:worker-0 age=1 db=0\n\
                    id=4 addr=127.0.0.1:3 laddr=127.0.0.1:2 fd=9 name= age=1 db=0\n\
                    id=5 addr=127.0.0.1:4 laddr=127.0.0.1:2 fd=9 name=recsys:18:keeper-1 age=1 db=0\n\
                    id=6 addr=127.0.0.1:4 laddr=127.0.0.1:2 fd=9 name=recsys:shop age=1 db=0\n\
                    id=7 addr=127.0.0.1:4 laddr=127.0.0.1:2 fd=9 name=shop:17:worker-0 age=1 db=0\n";
        assert_eq!(others(list, 18).collect::<Vec<_>>(), [3]);
        assert_eq!(others(list, 19).collect::<Vec<_>>(), [3, 5]);
    }
}
