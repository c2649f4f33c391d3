//! What the daemon counts, and whom it takes for slow, by a clock that the test puts forward (tests/scripted).
#[path = "common/folder.rs"]
mod folder;
mod scripted;
#[path = "common/xml.rs"]
#[allow(dead_code)]
mod xml;

use folder::Folder;
use rctd::auth::Peer;
use rctd::http::Via;
use rctd::limits::{INPUT_BYTES, LARGE_BODIES};
use scripted::{Bench, kernel, post, split};
use std::io::{ErrorKind, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use xml::{Value, members};

/// Rounds that a test waits for something; far more than it needs.
const MOST_ROUNDS: usize = 20_000;

fn call(bench: &mut Bench, method: &str, params: &[Value]) -> Result<Value, Value> {
    let (status, body) = split(&bench.exchange(&post(&xml::call(method, params))));
    assert_eq!(status, 200, "{body}");
    xml::response(&body).unwrap_or_else(|e| panic!("{method}: {e} in {body}"))
}

fn calls(bench: &mut Bench, session: &Value) -> i64 {
    let stats = call(bench, "stats", std::slice::from_ref(session)).expect("stats");
    stats.get("daemon").get("calls").int()
}

/// A login that is held back is one call, however often the daemon looks whether its time has come: alone, and as a part
/// of a multicall, which counts itself as well.
#[test]
fn a_login_that_is_held_back_is_one_call() {
    let folder = Folder::new();
    let file = folder.path().join("passwords");
    // SHA-1 of "secret", as pyctd kept it.
    std::fs::write(&file, "admin:e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4\n").expect("a password file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    kernel::reset(1);
    let auth = format!("file:{}", file.display());
    let mut bench = Bench::new(&["--log-level", "error", "--session-timeout", "86400", "--auth", &auth]);
    let right: [Value; 2] = ["admin".into(), "secret".into()];
    let wrong: [Value; 2] = ["admin".into(), "guess".into()];
    let session = call(&mut bench, "login", &right).expect("a session");
    let before = calls(&mut bench, &session);
    let began_ms = bench.now_ms;
    for _ in 0..4 {
        assert_eq!(call(&mut bench, "login", &wrong).expect_err("a fault").get("faultCode").int(), 1);
    }
    assert!(bench.now_ms > began_ms, "none of these was held back: there is nothing to measure");
    // The call that asks is counted too.
    assert_eq!(calls(&mut bench, &session) - before, 4 + 1, "four logins");

    let (before, began_ms) = (calls(&mut bench, &session), bench.now_ms);
    let one = members([("methodName", "login".into()), ("params", Value::Array(wrong.to_vec()))]);
    // From another address: the first one would be refused now.
    let mut stream = bench.connect_from(host(9), Via::Unix);
    let request = post(&xml::call("system.multicall", &[Value::Array(vec![one; 3])]));
    let (_, body) = split(&bench.finish(&mut stream, &request));
    let answers = xml::response(&body).expect("a document").expect("answers");
    for answer in answers.array() {
        assert_eq!(answer.get("faultCode").int(), 1, "{answer:?}");
    }
    assert!(bench.now_ms > began_ms, "none of these was held back: there is nothing to measure");
    assert_eq!(calls(&mut bench, &session) - before, 1 + 3 + 1, "a multicall of three logins");
}

/// A connection to the daemon on which the test decides when something is read.
struct Client {
    stream: UnixStream,
    read: Vec<u8>,
}

fn host(n: u8) -> Peer {
    Peer::new(IpAddr::from([192, 0, 2, n]))
}

impl Client {
    fn connect(bench: &mut Bench, from: Peer) -> Client {
        Client { stream: bench.connect_from(from, Via::Unix), read: Vec::new() }
    }

    fn send(&mut self, bench: &mut Bench, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("room for a request");
        bench.rounds();
    }

    /// Reads what there is; whether that was the connection's end.
    fn take(&mut self) -> bool {
        let mut buffer = [0; 16_384];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(count) => self.read.extend(&buffer[..count]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }

    /// Whether the daemon has closed the connection; what is there to be read stays.
    fn is_closed(&self) -> bool {
        // A connection of which the other end is gone takes no more bytes.
        (&self.stream).write(b" ").is_err_and(|e| e.kind() != ErrorKind::WouldBlock)
    }

    /// Reads until what was read ends like this.
    #[track_caller]
    fn read_to(&mut self, bench: &mut Bench, end: &str) -> String {
        for _ in 0..MOST_ROUNDS {
            let closed = self.take();
            if self.read.ends_with(end.as_bytes()) {
                return String::from_utf8(std::mem::take(&mut self.read)).expect("text");
            }
            assert!(!closed, "closed behind {} bytes of a reply", self.read.len());
            bench.round();
            bench.now_ms += 1;
        }
        panic!("no end of a reply in {} bytes", self.read.len());
    }
}

/// The request of this body over HTTP/1.1, on a connection that stays.
fn kept(body: &[u8], charset: &str) -> Vec<u8> {
    let head = "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=";
    [format!("{head}{charset}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// The end of a reply whose length is known.
const END: &str = "</methodResponse>\n";

/// A page whose reply is far longer than what a socket takes while nobody reads.
fn long_page(session: &Value) -> String {
    let order: [Value; 5] = [members([]), "id".into(), "ASC".into(), 0.into(), 1000.into()];
    xml::call("view", &[std::slice::from_ref(session), order.as_slice()].concat())
}

/// The same in ISO-8859-1, with a comment that makes it too long for the small buffer once it is UTF-8.
fn long_page_that_grows(session: &Value) -> Vec<u8> {
    let page = long_page(session);
    let (xml, rest) = page.split_once("?>").expect("a declaration");
    let grows = [b"<!--".as_slice(), &vec![0xe9; INPUT_BYTES * 2 / 3], b"-->"].concat();
    let body = [xml.as_bytes(), b"?>", &grows, rest.as_bytes()].concat();
    assert!(body.len() < INPUT_BYTES, "{} bytes fit the small buffer", body.len());
    body
}

/// Three bodies that need a large buffer each, from hosts that are within their shares, and then one more: `newcomer` has
/// just got the fourth and is at its first reply. Nobody is slow, so that nobody has to give his up.
#[track_caller]
fn keeps_its_buffer(bench: &mut Bench, mut newcomer: Client, session: &Value) {
    newcomer.send(bench, &kept(&long_page_that_grows(session), "iso-8859-1"));
    for _ in 0..100 {
        bench.rounds();
        bench.now_ms += 1;
    }
    // Not a byte of the reply was read yet, and a large part of it is still to be sent.
    let login = kept(format!("{}{}", xml::call("login", &[]), " ".repeat(20_000)).as_bytes(), "utf-8");
    let begun = login.len() - 10_000;
    let hosts = [2, 2, 3, 4];
    assert_eq!(hosts.len(), LARGE_BODIES, "one more than there are buffers left");
    let mut others: Vec<Client> = hosts.iter().map(|&n| Client::connect(bench, host(n))).collect();
    for other in &mut others {
        other.send(bench, &login[..begun]);
    }
    assert!(!newcomer.is_closed(), "who has just got a large buffer was taken for slow");
    for other in &mut others {
        other.send(bench, &login[begun..]);
        let reply = other.read_to(bench, END);
        assert!(reply.contains("200 OK") && !reply.contains("<fault>"), "{reply}");
    }
    let reply = newcomer.read_to(bench, END);
    assert_eq!(reply.matches("<name>id</name>").count(), 1000, "the whole page");
}

/// A daemon with a session, and a client of it that has taken three seconds over its first reply.
fn after_a_slow_reply() -> (Bench, Client, Value) {
    kernel::reset(1200);
    let mut bench = Bench::new(&["--log-level", "error", "--session-timeout", "86400"]);
    // A session belongs to the address that it was opened from.
    let mut client = Client::connect(&mut bench, host(1));
    client.send(&mut bench, &kept(xml::call("login", &[]).as_bytes(), "utf-8"));
    let reply = client.read_to(&mut bench, END);
    let (_, body) = split(reply.as_bytes());
    let session = xml::response(&body).expect("a document").expect("a session");
    client.send(&mut bench, &kept(long_page(&session).as_bytes(), "utf-8"));
    for _ in 0..100 {
        bench.rounds();
        bench.now_ms += 1;
    }
    bench.now_ms += 3000;
    bench.rounds();
    client.read_to(&mut bench, END);
    (bench, client, session)
}

/// That a reply was taken slowly, when the client had no large buffer, does not make it slow with the one that it gets
/// later.
#[test]
fn a_large_buffer_after_a_slow_reply() {
    let (mut bench, client, session) = after_a_slow_reply();
    keeps_its_buffer(&mut bench, client, &session);
}

/// Nor does it make the next connection slow that gets its place.
#[test]
fn a_large_buffer_in_the_place_of_a_slow_client() {
    let (mut bench, client, session) = after_a_slow_reply();
    drop(client);
    bench.rounds();
    assert!(bench.is_idle(), "the place is free");
    let newcomer = Client::connect(&mut bench, host(1));
    keeps_its_buffer(&mut bench, newcomer, &session);
}
