//! The fuzz targets on a stable compiler: each over its seeds and the fixtures, and then over damaged copies of them, the
//! same ones every time, for RCTD_FUZZ_SECONDS seconds (2 if that is not set).
#[path = "common/random.rs"]
mod random;
#[path = "../fuzz/src/lib.rs"]
mod targets;

use random::Random;
use std::path::Path;
use std::time::{Duration, Instant};

/// The files of a folder; a folder that is not there, or is empty, fails the test.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|p| p.is_file()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

/// A copy with some damage, or with a part of another seed in it.
fn damaged(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(7) {
            0 => bytes.insert(at, random.next() as u8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len().max(1));
                bytes.splice(at..end, other[from..(from + 60).min(other.len())].to_vec());
            }
            5 if at < bytes.len() => {
                bytes[at] = [0, 0xff, b'\r', b'\n', b':', b'<', b'0', b'\t'][random.below(8)]
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}

/// Plays the seeds of `folders`, and damaged ones while there is time.
fn play(folders: &[&str], target: fn(&[u8])) {
    let seeds: Vec<Vec<u8>> = folders.iter().flat_map(|folder| files(folder)).collect();
    seeds.iter().for_each(|seed| target(seed));
    let seconds =
        std::env::var("RCTD_FUZZ_SECONDS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let (began, time) = (Instant::now(), Duration::from_secs(seconds));
    let (mut random, mut count) = (Random::new(1), 0);
    while began.elapsed() < time {
        let bytes = damaged(&mut random, &seeds);
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        if let Err(panic) = outcome {
            eprintln!("the input, number {count}: {}", bytes.escape_ascii());
            std::panic::resume_unwind(panic);
        }
        count += 1;
    }
    eprintln!("{} seeds and {count} damaged copies", seeds.len());
    assert!(count > 0 || seconds == 0);
}

#[test]
fn http_head() {
    play(&["fuzz/seeds/http_head", "tests/fixtures/http"], targets::http_head::run);
}

#[test]
fn http_chunks() {
    play(&["fuzz/seeds/http_chunks"], targets::http_chunks::run);
}

#[test]
fn xmlrpc_call() {
    play(&["fuzz/seeds/xmlrpc_call", "tests/fixtures/xmlrpc"], targets::xmlrpc_call::run);
}

#[test]
fn filter_text() {
    play(&["fuzz/seeds/filter_text"], targets::filter_text::run);
}

#[test]
fn netlink_datagram() {
    play(&["fuzz/seeds/netlink_datagram", "tests/fixtures/conntrack"], targets::netlink_datagram::run);
}

#[test]
fn password_file() {
    play(&["fuzz/seeds/password_file", "tests/fixtures/auth"], targets::password_file::run);
}

#[test]
fn reply_syntax() {
    play(&["fuzz/seeds/reply_syntax"], targets::reply_syntax::run);
}

#[test]
fn connection() {
    play(&["fuzz/seeds/connection", "tests/fixtures/http"], targets::connection::run);
}
