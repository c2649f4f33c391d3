//! Signals, random bytes and the dropping of privileges, against the running kernel.
//!
//! What changes a process for good runs in a child: this test program again, told by an environment variable to
//! play one test's child. Dropping privileges needs root; without it that test says so and is skipped, or fails under
//! RCTD_TEST_STRICT=1.

#[path = "common/folder.rs"]
mod folder;
#[path = "common/skipped.rs"]
#[allow(dead_code)]
mod skipped;

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use folder::Folder;
use rctd::sys::privileges::{self, drop_privileges, harden};
use rctd::sys::{self, Signal, Signals};
use skipped::skip;

const CHILD: &str = "RCTD_TEST_CHILD";

/// True in the child of `test`; in the parent runs the child, checks that it passed and is false.
fn in_child(test: &str) -> bool {
    let own = std::env::current_exe().expect("own path");
    in_child_of(test, Command::new(own))
}

/// As [`in_child`], with a command that runs the program it is given arguments for.
fn in_child_of(test: &str, mut command: Command) -> bool {
    if std::env::var_os(CHILD).is_some_and(|name| name == test) {
        return true;
    }
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, test);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(&format!("{} is not installed", command.get_program().display()));
            return false;
        }
        Err(error) => panic!("{command:?}: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the child ran nothing: {text}");
    false
}

/// The fields of this thread's status file: capabilities and no_new_privs are a thread's own.
fn status() -> HashMap<String, String> {
    let text = std::fs::read_to_string("/proc/thread-self/status").expect("proc is mounted");
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// Who owns this process's files in /proc: its user, or root once it can't be dumped (proc(5)).
fn proc_owner() -> u32 {
    std::fs::metadata("/proc/self/environ").expect("proc is mounted").uid()
}

/// True if CAP_NET_ADMIN is in the effective set.
fn has_net_admin() -> bool {
    u64::from_str_radix(&status()["CapEff"], 16).expect("hex") & privileges::NET_ADMIN != 0
}

fn account(user: &str) -> (String, String) {
    let text = std::fs::read_to_string("/etc/passwd").expect("passwd");
    let line = text.lines().find(|line| line.starts_with(&format!("{user}:"))).expect("the account");
    let fields: Vec<&str> = line.split(':').collect();
    (fields[2].to_owned(), fields[3].to_owned())
}

#[test]
fn nobody_keeps_net_admin_alone() {
    if status()["Uid"].split(' ').next() != Some("0") && std::env::var_os(CHILD).is_none() {
        return skip("dropping privileges takes root");
    }
    if !in_child("nobody_keeps_net_admin_alone") {
        return;
    }
    let (uid, gid) = account("nobody");
    assert_eq!(status()["NoNewPrivs"], "0");
    drop_privileges("nobody").expect("root may");
    let after = status();
    let net_admin = format!("{:016x}", privileges::NET_ADMIN);
    let none = format!("{:016x}", 0);
    let four = |id: &str| [id; 4].join(" ");
    for (field, expected) in [
        ("Uid", &four(&uid)),
        ("Gid", &four(&gid)),
        ("Groups", &String::new()),
        ("CapInh", &none),
        ("CapPrm", &net_admin),
        ("CapEff", &net_admin),
        ("CapBnd", &net_admin),
        ("CapAmb", &none),
        ("NoNewPrivs", &"1".to_owned()),
    ] {
        assert_eq!(&after[field], expected, "{field}");
    }
    assert!(has_net_admin());
    assert_eq!(proc_owner(), 0, "the process can still be dumped");
    // No way back, and no second time.
    drop_privileges("nobody").expect_err("no longer root");
    assert!(std::fs::read("/etc/shadow").is_err());
    assert!(std::fs::write("/proc/sys/kernel/hostname", "x").is_err());
}

#[test]
fn with_the_capability_but_no_root_hardening_still_works() {
    if status()["Uid"].split(' ').next() != Some("0") && std::env::var_os(CHILD).is_none() {
        return skip("making a process with one capability takes root");
    }
    // As procd or systemd would start it: an ordinary user with CAP_NET_ADMIN in the ambient set.
    let test = "with_the_capability_but_no_root_hardening_still_works";
    if Command::new("setpriv").arg("--version").output().is_err() {
        return skip("setpriv is not installed");
    }
    // A copy, since the build directory may be closed to the ordinary user.
    let own = std::env::current_exe().expect("own path");
    let folder = Folder::new();
    let copy = folder.path().join("test");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+net_admin"])
        .args(["--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin"])
        .arg(&copy);
    if std::env::var_os(CHILD).is_none() {
        std::fs::copy(own, &copy).expect("copied");
    }
    if !in_child_of(test, command) {
        return;
    }
    assert_eq!(sys::effective_uid(), 65534);
    assert!(has_net_admin());
    assert_eq!(proc_owner(), 65534);
    harden().expect("needs no privilege");
    assert_eq!(proc_owner(), 0, "the process can still be dumped");
    assert_eq!(status()["NoNewPrivs"], "1");
    assert_eq!(status()["CapAmb"], format!("{:016x}", 0), "a program that is started would get it");
    assert!(has_net_admin(), "hardening took the capability away");
    let error = drop_privileges("nobody").expect_err("not root").to_string();
    assert!(error.contains("root"), "{error}");
}

#[test]
fn opening_the_signals_blocks_them() {
    if !in_child("opening_the_signals_blocks_them") {
        return;
    }
    let blocked = || u64::from_str_radix(&status()["SigBlk"], 16).expect("hex");
    // Bit N is signal N + 1: SIGHUP 1, SIGINT 2, SIGTERM 15, SIGCHLD 17, or 18 on MIPS.
    assert_eq!(blocked(), 0);
    let _signals = Signals::open().expect("signalfd");
    assert_eq!(blocked(), 1 | 1 << 1 | 1 << 14 | 1 << (libc::SIGCHLD - 1));
}

#[test]
fn signals_come_as_a_descriptor() {
    // The harness's own thread would take the signals and die: so the whole child starts with them blocked.
    let mut command = Command::new("python3");
    command.args(["-c", BLOCKED]).arg(std::env::current_exe().expect("own path"));
    if !in_child_of("signals_come_as_a_descriptor", command) {
        return;
    }
    let pid = std::process::id().to_string();
    let signals = Signals::open().expect("signalfd");
    assert_eq!(signals.read_signal().expect("nothing is pending"), None);
    for (name, expected) in
        [("-TERM", Signal::Terminate), ("-INT", Signal::Interrupt), ("-HUP", Signal::HangUp)]
    {
        let sent = Command::new("kill").args([name, &pid]).status().expect("kill runs");
        assert!(sent.success());
        let deadline = Instant::now() + Duration::from_secs(10);
        let got = loop {
            // That the command which sent it has ended is a signal too.
            match signals.read_signal().expect("readable") {
                None | Some(Signal::Child) => {}
                Some(signal) => break signal,
            }
            assert!(Instant::now() < deadline, "{name} never came");
            std::thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(got, expected);
        let next = signals.read_signal().expect("readable");
        assert!(matches!(next, None | Some(Signal::Child)), "{name} came twice");
    }
}

/// Runs the program in its arguments with the three signals blocked.
const BLOCKED: &str = "
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
fn random_bytes_differ_and_fill_the_whole_buffer() {
    sys::random(&mut []).expect("nothing to do");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let mut bytes = [0u8; 16];
        sys::random(&mut bytes).expect("getrandom");
        assert!(seen.insert(bytes));
    }
    // Beyond the 256 bytes one call gives without fail. A byte that stays 0 in 20 runs was never written.
    let mut touched = [false; 5000];
    for _ in 0..20 {
        let mut bytes = [0u8; 5000];
        sys::random(&mut bytes).expect("getrandom");
        for (touched, byte) in touched.iter_mut().zip(bytes) {
            *touched |= byte != 0;
        }
    }
    assert!(touched.iter().all(|&touched| touched));
}

#[test]
fn the_host_name_is_the_kernels() {
    let expected = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("proc is mounted");
    let mut buffer = [0u8; 65];
    assert_eq!(sys::hostname(&mut buffer).expect("it fits"), expected.trim_end().as_bytes());
    sys::hostname(&mut [0u8; 1]).expect_err("no room for a name and its NUL");
}

#[test]
fn umask_returns_the_mask_before() {
    if !in_child("umask_returns_the_mask_before") {
        return;
    }
    sys::umask(0o077);
    assert_eq!(sys::umask(0o022), 0o077);
    assert_eq!(sys::umask(0o022), 0o022);
}
