//! The daemon's own counters in `stats`: each is made to happen, and counted by as much as it happened.
mod common;
#[path = "hostile/host.rs"]
#[allow(dead_code)]
mod host;

use common::client::Client;
use common::daemon::Daemon;
use common::fields::expect_fault;
use common::folder::Folder;
use common::namespace::in_namespace;
use common::raw::{Address, Connection, exchange, post};
use common::xml::{self, Value};
use host::{connect_from, network, nth};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn counter(client: &mut Client, name: &str) -> i64 {
    client.ask("stats", &[]).expect("stats").get("daemon").get(name).int()
}

/// A call that needs no session, on a connection that ends with it.
fn last_call(address: &Address) -> Vec<u8> {
    post(address, &xml::call("system.listMethods", &[]), "Connection: close\r\n")
}

#[test]
fn accepted() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        assert_eq!(counter(&mut client, "accepted"), 1, "the one connection of this client");
        for _ in 0..5 {
            let (reply, _) = exchange(daemon.address(), &last_call(daemon.address()));
            assert_eq!(reply.status, 200);
        }
        // One that never says a word was taken in as well: the next one is not, before that.
        let silent = Connection::open(daemon.address()).expect("a connection");
        exchange(daemon.address(), &last_call(daemon.address()));
        assert_eq!(counter(&mut client, "accepted"), 1 + 5 + 2);
        drop(silent);
    });
}

/// One host holds so many connections with a request begun that the next is told to come again, and only that is counted.
#[test]
fn no_slot() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["127.0.0.1:0", "10.9.0.1:0"], &["--insecure-no-auth"]);
        let mut client = daemon.client();
        let address = daemon.addresses()[1].clone();
        let (mut held, began) = (Vec::new(), Instant::now());
        assert_eq!(counter(&mut client, "no_slot"), 0);
        while counter(&mut client, "no_slot") == 0 {
            assert!(began.elapsed() < PATIENCE, "{} connections, and none without a slot", held.len());
            // A share of slots, and whoever may wait for one.
            if held.len() < 200 {
                let mut stream = connect_from(nth(1), &address).expect("a connection");
                // One that was turned away already may not take it.
                let _ = stream.write_all(b"POST /RPC2 HTTP/1.1\r\n");
                held.push(stream);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let counted = counter(&mut client, "no_slot");
        let mut refused = 0;
        for mut stream in held {
            stream.set_nonblocking(true).expect("a socket");
            let mut reply = [0; 12];
            refused += i64::from(stream.read(&mut reply).is_ok_and(|n| n == 12) && &reply[9..] == b"503");
        }
        assert!(refused >= 1 && refused <= counted, "{refused} were told to come again, {counted} counted");
    });
}

#[test]
fn http_errors() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let host = daemon.address().host();
        let lines = [
            ("POST /nowhere HTTP/1.1", 404),
            ("PUT /RPC2 HTTP/1.1", 405),
            ("POST /RPC2 HTTP/1.1\r\nContent-Type: text/plain", 415),
        ];
        for (line, status) in lines {
            let request = format!("{line}\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
            let (reply, _) = exchange(daemon.address(), request.as_bytes());
            assert_eq!(reply.status, status, "{line}: {}", reply.text());
        }
        // A fault is no error of HTTP, and a client that hangs up in the middle is told none.
        expect_fault(client.call("nothing", &[]), -32601, "nothing");
        drop(Connection::open(daemon.address()).and_then(|mut gone| gone.send(b"POST /RPC2 HTTP/1.1\r\n")));
        exchange(daemon.address(), &last_call(daemon.address()));
        assert_eq!(counter(&mut client, "http_errors"), lines.len() as i64);
    });
}

/// A request that does not come to its end is cut off; a connection on which nothing has begun is not, however long.
#[test]
fn deadlines() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--session-timeout", "600"]);
        let mut client = daemon.client();
        let idle = Connection::open(daemon.address()).expect("a connection");
        let mut slow = Connection::over(daemon.address().connect_for(PATIENCE).expect("a connection"));
        slow.send(b"POST /RPC2 HTTP/1.1\r\n").expect("a part of a request");
        assert_eq!(counter(&mut client, "deadlines"), 0);
        let reply = slow.reply().expect("a reply");
        assert_eq!(reply.status, 408, "{}", reply.text());
        assert_eq!(counter(&mut client, "deadlines"), 1);
        drop(idle);
    });
}

#[test]
fn logins_refused() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("passwords");
        // SHA-1 of "secret", as pyctd kept it.
        std::fs::write(&file, "admin:e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4\n").expect("a password file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        let daemon = Daemon::start(&["--auth", &format!("file:{}", file.display())]);
        let mut client = Client::new(daemon.address());
        let login = |client: &mut Client, user: &str, password: &str| {
            client.call("login", &[Value::from(user), Value::from(password)])
        };
        expect_fault(login(&mut client, "admin", "guess"), 1, "password");
        expect_fault(login(&mut client, "nobody", "secret"), 1, "password");
        // A login without a password is no guess.
        expect_fault(client.call("login", &[]), -32602, "username");
        client.session = login(&mut client, "admin", "secret").expect("a session").str().to_owned();
        assert_eq!(counter(&mut client, "logins_refused"), 2);
    });
}
