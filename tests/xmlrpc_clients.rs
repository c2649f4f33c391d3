//! Calls captured from independent clients (tests/fixtures/xmlrpc/README.md) all mean the same.

use rctd::charset::{Charset, to_utf8};
use rctd::limits::BODY_BYTES;
use rctd::xmlrpc::{Call, Class, Double, Items, Value, ValueKind, parse_call};

const SID: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "p<&>\"' ü€";

macro_rules! captures {
    ($($file:literal)*) => { [$(($file, include_bytes!(concat!("fixtures/xmlrpc/", $file, ".xml")).as_slice())),*] };
}

const CAPTURES: [(&str, &[u8]); 36] = captures![
    "python-login" "python-view" "python-kill" "python-change" "python-multicall"
    "php-login" "php-view" "php-kill" "php-change" "php-multicall" "php-latin1"
    "rpc-xml-login" "rpc-xml-view" "rpc-xml-kill" "rpc-xml-change" "rpc-xml-multicall"
    "frontier-login" "frontier-view" "frontier-kill" "frontier-change" "frontier-multicall"
    "xmlrpc-lite-login" "xmlrpc-lite-view" "xmlrpc-lite-kill" "xmlrpc-lite-change" "xmlrpc-lite-multicall"
    "ruby-login" "ruby-view" "ruby-kill" "ruby-change" "ruby-multicall"
    "c-login" "c-view" "c-kill" "c-change" "c-multicall"
];

fn utf8(bytes: &[u8]) -> String {
    let mut buf = [0; BODY_BYTES];
    buf[..bytes.len()].copy_from_slice(bytes);
    let len = to_utf8(&mut buf, bytes.len(), Charset::Unspecified).unwrap_or_else(|e| panic!("{}", e.what()));
    String::from_utf8(buf[..len].to_vec()).unwrap_or_default()
}

/// A string, or what a client makes of one: Perl sends digits as an integer and other than ASCII as base64.
fn text(value: &Value<'_>) -> String {
    let mut buf = [0; 256];
    match value.copy_base64(&mut buf) {
        Some(bytes) => String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned(),
        None => value.as_scalar_text().map(|t| t.chars().collect()).unwrap_or_default(),
    }
}

/// An unsigned 32-bit number by the forms that clients send.
fn number(value: &Value<'_>) -> Option<u32> {
    match value.kind() {
        // A negative number is its two's complement.
        ValueKind::Int => {
            value.as_int().and_then(|i| u32::try_from(i).or(i32::try_from(i).map(|i| i as u32)).ok())
        }
        ValueKind::Double => match value.as_double() {
            Some(Double::Whole(number)) => u32::try_from(number).ok(),
            _ => None,
        },
        _ => text(value).parse().ok(),
    }
}

fn check_login(call: &Call<'_>, password: &str) {
    let params: Vec<_> = call.params.iter().map(|p| text(&p)).collect();
    assert_eq!((call.method, params), ("login", vec!["admin".into(), password.to_string()]));
}

fn check_kill(call: &Call<'_>) {
    let params: Vec<_> = call.params.iter().collect();
    assert_eq!((call.method, params.len()), ("kill", 2));
    assert!(params[0].as_text().is_some_and(|t| t.eq_str(SID)));
    let ids: Vec<_> = params[1].as_array().into_iter().flatten().map(|id| number(&id)).collect();
    assert_eq!(ids, [Some(1234), Some(3_000_000_000)]);
}

fn check_view(call: &Call<'_>) {
    let params: Vec<_> = call.params.iter().collect();
    assert_eq!((call.method, params.len()), ("view", 6));
    let mut filters: Vec<_> = params[1]
        .as_struct()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let items = value.as_array().into_iter().flatten();
            let meaning = items.map(|v| text(&v)).collect::<Vec<_>>().join(",");
            let meaning = if value.kind() == ValueKind::Array { meaning } else { text(&value) };
            (name.chars().collect::<String>(), meaning)
        })
        .collect();
    filters.sort();
    let expected = [("orig_ipv4_src", "192.0.2.0/24"), ("orig_port_dst", "80"), ("tcp_state", "1,3")];
    assert_eq!(filters, expected.map(|(name, value)| (name.to_string(), value.to_string())));
    assert_eq!([&params[0], &params[2], &params[3]].map(text), [SID, "timeout", "DESC"]);
    assert_eq!([&params[4], &params[5]].map(|v| v.as_int()), [Some(0), Some(10)]);
}

fn check_change(call: &Call<'_>) {
    let params: Vec<_> = call.params.iter().collect();
    assert_eq!((call.method, params.len()), ("change", 4));
    assert_eq!([&params[0], &params[1]].map(text), [SID, "mark"]);
    assert_eq!([&params[2], &params[3]].map(number), [Some(3_000_000_000); 2]);
}

/// Walks the entries the way a server does: the body is given back between two of them.
fn check_multicall(call: &Call<'_>, body: &str) {
    assert_eq!((call.method, call.params.len()), ("system.multicall", 1));
    let entries = call.params.get(0).and_then(|v| v.as_array());
    let mut rest = entries.unwrap_or_else(|| panic!("no array")).range();
    let mut calls: Vec<Call<'_>> = Vec::new();
    for _ in 0..2 {
        let mut items = Items::from_range(body, rest).unwrap_or_else(|| panic!("no such range"));
        let entry = items.next().unwrap_or_else(|| panic!("an entry is missing"));
        calls.push(Call::from_entry(&entry).unwrap_or_else(|e| panic!("{e:?}")));
        rest = items.range();
    }
    assert_eq!(Items::from_range(body, rest).map(|mut items| items.next().is_none()), Some(true));
    check_login(&calls[0], PASSWORD);
    check_kill(&calls[1]);
}

#[test]
fn every_client_means_the_same() {
    for (file, bytes) in CAPTURES {
        println!("{file}");
        let body = utf8(bytes);
        let call = parse_call(&body).unwrap_or_else(|e| panic!("{file}: {e:?}"));
        match file.rsplit('-').next() {
            Some("login") => check_login(&call, PASSWORD),
            Some("latin1") => check_login(&call, "p<&>\"' ü"),
            Some("view") => check_view(&call),
            Some("kill") => check_kill(&call),
            Some("change") => check_change(&call),
            Some("multicall") => check_multicall(&call, &body),
            _ => panic!("no check for {file}"),
        }
    }
}

#[test]
fn every_capture_cut_anywhere_is_an_error() {
    for (file, bytes) in CAPTURES {
        let body = utf8(bytes);
        let whole = body.trim_end();
        for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
            let error =
                parse_call(&whole[..end]).err().unwrap_or_else(|| panic!("{file} cut at {end} is a call"));
            assert_eq!(error.class, Class::NotWellFormed, "{file} cut at {end}: {error:?}");
            assert!(error.at <= end, "{file} cut at {end}: {error:?}");
        }
        assert!(parse_call(whole).is_ok());
    }
}
