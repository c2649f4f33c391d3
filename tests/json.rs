//! Replies in JSON mean what those in XML-RPC mean: `Accept: application/json` changes how a value is written and nothing
//! else. Python's own libraries read both (`tests/json/compare.py`); numbers that no real table has come from the scripted
//! kernel.
mod common;
mod scripted;

use common::daemon::Daemon;
use common::flows::{Flow, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::raw::Address;
use common::xml::{self, Value, members};
use common::{has_program, skip};
use scripted::kernel::{self, DUMP};
use scripted::twist::Twist;
use scripted::{Bench, post, split};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Connections in the table, as the script knows it.
const ROWS: usize = 3000;
/// Users with names that take some care, by their numbers: quotes, control characters, markup, characters of 2 to 4 bytes
/// and such that XML can't carry.
const NAMES: [&str; 7] = [
    "qu\"ote's",
    "back\\slash\\u0041",
    "tab\t\u{1}\u{1f}\u{7f}\u{85}",
    "ümläut€😀",
    "</string>&amp;]]>",
    "\u{2028}\u{fffe}\u{ffff}",
    "plain",
];

/// A table of which every user has a connection, and one has the widest mark.
fn table() -> Vec<Flow> {
    let named = (1..=NAMES.len())
        .map(|n| Flow { mark: n as u32, ..Flow::tcp([10, 77, 0, n as u8], 1000, [192, 0, 2, 1], 60_000) });
    let wide = Flow { mark: u32::MAX, ..Flow::udp([10, 77, 1, 1], 1000, [192, 0, 2, 1], 60_000) };
    let mut all: Vec<Flow> = named.chain([wide]).collect();
    // No user of theirs has a name: their marks are cleared of the bits that tell users apart.
    all.extend(flows(71, ROWS - all.len()).into_iter().map(|flow| Flow { mark: flow.mark & !0xf, ..flow }));
    all
}

/// Runs the script against a daemon with these arguments. `password` is that of "admin", if there is one.
fn compare(wide: &str, arguments: &[&str], password: Option<&str>) {
    if !has_program("python3") {
        return skip("python3 is not installed");
    }
    in_namespace(|ns| {
        let accounting = ns.sysctl("net/netfilter/nf_conntrack_acct", "1");
        accounting.expect("counters are switched on");
        Inserter::new(ns).insert(&table());
        let folder = Folder::new();
        let passwd = folder.path().join("users");
        let lines = (1..).zip(NAMES).map(|(uid, name)| format!("{name}:x:{uid}:0:::\n"));
        std::fs::write(&passwd, lines.collect::<String>()).expect("a passwd file");
        let passwd = passwd.display().to_string();
        let own =
            ["--uid-mask", "0xf", "--passwd-file", &passwd, "--snapshot-flows", "1000", "--wide-ints", wide];
        let daemon = Daemon::start(&[&own, arguments].concat());
        let Address::Tcp(address) = daemon.address() else { panic!("TCP") };
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json/compare.py"));
        command.args([address.ip().to_string().as_str(), &address.port().to_string(), wide, &passwd]);
        let output = command.args(password).output().expect("python3 to run");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("fine"), "{said}");
    });
}

#[test]
fn wide_integers_are_doubles_in_xml() {
    compare("double", &[], None);
}

#[test]
fn wide_integers_are_i8_in_xml() {
    compare("i8", &[], None);
}

#[test]
fn wide_integers_are_strings_in_xml_and_users_have_passwords() {
    let folder = Folder::new();
    let file = folder.path().join("passwords");
    // SHA-1 of "secret", as pyctd kept it.
    std::fs::write(&file, "admin:e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4\n").expect("a password file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    compare("string", &["--auth", &format!("file:{}", file.display())], Some("secret"));
}

/// A daemon that asks the scripted kernel, and its session.
fn scripted(count: u16) -> (Bench, Value) {
    kernel::reset(count);
    let mut bench = Bench::new(&["--log-level", "error", "--session-timeout", "86400"]);
    let (_, body) = split(&bench.exchange(&post(&xml::call("login", &[]))));
    (bench, xml::response(&body).expect("a document").expect("a session"))
}

/// The body of the reply to this call, in JSON.
fn json(bench: &mut Bench, method: &str, params: &[Value]) -> String {
    let body = xml::call(method, params);
    let head = "POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nAccept: application/json";
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let reply = bench.exchange(request.as_bytes());
    let head = String::from_utf8_lossy(&reply).to_ascii_lowercase();
    assert!(head.contains("content-type: application/json"), "{head}");
    let (status, body) = split(&reply);
    assert_eq!(status, 200, "{body}");
    body
}

/// The message of an entry whose counters are as large as any can be, and nothing else of note.
fn entry_with_counters(sequence: u32) -> Vec<u8> {
    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [(value.len() as u16 + 4).to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
    const NESTED: u16 = 0x8000;
    let tuple = |kind: u16, src: [u8; 4], dst: [u8; 4]| {
        let addresses = [attribute(1, &src), attribute(2, &dst)].concat();
        let proto = [attribute(1, &[6]), attribute(2, &[0, 1]), attribute(3, &[0, 2])].concat();
        let both = [attribute(1 | NESTED, &addresses), attribute(2 | NESTED, &proto)].concat();
        attribute(kind | NESTED, &both)
    };
    let counters = |kind: u16, packets: u64, bytes: u64| {
        let both = [attribute(1, &packets.to_be_bytes()), attribute(2, &bytes.to_be_bytes())].concat();
        attribute(kind | NESTED, &both)
    };
    let payload = [
        vec![2, 0, 0, 0],
        tuple(1, [10, 0, 0, 1], [192, 0, 2, 1]),
        tuple(2, [192, 0, 2, 1], [10, 0, 0, 1]),
        attribute(3, &0x0e_u32.to_be_bytes()),
        attribute(7, &u32::MAX.to_be_bytes()),
        attribute(8, &u32::MAX.to_be_bytes()),
        counters(9, (1 << 53) + 1, u64::MAX),
        counters(10, i64::MAX as u64, (1 << 53) - 1),
        attribute(12, &u32::MAX.to_be_bytes()),
    ];
    kernel::message(1 << 8, 2, sequence, &payload.concat())
}

/// Every digit of a number is there, where a double would have rounded it.
#[test]
fn numbers_are_exact() {
    let (mut bench, session) = scripted(0);
    let page = [session.clone(), members([]), "id".into(), "ASC".into(), 0.into(), 5.into()];
    for params in [&page[..], &[session]] {
        // Which sequence number the next dump has is the daemon's own affair: a message of another one is none of it.
        let last = kernel::with(|kernel| kernel.sent.iter().map(|sent| sent.sequence).max().unwrap_or(0));
        let messages = (0..=last + 8).flat_map(entry_with_counters).collect();
        kernel::twist(DUMP, Twist::Insert { at: 0, bytes: messages });
        let reply = json(&mut bench, "view", params);
        for member in [
            "\"orig_counter_packets\":9007199254740993",
            "\"orig_counter_bytes\":18446744073709551615",
            "\"repl_counter_packets\":9223372036854775807",
            "\"repl_counter_bytes\":9007199254740991",
            "\"mark\":4294967295",
            "\"timeout\":4294967295",
            "\"id\":\"4294967295\"",
            "\"total\":1",
        ] {
            let (before, after) =
                reply.split_once(member).unwrap_or_else(|| panic!("no {member} in {reply}"));
            assert!(after.starts_with([',', '}']), "{member} goes on: {after}");
            assert!(before.ends_with(['{', ',']), "before {member}: {before}");
        }
    }
}

/// A fault of the kernel's, and a listing that is broken off in the middle: nobody takes that for whole.
#[test]
fn what_goes_wrong_is_seen() {
    let (mut bench, session) = scripted(200);
    kernel::twist(DUMP, Twist::SendFails(libc::ENOBUFS));
    let reply = json(&mut bench, "view", std::slice::from_ref(&session));
    assert!(
        reply.starts_with("{\"faultCode\":5,\"faultString\":\"") && reply.trim_end().ends_with("\"}"),
        "{reply}"
    );
    kernel::twist(DUMP, Twist::RecvFails { at: 20, errno: libc::ENOBUFS });
    let reply = json(&mut bench, "view", std::slice::from_ref(&session));
    let count = |c: char| reply.matches(c).count();
    assert!(reply.contains("\"id\":\"") && count('[') > count(']'), "broken off: {reply}");
    let reply = json(&mut bench, "view", &[session]);
    assert!(reply.matches("\"id\":\"").count() == 200 && reply.contains("\"total\":200"), "{reply}");
}
