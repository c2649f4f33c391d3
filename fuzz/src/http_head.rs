//! A request's head: the same however it is cut, bounded, and free of what another reader could read in another way.

use rctd::http::{Framing, Head, HeadReader, Policy, Route, Via};
use rctd::limits::{BODY_BYTES, HEAD_BYTES};

/// Reads `data` as a head, over TCP and over a unix socket.
pub fn run(data: &[u8]) {
    let mut policy = Policy::new("router");
    policy.allow("rpc.example.org").expect("a good name");
    policy.site.metrics = true;
    for via in [Via::Tcp, Via::Unix] {
        let whole = HeadReader::default().read(data, &policy, via);
        let mut reader = HeadReader::default();
        let mut bytewise = Ok(None);
        for end in 0..=data.len() {
            bytewise = reader.read(&data[..end], &policy, via);
            if bytewise != Ok(None) {
                break;
            }
        }
        assert_eq!(bytewise, whole, "cutting a head changes it");
        if let Ok(Some((head, len))) = whole {
            sound(&data[..len], &head);
            assert_eq!(
                HeadReader::default().read(&data[..len], &policy, via),
                whole,
                "what follows changes a head"
            );
        }
    }
}

/// What is true of any head that was taken.
fn sound(bytes: &[u8], head: &Head) {
    assert!(bytes.len() <= HEAD_BYTES && bytes.ends_with(b"\n"));
    assert!(!bytes.contains(&0), "a NUL got through");
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    // Leading empty lines don't count.
    let mut lines = text.trim_start_matches(['\r', '\n']).lines();
    let request = lines.next().expect("a request line");
    let method = request.split(' ').next().expect("a method");
    match head.route {
        Route::Call => assert!(method == "post" && !head.head_only, "only a POST is a call: {request:?}"),
        Route::File(_) | Route::Metrics => assert_eq!(method, if head.head_only { "head" } else { "get" }),
    }
    let fields: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(fields.iter().all(|line| !line.starts_with([' ', '\t'])), "a folded field got through");
    let values = |name: &str| -> Vec<&str> {
        let of = fields.iter().filter_map(|line| line.split_once(':'));
        of.filter(|(n, _)| *n == name).map(|(_, value)| value.trim()).collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    assert!(values("host").len() <= 1);
    match head.framing {
        Framing::Length(length) => {
            assert!(length <= BODY_BYTES && codings.is_empty());
            match lengths[..] {
                [] => assert_eq!((head.route == Route::Call, length), (false, 0)),
                [said] => assert_eq!(said.parse(), Ok(length)),
                _ => panic!("lengths {lengths:?}"),
            }
            assert!(length == 0 || head.route == Route::Call, "a GET with a body");
        }
        Framing::Chunked => assert!(lengths.is_empty() && codings == ["chunked"], "{lengths:?} {codings:?}"),
    }
}
