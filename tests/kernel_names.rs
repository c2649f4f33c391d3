//! Names of hosts out of files, and the switches of the kernel, with a real table.
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::fields::{expect_fault, none};
use common::flows::{Flow, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::json::Json;
use common::namespace::in_namespace;
use common::raw::{exchange, post};
use common::row::{Row, Val};
use common::xml::{self, Value, members};
use common::{json, skip};
use rctd::limits::{HOST_NAMES, NAME_FILE_BYTES, NAME_FILES, ONE_NAME_BYTES};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Three devices that talk to the outside, one of them over IPv6, and one that nobody names.
fn devices() -> Vec<Flow> {
    let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 1, 0, 0, 0, 0, last]);
    let over_v6 = Flow::udp([0, 0, 0, 0], 4000, [0, 0, 0, 0], 53);
    let over_v6 = Flow::new(over_v6.orig.proto, v6(0x20), v6(0x53), over_v6.orig.l4);
    vec![
        Flow::tcp([192, 168, 1, 10], 1000, [203, 0, 113, 9], 443),
        Flow::udp([192, 168, 1, 20], 2000, [192, 168, 1, 1], 53),
        over_v6,
        Flow::udp([192, 168, 1, 99], 3000, [203, 0, 113, 9], 53),
    ]
}

/// Replaces the file, as those who write such do: it is never half written.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path)).expect("a file");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// The names of the connection with this source port.
fn names(client: &mut Client, port: i64) -> [Option<String>; 3] {
    let view = client.view(&members([("orig_port_src", Value::Int(port))]), "", "ASC", (0, -1));
    assert_eq!(view.total, 1, "{port}");
    let name = |field: &str| match view.table[0].get(field) {
        Some(Val::Str(name)) => Some(name.clone()),
        None => None,
        other => panic!("{other:?}"),
    };
    ["orig_src_name", "orig_dst_name", "repl_src_name"].map(name)
}

#[track_caller]
fn are(client: &mut Client, port: i64, expected: [&str; 3]) {
    let expected = expected.map(|name| (!name.is_empty()).then(|| name.to_owned()));
    assert_eq!(names(client, port), expected);
}

fn total(client: &mut Client, filters: impl Into<Value>) -> i64 {
    client.view(&filters.into(), "", "ASC", (0, 0)).total
}

/// Waits until the connection with this source port has such a source.
fn is_renamed(client: &mut Client, port: i64, to: Option<&str>) {
    let begun = Instant::now();
    while names(client, port)[0].as_deref() != to {
        assert!(begun.elapsed() < Duration::from_secs(10), "the new file is not read");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn leases_and_hosts_name_what_is_seen() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&devices());
        let folder = Folder::new();
        let [dnsmasq, odhcpd, hosts] =
            ["dhcp.leases", "odhcpd", "hosts"].map(|name| folder.path().join(name));
        write(
            &dnsmasq,
            "1764115200 aa:bb:cc:dd:ee:01 192.168.1.10 Office-Printer *\n\
             1764115200 aa:bb:cc:dd:ee:02 192.168.1.20 laptop 01:aa:bb:cc:dd:ee:02\n\
             1764115200 aa:bb:cc:dd:ee:03 192.168.1.99 * *\nduid 00:01:00:01\n",
        );
        write(
            &odhcpd,
            "2001:db8:1::20\tlaptop.lan\tlaptop\n\
             # br-lan 0003 1 laptop6 1764115200 20 128 2001:db8:1::20/128\n\
             # br-lan 0003 ipv4 another 1764115200 c0a80114 32 192.168.1.20/32\n",
        );
        write(&hosts, "127.0.0.1 localhost\n192.168.1.1 router.lan router\n203.0.113.9 example # far\n");
        let options = ["--leases", text(&dnsmasq), "--leases", text(&odhcpd), "--hosts", text(&hosts)];
        let daemon = Daemon::start(&options);
        let client = &mut daemon.client();
        are(client, 1000, ["Office-Printer", "example", "example"]);
        are(client, 2000, ["laptop", "router.lan", "router.lan"]);
        are(client, 4000, ["laptop6", "", ""]);
        are(client, 3000, ["", "example", "example"]);
        // Part of any of them, in any case; with a negation also those that have no name.
        for (filter, expected) in [
            ("name:print", 1),
            ("name:LAPTOP", 2),
            ("name:example,router", 3),
            ("!name:laptop", 2),
            ("name!=example", 2),
            ("orig_src_name:laptop", 1),
            ("orig_src_name:LAPTOP", 0),
            ("!orig_src_name:laptop", 3),
            ("name:laptop name:router", 1),
        ] {
            assert_eq!(total(client, filter), expected, "{filter}");
        }
        assert_eq!(total(client, members([("name", "!lan".into())])), 3);
        expect_fault(client.try_view(&members([("name", "".into())]), "", "ASC", (0, 0)), -32602, "name");
        expect_fault(client.try_view(&none(), "name", "ASC", (0, 0)), 3, "name");
        let order = client.view(&none(), "orig_src_name", "DESC", (0, -1));
        let ports: Vec<_> = order.table.iter().map(|row| common::row::int(row, "orig_port_src")).collect();
        assert_eq!(ports, [4000, 2000, 1000, 3000].map(Some), "without a name last");
        assert_eq!(client.call("explain", &["name:x".into()]), Ok("name with \"x\"".into()));
        // What the administrator writes counts more than what a device calls itself, and is read again.
        write(&hosts, "192.168.1.20 renamed\n");
        is_renamed(client, 2000, Some("renamed"));
        are(client, 1000, ["Office-Printer", "", ""]);
        std::fs::remove_file(&dnsmasq).expect("the file");
        is_renamed(client, 1000, None);
        assert_eq!(client.ask("kill_matching", &["name:renamed".into()]), Ok(Value::Int(1)));
        assert!(!daemon.log().contains("warn"), "{}", daemon.log());
    });
}

/// A file that can't be read is told of, and the others are used; one that is not there yet is used as soon as it is.
#[test]
fn files_that_can_not_be_read() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&devices());
        let folder = Folder::new();
        let path = |name: &str| folder.path().join(name);
        let [late, fifo, hosts, large] = ["late", "fifo", "hosts", "large"].map(path);
        assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo to run").success());
        write(&hosts, "192.168.1.10 ten\nno address\n192.168.1.20 \n\n192.168.1.20 twenty\n1.2.3.4");
        write(&large, "#".repeat(NAME_FILE_BYTES as usize + 1));
        let options = [&fifo, &hosts, &large, &folder.path().to_path_buf()];
        let options = options.into_iter().flat_map(|path| ["--hosts", text(path)]);
        let daemon = Daemon::start(&options.chain(["--leases", text(&late)]).collect::<Vec<_>>());
        let client = &mut daemon.client();
        are(client, 1000, ["ten", "", ""]);
        are(client, 2000, ["twenty", "", ""]);
        daemon.says("fifo, so hosts go without the names in it: it is not an ordinary file", 1);
        daemon.says("large, so hosts go without the names in it: it is too large", 1);
        daemon.says("it is not an ordinary file", 2);
        daemon.says("late is not there: the names in it are used once it is", 1);
        daemon.says("hosts line 2: not a line of ADDRESS NAME", 1);
        daemon.says("and 2 more in this file", 1);
        write(&late, "1 aa 192.168.1.99 ninety *\n");
        is_renamed(client, 3000, Some("ninety"));
        // Each was told once, whatever was read since.
        let warnings = |text: &str| daemon.log().matches(text).count();
        assert_eq!(
            (warnings("line 2"), warnings("fifo,"), warnings("large,")),
            (1, 1, 1),
            "{}",
            daemon.log()
        );
        write(&hosts, "192.168.1.10 ten\n\n\nno address\n");
        daemon.says("hosts line 4: ", 1);
        daemon.still_serves();
    });
}

#[test]
fn more_names_than_there_is_room_for() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&devices());
        let folder = Folder::new();
        let (hosts, leases) = (folder.path().join("hosts"), folder.path().join("leases"));
        let nth = |n: usize| format!("10.0.{}.{} host{n}\n", n / 256, n % 256);
        write(&hosts, (0..HOST_NAMES - 1).map(nth).collect::<String>());
        write(
            &leases,
            "1 aa 192.168.1.10 fits *\n1 aa 10.0.0.0 known *\n1 aa 192.168.1.20 late *\n1 aa 192.168.1.99 later *\n",
        );
        let daemon = Daemon::start(&["--hosts", text(&hosts), "--leases", text(&leases)]);
        let client = &mut daemon.client();
        are(client, 1000, ["fits", "", ""]);
        are(client, 2000, ["", "", ""]);
        daemon.says(&format!("there is room for the names of {HOST_NAMES} hosts"), 1);
        daemon.says("2 more hosts are in the files", 1);
        write(&hosts, "");
        is_renamed(client, 2000, Some("late"));
    });
}

/// What devices may call themselves: it arrives as text, the same in both syntaxes, and no control character of it anywhere.
const HOSTILE: [(&[u8], &str); 7] = [
    (b"<img\xc2\xa0onerror='x'>", "<img\u{a0}onerror='x'>"),
    (b"</string></value>&amp;]]>", "</string></value>&amp;]]>"),
    (b"qu\"ote\\u0041\\", "qu\"ote\\u0041\\"),
    (b"\x1b[2J\x01\x7f", "\u{fffd}[2J\u{fffd}\u{fffd}"),
    (b"\xff\xc3(\xed\xa0\x80", "\u{fffd}\u{fffd}(\u{fffd}\u{fffd}\u{fffd}"),
    ("\u{85}\u{9b}31m\u{f6}\u{1f600}".as_bytes(), "\u{fffd}\u{fffd}31m\u{f6}\u{1f600}"),
    ("\u{202e}rtl".as_bytes(), "\u{202e}rtl"),
];

#[test]
fn hostile_names_arrive_as_text() {
    in_namespace(|ns| {
        let own: Vec<Flow> = (0..HOSTILE.len() as u8)
            .map(|n| Flow::udp([10, 66, 0, n], 6000 + u16::from(n), [192, 0, 2, 1], 53))
            .collect();
        Inserter::new(ns).insert(&own);
        Inserter::new(ns).insert(&flows(81, 200));
        let folder = Folder::new();
        let leases = folder.path().join("leases");
        let mut file: Vec<u8> = Vec::new();
        for (n, (raw, _)) in HOSTILE.iter().enumerate() {
            file.extend_from_slice(&[format!("1 aa 10.66.0.{n} ").as_bytes(), raw, b" *\n"].concat());
        }
        let (fits, too_long) = ("n".repeat(ONE_NAME_BYTES), "n".repeat(ONE_NAME_BYTES + 1));
        file.extend(format!("1 aa 192.0.2.1 {too_long} *\n1 aa 192.0.2.1 {fits} *\n").bytes());
        // Lines of any bytes, one without an end, one longer than any buffer.
        file.extend(b"\0\0\0 \xff \x80\n1 2 3 4 5\n\r\n".iter().chain(&[b'7'; 5000]));
        write(&leases, &file);
        let daemon = Daemon::start(&["--leases", text(&leases)]);
        let client = &mut daemon.client();
        for (n, (_, shown)) in HOSTILE.iter().enumerate() {
            are(client, 6000 + n as i64, [shown, &fits, &fits]);
            // What is shown can be asked for. (A backslash means nothing to a Struct.)
            assert_eq!(total(client, members([("orig_src_name", (*shown).into())])), 1, "{shown}");
            assert_eq!(total(client, members([("name", (*shown).into())])), 1, "{shown}");
        }
        daemon.says(&format!("line {}: ", HOSTILE.len() + 1), 1);
        daemon.says("and 3 more in this file", 1);
        assert!(!daemon.log().contains(['\u{1b}', '\u{1}']), "{}", daemon.log());
        let call = xml::call("view", &[client.session.as_str().into()]);
        let request = post(daemon.address(), &call, "Accept: application/json\r\n");
        let (reply, _) = exchange(daemon.address(), &request);
        let reply = json::parse(&reply.text()).expect("JSON");
        let Json::Array(rows) = reply.get("table") else { panic!("no table") };
        let seen = |wanted: &str| {
            let wanted = Json::Text(wanted.to_owned());
            let has = |row: &&Json| matches!(row, Json::Object(m) if m.iter().any(|m| m.0 == "orig_src_name" && m.1 == wanted));
            rows.iter().filter(has).count()
        };
        for (_, shown) in HOSTILE {
            assert_eq!(seen(shown), 1, "{shown}");
        }
    });
}

/// Without files nothing has a name, and the fields are there all the same.
#[test]
fn without_files_there_are_no_names() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&devices());
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let named = |row: &Row| row.keys().any(|field| field.ends_with("_name"));
        assert!(!client.all().table.iter().any(named));
        assert_eq!(total(client, "name:a"), 0);
        assert_eq!(total(client, "!name:a"), 4);
    });
}

#[test]
fn as_many_files_as_there_may_be() {
    in_namespace(|_| {
        let folder = Folder::new();
        let files: Vec<PathBuf> = (0..=NAME_FILES).map(|n| folder.path().join(n.to_string())).collect();
        for option in ["--hosts", "--leases"] {
            let options: Vec<&str> = files.iter().flat_map(|file| [option, text(file)]).collect();
            let output = Command::new(common::daemon::program()).args(options).output().expect("rctd to run");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let most = format!("{option} can be given at most {NAME_FILES} times");
            assert!(output.status.code() == Some(2) && said.contains(&most), "{said}");
        }
    });
}

/// A daemon that is no longer root tells at the start what its user may not read.
#[test]
fn a_file_that_only_root_may_read() {
    in_namespace(|ns| {
        if rctd::sys::effective_uid() != 0 {
            return skip("only root can become another user");
        }
        Inserter::new(ns).insert(&devices());
        let folder = Folder::new();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("its mode");
        let hosts = folder.path().join("hosts");
        write(&hosts, "192.168.1.10 ten\n");
        let mode = |mode: u32| std::fs::set_permissions(&hosts, std::fs::Permissions::from_mode(mode));
        mode(0o600).expect("its mode");
        let daemon = Daemon::start(&["--user", "nobody", "--hosts", text(&hosts)]);
        let client = &mut daemon.client();
        daemon.says("hosts, so hosts go without the names in it: ", 1);
        are(client, 1000, ["", "", ""]);
        mode(0o644).expect("its mode");
        is_renamed(client, 1000, Some("ten"));
    });
}

/// The switches are turned on for new connections, once, and only if that was asked for.
#[test]
fn what_the_kernel_keeps_is_switched_on() {
    in_namespace(|ns| {
        const SWITCHES: [(&str, &str, &str); 2] = [
            ("nf_conntrack_acct", "--enable-accounting", "counters"),
            ("nf_conntrack_timestamp", "--enable-timestamps", "start times"),
        ];
        let path = |name: &str| format!("/proc/sys/net/netfilter/{name}");
        let is_on = |name: &str| std::fs::read_to_string(path(name)).map(|text| text.trim() == "1").ok();
        for (name, option, what) in SWITCHES {
            if is_on(name).is_none() {
                skip(&format!("this kernel has no {name}"));
                continue;
            }
            ns.sysctl(&format!("net/netfilter/{name}"), "0").expect("the switch");
            let daemon = Daemon::start(&[]);
            assert_eq!(is_on(name), Some(false), "never by itself");
            daemon.says(
                &format!("the kernel keeps no {what} of connections: it does of new ones with {option}"),
                1,
            );
            let said = format!("the kernel now keeps {what} of connections (net.netfilter.{name}=1)");
            let daemon = Daemon::start(&[option]);
            assert_eq!(is_on(name), Some(true));
            daemon.says(&said, 1);
            daemon.says("only those that are new from now on have them", 1);
            let member = if what == "counters" { "accounting" } else { "timestamps" };
            assert_eq!(daemon.client().ask("stats", &[]).expect("stats").get(member), &Value::Int(1));
            let daemon = Daemon::start(&[option]);
            daemon.still_serves();
            assert!(!daemon.log().contains(&said), "it was on: {}", daemon.log());
            ns.sysctl(&format!("net/netfilter/{name}"), "0").expect("the switch");
            let others = SWITCHES.iter().filter(|other| other.0 != name);
            assert!(
                others.into_iter().all(|other| !daemon.log().contains(&format!("now keeps {}", other.2)))
            );
        }
    });
}
