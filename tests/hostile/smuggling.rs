//! Requests that two programs could read in two ways. Each is followed by a second, good request: whoever answers that
//! has let it be smuggled in.
use crate::common::daemon::Daemon;
use crate::common::namespace::in_namespace;
use crate::common::raw::{Connection, post};
use crate::common::xml;

const HEAD: &str = "POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n";

/// Sends `bytes` and a good request behind them; exactly one reply, 400, and the end.
#[track_caller]
fn refused(daemon: &Daemon, bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes).into_owned();
    let mut connection = Connection::open(daemon.address()).expect("a connection");
    let second = post(daemon.address(), &xml::call("login", &[]), "");
    connection.send(&[bytes, &second].concat()).expect("room in the socket");
    let reply = connection.reply().unwrap_or_else(|e| panic!("{shown:?}: {e}"));
    assert_eq!(reply.status, 400, "{shown:?}: {}", reply.text());
    assert_eq!(reply.header("connection"), Some("close"), "{shown:?}");
    let rest = connection.rest();
    assert!(rest.is_empty(), "{shown:?}: and then {:?}", String::from_utf8_lossy(&rest));
}

#[test]
fn lengths_that_can_be_read_in_two_ways() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for fields in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 0\r\n",
            "Content-Length: 0\r\ncontent-length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -0\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5;\r\n",
            "Content-Length: 5.0\r\n",
            "Content-Length: \"5\"\r\n",
            "Content-Length:\r\n",
            "Content-Length: \u{660}\r\n",
            "Content-Length : 5\r\n",
            " Content-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity, chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked;q=1\r\n",
            "Transfer-Encoding: chunked,\r\n",
            "Transfer-Encoding:\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\t: chunked\r\n",
            "Transfer-Encoding: \x0bchunked\r\n",
        ] {
            refused(&daemon, format!("{HEAD}{fields}\r\n0\r\n\r\n").as_bytes());
        }
        // In HTTP/1.0 there are no chunks.
        let old = HEAD.replace("HTTP/1.1", "HTTP/1.0");
        refused(&daemon, format!("{old}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").as_bytes());
        daemon.still_serves();
    });
}

#[test]
fn folds_and_control_bytes() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for fields in [
            "X: a\r\n b\r\n",
            "X: a\r\n\tb\r\n",
            "X:\r\n Content-Length: 5\r\n",
            "Transfer-Encoding:\r\n chunked\r\n",
            "Content-Length:\r\n 0\r\n",
            "X: \0\r\n",
            "X\0: a\r\n",
            "X: a\0Content-Length: 5\r\n",
            "X: a\rContent-Length: 5\r\n",
            "X: a\r\r\n",
            "X: \x7f\r\n",
            "X: \x1b[2J\r\n",
            "X y: a\r\n",
            "X: a\r\n: b\r\n",
            "no colon\r\n",
            "X\u{e4}: a\r\n",
        ] {
            refused(&daemon, format!("{HEAD}{fields}Content-Length: 0\r\n\r\n").as_bytes());
        }
        for line in [
            "POST /RPC2\0 HTTP/1.1",
            "PO\0ST /RPC2 HTTP/1.1",
            "POST /RPC2 HTTP/1.1\0",
            "POST\t/RPC2 HTTP/1.1",
            "POST /RPC2  HTTP/1.1",
            "POST /RPC2 HTTP/1.1 x",
            "POST /RPC2 HTTP/1.\r1",
            " POST /RPC2 HTTP/1.1",
            "POST RPC2 HTTP/1.1",
            "\x16\x03\x01\x02\x00",
        ] {
            let head = HEAD.replacen("POST /RPC2 HTTP/1.1", line, 1);
            refused(&daemon, format!("{head}Content-Length: 0\r\n\r\n").as_bytes());
        }
        daemon.still_serves();
    });
}

#[test]
fn chunks_that_can_be_read_in_two_ways() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for body in [
            "x\r\n",
            "\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "-1\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\rhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello!\r\n0\r\n\r\n",
            "5;\0\r\nhello\r\n0\r\n\r\n",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "5,5\r\nhello\r\n0\r\n\r\n",
            "fffffffffffffffff\r\n",
            "000000000005\r\nhello\r\n0\r\n\r\n",
            "0\r\nX: a\r\n b\r\n\r\n",
            "0\r\nX: \0\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\nX: a\n\r\n",
        ] {
            refused(&daemon, format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}").as_bytes());
        }
        daemon.still_serves();
    });
}

/// A good request, and then no HTTP: the first is answered, the second refused, nothing else is.
#[test]
fn garbage_behind_a_good_request() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let good = post(daemon.address(), &xml::call("login", &[]), "");
        let garbage: [&[u8]; 6] = [
            b"\0\0\0\0",
            b"GARBAGE\r\n\r\n",
            b"<methodCall/>\r\n\r\n",
            &[0xff; 500],
            b"POST /RPC2 HTTP/1.1\r\n\r\n",
            b"\r\n\r\n\r\n?\r\n\r\n",
        ];
        for bytes in garbage {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            connection.send(&[&good, bytes, &good].concat()).expect("room in the socket");
            assert_eq!(connection.reply().expect("the first reply").status, 200);
            let second = connection.reply().expect("a refusal");
            assert_eq!(second.status, 400, "{}", String::from_utf8_lossy(bytes));
            assert!(connection.rest().is_empty());
        }
        daemon.still_serves();
    });
}
