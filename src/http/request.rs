//! Request heads (RFC 9112 sections 2, 3 and 5): from bytes to a [`Head`], or to the error that fits.

use super::error::Error;
use super::fields::{Fields, Framing};
use super::file::File;
use super::forwarded;
use super::policy::{Authority, Policy, Site, Via};
use crate::charset::Charset;
use crate::limits::{BODY_BYTES, HEAD_BYTES, HEAD_FIELDS};
use core::net::IpAddr;

/// The client's HTTP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunks in the reply, no 100 Continue.
    V10,
    /// HTTP/1.1
    V11,
}

/// What is asked for, by method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A call of XML-RPC: a POST to `/` or `/RPC2`.
    Call,
    /// A file of [`Site::files`]: a GET or HEAD of its path.
    File(&'static File),
    /// What is counted, as text: a GET or HEAD of `/metrics`, where there is that.
    Metrics,
}

/// What a head said, as far as it matters after it: something that there is, for somebody who is allowed to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What is asked for.
    pub route: Route,
    /// Whether the method was HEAD, so that the reply has no body.
    pub head_only: bool,
    /// Whether the client has the file that it asks for.
    pub unchanged: bool,
    /// Whether the client would rather have JSON than XML.
    pub json: bool,
    /// The client's version.
    pub version: Version,
    /// Whether the connection goes on after the reply.
    pub keep_alive: bool,
    /// Whether to send [`super::CONTINUE`] before the body is waited for. If some of the body is here already it
    /// may be left out (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// Where the body ends; for [`super::Body::new`].
    pub framing: Framing,
    /// How the body's text is encoded, if the head said so.
    pub charset: Charset,
    /// For whom a proxy asks, if it says so in the field that [`Policy::set_forwarded`] names. Whoever else sends that field
    /// could write anything.
    pub forwarded: Option<IpAddr>,
}

/// Reads heads as their bytes come in, each byte once however they are cut.
///
/// It remembers how far it looked for the head's end; only when that is there is the head parsed. It starts
/// anew after each head and each error.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadReader {
    /// Bytes looked at.
    scanned: usize,
    /// Whether a line that is not empty has begun: empty ones before a request are skipped
    /// (RFC 9112 section 2.2).
    begun: bool,
    /// Whether the current line has bytes other than its end.
    in_line: bool,
    /// Whether the last byte was a CR, so that only LF may follow.
    after_cr: bool,
}

impl HeadReader {
    /// Looks for a head at the front of `buf`, all the bytes there are since the end of the last request.
    ///
    /// None: it is not yet whole, call again with more of the same. Otherwise the head, and its length in bytes:
    /// what follows is the body.
    ///
    /// # Errors
    /// Everything that refuses a request before its body: reply with [`super::error()`] and close.
    pub fn read(&mut self, buf: &[u8], policy: &Policy, via: Via) -> Result<Option<(Head, usize)>, Error> {
        let end = match self.find_end(buf) {
            Ok(None) => return Ok(None),
            Ok(Some(end)) => Ok(end),
            Err(error) => Err(error),
        };
        *self = HeadReader::default();
        let head = buf.get(..end?).unwrap_or_default();
        parse(head, policy, via).map(|parsed| Some((parsed, head.len())))
    }

    /// The length of the head, if its last empty line is there. Line ends are CRLF or LF, as httparse has them.
    fn find_end(&mut self, buf: &[u8]) -> Result<Option<usize>, Error> {
        let limit = buf.len().min(HEAD_BYTES);
        for &byte in buf.get(self.scanned..limit).unwrap_or_default() {
            self.scanned += 1;
            // The byte is refused at once rather than at the head's end, which a client of TLS never sends.
            let control = byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
            if control || (self.after_cr && byte != b'\n') {
                return Err(Error::ControlByte);
            }
            self.after_cr = byte == b'\r';
            match byte {
                b'\r' => {}
                b'\n' if self.begun && !self.in_line => return Ok(Some(self.scanned)),
                b'\n' => self.in_line = false,
                _ => (self.begun, self.in_line) = (true, true),
            }
        }
        match self.scanned >= HEAD_BYTES {
            true => Err(Error::HeadTooLong),
            false => Ok(None),
        }
    }
}

/// Parses a whole head and judges it.
fn parse(head: &[u8], policy: &Policy, via: Via) -> Result<Head, Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEAD_FIELDS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        // httparse and `find_end` must agree on where the head ends: two readings of one message are how requests are
        // smuggled.
        Ok(httparse::Status::Complete(end)) if end == head.len() => {}
        Ok(_) => return Err(Error::FieldSyntax),
        Err(error) => return Err(parse_error(error, head)),
    }
    let fields = Fields::read(request.headers, policy.forwarded())?;
    let version = match request.version {
        Some(1) => Version::V11,
        _ => Version::V10,
    };
    let line = Line {
        method: request.method.unwrap_or_default(),
        target: request.path.unwrap_or_default(),
        version,
    };
    judge(&line, &fields, policy, via)
}

/// The request line.
struct Line<'a> {
    method: &'a str,
    target: &'a str,
    version: Version,
}

/// Holds line and fields against all rules. What is ambiguous comes first, then who sent it, then what is wanted:
/// a page that may not ask learns nothing else.
fn judge(line: &Line<'_>, fields: &Fields<'_>, policy: &Policy, via: Via) -> Result<Head, Error> {
    let http11 = line.version == Version::V11;
    let (target_host, path) = target(line)?;
    if http11 && fields.host.is_none() {
        return Err(Error::HostMissing);
    }
    // Both hosts are checked for their form, but the target's goes first (RFC 9112 section 3.2.2).
    let field_host = authority(fields.host, via)?;
    let host = authority(target_host, Via::Tcp)?.or(field_host);
    let framing = fields.framing(http11)?;
    policy.check(via, host.as_ref(), fields.origin)?;

    let route = route(line.method, path, policy.site)?;
    let expect_continue = fields.expect_continue(http11)?;
    let (framing, charset) = match route {
        Route::Call => (call_framing(framing)?, fields.charset()?),
        Route::File(_) | Route::Metrics => (no_body(framing)?, Charset::Unspecified),
    };
    let unchanged = match (route, fields.if_none_match) {
        (Route::File(file), Some(value)) => file.is_named(value),
        _ => false,
    };
    Ok(Head {
        route,
        head_only: line.method == "HEAD",
        unchanged,
        json: fields.accept.prefers_json(),
        version: line.version,
        keep_alive: fields.keep_alive(http11),
        expect_continue: expect_continue && framing != Framing::Length(0),
        framing,
        charset,
        forwarded: fields.forwarded.and_then(forwarded::address),
    })
}

/// What there is at `path`, for those methods that it has.
fn route(method: &str, path: &str, site: Site) -> Result<Route, Error> {
    let file = site.files.iter().find(|file| file.path == path).map(Route::File);
    let read = file.or((site.metrics && path == "/metrics").then_some(Route::Metrics));
    match (path, method, read) {
        ("/" | "/RPC2", "POST", _) => Ok(Route::Call),
        (_, "GET" | "HEAD", Some(route)) => Ok(route),
        ("/" | "*", _, _) => Err(Error::RootMethod),
        ("/RPC2", _, _) => Err(Error::Method),
        (_, _, Some(_)) => Err(Error::ReadMethod),
        _ => Err(Error::Path),
    }
}

/// Where the body of a call ends: it has one, and of a length within the limit as far as it is told.
fn call_framing(framing: Option<(Framing, u64)>) -> Result<Framing, Error> {
    match framing.ok_or(Error::LengthMissing)? {
        (_, length) if length > BODY_BYTES as u64 => Err(Error::BodyTooLarge),
        (framing, _) => Ok(framing),
    }
}

/// Where the body of a GET ends: it has none (RFC 9110 section 9.3.1 lets a server refuse one).
fn no_body(framing: Option<(Framing, u64)>) -> Result<Framing, Error> {
    match framing {
        None | Some((Framing::Length(0), _)) => Ok(Framing::Length(0)),
        Some(_) => Err(Error::GetBody),
    }
}

/// Reads a host, where there is one. From a proxy `Host` may be anything, since a unix socket has no name that
/// it could take: one that can't be read counts as none, and then no `Origin` equals it.
fn authority(text: Option<&[u8]>, via: Via) -> Result<Option<Authority<'_>>, Error> {
    match (text, via) {
        (None, _) => Ok(None),
        (Some(text), Via::Unix) => Ok(Authority::parse(text)),
        (Some(text), Via::Tcp) => Authority::parse(text).map(Some).ok_or(Error::HostSyntax),
    }
}

/// Splits a target into its host, if it has one, and its path with the query (RFC 9112 section 3.2).
fn target<'a>(line: &Line<'a>) -> Result<(Option<&'a [u8]>, &'a str), Error> {
    const SCHEME: &str = "http://";
    let target = line.target;
    // The forms that only OPTIONS and CONNECT may have stand for no path, and get as far as 405.
    let no_path = (line.method == "OPTIONS" && target == "*") || line.method == "CONNECT";
    if no_path {
        return Ok((None, "*"));
    }
    if target.starts_with('/') {
        return Ok((None, target));
    }
    match target.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (host, path) = rest.split_at_checked(end).ok_or(Error::RequestLine)?;
            let path = if path.is_empty() { "/" } else { path };
            Ok((Some(host.as_bytes()), path))
        }
        _ => Err(Error::RequestLine),
    }
}

/// What httparse's error means here.
fn parse_error(error: httparse::Error, head: &[u8]) -> Error {
    match error {
        httparse::Error::TooManyHeaders => Error::HeadFields,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Error::FieldSyntax,
        httparse::Error::Version if names_other_version(head) => Error::Version,
        _ => Error::RequestLine,
    }
}

/// Whether the request line ends in a version, `HTTP/` digit `.` digit (RFC 9112 section 2.3), rather than in
/// something that is none.
fn names_other_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start();
    let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
    let word = line.trim_ascii_end().rsplit(|&b| b == b' ').next();
    match word.and_then(|word| word.strip_prefix(b"HTTP/")) {
        // The version is one that is spoken, so the error is in what stands before it, such as a second space.
        Some(b"1.0" | b"1.1") => false,
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    }
}
