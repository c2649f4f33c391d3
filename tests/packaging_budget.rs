//! cross/check-budget: a file over its budget is red, and so is a list with nothing built.
mod common;

use common::folder::Folder;
use std::path::Path;
use std::process::Command;

const TARGET: &str = "mips-unknown-linux-musl";

/// The budget of [`TARGET`] in cross/budget.toml.
fn budget() -> u64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/budget.toml");
    let text = std::fs::read_to_string(path).expect("cross/budget.toml");
    let line = text.lines().find(|line| line.starts_with(TARGET)).expect("a budget for mips");
    line.split('=').nth(1).expect("a number").trim().replace('_', "").parse().expect("a number")
}

/// Whether the check passes with these files in `dist`, and what it says.
fn check(dist: &Path, arguments: &[&str]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/check-budget");
    let output =
        Command::new(script).args(arguments).env("RCTD_DIST", dist).output().expect("the check to run");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_file_over_its_budget_is_red() {
    if !common::has_program("python3") {
        return common::skip("python3 is not installed");
    }
    let folder = Folder::new();
    let dist = folder.path();
    let (passed, said) = check(dist, &["--built"]);
    assert!(!passed && said.contains("nothing was built"), "{said}");
    let file = std::fs::File::create(dist.join(format!("rctd-{TARGET}"))).expect("a file");
    for (bytes, right) in [(budget(), true), (budget() + 1, false)] {
        file.set_len(bytes).expect("a file of that length");
        let (passed, said) = check(dist, &["--built"]);
        assert_eq!((passed, said.contains("TOO BIG")), (right, !right), "{said}");
    }
    file.set_len(1).expect("a file of that length");
    let (passed, said) = check(dist, &[]);
    assert!(!passed && said.contains("MISSING"), "all are to be there: {said}");
}
