//! The HTTP codec against what real clients send, against every rule's two sides, and against nonsense.

mod body;
mod clients;
mod framing;
mod heads;
mod mutate;
mod policy;
#[path = "../common/random.rs"]
mod random;
mod response;

use rctd::http::{Error, Head, HeadReader, Policy, Via};

/// The policy that the tests' requests are judged by.
fn policy() -> Policy {
    let mut policy = Policy::new("router");
    policy.allow("rpc.example.org").expect("a good name");
    policy
}

/// Reads a head that is all there, as it comes over TCP.
fn read(request: &[u8]) -> Result<Option<(Head, usize)>, Error> {
    HeadReader::default().read(request, &policy(), Via::Tcp)
}

/// The error that a head must give, or a failed test that shows the head.
#[track_caller]
fn assert_refused(request: &[u8], error: Error) {
    assert_eq!(read(request), Err(error), "for {:?}", String::from_utf8_lossy(request));
}

/// The head that must be accepted, or a failed test that shows it.
#[track_caller]
fn accepted(request: &[u8]) -> Head {
    match read(request) {
        Ok(Some((head, _))) => head,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(request)),
    }
}

/// A good HTTP/1.1 head with more fields in it.
fn post_with(fields: &str) -> Vec<u8> {
    format!("POST /RPC2 HTTP/1.1\r\nHost: 192.0.2.1:8000\r\nContent-Type: text/xml\r\n{fields}\r\n")
        .into_bytes()
}
