//! Options that change what of the table is seen.
mod common;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::{expect_fault, none};
use common::flows::{Flow, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::row::{self, Row, Val, id};
use common::xml::{Value, members};
use std::collections::BTreeSet;
use std::time::Duration;

fn is_in(row: &Row, networks: [&str; 2]) -> bool {
    let networks = Value::Array(networks.into_iter().map(Value::from).collect());
    !common::model::filtered(std::slice::from_ref(row), &members([("host", networks)])).is_empty()
}

/// `--ignore`: neither shown nor killed by filter, from whichever end.
#[test]
fn ignored_networks_are_not_there() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(51, 1000));
        let ignored = ["192.168.0.1", "2001:db8:1::/48"];
        let daemon = Daemon::start(&["--ignore", ignored[0], "--ignore", ignored[1]]);
        let mut client = daemon.client();
        let (hidden, shown): (Vec<Row>, Vec<Row>) = dump().into_iter().partition(|row| is_in(row, ignored));
        assert!(hidden.len() > 50 && shown.len() > 50);
        let set = |rows: &[Row]| rows.iter().map(id).collect::<BTreeSet<u32>>();
        let view = client.all();
        assert_eq!((view.total as usize, set(&view.table)), (shown.len(), set(&shown)));
        assert_eq!(view.count, 1000, "the count is the kernel's");
        let everybody = members([("orig_l4proto", "0-255".into())]);
        assert_eq!(client.ask("kill_matching", &[everybody]), Ok(Value::Int(shown.len() as i64)));
        assert_eq!(set(&dump()), set(&hidden));
    });
}

#[test]
fn time_wait_is_hidden_if_asked() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(52, 600));
        const TIME_WAIT: u64 = 7;
        let waiting = dump().iter().filter(|row| row::int(row, "tcp_state") == Some(TIME_WAIT)).count();
        assert!(waiting > 5);
        let daemon = Daemon::start(&["--hide-time-wait"]);
        let view = daemon.client().all();
        assert_eq!(view.total as usize, 600 - waiting);
        assert!(view.table.iter().all(|row| row::int(row, "tcp_state") != Some(TIME_WAIT)));
        drop(daemon);
        assert_eq!(Daemon::start(&[]).client().all().total, 600);
    });
}

/// User ids as NuFW writes them into marks, and their names, reread when the file changes.
#[test]
fn users_are_read_out_of_the_mark() {
    in_namespace(|ns| {
        let marks: [u32; 5] = [0x0003_e801, 0x0003_e901, 0x0000_0002, 0x0003_ea00, 0xf003_e900];
        let flow = |(nth, mark): (usize, &u32)| Flow {
            mark: *mark,
            ..Flow::udp([192, 168, 0, nth as u8], 1000, [192, 0, 2, 1], 53)
        };
        Inserter::new(ns).insert(&marks.iter().enumerate().map(flow).collect::<Vec<_>>());
        let folder = Folder::new();
        let passwd = folder.path().join("passwd");
        let write = |text: &str| {
            // Replaced, as useradd does it: never half written.
            let new = folder.path().join("passwd+");
            std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &passwd)).expect("a passwd file");
        };
        write("root:x:0:0::/root:/bin/sh\nbob:x:1001:1001::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n");
        let daemon =
            Daemon::start(&["--uid-mask", "0x0fffff00", "--passwd-file", passwd.to_str().expect("a path")]);
        let mut client = daemon.client();
        let view = client.view(&none(), "user_id", "ASC", (0, -1));
        let users: Vec<_> =
            view.table.iter().map(|row| row::int(row, "user_id").expect("a user id")).collect();
        assert_eq!(users, [0, 1000, 1001, 1001, 1002]);
        let name = |row: &Row| row.get("username").cloned();
        assert_eq!(name(&view.table[1]), Some("alice".into()));
        assert_eq!(name(&view.table[4]), None, "a user without a name");
        let view = client.view(&none(), "username", "DESC", (0, -1));
        let names: Vec<_> = view.table.iter().map(name).collect();
        let named = |text: &str| Some(Val::from(text));
        assert_eq!(names, [named("root"), named("bob"), named("bob"), named("alice"), None]);
        assert_eq!(client.view(&members([("username", "bob".into())]), "", "ASC", (0, -1)).total, 2);
        assert_eq!(client.view(&members([("user_id", "1000-1001".into())]), "", "ASC", (0, -1)).total, 3);
        write("root:x:0:0::/root:/bin/sh\ncarol:x:1002:1002::/:/bin/sh\nbarbara:x:1001:1001::/:/bin/sh\n");
        // A coarse clock in the file system may need a moment, the daemon may look once a second.
        let begun = std::time::Instant::now();
        while client.view(&members([("username", "carol".into())]), "", "ASC", (0, -1)).total != 1 {
            assert!(begun.elapsed() < Duration::from_secs(10), "the new passwd file is not read");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(client.view(&members([("username", "barbara".into())]), "", "ASC", (0, -1)).total, 2);
        assert_eq!(client.view(&members([("username", "bob".into())]), "", "ASC", (0, -1)).total, 0);
    });
}

/// Without `--uid-mask` these are fields that no flow has; names that are no fields are faults.
#[test]
fn without_a_mask_there_are_no_users() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(53, 20));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        assert!(
            client
                .all()
                .table
                .iter()
                .all(|row| !row.contains_key("user_id") && !row.contains_key("username"))
        );
        assert_eq!(client.view(&members([("user_id", Value::Int(0))]), "", "ASC", (0, -1)).total, 0);
        expect_fault(client.try_view(&members([("uid", Value::Int(0))]), "", "ASC", (0, -1)), 3, "uid");
    });
}

/// A session ends after the time given, and each call renews it.
#[test]
fn sessions_end_when_they_are_not_used() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--session-timeout", "4"]);
        let mut client = daemon.client();
        let session = [Value::from(client.session.as_str())];
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(900));
            assert!(client.call("refresh", &session).is_ok(), "a call renews the session");
        }
        std::thread::sleep(Duration::from_millis(5100));
        expect_fault(client.call("refresh", &session), 2, "login");
    });
}
