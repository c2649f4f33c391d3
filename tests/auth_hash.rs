//! Password hashes against those of other programs, captured and live.

#[path = "common/skipped.rs"]
#[allow(dead_code)]
mod skipped;

use std::io::Write;
use std::process::{Command, Stdio};

use rctd::auth::hash::{self, Algorithm, Hash, Unusable, make};
use rctd::limits::{HASH_ROUNDS, HASH_TEXT_BYTES, PASSWORD_BYTES};
use skipped::skip;

const HASHES: &str = include_str!("fixtures/auth/hashes.tsv");
const UNSUPPORTED: &str = include_str!("fixtures/auth/unsupported.tsv");

fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines().map(|line| line.split_once('\t').expect("two columns"))
}

fn parse(text: &str) -> Hash {
    Hash::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn captured_hashes_fit_their_password_and_no_other() {
    let mut kinds = [0; 3];
    for (password, text) in rows(HASHES) {
        let hash = parse(text);
        kinds[hash.algorithm() as usize] += 1;
        assert!(hash.verify(password.as_bytes()), "{password}: {text}");
        for wrong in ["", "Secret", "secret ", &password[1..], &format!("{password}x")] {
            assert!(!hash.verify(wrong.as_bytes()), "{wrong}: {text}");
        }
    }
    assert_eq!(kinds, [10, 21, 26]);
}

#[test]
fn a_cut_hash_never_fits() {
    // One of each notation, with few rounds.
    for (password, text) in
        rows(HASHES).filter(|(p, t)| *p == "secret" && (t.contains("=1000$") || !t.contains('$')))
    {
        for cut in 0..text.len() {
            let cut = Hash::parse(&text.as_bytes()[..cut]);
            assert!(cut.is_err(), "{text} cut: {cut:?}");
            assert!(!cut.is_ok_and(|hash| hash.verify(password.as_bytes())));
        }
    }
}

#[test]
fn a_changed_character_never_fits() {
    for (password, text) in
        rows(HASHES).filter(|(p, t)| *p == "secret" && (t.contains("=1000$") || !t.contains('$')))
    {
        for index in 0..text.len() {
            for replacement in [b'a', b'0', b'$', b':', 0, 0xff] {
                let mut changed = text.as_bytes().to_vec();
                if changed[index].eq_ignore_ascii_case(&replacement) {
                    continue;
                }
                changed[index] = replacement;
                let fits = Hash::parse(&changed).is_ok_and(|hash| hash.verify(password.as_bytes()));
                assert!(!fits, "{text} with {replacement} at {index}");
            }
        }
    }
}

#[test]
fn kinds_that_are_not_supported_are_named() {
    for (name, text) in rows(UNSUPPORTED) {
        let error = Hash::parse(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(name), "{text}: {error}");
    }
}

#[test]
fn limits_are_met_exactly() {
    let digest = "TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";
    let with = |rounds: &str, salt: &str| format!("$6${rounds}{salt}${digest}");
    let max = format!("rounds={HASH_ROUNDS}$");
    let over = format!("rounds={}$", HASH_ROUNDS + 1);
    for (text, expected) in [
        (with("", "s"), Ok(5000)),
        (with("", ""), Ok(5000)),
        (with("", "1234567890123456"), Ok(5000)),
        (with("", "12345678901234567"), Err(Unusable::Malformed)),
        (with("", "a b"), Err(Unusable::Malformed)),
        (with("rounds=1000$", "s"), Ok(1000)),
        (with("rounds=999$", "s"), Err(Unusable::Rounds)),
        (with(&max, "1234567890123456"), Ok(HASH_ROUNDS)),
        (with(&over, "s"), Err(Unusable::Rounds)),
        (with("rounds=99999999999999999999$", "s"), Err(Unusable::Rounds)),
        (with("rounds=05000$", "s"), Err(Unusable::Rounds)),
        (with("rounds=+5000$", "s"), Err(Unusable::Rounds)),
        (with("rounds=$", "s"), Err(Unusable::Rounds)),
        (with("", "s") + "$", Err(Unusable::Malformed)),
        (with("", "s") + ".", Err(Unusable::Malformed)),
        (format!("$5$s${digest}"), Err(Unusable::Malformed)),
        ("x".repeat(HASH_TEXT_BYTES), Err(Unusable::Unknown)),
        ("x".repeat(HASH_TEXT_BYTES + 1), Err(Unusable::Long)),
        ("e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f".into(), Err(Unusable::Unknown)),
        ("e5e9fa1ba31ecd1ae84f75caaa474f3a663f05fg".into(), Err(Unusable::Unknown)),
        ("E5E9FA1BA31ECD1AE84F75CAAA474F3A663F05F4".into(), Ok(0)),
        ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ".into(), Err(Unusable::Malformed)),
        ("{SHA}".into(), Err(Unusable::Malformed)),
        ("{SHA}=".into(), Err(Unusable::Malformed)),
        // More padding, a digit that is none, and bits beyond the last byte.
        ("{SHA}5en6G6MezRroT3XKqkdPOmY/Bf==".into(), Err(Unusable::Malformed)),
        ("{SHA}5en6G6MezRroT3-KqkdPOmY/BfQ=".into(), Err(Unusable::Malformed)),
        ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfR=".into(), Err(Unusable::Malformed)),
        (String::new(), Err(Unusable::Unknown)),
    ] {
        let got = Hash::parse(text.as_bytes()).map(|hash| hash.rounds());
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn a_password_as_long_as_may_be_fits_and_a_longer_one_never() {
    for (length, expected) in
        [(PASSWORD_BYTES - 1, true), (PASSWORD_BYTES, true), (PASSWORD_BYTES + 1, false), (0, false)]
    {
        let password = vec![b'p'; length];
        let hash = parse(&make(&password, &[7; 16]));
        assert_eq!(hash.verify(&password), expected, "{length} bytes");
    }
}

#[test]
fn a_made_hash_has_the_form_other_programs_read() {
    let text = make(b"secret", &[0xff; 16]);
    let hash = parse(&text);
    assert_eq!((hash.algorithm(), hash.rounds(), text.len()), (Algorithm::Sha512Crypt, 5000, 106));
    assert!(text.starts_with("$6$zzzzzzzzzzzzzzzz$"), "{text}");
    assert!(hash.verify(b"secret"));
    assert_ne!(make(b"secret", &[1; 16]), make(b"secret", &[2; 16]));
    // Every salt character is one crypt(5) allows, whatever the random bytes.
    for byte in 0..=255 {
        let text = make(b"x", &[byte; 16]);
        assert!(text[3..19].bytes().all(|c| c.is_ascii_alphanumeric() || c == b'.' || c == b'/'), "{text}");
    }
}

#[test]
fn same_compares_every_byte() {
    let one = [3u8; 16];
    assert!(hash::same(&one, &one));
    for index in 0..16 {
        for bit in 0..8 {
            let mut other = one;
            other[index] ^= 1 << bit;
            assert!(!hash::same(&one, &other), "byte {index}, bit {bit}");
        }
    }
}

/// What a program prints for a password on its standard input; `None` where it is not installed.
fn output(program: &str, args: &[&str], password: &str) -> Option<String> {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.ok()?;
    child.stdin.take().expect("piped").write_all(format!("{password}\n").as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{program} {args:?}");
    Some(String::from_utf8(output.stdout).expect("ASCII").trim_end().to_owned())
}

#[test]
fn hashes_made_just_now_by_other_programs_fit() {
    for (program, args) in [
        ("mkpasswd", &["-m", "sha-512", "-s"][..]),
        ("mkpasswd", &["-m", "sha-256", "-s", "-R", "2345"]),
        ("openssl", &["passwd", "-6", "-stdin"]),
        ("openssl", &["passwd", "-5", "-stdin"]),
        ("htpasswd", &["-nis", "user"]),
    ] {
        for password in ["secret", "1", "with blank", "ünïcödé", &"long".repeat(20)] {
            let Some(text) = output(program, args, password) else {
                skip(&format!("{program} is not installed"));
                break;
            };
            let text = text.strip_prefix("user:").unwrap_or(&text);
            let hash = parse(text);
            assert!(hash.verify(password.as_bytes()), "{program} {args:?} {password}: {text}");
            assert!(!hash.verify(b"wrong"));
        }
    }
}

#[test]
fn openssl_makes_the_same_hash_as_we_do() {
    for (password, random) in
        [("secret", [0u8; 16]), ("p", [200; 16]), (&"0123456789abcdef".repeat(8), [99; 16])]
    {
        let ours = make(password.as_bytes(), &random);
        let salt = &ours[3..19];
        let Some(theirs) = output("openssl", &["passwd", "-6", "-stdin", "-salt", salt], password) else {
            return skip("openssl is not installed");
        };
        assert_eq!(ours.as_str(), theirs);
    }
}
