//! What the packaging tests share: how a script's outcome becomes a test's, and tools that may be missing.

#![allow(dead_code, reason = "each test file takes what it needs of this module")]

#[path = "../common/skipped.rs"]
mod skipped;

use skipped::{note, strict};
use std::path::Path;
use std::process::{Command, Output};

/// Status by which a script says that it left something out, with the reason on its standard error.
const LEFT_OUT: i32 = 77;

/// Runs a program in the repository's root; `None` where it is not installed, which strict mode refuses.
///
/// `package` is the Debian package that has it.
pub fn tool(program: &str, arguments: &[&str], package: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped::skip(&format!("{program} is not installed (Debian's package {package})"));
            None
        }
        Err(error) => panic!("{program} can't be run: {error}"),
    }
}

/// Runs a test script of the repository with the daemon's path in RCTD_BIN; it must end with 0, or say what it left
/// out.
pub fn script(path: &str, arguments: &[&str]) {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let output = Command::new(&full)
        .args(arguments)
        .env("RCTD_BIN", env!("CARGO_BIN_EXE_rctd"))
        .output()
        .unwrap_or_else(|error| panic!("{path} can't be run: {error}"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0) => println!("{said}"),
        Some(LEFT_OUT) if !strict() => {
            eprintln!("{path} left something out:\n{said}");
            // A line `SKIP: WHAT: WHY` for each thing.
            let lines = said.lines().filter_map(|line| line.strip_prefix("SKIP: ")?.split_once(": "));
            lines.for_each(|(what, why)| note(what, why));
        }
        code => panic!("{path} ended with {code:?}:\n{said}"),
    }
}
