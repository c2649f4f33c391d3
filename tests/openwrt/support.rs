//! What the packaging tests share: how a script's outcome becomes a test's, and tools that may be missing.

#![allow(dead_code, reason = "each test file takes what it needs of this module")]

use std::path::Path;
use std::process::{Command, Output};

/// Status by which a script says that it left something out, with the reason on its standard error.
const LEFT_OUT: i32 = 77;

/// Whether a missing tool is a failure (RCTD_TEST_STRICT=1, as in CI) instead of a skip.
fn strict() -> bool {
    std::env::var("RCTD_TEST_STRICT").is_ok_and(|value| value == "1")
}

/// Runs a program in the repository's root; `None` where it is not installed, which strict mode refuses.
///
/// `package` is the Debian package that has it.
pub fn tool(program: &str, arguments: &[&str], package: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            let reason = format!("{program} can't be run ({error}); it is in Debian's package {package}");
            assert!(!strict(), "{reason}");
            eprintln!("SKIP: {reason}");
            None
        }
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
        Some(LEFT_OUT) if !strict() => eprintln!("{path} left something out:\n{said}"),
        code => panic!("{path} ended with {code:?}:\n{said}"),
    }
}
