//! Clients behind a proxy on the machine itself: with `--forwarded` each is somebody of its own.
use crate::common::daemon::{Daemon, run};
use crate::common::folder::Folder;
use crate::common::namespace::in_namespace;
use crate::common::raw::{Address, Connection, post};
use crate::common::xml::{self, Value};
use crate::host::{network, nth, open_from};

/// The answer to a call that comes over `connection` with these further fields.
fn ask(
    connection: &mut Connection,
    to: &Address,
    fields: &str,
    method: &str,
    params: &[Value],
) -> Result<Value, Value> {
    connection.send(&post(to, &xml::call(method, params), fields)).expect("a request");
    let reply = connection.reply().expect("a reply");
    assert_eq!(reply.status, 200, "{}", reply.text());
    xml::response(&reply.text()).expect("a document")
}

fn code(answer: Result<Value, Value>) -> i64 {
    answer.expect_err("a fault").get("faultCode").int()
}

#[test]
fn a_client_behind_a_proxy_is_somebody_of_its_own() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let folder = Folder::new();
        let file = folder.path().join("passwd");
        crate::floods::set_password(&file, "admin", "right");
        let auth = format!("file:{}", file.display());
        let unix = format!("unix:{}", folder.path().join("socket").display());
        let options = ["--auth", &auth, "--forwarded", "X-Forwarded-For"];
        let daemon = Daemon::start_on(&[&unix, "10.9.0.1:0"], &options);
        let [unix, lan] = daemon.addresses() else { panic!("two addresses") };
        let mut proxy = Connection::open(unix).expect("a connection");
        let (right, wrong) = (["admin".into(), "right".into()], ["admin".into(), "wrong".into()]);
        // The first address is what the guesser itself wrote: it would hold up the administrator.
        let guesser = "x-forwarded-for: 198.51.100.1\r\nX-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n";
        let admin = "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n";
        while code(ask(&mut proxy, unix, guesser, "login", &wrong)) != 6 {}
        let session = ask(&mut proxy, unix, admin, "login", &right).expect("nobody has guessed from there");
        // The session is the client's, whatever the connection.
        assert!(ask(&mut proxy, unix, admin, "stats", std::slice::from_ref(&session)).is_ok());
        assert_eq!(code(ask(&mut proxy, unix, guesser, "stats", std::slice::from_ref(&session))), 2);
        assert_eq!(
            code(ask(&mut proxy, unix, "", "stats", std::slice::from_ref(&session))),
            2,
            "it asks itself"
        );
        daemon.says("203.0.113.9", 1);
        // From the network the field is nothing.
        let mut direct = open_from(nth(1), lan).expect("a connection");
        assert_eq!(code(ask(&mut direct, lan, admin, "stats", std::slice::from_ref(&session))), 2);
        while code(ask(&mut direct, lan, admin, "login", &wrong)) != 6 {}
        assert!(ask(&mut proxy, unix, admin, "logout", &[session]).is_ok());
        assert!(ask(&mut proxy, unix, admin, "login", &right).is_ok(), "it was the other one who guessed");
    });
}

/// Without the option they are one, as the documentation says.
#[test]
fn without_the_option_the_field_is_nothing() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let to = daemon.address();
        let mut proxy = Connection::open(to).expect("a connection");
        let one = "X-Forwarded-For: 203.0.113.9\r\n";
        let session = ask(&mut proxy, to, one, "login", &[]).expect("a session");
        assert!(ask(&mut proxy, to, "", "stats", &[session]).is_ok());
    });
}

#[test]
fn the_option_wants_a_field_and_a_local_address() {
    for (arguments, word) in [
        (&["--forwarded", "X Forwarded"][..], "header field"),
        (&["--forwarded", ""], "header field"),
        (&["--forwarded", "X-Real-IP", "--listen", "192.0.2.1:8000", "--insecure-no-auth"], "unix socket"),
    ] {
        let (status, said) = run(arguments);
        assert!(status == Some(2) && said.contains(word), "{arguments:?}: {status:?} {said}");
    }
}
