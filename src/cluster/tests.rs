//! Clusters on real sockets, whole and disturbed.

use super::handshake::Identity;
use super::handshake::{Hello, HelloAnswer, Purpose, Verdict, receive, send};
use super::membership::listen;
use super::plan::ClusterPlan;
use super::{Cluster, ConnectError, Loss, LossCause};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use timely::communication::allocator::zero_copy::stream::Stream;

/// Longer than anything here takes, unless it hangs.
const LONG: Duration = Duration::from_secs(20);

/// Plans for a cluster of so many processes, and where each listens.
fn plans(processes: usize) -> Vec<(ClusterPlan, TcpListener)> {
    let listeners: Vec<_> =
        (0..processes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let hosts: Vec<_> =
        listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    let plan = |process| ClusterPlan {
        me: Identity { version: "1".into(), fingerprint: 7, workers: 2, process },
        hosts: hosts.clone(),
        patience: Some(LONG),
        silence: LONG,
    };
    listeners.into_iter().enumerate().map(|(process, at)| (plan(process), at)).collect()
}

type Meets = JoinHandle<Result<Cluster, ConnectError>>;

fn meet((plan, listener): (ClusterPlan, TcpListener)) -> Meets {
    std::thread::spawn(move || Cluster::meet(plan, listener, &|_| (), |_| ()))
}

fn met(meets: Meets) -> Cluster {
    meets.join().unwrap().map_err(|failed| failed.to_string()).unwrap()
}

/// Every pair must be able to talk, with nobody else.
fn check_wires(clusters: &mut [Cluster]) {
    let mut wires: Vec<_> = clusters.iter_mut().map(Cluster::take_wires).collect();
    for (from, wires) in wires.iter_mut().enumerate() {
        assert!(wires[from].is_none(), "none to itself");
        for (to, wire) in wires.iter_mut().enumerate().filter(|(to, _)| *to != from) {
            let wire = wire.as_mut().unwrap();
            wire.set_nonblocking(false).unwrap();
            wire.write_all(&[u8::try_from(10 * from + to).unwrap()]).unwrap();
        }
    }
    for (to, wires) in wires.iter_mut().enumerate() {
        for (from, wire) in wires.iter_mut().enumerate().filter(|(from, _)| *from != to) {
            let mut byte = [0];
            wire.as_mut().unwrap().read_exact(&mut byte).unwrap();
            assert_eq!(usize::from(byte[0]), 10 * from + to);
        }
    }
}

/// What becomes known of a lost peer.
fn loss_of(cluster: &Cluster) -> Loss {
    let lost = cluster.lost();
    let runtime = &cluster.membership.as_ref().unwrap().runtime;
    runtime.block_on(async { tokio::time::timeout(LONG, lost).await }).expect("a loss is found")
}

#[test]
fn all_processes_meet_in_whatever_order_they_come() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut plans: Vec<_> = plans(3).into_iter().map(Some).collect();
        let mut meets: Vec<_> =
            order.map(|process| (process, meet(plans[process].take().unwrap()))).into();
        meets.sort_by_key(|(process, _)| *process);
        let mut clusters: Vec<_> = meets.into_iter().map(|(_, meets)| met(meets)).collect();
        check_wires(&mut clusters);
    }
}

/// A stranger does something to process 0; it and process 1 must meet all the same.
fn check_stray(what: &str, stranger: impl FnOnce(SocketAddr) -> Option<TcpStream>) {
    let [first, second] = <[_; 2]>::try_from(plans(2)).map_err(drop).unwrap();
    let address = first.1.local_addr().unwrap();
    let first = meet(first);
    let stream = stranger(address);
    let mut clusters = [first, meet(second)].map(met);
    check_wires(&mut clusters);
    // It was not only left alone: it has been sent away, or is now.
    if let Some(mut stream) = stream {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let ended = match stream.read(&mut [0; 64]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        assert!(ended, "{what}");
    }
}

#[test]
fn a_stray_connection_is_closed_and_disturbs_nobody() {
    let says = |bytes: &'static [u8]| {
        move |address| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(bytes).unwrap();
            Some(stream)
        }
    };
    check_stray("silent", says(b""));
    check_stray("speaks HTTP", says(b"GET /healthz HTTP/1.1\r\n\r\n"));
    check_stray("stops in the middle", says(b"recsys/2\0"));
    check_stray("of another protocol", says(b"recsys/1\0\x02{}"));
    check_stray("endless", says(b"recsys/2\xff\xff"));
    check_stray("no handshake", says(b"recsys/2\0\x02{}"));
    check_stray("timely's own", says(&[0, 0, 0, 0, 0, 0, 0, 1]));
    check_stray("hangs up", |address| {
        drop(TcpStream::connect(address).unwrap());
        None
    });
}

/// Process 1 differs from what process 0 expects: it must be told why, and process 0 go on waiting
/// for one that fits.
fn check_misfit(differ: impl FnOnce(&mut ClusterPlan), told: &str) {
    let [first, second] = <[_; 2]>::try_from(plans(2)).map_err(drop).unwrap();
    let mut misfit = (second.0.clone(), second.1.try_clone().unwrap());
    differ(&mut misfit.0);
    let address = first.1.local_addr().unwrap();
    let first = meet(first);
    let error = meet(misfit).join().unwrap().err().expect(told).to_string();
    let turned_away = format!("process 0 ({address}) turns this one away: {told}");
    assert!(error.starts_with(&turned_away), "{error}, not {turned_away}");
    check_wires(&mut [first, meet(second)].map(met));
}

#[test]
fn one_that_does_not_fit_is_told_why() {
    check_misfit(|plan| plan.me.version = "2".into(), "process 1's version is 2, process 0's 1");
    check_misfit(|plan| plan.me.workers = 3, "process 1's number of workers is 3, process 0's 2");
    check_misfit(
        |plan| plan.me.fingerprint = 8,
        "process 1's configuration is not process 0's: hosts, views,",
    );
    check_misfit(
        |plan| {
            plan.me.process = 2;
            plan.hosts.push(plan.hosts[1].clone());
            // Nobody is there.
            plan.hosts[1] = "127.0.0.1:1".into();
        },
        "there are only 2 processes",
    );
}

#[test]
fn hosts_that_lead_to_another_process_are_told() {
    let [(first, at_first), (mut second, at_second), (third, at_third)] =
        <[_; 3]>::try_from(plans(3)).map_err(drop).unwrap();
    second.hosts[0] = third.hosts[2].clone();
    let third =
        meet((ClusterPlan { patience: Some(Duration::from_millis(500)), ..third }, at_third));
    let error = meet((second, at_second)).join().unwrap().err().unwrap().to_string();
    assert!(error.ends_with("hosts[0] leads to process 2"), "{error}");
    drop((first, at_first));
    assert!(third.join().unwrap().is_err());
}

#[test]
fn a_late_process_is_waited_for() {
    let [(first, at_first), second] = <[_; 2]>::try_from(plans(2)).map_err(drop).unwrap();
    let second = meet(second);
    // Two tries fail before process 0 is there.
    for _ in 0..2 {
        drop(at_first.accept().unwrap());
    }
    check_wires(&mut [meet((first, at_first)), second].map(met));
}

#[test]
fn the_name_of_a_process_is_waited_for() {
    let (mut plan, _) = plans(2).swap_remove(0);
    plan.hosts[0] = "nobody.invalid:2101".into();
    plan.patience = Some(Duration::from_millis(500));
    let told = std::sync::Mutex::new(String::new());
    let error = listen(&plan, &|what| *told.lock().unwrap() = what.into()).unwrap_err();
    let ConnectError::Listen { process: 0, address, .. } = error else { panic!("{error}") };
    assert_eq!(address, plan.hosts[0]);
    let told = told.into_inner().unwrap();
    assert!(told.starts_with("the address of this process (nobody.invalid:2101): "), "{told}");
}

#[test]
fn who_has_not_come_in_time_is_told() {
    let [_, (second, at_second), _] = <[_; 3]>::try_from(plans(3)).map_err(drop).unwrap();
    let (zero, two) = (second.hosts[0].clone(), second.hosts[2].clone());
    let plan = ClusterPlan { patience: Some(Duration::from_millis(500)), ..second };
    let error = meet((plan, at_second)).join().unwrap().err().unwrap().to_string();
    assert_eq!(
        error,
        format!(
            "not all processes have come in 500ms; still missing: process 0 ({zero}): Connection \
             refused (os error 111); process 2 ({two}): has not come yet"
        )
    );
}

#[test]
fn one_that_is_lost_while_others_are_awaited_makes_room_for_its_successor() {
    let [first, second, third] = <[_; 3]>::try_from(plans(3)).map_err(drop).unwrap();
    let successor = (second.0.clone(), second.1.try_clone().unwrap());
    let first = meet(first);
    // It gives up without the third.
    let impatient = ClusterPlan { patience: Some(Duration::from_millis(500)), ..second.0 };
    assert!(meet((impatient, second.1)).join().unwrap().is_err());
    check_wires(&mut [first, meet(successor), meet(third)].map(met));
}

/// A cluster of two, of which the first loses the second.
fn check_loss(cause: &LossCause, lose: impl FnOnce(Cluster) -> Option<Cluster>) {
    let [first, second] = <[_; 2]>::try_from(plans(2)).map_err(drop).unwrap();
    let address = second.0.hosts[1].clone();
    let [mut first, second] = [meet(first), meet(second)].map(met);
    // Timely reads all the time.
    let wire = first.take_wires().swap_remove(1).unwrap();
    wire.set_nonblocking(false).unwrap();
    std::thread::spawn(move || ({ wire }).read(&mut [0]));
    let _rest = lose(second);
    assert_eq!(loss_of(&first), Loss { process: 1, address, cause: cause.clone() });
}

#[test]
fn a_peer_is_missed_in_whatever_way_it_goes() {
    check_loss(&LossCause::Left, |cluster| {
        drop(cluster);
        None
    });
    check_loss(&LossCause::Gone, |mut cluster| {
        // As when it is killed: all its connections end, and nothing is said.
        let mut membership = cluster.membership.take().unwrap();
        membership.heartbeats.abort_all();
        membership.runtime.shutdown_background();
        // A task that has not ended yet must not hear that this process leaves: it would say so.
        std::mem::forget(membership.leaving);
        None
    });
    check_loss(&LossCause::Cut, |mut cluster| {
        drop(cluster.take_wires());
        Some(cluster)
    });
}

#[test]
fn a_peer_that_is_frozen_is_missed() {
    let silence = Duration::from_millis(700);
    let [(first, at_first), (second, _at_second)] =
        <[_; 2]>::try_from(plans(2)).map_err(drop).unwrap();
    let address = first.hosts[0].clone();
    let first = meet((ClusterPlan { silence, ..first }, at_first));
    // It says who it is, and nothing more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connect = async |purpose| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let hello = Hello { identity: second.me.clone(), purpose, run: 1 };
        send(&mut stream, &hello).await.unwrap();
        let answer: HelloAnswer = receive(&mut stream).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Welcome);
        stream
    };
    let _frozen =
        [Purpose::Heartbeat, Purpose::Data].map(|purpose| runtime.block_on(connect(purpose)));
    assert_eq!(loss_of(&met(first)).cause, LossCause::Silent(silence));
}
