//! Passwords and privileges of the running daemon.
mod common;
#[path = "hostile/host.rs"]
#[allow(dead_code)]
mod host;

use common::client::Client;
use common::daemon::{Daemon, program, run};
use common::flows::flows;
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::passwords::{gets_in, replace, set_password, stays_out};
use common::raw::post;
use common::xml;
use common::{has_program, skip};
use host::{network, nth, open_from};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// SHA-1 of "old-secret", as pyctd kept it, and as `htpasswd -s` writes it.
const PYCTD: &str = "pyctd:e114e36f81cb1f158011810e80f5a387c281410f";
const APACHE: &str = "apache:{SHA}4RTjb4HLHxWAEYEOgPWjh8KBQQ8=";

#[test]
fn who_has_no_password_stays_out() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        replace(&file, &format!("# who may\n{PYCTD}\n{APACHE}\n"), 0o600);
        set_password(&file, "admin", "pa55-Wörd <&>");
        let daemon = Daemon::start(&["--auth", &format!("file:{}", file.display()), "--log-level", "debug"]);
        gets_in(&daemon, "admin", "pa55-Wörd <&>");
        gets_in(&daemon, "pyctd", "old-secret");
        gets_in(&daemon, "apache", "old-secret");
        for (user, password) in [
            ("admin", "gu3ss-one"),
            ("admin", ""),
            ("", ""),
            ("nobody", "pa55-Wörd <&>"),
            ("admin\n", "pa55-Wörd <&>"),
        ] {
            stays_out(&daemon, user, password);
        }
        for params in [vec![], vec!["admin".into()], vec!["admin".into(), "x".into(), "y".into()]] {
            let fault = Client::new(daemon.address()).call("login", &params).expect_err("no login");
            assert_eq!(fault.code, -32602, "{fault:?}");
        }
        let said = daemon.log();
        let warning = said.lines().find(|line| line.contains("SHA-1")).expect("a warning");
        assert!(
            warning.contains("pyctd") && warning.contains("apache") && !warning.contains("admin"),
            "{warning}"
        );
        assert!(said.contains("wrong login as"), "{said}");
        let command =
            std::fs::read_to_string(format!("/proc/{}/cmdline", daemon.id())).expect("its arguments");
        for secret in ["pa55", "gu3ss", "old-secret", "$6$", "e114e36f"] {
            assert!(
                !said.contains(secret) && !command.contains(secret),
                "{secret} can be read: {said}{command}"
            );
        }
    });
}

#[test]
fn the_system_s_accounts() {
    in_namespace(|_| {
        let folder = Folder::new();
        let own = folder.path().join("own");
        set_password(&own, "x", "secret");
        let line = std::fs::read_to_string(&own).expect("a line");
        let hash = line.trim().strip_prefix("x:").expect("a hash");
        let shadow = folder.path().join("shadow");
        let text = format!(
            "root:{hash}:19000:0:99999:7:::\nalice:{hash}:1::::::\nbob:!{hash}:1::::::\ncarol::1::::::\n"
        );
        replace(&shadow, &text, 0o600);
        let auth = format!("shadow:{}", shadow.display());
        let daemon = Daemon::start(&["--auth", &auth, "--allow-user", "alice", "--allow-user", "carol"]);
        gets_in(&daemon, "alice", "secret");
        for (user, password) in [("root", "secret"), ("bob", "secret"), ("carol", ""), ("carol", "secret")] {
            stays_out(&daemon, user, password);
        }
        daemon.says("carol can't log in", 1);
        drop(daemon);
        let daemon = Daemon::start(&["--auth", &auth]);
        gets_in(&daemon, "root", "secret");
        stays_out(&daemon, "alice", "secret");
    });
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let folder = Folder::new();
    let file = folder.path().join("users");
    for mode in [0o602, 0o620, 0o666] {
        replace(&file, &format!("{PYCTD}\n"), mode);
        let (code, said) = run(&["--listen", "127.0.0.1:0", "--auth", &format!("file:{}", file.display())]);
        assert!(
            code == Some(1) && said.contains("others") && said.contains("chmod"),
            "{mode:o}: {code:?} {said}"
        );
    }
    for (text, part) in [("admin\n", "line 1"), ("a:x\n", "line 1"), ("\nadmin:$1$old$hash\n", "line 2")] {
        replace(&file, text, 0o600);
        let (code, said) = run(&["--listen", "127.0.0.1:0", "--auth", &format!("file:{}", file.display())]);
        assert!(
            code == Some(1) && said.contains(part) && said.lines().count() == 1,
            "{text:?}: {code:?} {said}"
        );
    }
}

#[test]
fn a_new_file_is_read_and_a_bad_one_is_not_used() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "admin", "one");
        let daemon = Daemon::start(&["--auth", &format!("file:{}", file.display())]);
        gets_in(&daemon, "admin", "one");
        // Without a signal: it looks by itself.
        set_password(&file, "admin", "two");
        daemon.says("the users were read again", 1);
        gets_in(&daemon, "admin", "two");
        stays_out(&daemon, "admin", "one");
        let good = std::fs::read_to_string(&file).expect("the file");
        let spoilt = |spoil: &dyn Fn()| {
            let before = daemon.log().matches("the old users stay").count();
            spoil();
            daemon.signal(libc::SIGHUP);
            daemon.says("the old users stay", before + 1);
            gets_in(&daemon, "admin", "two");
        };
        spoilt(&|| replace(&file, "admin:nonsense\n", 0o600));
        spoilt(&|| replace(&file, &good, 0o666));
    });
}

/// A change that comes while there is no descriptor to read it with is not lost: who was taken out of the file does not stay.
#[test]
fn a_change_that_can_not_be_read_yet_is_read_later() {
    if !has_program("prlimit") {
        return skip("prlimit is not installed");
    }
    in_namespace(|_| {
        let folder = Folder::new();
        let (file, names) = (folder.path().join("users"), folder.path().join("passwd"));
        set_password(&file, "admin", "one");
        std::fs::write(&names, "root:x:0:0::/:\n").expect("a file of names");
        let auth = format!("file:{}", file.display());
        let daemon = Daemon::start(&[
            "--auth",
            &auth,
            "--uid-mask",
            "0xffff",
            "--passwd-file",
            names.to_str().expect("a path"),
        ]);
        gets_in(&daemon, "admin", "one");
        let limit = |most: u32| {
            let most = format!("--nofile={most}:1024");
            let done = Command::new("prlimit").args(["--pid", &daemon.id().to_string(), &most]).status();
            assert!(done.expect("prlimit to run").success());
        };
        limit(3);
        set_password(&file, "other", "two");
        let both = std::fs::read_to_string(&file).expect("the file");
        let other: String = both.lines().filter(|line| line.starts_with("other:")).collect();
        replace(&file, &format!("{other}\n"), 0o600);
        std::fs::write(&names, "root:x:0:0::/:\nann\n").expect("a file of names");
        daemon.says("the old users stay", 1);
        daemon.says("users may have no name", 1);
        std::thread::sleep(Duration::from_millis(2500));
        let log = daemon.log();
        assert!(log.matches("the old users stay").count() <= 2, "it says so once for each version: {log}");
        assert!(
            log.matches("users may have no name").count() <= 2,
            "it says so once for each version: {log}"
        );
        limit(1024);
        daemon.says("the users were read again", 1);
        gets_in(&daemon, "other", "two");
        stays_out(&daemon, "admin", "one");
        daemon.says("lines that can't be read: 1", 1);
    });
}

/// A FIFO in the place of the passwd file has no names, and nobody waits for it; a line may be longer than there is room for.
#[test]
fn a_passwd_file_that_is_none() {
    in_namespace(|_| {
        let folder = Folder::new();
        let names = folder.path().join("passwd");
        let made = Command::new("mkfifo").arg(&names).status();
        assert!(made.expect("mkfifo to run").success());
        let arguments = ["--uid-mask", "0xffff", "--passwd-file", names.to_str().expect("a path")];
        let daemon = Daemon::start(&arguments);
        daemon.says("it is not an ordinary file", 1);
        let long = "x".repeat(1 << 20);
        replace(&names, &format!("{long}\nann:x:1000:1000:{long}:/:\nbob:x:1001:1001::/:\n"), 0o644);
        daemon.says("lines that can't be read: 1", 1);
        daemon.still_serves();
    });
}

/// Guesses are held back by the address they come from, and no one else waits for them.
#[test]
fn guessing_is_slow_and_only_for_who_guesses() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "admin", "right");
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--auth", &format!("file:{}", file.display())]);
        let try_from = |host: u8, password: &str| {
            let mut connection = open_from(nth(host), daemon.address()).expect("a connection");
            let call = xml::call("login", &["admin".into(), password.into()]);
            connection.send(&post(daemon.address(), &call, "")).expect("a request");
            let reply = connection.reply().expect("a reply");
            xml::response(&reply.text()).expect("a document").map_err(|fault| fault.get("faultCode").int())
        };
        // Half a second after the first, then twice as long each time: these are held back until they may be tried.
        let began = Instant::now();
        for nth in 0..4 {
            assert_eq!(try_from(1, "wrong"), Err(1), "guess {nth}");
        }
        assert!(began.elapsed() > Duration::from_millis(3400), "four guesses in {:?}", began.elapsed());
        // Four seconds are too long to be held back.
        assert_eq!(try_from(1, "wrong"), Err(6));
        assert_eq!(try_from(1, "right"), Err(6), "the guesser's address has to wait, whatever it says");
        // Another would be refused too, or be held back for what is left of the four.
        let began = Instant::now();
        assert!(try_from(2, "right").is_ok());
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "another address does not wait: {:?}",
            began.elapsed()
        );
        daemon.says("wrong login", 1);
        assert_eq!(daemon.log().matches("wrong login").count(), 1, "{}", daemon.log());
    });
}

/// The fields of a process's status.
fn status(id: u32) -> HashMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(n, v)| (n.to_owned(), v.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// Only CAP_NET_ADMIN (bit 12), the ids of nobody, no way back, and nobody may look into the process.
#[track_caller]
fn has_dropped_everything(daemon: &Daemon, uid: &str, gid: &str, bounding: bool) {
    let status = status(daemon.id());
    let (one, none) = (format!("{:016x}", 1 << 12), format!("{:016x}", 0));
    for (field, expected) in [
        ("Uid", [uid; 4].join(" ")),
        ("Gid", [gid; 4].join(" ")),
        ("Groups", String::new()),
        ("CapEff", one.clone()),
        ("CapPrm", one.clone()),
        ("NoNewPrivs", "1".to_owned()),
    ] {
        assert_eq!(status[field], expected, "{field}");
    }
    if bounding {
        assert_eq!((&status["CapBnd"], &status["CapInh"], &status["CapAmb"]), (&one, &none, &none));
    }
    // proc(5): the files of a process that can't be dumped are root's.
    let owner = std::fs::metadata(format!("/proc/{}/environ", daemon.id())).expect("it").uid();
    assert_eq!(owner, 0, "the process can be dumped");
}

#[track_caller]
fn views_and_kills(daemon: &Daemon, rows: usize) {
    let mut client = daemon.client();
    let view = client.all();
    assert_eq!(view.table.len(), rows);
    let id = common::row::text(&view.table[0], "id").expect("an id").to_owned();
    assert_eq!(client.kill(id.as_str().into()), Ok(1));
    assert_eq!(client.all().table.len(), rows - 1);
}

/// True in root's own namespaces: in a user namespace there is nobody else to become.
fn is_real_root() -> bool {
    let real =
        std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.trim_end().ends_with("4294967295"));
    let root = status(std::process::id())["Uid"].starts_with("0 ");
    if !(real && root) {
        common::skip("changing the user takes root");
    }
    real && root
}

#[test]
fn root_is_dropped_and_it_still_works() {
    in_namespace(|ns| {
        if !is_real_root() {
            return;
        }
        Inserter::new(ns).insert(&flows(31, 200));
        let folder = Folder::new();
        let unix = format!("unix:{}", folder.path().join("socket").display());
        let daemon = Daemon::start_on(&["127.0.0.1:0", &unix], &["--user", "nobody"]);
        let accounts = std::fs::read_to_string("/etc/passwd").expect("the accounts");
        let nobody: Vec<&str> =
            accounts.lines().find(|line| line.starts_with("nobody:")).expect("nobody").split(':').collect();
        has_dropped_everything(&daemon, nobody[2], nobody[3], true);
        views_and_kills(&daemon, 200);
        let socket = std::fs::metadata(folder.path().join("socket")).expect("the socket");
        assert_eq!((socket.uid().to_string(), socket.mode() & 0o777), (nobody[2].to_owned(), 0o660));
    });
}

/// As procd and systemd start it: never root, with the one capability in its ambient set.
#[test]
fn without_root_it_works_too() {
    in_namespace(|ns| {
        if !is_real_root() {
            return;
        }
        if !common::has_program("setpriv") {
            return common::skip("setpriv is not installed");
        }
        Inserter::new(ns).insert(&flows(32, 200));
        // A copy, since the build directory may be closed to others.
        let folder = Folder::new();
        let copy: PathBuf = folder.path().join("rctd");
        std::fs::copy(program(), &copy).expect("a copy");
        let start = |capabilities: &str| {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.args([format!("--inh-caps={capabilities}"), format!("--ambient-caps={capabilities}")]);
            command.arg("--bounding-set=-all,+net_admin").arg(&copy);
            command
        };
        let daemon = Daemon::spawn(start("-all,+net_admin"), &["127.0.0.1:0"], &[]);
        has_dropped_everything(&daemon, "65534", "65534", false);
        views_and_kills(&daemon, 200);
        drop(daemon);
        // Without the capability it says what is missing, and does not start.
        let output = start("-all").args(["--listen", "127.0.0.1:0"]).output().expect("setpriv to run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("CAP_NET_ADMIN"), "{said}");
    });
}

#[test]
fn beyond_loopback_it_wants_passwords() {
    in_namespace(|_| {
        for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
            let (code, said) = run(&["--listen", "127.0.0.1:0", "--listen", listen]);
            assert!(
                code == Some(2) && said.contains("--auth") && said.contains(listen.trim_end_matches(":0")),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "admin", "secret");
        let auth = format!("file:{}", file.display());
        for more in [vec!["--auth", auth.as_str()], vec!["--insecure-no-auth"]] {
            drop(Daemon::start_on(&["0.0.0.0:0"], &more));
        }
        for local in ["127.0.0.2:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            drop(Daemon::start_on(&[local], &[]));
        }
    });
}
