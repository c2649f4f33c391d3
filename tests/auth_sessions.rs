//! A session lasts no longer than the password that opened it.
mod common;

use common::client::Client;
use common::daemon::Daemon;
use common::folder::Folder;
use common::namespace::in_namespace;
use common::passwords::{gets_in, login, replace, set_password, stays_out};
use std::path::Path;

/// Whether a session is good: anything that needs one will do.
fn is_alive(daemon: &Daemon, session: &str) -> bool {
    let answer = Client::new(daemon.address()).call("refresh", &[session.into()]);
    answer.map_err(|fault| assert_eq!(fault.code, 2, "{fault:?}")).is_ok()
}

fn start(file: &Path) -> Daemon {
    let auth = format!("file:{}", file.display());
    Daemon::start(&["--auth", &auth, "--session-timeout", "600"])
}

#[test]
fn who_is_taken_out_or_gets_another_password_loses_their_sessions() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        for user in ["ann", "bob", "cat"] {
            set_password(&file, user, "secret");
        }
        let daemon = start(&file);
        let [ann, bob, cat] = ["ann", "bob", "cat"].map(|user| gets_in(&daemon, user, "secret"));
        let bob_too = gets_in(&daemon, "bob", "secret");
        let without_bob: String = std::fs::read_to_string(&file)
            .expect("the file")
            .lines()
            .filter(|line| !line.starts_with("bob:"))
            .map(|line| format!("{line}\n"))
            .collect();
        replace(&file, &without_bob, 0o600);
        daemon.says("sessions ended, whose users are gone or have another password: 2", 1);
        let alive = [&ann, &bob, &bob_too, &cat].map(|session| is_alive(&daemon, session));
        assert_eq!(alive, [true, false, false, true]);
        // The same password again is another hash: whoever sets it anew wants the old sessions to end.
        set_password(&file, "cat", "secret");
        daemon.says("sessions ended, whose users are gone or have another password: 1", 1);
        assert_eq!([&ann, &cat].map(|session| is_alive(&daemon, session)), [true, false]);
        // A file that says the same in other words ends nobody's.
        replace(&file, &format!("# a comment\n{}", std::fs::read_to_string(&file).expect("it")), 0o600);
        daemon.signal(libc::SIGHUP);
        let cat = gets_in(&daemon, "cat", "secret");
        assert_eq!([&ann, &cat].map(|session| is_alive(&daemon, session)), [true, true]);
    });
}

/// It looks at the file once a second; ten changes in a row take far less, and none is missed by a login.
#[test]
fn a_new_password_counts_at_once() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "ann", "first");
        let daemon = start(&file);
        let mut before = gets_in(&daemon, "ann", "first");
        for nth in 0..10 {
            let password = format!("the {nth}.");
            set_password(&file, "ann", &password);
            let session = login(&daemon, "ann", &password).expect("the new password").str().to_owned();
            assert!(is_alive(&daemon, &session) && !is_alive(&daemon, &before));
            before = session;
        }
    });
}

#[test]
fn a_file_that_is_gone_or_empty_lets_nobody_in() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "ann", "secret");
        let good = std::fs::read_to_string(&file).expect("the file");
        let daemon = start(&file);
        let takings: [(&dyn Fn(), &str); 2] = [
            (&|| std::fs::remove_file(&file).expect("the file to go"), "nobody can log in until it is back"),
            (&|| replace(&file, "", 0o600), "the password file has no user with a password"),
        ];
        for (take, said) in takings {
            let session = gets_in(&daemon, "ann", "secret");
            assert!(is_alive(&daemon, &session));
            let told = daemon.log().matches(said).count();
            take();
            stays_out(&daemon, "ann", "secret");
            assert!(!is_alive(&daemon, &session), "{said}");
            daemon.says(said, told + 1);
            replace(&file, &good, 0o600);
        }
        gets_in(&daemon, "ann", "secret");
    });
}
