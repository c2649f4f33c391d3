//! The page in a real browser: Debian's chromium, driven by the scripts in `tests/page/` through playwright-core, before a
//! daemon on a table of a namespace's own with traffic.
#![cfg(feature = "web")]
mod common;
use common::daemon::Daemon;
use common::flows::Flow;
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::{Namespace, in_namespace};
use common::passwords::set_password;
use common::raw::Address;
use common::{has_program, skip, traffic};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A script is done in half a minute; a browser starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A connection that carries so many bytes each tenth of a second, until it is dropped.
struct Stream {
    /// The port that it goes to.
    port: u16,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Stream {
    fn start(bytes: usize) -> Stream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut near = TcpStream::connect(address).expect("a connection");
        let (mut far, _) = listener.accept().expect("its other end");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let sender = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) && near.write_all(&vec![b'.'; bytes]).is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let receiver = std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while far.read(&mut buffer).is_ok_and(|count| count > 0) {}
        });
        Stream { port: address.port(), stop, threads: vec![sender, receiver] }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

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

/// Whether the browser and what drives it are there; else the test is skipped.
fn browser() -> bool {
    for program in ["node", "chromium", "conntrack"] {
        if !has_program(program) {
            skip(&format!("{program} is not installed"));
            return false;
        }
    }
    let missing = ["playwright-core", "axe-core"].into_iter().find(|name| !modules().join(name).is_dir());
    if let Some(name) = missing {
        skip(&format!("{name} is not installed: .ci/run install"));
    }
    missing.is_none()
}

fn modules() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/javascript/node_modules")
}

/// Runs a script to its end, which must say that all was fine.
fn script(name: &str, arguments: &[String]) {
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(name)).args(arguments);
    command.env("NODE_PATH", modules()).env("RCTD_BIN", common::daemon::program());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node to run");
    // Both are read while it runs: a full pipe would stop it.
    let mut pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
    let begun = Instant::now();
    let said = std::thread::scope(|scope| {
        let readers = pipes.each_mut().map(|pipe| {
            scope.spawn(move || {
                let mut text = String::new();
                let _ = pipe.read_to_string(&mut text);
                text
            })
        });
        while child.try_wait().expect("its state").is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().expect("to be killed");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        readers.map(|reader| reader.join().expect("its text")).concat()
    });
    let ended = child.wait().expect("its end");
    eprintln!("{said}");
    assert!(ended.success() && said.lines().any(|line| line == "fine"), "{name}: {ended}\n{said}");
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
        script("table.js", &[url(&daemon), busy.port.to_string(), slow.port.to_string()]);
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
            Daemon::start(&["--auth", &format!("file:{}", file.display()), "--session-timeout", "4"]);
        script("login.js", &[url(&daemon), "admin".into(), "a secret < & >".into()]);
    });
}

#[test]
fn a_daemon_that_is_started_anew() {
    tracked(|ns| {
        Inserter::new(ns).insert(&table());
        script("restart.js", &[]);
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
        script("large.js", &[url(&daemon), count.to_string()]);
        drop(daemon);
        inserter.flush();
    });
}
