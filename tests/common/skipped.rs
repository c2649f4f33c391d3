//! What could not be tested here, for want of a program or a right. cargo hides what a passed test says, so it is also
//! kept in a file, out of which `tests/zz_skipped.rs`, the last of the test programs, makes one list.
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The run that a test belongs to, for a test program that another one has started.
pub const RUN: &str = "RCTD_TEST_RUN";

/// Says that a test was skipped and why; with `RCTD_TEST_STRICT=1` (as in CI) that is a failure.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(!strict(), "{name} can't run here, and RCTD_TEST_STRICT is set: {reason}");
    eprintln!("skipped: {name}: {reason}");
    note(&name, reason);
}

/// Whether what can't be tested is a failure.
pub fn strict() -> bool {
    std::env::var("RCTD_TEST_STRICT").is_ok_and(|value| value == "1")
}

/// Keeps a line for the list.
pub fn note(test: &str, reason: &str) {
    let line = format!("{}\t{test}\t{}\n", run(), reason.replace(['\t', '\n'], " "));
    // One write to the end, so that test programs beside each other don't cut each other's lines. Where the folder is
    // not, on another machine than the one that built this, there is no list either.
    if let Some(path) = path() {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// A name for this run of `cargo test`: the process that starts all test programs is the same in no other.
pub fn run() -> String {
    std::env::var(RUN).unwrap_or_else(|_| std::os::unix::process::parent_id().to_string())
}

/// Where the lines are kept.
pub fn path() -> Option<PathBuf> {
    option_env!("CARGO_TARGET_TMPDIR").map(|folder| PathBuf::from(folder).join("skipped"))
}
