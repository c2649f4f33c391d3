//! Decoding and encoding allocate nothing, with good input and with bad. One test, so that nothing else runs beside it.
#![allow(unsafe_code)]

use rctd::charset::{Charset, to_utf8};
use rctd::out::Out;
use rctd::syntax::{Document, Style, Syntax, WideInts};
use rctd::xmlrpc::{Call, Value, parse_call};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands everything on to the system's allocator; the counter is a plain cell that needs no memory of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the terms of `alloc`, which are the system's as well.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; `pointer` came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn walk(value: &Value<'_>) {
    let mut space = [0; 64];
    let _ = value.as_text().map(|t| t.copy_to(&mut space).is_ok());
    let _ = (value.as_int(), value.as_bool(), value.as_double(), value.copy_base64(&mut space).is_some());
    value.as_array().into_iter().flatten().for_each(|v| walk(&v));
    value.as_struct().into_iter().flatten().for_each(|(_, v)| walk(&v));
    let _ = Call::from_entry(value).map(|call| call.params.len());
}

fn work(buf: &mut [u8], bytes: &[u8]) -> bool {
    buf[..bytes.len()].copy_from_slice(bytes);
    let Ok(len) = to_utf8(buf, bytes.len(), Charset::Unspecified) else {
        return false;
    };
    let Ok(body) = str::from_utf8(&buf[..len]) else {
        return false;
    };
    match parse_call(body) {
        Ok(call) => call.params.iter().for_each(|value| walk(&value)),
        Err(error) => assert!(error.at <= body.len()),
    }
    let mut space = [0; 1024];
    let mut out = Out::new(&mut space);
    [Syntax::Xml, Syntax::Json].into_iter().all(|syntax| {
        let mut document = Document::new(Style { syntax, wide: WideInts::Double });
        let written = document.piece(&mut out, |w| {
            w.fault(-32602, "wrong & <odd>")?;
            w.uint(u64::MAX)?;
            w.address(&[9; 16], false)?;
            w.string(b"\xff")
        });
        written.is_ok()
    })
}

#[test]
fn nothing_allocates() {
    let bodies: [&[u8]; 6] = [
        include_bytes!("fixtures/xmlrpc/python-view.xml"),
        include_bytes!("fixtures/xmlrpc/php-latin1.xml"),
        include_bytes!("fixtures/xmlrpc/php-multicall.xml"),
        include_bytes!("fixtures/xmlrpc/xmlrpc-lite-multicall.xml"),
        b"<methodCall><methodName>m</methodName><params><param><value><double>1.7976931348623157e308</double></value></param></params></methodCall>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ];
    let mut buf = vec![0; 64 * 1024];
    let before = ALLOCATIONS.get();
    let mut rounds = 0;
    for body in bodies {
        for end in 0..=body.len() {
            rounds += usize::from(work(&mut buf, &body[..end]));
        }
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(rounds > 1000, "{rounds}");
    // The counter does count.
    assert_eq!(format!("{rounds}").is_empty(), ALLOCATIONS.get() == before);
}
