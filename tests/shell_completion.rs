//! The completion for bash has the commands and options of the program, and none that it has not.
#![cfg(feature = "shell")]
mod common;

use common::shell::{rctd, run};
use common::{has_program, skip};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const FILE: &str = "contrib/completion/rctd.bash";

/// What bash offers for the last of these words.
fn offered(words: &[&str]) -> BTreeSet<String> {
    let program = common::daemon::program();
    let folder = program.parent().expect("its folder").display().to_string();
    let script = format!(
        "PATH={folder}:$PATH; source {FILE}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); compopt() {{ :; }}; _rctd; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script, "bash"]).args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
    run(bash, "").fine().split_whitespace().map(str::to_owned).collect()
}

/// The long options that a help lists.
fn options(help: &str) -> BTreeSet<String> {
    // What is explained stands behind two spaces.
    let names = help.lines().filter_map(|line| line.trim_start().split("  ").next());
    let words = names.filter(|names| names.starts_with('-')).flat_map(str::split_whitespace);
    words.filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches(',').to_owned()).collect()
}

#[test]
fn options_are_those_of_the_program() {
    if !has_program("bash") {
        return skip("bash is not installed");
    }
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE).is_file());
    for command in ["list", "summary", "top", "kill", "call"] {
        let known = options(&rctd(&[command, "--help"]).fine());
        assert_eq!(offered(&["rctd", command, "--"]), known, "{command}: offered (left), known (right)");
        assert!(offered(&["rctd", &command[..2]]).contains(command), "{command}");
    }
    assert!(offered(&["rctd", "--lis"]).contains("--listen"));
    assert!(offered(&["rctd", "list", "tcp", "sr"]).contains("src:"));
    assert_eq!(offered(&["rctd", "summary", "--by", "serv"]), BTreeSet::from(["service".to_owned()]));
    // What follows an option is what it takes, and all of it is taken.
    for (command, option) in [("list", "-s"), ("list", "-o"), ("summary", "-s")] {
        let words = offered(&["rctd", command, option, ""]);
        assert!(words.len() > 4, "{words:?}");
        for word in words {
            let mut line = vec![command, option, &word, "--help-is-no-option"];
            line.extend(if command == "summary" { &["--by", "local"][..] } else { &[] });
            let said = rctd(&line).fails(2);
            assert!(said.contains("no option --help-is-no-option"), "{command} {option} {word}: {said}");
        }
    }
    for group in offered(&["rctd", "summary", "--by", ""]) {
        let said = rctd(&["summary", "--by", &group, "--help-is-no-option"]).fails(2);
        assert!(said.contains("no option"), "{group}: {said}");
    }
}
