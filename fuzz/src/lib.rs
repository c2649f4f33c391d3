//! What each fuzz target does with its bytes. The targets in fuzz_targets/ hand them over; tests/fuzz_corpus.rs runs the
//! same functions over the seeds and over damaged copies of them on a stable compiler.
//!
//! None of them is content with "it did not panic": each holds the result against a second way to the same result, or
//! against what must be true of any result.

pub mod connection;
pub mod filter_text;
pub mod http_chunks;
pub mod http_head;
pub mod netlink_datagram;
pub mod password_file;
pub mod reply_syntax;
pub mod xmlrpc_call;

#[allow(dead_code)] // The tests use the rest of it.
#[path = "../../tests/common/json.rs"]
pub mod json;
#[allow(dead_code)]
#[path = "../../tests/common/xml.rs"]
pub mod xml;

#[path = "../../tests/scripted/mod.rs"]
pub mod scripted;

/// A number that depends on all bytes (FNV-1a): how a target decides what its bytes don't say.
pub fn hash(data: &[u8]) -> u64 {
    data.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
