//! Heads made by hand: every rule from both sides.

use rctd::charset::Charset;
use rctd::http::{
    Error, File, Framing, HeadReader, Media, NO_PAGE, Policy, Route, Site, Status, Version, Via,
};
use rctd::limits::{BODY_BYTES, HEAD_BYTES, HEAD_FIELDS};

use crate::{accepted, assert_refused, policy, post_with, read};

/// A POST with this request line and nothing wrong besides.
fn with_line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: 192.0.2.1\r\nContent-Type: text/xml\r\nContent-Length: 1\r\n\r\n").into_bytes()
}

#[test]
fn request_lines() {
    for good in [
        "POST / HTTP/1.1",
        "POST /RPC2 HTTP/1.1",
        "POST /RPC2 HTTP/1.0",
        "POST http://192.0.2.1/RPC2 HTTP/1.1",
        "POST HTTP://192.0.2.1:8000/ HTTP/1.1",
        "POST http://192.0.2.1 HTTP/1.1",
    ] {
        accepted(&with_line(good));
    }
    for (line, error) in [
        ("POST /rpc2 HTTP/1.1", Error::Path),
        ("POST /RPC2/ HTTP/1.1", Error::Path),
        ("POST //RPC2 HTTP/1.1", Error::Path),
        ("POST /RPC2? HTTP/1.1", Error::Path),
        ("POST /RPC2?x=1 HTTP/1.1", Error::Path),
        ("POST /%52PC2 HTTP/1.1", Error::Path),
        ("POST /\u{e9} HTTP/1.1", Error::Path),
        ("POST http://192.0.2.1?x HTTP/1.1", Error::Path),
        ("GET /favicon.ico HTTP/1.1", Error::Path),
        ("GET /RPC2 HTTP/1.1", Error::Method),
        ("HEAD /RPC2 HTTP/1.1", Error::Method),
        ("PUT /RPC2 HTTP/1.1", Error::Method),
        ("PUT / HTTP/1.1", Error::RootMethod),
        ("post / HTTP/1.1", Error::RootMethod),
        ("get / HTTP/1.1", Error::RootMethod),
        ("OPTIONS / HTTP/1.1", Error::RootMethod),
        ("OPTIONS * HTTP/1.1", Error::RootMethod),
        ("CONNECT 192.0.2.1:80 HTTP/1.1", Error::RootMethod),
        ("GET /? HTTP/1.1", Error::Path),
        ("HEAD /index.html HTTP/1.1", Error::Path),
        // A good request for the page, but it has a body.
        ("GET / HTTP/1.1", Error::GetBody),
        ("HEAD / HTTP/1.0", Error::GetBody),
        ("POST * HTTP/1.1", Error::RequestLine),
        ("POST RPC2 HTTP/1.1", Error::RequestLine),
        ("POST https://192.0.2.1/RPC2 HTTP/1.1", Error::RequestLine),
        ("POST ftp://192.0.2.1/RPC2 HTTP/1.1", Error::RequestLine),
        ("POST http:///RPC2 HTTP/1.1", Error::HostSyntax),
        ("POST http://u@192.0.2.1/RPC2 HTTP/1.1", Error::HostSyntax),
        ("POST http://192.0.2.1#/RPC2 HTTP/1.1", Error::HostSyntax),
        ("POST http://evil.example/RPC2 HTTP/1.1", Error::HostRefused),
        ("POST  / HTTP/1.1", Error::RequestLine),
        ("POST /  HTTP/1.1", Error::RequestLine),
        ("POST / x HTTP/1.1", Error::RequestLine),
        ("POST /", Error::RequestLine),
        ("POST", Error::RequestLine),
        ("P(ST / HTTP/1.1", Error::RequestLine),
        (" POST / HTTP/1.1", Error::RequestLine),
        ("POST / HTTP/1.1 ", Error::RequestLine),
        ("POST / HTTP/11", Error::RequestLine),
        ("POST / HTTP/1.x", Error::RequestLine),
        ("POST / HTTP/x.1", Error::RequestLine),
        ("POST / http/1.1", Error::RequestLine),
        ("POST / ICY/1.1", Error::RequestLine),
        ("POST / HTTP/1.2", Error::Version),
        ("POST / HTTP/2.0", Error::Version),
        ("POST / HTTP/0.9", Error::Version),
        ("PRI * HTTP/2.0", Error::Version),
    ] {
        assert_refused(&with_line(line), error);
    }
}

#[test]
fn the_page_is_at_the_root() {
    for (line, head_only) in [("GET / HTTP/1.1", false), ("HEAD http://192.0.2.1 HTTP/1.0", true)] {
        for fields in
            ["", "Content-Length: 0\r\n", "Content-Type: text/plain\r\n", "Origin: http://[::1]:80\r\n"]
        {
            let head = accepted(
                format!("{line}\r\nHost: [::1]\r\n{fields}\r\n").replace("192.0.2.1", "[::1]").as_bytes(),
            );
            assert_eq!(
                (head.route, head.head_only, head.framing),
                (Route::File(&NO_PAGE[0]), head_only, Framing::Length(0))
            );
        }
    }
    assert_eq!(
        (accepted(&with_line("POST / HTTP/1.1")).route, false),
        (Route::Call, accepted(&with_line("POST / HTTP/1.1")).head_only)
    );
    for (fields, error) in [
        ("Host: evil.example\r\n", Error::HostRefused),
        ("Host: localhost\r\nOrigin: http://evil.example\r\n", Error::OriginRefused),
        ("Host: localhost\r\nOrigin: null\r\n", Error::OriginRefused),
        ("", Error::HostMissing),
        ("Host: localhost\r\nTransfer-Encoding: chunked\r\n", Error::GetBody),
        ("Host: localhost\r\nContent-Length: 1\r\n", Error::GetBody),
        ("Host: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", Error::LengthAndChunked),
        ("Host: localhost\r\nExpect: x\r\n", Error::Expectation),
    ] {
        assert_refused(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes(), error);
    }
}

/// What a page may consist of.
static FILES: &[File] = &[
    File::new("/", Media::Page, true, b"<!DOCTYPE html>"),
    File::new("/page.js", Media::Script, true, b"'use strict';"),
    File::new("/page.css", Media::Style, true, b":root {}"),
    File::new("/icon.svg", Media::Svg, false, b"<svg/>"),
];

fn with_site(site: Site) -> Policy {
    let mut policy = policy();
    policy.site = site;
    policy
}

fn route(line: &str, site: Site) -> Result<Route, Error> {
    let policy = with_site(site);
    let request = format!("{line}\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let read = HeadReader::default().read(request.as_bytes(), &policy, Via::Tcp);
    read.map(|head| head.expect("a whole head").0.route)
}

#[test]
fn each_path_has_its_methods() {
    let all = Site { files: FILES, metrics: true };
    for file in FILES {
        for method in ["GET", "HEAD"] {
            assert_eq!(route(&format!("{method} {} HTTP/1.1", file.path), all), Ok(Route::File(file)));
        }
    }
    assert_eq!(route("POST / HTTP/1.1", all), Ok(Route::Call));
    for method in ["GET", "HEAD"] {
        let metrics = format!("{method} /metrics HTTP/1.1");
        assert_eq!(route(&metrics, all), Ok(Route::Metrics));
        assert_eq!(route(&metrics, Site { metrics: false, ..all }), Err(Error::Path));
        assert_eq!(route(&metrics, Site::default()), Err(Error::Path));
    }
    for (line, error) in [
        ("PUT / HTTP/1.1", Error::RootMethod),
        ("GET /RPC2 HTTP/1.1", Error::Method),
        ("POST /page.js HTTP/1.1", Error::ReadMethod),
        ("DELETE /icon.svg HTTP/1.1", Error::ReadMethod),
        ("POST /metrics HTTP/1.1", Error::ReadMethod),
        ("OPTIONS /metrics HTTP/1.1", Error::ReadMethod),
        ("get /metrics HTTP/1.1", Error::ReadMethod),
        ("GET /metrics/ HTTP/1.1", Error::Path),
        ("GET /metrics? HTTP/1.1", Error::Path),
        ("GET //metrics HTTP/1.1", Error::Path),
        ("GET /page.js/ HTTP/1.1", Error::Path),
        ("GET /../page.js HTTP/1.1", Error::Path),
        ("GET page.js HTTP/1.1", Error::RequestLine),
    ] {
        assert_eq!(route(line, all), Err(error), "{line}");
    }
}

/// Who asks for a file must be as little of a foreign page as who makes a call.
#[test]
fn files_and_metrics_are_not_for_foreign_pages() {
    let policy = with_site(Site { files: FILES, metrics: true });
    for path in ["/", "/page.js", "/metrics"] {
        for (fields, error) in [
            ("Host: evil.example\r\n", Error::HostRefused),
            ("Host: localhost\r\nOrigin: http://evil.example\r\n", Error::OriginRefused),
            ("Host: localhost\r\nOrigin: null\r\n", Error::OriginRefused),
            ("Host: localhost\r\nContent-Length: 1\r\n", Error::GetBody),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\n{fields}\r\n");
            let read = HeadReader::default().read(request.as_bytes(), &policy, Via::Tcp);
            assert_eq!(read, Err(error), "{request}");
        }
    }
}

/// A file that the client has is not sent again, and no other is left out.
#[test]
fn a_file_is_known_by_its_tag() {
    let policy = with_site(Site { files: FILES, metrics: true });
    let unchanged = |path: &str, value: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {value}\r\n\r\n");
        let read = HeadReader::default().read(request.as_bytes(), &policy, Via::Tcp);
        read.expect("no error").expect("a whole head").0.unchanged
    };
    // FNV-1a of the bytes, computed with another program.
    let tags = ["\"45ab99a410d16469\"", "\"99d2b6af4274c220\""];
    for (path, own, other) in [("/", tags[0], tags[1]), ("/page.js", tags[1], tags[0])] {
        for value in [
            own.to_owned(),
            format!("W/{own}"),
            format!("{other}, {own}"),
            format!("{own} ,{other}"),
            "*".to_owned(),
        ] {
            assert!(unchanged(path, &value), "{path} {value}");
        }
        let bare = own.trim_matches('"').to_owned();
        for value in
            [other.to_owned(), String::new(), "\"\"".to_owned(), bare, own.to_uppercase(), format!("{own}x")]
        {
            assert!(!unchanged(path, &value), "{path} {value}");
        }
    }
    assert!(!unchanged("/metrics", "*"));
}

#[test]
fn what_type_of_reply() {
    for (fields, json) in [
        ("", false),
        ("Accept: */*\r\n", false),
        ("Accept: application/json\r\n", true),
        ("accept: text/xml;q=0.9\r\nACCEPT: application/json\r\n", true),
        ("Accept: application/json;q=0.5, text/xml\r\n", false),
    ] {
        assert_eq!(accepted(&post_with(&format!("Content-Length: 1\r\n{fields}"))).json, json, "{fields}");
    }
}

#[test]
fn malformed_fields() {
    for (fields, error) in [
        ("Content-Length : 1\r\n", Error::FieldSyntax),
        ("Content-Length\t: 1\r\n", Error::FieldSyntax),
        ("Content-Length: 1\r\n folded\r\n", Error::FieldSyntax),
        ("Content-Length: 1\r\n\tfolded\r\n", Error::FieldSyntax),
        ("Content-Length: 1\r\n \r\n", Error::FieldSyntax),
        ("Content-Length 1\r\n", Error::FieldSyntax),
        (": 1\r\n", Error::FieldSyntax),
        ("X(: 1\r\n", Error::FieldSyntax),
        ("X\u{e9}: 1\r\n", Error::FieldSyntax),
        ("X: a\0b\r\n", Error::ControlByte),
        ("X: a\u{1b}[2J\r\n", Error::ControlByte),
        ("X: a\u{7f}\r\n", Error::ControlByte),
        ("X: a\rContent-Length: 1\r\n", Error::ControlByte),
        ("X: a\r\r\n", Error::ControlByte),
        ("\0X: a\r\n", Error::ControlByte),
    ] {
        assert_refused(&post_with(fields), error);
    }
    // Bytes over 127 and tabs are allowed in a value (RFC 9110 section 5.5), and so is an empty one.
    accepted(&post_with("X: \u{e9}\tb\r\nY:\r\nContent-Length: 1\r\n"));
    // A tool without CRLF is understood (RFC 9112 section 2.2), as are empty lines before a request.
    let unix = String::from_utf8(post_with("Content-Length: 1\r\n")).unwrap();
    accepted(unix.replace("\r\n", "\n").as_bytes());
    let late = format!("\r\n\n\r\n{unix}");
    assert_eq!(read(late.as_bytes()).unwrap().unwrap().1, late.len());
}

#[test]
fn a_stranger_is_refused_at_its_first_byte() {
    // A TLS ClientHello, and a netstring: neither would ever send an empty line.
    assert_refused(b"\x16\x03\x01", Error::ControlByte);
    assert_refused(b"POST / HTTP/1.1\rX", Error::ControlByte);
}

#[test]
fn content_types() {
    for (value, charset) in [
        ("text/xml", Charset::Unspecified),
        ("TEXT/XML", Charset::Unspecified),
        ("application/xml", Charset::Unspecified),
        ("text/xml;", Charset::Unspecified),
        ("text/xml ; ;", Charset::Unspecified),
        ("text/xml; version=1.0", Charset::Unspecified),
        ("text/xml; charset=utf-8", Charset::Utf8),
        ("text/xml;charset=UTF-8", Charset::Utf8),
        ("text/xml; Charset=\"Utf-8\"", Charset::Utf8),
        ("text/xml; charset=utf-8 ;x=y", Charset::Utf8),
        ("text/xml; charset=UTF8", Charset::Utf8),
        ("text/xml; charset='utf-8'", Charset::Utf8),
        ("text/xml; charset='latin1' ", Charset::Latin1),
        ("text/xml; x=\"a;b=c\" ; charset=US-ASCII", Charset::UsAscii),
        ("application/xml;charset=\"iso-8859-1\"", Charset::Latin1),
    ] {
        let request = with_type(value);
        assert_eq!(accepted(&request).charset, charset, "{value}");
    }
    for (value, error) in [
        ("", Error::MediaType),
        ("text/plain", Error::MediaType),
        ("text/xml2", Error::MediaType),
        ("text/xml, text/plain", Error::MediaType),
        ("text/plain; text/xml", Error::MediaType),
        ("application/x-www-form-urlencoded", Error::MediaType),
        ("multipart/form-data; boundary=x", Error::MediaType),
        ("text/xml; charset", Error::MediaType),
        ("text/xml; charset=\"utf-8", Error::MediaType),
        ("text/xml; charset=\"utf-8\"x", Error::MediaType),
        ("text/xml; charset=\"utf\\-8\"", Error::MediaType),
        ("text/xml; charset=", Error::Charset),
        ("text/xml; charset='", Error::Charset),
        ("text/xml; charset=''", Error::Charset),
        ("text/xml; charset='utf-8", Error::Charset),
        ("text/xml; charset=utf-8'", Error::Charset),
        ("text/xml; charset=utf-7", Error::Charset),
        ("text/xml; charset=utf-16", Error::Charset),
        ("text/xml; charset=utf-8; charset=utf-8", Error::Charset),
    ] {
        assert_refused(&with_type(value), error);
    }
    // None at all is a simple client's, but not if a browser may have sent it, be it for a page of the daemon's own.
    let without =
        |fields: &str| format!("POST / HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 1\r\n\r\n");
    assert_eq!(accepted(without("").as_bytes()).charset, Charset::Unspecified);
    for fields in [
        "Origin: http://localhost\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "sec-fetch-site: none\r\n",
        "Sec-Fetch-Site:\r\n",
    ] {
        assert_refused(without(fields).as_bytes(), Error::MediaType);
    }
    assert_refused(without("Origin: null\r\n").as_bytes(), Error::OriginRefused);
    assert_refused(without("Content-Encoding: gzip\r\n").as_bytes(), Error::ContentCoding);
    let twice = post_with("Content-Type: text/xml\r\nContent-Length: 1\r\n");
    assert_refused(&twice, Error::MediaTwice);
}

fn with_type(value: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Type: {value}\r\nContent-Length: 1\r\n\r\n")
        .into_bytes()
}

#[test]
fn other_fields() {
    for (fields, error) in [
        ("Content-Encoding: gzip\r\n", Error::ContentCoding),
        ("Content-Encoding: identity, br\r\n", Error::ContentCoding),
        ("Expect: 200-ok\r\n", Error::Expectation),
        ("Expect: 100-continue, x\r\n", Error::Expectation),
        ("Expect: 100-continue\r\nExpect: x\r\n", Error::Expectation),
    ] {
        assert_refused(&post_with(&format!("Content-Length: 1\r\n{fields}")), error);
    }
    accepted(&post_with("Content-Length: 1\r\nContent-Encoding: Identity\r\n"));
    let waits = post_with("Content-Length: 1\r\nexpect: 100-Continue\r\n");
    assert!(accepted(&waits).expect_continue);
    // Nothing to wait for, and nobody who knows of it.
    let nothing = post_with("Content-Length: 0\r\nExpect: 100-continue\r\n");
    assert!(!accepted(&nothing).expect_continue);
    let old =
        b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\nContent-Type: text/xml\r\n\r\n";
    assert!(!accepted(old).expect_continue);
}

#[test]
fn keep_alive() {
    for (version, connection, wanted) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: TE, Close\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let request = format!(
            "POST / HTTP/{version}\r\nHost: localhost\r\n{connection}Content-Type: text/xml\r\nContent-Length: 1\r\n\r\n"
        );
        let head = accepted(request.as_bytes());
        assert_eq!(head.keep_alive, wanted, "{version} {connection}");
        assert_eq!(head.version == Version::V10, version == "1.0");
    }
}

#[test]
fn what_comes_first() {
    // Who may not ask at all learns nothing about paths and methods.
    let foreign = b"GET /secret HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_refused(foreign, Error::HostRefused);
    // An ambiguous message is malformed whatever else it is.
    let smuggler =
        b"GET /x HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_refused(smuggler, Error::LengthAndChunked);
}

#[test]
fn head_length_exactly_and_by_one() {
    let frame = post_with("Content-Length: 1\r\nX: \r\n").len();
    let fill = |bytes: usize| post_with(&format!("Content-Length: 1\r\nX: {}\r\n", "x".repeat(bytes)));
    let exact = fill(HEAD_BYTES - frame);
    assert_eq!(exact.len(), HEAD_BYTES);
    accepted(&exact);
    let over = fill(HEAD_BYTES - frame + 1);
    assert_refused(&over, Error::HeadTooLong);
    // Refused once it is full, not once it ends; and one that ends with the limit is none of them.
    assert_refused(&over[..HEAD_BYTES], Error::HeadTooLong);
    assert_eq!(read(&over[..HEAD_BYTES - 1]), Ok(None));
    assert_refused(&[b'\n'; HEAD_BYTES], Error::HeadTooLong);
    // What follows a head counts for nothing.
    let mut pipelined = exact.clone();
    pipelined.extend([b'x'; HEAD_BYTES]);
    assert_eq!(read(&pipelined).unwrap().unwrap().1, HEAD_BYTES);
}

#[test]
fn head_fields_exactly_and_by_one() {
    // Host, Content-Type and Content-Length are three.
    let with = |more: usize| post_with(&format!("Content-Length: 1\r\n{}", "X: y\r\n".repeat(more)));
    accepted(&with(HEAD_FIELDS - 3));
    assert_refused(&with(HEAD_FIELDS - 2), Error::HeadFields);
}

#[test]
fn body_length_exactly_and_by_one() {
    let with = |length: u64| post_with(&format!("Content-Length: {length}\r\n"));
    let exact = accepted(&with(BODY_BYTES as u64));
    assert_eq!(exact.framing, Framing::Length(BODY_BYTES));
    assert_refused(&with(BODY_BYTES as u64 + 1), Error::BodyTooLarge);
    assert_eq!(accepted(&with(0)).framing, Framing::Length(0));
    // The same on 32 bits: a length that wraps there must not become a small one.
    assert_refused(&with((1 << 32) + 5), Error::BodyTooLarge);
    assert_refused(&with(u64::MAX), Error::BodyTooLarge);
}

#[test]
fn a_dribbled_head_costs_each_byte_once() {
    // 4,095 bytes one at a time, none of them looked at again: a reader given other bytes in place of those it
    // has seen does not notice.
    let mut reader = HeadReader::default();
    let mut head = post_with("Content-Length: 1\r\nX: y\r\n");
    let seen = head.len() - 1;
    assert_eq!(reader.read(&head[..seen], &policy(), Via::Tcp), Ok(None));
    head[..seen - 4].fill(0);
    // Only the parser, at the end, sees that they are no head; the scan would have said ControlByte.
    let end = reader.read(&head, &policy(), Via::Tcp);
    assert_eq!(end, Err(Error::RequestLine));
}

#[test]
fn every_error_has_its_status_and_sentence() {
    for &error in Error::ALL {
        let status = error.status();
        assert!(status.line().starts_with(&status.code().to_string()), "{error:?}");
        assert!(error.text().ends_with('.') && error.text().is_ascii(), "{error:?}");
        assert_eq!(error.to_string(), error.text());
    }
    for (error, number) in [
        (Error::BodyTooLarge, BODY_BYTES),
        (Error::HeadTooLong, HEAD_BYTES),
        (Error::TrailerTooLong, HEAD_BYTES),
        (Error::HeadFields, HEAD_FIELDS),
    ] {
        assert!(error.text().contains(&number.to_string()), "{error:?} names its limit");
    }
    for (error, status) in [
        (Error::RequestLine, Status::BadRequest),
        (Error::LengthAndChunked, Status::BadRequest),
        (Error::ChunkSyntax, Status::BadRequest),
        (Error::HostRefused, Status::Forbidden),
        (Error::OriginRefused, Status::Forbidden),
        (Error::Path, Status::NotFound),
        (Error::Method, Status::MethodNotAllowed),
        (Error::RootMethod, Status::MethodNotAllowed),
        (Error::GetBody, Status::BadRequest),
        (Error::TooSlow, Status::RequestTimeout),
        (Error::LengthMissing, Status::LengthRequired),
        (Error::BodyTooLarge, Status::ContentTooLarge),
        (Error::ChunkOverhead, Status::ContentTooLarge),
        (Error::MediaType, Status::UnsupportedMediaType),
        (Error::Charset, Status::UnsupportedMediaType),
        (Error::ContentCoding, Status::UnsupportedMediaType),
        (Error::Expectation, Status::ExpectationFailed),
        (Error::HeadTooLong, Status::HeaderFieldsTooLarge),
        (Error::HeadFields, Status::HeaderFieldsTooLarge),
        (Error::TrailerTooLong, Status::HeaderFieldsTooLarge),
        (Error::Internal, Status::InternalServerError),
        (Error::Busy, Status::ServiceUnavailable),
        (Error::Version, Status::VersionNotSupported),
    ] {
        assert_eq!(error.status(), status, "{error:?}");
    }
}
