//! Every limit, random damage, and places that make no sense.

#[path = "common/random.rs"]
mod random;

use random::Random;
use rctd::limits::{ATTRIBUTES, BODY_BYTES, METHOD_NAME_BYTES, NESTING, PARAMS};
use rctd::xmlrpc::{Class, Items, Value, parse_call};

fn document(value: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><methodCall><methodName>m</methodName><params><param>{value}</param></params></methodCall>"
    )
}

#[test]
fn every_limit_is_met_exactly_and_refused_by_one() {
    let nested = |levels: usize| {
        let (open, close) = ("<value><array><data>".repeat(levels), "</data></array></value>".repeat(levels));
        parse_call(&document(&format!("{open}{close}"))).map(|_| ()).map_err(|e| e.what)
    };
    assert_eq!(nested(NESTING), Ok(()));
    assert!(nested(NESTING + 1).is_err_and(|what| what.contains("too deeply")));
    let mixed = |levels: usize| {
        let (open, close) =
            ("<value><struct><member><name/>".repeat(levels), "</member></struct></value>".repeat(levels));
        parse_call(&document(&format!("{open}<value/>{close}"))).is_ok()
    };
    assert_eq!((mixed(NESTING), mixed(NESTING + 1)), (true, false));

    let params = |count: usize| {
        let params = "<param><value/></param>".repeat(count);
        parse_call(&format!("<methodCall><methodName>m</methodName><params>{params}</params></methodCall>"))
            .map(|call| call.params.len())
            .map_err(|e| (e.class, e.what))
    };
    assert_eq!(params(PARAMS), Ok(PARAMS));
    assert_eq!(params(PARAMS + 1), Err((Class::BadValue, "the call has more than 16 parameters")));

    let named = |length: usize| {
        let name = "a".repeat(length);
        parse_call(&format!("<methodCall><methodName> {name} </methodName></methodCall>"))
            .map(|call| call.method.len())
            .ok()
    };
    assert_eq!((named(METHOD_NAME_BYTES), named(METHOD_NAME_BYTES + 1)), (Some(METHOD_NAME_BYTES), None));

    let attributes = |count: usize| {
        let attributes: String = (0..count).map(|i| format!(" a{i}=''")).collect();
        parse_call(&format!("<methodCall{attributes}><methodName>m</methodName></methodCall>")).is_ok()
    };
    assert_eq!((attributes(ATTRIBUTES), attributes(ATTRIBUTES + 1)), (true, false));
}

/// Pulls everything that a call has, as deep as it goes.
fn walk(value: &Value<'_>, depth: usize) -> usize {
    assert!(depth <= NESTING, "deeper than the limit");
    let mut space = [0; 16];
    let _ = value.as_text().map(|t| (t.is_empty(), t.copy_to(&mut space).is_ok()));
    let _ = (value.as_int(), value.as_bool(), value.as_double(), value.copy_base64(&mut space).is_some());
    let inner = value.as_array().into_iter().flatten().map(|v| walk(&v, depth + 1)).sum::<usize>();
    let members =
        value.as_struct().into_iter().flatten().map(|(name, v)| name.chars().count() + walk(&v, depth + 1));
    1 + inner + members.sum::<usize>()
}

#[test]
fn random_damage_never_panics() {
    const ROUNDS: usize = 200_000;
    const PIECES: [&str; 16] = [
        "<",
        ">",
        "/",
        "&",
        ";",
        "<value>",
        "</value>",
        "<array><data>",
        "</data></array>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?",
        "\r",
        "é",
    ];
    let seed = document(
        "<value><struct><member><name>a&amp;</name><value><array><data><value><i4>-5</i4></value><value><base64>AAAA</base64></value>\
         <value>b<![CDATA[<]]><!-- c -->&#10;</value></data></array></value></member></struct></value>",
    );
    let other = include_str!("fixtures/xmlrpc/c-multicall.xml").to_string();
    let (mut random, mut accepted) = (Random::new(1), 0);
    for round in 0..ROUNDS {
        let mut body = if round % 8 == 0 { other.clone() } else { seed.clone() };
        for _ in 0..=random.below(3) {
            let boundary = |mut at: usize| {
                while !body.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let from = boundary(random.below(body.len() + 1));
            let to = boundary((from + random.below(12)).min(body.len())).max(from);
            let piece = match random.below(3) {
                0 => "",
                1 => PIECES[random.below(PIECES.len())],
                _ => ["a", "0", " ", "\"", "\0", "\u{7f}", "=", "!"][random.below(8)],
            };
            body.replace_range(from..to, piece);
        }
        match parse_call(&body) {
            Ok(call) => {
                accepted += 1;
                let pulled: Vec<_> = call.params.iter().collect();
                assert_eq!(pulled.len(), call.params.len(), "{body}");
                pulled.iter().for_each(|value| {
                    walk(value, 0);
                });
            }
            Err(error) => {
                assert!(error.at <= body.len(), "{error:?}")
            }
        }
    }
    // Most damage is refused and some is harmless; neither side is empty, or this test tests nothing.
    assert!(accepted > ROUNDS / 100 && accepted < ROUNDS / 2, "{accepted}");
}

#[test]
fn ranges_of_another_body_never_panic() {
    let body =
        document("<value><array><data><value>é</value><value><struct/></value></data></array></value>");
    for start in 0..=body.len() + 1 {
        for end in (start.saturating_sub(1)..=body.len() + 1).step_by(3) {
            let items = Items::from_range(&body, start..end).into_iter().flatten();
            assert!(items.inspect(|value| assert!(walk(value, 0) > 0)).count() < 9);
        }
    }
}

#[test]
fn the_largest_body_is_read() {
    let frame = document("<value></value>").len();
    let text = "a".repeat(BODY_BYTES - frame);
    let body = document(&format!("<value>{text}</value>"));
    assert_eq!(body.len(), BODY_BYTES);
    let call = parse_call(&body).unwrap_or_else(|e| panic!("{e:?}"));
    assert!(call.params.get(0).and_then(|v| v.as_text()).is_some_and(|t| t.eq_str(&text)));
}
