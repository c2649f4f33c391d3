//! The codec of ctnetlink against what a kernel really sent, and against all that can be wrong with that.
//!
//! `tests/fixtures/conntrack` has the datagrams, in both byte orders, and what conntrack(8) printed in the same second.
//! Every test runs on machines of either order: each reads the files that fit it.
mod answers;
mod bytes;
mod damage;
mod errors;
mod filters;
#[path = "../common/names.rs"]
mod names;
mod order;
mod requests;
mod table;
mod text;
mod tree;

use rctd::conntrack::flow::{ALL, Flow};
use rctd::conntrack::label::Labels;
use rctd::conntrack::message::{Datagram, Item, Message};
use std::path::Path;

const THIS_ORDER: &str = if cfg!(target_endian = "big") { "be" } else { "le" };
const OTHER_ORDER: &str = if cfg!(target_endian = "big") { "le" } else { "be" };

/// The datagrams of an answer in an order, as they came.
fn datagrams_in(order: &str, name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conntrack");
    let file = |nth: usize| std::fs::read(folder.join(format!("{name}.{nth}.{order}.bin"))).ok();
    let all: Vec<_> = (0..).map_while(file).collect();
    assert!(!all.is_empty(), "no capture is called {name}");
    all
}

/// The datagrams of an answer as this machine's kernel would send them.
fn datagrams(name: &str) -> Vec<Vec<u8>> {
    datagrams_in(THIS_ORDER, name)
}

/// Calls `each` with every message of a datagram, up to its end or the first that is not sound.
fn messages<'a>(datagram: &'a [u8], mut each: impl FnMut(&Message<'a>)) {
    let mut items = Datagram::new(datagram, order::SEQUENCE);
    while let Ok(Some(item)) = items.pull() {
        if let Item::Message(message) = item {
            each(&message);
        }
    }
}

/// Every flow of the captured table `name`, and the texts that they refer to.
fn flows(name: &str) -> (Vec<Flow>, Labels) {
    let (mut flows, mut labels) = (vec![], Labels::new());
    for datagram in datagrams(name) {
        messages(&datagram, |m| flows.push(Flow::read(m, ALL, &mut labels).expect("sound")));
    }
    (flows, labels)
}

/// The attributes of every entry of the captured table `name`.
fn entries(name: &str) -> Vec<Vec<u8>> {
    let mut entries = vec![];
    for datagram in datagrams(name) {
        messages(&datagram, |m| entries.push(m.attrs.to_vec()));
    }
    entries
}

/// Reads an entry from its attributes.
fn read(attrs: &[u8], needs: u32) -> Result<Flow, rctd::conntrack::flow::ReadError> {
    Flow::read(&Message { kind: 0, attrs }, needs, &mut Labels::new())
}
