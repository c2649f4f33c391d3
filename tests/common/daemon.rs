//! Starts the daemon under test, finds out where it listens, and sees to its end.
use super::client::Client;
use super::raw::{Address, Connection, post};
use super::xml;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long it may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running daemon. Dropped, it is ended, and the test fails if it had died, panicked, or won't end.
pub struct Daemon {
    child: Child,
    said: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
    addresses: Vec<Address>,
}

/// The program under test: `RCTD_BIN`, for instance one built for release, or what cargo built.
pub fn program() -> PathBuf {
    std::env::var_os("RCTD_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_rctd")), PathBuf::from)
}

impl Daemon {
    /// Starts it on a free port of 127.0.0.1 with these further arguments.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Daemon {
        Daemon::start_on(&["127.0.0.1:0"], arguments)
    }

    /// Starts it on these addresses, and waits until it listens on each.
    #[track_caller]
    pub fn start_on(listen: &[&str], arguments: &[&str]) -> Daemon {
        Daemon::spawn(Command::new(program()), listen, arguments)
    }

    /// Starts another build of it.
    #[track_caller]
    pub fn start_program(program: &Path, listen: &[&str], arguments: &[&str]) -> Daemon {
        Daemon::spawn(Command::new(program), listen, arguments)
    }

    /// Starts it so that the kernel answers EPERM to every netlink request that is longer than one for a dump.
    #[cfg(target_arch = "x86_64")]
    #[track_caller]
    pub fn start_unable_to_write() -> Daemon {
        let mut command = Command::new(program());
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(super::refuse::long_datagrams) };
        Daemon::spawn(command, &["127.0.0.1:0"], &[])
    }

    /// Starts it by way of a command of the test's own making, which gets these arguments too.
    #[track_caller]
    pub fn spawn(mut command: Command, listen: &[&str], arguments: &[&str]) -> Daemon {
        command.args(listen.iter().flat_map(|address| ["--listen", address])).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // SAFETY: one system call between fork and exec: a test program that is killed takes its daemons with it.
        unsafe { command.pre_exec(|| check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))) };
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::new(Mutex::new(String::new()));
        let (stderr, heard) = (child.stderr.take().expect("a pipe"), said.clone());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let mut text = heard.lock().expect("the log");
                text.push_str(&String::from_utf8_lossy(&line));
                text.push('\n');
            }
        });
        let mut daemon = Daemon { child, said, reader: Some(reader), addresses: Vec::new() };
        daemon.wait_until_it_listens(listen.len());
        daemon
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self, addresses: usize) {
        let begun = Instant::now();
        loop {
            let said = self.log();
            self.addresses = said.lines().filter_map(listening).collect();
            if self.addresses.len() >= addresses {
                return;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none(), "the daemon ended ({ended:?}) before it listened:\n{said}");
            assert!(begun.elapsed() < PATIENCE, "the daemon does not say that it listens:\n{said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The first address it listens on.
    pub fn address(&self) -> &Address {
        &self.addresses[0]
    }

    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// A client that has logged in.
    #[track_caller]
    pub fn client(&self) -> Client {
        let mut client = Client::new(self.address());
        client.login();
        client
    }

    /// What it has written to stderr so far.
    pub fn log(&self) -> String {
        self.said.lock().expect("the log").clone()
    }

    /// Waits until it has written `text` at least `times` times: the thread that reads its stderr may be behind a reply.
    #[track_caller]
    pub fn says(&self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.log().matches(text).count() < times {
            assert!(begun.elapsed() < PATIENCE, "{text:?} is not said {times} times: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: no pointers; the process is our child and not waited for yet, so the id is still its own.
        let sent = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(sent, 0, "the signal {signal} was not sent");
    }

    /// Waits for its end; `None` if it does not come.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Fails unless it still answers a newcomer: what every test of bad input ends with. Those who have just hung up may
    /// keep their slots for a moment, so that the newcomer is told to come again. Two seconds are enough; a slow machine
    /// gets eight, less than the ten (`HEAD_MS`) after which a lost slot would be free in any case.
    #[track_caller]
    pub fn still_serves(&self) {
        let request = post(self.address(), &xml::call("system.listMethods", &[]), "Connection: close\r\n");
        let (begun, patience) = (Instant::now(), Duration::from_secs(8));
        let answers = || {
            let mut connection = Connection::open(self.address())?;
            connection.send(&request)?;
            connection.reply()
        };
        while !answers().is_ok_and(|reply| reply.status == 200) {
            assert!(begun.elapsed() < patience, "nobody is served in {patience:?}: {:?}", answers());
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut client = self.client();
        assert_eq!(client.session.len(), 32, "a session id is 32 digits");
        let logged_out = client.ask("logout", &[]);
        assert!(logged_out.is_ok(), "{logged_out:?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let already = self.child.try_wait().ok().flatten();
        if already.is_none() {
            self.signal(libc::SIGTERM);
        }
        let ended = self.wait();
        if ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = self.reader.take().map(std::thread::JoinHandle::join);
        let said = self.log();
        if std::thread::panicking() {
            return eprintln!("the daemon ended with {ended:?} and said:\n{said}");
        }
        assert!(ended.is_some(), "SIGTERM does not end the daemon:\n{said}");
        assert!(ended.is_some_and(|status| status.success()), "the daemon ended with {ended:?}:\n{said}");
        assert!(!said.contains("panicked"), "the daemon panicked:\n{said}");
    }
}

/// Runs the program to its end: for command lines it should refuse. Exit code and stderr.
pub fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(program()).args(arguments).stdin(Stdio::null()).output().expect("the program to run");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn check(result: i32) -> std::io::Result<()> {
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The address in a line such as `rctd: info: listening on 127.0.0.1:8000` or `… on unix:/run/rctd.sock`.
fn listening(line: &str) -> Option<Address> {
    let (_, after) = line.split_once("listening on ")?;
    let address = after.split_whitespace().next()?.trim_end_matches([',', ';']);
    match address.strip_prefix("unix:") {
        Some(path) => Some(Address::Unix(path.into())),
        None => address.parse().ok().map(Address::Tcp),
    }
}
