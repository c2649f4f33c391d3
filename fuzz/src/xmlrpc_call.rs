//! A call: whatever charset its body is said to have, every value of it can be walked, put down and taken up again, and
//! what is written of a value is read back as the same value.

use rctd::charset::{Charset, to_utf8};
use rctd::limits::{NESTING, PARAMS};
use rctd::out::Out;
use rctd::syntax::{Document, Style, Syntax, WideInts};
use rctd::xmlrpc::{Call, Items, Value, ValueKind, parse_call};

/// Reads `data` as a call, in the charset that it declares itself and in another.
pub fn run(data: &[u8]) {
    let other = [Charset::Utf8, Charset::UsAscii, Charset::Latin1][super::hash(data) as usize % 3];
    for charset in [Charset::Unspecified, other] {
        let mut buffer = data.to_vec();
        buffer.resize(data.len() * 2 + 16, 0);
        let Ok(length) = to_utf8(&mut buffer, data.len(), charset) else { continue };
        let body = std::str::from_utf8(&buffer[..length]).expect("UTF-8 was promised");
        match parse_call(body) {
            Ok(call) => sound(body, &call),
            // The sentence names a place in the body.
            Err(error) => {
                assert!(error.at <= body.len() && !error.what.is_empty());
            }
        }
        if charset == Charset::Unspecified {
            written_is_read(body);
        }
    }
}

fn sound(body: &str, call: &Call<'_>) {
    assert!(call.params.len() <= PARAMS && call.params.iter().count() == call.params.len());
    let mut budget = body.len();
    call.params.iter().for_each(|value| walk(body, &value, 1, &mut budget));
    // An array of calls is what system.multicall is made of.
    for entry in call.params.get(0).and_then(|v| v.as_array()).into_iter().flatten() {
        if let Ok(inner) = Call::from_entry(&entry) {
            inner.params.iter().for_each(|value| walk(body, &value, 1, &mut budget));
        }
    }
}

/// Looks at a value in every way. `budget` is how many values a body of its length can have.
fn walk(body: &str, value: &Value<'_>, depth: usize, budget: &mut usize) {
    assert!(depth <= NESTING + 1, "deeper than the limit");
    *budget = budget.checked_sub(1).expect("more values than bytes");
    assert!(body.get(value.range()).is_some(), "a value beyond its body");
    if let Some(text) = value.as_scalar_text() {
        let mut buffer = vec![0; text.raw().len()];
        let copied = text.copy_to(&mut buffer).expect("a text is no longer than what it was written as");
        assert!(text.eq_str(copied) && text.chars().eq(copied.chars()));
    }
    if let Some(decoded) = value.copy_base64(&mut vec![0; value.range().len()]) {
        decoded.expect("base64 is no longer than what it was written as");
    }
    let text =
        value.copy_text(&mut vec![0; value.range().len()]).map(|text| text.expect("enough room").to_owned());
    match value.kind() {
        ValueKind::String => assert!(value.as_text().zip(text).is_some_and(|(a, b)| a.eq_str(&b))),
        ValueKind::Base64 => {
            let mut buffer = vec![0; value.range().len()];
            let bytes = value.copy_base64(&mut buffer).expect("base64").expect("enough room");
            assert_eq!(std::str::from_utf8(bytes).ok(), text.as_deref());
        }
        _ => assert_eq!(text, None),
    }
    if let Some(mut items) = value.as_array() {
        let resumed = |items: &Items<'_>| Items::from_range(body, items.range()).map(Iterator::count);
        while let Some(item) = items.next() {
            walk(body, &item, depth + 1, budget);
            assert_eq!(
                resumed(&items),
                Some(items.clone().count()),
                "an array goes on where it was put down"
            );
        }
    }
    for (_, member) in value.as_struct().into_iter().flatten() {
        walk(body, &member, depth + 1, budget);
    }
}

/// A string and a number made of the input go through the writer and come back.
fn written_is_read(body: &str) {
    let text: String = body.chars().filter(|&c| is_xml(c)).take(300).collect();
    let number = super::hash(body.as_bytes());
    let mut buffer = vec![0; 4000];
    let mut out = Out::new(&mut buffer);
    let mut reply = Document::new(Style { syntax: Syntax::Xml, wide: WideInts::I8 });
    let mut put = |before: &[u8], text: Option<&str>| {
        out.put(before)?;
        reply.piece(&mut out, |w| match text {
            Some(text) => w.string(text.as_bytes()),
            None => w.int(number as i64),
        })
    };
    let call = b"<methodCall><methodName>m</methodName><params><param>";
    put(call, Some(&text)).expect("room for a text");
    put(b"</param><param>", None).expect("room for a number");
    out.put(b"</param></params></methodCall>").expect("room for the end");
    let document = std::str::from_utf8(out.as_bytes()).expect("UTF-8");
    let call = parse_call(document).expect("what is written can be read");
    let values: Vec<Value<'_>> = call.params.iter().collect();
    assert!(values[0].as_text().is_some_and(|read| read.eq_str(&text)), "{text:?} became {document}");
    assert_eq!(values[1].as_int(), Some(number as i64));
}

/// XML 1.0, production 2 (Char).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
