//! docs/SECURITY.md names a test behind each promise: they all exist.
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../docs/SECURITY.md");

/// The last cell of each row of the tables of promises.
fn cells() -> Vec<&'static str> {
    let mut cells = Vec::new();
    let mut within = false;
    for line in PAGE.lines() {
        within = line.starts_with("| promise |") || (within && line.starts_with('|'));
        if within && !line.starts_with("| promise |") && !line.starts_with("|---") {
            cells.push(line.trim_end_matches('|').rsplit('|').next().expect("a cell").trim());
        }
    }
    cells
}

/// Fails unless the function, or with an empty name the file, is there.
fn exists(file: &Path, function: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    assert!(
        function.is_empty() || text.contains(&format!("fn {function}(")),
        "{} has no test {function}",
        file.display()
    );
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests");
    let cells = cells();
    assert!(cells.len() > 30, "only {} promises were found", cells.len());
    let mut tests = 0;
    for cell in cells {
        if cell == "the same two" || cell.starts_with("the lints") {
            continue;
        }
        for part in cell.split(';') {
            let (file, names) = part.trim().trim_start_matches('`').split_once('`').expect(cell);
            for name in names.split(',').map(str::trim) {
                match (file, name.split_once("::")) {
                    ("hostile", Some((module, name))) => {
                        exists(&folder.join(format!("hostile/{module}.rs")), name);
                    }
                    _ if file.starts_with("src/") => exists(&root.join(file), name),
                    _ => exists(&folder.join(file), name),
                }
                tests += 1;
            }
        }
    }
    assert!(tests > 40, "only {tests} tests were looked for");
    for left_open in ["TODO", "CONNRUNS", "SOAKRESULT"] {
        assert!(!PAGE.contains(left_open), "{left_open} is left");
    }
}
