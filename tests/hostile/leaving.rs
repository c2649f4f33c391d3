//! Clients that leave in the middle of every state while scans run: afterwards nothing of them is left.
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::flows::flows;
use crate::common::inserter::Inserter;
use crate::common::namespace::in_namespace;
use crate::common::random::Random;
use crate::common::raw::{Connection, post};
use crate::common::xml::{self, Value, members};
use std::time::{Duration, Instant};

fn descriptors(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("its descriptors").count()
}

/// Resident memory in KiB.
fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

/// How many scans a page takes that needs all the rows one query may lease: more, if rows are lost.
fn scans_of_a_long_page(client: &mut Client) -> i64 {
    let scans =
        |client: &mut Client| client.ask("stats", &[]).expect("stats").get("daemon").get("scans").int();
    let before = scans(client);
    assert_eq!(client.view(&members([]), "id", "A", (0, 1000)).table.len(), 1000);
    scans(client) - before
}

#[test]
fn in_the_middle_of_everything() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(99, 4000));
        let daemon = Daemon::start(&["--session-timeout", "600", "--snapshot-flows", "8000"]);
        let mut witness = daemon.client();
        let session = Value::from(witness.session.as_str());
        let page = |start: i64, length: i64| {
            [session.clone(), members([]), "id".into(), "A".into(), start.into(), length.into()].to_vec()
        };
        let nobody = members([("mark", "77777".into())]);
        let calls: Vec<(&str, Vec<Value>)> = vec![
            ("view", vec![session.clone()]),
            ("view", page(0, 1000)),
            ("view", page(3000, 900)),
            ("view", page(0, 5)),
            ("kill", vec![session.clone(), xml::strings(1..200)]),
            ("kill_matching", vec![session.clone(), nobody]),
            ("change", vec![session.clone(), "mark".into(), "1".into(), 5.into()]),
            ("set_autorefresh", vec![session.clone(), 1.into()]),
            ("stats", vec![session.clone()]),
        ];
        // Everything that is made when it is first needed is made.
        for (method, params) in &calls {
            let _ = witness.call(method, params);
        }
        let scans = scans_of_a_long_page(&mut witness);
        let mut random = Random::new(7);
        for nth in 0..900 {
            let (method, params) = &calls[nth % calls.len()];
            let bytes = post(daemon.address(), &xml::call(method, params), "");
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            let cut = if random.one_in(3) { random.below(bytes.len()) } else { bytes.len() };
            let _ = connection.send(&bytes[..cut]);
            if random.one_in(2) {
                std::thread::sleep(Duration::from_micros(random.below(3000) as u64));
            }
            if cut == bytes.len() && random.one_in(4) {
                let _ = connection.stream.read(&mut [0; 700]);
            }
            drop(connection);
        }
        settle(&daemon, &mut witness, scans);
        assert_eq!(witness.all().total, 4000, "nothing was killed");
    });
}

/// Waits until all descriptors but the witness's are back, and holds rows and memory against what they were.
#[track_caller]
fn settle(daemon: &Daemon, witness: &mut Client, scans: i64) {
    let began = Instant::now();
    // 0-2, epoll, signals, two links, a listener, the witness, and four links of streams.
    while descriptors(daemon) > 13 {
        assert!(began.elapsed() < Duration::from_secs(30), "{} descriptors are open", descriptors(daemon));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(scans_of_a_long_page(witness), scans, "rows were lost");
    assert!(memory(daemon) < 24 * 1024, "{} KiB", memory(daemon));
    daemon.still_serves();
}
