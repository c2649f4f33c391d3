//! What the documentation shows of the program at the shell is what it prints in the example network: the blocks of `console`
//! in README.md and docs/SHELL.md, in which `$` stands before what is typed.
#![cfg(feature = "shell")]
#[allow(dead_code)]
#[path = "docs/blocks.rs"]
mod blocks;
mod common;
#[path = "docs/scene.rs"]
mod scene;

use blocks::{Block, programs};
use common::namespace::in_namespace;
use common::pty::Terminal;
use common::shell::run;
use common::skip;
use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What differs from run to run is a `#`: numbers, and the ports of clients, but no address.
fn shape(line: &str) -> String {
    let word = |word: &str| {
        let (host, port) = word.rsplit_once(':').unwrap_or((word, ""));
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let whole = word.parse::<IpAddr>().is_ok()
            || word.split('/').next().is_some_and(|net| net.parse::<IpAddr>().is_ok());
        match port.parse::<u16>() {
            _ if whole => word.to_owned(),
            Ok(port) if address && port < 32_768 => word.to_owned(),
            Ok(_) if address => format!("{host}:#"),
            _ => numbers(word),
        }
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// The text with a `#` for each number. A time has one unit or two, a size another letter when it grows.
fn numbers(word: &str) -> String {
    let mut shown = String::new();
    for c in word.chars() {
        if !(c.is_ascii_digit() || c == '.') {
            shown.push(c);
        } else if !shown.ends_with('#') {
            shown.push('#');
        }
    }
    if ["#s", "#m#s", "#h#m", "#d#h"].contains(&shown.as_str()) { "#time".to_owned() } else { shown }
}

/// Runs a block's commands; what it should look like, and what it looks like.
fn printed(block: &Block) -> String {
    let program = common::daemon::program().display().to_string();
    let mut text = String::new();
    for typed in block.text.lines().filter(|line| line.starts_with("$ ")) {
        let mut shell = Command::new("sh");
        let command = typed[2..].replace("sudo target/release/rctd", &program).replace("sudo rctd", &program);
        shell.args(["-c", &format!("{{ {command}; }} 2>&1")]).env_remove("SSH_CONNECTION");
        text += &format!("{typed}\n{}", run(shell, "").out);
    }
    text
}

#[test]
fn what_is_shown_is_what_is_printed() {
    let blocks: Vec<Block> =
        ["README.md", "docs/SHELL.md"].iter().flat_map(|file| programs(file, "console")).collect();
    assert!(blocks.len() > 8, "only {} blocks", blocks.len());
    in_namespace(|ns| {
        if let Err(missing) = scene::prepare() {
            return skip(&missing);
        }
        let mut wrong = String::new();
        for block in &blocks {
            let _scene = scene::populate(ns).unwrap_or_else(|error| panic!("{error}"));
            let is_over = AtomicBool::new(false);
            let text = std::thread::scope(|scope| {
                // Where nothing is said of rates nothing shall move.
                if ["rate", "top"].iter().any(|word| block.text.contains(word)) {
                    scope.spawn(|| fill_the_line(&is_over));
                }
                let text = printed(block);
                is_over.store(true, Ordering::Relaxed);
                text
            });
            let shapes = |text: &str| text.lines().map(shape).collect::<Vec<_>>();
            if shapes(&text) != shapes(block.text.trim_start()) {
                wrong += &format!("{}\n{text}\n", block.place);
            }
        }
        assert!(wrong.is_empty(), "other than shown is printed:\n{wrong}");
    });
}

/// The screen of `rctd top` that the README shows is one that it draws.
#[test]
fn the_screen_of_top() {
    let readme = blocks::read("README.md");
    let (_, behind) =
        readme.split_once("target/release/rctd top` shows").expect("what the README says of top");
    let shown: Vec<&str> = behind
        .lines()
        .skip_while(|line| !line.starts_with("    "))
        .map_while(|line| line.strip_prefix("    "))
        .collect();
    in_namespace(|ns| {
        if let Err(missing) = scene::prepare() {
            return skip(&missing);
        }
        let _scene = scene::populate(ns).unwrap_or_else(|error| panic!("{error}"));
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| fill_the_line(&is_over));
            let mut top = Command::new(common::daemon::program());
            top.arg("top").env("TERM", "xterm");
            let terminal = Terminal::start(top, (12, 100));
            let drawn =
                terminal.until("a rate", |lines| lines[0].contains("kbit/s") && lines[0].contains("+0/s"));
            is_over.store(true, Ordering::Relaxed);
            let shapes = |lines: &[&str]| lines.iter().map(|line| shape(line)).collect::<Vec<_>>();
            let drawn: Vec<&str> = drawn.iter().map(String::as_str).collect();
            assert_eq!(shapes(&drawn).get(..4), shapes(&shown).get(..4), "{}", drawn.join("\n"));
            assert_eq!(drawn.last(), shown.last(), "{}", drawn.join("\n"));
        });
    });
}

/// Somebody watches a film over QUIC: 192.168.1.20 gets it from 203.0.113.9, some 800 kbit/s.
fn fill_the_line(is_over: &AtomicBool) {
    let far = UdpSocket::bind("203.0.113.9:443").expect("a port");
    let near = UdpSocket::bind("192.168.1.20:50000").expect("a port");
    near.connect("203.0.113.9:443").expect("a route");
    near.send(&[0; 50]).expect("a call");
    while !is_over.load(Ordering::Relaxed) {
        let _ = far.send_to(&[0; 1000], "192.168.1.20:50000");
        let _ = near.send(&[0; 20]);
        std::thread::sleep(Duration::from_millis(10));
    }
}
