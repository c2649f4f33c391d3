//! Replies of both syntaxes as Python's own readers see them: the same values.

use rctd::out::{Full, Out};
use rctd::syntax::{Document, Style, Syntax, WideInts, Writer};
use std::io::Write;
use std::process::{Command, Stdio};

/// A text with all that needs care: line ends, quotes, markup, control characters, bytes that are not UTF-8.
const TEXT: &[u8] = b"\r\n\t<&>\"' \\ \xc3\xbc\xff\x01";

fn member(
    w: &mut Writer<'_>,
    name: &'static str,
    value: impl Fn(&mut Writer<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    w.member(name)?;
    value(w)?;
    w.member_close()
}

/// A reply of one struct with every kind of value.
fn reply(w: &mut Writer<'_>) -> Result<(), Full> {
    w.reply_open()?;
    w.struct_open()?;
    member(w, "int", |w| w.int(-5))?;
    member(w, "double", |w| w.uint(1 << 53))?;
    member(w, "wide", |w| w.uint(u64::MAX))?;
    member(w, "least", |w| w.int(i64::MIN))?;
    member(w, "bool", |w| w.boolean(true))?;
    member(w, "id", |w| w.id(u32::MAX))?;
    member(w, "text", |w| w.string(TEXT))?;
    member(w, "v4", |w| w.address(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1], true))?;
    member(w, "v6", |w| w.address(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false))?;
    w.member("array")?;
    w.array_open()?;
    w.string(b"")?;
    w.fault_struct(3, "unknown field")?;
    w.array_open()?;
    w.array_close()?;
    w.array_close()?;
    w.member_close()?;
    w.struct_close()?;
    w.reply_close()
}

fn written(syntax: Syntax, write: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut buf = [0; 4096];
    let mut out = Out::new(&mut buf);
    let mut document = Document::new(Style { syntax, wide: WideInts::Double });
    assert_eq!(document.piece(&mut out, write), Ok(()));
    out.as_bytes().to_vec()
}

const PYTHON: &str = r#"
import json, sys, xmlrpc.client as x
reply, fault, json_reply, json_fault = sys.stdin.buffer.read().split(b"\0")
def expected(number, text):
    return {
        "int": -5, "double": number(2**53), "wide": number(2**64 - 1), "least": number(-2**63), "bool": True,
        "id": "4294967295", "text": text, "v4": "192.0.2.1", "v6": "2001:db8::1",
        "array": ["", {"faultCode": 3, "faultString": "unknown field"}, []],
    }
(value,), method = x.loads(reply)
assert method is None
assert value == expected(float, "\r\n\t<&>\"' \\ \u00fc\ufffd\ufffd"), value
assert type(value["double"]) is float and type(value["int"]) is int and type(value["bool"]) is bool
value = json.loads(json_reply)
assert value == expected(int, "\r\n\t<&>\"' \\ \u00fc\ufffd\x01"), value
assert type(value["wide"]) is int and type(value["bool"]) is bool
sentence = "length: an integer, not %s & <b>"
try:
    x.loads(fault)
    raise SystemExit("no fault")
except x.Fault as e:
    assert (e.faultCode, e.faultString) == (-32602, sentence % "\ufffd"), e
assert json.loads(json_fault) == {"faultCode": -32602, "faultString": sentence % "\x01"}, json_fault
print("read")
"#;

#[test]
fn python_reads_what_is_written() {
    let fault = |w: &mut Writer<'_>| w.fault(-32602, "length: an integer, not \u{1} & <b>");
    let documents = [
        written(Syntax::Xml, reply),
        written(Syntax::Xml, fault),
        written(Syntax::Json, reply),
        written(Syntax::Json, fault),
    ];
    let mut command = Command::new("python3");
    let child = command.args(["-c", PYTHON]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let strict = std::env::var_os("RCTD_TEST_STRICT").is_some();
            assert!(!strict, "python3 can't be run: {error}");
            return eprintln!("skipped: python3 can't be run ({error}), so nobody else read what is written");
        }
    };
    let fed = child.stdin.take().map(|mut stdin| stdin.write_all(&documents.join(b"\0".as_slice())));
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
    assert!(fed.is_some_and(|r| r.is_ok()) && output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"read\n");
}
