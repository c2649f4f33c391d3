//! cross/crates: a licence that does not go with ours is red, and the bill of materials has what is in the program.
mod common;

use common::folder::Folder;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Licences of a crate that the program needs, and whether it may have them.
const LICENCES: [(&str, bool); 9] = [
    ("MIT", true),
    ("Apache-2.0 OR MIT", true),
    ("MIT/Apache-2.0", true),
    ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
    ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
    ("Apache-2.0", false),
    ("MIT AND Apache-2.0", false),
    ("(MIT OR Apache-2.0) AND Apache-2.0", false),
    ("GPL-3.0-only", false),
];

/// Runs the script on a manifest.
fn crates(manifest: &Path, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/crates");
    let mut command = Command::new(script);
    command.args(arguments).env("RCTD_MANIFEST", manifest).env("CARGO", env!("CARGO"));
    command.output().expect("the script to run")
}

/// A project that needs one crate, with this line about its licence.
fn project(folder: &Path, licence: &str) {
    let package = "[package]\nversion = \"1.0.0\"\nedition = \"2024\"\n";
    let needed = folder.join("needed");
    for place in [folder, &needed] {
        fs::create_dir_all(place.join("src")).expect("a folder");
        fs::write(place.join("src/lib.rs"), "").expect("a file");
    }
    let program = format!(
        "{package}name = \"program\"\nlicense = \"GPL-2.0-or-later\"\n[dependencies]\nneeded = {{ path = \"needed\" }}\n"
    );
    fs::write(folder.join("Cargo.toml"), program).expect("a manifest");
    fs::write(needed.join("Cargo.toml"), format!("{package}name = \"needed\"\n{licence}\n"))
        .expect("a manifest");
    let mut lock = Command::new(env!("CARGO"));
    lock.args(["generate-lockfile", "--offline", "--quiet"]).current_dir(folder);
    assert!(lock.status().expect("cargo to run").success());
}

#[test]
fn a_licence_that_does_not_go_with_ours_is_red() {
    if !common::has_program("python3") {
        return common::skip("python3 is not installed");
    }
    let folder = Folder::new();
    let manifest = folder.path().join("Cargo.toml");
    for (licence, right) in LICENCES {
        project(folder.path(), &format!("license = \"{licence}\""));
        // The two that print stop as well, rather than give out what may not be.
        for action in ["check", "sbom"] {
            let output = crates(&manifest, &[action]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(right || said.contains(licence), "{licence}: {said}");
            assert!(!right || action != "check" || output.status.success(), "{licence}: {said}");
            assert!(right || output.stdout.is_empty() && output.status.code() == Some(1), "{licence}");
        }
    }
    project(folder.path(), "");
    assert!(!crates(&manifest, &["check"]).status.success(), "a crate without a licence");
}

#[test]
fn our_crates_are_as_we_have_them_and_in_the_bill() {
    if !common::has_program("python3") {
        return common::skip("python3 is not installed");
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    for action in ["check", "sbom", "notices"] {
        let output = crates(&manifest, &[action]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{action}: {}", String::from_utf8_lossy(&output.stderr));
        // What is linked in, and neither another system's nor what only runs while it is built.
        match action {
            "sbom" => {
                assert!(said.contains("pkg:cargo/mio@") && said.contains("\"musl\""), "{said}");
                assert!(
                    !said.contains("pkg:cargo/windows-sys@") && !said.contains("pkg:cargo/syn@"),
                    "{said}"
                );
            }
            "notices" => assert!(said.contains("Carl Lerche") && said.contains("Rich Felker"), "{said}"),
            _ => {}
        }
    }
}
