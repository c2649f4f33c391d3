//! `rctd passwd`: which lines it changes, what it refuses, and what is left after a crash.
//!
//! The command runs in a child, which is this test program again: it has a standard input, a terminal or a tracer of its
//! own there. Where strace or Python is missing, a test says so and is skipped, or fails under RCTD_TEST_STRICT=1.

#[path = "common/folder.rs"]
mod folder;
#[path = "common/skipped.rs"]
#[allow(dead_code)]
mod skipped;

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use folder::Folder;
use rctd::auth::file::Users;
use rctd::limits::{PASSWORD_BYTES, PASSWORD_FILE_BYTES, USERS};
use rctd::passwd_cmd::run;
use skipped::skip;

/// SHA-1 of "secret".
const SECRET: &str = "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4";
/// The child's file, user and where to put what came of it.
const VARIABLES: [&str; 3] = ["RCTD_TEST_FILE", "RCTD_TEST_USER", "RCTD_TEST_RESULT"];

/// A directory of this test's own, gone when it is over.
struct Scratch(Folder);

impl Scratch {
    fn new() -> Scratch {
        let folder = Folder::new();
        fs::create_dir(folder.path().join("d")).expect("a new directory");
        Scratch(folder)
    }

    /// The password file; it has a directory to itself, so that leftovers show.
    fn file(&self) -> PathBuf {
        self.0.path().join("d/passwd")
    }

    fn write(&self, text: &str) -> PathBuf {
        fs::write(self.file(), text).expect("written");
        self.file()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path().join("d")).expect("own directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Gives a command what tells the child what to do.
    fn child(&self, mut command: Command, user: &str, role: &str) -> Command {
        let values = [self.file(), PathBuf::from(user), self.0.path().join("result")];
        let _ = fs::remove_file(self.0.path().join("result"));
        command.args(["--exact", role, "--nocapture", "--test-threads=1"]).envs(VARIABLES.iter().zip(values));
        command
    }

    /// Runs `passwd FILE USER --stdin` in a child under `wrapper` (nothing, or strace). `None` if the child was killed.
    fn stdin(&self, wrapper: &[&str], user: &str, input: &[u8]) -> Option<Result<(), String>> {
        let own = std::env::current_exe().expect("own path");
        let mut command = match wrapper {
            [] => Command::new(&own),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(&own);
                command
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = self.child(command, user, "child_with_stdin").spawn().expect("it starts");
        // A child that refuses at once need not have read.
        let _ = child.stdin.take().expect("piped").write_all(input);
        child.wait().expect("it ends");
        let result = fs::read_to_string(self.0.path().join("result")).ok()?;
        Some(if result == "done" { Ok(()) } else { Err(result) })
    }
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// What a child does; nothing in the ordinary run of all tests.
fn child(stdin: bool) {
    let [Ok(file), Ok(user), Ok(result)] = VARIABLES.map(std::env::var) else {
        return;
    };
    let outcome = run(Path::new(&file), &user, stdin, false).err();
    fs::write(result, outcome.as_deref().unwrap_or("done")).expect("written");
}

#[test]
fn child_with_stdin() {
    child(true);
}

#[test]
fn child_with_terminal() {
    child(false);
}

fn fits(path: &Path, user: &str, password: &str) -> bool {
    let text = fs::read(path).expect("there");
    let users = Users::parse(&text).expect("good");
    users.verify(user.as_bytes(), password.as_bytes()).is_some()
}

#[test]
fn a_new_file_is_the_owners_alone() {
    let scratch = Scratch::new();
    assert_eq!(scratch.stdin(&[], "admin", b"pass word\n"), Some(Ok(())));
    let text = fs::read_to_string(scratch.file()).expect("there");
    assert!(text.starts_with("admin:$6$") && text.ends_with('\n') && text.lines().count() == 1, "{text}");
    assert!(fits(&scratch.file(), "admin", "pass word"));
    assert_eq!(fs::metadata(scratch.file()).expect("there").mode() & 0o7777, 0o600);
    assert_eq!(scratch.names(), ["passwd"]);
    // A password without a line end, and no more than the first line.
    assert_eq!(scratch.stdin(&[], "admin", b"one"), Some(Ok(())));
    assert!(fits(&scratch.file(), "admin", "one"));
    assert_eq!(scratch.stdin(&[], "admin", b"two\nthree\n"), Some(Ok(())));
    assert!(fits(&scratch.file(), "admin", "two"));
}

#[test]
fn other_lines_stay_byte_for_byte() {
    let scratch = Scratch::new();
    for (before, user, start, end) in [
        (
            format!("# c\n\na:{SECRET}\n\n  # admin:x\nb:{SECRET}\n"),
            "a",
            "# c\n\na:$6$",
            format!("\n\n  # admin:x\nb:{SECRET}\n"),
        ),
        (format!("a:{SECRET}\r\nab:{SECRET} \n"), "ab", &*format!("a:{SECRET}\r\nab:$6$"), "\n".into()),
        (format!("#a:{SECRET}\nab:{SECRET}"), "a", &*format!("#a:{SECRET}\nab:{SECRET}\na:$6$"), "\n".into()),
        (String::new(), "a", "a:$6$", "\n".into()),
        // Its own line may be one the daemon would refuse.
        (format!("a:$1$x$y\nb:{SECRET}\n"), "a", "a:$6$", format!("\nb:{SECRET}\n")),
    ] {
        let path = scratch.write(&before);
        assert_eq!(scratch.stdin(&[], user, b"new\n"), Some(Ok(())), "{before:?}");
        let text = fs::read_to_string(&path).expect("there");
        assert!(text.starts_with(start) && text.ends_with(&end), "{before:?} became {text:?}");
        assert_eq!(text.len(), start.len() + 103 + end.len(), "{before:?} became {text:?}");
        assert!(fits(&path, user, "new"));
    }
}

#[test]
fn delete_takes_exactly_that_line() {
    let scratch = Scratch::new();
    for (before, after) in [
        (format!("# c\nab:{SECRET}\na:{SECRET}\n#a:{SECRET}\n"), format!("# c\nab:{SECRET}\n#a:{SECRET}\n")),
        (format!("b:{SECRET}\na:{SECRET}"), format!("b:{SECRET}\n")),
        (format!("a:{SECRET}\n"), String::new()),
        (format!("a:not a hash\nb:{SECRET}\n"), format!("b:{SECRET}\n")),
    ] {
        let path = scratch.write(&before);
        run(&path, "a", false, true).unwrap_or_else(|error| panic!("{before:?}: {error}"));
        assert_eq!(fs::read_to_string(&path).expect("there"), after);
        let error = run(&path, "a", false, true).expect_err("gone");
        assert!(error.contains("there is no user \"a\""), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("there"), after);
    }
    fs::remove_file(scratch.file()).expect("there");
    assert!(run(&scratch.file(), "a", false, true).is_err());
    assert_eq!(scratch.names(), [""; 0], "deleting made a file");
}

#[test]
fn what_is_refused_leaves_the_file_alone() {
    let scratch = Scratch::new();
    let good = format!("a:{SECRET}\n");
    let many = (0..USERS).map(|n| format!("{n}:{SECRET}\n")).collect::<String>();
    let large = format!("#{}\n", "x".repeat(PASSWORD_FILE_BYTES - 3));
    let long = [vec![b'p'; PASSWORD_BYTES + 1], b"\n".to_vec()].concat();
    for (text, user, input, part) in [
        (&good, "", &b"x\n"[..], "needs a character"),
        (&good, "b:c", b"x\n", "no ':'"),
        (&good, "#b", b"x\n", "no '#'"),
        (&good, "b\nc", b"x\n", "no control character"),
        (&good, "b\x1b", b"x\n", "\"b\\u{1b}\""),
        (&good, " b", b"x\n", "no blank"),
        (&good, "123456789012345678901234567890123", b"x\n", "longer than 32"),
        (&good, "a", b"\n", "empty password"),
        (&good, "a", b"", "empty password"),
        (&good, "a", b"x\r\n", "no control characters"),
        (&good, "a", b"x\0y\n", "no control characters"),
        (&good, "a", &long, "128 bytes at most"),
        (&"b\n".to_owned(), "a", b"x\n", "line 1: it is not user:hash"),
        (&"a:x\nb:x\n".to_owned(), "a", b"x\n", "line 1: the hash is none of"),
        (&format!("{good}{good}"), "a", b"x\n", "more than one line"),
        (&many, "a", b"x\n", "more than 32 users"),
        (&large, "a", b"x\n", "would be too large"),
        (&format!("{large}x"), "a", b"x\n", "too large"),
    ] {
        let path = scratch.write(text);
        let inode = fs::metadata(&path).expect("there").ino();
        let error = scratch.stdin(&[], user, input).expect("not killed").expect_err(part);
        assert!(error.contains(part), "{user:?} {input:?}: {error}");
        assert_eq!(&fs::read_to_string(&path).expect("there"), text);
        assert_eq!(fs::metadata(&path).expect("there").ino(), inode);
        assert_eq!(scratch.names(), ["passwd"]);
    }
    // A password as long as may be is taken, with its line end and without.
    for end in [&b"\n"[..], b""] {
        assert_eq!(scratch.write(&good), scratch.file());
        assert_eq!(scratch.stdin(&[], "a", &[&long[..PASSWORD_BYTES], end].concat()), Some(Ok(())));
        assert!(fits(&scratch.file(), "a", &"p".repeat(PASSWORD_BYTES)));
    }
    fs::remove_file(scratch.file()).expect("there");
    fs::create_dir(scratch.file()).expect("a directory in its place");
    let error = scratch.stdin(&[], "a", b"x\n").expect("not killed").expect_err("a directory");
    assert!(error.contains("not an ordinary file"), "{error}");
}

#[test]
fn owner_and_mode_stay() {
    let scratch = Scratch::new();
    let path = scratch.write(&format!("a:{SECRET}\n"));
    let root = rctd::sys::effective_uid() == 0;
    if root {
        std::os::unix::fs::chown(&path, Some(4711), Some(4712)).expect("root may");
    }
    for mode in [0o600, 0o640, 0o644, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("own file");
        let before = fs::metadata(&path).expect("there");
        assert_eq!(scratch.stdin(&[], "a", b"x\n"), Some(Ok(())));
        let after = fs::metadata(&path).expect("there");
        assert_ne!(after.ino(), before.ino(), "it was written in place");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    }
    assert!(!root || fs::metadata(&path).expect("there").uid() == 4711);
}

#[test]
fn a_link_stays_and_its_file_is_replaced() {
    let scratch = Scratch::new();
    let real = scratch.0.path().join("real");
    for target in [Path::new("../real").to_owned(), real.clone()] {
        let _ = fs::remove_file(scratch.file());
        symlink(&target, scratch.file()).expect("a link");
        for exists in [false, true] {
            assert_eq!(real.exists(), exists, "{target:?}");
            assert_eq!(scratch.stdin(&[], "a", b"x\n"), Some(Ok(())));
            assert!(fits(&real, "a", "x"));
            assert_eq!(fs::read_link(scratch.file()).expect("still a link"), target);
            assert_eq!(scratch.names(), ["passwd"]);
        }
        fs::remove_file(&real).expect("there");
    }
    fs::remove_file(scratch.file()).expect("there");
    symlink("passwd", scratch.file()).expect("a link to itself");
    let error = scratch.stdin(&[], "a", b"x\n").expect("not killed").expect_err("a loop");
    assert!(error.contains("too many symbolic links"), "{error}");
}

#[test]
fn a_crash_leaves_the_old_file_or_the_new_one() {
    if !has("strace") {
        return skip("strace is not installed");
    }
    let old = format!("# c\na:{SECRET}\n");
    // Killed as it enters each call in turn; the second fsync is the directory's, after the rename.
    for (calls, new) in [
        ("fchown", false),
        ("fchmod", false),
        ("fsync:when=1", false),
        ("?rename,?renameat,renameat2", false),
        ("fsync:when=2", true),
    ] {
        let scratch = Scratch::new();
        let path = scratch.write(&old);
        if calls == "fchown" {
            // Only a file of another owner is given away.
            if std::os::unix::fs::chown(&path, Some(4711), None).is_err() {
                continue;
            }
        }
        let (names, when) =
            calls.split_once(':').map_or((calls, String::new()), |(n, w)| (n, format!(":{w}")));
        let log = scratch.0.path().join("log");
        let wrapper = |what: &str| {
            let inject = format!("inject={names}:{what}{when}");
            ["strace", "-f", "-qq", "-o", log.to_str().expect("ASCII"), "-e", &inject].map(str::to_owned)
        };
        let killed = wrapper("signal=KILL");
        assert_eq!(
            scratch.stdin(&killed.each_ref().map(String::as_str), "a", b"new\n"),
            None,
            "{calls}: it was not killed"
        );
        assert_eq!(fits(&path, "a", "secret"), !new, "{calls}");
        assert_eq!(fits(&path, "a", "new"), new, "{calls}");
        assert!(new || fs::read_to_string(&path).expect("there") == old, "{calls}");
        assert_eq!(scratch.names().len(), if new { 1 } else { 2 }, "{calls}: {:?}", scratch.names());
        // What is left over is nobody else's to read, and does not stop the next run.
        let mode =
            |name: &str| fs::metadata(scratch.0.path().join("d").join(name)).expect("there").mode() & 0o7777;
        for name in scratch.names() {
            assert!([0o600, mode("passwd")].contains(&mode(&name)), "{calls}: {name}");
        }
        assert_eq!(scratch.stdin(&[], "a", b"next\n"), Some(Ok(())), "{calls}");
        assert!(fits(&path, "a", "next"));

        // The same call failing is an error, and leaves nothing.
        let scratch = Scratch::new();
        let path = scratch.write(&old);
        if calls == "fchown" {
            std::os::unix::fs::chown(&path, Some(4711), None).expect("it worked before");
        }
        let log = scratch.0.path().join("log");
        let inject = format!("inject={names}:error=EIO{when}");
        let failing = ["strace", "-f", "-qq", "-o", log.to_str().expect("ASCII"), "-e", &inject];
        let error = scratch.stdin(&failing, "a", b"new\n").expect("not killed").expect_err(calls);
        // It tells whether the file is the new one already.
        let said = if new { error.contains("passwd was changed") } else { error.starts_with("can't write") };
        assert!(said && error.contains("Input/output error"), "{calls}: {error}");
        assert_eq!(fits(&path, "a", "new"), new, "{calls}");
        assert_eq!(scratch.names(), ["passwd"], "{calls}");
    }
}

/// Runs the program in its arguments on a terminal of its own; answers each prompt with the next of the words in
/// ANSWERS, given as JSON; prints what the terminal showed and whether its echo was on at each prompt and at the end.
const TERMINAL: &str = r#"
import fcntl, json, os, select, signal, sys, termios, time
answers = json.loads(os.environ['ANSWERS'])
master, slave = os.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    # The test harness has a second thread, which would take Ctrl-C and die; the real program has none.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    os.execv(sys.argv[1], sys.argv[1:])
echo = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
shown, echoes, deadline = b'', [], time.time() + 30
done = False
while time.time() < deadline and not done:
    done = os.waitpid(pid, os.WNOHANG)[0] == pid
    while select.select([master], [], [], 0.05)[0]:
        shown += os.read(master, 4096)
    if answers and shown.count(b': ') > len(echoes) and (b'password for' in shown):
        echoes.append(echo())
        os.write(master, answers.pop(0).encode())
print(json.dumps([done, shown.decode(), echoes, echo()]))
"#;

/// The terminal's text, echo at each prompt, echo at the end; and what came of it.
fn on_terminal(scratch: &Scratch, answers: &str) -> (String, String) {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL]).arg(std::env::current_exe().expect("own path")).env("ANSWERS", answers);
    let output = scratch.child(command, "admin", "child_with_terminal").output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result = fs::read_to_string(scratch.0.path().join("result")).expect("a result");
    (String::from_utf8(output.stdout).expect("JSON"), result)
}

#[test]
fn a_terminal_is_asked_twice_without_echo() {
    if !has("python3") {
        return skip("python3 is not installed");
    }
    for (answers, expected, echoes) in [
        (r#"["s3cr3t\n", "s3cr3t\n"]"#, "done", "[false, false], true]"),
        (r#"["s3cr3t\n", "other\n"]"#, "the two passwords differ", "[false, false], true]"),
        (r#"["\n"]"#, "an empty password", "[false], true]"),
        // Ctrl-C and Ctrl-D: the terminal gets its echo back.
        (r#"["s3cr\u0003"]"#, "interrupted", "[false], true]"),
        (r#"["s3cr3t\n", "\u0003"]"#, "interrupted", "[false, false], true]"),
        (r#"["\u0004"]"#, "no password", "[false], true]"),
        // Ctrl-Z and Ctrl-\ do nothing but become part of it, which is refused.
        (r#"["s3cr3t\u001a\u001c\n"]"#, "no control characters", "[false], true]"),
    ] {
        let scratch = Scratch::new();
        let (shown, result) = on_terminal(&scratch, answers);
        assert!(result.starts_with(expected) || result.contains(expected), "{answers}: {result}");
        assert!(shown.starts_with("[true") && shown.trim_end().ends_with(echoes), "{answers}: {shown}");
        assert!(shown.contains("New password for admin: "), "{answers}: {shown}");
        assert!(!shown.contains("s3cr"), "{answers}: {shown}");
        assert_eq!(scratch.file().exists(), result == "done", "{answers}");
        assert!(result != "done" || fits(&scratch.file(), "admin", "s3cr3t"));
    }
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    if !has("setsid") {
        return skip("setsid is not installed");
    }
    let scratch = Scratch::new();
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(std::env::current_exe().expect("own path"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = scratch.child(command, "admin", "child_with_terminal").status().expect("setsid runs");
    assert!(status.success());
    let result = fs::read_to_string(scratch.0.path().join("result")).expect("a result");
    assert!(result.contains("--stdin"), "{result}");
}
