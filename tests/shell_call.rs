//! `rctd call` against the daemon, and against others that answer badly.
#![cfg(feature = "shell")]
mod common;

use common::daemon::{Daemon, program};
use common::flows::{Flow, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::json::{self, Json};
use common::namespace::in_namespace;
use common::passwords::set_password;
use common::pty::Terminal;
use common::shell::{Ended, connect, rctd, rctd_with};
use common::table_size;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

/// Calls a procedure of the daemon.
fn call(daemon: &Daemon, arguments: &[&str]) -> Ended {
    let place = connect(daemon.address());
    rctd(&[&["call", "--connect", &place], arguments].concat())
}

#[track_caller]
fn value(ended: Ended) -> Json {
    let text = ended.fine();
    assert!(text.ends_with('\n') && !text.trim_end().contains('\n'), "one line: {text:?}");
    json::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}: {text}"))
}

fn rows(view: &Json) -> &[Json] {
    let Json::Array(rows) = view.get("table") else { panic!("no rows: {view:?}") };
    rows
}

fn number(of: &Json) -> u64 {
    let Json::Number(text) = of else { panic!("no number: {of:?}") };
    text.parse().expect("a number")
}

#[test]
fn calls_over_tcp_and_a_unix_socket() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(31, table_size()));
        let folder = Folder::new();
        let path = format!("unix:{}", folder.path().join("rctd.sock").display());
        let daemon = Daemon::start_on(&["127.0.0.1:0", &path], &[]);
        for address in daemon.addresses() {
            let place = connect(address);
            let call = |arguments: &[&str]| rctd(&[&["call", "--connect", &place], arguments].concat());
            assert_eq!(number(value(call(&["stats"])).get("count")), table_size() as u64);
            // All of it, which goes out in chunks, and a page of it in which fields and order are asked for.
            let all = value(call(&["view"]));
            assert_eq!(rows(&all).len(), table_size());
            let page =
                value(call(&["view", "tcp", "orig_port_src", "DESC", "0", "5", "fields=orig_port_src,mark"]));
            let ports: Vec<u64> = rows(&page).iter().map(|row| number(row.get("orig_port_src"))).collect();
            assert!(ports.len() == 5 && ports.is_sorted_by(|a, b| a >= b), "{ports:?}");
            let Json::Object(members) = &rows(&page)[0] else { panic!("{page:?}") };
            assert_eq!(members.len(), 3, "id, port and mark: {members:?}");
            assert_eq!(value(call(&["explain", "tcp dport:443"])), Json::Text("TCP, to port 443".to_owned()));
            assert!(matches!(value(call(&["system.listMethods"])), Json::Array(_)));
        }
        // One login, one call and one logout, all on one connection.
        let counted = |name| number(value(call(&daemon, &["stats"])).get("daemon").get(name));
        let calls = counted("calls");
        let accepted = counted("accepted");
        assert_eq!((counted("calls"), counted("accepted")), (calls + 6, accepted + 2));
    });
}

#[test]
fn a_kill_and_a_change() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&[
            Flow::tcp([192, 168, 1, 5], 40_000, [192, 0, 2, 1], 443),
            Flow::udp([192, 168, 1, 6], 40_000, [192, 0, 2, 1], 53),
        ]);
        let daemon = Daemon::start(&[]);
        let seen = value(call(&daemon, &["view", "udp"]));
        let Json::Text(id) = rows(&seen)[0].get("id") else { panic!("{seen:?}") };
        assert_eq!(value(call(&daemon, &["change", "mark", id, "0x100/0x3f00"])), Json::Bool(true));
        assert_eq!(number(value(call(&daemon, &["view", "mark:0x100"])).get("total")), 1);
        assert_eq!(number(&value(call(&daemon, &["kill", id]))), 1);
        assert_eq!(number(&value(call(&daemon, &["--", "kill_matching", "src:192.168.1.5"]))), 1);
        assert_eq!(number(value(call(&daemon, &["stats"])).get("count")), 0);
    });
}

#[test]
fn faults_and_their_exit_code() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for (arguments, says) in [
            (&["nothing"][..], "fault -32601: there is no procedure \"nothing\""),
            (&["view", "prot:tcp"], "fault 3: "),
            (&["view", "prot:tcp"], "did you mean proto?"),
            (&["kill_matching", ""], "fault -32602: parameter filters is empty"),
            (&["kill", "--", "-1"], "fault -32602: "),
            (&["view", "--", "src:\u{1b}[2J"], "character that XML can't carry: src:\\x1b[2J"),
        ] {
            let ended = call(&daemon, arguments);
            let code = if says.contains("XML") { 2 } else { 3 };
            let said = ended.fails(code);
            assert!(said.contains(says) && !said.contains('\u{1b}'), "{arguments:?}: {said}");
        }
        // What a browser gives stands behind the dashes and is a word, whatever it looks like.
        for word in ["--connect=unix:/etc/passwd", "--help", "-h", "--password-file=/etc/shadow", "--"] {
            let said = call(&daemon, &["--", "view", word]).fails(3);
            assert!(said.starts_with("rctd: fault "), "{word}: {said}");
        }
    });
}

#[test]
fn passwords_from_a_file_and_from_the_standard_input() {
    in_namespace(|_| {
        let folder = Folder::new();
        let (users, secret) = (folder.path().join("users"), folder.path().join("secret"));
        set_password(&users, "admin", "pa55-W\u{f6}rd <&>");
        let daemon = Daemon::start(&["--auth", &format!("file:{}", users.display())]);
        std::fs::write(&secret, "pa55-W\u{f6}rd <&>\nnot this\n").expect("a file");
        let (place, file) = (connect(daemon.address()), secret.display().to_string());
        let user = ["call", "--connect", &place, "--user", "admin"];
        let good = [&user[..], &["--password-file", &file, "stats"]].concat();
        assert_eq!(number(value(rctd(&good)).get("count")), 0);
        let piped = [&user[..], &["--password-stdin", "stats"]].concat();
        value(rctd_with(&piped, "pa55-W\u{f6}rd <&>\n"));
        assert!(rctd_with(&piped, "wrong\n").fails(3).contains("fault 1: wrong user name or password"));
        assert!(rctd_with(&piped, "\n").fails(1).contains("is empty"));
        assert!(rctd_with(&piped, &"x".repeat(129)).fails(1).contains("longer than the 128 bytes"));
        assert!(rctd(&["call", "--connect", &place, "stats"]).fails(3).contains("fault -32602"));
        let missing = [&user[..], &["--password-file", "/nowhere", "stats"]].concat();
        assert!(rctd(&missing).fails(1).contains("can't read the password from /nowhere"));
        assert!(!daemon.log().contains("pa55"), "{}", daemon.log());
    });
}

#[test]
fn a_terminal_is_asked_for_the_password() {
    in_namespace(|_| {
        let folder = Folder::new();
        let users = folder.path().join("users");
        set_password(&users, "admin", "pa55-word");
        let daemon = Daemon::start(&["--auth", &format!("file:{}", users.display())]);
        let mut command = Command::new(program());
        command.args(["call", "--connect", &connect(daemon.address()), "--user", "admin", "stats"]);
        let mut terminal = Terminal::start(command, (24, 200));
        terminal.shows("Password of admin:");
        terminal.keys("pa55-word\n");
        terminal.shows("\"count\":0");
        assert!(terminal.ends().success());
        assert!(!terminal.lines().concat().contains("pa55"), "it is not shown");
    });
}

#[test]
fn command_lines_that_are_wrong() {
    for (arguments, says) in [
        (&["call"][..], "takes a procedure"),
        (&["call", "--connect", "router:8000", "stats"], "--connect takes unix:PATH"),
        (&["call", "--conect", "unix:/x", "stats"], "no option --conect"),
        (&["call", "stats", "-x"], "no option -x"),
        (&["call", "--user", "a", "--user", "b", "stats"], "--user is given twice"),
        (&["call", "--password-stdin", "stats"], "goes with --user"),
        (
            &["call", "--user", "a", "--password-stdin", "--password-file", "x", "stats"],
            "one of them is enough",
        ),
        (&["call", "--user"], "--user takes a value"),
        (&["cal"], "no command \"cal\""),
    ] {
        let said = rctd(arguments).fails(2);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert!(rctd(&["call", "--help"]).fine().starts_with("rctd call logs in"));
    assert!(rctd(&["--help"]).fine().contains("rctd call METHOD"));
}

/// A server that answers each connection with these bytes and closes it.
fn answers(bytes: &'static [u8]) -> String {
    answers_and_goes_on(bytes, b"")
}

/// A server that answers each connection with these bytes, and then with `more` again and again, if that is not empty.
fn answers_and_goes_on(bytes: &'static [u8], more: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let mut sent = stream.write_all(bytes);
            // Until the reader has left.
            while sent.is_ok() && !more.is_empty() {
                sent = stream.write_all(more);
            }
        }
    });
    place
}

/// What a terminal would obey comes to it as a number, wherever the reply is cut; a file has every byte.
#[test]
fn replies_on_a_terminal_are_text() {
    const REPLY: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                         16\r\n[\"0123456789\u{1b}[2J\u{1b}]0;x\u{c2}\r\n6\r\n\u{9b}31m\"]\r\n0\r\n\r\n";
    // One half of U+009B in each chunk.
    let reply: Vec<u8> = REPLY.chars().map(|c| c as u8).collect();
    let place = answers(reply.leak());
    let mut command = Command::new(program());
    command.args(["call", "--connect", &place, "explain", "tcp"]);
    let mut terminal = Terminal::start(command, (24, 80));
    assert!(terminal.ends().success(), "{:?}", terminal.lines());
    assert_eq!(terminal.lines()[0], "[\"0123456789\\x1b[2J\\x1b]0;x\\x9b31m\"]");
    assert!(!terminal.raw().contains(&0x1b));
    let plain = rctd(&["call", "--connect", &place, "explain", "tcp"]).fine();
    assert_eq!(plain, "[\"0123456789\u{1b}[2J\u{1b}]0;x\u{9b}31m\"]\n");
}

#[test]
fn who_answers_badly() {
    let nobody = rctd(&["call", "--connect", "unix:/nowhere", "stats"]).fails(1);
    assert!(nobody.contains("no daemon answers at unix:/nowhere"), "{nobody}");
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for (reply, says) in [
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), "speaks no HTTP"),
        (String::new(), "broken off"),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno \u{1b}you\n".to_owned(),
            "status 403: no \\x1byou",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>".to_owned(), "no JSON"),
        (format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2,\r\n"), "broken off"),
        (format!("{OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "broken off"),
        (format!("{OK}Content-Length: 100\r\n\r\n[1,2]"), "broken off"),
        (format!("{OK}X: {}", "y".repeat(9000)), "no HTTP that can be read"),
    ] {
        let place = answers(reply.clone().leak().as_bytes());
        let said = rctd(&["call", "--connect", &place, "explain", "tcp"]);
        assert!(said.code == Some(1) && said.err.contains(says), "{reply:?}: {said:?}");
    }
    // Replies without an end, each of which is given up.
    for (head, more, says) in [
        ("HTTP/1.1 500 No\r\n\r\nsorry\n".to_owned(), "more\n", "status 500: sorry"),
        (format!("{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n"), "A: b\r\n", "broken off"),
        (format!("{OK}\r\n{{\"faultCode\":"), "1", "longer than a fault"),
    ] {
        let place = answers_and_goes_on(head.clone().leak().as_bytes(), more.as_bytes());
        let mut command = Command::new("timeout");
        command.arg("20").arg(program()).args(["call", "--connect", &place, "explain", "tcp"]);
        let said = common::shell::run(command, "");
        assert!(said.code == Some(1) && said.err.contains(says), "{head:?}: {said:?}");
    }
    // Another maker's server may close after each reply, and say no length.
    for reply in
        [format!("{OK}\r\n[1,2]"), format!("{OK}Connection: close\r\nContent-Length: 5\r\n\r\n[1,2]")]
    {
        let place = answers(reply.leak().as_bytes());
        assert_eq!(rctd(&["call", "--connect", &place, "explain", "tcp"]).fine(), "[1,2]\n");
    }
}
