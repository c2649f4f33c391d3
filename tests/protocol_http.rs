//! HTTP over real sockets: every row of its errors, what a good client may do, and what a bad one can't.
mod common;
use common::daemon::{Daemon, run};
use common::flows::flows;
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::raw::{Address, Connection, Reply, exchange, post};
use common::xml::{self, Value, response};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

fn login() -> String {
    xml::call("login", &[])
}

#[track_caller]
fn assert_session(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let value = response(&reply.text()).expect("a document").expect("no fault");
    assert_eq!(value.str().len(), 32);
}

/// Bytes of a request with these lines in its head, and a call to `login` as its body.
fn request(line: &str, fields: &[&str]) -> Vec<u8> {
    let body = login();
    let mut head = format!("{line}\r\n");
    for field in fields {
        head.push_str(field);
        head.push_str("\r\n");
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const HOST: &str = "Host: 127.0.0.1";
const XML: &str = "Content-Type: text/xml";

#[test]
fn errors_of_a_request_with_a_length() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let long = format!("X-Long: {}", "x".repeat(rctd::limits::HEAD_BYTES));
        let many = vec!["X: y"; rctd::limits::HEAD_FIELDS + 1].join("\r\n");
        let post = "POST /RPC2 HTTP/1.1";
        let cases: Vec<(u16, &str, Vec<&str>)> = vec![
            (404, "POST /other HTTP/1.1", vec![HOST, XML]),
            (404, "POST /RPC2/ HTTP/1.1", vec![HOST, XML]),
            (405, "PUT /RPC2 HTTP/1.1", vec![HOST, XML]),
            (405, "DELETE / HTTP/1.1", vec![HOST, XML]),
            (405, "GET /RPC2 HTTP/1.1", vec![HOST, XML]),
            (415, post, vec![HOST, "Content-Type: text/plain"]),
            (415, post, vec![HOST, "Content-Type: application/json"]),
            (415, post, vec![HOST, "Content-Type: application/x-www-form-urlencoded"]),
            (415, post, vec![HOST, "Content-Type: multipart/form-data; boundary=x"]),
            (415, post, vec![HOST, "Content-Type: text/xml; charset=utf-16"]),
            (200, post, vec![HOST]),
            (415, post, vec![HOST, "Sec-Fetch-Site: cross-site"]),
            (415, post, vec![HOST, "Origin: http://127.0.0.1"]),
            (431, post, vec![HOST, XML, &long]),
            (431, post, vec![HOST, XML, &many]),
            (403, post, vec![HOST, XML, "Origin: http://example.org"]),
            (403, post, vec![HOST, XML, "Origin: null"]),
            (403, post, vec!["Host: example.org", XML]),
            (403, post, vec!["Host: 127.0.0.1.example.org", XML]),
            (400, post, vec![XML]),
            (400, post, vec![HOST, HOST, XML]),
            (400, post, vec!["Host: a b", XML]),
            (505, "POST /RPC2 HTTP/2.0", vec![HOST, XML]),
            (400, "POST /RPC2", vec![HOST, XML]),
            (400, "POST  /RPC2 HTTP/1.1", vec![HOST, XML]),
            (400, "P\0ST /RPC2 HTTP/1.1", vec![HOST, XML]),
            (400, post, vec![HOST, XML, "No colon"]),
            (400, post, vec![HOST, XML, "Space : before"]),
            (400, post, vec![HOST, XML, "X: a", " folded"]),
            (400, post, vec![HOST, XML, "X: \0"]),
            (400, post, vec![HOST, XML, "Content-Length: 5"]),
            (400, post, vec![HOST, XML, "Transfer-Encoding: chunked"]),
            (200, post, vec!["Host: localhost:8000", XML]),
            (200, post, vec!["Host: [::1]:8000", XML]),
            (200, post, vec![HOST, "Content-Type: application/xml; charset=UTF-8"]),
            (200, post, vec![HOST, "content-type: TEXT/XML;charset=\"iso-8859-1\""]),
            (200, "POST / HTTP/1.1", vec![HOST, XML]),
        ];
        for (status, line, fields) in cases {
            let (reply, mut connection) = exchange(daemon.address(), &request(line, &fields));
            assert_eq!(reply.status, status, "{line} {fields:?}: {}", reply.text());
            match status {
                200 => assert_session(&reply),
                405 => assert!(
                    reply.header("allow").is_some_and(|allow| allow.contains("POST")),
                    "{:?}",
                    reply.headers
                ),
                400 | 431 => {
                    assert!(reply.closes() && connection.rest().is_empty(), "{line} {fields:?} is not closed")
                }
                _ => (),
            }
        }
        daemon.still_serves();
    });
}

/// What is at `/`.
#[cfg(feature = "web")]
const PAGE: &rctd::http::File = &rctd::web::FILES[0];
#[cfg(not(feature = "web"))]
const PAGE: &rctd::http::File = &rctd::http::NO_PAGE[0];

/// A browser that comes by, or the health check of a proxy: the page, by GET and HEAD, alone and among calls.
#[test]
fn the_page_says_what_this_is() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let page = PAGE.bytes;
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        let get = format!("GET / HTTP/1.1\r\n{HOST}\r\nAccept: text/html,*/*;q=0.8\r\n\r\n").into_bytes();
        // Three at once, and a call behind each: the connection goes on.
        for _ in 0..3 {
            let call = post(daemon.address(), &login(), "");
            connection.send(&[get.as_slice(), &call, &get].concat()).expect("three requests");
            for nth in 0..3 {
                let reply = connection.reply().expect("a reply");
                if nth == 1 {
                    assert_session(&reply);
                    continue;
                }
                assert_eq!((reply.status, reply.body.as_slice(), reply.closes()), (200, page, false));
                assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
                let policy = reply.header("content-security-policy").expect("a policy");
                assert!(policy.starts_with("default-src 'none'"), "{policy}");
                assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
                assert_eq!(reply.header("cache-control"), Some("no-cache"));
            }
        }
        assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
        let length = format!("\r\nContent-Length: {}\r\n", page.len());
        for (line, more) in [
            ("HEAD / HTTP/1.1", "Connection: close\r\n"),
            ("HEAD / HTTP/1.0", ""),
            ("GET / HTTP/1.1", "Connection: close\r\n"),
            ("GET / HTTP/1.0", ""),
        ] {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            connection.send(format!("{line}\r\n{HOST}\r\n{more}\r\n").as_bytes()).expect("a request");
            let reply = connection.rest();
            let end = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
            let (head, body) = (String::from_utf8_lossy(&reply[..end + 2]), &reply[end + 4..]);
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&length), "{line}: {head}");
            assert_eq!(body, if line.starts_with("GET") { page } else { b"" }, "{line}");
        }
        // HTTP/1.0 may keep the connection too.
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        for _ in 0..2 {
            connection.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").expect("a request");
            let reply = connection.reply().expect("a reply");
            assert_eq!((reply.body.as_slice(), reply.header("connection")), (page, Some("keep-alive")));
        }
        for (line, field, status) in [
            ("GET / HTTP/1.1", "Host: example.org", 403),
            ("GET / HTTP/1.1", "Host: 127.0.0.1\r\nOrigin: http://example.org", 403),
            ("GET /favicon.ico HTTP/1.1", HOST, 404),
            ("GET / HTTP/1.1", "Host: 127.0.0.1\r\nContent-Length: 3", 400),
        ] {
            let request = format!("{line}\r\n{field}\r\n\r\n");
            assert_eq!(exchange(daemon.address(), request.as_bytes()).0.status, status, "{line} {field}");
        }
        daemon.still_serves();
    });
}

/// The command that the short page, which is there without the feature `web`, shows does what it says.
#[test]
fn the_example_of_the_page_works() {
    in_namespace(|_| {
        if !common::has_program("curl") {
            return common::skip("there is no curl");
        }
        let daemon = Daemon::start(&[]);
        let page = std::str::from_utf8(rctd::http::INDEX).expect("text");
        let example =
            page.split_once("<pre>").and_then(|(_, rest)| rest.split_once("</pre>")).expect("an example").0;
        let command = example
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("127.0.0.1:8000", &daemon.address().host());
        assert!(command.contains(&daemon.address().host()));
        let output = std::process::Command::new("sh").args(["-c", &command]).output().expect("a shell");
        let reply =
            response(&String::from_utf8_lossy(&output.stdout)).expect("a document").expect("no fault");
        assert!(reply.array().contains(&Value::from("view")), "{reply:?}");
    });
}

/// No reply to a HEAD has a body, whatever it is refused for.
#[test]
fn head_gets_no_body() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for (line, fields, status) in [
            ("HEAD /RPC2 HTTP/1.1", vec![HOST], " 405 "),
            ("HEAD /other HTTP/1.1", vec![HOST], " 404 "),
            ("HEAD / HTTP/1.1", vec!["Accept: */*"], " 400 "),
            ("HEAD / HTTP/1.1", vec!["Host: example.org"], " 403 "),
        ] {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            connection
                .send(format!("{line}\r\n{}\r\n\r\n", fields.join("\r\n")).as_bytes())
                .expect("a request");
            let text = String::from_utf8(connection.rest()).expect("text");
            assert!(text.contains(status) && text.ends_with("\r\n\r\n"), "{line}: {text}");
        }
    });
}

/// Lengths that are missing, wrong, doubled or too large.
#[test]
fn errors_of_lengths_and_chunks() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let too_long = format!("Content-Length: {}\r\n\r\n", rctd::limits::BODY_BYTES + 1);
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        let too_long_in_chunks = format!("{chunked}{:x}\r\n", rctd::limits::BODY_BYTES + 1);
        for (status, rest) in [
            (411, "\r\n"),
            (413, too_long.as_str()),
            (413, "Content-Length: 9999999999999999999\r\n\r\n"),
            (400, "Content-Length: 99999999999999999999999\r\n\r\n"),
            (400, "Content-Length: -1\r\n\r\n"),
            (400, "Content-Length: +5\r\n\r\n12345"),
            (400, "Content-Length: 5, 5\r\n\r\n12345"),
            (400, "Content-Length: 0x5\r\n\r\n12345"),
            (400, "Content-Length: \r\n\r\n"),
            (400, "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345"),
            (400, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (400, "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            (400, "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
            (400, "Transfer-Encoding: chunked\r\n\r\nx\r\n"),
            (400, "Transfer-Encoding: chunked\r\n\r\n-1\r\n"),
            (400, "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
            (413, too_long_in_chunks.as_str()),
        ] {
            let head = format!("POST /RPC2 HTTP/1.1\r\n{HOST}\r\n{XML}\r\n{rest}");
            let (reply, mut connection) = exchange(daemon.address(), head.as_bytes());
            // 501 is what RFC 9112, 6.1 has for a coding that is not known.
            let also = if rest.contains("gzip") { 501 } else { status };
            assert!(
                reply.status == status || reply.status == also,
                "{rest:?}: {} {}",
                reply.status,
                reply.text()
            );
            assert!(reply.closes() && connection.rest().is_empty(), "{rest:?}: not closed");
        }
        daemon.still_serves();
    });
}

/// A chunk of more than the limit is refused even when it comes bit by bit.
#[test]
fn chunks_that_add_up_to_too_much() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        let head = format!("POST /RPC2 HTTP/1.1\r\n{HOST}\r\n{XML}\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send(head.as_bytes()).expect("the head");
        let chunk = [b"400\r\n".as_slice(), &[b' '; 1024], b"\r\n"].concat();
        for _ in 0..rctd::limits::BODY_BYTES / 1024 + 2 {
            if connection.send(&chunk).is_err() {
                break; // the daemon has closed already
            }
        }
        // The reply may be lost to a reset, as RFC 9112, 9.6 describes; but never is there another.
        if let Ok(reply) = connection.reply() {
            assert_eq!(reply.status, 413);
        }
        daemon.still_serves();
    });
}

#[test]
fn bodies_come_in_chunks_too() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let body = login();
        let head = format!("POST /RPC2 HTTP/1.1\r\n{HOST}\r\n{XML}\r\nTransfer-Encoding: chunked\r\n\r\n");
        for size in [1, 7, body.len()] {
            let mut bytes = head.clone();
            for chunk in body.as_bytes().chunks(size) {
                bytes += &format!(
                    "{:x};name=value\r\n{}\r\n",
                    chunk.len(),
                    std::str::from_utf8(chunk).expect("ASCII")
                );
            }
            bytes += "0\r\nX-Trailer: yes\r\n\r\n";
            let (reply, mut connection) = exchange(daemon.address(), bytes.as_bytes());
            assert_session(&reply);
            connection.send(&post(daemon.address(), &body, "")).expect("a second request");
            assert_session(&connection.reply().expect("a second reply"));
        }
    });
}

#[test]
fn connections_are_kept_or_closed_as_asked() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        for _ in 0..50 {
            connection
                .send(&post(daemon.address(), &login().replace("login", "system.listMethods"), ""))
                .expect("a request");
            assert_eq!(connection.reply().expect("a reply").status, 200);
        }
        connection
            .send(&post(daemon.address(), &login(), "Connection: close\r\n"))
            .expect("the last request");
        assert_session(&connection.reply().expect("a reply"));
        assert!(connection.rest().is_empty());

        // HTTP/1.0 closes unless asked to keep, and gets no chunks.
        let old = request("POST /RPC2 HTTP/1.0", &[XML]);
        let (reply, mut connection) = exchange(daemon.address(), &old);
        assert_session(&reply);
        assert_eq!(reply.header("transfer-encoding"), None);
        assert!(connection.rest().is_empty());
        daemon.still_serves();
    });
}

/// A reply of unknown length goes to a client of HTTP/1.0 without chunks, and ends with the connection.
#[test]
fn old_clients_get_whole_tables() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(61, 400));
        let daemon = Daemon::start(&[]);
        let client = daemon.client();
        let body = xml::call("view", &[client.session.as_str().into()]);
        // Also one that wants to keep the connection: without chunks its end is the only one a reply can have.
        for more in ["", "Connection: keep-alive\r\n"] {
            let head =
                format!("POST /RPC2 HTTP/1.0\r\n{XML}\r\n{more}Content-Length: {}\r\n\r\n", body.len());
            let (reply, mut connection) = exchange(daemon.address(), (head + &body).as_bytes());
            assert_eq!((reply.status, reply.header("transfer-encoding")), (200, None));
            assert!(reply.closes(), "{more}");
            let view = response(&reply.text()).expect("a document").expect("a view");
            assert_eq!(view.get("table").array().len(), 400);
            assert!(connection.rest().is_empty());
        }
    });
}

/// Many requests before the first reply is read: all are answered, in order.
#[test]
fn requests_may_be_pipelined() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        let mut bytes = Vec::new();
        for nth in 0..40 {
            let name = format!("no_such_{nth}");
            bytes.extend(post(daemon.address(), &xml::call(&name, &[]), ""));
        }
        connection.send(&bytes).expect("forty requests");
        for nth in 0..40 {
            let reply = connection.reply().unwrap_or_else(|error| panic!("reply {nth}: {error}"));
            let fault = response(&reply.text()).expect("a document").expect_err("a fault");
            assert!(fault.get("faultString").str().contains(&format!("no_such_{nth}")), "{nth}: {fault:?}");
        }
        daemon.still_serves();
    });
}

#[test]
fn a_request_may_come_byte_by_byte() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        let bytes = post(daemon.address(), &login(), "");
        for byte in &bytes {
            connection.send(std::slice::from_ref(byte)).expect("a byte");
            std::thread::sleep(Duration::from_micros(300));
        }
        assert_session(&connection.reply().expect("a reply"));
        // In two parts, cut anywhere.
        for cut in (1..bytes.len()).step_by(9) {
            connection.send(&bytes[..cut]).expect("the first part");
            std::thread::sleep(Duration::from_millis(1));
            connection.send(&bytes[cut..]).expect("the second part");
            let reply = connection.reply().expect("a reply");
            assert_eq!(reply.status, 200, "cut at {cut}");
        }
    });
}

#[test]
fn a_client_may_wait_for_100_continue() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let bytes = post(daemon.address(), &login(), "Expect: 100-continue\r\n");
        let end_of_head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        connection.send(&bytes[..end_of_head]).expect("the head");
        assert_eq!(connection.reply().expect("leave to go on").status, 100);
        connection.send(&bytes[end_of_head..]).expect("the body");
        assert_session(&connection.reply().expect("a reply"));
        // Refused without the body: no 100 first.
        let too_long = format!(
            "POST / HTTP/1.1\r\n{HOST}\r\n{XML}\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
        );
        assert_eq!(exchange(daemon.address(), too_long.as_bytes()).0.status, 413);
        daemon.still_serves();
    });
}

/// Clients that leave in the middle, at every byte, cost nobody else anything.
#[test]
fn clients_may_leave_at_any_time() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let bytes = post(daemon.address(), &login(), "");
        for end in 0..=bytes.len() {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            connection.send(&bytes[..end]).expect("a part");
        }
        // Half closed after the request: the reply still comes.
        let Address::Tcp(address) = daemon.address() else { panic!("TCP") };
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.write_all(&bytes).expect("the request");
        stream.shutdown(Shutdown::Write).expect("half a close");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("the reply and the end");
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        daemon.still_serves();
    });
}

/// More clients than there are slots, all in the middle of a request: who was first is served, nobody is hung.
#[test]
fn newcomers_take_no_slot_from_the_served() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let bytes = post(daemon.address(), &xml::call("system.listMethods", &[]), "Connection: close\r\n");
        let middle = bytes.len() - 20;
        let begun = Instant::now();
        let mut clients: Vec<Connection> = Vec::new();
        for _ in 0..rctd::limits::CLIENTS + 20 {
            let mut connection = Connection::open(daemon.address()).expect("room in the queue");
            connection.send(&bytes[..middle]).expect("most of a request");
            clients.push(connection);
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut served = 0;
        for (nth, client) in clients.iter_mut().enumerate() {
            // One that was told 503 may find its connection closed; it must have been told.
            let _ = client.send(&bytes[middle..]);
            let reply = client.reply().unwrap_or_else(|error| panic!("client {nth} has no reply: {error}"));
            assert!(reply.status == 200 || reply.status == 503, "client {nth}: {}", reply.status);
            // Who has been silent for a second makes room: on a machine that took so long, even the first.
            let silent = begun.elapsed() >= Duration::from_millis(rctd::limits::YIELD_MS);
            assert!(nth > 0 || silent || reply.status == 200, "the first lost its slot");
            served += usize::from(reply.status == 200);
        }
        assert!(served >= 8, "only {served} were served");
        drop(clients);
        daemon.still_serves();
    });
}

/// A connection whose client has asked for the whole table and read the first byte of the reply.
fn begun_listing(daemon: &Daemon) -> Connection {
    let view = xml::call("view", &[daemon.client().session.as_str().into()]);
    let mut connection = Connection::open(daemon.address()).expect("a connection");
    connection.send(&post(daemon.address(), &view, "")).expect("a request");
    let mut first = [0; 1];
    connection.stream.read_exact(&mut first).expect("the first byte");
    assert_eq!(&first, b"H");
    connection
}

/// SIGTERM in the middle of a long reply: it is finished, newcomers are not served, the exit code is 0.
#[test]
fn sigterm_finishes_what_is_being_answered() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(62, 5000));
        let mut daemon = Daemon::start(&[]);
        let mut connection = begun_listing(&daemon);
        daemon.signal(libc::SIGTERM);
        std::thread::sleep(Duration::from_millis(300));
        let rest = connection.rest();
        let text = String::from_utf8_lossy(&rest);
        assert!(
            text.ends_with("\r\n0\r\n\r\n"),
            "the reply was cut off: …{}",
            &text[text.len().saturating_sub(80)..]
        );
        assert_eq!(text.matches("<name>id</name>").count(), 5000);
        let status = daemon.wait().expect("its end");
        assert_eq!(status.code(), Some(0));
    });
}

/// Told to stop over and over, it still stops when it said it would, though a reply is not being read.
#[test]
fn more_signals_do_not_put_off_the_end() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(64, 5000));
        let mut daemon = Daemon::start(&[]);
        let _unread = begun_listing(&daemon);
        let begun = Instant::now();
        let stop = Duration::from_millis(rctd::limits::STOP_MS);
        while begun.elapsed() < stop + Duration::from_secs(2) {
            daemon.signal(libc::SIGTERM);
            std::thread::sleep(Duration::from_millis(250));
        }
        assert_eq!(daemon.wait().expect("its end").code(), Some(0));
        assert!(begun.elapsed() < stop * 2, "it went on for {:?}", begun.elapsed());
        daemon.says("told to stop", 1);
        assert_eq!(daemon.log().matches("told to stop").count(), 1);
    });
}

#[test]
fn sigint_ends_an_idle_daemon_at_once() {
    in_namespace(|_| {
        let mut daemon = Daemon::start(&[]);
        let _idle = Connection::open(daemon.address()).expect("a connection");
        daemon.still_serves();
        // There are no users, so none are read again.
        daemon.signal(libc::SIGHUP);
        let begun = Instant::now();
        daemon.signal(libc::SIGINT);
        assert_eq!(daemon.wait().expect("its end").code(), Some(0));
        // It would be held up for as long as what is being answered may take.
        assert!(begun.elapsed() < Duration::from_millis(rctd::limits::STOP_MS), "an idle client held it up");
        assert!(!daemon.log().contains("were read again"), "{}", daemon.log());
    });
}

#[test]
fn a_unix_socket_checks_no_host() {
    in_namespace(|_| {
        let folder = Folder::new();
        let path = format!("unix:{}", folder.path().join("rctd.sock").display());
        let daemon = Daemon::start_on(&[&path, "127.0.0.1:0", "[::1]:0"], &[]);
        assert_eq!(daemon.addresses().len(), 3);
        for address in daemon.addresses() {
            let (reply, _) = exchange(address, &post(address, &login(), ""));
            assert_session(&reply);
            let (reply, _) =
                exchange(address, &request("POST / HTTP/1.1", &["Host: conntrack.example.org", XML]));
            assert_eq!(reply.status, if matches!(address, Address::Unix(_)) { 200 } else { 403 });
        }
        drop(daemon);
        // A socket that a daemon left behind, or was killed beside, is no obstacle.
        Daemon::start_on(&[&path], &[]).still_serves();
    });
}

#[test]
fn more_host_names_can_be_allowed() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--allow-host", "router.example.org"]);
        for (host, status) in
            [("router.example.org", 200), ("ROUTER.example.org:8000", 200), ("example.org", 403)]
        {
            let host_field = format!("Host: {host}");
            let (reply, _) = exchange(daemon.address(), &request("POST / HTTP/1.1", &[&host_field, XML]));
            assert_eq!(reply.status, status, "{host}");
        }
    });
}

/// What can't run says so in one sentence and ends with the right code.
#[test]
fn it_says_why_it_does_not_start() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let Address::Tcp(taken) = daemon.address() else { panic!("TCP") };
        let taken = taken.to_string();
        for (code, arguments, mentions) in [
            (1, vec!["--listen", taken.as_str()], taken.as_str()),
            (1, vec!["--listen", "unix:/no/such/folder/socket"], "/no/such/folder"),
            (2, vec!["--nonsense"], "--nonsense"),
            (2, vec!["--listen", "everywhere"], "everywhere"),
            (2, vec!["--listen", "0.0.0.0:0"], "--insecure-no-auth"),
            (2, vec!["--listen", "[::]:0"], "--insecure-no-auth"),
            (2, vec!["--session-timeout", "0"], "--session-timeout"),
            (2, vec!["--session-timeout", "86401"], "86400"),
            (2, vec!["--wide-ints", "int"], "--wide-ints"),
            (2, vec!["--ignore", "192.0.2.0/33"], "192.0.2.0/33"),
            (2, vec!["--uid-mask", "0"], "--uid-mask"),
            (2, vec!["--snapshot-flows", "0"], "--snapshot-flows"),
            (2, vec!["--log-level", "loud"], "loud"),
            (2, vec!["left over"], "left over"),
        ] {
            let (ended, said) = run(&arguments);
            assert_eq!(ended, Some(code), "{arguments:?}: {said}");
            assert!(said.contains(mentions), "{arguments:?} should mention {mentions}: {said}");
            assert_eq!(said.trim().lines().count(), 1, "{arguments:?}: one sentence: {said}");
            assert!(!said.contains("panicked"), "{said}");
        }
        let (code, said) = run(&["--version"]);
        assert_eq!((code, said.as_str()), (Some(0), ""));
    });
}

/// One who sends nothing, or not enough, loses the slot at the deadline and is told where HTTP has words for it.
#[test]
fn the_slow_are_told_408() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let Address::Tcp(address) = daemon.address() else { panic!("TCP") };
        let bytes = post(daemon.address(), &login(), "");
        let parts = [&bytes[..20], &bytes[..bytes.len() - 5]];
        let mut slow: Vec<TcpStream> = Vec::new();
        for part in parts {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(Duration::from_secs(90))).expect("a timeout");
            stream.write_all(part).expect("a part of a request");
            slow.push(stream);
        }
        for mut stream in slow {
            let mut said = String::new();
            stream.read_to_string(&mut said).expect("a deadline within 90 seconds");
            assert!(said.starts_with("HTTP/1.1 408"), "{said:?}");
        }
        daemon.still_serves();
    });
}

/// A client that never reads its long reply: the others are served meanwhile.
#[test]
fn who_does_not_read_stalls_nobody_else() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(63, 5000));
        let daemon = Daemon::start(&["--session-timeout", "60"]);
        let mut client = daemon.client();
        let view = xml::call("view", &[client.session.as_str().into(), Value::Struct(Default::default())]);
        let mut greedy: Vec<Connection> = Vec::new();
        for _ in 0..4 {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            for _ in 0..5 {
                connection.send(&post(daemon.address(), &view, "")).expect("a request");
            }
            greedy.push(connection);
        }
        let begun = Instant::now();
        for _ in 0..5 {
            let view = client.view(&common::fields::none(), "timeout", "DESC", (0, 10));
            assert_eq!((view.total, view.table.len()), (5000, 10));
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "five pages took {:?}", begun.elapsed());
        drop(greedy);
        daemon.still_serves();
    });
}
