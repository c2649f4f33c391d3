//! What is written: byte for byte, at every buffer size, and as an independent parser reads it.

use rctd::out::{Full, Out};
use rctd::xmlrpc::encode::{self, WideInts};
use std::io::Write;
use std::net::Ipv6Addr;
use std::process::{Command, Stdio};

type Element = dyn Fn(&mut Out<'_>) -> Result<(), Full>;

fn written(write: &Element) -> String {
    let mut buf = [0; 4096];
    let mut out = Out::new(&mut buf);
    assert_eq!(write(&mut out), Ok(()));
    String::from_utf8_lossy(out.as_bytes()).into_owned()
}

/// Every writer with what it writes.
fn elements() -> Vec<(Box<Element>, &'static str)> {
    let int = |value: i64, wide| -> Box<Element> { Box::new(move |out| encode::int(out, value, wide)) };
    let uint = |value: u64, wide| -> Box<Element> { Box::new(move |out| encode::uint(out, value, wide)) };
    let string = |value: &'static [u8]| -> Box<Element> { Box::new(move |out| encode::string(out, value)) };
    vec![
        (int(0, WideInts::I8), "<value><int>0</int></value>"),
        (int(-1, WideInts::String), "<value><int>-1</int></value>"),
        (int(2_147_483_647, WideInts::Double), "<value><int>2147483647</int></value>"),
        (int(2_147_483_648, WideInts::Double), "<value><double>2147483648</double></value>"),
        (int(-2_147_483_648, WideInts::Double), "<value><int>-2147483648</int></value>"),
        (int(-2_147_483_649, WideInts::I8), "<value><i8>-2147483649</i8></value>"),
        (int(i64::MIN, WideInts::I8), "<value><i8>-9223372036854775808</i8></value>"),
        (int(i64::MIN, WideInts::String), "<value><string>-9223372036854775808</string></value>"),
        (uint(4_294_967_295, WideInts::Double), "<value><double>4294967295</double></value>"),
        (uint(4_294_967_295, WideInts::I8), "<value><i8>4294967295</i8></value>"),
        (uint(9_223_372_036_854_775_807, WideInts::I8), "<value><i8>9223372036854775807</i8></value>"),
        (
            uint(9_223_372_036_854_775_808, WideInts::I8),
            "<value><string>9223372036854775808</string></value>",
        ),
        (uint(u64::MAX, WideInts::Double), "<value><double>18446744073709551615</double></value>"),
        (Box::new(|out| encode::boolean(out, true)), "<value><boolean>1</boolean></value>"),
        (Box::new(|out| encode::boolean(out, false)), "<value><boolean>0</boolean></value>"),
        (string(b""), "<value><string></string></value>"),
        (string(b"a&b<c>d\"'"), "<value><string>a&amp;b&lt;c&gt;d\"'</string></value>"),
        (string(b"\t\n\r\x00\x1f\x7f"), "<value><string>\t\n&#13;\u{fffd}\u{fffd}\x7f</string></value>"),
        (
            string(b"a\xffb\xe2\x82c\xed\xa0\x80"),
            "<value><string>a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}</string></value>",
        ),
        (
            string("ü€\u{10348}\u{fffe}\u{ffff}\u{fffd}".as_bytes()),
            "<value><string>ü€\u{10348}\u{fffd}\u{fffd}\u{fffd}</string></value>",
        ),
        (Box::new(|out| encode::string(out, "from a str")), "<value><string>from a str</string></value>"),
        (Box::new(|out| encode::ipv4(out, [192, 0, 2, 255])), "<value><string>192.0.2.255</string></value>"),
        (
            Box::new(|out| encode::ipv6(out, Ipv6Addr::LOCALHOST.octets())),
            "<value><string>::1</string></value>",
        ),
        (Box::new(|out| encode::member_open(out, "a<b")), "<member><name>a&lt;b</name>"),
        (Box::new(|out| encode::text(out, b"x>\xff")), "x&gt;\u{fffd}"),
        (Box::new(encode::response_open), "<?xml version=\"1.0\"?>\n<methodResponse><params><param>"),
        (Box::new(encode::response_close), "</param></params></methodResponse>\n"),
        (
            Box::new(|out| encode::fault(out, -32601, "no such procedure: <x>")),
            "<?xml version=\"1.0\"?>\n<methodResponse><fault><value><struct>\
             <member><name>faultCode</name><value><int>-32601</int></value></member>\
             <member><name>faultString</name><value><string>no such procedure: &lt;x&gt;</string></value></member>\
             </struct></value></fault></methodResponse>\n",
        ),
    ]
}

#[test]
fn each_element_is_written_whole_or_not_at_all() {
    for (write, expected) in elements() {
        assert_eq!(written(&write), expected);
        for size in 0..=expected.len() + 1 {
            let mut buf = vec![b'.'; size + 2];
            let mut out = Out::at(&mut buf, 2);
            let fits = size >= expected.len();
            assert_eq!(write(&mut out), if fits { Ok(()) } else { Err(Full) }, "{expected} in {size}");
            assert_eq!(
                out.as_bytes(),
                [b"..".as_slice(), if fits { expected.as_bytes() } else { b"" }].concat()
            );
        }
    }
}

/// A reply with every kind of value, in turns through a small buffer as a server sends it.
fn reply(size: usize) -> Vec<u8> {
    fn member(out: &mut Out<'_>, name: &str, value: &Element) -> Result<(), Full> {
        out.atomically(|out| {
            encode::member_open(out, name)?;
            value(out)?;
            out.put(encode::MEMBER_CLOSE)
        })
    }
    fn string(out: &mut Out<'_>) -> Result<(), Full> {
        encode::string(out, b"\r\n\t<&>\"' \xc3\xbc\xff\x01")
    }
    let steps: [&Element; 13] = [
        &encode::response_open,
        &|out| out.put(encode::STRUCT_OPEN),
        &|out| member(out, "int", &|out| encode::int(out, -5, WideInts::Double)),
        &|out| member(out, "double", &|out| encode::uint(out, 1 << 53, WideInts::Double)),
        &|out| member(out, "i8", &|out| encode::int(out, i64::MIN, WideInts::I8)),
        &|out| member(out, "wide", &|out| encode::uint(out, u64::MAX, WideInts::String)),
        &|out| member(out, "bool", &|out| encode::boolean(out, true)),
        &|out| member(out, "a<&>\u{1}", &string),
        &|out| member(out, "v4", &|out| encode::ipv4(out, [192, 0, 2, 1])),
        &|out| {
            member(out, "v6", &|out| {
                encode::ipv6(out, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            })
        },
        &|out| {
            member(out, "array", &|out| {
                out.put(encode::ARRAY_OPEN)?;
                encode::string(out, "")?;
                encode::fault_struct(out, 3, "unknown field")?;
                out.put(encode::ARRAY_CLOSE)
            })
        },
        &|out| out.put(encode::STRUCT_CLOSE),
        &encode::response_close,
    ];
    let mut sent = Vec::new();
    let mut buf = vec![0; size];
    let mut len = 0;
    for step in steps {
        let mut out = Out::at(&mut buf, len);
        if step(&mut out) == Err(Full) {
            sent.extend_from_slice(out.as_bytes());
            out.truncate(0);
            assert_eq!(step(&mut out), Ok(()), "an element is larger than {size} bytes");
        }
        len = out.len();
    }
    sent.extend_from_slice(&buf[..len]);
    sent
}

const PYTHON: &str = r#"
import sys, xmlrpc.client as x
docs = sys.stdin.buffer.read().split(b"\0")
(value,), method = x.loads(docs[0])
assert method is None
expected = {
    "int": -5, "double": 2.0**53, "i8": -2**63, "wide": str(2**64 - 1), "bool": True,
    "a<&>\ufffd": "\r\n\t<&>\"' \u00fc\ufffd\ufffd", "v4": "192.0.2.1", "v6": "2001:db8::1",
    "array": ["", {"faultCode": 3, "faultString": "unknown field"}],
}
assert value == expected, value
assert type(value["double"]) is float and type(value["int"]) is int and type(value["bool"]) is bool
try:
    x.loads(docs[1])
    raise SystemExit("no fault")
except x.Fault as e:
    assert (e.faultCode, e.faultString) == (-32602, "length: an integer, not \ufffd & <b>"), e
print("read")
"#;

#[test]
fn python_reads_what_is_written() {
    let fault = written(&|out| encode::fault(out, -32602, "length: an integer, not \u{1} & <b>"));
    let whole = reply(4096);
    for size in 300..400 {
        assert_eq!(reply(size), whole);
    }
    let mut command = Command::new("python3");
    let child = command.args(["-c", PYTHON]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            assert!(
                std::env::var_os("RCTD_TEST_STRICT").is_none_or(|v| v != "1"),
                "python3 can't be run: {error}"
            );
            eprintln!(
                "SKIPPED: python3 can't be run ({error}), so no independent parser read what is written"
            );
            return;
        }
    };
    let input = [whole.as_slice(), b"\0", fault.as_bytes()].concat();
    let fed = child.stdin.take().map(|mut stdin| stdin.write_all(&input));
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
    assert!(
        fed.is_some_and(|r| r.is_ok()) && output.status.success() && output.stdout == b"read\n",
        "{output:?}"
    );
}
