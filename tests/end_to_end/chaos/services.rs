//! One or two processes on Kafka, Redis and ZooKeeper: all of them are killed, stand still and come back.

use super::away::Services;
use super::compared::{caught_up, counted, same, until};
use super::members::{Member, Run, Shop, Told};
use super::plan::{Fault, Shape, Step, plan, shape};
use super::sent::{Sender, TOPICS, send};
use super::watched::{Loss, Watched};
use super::{Random, call, damage, number, state, unlearned};
use crate::harness::{Process, create_topics, prefix, redis, served, services, succeed};
use crate::kafka;
use crate::settings::write_node;
use rdkafka::Message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, park_timeout};
use std::time::{Duration, Instant};

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn whatever_is_killed_it_is_as_if_nothing_ever_was() {
    let _services = services();
    let (seed, faults) =
        (number("RECSYS_TEST_CHAOS_SEED", 1), number("RECSYS_TEST_CHAOS_FAULTS", 14));
    let mut random = Random::new(seed);
    let steps = plan(&mut random, usize::try_from(faults).unwrap());
    // It stays where a run has failed.
    let folder = tempfile::tempdir().unwrap().keep();
    let mut chaos = Chaos::new(random, folder.clone());
    let done = steps.iter().enumerate().try_for_each(|(index, step)| {
        println!("{:6.1} s, fault {index}: {step:?}", chaos.began.elapsed().as_secs_f32());
        let told = chaos.step(index, step);
        told.map_err(|told| format!("fault {index}, {step:?}: {told}"))
    });
    let done = done.and_then(|()| chaos.end());
    println!("seed {seed}, {:?}: {:?}", chaos.began.elapsed(), chaos.done);
    if let Err(told) = done {
        panic!("seed {seed}, {faults} faults: {told}; logs are in {}", folder.display());
    }
    drop(chaos);
    std::fs::remove_dir_all(folder).unwrap();
}

struct Chaos {
    shop: Shop,
    random: Random,
    began: Instant,
    run: Option<Run>,
    /// Those who stand still while another run has taken their place.
    asleep: Vec<Member>,
    services: Services,
    /// The greatest weight of a view that anybody may have set: it only grows.
    view: u64,
    sends: Arc<AtomicBool>,
    sender: Option<JoinHandle<Sender>>,
    done: Done,
}

/// What has been done, and seen.
#[derive(Debug, Default)]
struct Done {
    faults: BTreeMap<Fault, u64>,
    runs: usize,
    in_pairs: u64,
    restored: u64,
    damaged: u64,
    woken: u64,
    longest_end: Duration,
    sent: String,
    reads: u64,
    refused: u64,
    redis_reads: u64,
}

impl Chaos {
    fn new(mut random: Random, folder: PathBuf) -> Chaos {
        let prefix = prefix("chaos");
        create_topics(&prefix);
        let weights = weights(1, &mut random).to_string();
        succeed(&prefix, &["config", "set", "/config/recommendation/weights", &weights]);
        let _: () = redis::cmd("FLUSHALL").query(&mut redis().unwrap()).unwrap();
        let (watched, ports) = (Arc::new(Watched::default()), Arc::new(Mutex::default()));
        let sends = Arc::new(AtomicBool::new(true));
        let sender = Sender::new(Random::new(random.next()), &prefix);
        let sender = send(sender, watched.clone(), ports.clone(), sends.clone());
        watched.redis();
        let shop = Shop { prefix, folder, watched, ports };
        Chaos {
            shop,
            random,
            began: Instant::now(),
            run: None,
            asleep: Vec::new(),
            services: Services::default(),
            view: 1,
            sends,
            sender: Some(sender),
            done: Done::default(),
        }
    }

    /// Does one fault, and what is due by then.
    fn step(&mut self, index: usize, step: &Step) -> Told {
        self.start(step.shape);
        if !step.in_start && self.services.away.is_empty() {
            self.ready()?;
            self.wake()?;
        }
        park_timeout(step.after);
        self.run.as_mut().map_or(Ok(()), Run::lives)?;
        self.strike(index, step)?;
        *self.done.faults.entry(step.fault).or_default() += 1;
        self.services.heal(index);
        self.shop.watched.fault().map_or(Ok(()), |fault| Err(format!("the past is seen: {fault}")))
    }

    /// Starts the engine, if it does not run.
    fn start(&mut self, shape: Shape) {
        if self.run.is_none() {
            self.run = Some(self.shop.start(self.done.runs, shape));
            self.done.runs += 1;
            self.done.in_pairs += u64::from(shape.processes == 2);
        }
    }

    fn ready(&mut self) -> Told {
        let run = self.run.as_mut().expect("it was started");
        run.wait_ready()?;
        let status = call(run.members[0].process.port, "GET", "/api/status", "");
        let status = status.map_or(Value::Null, |(_, it)| serde_json::from_str(&it).unwrap());
        self.done.restored += u64::from(status["checkpoint"]["restored"].is_u64());
        Ok(())
    }

    /// Lets those go on whose place others have taken: they must end, and disturb nobody.
    fn wake(&mut self) -> Told {
        for member in self.asleep.drain(..) {
            member.wake()?;
            self.done.woken += 1;
        }
        self.run.as_mut().map_or(Ok(()), Run::lives)
    }

    fn strike(&mut self, index: usize, step: &Step) -> Told {
        let until = index + step.lasts;
        match step.fault {
            Fault::Kill => {
                self.take(step).kill();
                self.others_end()
            }
            Fault::Stop => {
                self.take(step).stop()?;
                self.others_end()
            }
            Fault::Replace => {
                let member = self.take(step);
                member.process.signal("STOP");
                self.asleep.push(member);
                self.others_end()
            }
            Fault::Pause => {
                self.pause(step);
                Ok(())
            }
            Fault::Freeze => self.freeze(step),
            Fault::Damage => {
                self.damage();
                Ok(())
            }
            Fault::Brokers(count) => {
                self.services.kill_brokers(step.target, count, until);
                Ok(())
            }
            Fault::Redis => {
                let kill = || self.services.kill("redis", until);
                self.shop.watched.redis_loses(Loss::SinceSaved, kill);
                Ok(())
            }
            Fault::Flush => {
                let flush = || redis().and_then(|mut it| redis::cmd("FLUSHALL").exec(&mut it));
                // If it is away, it has lost all already.
                let _ = self.shop.watched.redis_loses(Loss::All, flush);
                Ok(())
            }
            Fault::ZooKeeper => {
                self.services.kill("zookeeper", until);
                Ok(())
            }
            Fault::Weights | Fault::Node => {
                self.weigh(step.fault == Fault::Node);
                Ok(())
            }
        }
    }

    /// Takes one out of those that run.
    fn take(&mut self, step: &Step) -> Member {
        let members = &mut self.run.as_mut().expect("it was started").members;
        let member = members.remove(step.target % members.len());
        self.shop.hide(&member);
        member
    }

    /// Waits until those that are left have ended, since they have lost one.
    fn others_end(&mut self) -> Told {
        self.shop.ports.lock().unwrap().clear();
        let mut run = self.run.take().expect("it was started");
        self.done.longest_end = self.done.longest_end.max(run.end()?);
        Ok(())
    }

    fn pause(&mut self, step: &Step) {
        let run = self.run.as_ref().expect("it was started");
        let member = &run.members[step.target % run.members.len()];
        self.shop.hide(member);
        member.process.signal("STOP");
        park_timeout(Duration::from_secs(2));
        member.process.signal("CONT");
        self.shop.serve(run);
    }

    /// What stands still for longer than its peers wait is lost; alone, it goes on.
    fn freeze(&mut self, step: &Step) -> Told {
        let member = self.take(step);
        member.process.signal("STOP");
        let run = self.run.as_mut().expect("it was started");
        if !run.members.is_empty() {
            self.others_end()?;
            return member.wake();
        }
        park_timeout(Duration::from_secs(7));
        member.process.signal("CONT");
        run.members.push(member);
        self.shop.serve(run);
        Ok(())
    }

    fn damage(&mut self) {
        let run = self.run.take().expect("it was started");
        // There is one before it, if it works.
        for _ in 0..2 {
            call(run.members[0].process.port, "POST", "/api/admin/checkpoint", "");
        }
        self.shop.ports.lock().unwrap().clear();
        run.members.into_iter().for_each(Member::kill);
        self.done.damaged += u64::from(damage(&self.shop.folder, &mut self.random));
    }

    fn weigh(&mut self, past_the_engine: bool) {
        self.view += 1;
        let weights = weights(self.view, &mut self.random);
        if past_the_engine && !self.services.away.contains_key("zookeeper") {
            write_node(&weights.to_string());
        } else {
            self.set(&weights);
        }
    }

    /// Sets the weights over HTTP, at any process. False if that was not acknowledged.
    fn set(&self, weights: &Value) -> bool {
        let ports = self.shop.ports.lock().unwrap().clone();
        let path = "/api/recommendation/weights";
        let mut answers =
            ports.iter().filter_map(|port| call(*port, "POST", path, &weights.to_string()));
        answers.any(|(status, _)| status < 300)
    }

    /// Lets everything come to rest, and holds it to a run that was never disturbed.
    fn end(&mut self) -> Told {
        self.services.heal(usize::MAX);
        let last = shape(&mut self.random);
        self.start(last);
        self.ready()?;
        self.wake()?;
        self.view += 1;
        let weights = weights(self.view, &mut self.random);
        self.sends.store(false, Ordering::Relaxed);
        let mut sender = self.sender.take().unwrap().join().map_err(|_| "the sender has failed")?;
        let run = self.run.as_ref().expect("it was started");
        let port = run.members[0].process.port;
        until(|| if self.set(&weights) { Ok(()) } else { Err("weights are not taken".into()) })?;
        let settle = || sender.settle(port).then_some(()).ok_or_else(String::new);
        until(settle).map_err(|_| "events are not taken".to_owned())?;
        self.stored(&sender)?;
        let expected = sender.profiles(self.view);
        let (reference, _) = self.shop.logged(self.reference(), "reference");
        let workers = (run.shape.workers % 3 + 1).to_string();
        let reference = Process::spawn(reference, &workers, &[]);
        until(|| caught_up(&reference))?;
        reference.set_weights(&weights);
        for Member { name, process, .. } in &run.members {
            until(|| caught_up(process)).map_err(|told| format!("{name}: {told}"))?;
            until(|| counted(process, &expected)).map_err(|told| format!("{name}: {told}"))?;
            until(|| same(&state(process), &state(&reference)))
                .map_err(|told| format!("{name} differs from what was never disturbed: {told}"))?;
        }
        until(|| counted(&reference, &expected)).map_err(|told| format!("reference: {told}"))?;
        until(|| self.redis_is_whole())?;
        self.shop.watched.end();
        self.done.sent = format!("{} acknowledged, {:?}", sender.acknowledged.len(), sender.counts);
        let watched = &self.shop.watched;
        self.done.reads = watched.reads.load(Ordering::Relaxed);
        self.done.refused = watched.refused.load(Ordering::Relaxed);
        self.done.redis_reads = watched.redis_reads.load(Ordering::Relaxed);
        watched.fault().map_or(Ok(()), |fault| Err(format!("the past is seen: {fault}")))?;
        // All at once.
        let run = self.run.take().expect("it was started");
        run.members.iter().for_each(|member| member.process.signal("TERM"));
        run.members.into_iter().try_for_each(Member::stop)
    }

    /// The program that reads everything once, and writes nowhere.
    fn reference(&self) -> Command {
        let mut program = unlearned(served(&self.shop.prefix));
        program
            .env("RECSYS_FILES_DIR", self.shop.folder.join("reference"))
            .env("RECSYS_REDIS_URL", "")
            .env("RECSYS_ZOOKEEPER_HOSTS", "");
        program
    }

    /// Whether the topics have all that was acknowledged.
    fn stored(&self, sender: &Sender) -> Told {
        let mut missing = sender.acknowledged.clone();
        for (_, topic) in TOPICS {
            for record in kafka::read(&format!("{}{topic}", self.shop.prefix)) {
                let event: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
                missing.remove(&event["number"].as_u64().unwrap());
            }
        }
        let (count, first) = (missing.len(), missing.first());
        first.map_or(Ok(()), |first| Err(format!("{count} events are lost, the first is {first}")))
    }

    fn redis_is_whole(&self) -> Told {
        let output = self.shop.program().args(["redis", "check"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let last: Vec<_> = told.lines().rev().take(3).collect();
        if output.status.success() { Ok(()) } else { Err(format!("redis check: {last:?}")) }
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.sends.store(false, Ordering::Relaxed);
        self.shop.watched.end();
    }
}

/// Weights by which no steady user loses anything: they only look.
fn weights(view: u64, random: &mut Random) -> Value {
    json!({"view": view, "add_to_cart": random.below(9), "purchase": random.below(9)})
}
