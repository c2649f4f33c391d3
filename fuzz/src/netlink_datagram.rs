//! A datagram from the kernel: read to its end in bounded steps; every entry in it can be kept, compared and deleted, and a
//! delete always names what it deletes.

use rctd::conntrack::flow::{ALL, Flow, Tuple, mapped};
use rctd::conntrack::label::Labels;
use rctd::conntrack::message::{Datagram, Item, Message};
use rctd::conntrack::request;
use rctd::conntrack::target::{TARGET, Target};
use rctd::query::snapshot::Snapshot;

/// Reads `data` as an answer to the request that its first message says it answers.
pub fn run(data: &[u8]) {
    let sequence = data.get(8..12).map_or(0, |b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let mut datagram = Datagram::new(data, sequence);
    let mut labels = Labels::new();
    let mut snapshot = Snapshot::reserve(data.len() / 16 + 1).expect("memory");
    let mut kept = Vec::new();
    loop {
        let before = datagram.remaining();
        match datagram.pull() {
            Ok(None) => break assert_eq!(datagram.remaining(), 0),
            Ok(Some(Item::Message(message))) => {
                if let Some(flow) = entry(&message, &mut labels) {
                    if [flow.orig, flow.repl].iter().flatten().all(of_one_family)
                        && snapshot.push(&flow).is_ok()
                    {
                        kept.push(flow);
                    }
                }
            }
            Ok(Some(Item::End(errno))) => assert!(errno >= 0 || errno > i32::MIN),
            Ok(Some(Item::Interrupted | Item::Overrun)) => {}
            Err(_) => break assert_eq!(datagram.remaining(), 0, "nothing after a bad length is read"),
        }
        assert!(datagram.remaining() < before, "it does not get on");
    }
    let (mut at, mut read) = (0, Vec::new());
    while let Some((flow, next)) = snapshot.read(at) {
        assert!(next > at);
        at = next;
        read.push(flow);
    }
    assert_eq!(read, kept, "the snapshot gives back what it was given");
}

fn entry(message: &Message<'_>, labels: &mut Labels) -> Option<Flow> {
    let flow = Flow::read(message, ALL, labels).ok()?;
    let part = Flow::read(message, TARGET, labels).expect("a part of what could be read");
    assert_eq!((part.orig, part.zone, part.id), (flow.orig, flow.zone, flow.id));
    let target = Target::of(&flow);
    let known = |tuple: Tuple| [libc::AF_INET, libc::AF_INET6].contains(&tuple.l3proto.into());
    assert_eq!(target.is_some(), flow.orig.is_some_and(known) && flow.id.is_some());
    if let Some(target) = target {
        let bytes = request::delete(&target).numbered(7).to_vec();
        let kinds = kinds(&bytes);
        assert!(kinds.contains(&1) && kinds.contains(&12), "a delete without tuple or id: {kinds:?}");
        assert_eq!(kinds.contains(&18), flow.zone.is_some(), "the zone");
        // What is asked for again is the same entry.
        assert_eq!(request::get(&target).numbered(7)[20..], bytes[20..bytes.len() - 8]);
    }
    Some(flow)
}

/// Whether both addresses are there and are what the tuple says they are: the snapshot keeps 4 bytes of an IPv4 address.
fn of_one_family(tuple: &Tuple) -> bool {
    let v4 = |address: &[u8; 16]| address.starts_with(&mapped([0; 4])[..12]);
    match tuple.l3proto.into() {
        libc::AF_INET => v4(&tuple.src) && v4(&tuple.dst),
        family => family == libc::AF_INET6,
    }
}

/// The attributes of a request, read without the library.
fn kinds(request: &[u8]) -> Vec<u16> {
    let half = |at: usize| u16::from_ne_bytes([request[at], request[at + 1]]);
    assert_eq!(usize::from(half(0)), request.len());
    let (mut kinds, mut at) = (Vec::new(), 20);
    while at < request.len() {
        kinds.push(half(at + 2) & 0x3fff);
        at += usize::from(half(at)).next_multiple_of(4);
    }
    kinds
}
