//! The programs in the documentation, run against the daemon, a namespace and a small network each; and its tables,
//! compared with what the program has.
#[path = "docs/blocks.rs"]
mod blocks;
mod common;
#[path = "docs/facts.rs"]
mod facts;
#[path = "docs/scene.rs"]
mod scene;

use blocks::{Block, programs};
use common::daemon::{Daemon, program};
use common::folder::Folder;
use common::namespace::in_namespace;
use common::{has_program, skip};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the examples call, each in a namespace whose port 8000 is free.
const LISTEN: &[&str] = &["127.0.0.1:8000"];
/// The examples' own connections to the daemon are not to be seen by them.
const IGNORE: &[&str] = &["--ignore", "127.0.0.0/8"];
/// The files that have examples.
const FILES: [&str; 3] = ["docs/MIGRATING.md", "docs/API.md", "README.md"];
/// One example takes a fraction of a second, more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn python_examples() {
    examples("python", &["python3"], &["-c", "import xmlrpc.client"], 33);
}

#[test]
fn php_examples() {
    // Notices are failures too: they are how PHP says that a member is not there.
    let php = ["php", "-d", "error_reporting=-1", "-d", "display_errors=stderr", "-d", "log_errors=0"];
    examples("php", &php, &["-r", "exit(extension_loaded('xmlrpc') ? 0 : 1);"], 31);
}

#[test]
fn shell_examples() {
    examples("sh", &["sh", "-eu"], &["-c", "command -v python3 nft"], 3);
}

/// Runs all blocks of a language; fewer than `least` means that they are not found any more.
fn examples(language: &str, interpreter: &[&str], probe: &[&str], least: usize) {
    let blocks: Vec<Block> = FILES.iter().flat_map(|file| programs(file, language)).collect();
    assert!(blocks.len() >= least, "only {} blocks of {language}", blocks.len());
    // What a build leaves out it can't show.
    let blocks = blocks.iter().filter(|block| cfg!(feature = "metrics") || !block.has("metrics"));
    let program = interpreter[0];
    if !has_program(program) {
        return skip(&format!("{program} is not installed"));
    }
    let probed = Command::new(program).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probed.is_ok_and(|status| status.success()) {
        return skip(&format!("{program} lacks what the examples use: {}", probe.join(" ")));
    }
    in_namespace(|ns| {
        if let Err(missing) = scene::prepare() {
            return skip(&missing);
        }
        let folder = Folder::new();
        for block in blocks {
            let _scene = scene::populate(ns).unwrap_or_else(|error| panic!("{error}"));
            let daemon = Daemon::start_on(
                LISTEN,
                &arguments(block, folder.path()).iter().map(String::as_str).collect::<Vec<_>>(),
            );
            let mut command = Command::new(program);
            command.args(&interpreter[1..]).current_dir(folder.path());
            check(block, command.arg(script(block, folder.path())));
            drop(daemon);
        }
    });
}

fn script(block: &Block, folder: &Path) -> std::path::PathBuf {
    let path = folder.join("example");
    std::fs::write(&path, &block.text).expect("the example to be written");
    path
}

/// The daemon's options for a block, by the words on its fence.
fn arguments(block: &Block, folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = IGNORE.iter().map(|&text| text.to_owned()).collect();
    if block.has("auth") {
        let file = folder.join("passwd");
        set_password(&file);
        all.extend(["--auth".to_owned(), format!("file:{}", file.display())]);
    }
    if block.has("metrics") {
        all.extend(["--metrics=table", "--metrics-hosts", "192.168.1.0/24"].map(str::to_owned));
    }
    if block.has("users") {
        let file = folder.join("names");
        std::fs::write(&file, "root:x:0:0::/:/bin/sh\nalice:x:256:256::/:/bin/sh\n")
            .expect("a file of names");
        let path = file.display().to_string();
        all.extend(["--uid-mask".to_owned(), "0xffff".to_owned(), "--passwd-file".to_owned(), path]);
    }
    if block.has("names") {
        let file = folder.join("hosts");
        std::fs::write(&file, "192.168.1.10 office-printer\n192.168.1.1 router\n").expect("a file of names");
        all.extend(["--hosts".to_owned(), file.display().to_string()]);
    }
    all
}

/// A password file with the user of the examples.
fn set_password(file: &Path) {
    let mut command = Command::new(program());
    let arguments = ["passwd".as_ref(), file.as_os_str(), "admin".as_ref(), "--stdin".as_ref()];
    let mut child = command.args(arguments).stdin(Stdio::piped()).spawn().expect("rctd passwd to run");
    child.stdin.take().expect("a pipe").write_all(b"secret\n").expect("the password to be read");
    assert!(child.wait().expect("its end").success(), "rctd passwd fails");
}

/// It ends well, says nothing on stderr, and prints what it promises, in that order.
fn check(block: &Block, command: &mut Command) {
    let (well, out, err) = run(command);
    let place = &block.place;
    assert!(well && err.is_empty(), "{place} fails:\n{}\nprinted: {out}\nsaid: {err}", block.text);
    let mut printed = out.lines().map(str::trim);
    for promise in block.promised() {
        assert!(
            printed.any(|line| line == promise),
            "{place} does not print {promise:?} in its place:\n{out}"
        );
    }
}

/// Whether it ended well, and what it wrote to stdout and stderr.
fn run(command: &mut Command) -> (bool, String, String) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let in_time = wait(&mut child);
    let output = child.wait_with_output().expect("its output");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let err = if in_time { text(&output.stderr) } else { "it hangs".to_owned() };
    (in_time && output.status.success(), text(&output.stdout), err)
}

/// Waits for its end, or kills it. What examples print fits a pipe.
fn wait(child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if child.try_wait().expect("its state").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("to be killed");
    false
}

/// What would make the tests above pass whatever the examples do.
#[test]
fn an_example_can_fail() {
    let block = |text: &str| {
        let text = text.to_owned();
        Block { place: "here".into(), language: "sh".into(), words: Vec::new(), text }
    };
    let fails = |text: &str| {
        let block = block(text);
        std::panic::catch_unwind(|| check(&block, Command::new("sh").args(["-c", &block.text]))).is_err()
    };
    assert!(!fails("echo 1  # 1\necho 2\necho 3  # 3\n"));
    assert!(fails("exit 1"));
    assert!(fails("echo wrong >&2"));
    assert!(fails("false && echo 1  # 1\ntrue"));
    assert!(fails("echo 1  # 2\necho 2  # 1\n"));
}
