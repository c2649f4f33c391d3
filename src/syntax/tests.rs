//! What is written: byte for byte, in both syntaxes, and at every buffer size.

use super::*;

/// An operation, what it writes as XML, and what as JSON.
type Case = (Box<dyn Fn(&mut Writer<'_>) -> Result<(), Full>>, &'static str, &'static str);

fn case(
    write: impl Fn(&mut Writer<'_>) -> Result<(), Full> + 'static,
    xml: &'static str,
    json: &'static str,
) -> Case {
    (Box::new(write), xml, json)
}

fn style(syntax: Syntax) -> Style {
    Style { syntax, wide: WideInts::Double }
}

/// Every value with what it writes where nothing stands before it.
fn values() -> Vec<Case> {
    let string = |text: &'static [u8]| move |w: &mut Writer<'_>| w.string(text);
    vec![
        case(|w| w.boolean(true), "<value><boolean>1</boolean></value>", "true"),
        case(|w| w.boolean(false), "<value><boolean>0</boolean></value>", "false"),
        case(|w| w.int(0), "<value><int>0</int></value>", "0"),
        case(|w| w.int(-1), "<value><int>-1</int></value>", "-1"),
        case(|w| w.int(2_147_483_647), "<value><int>2147483647</int></value>", "2147483647"),
        case(|w| w.int(-2_147_483_648), "<value><int>-2147483648</int></value>", "-2147483648"),
        case(
            |w| w.int(i64::MIN),
            "<value><double>-9223372036854775808</double></value>",
            "-9223372036854775808",
        ),
        case(
            |w| w.uint(u64::MAX),
            "<value><double>18446744073709551615</double></value>",
            "18446744073709551615",
        ),
        case(|w| w.id(u32::MAX), "<value><string>4294967295</string></value>", "\"4294967295\""),
        case(string(b""), "<value><string></string></value>", "\"\""),
        case(
            string(b"a&b<c>d\"'"),
            "<value><string>a&amp;b&lt;c&gt;d\"'</string></value>",
            "\"a&b<c>d\\\"'\"",
        ),
        case(
            string(b"\t\n\r\x00\x1f\x7f\\"),
            "<value><string>\t\n&#13;\u{fffd}\u{fffd}\x7f\\</string></value>",
            "\"\\u0009\\u000a\\u000d\\u0000\\u001f\x7f\\\\\"",
        ),
        case(
            string(b"a\xffb\xe2\x82c\xed\xa0\x80"),
            "<value><string>a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}</string></value>",
            "\"a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}\"",
        ),
        case(
            string("ü€\u{10348}\u{fffe}\u{ffff}\u{fffd}".as_bytes()),
            "<value><string>ü€\u{10348}\u{fffd}\u{fffd}\u{fffd}</string></value>",
            "\"ü€\u{10348}\u{fffe}\u{ffff}\u{fffd}\"",
        ),
        case(
            |w| w.address(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 255], true),
            "<value><string>192.0.2.255</string></value>",
            "\"192.0.2.255\"",
        ),
        case(
            |w| w.address(&std::net::Ipv6Addr::LOCALHOST.octets(), false),
            "<value><string>::1</string></value>",
            "\"::1\"",
        ),
    ]
}

/// What stands around values.
fn marks() -> Vec<Case> {
    vec![
        case(|w| w.array_open(), "<value><array><data>", "["),
        case(|w| w.array_close(), "</data></array></value>", "]"),
        case(|w| w.struct_open(), "<value><struct>", "{"),
        case(|w| w.struct_close(), "</struct></value>", "}"),
        case(|w| w.member("orig_ipv4_src"), "<member><name>orig_ipv4_src</name>", "\"orig_ipv4_src\":"),
        case(|w| w.member_close(), "</member>", ""),
        case(|w| w.reply_open(), "<?xml version=\"1.0\"?>\n<methodResponse><params><param>", ""),
        case(|w| w.reply_close(), "</param></params></methodResponse>\n", ""),
        case(
            |w| w.fault(-32601, "no such procedure: <x>"),
            "<?xml version=\"1.0\"?>\n<methodResponse><fault><value><struct>\
             <member><name>faultCode</name><value><int>-32601</int></value></member>\
             <member><name>faultString</name><value><string>no such procedure: &lt;x&gt;</string></value></member>\
             </struct></value></fault></methodResponse>\n",
            "{\"faultCode\":-32601,\"faultString\":\"no such procedure: <x>\"}",
        ),
    ]
}

#[test]
fn each_piece_is_written_whole_or_not_at_all() {
    for (write, xml, json) in values().into_iter().chain(marks()) {
        for (syntax, expected) in [(Syntax::Xml, xml), (Syntax::Json, json)] {
            for size in 0..=expected.len() + 1 {
                let mut buf = vec![b'.'; size + 2];
                let mut out = Out::at(&mut buf, 2);
                let before = Document::new(style(syntax));
                let mut document = before;
                let fits = size >= expected.len();
                assert_eq!(
                    document.piece(&mut out, &write),
                    if fits { Ok(()) } else { Err(Full) },
                    "{expected} {size}"
                );
                let whole = [b"..".as_slice(), if fits { expected.as_bytes() } else { b"" }].concat();
                assert_eq!(out.as_bytes(), whole, "{expected} in {size}");
                assert!(fits || document == before);
            }
        }
    }
}

/// A reply of everything, in the pieces that a procedure might write.
fn pieces() -> Vec<Case> {
    let piece = |write: fn(&mut Writer<'_>) -> Result<(), Full>| case(write, "", "");
    vec![
        piece(|w| {
            w.reply_open()?;
            w.array_open()
        }),
        piece(|w| {
            w.struct_open()?;
            w.member("total")?;
            w.uint(3)?;
            w.member_close()?;
            w.member("table")?;
            w.array_open()
        }),
        piece(|w| w.boolean(true)),
        piece(|w| {
            w.array_open()?;
            w.array_close()
        }),
        piece(|w| {
            w.struct_open()?;
            w.struct_close()
        }),
        piece(|w| w.fault_struct(3, "unknown")),
        piece(|w| w.id(5)),
        piece(|w| {
            w.array_close()?;
            w.member_close()
        }),
        piece(|w| {
            w.member("z")?;
            w.string(b"")?;
            w.member_close()?;
            w.struct_close()
        }),
        piece(|w| w.int(-5)),
        piece(|w| {
            w.array_close()?;
            w.reply_close()
        }),
    ]
}

/// All pieces in a buffer of `size` bytes, which is emptied whenever a piece does not fit.
fn sent(syntax: Syntax, size: usize) -> String {
    let (mut sent, mut buf, mut len) = (Vec::new(), vec![0; size], 0);
    let mut document = Document::new(style(syntax));
    for (write, ..) in pieces() {
        let mut out = Out::at(&mut buf, len);
        if document.piece(&mut out, &write) == Err(Full) {
            sent.extend_from_slice(out.as_bytes());
            out.truncate(0);
            assert_eq!(document.piece(&mut out, &write), Ok(()), "a piece is larger than {size} bytes");
        }
        len = out.len();
    }
    sent.extend_from_slice(&buf[..len]);
    String::from_utf8(sent).unwrap()
}

#[test]
fn a_reply_is_the_same_through_every_buffer() {
    let json = r#"[{"total":3,"table":[true,[],{},{"faultCode":3,"faultString":"unknown"},"5"],"z":""},-5]"#;
    for size in 41..200 {
        assert_eq!(sent(Syntax::Json, size), json);
    }
    let xml = sent(Syntax::Xml, 4096);
    assert_eq!(xml.matches("<value>").count(), 13, "{xml}");
    for size in 200..600 {
        assert_eq!(sent(Syntax::Xml, size), xml);
    }
}

#[test]
fn large_integers_have_the_type_that_is_asked_for() {
    let int = |wide, value: i64| written(wide, |w| w.int(value));
    let uint = |wide, value: u64| written(wide, |w| w.uint(value));
    assert_eq!(int(WideInts::Double, 2_147_483_648), "<value><double>2147483648</double></value>");
    assert_eq!(int(WideInts::I8, 2_147_483_647), "<value><int>2147483647</int></value>");
    assert_eq!(int(WideInts::I8, -2_147_483_649), "<value><i8>-2147483649</i8></value>");
    assert_eq!(int(WideInts::I8, i64::MIN), "<value><i8>-9223372036854775808</i8></value>");
    assert_eq!(int(WideInts::String, i64::MIN), "<value><string>-9223372036854775808</string></value>");
    assert_eq!(uint(WideInts::String, 4_294_967_295), "<value><string>4294967295</string></value>");
    assert_eq!(uint(WideInts::I8, (1 << 63) - 1), "<value><i8>9223372036854775807</i8></value>");
    assert_eq!(uint(WideInts::I8, 1 << 63), "<value><string>9223372036854775808</string></value>");
}

/// What one piece of XML is.
fn written(wide: WideInts, write: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> String {
    let mut buf = [0; 256];
    let mut out = Out::new(&mut buf);
    let mut document = Document::new(Style { syntax: Syntax::Xml, wide });
    document.piece(&mut out, write).unwrap();
    String::from_utf8(out.as_bytes().to_vec()).unwrap()
}
