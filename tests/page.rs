//! The page in a real browser: Debian's chromium, driven by the scripts in `tests/page/` through playwright-core, before a
//! daemon on a table of a namespace's own with traffic.
#![cfg(feature = "web")]
mod common;
use common::browser::{browser, script};
use common::daemon::Daemon;
use common::flows::Flow;
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::{Namespace, in_namespace};
use common::passwords::set_password;
use common::raw::Address;
use common::traffic::Stream;
use common::{skip, traffic};

/// Connections that the script looks for, by network: 10.1 is filtered, 10.2 and 10.3 are killed, 10.4 is changed, 10.5 killed
/// by keyboard. All last long, so that none ends by itself.
fn table() -> Vec<Flow> {
    let far = [198, 51, 100, 1];
    let mut flows = Vec::new();
    for n in 0..40_u16 {
        let name_server = [192, 0, 2, if n < 20 { 53 } else { 54 }];
        flows.push(Flow::udp([10, 1, 0, (n % 4) as u8], 5000 + n, name_server, 53));
    }
    flows.extend((0..3).map(|n| Flow::tcp([10, 2, 0, 1], 6000 + n, far, 443)));
    flows.extend((0..12).map(|n| Flow::tcp([10, 3, 0, (n % 3) as u8], 7000 + n, far, 8080)));
    flows.extend((0..5).map(|n| Flow::tcp([10, 3, 0, 1], 8000 + n, far, 9090)));
    flows.push(Flow::tcp([10, 4, 0, 1], 9000, far, 443));
    flows.extend((0..2).map(|n| Flow::tcp([10, 5, 0, 1], 9100 + n, far, 443)));
    flows.extend(
        (0..60).map(|n| Flow {
            timeout: 90_000 + u32::from(n),
            ..Flow::tcp([10, 6, 0, 1], 20_000 + n, far, 22)
        }),
    );
    flows
}

fn url(daemon: &Daemon) -> String {
    let Address::Tcp(address) = daemon.address() else { panic!("TCP") };
    format!("http://{address}/")
}

/// Runs `test` where connections are tracked and counted.
fn tracked(test: impl FnOnce(&Namespace) + Send) {
    if !browser() {
        return;
    }
    in_namespace(|ns| match traffic::track(ns) {
        Ok(()) => test(ns),
        Err(reason) => skip(&reason),
    });
}

#[test]
fn a_table_with_traffic() {
    tracked(|ns| {
        Inserter::new(ns).insert(&table());
        let (busy, slow) = (Stream::start(50_000), Stream::start(200));
        let folder = Folder::new();
        let leases = folder.path().join("leases");
        let lease = "2000000000 02:00:00:00:00:01 10.6.0.1 <img/src=x/onerror=document.title='taken'> *\n";
        std::fs::write(&leases, lease).expect("a file");
        let daemon = Daemon::start(&["--leases", &leases.display().to_string()]);
        script("page", "table.js", &[url(&daemon), busy.port.to_string(), slow.port.to_string()]);
    });
}

#[test]
fn logging_in_and_a_session_that_ends() {
    tracked(|ns| {
        Inserter::new(ns).insert(&table());
        let folder = Folder::new();
        let file = folder.path().join("passwd");
        set_password(&file, "admin", "a secret < & >");
        let daemon =
            Daemon::start(&["--auth", &format!("file:{}", file.display()), "--session-timeout", "8"]);
        script("page", "login.js", &[url(&daemon), "admin".into(), "a secret < & >".into()]);
    });
}

#[test]
fn a_daemon_that_is_started_anew() {
    tracked(|ns| {
        Inserter::new(ns).insert(&table());
        script("page", "restart.js", &[]);
    });
}

/// As many as the kernel takes here, up to a quarter of a million.
#[test]
fn a_huge_table() {
    const MANY: u32 = 262_144;
    tracked(|ns| {
        let max = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").expect("a sysctl");
        // The connections of browser and daemon need some places too.
        let count = MANY.min(max.trim().parse().expect("a number")) - 1000;
        let flows: Vec<Flow> = (0..count)
            .map(|n| {
                let [_, b, c, d] = n.to_be_bytes();
                Flow::tcp([10, b, c, d], 1024 + (n % 60_000) as u16, [198, 51, 100, 1], 443)
            })
            .collect();
        let mut inserter = Inserter::new(ns);
        inserter.insert(&flows);
        let daemon = Daemon::start(&[]);
        script("page", "large.js", &[url(&daemon), count.to_string()]);
        drop(daemon);
        inserter.flush();
    });
}
