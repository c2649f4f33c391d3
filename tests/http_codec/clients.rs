//! Real requests (fixtures/http/README.md says whose): accepted, and the same however they are cut.

use rctd::charset::Charset;
use rctd::http::{BUFFER_BYTES, Body, BodyProgress, Framing, Head, HeadReader, Version, Via};

use crate::policy;

macro_rules! client {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../fixtures/http/", $name, ".http")) as &[u8])
    };
}

/// Every fixture.
pub const CLIENTS: [(&str, &[u8]); 20] = [
    client!("browser-fetch"),
    client!("busybox-wget"),
    client!("curl"),
    client!("curl-chunked"),
    client!("curl-expect"),
    client!("curl-http10"),
    client!("curl-proxy"),
    client!("java-http-client"),
    client!("node-fetch"),
    client!("perl-http-tiny"),
    client!("perl-lwp"),
    client!("perl-xmlrpc-lite"),
    client!("php-file-get-contents"),
    client!("php-fsockopen"),
    client!("python-http-client-chunked"),
    client!("python-xmlrpc-client"),
    client!("ruby-net-http"),
    client!("ruby-xmlrpc"),
    client!("wget"),
    client!("xmlrpc-c"),
];

/// The head and the joined body of a whole request, read in one go.
fn whole(request: &[u8]) -> (Head, usize, Vec<u8>) {
    let mut reader = HeadReader::default();
    let (head, len) =
        reader.read(request, &policy(), Via::Tcp).expect("an accepted head").expect("a whole head");
    let mut buf = request[len..].to_vec();
    let filled = buf.len();
    let done = Body::new(head.framing).advance(&mut buf, filled);
    let Ok(BodyProgress::Done { body_len, consumed }) = done else { panic!("{done:?}") };
    assert_eq!(consumed, filled, "nothing follows in a fixture");
    buf.truncate(body_len);
    (head, len, buf)
}

#[test]
fn every_fixture_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/http");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "http"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    let listed: Vec<&str> = CLIENTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_client_is_understood() {
    for (name, request) in CLIENTS {
        let (head, _, body) = whole(request);
        assert!(body.starts_with(b"<?xml"), "{name}");
        assert!(body.trim_ascii_end().ends_with(b"</methodCall>"), "{name}");
        let old = ["curl-http10", "php-fsockopen"].contains(&name);
        let closes = ["busybox-wget", "perl-lwp", "perl-xmlrpc-lite", "php-file-get-contents"];
        let version = if old { Version::V10 } else { Version::V11 };
        assert_eq!(head.version, version, "{name}");
        assert_eq!(head.keep_alive, !old && !closes.contains(&name), "{name}");
        assert_eq!(head.expect_continue, name == "curl-expect", "{name}");
        let chunked = name.ends_with("-chunked");
        assert_eq!(head.framing == Framing::Chunked, chunked, "{name}");
        let utf8 = ["browser-fetch", "ruby-xmlrpc"].contains(&name);
        assert_eq!(head.charset == Charset::Utf8, utf8, "{name}");
    }
}

#[test]
fn a_head_is_the_same_however_it_is_cut() {
    for (name, request) in CLIENTS {
        let (head, len, _) = whole(request);
        let mut dribbled = HeadReader::default();
        for cut in 0..len {
            let part = &request[..cut];
            // As the first bytes a connection ever gave, and as one more byte each time.
            let fresh = HeadReader::default().read(part, &policy(), Via::Tcp);
            assert_eq!(fresh, Ok(None), "{name} cut at {cut}");
            let more = dribbled.read(part, &policy(), Via::Tcp);
            assert_eq!(more, Ok(None), "{name} dribbled to {cut}");
            let mut cut_once = HeadReader::default();
            assert_eq!(cut_once.read(part, &policy(), Via::Tcp), Ok(None));
            let whole = cut_once.read(request, &policy(), Via::Tcp);
            assert_eq!(whole, Ok(Some((head, len))), "{name} cut once at {cut}");
        }
        let last = dribbled.read(&request[..len], &policy(), Via::Tcp);
        assert_eq!(last, Ok(Some((head, len))), "{name}");
        // The reader starts anew: the next request on the connection is read by the same one.
        let next = dribbled.read(request, &policy(), Via::Tcp);
        assert_eq!(next, Ok(Some((head, len))), "{name} again");
    }
}

#[test]
fn a_body_is_the_same_however_it_is_cut() {
    for (name, request) in CLIENTS {
        let (head, len, body) = whole(request);
        let raw = &request[len..];
        for cut in 0..=raw.len() {
            let mut buf = vec![0; BUFFER_BYTES];
            let mut reader = Body::new(head.framing);
            buf[..cut].copy_from_slice(&raw[..cut]);
            let mut filled = match reader.advance(&mut buf, cut) {
                Ok(BodyProgress::More { filled, .. }) => filled,
                Ok(BodyProgress::Done { .. }) => {
                    assert_eq!(cut, raw.len(), "{name} was done too early");
                    break;
                }
                Err(error) => panic!("{name} cut at {cut}: {error}"),
            };
            buf[filled..filled + raw.len() - cut].copy_from_slice(&raw[cut..]);
            filled += raw.len() - cut;
            let done = reader.advance(&mut buf, filled);
            let Ok(BodyProgress::Done { body_len, consumed }) = done else {
                panic!("{name} cut at {cut}: {done:?}")
            };
            assert_eq!(&buf[..body_len], body, "{name} cut at {cut}");
            assert_eq!(consumed, filled, "{name} cut at {cut}");
        }
    }
}
