//! The manual page and `rctd --help` name the same options, and mandoc finds nothing wrong with the page.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[path = "openwrt/support.rs"]
mod support;

const PAGE: &str = "docs/rctd.8";

/// `--name` of each long option that a text of the program's own names.
fn long_options(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.len() > 2 && word.starts_with("--"))
        .map(str::to_owned)
        .collect()
}

/// The letters of the short options, `-x`, in a text.
fn short_options(text: &str) -> BTreeSet<char> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter_map(|word| {
            let mut letters = word.strip_prefix('-')?.chars();
            let letter = letters.next().filter(|letter| *letter != '-')?;
            letters.next().is_none().then_some(letter)
        })
        .collect()
}

/// The options the page has an item for, as the program would spell them: `.It Fl l , Fl -listen` is `-l, --listen`.
fn documented(page: &str) -> String {
    page.lines()
        .filter(|line| line.starts_with(".It Fl "))
        .map(|line| line.replace("Fl ", "-") + "\n")
        .collect()
}

fn page() -> String {
    let path = format!("{}/{PAGE}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("the manual page is part of the repository")
}

/// What the program prints.
fn help(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_rctd")).args(arguments).output().expect("the program can be run");
    assert!(output.status.success(), "rctd {arguments:?} ended with {}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg_attr(
    not(all(feature = "shell", feature = "metrics")),
    ignore = "the page is that of the whole program"
)]
#[test]
fn help_and_page_name_the_same_options() {
    let mut help = help(&["--help"]);
    assert!(help.contains("--listen"), "rctd --help does not list its options: {help:?}");
    for command in ["list", "summary", "top", "kill", "call"] {
        help += &self::help(&[command, "--help"]);
    }

    let page = documented(&page());
    assert_eq!(long_options(&help), long_options(&page), "--help (left) against {PAGE} (right)");
    assert_eq!(short_options(&help), short_options(&page), "--help (left) against {PAGE} (right)");
}

#[test]
fn every_part_of_the_page_is_there() {
    let page = page();
    let sections = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "SIGNALS",
        "FILES",
        "EXIT STATUS",
        "EXAMPLES",
        "DIAGNOSTICS",
        "SEE ALSO",
        "SECURITY CONSIDERATIONS",
    ];
    for section in sections {
        assert!(page.contains(&format!("\n.Sh {section}\n")), "{PAGE} has no section {section}");
    }
}

#[test]
fn mandoc_finds_nothing_wrong() {
    let Some(output) = support::tool("mandoc", &["-Tlint", "-Wstyle", PAGE], "mandoc") else {
        return;
    };
    // Whether the pages that this one refers to are installed says nothing about this one.
    let told: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .chain(String::from_utf8_lossy(&output.stderr).lines())
        .filter(|line| !line.contains("mandoc.db") && !line.contains("referenced manual not found"))
        .map(str::to_owned)
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// The page as mandoc prints it has every fault of the contract and each word the options take.
#[test]
fn words_and_codes_are_in_the_page() {
    let page = page();
    for code in ["-32700", "-32600", "-32601", "-32602", "-32603"] {
        assert!(page.contains(&format!("\n.It {code}\n")), "{PAGE} has no fault {code}");
    }
    for code in 1..=7 {
        assert!(page.contains(&format!("\n.It {code}\n")), "{PAGE} has no fault {code}");
    }
    for words in
        ["none | file\\&: Ns Ar path | shadow", "double | i8 | string", "error | warn | info | debug"]
    {
        assert!(page.contains(words), "{PAGE} does not show {words}");
    }
}

#[test]
fn options_are_told_from_words() {
    let help = "-l, --listen ADDR:PORT|unix:PATH   default; see well-known --auth.\n-V, --version -- x-y -ab";
    let long: Vec<_> = long_options(help).into_iter().collect();
    assert_eq!(long, ["--auth", "--listen", "--version"]);
    assert_eq!(short_options(help).into_iter().collect::<String>(), "Vl");
    let page = documented(".It Fl l , Fl -listen Ar address\n.Fl -never\n.It Fl -auth Cm none\n");
    assert_eq!(long_options(&page).into_iter().collect::<Vec<_>>(), ["--auth", "--listen"]);
    assert_eq!(short_options(&page).into_iter().collect::<String>(), "l");
}
