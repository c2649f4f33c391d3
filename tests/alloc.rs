//! What the daemon allocates does not depend on the table: a view, a kill and a whole listing of 100,000 entries take no
//! more allocations, and no more bytes of them, than of 100. The whole daemon runs in a thread of the test, sockets
//! and all, and the allocator counts what that thread asks for.
#![allow(unsafe_code)] // A global allocator has no safe form.

mod common;

use common::client::Client;
use common::fields::page_ids;
use common::flows::{Flow, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::{Namespace, in_namespace};
use common::raw::Address;
use common::xml::{Value, members, strings};
use rctd::cli::{self, Command};
use rctd::server::Server;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Entries of the two tables.
const FEW: usize = 100;
const MANY: usize = 100_000;

thread_local! {
    static IS_DAEMON: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn count(bytes: usize) {
    if IS_DAEMON.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        BYTES.fetch_add(bytes, Ordering::SeqCst);
    }
}

// SAFETY: hands everything on to the system's allocator; the counters need no memory of their own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the terms of `alloc`, which are the system's as well.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; `pointer` came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations and their bytes so far.
fn counted() -> (usize, usize) {
    (ALLOCATIONS.load(Ordering::SeqCst), BYTES.load(Ordering::SeqCst))
}

/// Runs the daemon in a thread of this program until the program ends.
fn start(folder: &Folder) -> Address {
    let path = folder.path().join("socket");
    let listen = format!("unix:{}", path.display());
    std::thread::spawn(move || {
        IS_DAEMON.set(true);
        let arguments = ["--listen", &listen, "--session-timeout", "86400"].map(Into::into).to_vec();
        let Ok(Command::Run(config)) = cli::parse(arguments) else { panic!("the command line") };
        Server::open(*config).and_then(Server::run).expect("the daemon to run");
    });
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the daemon does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    Address::Unix(path)
}

/// Connections that each of the two kills deletes at a time: as many as a filter takes ids.
const KILLED: usize = 16;

/// What a call's parameters are, when it is made.
type Params = Box<dyn Fn(&mut Client) -> Vec<Value>>;

/// What the daemon allocates in each of these calls. Each is made twice, since what is kept for good is made at the
/// first: the second is what a call costs.
fn costs(client: &mut Client) -> Vec<(&'static str, usize, usize)> {
    let none = || Value::Struct(Default::default());
    let ports = || members([("orig_l4proto", "6".into()), ("orig_port_dst", "443".into())]);
    let sctp = || members([("orig_l4proto", "132".into())]);
    let page = |filter: Value, order: &str, start: i64, length: i64| -> Params {
        let params = vec![filter, order.into(), "ASC".into(), start.into(), length.into()];
        Box::new(move |_| params.clone())
    };
    let by_id: Params = Box::new(|client| vec![some_ids(client)]);
    let by_filter: Params = Box::new(|client| vec![members([("id", some_ids(client))])]);
    let calls: Vec<(&'static str, &str, Params)> = vec![
        ("the first page in the kernel's order", "view", page(none(), "", 0, 50)),
        ("the first page by address", "view", page(none(), "orig_src", 0, 50)),
        ("the first page of a filter", "view", page(ports(), "bytes", 0, 50)),
        ("the last page", "view", page(none(), "timeout", FEW as i64 - 10, 10)),
        ("the first page by rate", "view", page(none(), "rate", 0, 50)),
        ("a whole listing", "view", Box::new(|_| vec![])),
        ("a whole sorted listing of a filter", "view", page(sctp(), "orig_dst", 0, -1)),
        ("a summary", "summary", Box::new(|_| vec!["orig_src".into()])),
        ("a kill", "kill", by_id),
        ("a kill by filter", "kill_matching", by_filter),
    ];
    let mut costs = Vec::new();
    for (name, method, params) in calls {
        let mut made = (0, 0);
        for _ in 0..2 {
            let params = params(client);
            let before = settled(client);
            let answer = client.ask(method, &params).expect(name);
            let after = settled(client);
            if method.starts_with("kill") {
                assert_eq!(answer.int(), KILLED as i64, "{name}: connections killed");
            }
            made = (after.0 - before.0, after.1 - before.1);
        }
        costs.push((name, made.0, made.1));
    }
    costs
}

/// The ids of connections that are there, none of which was killed yet.
fn some_ids(client: &mut Client) -> Value {
    let none = Value::Struct(Default::default());
    let (_, ids) = page_ids(client, &none, "id", "ASC", (0, KILLED as i64));
    assert_eq!(ids.len(), KILLED, "so many are left");
    strings(ids)
}

/// What was counted when all is over that the call before has left to do: its reply is here before that.
fn settled(client: &mut Client) -> (usize, usize) {
    client.ask("refresh", &[]).expect("a session");
    counted()
}

#[test]
fn a_large_table_allocates_no_more_than_a_small_one() {
    in_namespace(|inside| {
        let all = flows(3, MANY);
        let mut inserter = Inserter::new(inside);
        inserter.insert(&all[..FEW]);
        let folder = Folder::new();
        let mut client = Client::new(&start(&folder));
        client.login();
        assert_ne!(counted(), (0, 0), "the allocator counts what the daemon asks for");
        let few = costs(&mut client);
        let left = client.view(&Value::Struct(Default::default()), "", "", (0, 1)).count as usize;
        assert_eq!(left, FEW - 4 * KILLED, "two kills, each made twice");
        let inserted = left + fill(inside, &mut inserter, &all[FEW..]);
        assert_eq!(client.view(&Value::Struct(Default::default()), "", "", (0, 1)).count, inserted as i64);
        let deep = inserted as i64 - 4 * KILLED as i64 - 10;
        // A page at the end of the large table takes several passes; it is made once before, as all the others were.
        for _ in 0..2 {
            client.view(&Value::Struct(Default::default()), "timeout", "", (deep, 10));
        }
        for ((name, allocations, bytes), (_, most, most_bytes)) in costs(&mut client).iter().zip(&few) {
            eprintln!(
                "{name}: {allocations} allocations of {bytes} bytes; with {FEW} entries {most} of {most_bytes}"
            );
            assert!(allocations <= most && bytes <= most_bytes, "{name}: more with {inserted} entries");
        }
        let before = settled(&mut client);
        client.view(&Value::Struct(Default::default()), "timeout", "", (deep, 10));
        assert_eq!(settled(&mut client), before, "a page at the end of {inserted} entries allocates");
    });
}

/// Fills the table as far as the kernel's limit goes, which a machine with little memory has set low.
fn fill(_inside: &Namespace, inserter: &mut Inserter, flows: &[Flow]) -> usize {
    let mut inserted = 0;
    for batch in flows.chunks(1000) {
        let errors = inserter.try_insert(batch);
        inserted += errors.iter().take_while(|&&errno| errno == 0).count();
        if errors.iter().any(|&errno| errno != 0) {
            common::skip(&format!("the kernel took {inserted} of {} entries", flows.len()));
            break;
        }
    }
    inserted
}
