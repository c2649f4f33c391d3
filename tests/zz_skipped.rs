//! Says in one list what the tests before this one left out. Its name makes it the last of them: cargo runs the test
//! programs in the order of their names.
#[path = "common/skipped.rs"]
#[allow(dead_code, reason = "what is skipped is written elsewhere")]
mod skipped;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// For each reason the tests that it kept from running; lines of other runs don't count.
fn by_reason<'a>(lines: &'a str, run: &str) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in lines.lines() {
        let parts: Vec<&str> = line.splitn(3, '\t').collect();
        match parts[..] {
            [of, test, reason] if of == run => found.entry(reason).or_default().insert(test),
            _ => continue,
        };
    }
    found
}

#[test]
fn what_was_skipped() {
    let Some(path) = skipped::path() else { return };
    let lines = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    let found = by_reason(&lines, &skipped::run());
    let mut text = match found.len() {
        0 => "No test was skipped.\n".to_owned(),
        _ => "\nNot tested, as something is missing here (README.md, Tests, has the packages):\n".to_owned(),
    };
    for (reason, tests) in found {
        let tests: Vec<&str> = tests.into_iter().collect();
        text += &format!("- {reason}: {}\n", tests.join(", "));
    }
    // Not by eprint!, which cargo would hide.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[test]
fn lines_are_grouped_and_other_runs_left_out() {
    let lines = "7\ta\tno php\n8\told\tno php\n7\tc\tno nft\n7\tb\tno php\n7\ta\tno php\n7\tcut";
    let wanted = [("no nft", vec!["c"]), ("no php", vec!["a", "b"])];
    let wanted = wanted.map(|(reason, tests)| (reason, tests.into_iter().collect()));
    assert_eq!(by_reason(lines, "7"), BTreeMap::from(wanted));
    assert!(by_reason(lines, "9").is_empty());
}
