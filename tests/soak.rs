//! 32 clients at once while connections come and go by the thousand a second: views of all kinds, kills, changes, and
//! clients that leave at any point. Ten seconds of it with the other tests; RCTD_SOAK_SECONDS=600 makes it a soak.
//!
//! Held to: nobody who was not named is killed or changed, memory and descriptors stay where they were, and every answer
//! is one that the contract allows.
mod common;
#[path = "hostile/host.rs"]
#[allow(dead_code)]
mod host;

use common::churn::Churn;
use common::daemon::Daemon;
use common::dump;
use common::flows::Flow;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::random::Random;
use common::raw::{Address, Connection, post};
use common::row::{Row, id, int, text};
use common::xml::{self, Value, members, strings};
use host::open_from;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const CLIENTS: u8 = 32;
/// Connections that nobody ever asks to kill or to change.
const PROTECTED: usize = 2000;
/// Connections of each client's own, which it kills and changes.
const OWN: u16 = 200;

/// How long a client tries again while it is told that all places are taken.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client did.
#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    killed: i64,
    /// Refused because all places were taken, which is allowed.
    busy: u64,
    left: u64,
}

/// A client with a place of its own in the table: 10.50.N.x.
struct Client {
    address: Address,
    from: Ipv4Addr,
    number: u8,
    session: String,
    connection: Option<Connection>,
    random: Random,
    tally: Tally,
}

fn protected() -> Vec<Flow> {
    let flow = |n: usize| Flow::tcp([198, 51, (n >> 8) as u8, n as u8], 4000, [203, 0, 113, 1], 443);
    (0..PROTECTED).map(flow).collect()
}

fn own(number: u8) -> Vec<Flow> {
    (0..OWN).map(|n| Flow::udp([10, 50, number, n as u8], 3000 + n, [192, 0, 2, 77], 53)).collect()
}

impl Client {
    /// One call on the connection there is. `Err` is a fault's code; a broken connection is replaced and the call made again.
    fn call(&mut self, method: &str, params: &[Value]) -> Result<Value, i64> {
        let request = post(&self.address, &xml::call(method, params), "");
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let connection = match self.connection.take() {
                Some(connection) => Ok(connection),
                None => open_from(self.from, &self.address),
            };
            let reply = connection.and_then(|mut connection| {
                connection.send(&request)?;
                let reply = connection.reply()?;
                Ok((reply, connection))
            });
            match reply {
                Ok((reply, connection)) if reply.status == 200 => {
                    self.tally.calls += 1;
                    self.connection = (!reply.closes()).then_some(connection);
                    let answer = xml::response(&reply.text()).unwrap_or_else(|e| panic!("{method}: {e}"));
                    return answer.map_err(|fault| fault.get("faultCode").int());
                }
                Ok((reply, _)) if reply.status == 503 => self.tally.busy += 1,
                Ok((reply, _)) => panic!("{method}: status {}: {}", reply.status, reply.text()),
                // Idle connections make room when others want it.
                Err(_) => self.tally.left += 1,
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{method}: no answer in {PATIENCE:?}: {:?}", self.tally);
    }

    /// A call with the session; one that has expired is opened anew.
    fn ask(&mut self, method: &str, params: &[Value]) -> Result<Value, i64> {
        for _ in 0..20 {
            let all = [&[Value::from(self.session.as_str())], params].concat();
            match self.call(method, &all) {
                Err(2) => match self.call("login", &[]) {
                    Ok(session) => self.session = session.str().to_owned(),
                    Err(code) => assert_eq!(code, 6, "login"),
                },
                Err(6) => self.tally.busy += 1,
                answer => return answer,
            }
        }
        Err(6)
    }

    fn mine(&self) -> Value {
        members([("orig_src", format!("10.50.{}.0/24", self.number).into())])
    }

    /// The ids of its own connections.
    fn ids(&mut self) -> Vec<String> {
        let Ok(view) = self.ask("view", &[self.mine()]) else { return Vec::new() };
        view.get("table").array().iter().map(|row| row.get("id").str().to_owned()).collect()
    }

    /// Sends a call and leaves, before the answer or in the middle of it.
    fn leave(&mut self) {
        self.connection = None; // It has one at a time: with two there were more than slots.
        let calls = [("view", vec![]), ("view", vec![self.mine(), "bytes".into()]), ("stats", vec![])];
        let (method, params) = &calls[self.random.below(3)];
        let all = [&[Value::from(self.session.as_str())], params.as_slice()].concat();
        let request = post(&self.address, &xml::call(method, &all), "");
        let cut = if self.random.one_in(3) { self.random.below(request.len()) } else { request.len() };
        if let Ok(mut connection) = open_from(self.from, &self.address) {
            let _ = connection.send(&request[..cut]);
            if cut == request.len() && self.random.one_in(2) {
                let _ = connection.stream.read(&mut [0; 3000]);
            }
        }
        self.tally.left += 1;
    }

    fn round(&mut self, inserter: &mut Inserter) {
        match self.random.below(8) {
            0 => {
                let view = self.ask("view", &[]);
                assert!(
                    matches!(&view, Ok(v) if v.get("table").array().len() >= PROTECTED) || view == Err(6)
                );
            }
            1 | 2 => {
                // Not by timeout: the kernel rounds it to seconds, so that places in that order change by themselves.
                let fields = ["id", "bytes", "orig_src", "status", "mark"];
                let by = self.random.pick(&fields);
                let page: [Value; 5] =
                    [members([]), by.into(), "D".into(), (self.random.below(1500) as i64).into(), 20.into()];
                let view = self.ask("view", &page);
                let rows = view.as_ref().map(|view| view.get("table").array().len());
                assert!(matches!(rows, Ok(20) | Err(6)), "{rows:?} of {page:?}");
            }
            3 => {
                // Some of these are gone by then, and some of their tuples taken over by the churn.
                let churning = members([("orig_src", "10.99.0.0/16".into())]);
                let page: [Value; 5] = [churning, "id".into(), "A".into(), 0.into(), 30.into()];
                let Ok(view) = self.ask("view", &page) else { return };
                let ids: Vec<&str> =
                    view.get("table").array().iter().map(|row| row.get("id").str()).collect();
                let killed = self.ask("kill", &[strings(&ids)]);
                assert!(matches!(killed, Ok(Value::Int(n)) if n <= ids.len() as i64) || killed == Err(6));
            }
            4 => {
                let ids = self.ids();
                let some: Vec<&String> = ids.iter().step_by(3).collect();
                if let Ok(killed) = self.ask("kill", &[strings(&some)]) {
                    assert_eq!(killed.int(), some.len() as i64, "they are nobody else's");
                    self.tally.killed += killed.int();
                }
                let _ = inserter.try_insert(&own(self.number));
            }
            5 => {
                let ids = self.ids();
                if let Some(one) = ids.get(self.random.below(ids.len().max(1))) {
                    let changed = self.ask("change", &["mark".into(), one.as_str().into(), 7.into()]);
                    assert!(changed == Ok(Value::Bool(true)) || changed == Err(6), "{changed:?}");
                }
            }
            6 => {
                let killed = self.ask("kill_matching", &[self.mine()]);
                assert!(
                    matches!(killed, Ok(Value::Int(n)) if n <= i64::from(OWN)) || killed == Err(6),
                    "{killed:?}"
                );
                let _ = inserter.try_insert(&own(self.number));
            }
            _ => self.leave(),
        }
    }
}

/// Resident memory in KiB, and open descriptors.
fn weight(daemon: &Daemon) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let memory = line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number");
    (memory, std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("its descriptors").count())
}

/// Id and mark of every protected connection, as the kernel has it.
fn witnessed() -> BTreeMap<String, (u32, Option<u64>)> {
    let rows = dump::dump().into_iter();
    let ours = rows.filter(|row| text(row, "orig_ipv4_src").is_some_and(|src| src.starts_with("198.51.")));
    let key = |row: &Row| text(row, "orig_ipv4_src").expect("an address").to_owned();
    ours.map(|row| (key(&row), (id(&row), int(&row, "mark")))).collect()
}

#[test]
fn soak() {
    let seconds = std::env::var("RCTD_SOAK_SECONDS").ok().map_or(10, |text| text.parse().expect("seconds"));
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        inserter.insert(&protected());
        (0..CLIENTS).for_each(|number| inserter.insert(&own(number)));
        let before = witnessed();
        assert_eq!(before.len(), PROTECTED);
        let daemon = Daemon::start(&[]);
        let bare = weight(&daemon).1;
        let churn = Churn::start(ns);
        let end = Instant::now() + Duration::from_secs(seconds);
        let threads: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let mut client = Client {
                    address: daemon.address().clone(),
                    // Four addresses: one alone may not have so many slots.
                    from: Ipv4Addr::new(127, 0, 0, 2 + number % 4),
                    number,
                    session: "0".repeat(32),
                    connection: None,
                    random: Random::new(u64::from(number) + 1),
                    tally: Tally::default(),
                };
                let mut inserter = Inserter::new(ns);
                std::thread::spawn(move || {
                    while Instant::now() < end {
                        client.round(&mut inserter);
                    }
                    client.tally
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs(seconds) / 3);
        let warm = weight(&daemon);
        let mut most = warm;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(200));
            let now = weight(&daemon);
            most = (most.0.max(now.0), most.1.max(now.1));
        }
        let tallies: Vec<Tally> = threads.into_iter().map(|t| t.join().expect("a client")).collect();
        let rounds = churn.rounds();
        drop(churn);
        let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
        let (calls, busy, left) = (sum(|t| t.calls), sum(|t| t.busy), sum(|t| t.left));
        let killed: i64 = tallies.iter().map(|t| t.killed).sum();
        eprintln!(
            "{calls} calls ({busy} told busy, {left} broken off), {killed} killed by id, {} connections came and went a \
             second, memory {} to {} KiB, descriptors {} to {}",
            rounds as u64 * 200 / seconds.max(1),
            warm.0,
            most.0,
            warm.1,
            most.1
        );
        assert!(calls > 100 && killed > 0 && left > 0 && rounds > 10, "that was no soak");
        assert_eq!(witnessed(), before, "a connection that nobody named was killed or changed");
        assert!(most.0 <= warm.0 + 1024, "memory grew from {} to {} KiB", warm.0, most.0);
        // The clients', the links of streams, those who wait or leave, and one who is turned away.
        let waiting = rctd::limits::WAITING_ROOM + rctd::limits::LINGERING;
        let most_ever = bare + rctd::limits::CLIENTS + rctd::limits::STREAMS + waiting + 1;
        assert!(most.1 <= most_ever, "{} descriptors of {most_ever}", most.1);
        let gone = Instant::now() + Duration::from_secs(10);
        while weight(&daemon).1 > bare + rctd::limits::STREAMS {
            assert!(Instant::now() < gone, "{} descriptors are left of {bare}", weight(&daemon).1);
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon.still_serves();
    });
}
