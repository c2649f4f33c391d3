//! `rctd call`: one login, one call, one logout; what comes of it as JSON on the standard output.

use super::http::{Connection, refusal};
use super::text::{Parts, number, shown};
use super::{Failure, print};
use crate::bytes::cut;
use crate::charset::is_xml_char;
use crate::limits::{FAULT_REPLY_BYTES, PASSWORD_BYTES};
use crate::out::Out;
use crate::syntax::{Syntax, put_text};
use crate::sys::terminal::Prompt;
use crate::sys::{
    self,
    file::{self, Shown},
};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

pub use super::http::Place;

/// Where a daemon listens that was told nothing else.
pub const DEFAULT_PLACE: &str = "http://127.0.0.1:8000";

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// The terminal.
    Ask,
    /// The first line of a file.
    File(&'static Path),
    /// The first line of the standard input.
    Stdin,
}

/// What is called, where, and by whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the daemon listens.
    pub place: Place,
    /// Who logs in; nobody where the daemon asks for nobody.
    pub user: Option<(&'static str, Password)>,
    /// The procedure.
    pub method: &'static str,
    /// Its arguments after the session, each sent as a string; a last one that begins with `fields=` as the options of a view.
    pub arguments: &'static [&'static str],
}

/// Bytes that stand for one of a text at the most: `&amp;`.
const LONGEST_REFERENCE: usize = 5;

/// What a reply that is a fault begins with. The value of no procedure does.
const FAULT: &[u8] = b"{\"faultCode\":";

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let method = options.method;
    let credentials = match &options.user {
        Some((name, from)) => vec![*name, password(name, from)?.leak()].leak(),
        None => &mut [],
    };
    let connection = Connection::open(&options.place)?;
    let without_session = method.starts_with("system.") || matches!(method, "login" | "explain");
    let session: &[&str] =
        if without_session { &[] } else { vec![&*login(connection, credentials)?.leak()].leak() };
    let before = if method == "login" { credentials } else { session };
    let arguments = [before, options.arguments].concat().leak();
    // The daemon writes what a terminal would obey as \u001b; others that answer in its place may not.
    let is_terminal = sys::is_terminal(file::STDOUT);
    let parts = Box::leak(Box::<Parts>::default());
    let mut show = |part: &[u8]| if is_terminal { print(&parts.shown(part)) } else { print(part) };
    let called = call(connection, method, arguments, &mut show);
    if called.is_ok() {
        show(b"")?;
        print(b"\n")?;
    }
    if !without_session && method != "logout" {
        // A session ends by itself too; what was asked for is what counts.
        let _ = call(connection, "logout", session, &mut |_| Ok(()));
    }
    called
}

fn login(connection: &mut Connection<'_>, credentials: &[&str]) -> Result<String, Failure> {
    let mut reply = Vec::new();
    call(connection, "login", credentials, &mut |part| keep(&mut reply, part))?;
    let session = reply.trim_ascii().strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let session = session.and_then(|id| String::from_utf8(id.to_vec()).ok());
    session.ok_or_else(|| {
        Failure::new(format_args!("the daemon answers a login with something else than a session"))
    })
}

/// The user's password.
fn password(user: &str, from: &Password) -> Result<String, Failure> {
    match from {
        Password::Ask => ask(user),
        Password::Stdin => first_line(file::STDIN, "the standard input"),
        Password::File(path) => {
            let of = Shown(path).to_string();
            match file::open(path, libc::O_RDONLY, 0) {
                Ok(file) => first_line(file.as_fd(), &of),
                Err(error) => Err(unread(&of, &error)),
            }
        }
    }
}

fn unread(of: &str, error: &io::Error) -> Failure {
    Failure::new(format_args!("can't read the password from {of}: {error}"))
}

/// Asks for a password on the terminal.
fn ask(user: &str) -> Result<String, Failure> {
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
            Failure::new(format_args!("no password: nothing was called"))
        }
        _ => Failure::usage(format_args!(
            "can't ask for the password ({error}): --password-file or --password-stdin says where it is"
        )),
    };
    let mut answer = [0; PASSWORD_BYTES];
    let question = format!("Password of {}: ", shown(user.as_bytes()));
    let length = Prompt::open().map_err(explain)?.ask(&question, &mut answer).map_err(explain)?;
    checked(answer.get(..length), "the terminal")
}

/// The first line of a file, without its end.
fn first_line(from: BorrowedFd<'_>, name: &str) -> Result<String, Failure> {
    // One byte and one line end more than may be, so that a longer one shows.
    let mut line = [0; PASSWORD_BYTES + 2];
    let length = file::fill(from, &mut line).map_err(|error| unread(name, &error))?;
    let text = line.get(..length).unwrap_or_default();
    let (first, _) = cut(text, b'\n');
    checked(Some(first).filter(|first| first.len() <= PASSWORD_BYTES), name)
}

fn checked(bytes: Option<&[u8]>, from: &str) -> Result<String, Failure> {
    let bytes = bytes.ok_or_else(|| {
        Failure::new(format_args!(
            "the password from {from} is longer than the {PASSWORD_BYTES} bytes that one may have"
        ))
    })?;
    let wrong = match core::str::from_utf8(bytes) {
        Ok("") => "empty",
        Ok(text) => return Ok(text.to_owned()),
        Err(_) => "not UTF-8",
    };
    Err(Failure::new(format_args!("the password from {from} is {wrong}")))
}

/// Makes a call and hands its value, which is JSON, to `each`.
fn call(
    connection: &mut Connection<'_>,
    method: &str,
    arguments: &[&str],
    each: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    connection.send(&body(method, arguments)?)?;
    let head = connection.head()?;
    let mut begin = Vec::new();
    if head.status != 200 {
        // What is said of it is shown as far as it has come, and no further than a fault goes.
        let _ = connection.body(&head, &mut |part| keep(&mut begin, part));
        return Err(refusal(head.status, &begin));
    }
    if !head.is_json {
        return Err(Failure::new(format_args!("what answers there sends no JSON: is it rctd?")));
    }
    let mut begun = false;
    connection.body(&head, &mut |part| {
        if begun {
            return each(part);
        }
        keep(&mut begin, part)?;
        begun = begin.len() >= FAULT.len() && !begin.starts_with(FAULT);
        if begun { each(&begin) } else { Ok(()) }
    })?;
    match begun {
        true => Ok(()),
        false if begin.starts_with(FAULT) => Err(fault(&begin)),
        false => each(&begin),
    }
}

/// Keeps a part of a short reply.
fn keep(reply: &mut Vec<u8>, part: &[u8]) -> Result<(), Failure> {
    if reply.len() + part.len() > FAULT_REPLY_BYTES.max(part.len()) {
        return Err(Failure::new(format_args!("the reply is longer than a fault or a session can be")));
    }
    reply.extend_from_slice(part);
    Ok(())
}

/// A call in XML.
fn body(method: &str, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut body = b"<?xml version=\"1.0\"?>\n<methodCall><methodName>".to_vec();
    push_text(&mut body, method)?;
    body.extend_from_slice(b"</methodName><params>");
    for (at, argument) in arguments.iter().enumerate() {
        body.extend_from_slice(b"<param>");
        match argument.strip_prefix("fields=").filter(|_| at + 1 == arguments.len()) {
            Some(names) => push_fields(&mut body, names)?,
            None => push_string(&mut body, argument)?,
        }
        body.extend_from_slice(b"</param>");
    }
    body.extend_from_slice(b"</params></methodCall>\n");
    Ok(body)
}

/// Appends the options of a view: the fields that its rows shall have.
fn push_fields(body: &mut Vec<u8>, names: &str) -> Result<(), Failure> {
    body.extend_from_slice(b"<value><struct><member><name>fields</name><value><array><data>");
    names.split(',').try_for_each(|name| push_string(body, name))?;
    body.extend_from_slice(b"</data></array></value></member></struct></value>");
    Ok(())
}

fn push_string(body: &mut Vec<u8>, text: &str) -> Result<(), Failure> {
    body.extend_from_slice(b"<value><string>");
    push_text(body, text)?;
    body.extend_from_slice(b"</string></value>");
    Ok(())
}

fn push_text(body: &mut Vec<u8>, text: &str) -> Result<(), Failure> {
    if !text.chars().all(is_xml_char) {
        let text = shown(text.as_bytes());
        return Err(Failure::usage(format_args!("an argument has a character that XML can't carry: {text}")));
    }
    let start = body.len();
    body.resize(start + text.len() * LONGEST_REFERENCE, 0);
    let mut out = Out::at(body, start);
    // There is room for it, whatever has to be escaped.
    let _ = put_text(&mut out, Syntax::Xml, text.as_bytes());
    let end = out.len();
    body.truncate(end);
    Ok(())
}

/// What a fault says.
fn fault(reply: &[u8]) -> Failure {
    let (number, text) = cut(reply.get(FAULT.len()..).unwrap_or_default(), b',');
    let text = text.strip_prefix(b"\"faultString\":\"").unwrap_or_default();
    Failure::new(format_args!("fault {}: {}", shown(number), shown(&unescaped(text)))).with(3)
}

/// The text of a JSON string up to its closing quote.
fn unescaped(json: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = json;
    loop {
        match rest {
            // The daemon writes control characters alone in this way.
            [b'\\', b'u', a, b, c, d, behind @ ..] => {
                let number = number(&[*a, *b, *c, *d], 16).and_then(|number| u32::try_from(number).ok());
                let c = number.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
            [b'"', ..] | [] => return text,
            [b'\\', byte, behind @ ..] | [byte, behind @ ..] => {
                text.push(*byte);
                rest = behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_escaped() {
        let made = |arguments: &[&str]| String::from_utf8(body("view", arguments).unwrap()).unwrap();
        let text = made(&["a<b>&\r\n\u{e9}", "--x"]);
        assert!(text.contains("<string>a&lt;b&gt;&amp;&#13;\n\u{e9}</string>"), "{text}");
        assert!(text.contains("<param><value><string>--x</string></value></param></params>"), "{text}");
        assert_eq!(body("view", &["\u{1b}"]).unwrap_err().0.code, 2);
    }

    #[test]
    fn fields_are_options_at_the_end_alone() {
        let made = |arguments: &[&str]| String::from_utf8(body("view", arguments).unwrap()).unwrap();
        let last = made(&["s", "fields=id,mark"]);
        assert!(
            last.contains("<array><data><value><string>id</string></value><value><string>mark</string>"),
            "{last}"
        );
        assert!(!made(&["fields=id", "s"]).contains("struct"));
    }

    #[test]
    fn faults_are_sentences() {
        let failure = fault(br#"{"faultCode":-32602,"faultString":"a \"b\" \\ \u001b[2J"}"#);
        assert_eq!((failure.0.code, failure.0.text.as_str()), (3, "fault -32602: a \"b\" \\ \\x1b[2J"));
    }

    #[test]
    fn places() {
        let tcp = |text: &str| Place::Tcp(text.parse().unwrap(), text.trim_end_matches(":80").to_owned());
        for (text, place) in [
            ("unix:/run/rctd.sock", Some(Place::Unix("/run/rctd.sock".into()))),
            ("http://127.0.0.1:8000", Some(tcp("127.0.0.1:8000"))),
            ("http://127.0.0.1:8000/RPC2", Some(tcp("127.0.0.1:8000"))),
            ("http://localhost:81/", Some(tcp("127.0.0.1:81"))),
            ("http://[::1]:8000", Some(tcp("[::1]:8000"))),
            ("http://[::1]", Some(tcp("[::1]:80"))),
            ("http://192.0.2.1", Some(tcp("192.0.2.1:80"))),
            ("http://router:8000", None),
            ("https://127.0.0.1:8000", None),
            ("127.0.0.1:8000", None),
            ("unix:", None),
        ] {
            assert_eq!(Place::parse(text), place, "{text}");
        }
    }
}
