//! contrib/seccomp/rctd.json: the daemon runs under it, whatever it is asked to do, and needs little more than it has.
#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code)] // A filter has no safe wrapper in std.
mod common;

use common::client::Client;
use common::daemon::{Daemon, program};
use common::flows::flows;
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::raw::{Connection, exchange};
use common::xml::members;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROFILE: &str = include_str!("../contrib/seccomp/rctd.json");

/// Names in the profile that other architectures have.
const ELSEWHERE: &[&str] = &[
    "fcntl64",
    "recv",
    "send",
    "socketcall",
    "geteuid32",
    "ugetrlimit",
    "mmap2",
    "ppoll_time64",
    "futex_time64",
    "clock_gettime64",
    "fstat64",
    "stat64",
    "lstat64",
    "fstatat64",
    "_llseek",
    "lchown32",
    "setgroups32",
    "setresgid32",
    "setresuid32",
    "set_tls",
];

/// The numbers of the rest on this one.
fn number(name: &str) -> Option<libc::c_long> {
    let known = [
        ("accept", libc::SYS_accept),
        ("accept4", libc::SYS_accept4),
        ("access", libc::SYS_access),
        ("arch_prctl", libc::SYS_arch_prctl),
        ("bind", libc::SYS_bind),
        ("brk", libc::SYS_brk),
        ("capget", libc::SYS_capget),
        ("capset", libc::SYS_capset),
        ("clock_gettime", libc::SYS_clock_gettime),
        ("close", libc::SYS_close),
        ("connect", libc::SYS_connect),
        ("epoll_create1", libc::SYS_epoll_create1),
        ("epoll_ctl", libc::SYS_epoll_ctl),
        ("epoll_pwait", libc::SYS_epoll_pwait),
        ("epoll_wait", libc::SYS_epoll_wait),
        ("execve", libc::SYS_execve),
        ("exit", libc::SYS_exit),
        ("exit_group", libc::SYS_exit_group),
        ("faccessat", libc::SYS_faccessat),
        ("fchownat", libc::SYS_fchownat),
        ("fcntl", libc::SYS_fcntl),
        ("fstat", libc::SYS_fstat),
        ("futex", libc::SYS_futex),
        ("geteuid", libc::SYS_geteuid),
        ("getrandom", libc::SYS_getrandom),
        ("getrlimit", libc::SYS_getrlimit),
        ("getsockname", libc::SYS_getsockname),
        ("getsockopt", libc::SYS_getsockopt),
        ("gettid", libc::SYS_gettid),
        ("ioctl", libc::SYS_ioctl),
        ("lchown", libc::SYS_lchown),
        ("listen", libc::SYS_listen),
        ("lseek", libc::SYS_lseek),
        ("lstat", libc::SYS_lstat),
        ("madvise", libc::SYS_madvise),
        ("mmap", libc::SYS_mmap),
        ("mprotect", libc::SYS_mprotect),
        ("mremap", libc::SYS_mremap),
        ("munmap", libc::SYS_munmap),
        ("newfstatat", libc::SYS_newfstatat),
        ("open", libc::SYS_open),
        ("openat", libc::SYS_openat),
        ("poll", libc::SYS_poll),
        ("ppoll", libc::SYS_ppoll),
        ("prctl", libc::SYS_prctl),
        ("pread64", libc::SYS_pread64),
        ("prlimit64", libc::SYS_prlimit64),
        ("read", libc::SYS_read),
        ("readlink", libc::SYS_readlink),
        ("readlinkat", libc::SYS_readlinkat),
        ("recvfrom", libc::SYS_recvfrom),
        ("restart_syscall", libc::SYS_restart_syscall),
        ("rseq", libc::SYS_rseq),
        ("rt_sigaction", libc::SYS_rt_sigaction),
        ("rt_sigprocmask", libc::SYS_rt_sigprocmask),
        ("rt_sigreturn", libc::SYS_rt_sigreturn),
        ("sched_getaffinity", libc::SYS_sched_getaffinity),
        ("sendto", libc::SYS_sendto),
        ("set_robust_list", libc::SYS_set_robust_list),
        ("set_thread_area", libc::SYS_set_thread_area),
        ("set_tid_address", libc::SYS_set_tid_address),
        ("setgroups", libc::SYS_setgroups),
        ("setresgid", libc::SYS_setresgid),
        ("setresuid", libc::SYS_setresuid),
        ("setsockopt", libc::SYS_setsockopt),
        ("shutdown", libc::SYS_shutdown),
        ("sigaltstack", libc::SYS_sigaltstack),
        ("signalfd4", libc::SYS_signalfd4),
        ("socket", libc::SYS_socket),
        ("stat", libc::SYS_stat),
        ("statx", libc::SYS_statx),
        ("umask", libc::SYS_umask),
        ("uname", libc::SYS_uname),
        ("unlink", libc::SYS_unlink),
        ("unlinkat", libc::SYS_unlinkat),
        ("write", libc::SYS_write),
    ];
    known.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// Every name that the profile allows.
fn names() -> Vec<&'static str> {
    let blocks = PROFILE.split("\"names\": [").skip(1);
    blocks.flat_map(|block| block.split(']').next().unwrap_or("").split('"').skip(1).step_by(2)).collect()
}

/// `AUDIT_ARCH_X86_64` of linux/audit.h.
const ARCH: u32 = 0xc000_003e;

/// A filter that lets these calls through and ends the process at any other: so a call that is missing is not overlooked.
fn filter(allowed: &[u32]) -> Vec<libc::sock_filter> {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let compare = |k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let ret = libc::BPF_RET | libc::BPF_K;
    let count = allowed.len() as u8;
    // struct seccomp_data of linux/seccomp.h: the number, then the architecture.
    let mut filter = vec![statement(load, 4), compare(ARCH, 0, count + 1), statement(load, 0)];
    filter.extend((0..count).map(|at| compare(allowed[usize::from(at)], count - at, 0)));
    filter.extend([statement(ret, libc::SECCOMP_RET_KILL_PROCESS), statement(ret, libc::SECCOMP_RET_ALLOW)]);
    filter
}

/// The daemon under the profile, without the calls in `but`.
fn confined(but: &[&str]) -> Command {
    let allowed = names().into_iter().filter(|name| !ELSEWHERE.contains(name) && !but.contains(name));
    let number = |name| number(name).unwrap_or_else(|| panic!("{name}: this test does not know its number"));
    let filter = filter(&allowed.map(|name| number(name) as u32).collect::<Vec<_>>());
    let install = move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
        // SAFETY: no pointers but one to a program that outlives the call and that the kernel copies.
        let failed = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
        };
        if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    let mut command = Command::new(program());
    // SAFETY: only system calls between fork and exec: the filter was made before.
    unsafe { command.pre_exec(install) };
    command
}

/// Everything it can be asked.
#[track_caller]
fn asks_everything(client: &mut Client, rows: usize) {
    assert_eq!(client.all().table.len(), rows);
    let view = client.view(&members([("orig_l4proto", 6.into())]), "bytes", "D", (0, 9));
    let id = common::row::text(&view.table[0], "id").expect("an id").to_owned();
    client.change("mark", &id, 7).expect("a change");
    client.change("timeout", &id, 100).expect("a change");
    for refresh in [0, 1] {
        client.ask("set_autorefresh", &[refresh.into()]).expect("autorefresh");
        client.ask("refresh", &[]).expect("a refresh");
        assert_eq!(client.view(&members([]), "id", "A", (0, 700)).table.len(), rows.min(700));
    }
    assert_eq!(client.kill(id.as_str().into()), Ok(1));
    client.ask("stats", &[]).expect("stats");
    client.ask("kill_matching", &[members([("mark", "12345".into())])]).expect("nobody");
    client.call("system.methodHelp", &["view".into()]).expect("help");
}

#[test]
fn it_needs_no_other_call() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(71, 900));
        let folder = Folder::new();
        let unix = format!("unix:{}", folder.path().join("socket").display());
        let listen = ["127.0.0.1:0", unix.as_str()];
        let mut arguments = vec!["--uid-mask", "0xff", "--log-level", "debug"];
        if cfg!(feature = "metrics") {
            arguments.extend(["--metrics=table", "--metrics-hosts", "10.0.0.0/8"]);
        }
        let daemon = Daemon::spawn(confined(&[]), &listen, &arguments);
        for (nth, address) in daemon.addresses().iter().enumerate() {
            let mut client = Client::new(address);
            client.login();
            asks_everything(&mut client, 900 - nth);
        }
        for path in ["/", "/metrics"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", daemon.address().host());
            let wanted = if path == "/" || cfg!(feature = "metrics") { 200 } else { 404 };
            assert_eq!(exchange(daemon.address(), request.as_bytes()).0.status, wanted, "{path}");
        }
        // Clients that leave, and more than there are slots.
        let crowd: Vec<_> = (0..60).filter_map(|_| Connection::open(daemon.address()).ok()).collect();
        drop(crowd);
        std::thread::sleep(Duration::from_millis(200));
        daemon.still_serves();
        daemon.signal(libc::SIGHUP);
        daemon.still_serves();
        // Dropped, it is told to stop and has to end with 0.
    });
}

#[test]
fn nor_does_it_with_passwords() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("users");
        let set = |password: &str| {
            let mut command = Command::new(program());
            command.arg("passwd").arg(&file).args(["admin", "--stdin"]).stdin(Stdio::piped());
            let mut child = command.spawn().expect("rctd to run");
            writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("it to read");
            assert!(child.wait().expect("its end").success());
        };
        set("one");
        let auth = format!("file:{}", file.display());
        let daemon = Daemon::spawn(confined(&[]), &["127.0.0.1:0"], &["--auth", &auth]);
        let login =
            |password: &str| Client::new(daemon.address()).call("login", &["admin".into(), password.into()]);
        assert!(login("one").is_ok());
        set("two");
        let says = |part: &str| {
            let began = Instant::now();
            while !daemon.log().contains(part) {
                assert!(began.elapsed() < Duration::from_secs(10), "{}", daemon.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        says("read again");
        assert!(login("two").is_ok() && login("one").is_err());
        std::fs::remove_file(&file).expect("the file to go");
        daemon.signal(libc::SIGHUP);
        says("nobody can log in until it is back");
        assert!(login("no").is_err());
    });
}

#[test]
fn nor_to_give_up_root() {
    in_namespace(|ns| {
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        // SAFETY: takes nothing and can't fail.
        if unsafe { libc::geteuid() } != 0 || !map.trim_end().ends_with("4294967295") {
            return common::skip("changing the user takes root");
        }
        Inserter::new(ns).insert(&flows(72, 900));
        let daemon = Daemon::spawn(confined(&[]), &["127.0.0.1:0"], &["--user", "nobody"]);
        asks_everything(&mut daemon.client(), 900);
    });
}

/// The filter of this test does filter: without one of the calls the daemon does not get far.
#[test]
fn without_one_of_them_it_dies() {
    in_namespace(|_| {
        for missing in ["epoll_create1", "signalfd4", "bind"] {
            let mut command = confined(&[missing]);
            let status =
                command.args(["--listen", "127.0.0.1:0"]).stderr(Stdio::null()).status().expect("it to run");
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(status.signal(), Some(libc::SIGSYS), "{missing}: {status:?}");
        }
    });
}
