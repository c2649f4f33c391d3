//! What the tests against a real kernel and over real sockets share.
//!
//! Nothing here uses the library: the encoder, the reader, the client and the model are written a second
//! time, from the kernel's headers and from docs/API.md, so that a mistake has to be made twice to go unseen.
//!
//! | module | what it is |
//! |---|---|
//! | `namespace` | a network namespace of the test's own, or a reason why there is none |
//! | `flows` | connections to insert, and a generator of realistic tables |
//! | `pty` | a terminal of the test's own, and what is on its screen |
//! | `browser` | a real browser, driven by a script |
//! | `random` | numbers that are the same in every run, for it and for tests |
//! | `inserter` | writes them to the kernel through ctnetlink |
//! | `churn` | a thread that keeps the table changing |
//! | `traffic` | real connections, for what can't be inserted: counters, start times |
//! | `dump`, `witness` | two independent readers of the table |
//! | `daemon` | the daemon under test |
//! | `refuse` | makes the kernel refuse what the daemon asks of it |
//! | `folder` | room for a test's own files |
//! | `client`, `xml`, `raw` | an XML-RPC client, its codec, and bare HTTP |
//! | `json` | a strict reader of JSON replies |
//! | `shell` | the program at the shell, run to its end |
//! | `skipped` | tests that can't run here say so, and a list of them |
//! | `names` | names of the contract's fields and of the kernel's states |
//! | `passwords` | password files, and logging in with them |
//! | `fields` | how to ask for fields, and what comes back |
//! | `model` | filters, orders and pages as one would write them without hurry |
#![allow(dead_code)] // Each test file is a crate of its own and uses its part of this.
#![allow(unsafe_code)] // Namespaces, ioctls and netlink sockets have no safe wrapper in std.

pub mod browser;
pub mod churn;
pub mod client;
pub mod daemon;
pub mod dump;
pub mod fields;
pub mod flows;
pub mod folder;
pub mod inserter;
pub mod json;
pub mod model;
pub mod names;
pub mod namespace;
pub mod passwords;
pub mod pty;
pub mod random;
pub mod raw;
#[cfg(target_arch = "x86_64")]
pub mod refuse;
pub mod row;
pub mod shell;
pub mod skipped;
pub mod traffic;
pub mod witness;
pub mod xml;

pub use skipped::skip;

/// Whether a program of this name is in the PATH.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// How many flows a test of a large table inserts: `RCTD_TEST_FLOWS`, else 3000. A small router takes fewer.
pub fn table_size() -> usize {
    std::env::var("RCTD_TEST_FLOWS").ok().and_then(|text| text.parse().ok()).unwrap_or(3000)
}
