//! A running daemon whose logins a program judges: it serves everybody else meanwhile.
mod common;

use common::client::Client;
use common::daemon::Daemon;
use common::folder::Folder;
use common::namespace::in_namespace;
use common::passwords::{gets_in, login, stays_out};
use common::raw::{Connection, post};
use common::xml;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// A shell script that anybody can run.
fn script(folder: &Folder, text: &str) -> String {
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("own folder");
    let path = folder.path().join("check");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("own file");
    format!("program:{}", path.display())
}

/// ann is let in, hang and flood are not answered, die is no longer there when it should answer.
const CHECK: &str = r#"
{ IFS= read -r user; IFS= read -r password; } <<END
$(tr '\000' '\n' <&3)
END
case "$user" in
hang) sleep 1000 & wait ;;
flood) yes; exit 0 ;;
die) kill -9 $$ ;;
esac
[ "$user" = ann ] && [ "$password" = secret ] || exit 1
"#;

#[test]
fn a_program_judges_and_nobody_else_waits() {
    in_namespace(|_| {
        let folder = Folder::new();
        let auth = script(&folder, CHECK);
        let daemon = Daemon::start(&["--auth", &auth, "--session-timeout", "600"]);
        daemon.says("logins are judged by the program", 1);
        let session = gets_in(&daemon, "ann", "secret");
        // Two that never answer: as many as one address may have.
        let mut waiting = ["hang", "flood"].map(|user| {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            let call = xml::call("login", &[user.into(), "x".into()]);
            connection.send(&post(daemon.address(), &call, "")).expect("it to be read");
            connection
        });
        // Whoever has a session is served as ever.
        let mut client = Client::new(daemon.address());
        for _ in 0..50 {
            assert!(client.call("stats", &[session.as_str().into()]).is_ok());
        }
        // They have ten seconds; a login that comes meanwhile waits for its place, and is told the truth.
        let codes = waiting.each_mut().map(|connection| {
            let reply = connection.reply().expect("a reply");
            let fault = xml::response(&reply.text()).expect("a document").expect_err("nobody is let in");
            fault.get("faultCode").int()
        });
        assert_eq!(codes, [-32603, -32603], "a failure is no wrong password");
        daemon.says("took longer than 10 seconds and was ended", 1);
        let fault = login(&daemon, "die", "x").expect_err("nobody is let in");
        assert_eq!(fault.code, -32603, "{fault:?}");
        stays_out(&daemon, "ann", "wrong");
        stays_out(&daemon, "bob", "secret");
        gets_in(&daemon, "ann", "secret");
    });
}

/// Who leaves takes the program along, and so does the daemon when it ends.
#[test]
fn nothing_that_was_started_stays() {
    in_namespace(|_| {
        let folder = Folder::new();
        let pids = folder.path().join("pids");
        let auth = script(&folder, &format!("echo $$ >>{}; exec sleep 1000", pids.display()));
        let daemon = Daemon::start(&["--auth", &auth]);
        let begin = |nth: usize| {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            let call = xml::call("login", &["ann".into(), "x".into()]);
            connection.send(&post(daemon.address(), &call, "")).expect("it to be read");
            let pid = wait_for(|| {
                let text = std::fs::read_to_string(&pids).unwrap_or_default();
                text.lines().nth(nth).map(str::to_owned)
            });
            (connection, pid)
        };
        let is_gone = |pid: &str| !Path::new(&format!("/proc/{pid}")).exists();
        let (connection, pid) = begin(0);
        assert!(!is_gone(&pid));
        drop(connection);
        wait_for(|| is_gone(&pid).then_some(()));
        let (_connection, pid) = begin(1);
        drop(daemon);
        wait_for(|| is_gone(&pid).then_some(()));
    });
}

/// What is there at some time.
#[track_caller]
fn wait_for<T>(mut what: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(found) = what() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never comes");
}

/// With `--user` the program is the account's, without a capability, and can't get more.
#[test]
fn without_root_the_program_has_nothing_either() {
    if std::fs::metadata("/proc/self").is_err() || rctd::sys::effective_uid() != 0 {
        return common::skip("changing the user takes root");
    }
    in_namespace(|_| {
        let folder = Folder::new();
        let auth = script(
            &folder,
            r#"status=$(cat /proc/self/status)
for field in CapInh CapPrm CapEff CapAmb; do
	echo "$status" | grep -q "^$field:.0000000000000000$" || exit 2
done
echo "$status" | grep -q '^NoNewPrivs:.1$' || exit 3
[ "$(id -u)" != 0 ] || exit 4
exit 0"#,
        );
        let daemon = Daemon::start(&["--auth", &auth, "--user", "nobody"]);
        let got = login(&daemon, "ann", "x");
        assert!(got.is_ok(), "{got:?}: {}", daemon.log());
    });
}
