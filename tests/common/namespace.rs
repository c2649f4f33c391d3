//! A network namespace for one test, so that tests run beside each other and never touch the machine's own table.
//!
//! With CAP_SYS_ADMIN the test's thread unshares its network and nothing else. Without, the test program runs
//! itself again for this one test in a user namespace, where it is root. Where that is forbidden too, the test
//! says so and is skipped.
use super::skipped;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Set in the environment of a test program that was started in a user namespace.
const INSIDE: &str = "RCTD_IN_NAMESPACE";

/// Proof that the calling thread is in a namespace of its own: what changes the table asks for it.
pub struct Namespace {
    _made_here_only: (),
}

/// Runs `test` in a network namespace of its own with `lo` up. Threads and processes it starts are in it too.
pub fn in_namespace<F: FnOnce(&Namespace) + Send>(test: F) {
    let name = test_name::<F>();
    // A thread of its own: the harness may run the next test on the thread it gave us.
    let outcome = std::thread::scope(|scope| {
        let body = || match unshare_network() {
            Ok(()) => {
                lo_up();
                test(&Namespace { _made_here_only: () });
                None
            }
            Err(error) => Some(error),
        };
        let thread = std::thread::Builder::new().name(name.clone());
        thread.spawn_scoped(scope, body).expect("a thread for the test").join()
    });
    match outcome {
        Ok(None) => (),
        Ok(Some(error)) => again_in_user_namespace(&name, &error),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Namespace {
    /// Writes a sysctl of this namespace, given with slashes: `net/netfilter/nf_conntrack_acct`.
    pub fn sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        std::fs::write(format!("/proc/sys/{name}"), value)
    }
}

/// The test's name as the harness knows it: its thread's; or, run on the main thread, out of the closure's type.
fn test_name<F>() -> String {
    match std::thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => {
            let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
            path.split_once("::").map_or(path, |(_crate, name)| name).to_owned()
        }
    }
}

fn unshare_network() -> io::Result<()> {
    // SAFETY: takes no pointers; it changes the network namespace of this thread alone.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What `ip link set lo up` does.
fn lo_up() {
    // SAFETY: no pointers; the result is checked before it is owned.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "no socket to bring lo up with: {}", io::Error::last_os_error());
    // SAFETY: fd is open and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all zeros is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: request is an ifreq that outlives the call, as SIOCSIFFLAGS wants it.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) };
    assert_eq!(done, 0, "lo can't be brought up: {}", io::Error::last_os_error());
}

fn again_in_user_namespace(name: &str, why: &io::Error) {
    if std::env::var_os(INSIDE).is_some() {
        return super::skip(&format!("not even a user namespace may have its own network: {why}"));
    }
    let program = std::env::current_exe().expect("the path of this test program");
    let mut command = Command::new(program);
    command.args(["--exact", name, "--nocapture", "--include-ignored"]);
    command.env(INSIDE, "1").env(skipped::RUN, skipped::run());
    // SAFETY: only system calls between fork and exec: the strings are made before.
    unsafe { command.pre_exec(become_root_of_a_user_namespace()) };
    match command.output() {
        Err(error) => super::skip(&format!("no network namespace ({why}) and no user namespace ({error})")),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            eprint!("{said}");
            assert!(output.status.success(), "{name} failed in its user namespace");
            assert!(said.contains("1 passed"), "no test is called {name}: nothing was run");
        }
    }
}

/// What `unshare -r` does; the kernel takes the maps from the process itself once setgroups is given up.
fn become_root_of_a_user_namespace() -> impl FnMut() -> io::Result<()> + Send + Sync + 'static {
    // SAFETY: these two can't fail and take nothing.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    let writes = [
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {uid} 1")),
        (c"/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    move || {
        // SAFETY: takes no pointers; the child of fork has one thread, as a user namespace requires.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
            return Err(io::Error::last_os_error());
        }
        for (path, text) in &writes {
            // SAFETY: path is NUL-terminated; text is valid for its length; the descriptor dies at exec.
            let written = unsafe {
                let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                libc::write(fd, text.as_ptr().cast(), text.len())
            };
            if written < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }
}
