//! Logins that a program judges: what it gets, what its end means, and that it can hold nobody up.
#[path = "common/folder.rs"]
mod folder;

use folder::Folder;
use rctd::auth::{Backend, Check, Peer, Store, Ticket};
use rctd::limits::PROGRAMS;
use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bound only: what is waited for happens at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A shell script in the folder.
fn script(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("own file");
    path
}

/// One test at a time: a script that is being written can't be run, and a child that another test starts in that moment has it
/// open for writing until it is a program of its own.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn store(program: &Path) -> Store {
    Store::open(Backend::Program(program.to_owned())).expect("a good program")
}

fn pending(check: Check) -> Ticket {
    match check {
        Check::Pending(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

/// Polls at this time of the store's clock until there is an answer.
fn answer(store: &mut Store, ticket: Ticket, now_ms: u64) -> Check {
    let began = Instant::now();
    loop {
        store.reap(now_ms);
        match store.poll(ticket) {
            Check::Pending(_) => assert!(began.elapsed() < PATIENCE, "no answer"),
            answer => return answer,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One login from beginning to end.
fn judge(store: &mut Store, user: &[u8], password: &[u8]) -> Check {
    match store.begin(Peer::Unix, user, password, 0) {
        Check::Pending(ticket) => answer(store, ticket, 0),
        other => other,
    }
}

fn waits_for(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether there is such a process, and it has not ended.
fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// As checkpassword's own documentation has it: three texts on descriptor 3, and on yes the program that its arguments name.
const CHECKPASSWORD: &str = r#"
input=$(tr '\000' '\n' <&3) || exit 111
user=$(printf '%s' "$input" | sed -n 1p) password=$(printf '%s' "$input" | sed -n 2p)
[ "$user" = "jörg ann" ] && [ "$password" = 'pa55 <&> "$x' ] || exit 1
exec "$@"
"#;

#[test]
fn right_and_wrong() {
    let _alone = alone();
    let folder = Folder::new();
    let mut store = store(&script(&folder, "check", CHECKPASSWORD));
    assert!(store.needs_password());
    let password = b"pa55 <&> \"$x";
    for _ in 0..3 {
        assert!(matches!(judge(&mut store, "jörg ann".as_bytes(), password), Check::Right(_)));
    }
    for (user, password) in [
        (&b"ann"[..], &password[..]),
        ("jörg ann".as_bytes(), b"wrong"),
        ("jörg ann".as_bytes(), b""),
        // What can't be said by this interface is wrong without a program.
        (b"", b""),
        (b"a\0b", b"x"),
        (b"ann", b"x\0y"),
        (b"ann", &[b'x'; 600]),
    ] {
        assert_eq!(judge(&mut store, user, password), Check::Wrong, "{:?}", String::from_utf8_lossy(user));
    }
}

/// The manual page's example does what it says there.
#[test]
fn the_manual_page_s_example() {
    let _alone = alone();
    let page = include_str!("../docs/rctd.8");
    let after = page.split_once(".Ss Programs that judge logins").expect("the section").1;
    let example =
        after.split_once("#!/bin/sh\n").and_then(|(_, rest)| rest.split_once(".Ed")).expect("a script").0;
    let folder = Folder::new();
    let mut store = store(&script(&folder, "check", &example.replace("\\e", "\\")));
    assert!(matches!(judge(&mut store, b"guest", b"welcome"), Check::Right(_)));
    for (user, password) in [(&b"guest"[..], &b"wrong"[..]), (b"guest", b""), (b"other", b"welcome")] {
        assert_eq!(judge(&mut store, user, password), Check::Wrong);
    }
}

#[test]
fn a_program_gets_its_input_and_nothing_else() {
    let _alone = alone();
    let folder = Folder::new();
    let out = folder.path().join("out");
    // Nothing here starts another program before the environment and the descriptors are written down.
    let text = format!(
        r#"exec >{0}.new 2>&1
cat <&3 | tr '\000' '|'; echo
echo "arguments: $*"
tr '\000' ' ' </proc/$$/cmdline; echo
tr '\000' '\n' </proc/$$/environ | grep -v '^_='; echo
for fd in /proc/$$/fd/*; do echo "fd ${{fd##*/}}"; done
grep -E '^(SigBlk|SigIgn):' /proc/self/status
read line </dev/stdin || echo "no input"
mv {0}.new {0}"#,
        out.display()
    );
    let program = script(&folder, "check", &text);
    let mut store = store(&program);
    assert!(matches!(judge(&mut store, b"ann", b"s3cret"), Check::Right(_)));
    let said = fs::read_to_string(&out).expect("what it wrote down");
    let line = |nth: usize| said.lines().nth(nth).unwrap_or_else(|| panic!("{said}"));
    let time = line(0).strip_prefix("ann|s3cret|").and_then(|rest| rest.strip_suffix('|'));
    assert!(time.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 1_700_000_000)), "{said}");
    assert_eq!(line(1), "arguments: /bin/true", "{said}");
    assert!(!line(2).contains("ann") && !line(2).contains("s3cret"), "{said}");
    assert_eq!(line(3), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "{said}");
    assert_eq!(said.matches("PATH=").count(), 1, "{said}");
    assert!(said.contains("no input"), "{said}");
    let fds: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("fd ")).collect();
    // The shell has its script open, what it was redirected from, and the folder that it lists. What this test program was itself
    // started with stays open in all that it starts.
    let inherited = |fd: &str| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:\t"));
        flags.is_some_and(|flags| u32::from_str_radix(flags, 8).is_ok_and(|flags| flags & 0o2_000_000 == 0))
    };
    let ours: Vec<&&str> =
        fds.iter().filter(|fd| !["0", "1", "2", "3", "4", "10", "11", "255"].contains(fd)).collect();
    assert!(ours.iter().all(|fd| inherited(fd)), "{said}");
    let signals = |name: &str| {
        let mask = said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{said}"));
        u64::from_str_radix(mask.trim(), 16).expect("a mask")
    };
    assert_eq!((signals("SigBlk:"), signals("SigIgn:") & 1 << 12), (0, 0), "SIGPIPE is ignored: {said}");
}

#[test]
fn any_other_end_is_a_failure() {
    let _alone = alone();
    let folder = Folder::new();
    for (text, expected) in [
        ("exit 0", Some(Check::Right as fn(_) -> _)),
        ("exit 1", None),
        ("exit 2", None),
        ("exit 111", None),
        ("kill -9 $$", None),
        ("kill -15 $$", None),
    ] {
        let mut store = store(&script(&folder, "check", text));
        let got = judge(&mut store, b"ann", b"x");
        let right = matches!(got, Check::Right(_));
        assert_eq!(right, expected.is_some(), "{text}: {got:?}");
        assert!(
            right || got == if text == "exit 1" { Check::Wrong } else { Check::Failed },
            "{text}: {got:?}"
        );
    }
    // One that can't be run at all: no interpreter, and gone since.
    let path = folder.path().join("odd");
    fs::write(&path, "#!/no/such/shell\n").expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("own file");
    let mut store = store(&path);
    assert_eq!(judge(&mut store, b"ann", b"x"), Check::Failed);
    fs::remove_file(&path).expect("there");
    assert_eq!(judge(&mut store, b"ann", b"x"), Check::Failed);
}

#[test]
fn what_it_says_goes_nowhere() {
    let _alone = alone();
    let folder = Folder::new();
    // More than any pipe holds, to both, in the middle of which it would hang if somebody did not read.
    let text = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 0";
    let mut store = store(&script(&folder, "check", text));
    assert!(matches!(judge(&mut store, b"ann", b"x"), Check::Right(_)));
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_started() {
    let _alone = alone();
    let folder = Folder::new();
    let pids = folder.path().join("pids");
    let text = format!("sleep 1000 & echo $$ $! >{0}.new; mv {0}.new {0}; wait", pids.display());
    let mut store = store(&script(&folder, "check", &text));
    let ticket = pending(store.begin(Peer::Unix, b"ann", b"x", 1000));
    waits_for("it does not start", || pids.exists());
    let text = fs::read_to_string(&pids).expect("two numbers");
    let [own, other] = text.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(!store.reap(10_999) && store.poll(ticket) == Check::Pending(ticket), "it has ten seconds");
    assert!(runs(own) && runs(other));
    assert!(store.reap(11_000), "the loop is told that there is an answer");
    assert_eq!(store.poll(ticket), Check::Failed);
    assert_eq!(store.poll(ticket), Check::Failed, "an answer is told once");
    waits_for("they still run", || !runs(own) && !runs(other));
    // Its place is free once it is gone.
    waits_for("its zombie stays", || {
        store.reap(11_001);
        !Path::new(&format!("/proc/{own}")).exists()
    });
    assert!(matches!(store.begin(Peer::Unix, b"ann", b"x", 11_002), Check::Pending(_)));
}

#[test]
fn who_is_given_up_is_ended() {
    let _alone = alone();
    let folder = Folder::new();
    let pid = folder.path().join("pid");
    let text = format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 1000", pid.display());
    let program = script(&folder, "check", &text);
    for give_up in [
        (|mut store, ticket| {
            Store::cancel(&mut store, ticket);
            store.reap(1);
            Some(store)
        }) as fn(Store, Ticket) -> Option<Store>,
        // The daemon's end is one, too.
        |store, _| {
            drop(store);
            None
        },
    ] {
        let mut store = store(&program);
        let _ = fs::remove_file(&pid);
        let ticket = pending(store.begin(Peer::Unix, b"ann", b"x", 0));
        waits_for("it does not start", || pid.exists());
        let own = fs::read_to_string(&pid).expect("a number").trim().to_owned();
        assert!(runs(&own));
        let left = give_up(store, ticket);
        waits_for("it still runs", || !runs(&own));
        if let Some(mut store) = left {
            assert_eq!(store.poll(ticket), Check::Failed);
            waits_for("its place stays taken", || {
                store.reap(2);
                !Path::new(&format!("/proc/{own}")).exists()
            });
        }
    }
}

#[test]
fn so_many_at_a_time_and_half_of_them_for_one_network() {
    let _alone = alone();
    let folder = Folder::new();
    let mut store = store(&script(&folder, "check", "exec sleep 1000"));
    let peer = |n: u8| Peer::new(Ipv4Addr::new(192, 0, 2, n).into());
    // As the daemon does, which looks for programs that have ended each turn.
    let begin = |store: &mut Store, n: u8| {
        store.reap(0);
        store.begin(peer(n), b"ann", b"x", 0)
    };
    let first = pending(begin(&mut store, 1));
    for _ in 1..PROGRAMS / 2 {
        pending(begin(&mut store, 1));
    }
    assert_eq!(begin(&mut store, 1), Check::Full, "the network's share is taken");
    for n in 0..PROGRAMS / 2 {
        pending(begin(&mut store, 2 + n as u8));
    }
    assert_eq!(begin(&mut store, 100), Check::Full, "all are taken");
    store.cancel(first);
    waits_for("no place is free", || matches!(begin(&mut store, 100), Check::Pending(_)));
    // An answer that nobody asks for is forgotten in the end.
    let began = Instant::now();
    let mut now = 0;
    while !matches!(store.begin(peer(50), b"ann", b"x", now), Check::Pending(_)) {
        assert!(began.elapsed() < PATIENCE, "answers keep their places for good");
        now += 10_000;
        store.reap(now);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Other logins that begin meanwhile take no news away: whoever waits for an answer is woken by it.
#[test]
fn an_answer_is_news_whoever_comes_in_between() {
    let _alone = alone();
    let folder = Folder::new();
    let mut store = store(&script(&folder, "check", "exit 0"));
    let ticket = pending(store.begin(Peer::Unix, b"ann", b"x", 0));
    waits_for("nobody is told of the answer", || {
        assert_eq!(store.begin(Peer::Unix, &[b'x'; 4096], b"x", 0), Check::Wrong, "too long");
        store.reap(0)
    });
    assert!(matches!(store.poll(ticket), Check::Right(_)));
}

#[test]
fn a_program_that_can_not_be_trusted_is_refused() {
    let _alone = alone();
    let folder = Folder::new();
    let path = script(&folder, "check", "exit 0");
    let open = |path: &Path| Store::open(Backend::Program(path.to_owned())).map(drop);
    assert_eq!(open(&path), Ok(()));
    for mode in [0o720, 0o702] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("own file");
        assert!(open(&path).expect_err("others can write it").contains("chmod go-w"), "{mode:o}");
    }
    let error = open(&folder.path().join("absent")).expect_err("not there");
    assert!(error.contains("absent") && error.contains("No such file"), "{error}");
    assert!(open(folder.path()).expect_err("a directory").contains("not an ordinary file"));
}
