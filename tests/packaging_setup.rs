//! cross/setup says what it installs before it does, and installs nothing for a word that it does not know.
mod common;

use common::folder::Folder;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs the script where no toolchain is found, with an apt-get that keeps what had been said until then, and fails.
/// What the script said, and what apt-get had seen of it, if it was called.
fn setup(folder: &Path, arguments: &[&str]) -> (String, Option<String>) {
    let (said, seen) = (folder.join("said"), folder.join("seen"));
    // It calls apt-get through sudo where it is not root.
    let stubs = [
        ("apt-get", format!("cp '{}' '{}'; exit 1", said.display(), seen.display())),
        ("sudo", "exec \"$@\"".to_owned()),
    ];
    for (name, body) in stubs {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a program of ours");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("our file");
    }
    let _ = fs::remove_file(&seen);
    let output = fs::File::create(&said).expect("a file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/setup");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a PATH"));
    let mut command = Command::new(script);
    command.args(arguments).env("PATH", path).env("RCTD_RUSTC", "/nonexistent");
    let errors = output.try_clone().expect("a second descriptor");
    let status = command.stdout(output).stderr(errors).status().expect("bash to run it");
    let said = fs::read_to_string(said).expect("what it said");
    assert!(!status.success(), "{said}");
    (said, fs::read_to_string(seen).ok())
}

#[test]
fn what_is_installed_is_said_before() {
    let folder = Folder::new();
    let (said, seen) = setup(folder.path(), &[]);
    let seen = seen.unwrap_or_else(|| panic!("apt-get was not called: {said}"));
    assert!(
        seen.contains("apt-get") && seen.contains("rust-web-src"),
        "said before: {seen:?}, in all: {said}"
    );
    let (said, seen) = setup(folder.path(), &["--qemu", "--bogus"]);
    assert!(said.contains("--bogus") && seen.is_none(), "{said}: {seen:?}");
}
