//! What the log says at the start, to whom, and that nobody waits for whoever reads it.
#![allow(unsafe_code)] // Pipes and sockets with a size of the test's choice have no safe wrapper in std.
mod common;

use common::client::Client;
use common::daemon::{Daemon, program};
use common::folder::Folder;
use common::namespace::in_namespace;
use common::passwords::{login, set_password};
use common::raw::Address;
use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Starts the program on a free port with this stderr; the port is the test's own network namespace's.
fn start(stderr: impl Into<Stdio>, arguments: &[&str], journal: Option<&str>) -> (Child, Address) {
    let address: Address = "127.0.0.1:4711".parse().map(Address::Tcp).expect("an address");
    let mut command = Command::new(program());
    command.args(["--listen", "127.0.0.1:4711"]).args(arguments).stdin(Stdio::null()).stderr(stderr);
    command.env_remove("JOURNAL_STREAM").envs(journal.map(|value| ("JOURNAL_STREAM", value)));
    let mut child = command.spawn().expect("rctd to run");
    let began = Instant::now();
    while TcpStream::connect("127.0.0.1:4711").is_err() {
        assert_eq!(child.try_wait().expect("its state"), None, "it ended before it listened");
        assert!(began.elapsed() < Duration::from_secs(20), "it does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    (child, address)
}

/// Ends it by SIGTERM; `None` if that does not end it.
fn stop(child: &mut Child) -> Option<ExitStatus> {
    // SAFETY: no pointers; the process is our child and not waited for yet.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().expect("its state") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("to kill it");
    child.wait().expect("its end");
    None
}

/// A pipe that takes no more: its reading end, and the writing end.
fn full_pipe() -> (File, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors, which are the test's alone.
    let (read, write) = unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    let block = [b'.'; 4096];
    let nonblocking = |on: bool| {
        let flags = if on { libc::O_NONBLOCK } else { 0 };
        // SAFETY: plain numbers.
        assert_eq!(unsafe { libc::fcntl(write.as_raw_fd(), libc::F_SETFL, flags) }, 0);
    };
    nonblocking(true);
    // SAFETY: pointer and length are those of one live array.
    while unsafe { libc::write(write.as_raw_fd(), block.as_ptr().cast(), block.len()) } > 0 {}
    nonblocking(false);
    (read, write)
}

/// Takes away what filled the pipe, and at most as much again.
fn drain(read: &mut File) -> String {
    let mut text = vec![0; 1 << 17];
    // SAFETY: plain numbers. What is read may be less than there is room for, but must not be waited for.
    assert_eq!(unsafe { libc::fcntl(read.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    let mut length = 0;
    while let Ok(got @ 1..) = read.read(&mut text[length..]) {
        length += got;
    }
    String::from_utf8_lossy(&text[..length]).trim_start_matches('.').to_owned()
}

#[test]
fn nobody_waits_for_a_reader_of_the_log() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "ann", "secret");
        let (mut read, write) = full_pipe();
        let auth = format!("file:{}", file.display());
        let (mut child, address) = start(write, &["--auth", &auth, "--log-level", "debug"], None);
        // The start's lines and this login's found no place.
        let call =
            |user: &str, password: &str| Client::new(&address).call("login", &[user.into(), password.into()]);
        assert_eq!(call("ann", "wrong").expect_err("it is wrong").code, 1);
        assert!(call("ann", "secret").is_ok());
        assert_eq!(drain(&mut read), "", "something was written to a full pipe");
        assert!(call("ann", "secret").is_ok());
        assert!(stop(&mut child).is_some_and(|status| status.success()), "SIGTERM does not end it");
        let said = drain(&mut read);
        let lost = said.lines().next().expect("a line").to_owned();
        let count = lost.strip_prefix("rctd: warn: ").and_then(|rest| rest.split(' ').next());
        let count: u32 = count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        assert!(lost.ends_with("lines of the log were lost: nobody was reading it") && count >= 3, "{said}");
        assert!(said.contains("told to stop") && said.matches("were lost").count() == 1, "{said}");
    });
}

#[test]
fn sigterm_ends_it_with_a_full_pipe() {
    in_namespace(|_| {
        let (_read, write) = full_pipe();
        let (mut child, _) = start(write, &[], None);
        assert!(stop(&mut child).is_some_and(|status| status.success()), "SIGTERM does not end it");
    });
}

/// systemd says which stream it reads; a child whose stderr is another inherits the variable too.
#[test]
fn lines_for_the_journal_have_a_priority() {
    in_namespace(|_| {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let stream = File::from(OwnedFd::from(theirs.try_clone().expect("a copy")));
        let status = stream.metadata().expect("its status");
        drop(stream);
        for (journal, prefix) in [
            (Some(format!("{}:{}", status.dev(), status.ino())), "<6>rctd "),
            (Some(format!("{}:{}", status.dev(), status.ino() + 1)), "rctd: info: rctd "),
            (Some("nonsense".to_owned()), "rctd: info: rctd "),
            (None, "rctd: info: rctd "),
        ] {
            let theirs = OwnedFd::from(theirs.try_clone().expect("a copy"));
            let (mut child, _) = start(theirs, &[], journal.as_deref());
            assert!(stop(&mut child).is_some_and(|status| status.success()));
            ours.set_nonblocking(true).expect("a socket");
            let mut said = String::new();
            let _ = ours.read_to_string(&mut said);
            assert!(said.starts_with(prefix), "{journal:?}: {said}");
            let same = prefix.trim_end_matches("rctd ");
            assert!(said.lines().all(|line| line.starts_with(same)), "{journal:?}: {said}");
        }
    });
}

#[test]
fn what_the_kernel_does_not_keep_is_told_at_the_start() {
    in_namespace(|ns| {
        for (value, told) in [("0", true), ("1", false)] {
            for name in ["nf_conntrack_acct", "nf_conntrack_timestamp"] {
                if !std::path::Path::new(&format!("/proc/sys/net/netfilter/{name}")).exists() {
                    continue;
                }
                if let Err(error) = ns.sysctl(&format!("net/netfilter/{name}"), value) {
                    return common::skip(&format!("{name} can't be set: {error}"));
                }
                let said = Daemon::start(&[]).log();
                let advice = format!("sysctl -w net.netfilter.{name}=1");
                assert_eq!(said.contains(&advice), told, "{name}={value}: {said}");
            }
        }
    });
}

#[test]
fn the_first_line_says_what_runs_and_who_may_use_it() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        set_password(&file, "ann", "secret");
        let auth = format!("file:{}", file.display());
        let daemon = Daemon::start(&["--auth", &auth]);
        let said = daemon.log();
        let version = env!("CARGO_PKG_VERSION");
        let first =
            format!("rctd: info: rctd {version} starts: logins are judged by {} (users: 1)", file.display());
        assert_eq!(said.lines().next(), Some(first.as_str()), "{said}");
        assert!(said.lines().nth(1).is_some_and(|line| line.contains("listening on 127.0.0.1:")), "{said}");
        assert!(login(&daemon, "ann", "secret").is_ok());
        drop(daemon);
        let said = Daemon::start(&[]).log();
        assert!(said.contains("logins are open to whoever can reach the daemon"), "{said}");
        // The table of a new namespace is empty, but nobody sits at a terminal.
        assert!(!said.contains("the table is empty"), "{said}");
    });
}
