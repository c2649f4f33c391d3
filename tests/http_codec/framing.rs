//! Where a body ends: nothing that two programs could read in two ways gets through (RFC 9112 section 11.2).

use rctd::http::{Error, Framing};

use crate::{accepted, assert_refused, post_with};

#[test]
fn lengths() {
    for (fields, length) in [
        ("Content-Length: 42\r\n", 42),
        ("content-length:42\r\n", 42),
        ("CONTENT-LENGTH: \t 42 \t \r\n", 42),
        ("Content-Length: 00042\r\n", 42),
        ("Content-Length: 0000000000000000000000000000042\r\n", 42),
        ("Content-Length: 0\r\n", 0),
    ] {
        let head = accepted(&post_with(fields));
        assert_eq!(head.framing, Framing::Length(length), "{fields}");
    }
    for (fields, error) in [
        ("", Error::LengthMissing),
        ("Content-Length:\r\n", Error::LengthSyntax),
        ("Content-Length: +42\r\n", Error::LengthSyntax),
        ("Content-Length: -42\r\n", Error::LengthSyntax),
        ("Content-Length: 4 2\r\n", Error::LengthSyntax),
        ("Content-Length: 4_2\r\n", Error::LengthSyntax),
        ("Content-Length: 42,\r\n", Error::LengthSyntax),
        ("Content-Length: 42, 42\r\n", Error::LengthSyntax),
        ("Content-Length: 42, 43\r\n", Error::LengthSyntax),
        ("Content-Length: 0x2a\r\n", Error::LengthSyntax),
        ("Content-Length: 42.0\r\n", Error::LengthSyntax),
        ("Content-Length: \"42\"\r\n", Error::LengthSyntax),
        ("Content-Length: \u{664}\u{662}\r\n", Error::LengthSyntax),
        ("Content-Length: 18446744073709551615\r\n", Error::BodyTooLarge),
        ("Content-Length: 18446744073709551616\r\n", Error::LengthSyntax),
        ("Content-Length: 184467440737095516170\r\n", Error::LengthSyntax),
        ("Content-Length: 42\r\nContent-Length: 42\r\n", Error::LengthTwice),
        ("Content-Length: 42\r\ncontent-length: 0\r\n", Error::LengthTwice),
    ] {
        assert_refused(&post_with(fields), error);
    }
}

#[test]
fn codings() {
    for fields in ["Transfer-Encoding: chunked\r\n", "transfer-encoding:CHUNKED \r\n"] {
        assert_eq!(accepted(&post_with(fields)).framing, Framing::Chunked);
    }
    for value in [
        "",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "chunked;q=1",
        "\"chunked\"",
        "xchunked",
        "chunked x",
    ] {
        let fields = format!("Transfer-Encoding: {value}\r\n");
        assert_refused(&post_with(&fields), Error::TransferCoding);
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_refused(&post_with(twice), Error::TransferCoding);
    let old = b"POST / HTTP/1.0\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_refused(old, Error::TransferCoding);
}

#[test]
fn smuggling() {
    // Names and values by which one program finds a second framing where another sees none.
    for (fields, error) in [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", Error::LengthAndChunked),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", Error::LengthAndChunked),
        ("Transfer-Encoding: identity\r\nContent-Length: 4\r\n", Error::LengthAndChunked),
        ("Transfer-Encoding:\r\nContent-Length: 4\r\n", Error::LengthAndChunked),
        ("Content-Length: 4\r\nTransfer-Encoding : chunked\r\n", Error::FieldSyntax),
        ("Content-Length: 4\r\n Transfer-Encoding: chunked\r\n", Error::FieldSyntax),
        ("Content-Length: 4\r\nX: y\rTransfer-Encoding: chunked\r\n", Error::ControlByte),
        ("Content-Length: 4\r\nTransfer-Encoding: \u{b}chunked\r\n", Error::ControlByte),
        ("Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n", Error::FieldSyntax),
        ("Content-Length: 4\r\nTransfer-Encoding\r\n: chunked\r\n", Error::FieldSyntax),
        ("Content-Length: 4\0\r\n", Error::ControlByte),
    ] {
        assert_refused(&post_with(fields), error);
    }
    // A bare LF ends a line for us as it does for proxies; the second field is then seen, and refused.
    let bare = "Content-Length: 4\r\nX: y\nTransfer-Encoding: chunked\r\n";
    assert_refused(&post_with(bare), Error::LengthAndChunked);
    // Underscores are other names, not the same ones (CGI would mix them up).
    let other = accepted(&post_with("Content-Length: 4\r\nTransfer_Encoding: chunked\r\n"));
    assert_eq!(other.framing, Framing::Length(4));
}
