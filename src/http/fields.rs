//! The header fields that matter here, and what their values mean.
//!
//! All other fields are skipped. A field that may come once and comes twice is an error rather than a choice: a proxy
//! in front could choose the other one (RFC 9112 section 11.2).

use super::accept::Accept;
use super::error::Error;
use super::list::elements;
use crate::bytes::cut;
use crate::charset::Charset;

/// Where a request's body ends (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes; at most [`crate::limits::BODY_BYTES`].
    Length(usize),
    /// After the last chunk.
    Chunked,
}

/// The fields of one head, as they stand in it.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub host: Option<&'a [u8]>,
    pub origin: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    transfer_encoding: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    pub accept: Accept,
    /// Which files the client has. Of several such fields the last counts: of the others nothing is saved.
    pub if_none_match: Option<&'a [u8]>,
    /// The last of the fields in which a proxy names its client.
    pub forwarded: Option<&'a [u8]>,
    /// A `Sec-Fetch-Site` was there: a browser sent it.
    fetched: bool,
    /// A `Content-Encoding` other than `identity` was there.
    encoded: bool,
    /// `Connection: close`, `Connection: keep-alive`
    close: bool,
    keep_alive: bool,
    /// `Expect: 100-continue`, any other `Expect`
    expect_continue: bool,
    expect_other: bool,
}

impl<'a> Fields<'a> {
    /// Picks out of a parsed head what is needed; a proxy names its client in the field `forwarded`, if that is not empty.
    ///
    /// # Errors
    /// A field twice that may come once.
    pub(super) fn read(headers: &[httparse::Header<'a>], forwarded: &str) -> Result<Fields<'a>, Error> {
        let mut fields = Fields::default();
        for header in headers {
            fields.take(header.name, header.value)?;
            // Each proxy on the way may have added one: the last is that of the nearest.
            if header.name.eq_ignore_ascii_case(forwarded) {
                fields.forwarded = Some(header.value);
            }
        }
        Ok(fields)
    }

    fn take(&mut self, name: &str, value: &'a [u8]) -> Result<(), Error> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("host") {
            once(&mut self.host, value, Error::HostTwice)?;
        } else if is("content-length") {
            once(&mut self.content_length, value, Error::LengthTwice)?;
        } else if is("transfer-encoding") {
            once(&mut self.transfer_encoding, value, Error::TransferCoding)?;
        } else if is("content-type") {
            once(&mut self.content_type, value, Error::MediaTwice)?;
        } else if is("origin") {
            once(&mut self.origin, value, Error::OriginRefused)?;
        } else if is("sec-fetch-site") {
            self.fetched = true;
        } else if is("accept") {
            self.accept.take(value);
        } else if is("if-none-match") {
            self.if_none_match = Some(value);
        } else if is("content-encoding") {
            self.encoded |= elements(value).any(|e| !e.eq_ignore_ascii_case(b"identity"));
        } else if is("connection") {
            for element in elements(value) {
                self.close |= element.eq_ignore_ascii_case(b"close");
                self.keep_alive |= element.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is("expect") {
            for element in elements(value) {
                let known = element.eq_ignore_ascii_case(b"100-continue");
                self.expect_continue |= known;
                self.expect_other |= !known;
            }
        }
        Ok(())
    }

    /// Where the body ends; None if the head doesn't say. The length is not yet held against its limit.
    ///
    /// # Errors
    /// Whatever another program might read differently.
    pub(super) fn framing(&self, http11: bool) -> Result<Option<(Framing, u64)>, Error> {
        match (self.content_length, self.transfer_encoding) {
            (Some(_), Some(_)) => Err(Error::LengthAndChunked),
            (None, Some(coding)) if http11 && coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Some((Framing::Chunked, 0)))
            }
            // The framing of HTTP/1.0 with this field is faulty (RFC 9112 section 6.1), so the body is never read.
            (None, Some(_)) => Err(Error::TransferCoding),
            (Some(digits), None) => {
                let length = decimal(digits).ok_or(Error::LengthSyntax)?;
                // A length that `usize` can't hold on 32 bits is over the limit in any case.
                let framing = Framing::Length(usize::try_from(length).unwrap_or(usize::MAX));
                Ok(Some((framing, length)))
            }
            (None, None) => Ok(None),
        }
    }

    /// Whether the connection goes on after the reply (RFC 9112 section 9.3).
    pub(super) fn keep_alive(&self, http11: bool) -> bool {
        !self.close && (http11 || self.keep_alive)
    }

    /// Whether the client waits for 100 before it sends the body. HTTP/1.0 knows no such reply
    /// (RFC 9110 section 10.1.1).
    ///
    /// # Errors
    /// An expectation that is not known.
    pub(super) fn expect_continue(&self, http11: bool) -> Result<bool, Error> {
        match self.expect_other {
            true => Err(Error::Expectation),
            false => Ok(http11 && self.expect_continue),
        }
    }

    /// The body's charset, if it is XML and not encoded.
    ///
    /// A body of no type at all may be a client's that knows nothing of types, or a foreign page's, which can send one by
    /// `fetch` or `sendBeacon` of a Blob. With every POST a browser says whose page it is (the `Origin` of the Fetch
    /// standard, be it `null`, whatever the page's referrer policy), and to a loopback address also how it came to be, so a
    /// request with neither field is no page's. Chromium 156 and Firefox 153 were tried with fetch, XMLHttpRequest,
    /// beacons, workers, sandboxed frames, data URLs, redirects and forms.
    ///
    /// # Errors
    /// The three ways to be 415.
    pub(super) fn charset(&self) -> Result<Charset, Error> {
        if self.encoded {
            return Err(Error::ContentCoding);
        }
        match self.content_type {
            Some(value) => media_type(value),
            None if self.origin.is_none() && !self.fetched => Ok(Charset::Unspecified),
            None => Err(Error::MediaType),
        }
    }
}

/// Keeps a field's value, or says that it came twice.
fn once<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8], twice: Error) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(twice),
    }
}

/// A number of digits only: no sign, no space, no list (`str::parse` would take a `+`).
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Reads `text/xml` or `application/xml` with its parameters (RFC 9110 section 8.3.1), of which only `charset`
/// means something here.
fn media_type(value: &[u8]) -> Result<Charset, Error> {
    let (kind, mut rest) = cut(value, b';');
    let kind = kind.trim_ascii();
    if !kind.eq_ignore_ascii_case(b"text/xml") && !kind.eq_ignore_ascii_case(b"application/xml") {
        return Err(Error::MediaType);
    }
    let mut charset = Charset::Unspecified;
    // Each turn takes at least one byte off, or ends.
    while !rest.is_empty() {
        let parameter = parameter(rest)?;
        rest = parameter.rest;
        if parameter.name.eq_ignore_ascii_case(b"charset") {
            if charset != Charset::Unspecified {
                return Err(Error::Charset);
            }
            charset = known_charset(parameter.value)?;
        }
    }
    Ok(charset)
}

/// One parameter of a media type, and what stands behind its semicolon.
struct Parameter<'a> {
    /// Empty for an empty parameter, as a trailing semicolon leaves one.
    name: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

/// Takes the first `name=value` or `name="value"` off.
fn parameter(text: &[u8]) -> Result<Parameter<'_>, Error> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|&b| b == b'=' || b == b';');
    let (name, tail) = text.split_at(end.unwrap_or(text.len()));
    let Some(value) = tail.strip_prefix(b"=") else {
        let rest = tail.strip_prefix(b";").unwrap_or_default();
        let value = b"".as_slice();
        return match name.is_empty() {
            true => Ok(Parameter { name, value, rest }),
            false => Err(Error::MediaType),
        };
    };
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let (value, rest) = cut(value, b';');
        let value = value.trim_ascii_end();
        return Ok(Parameter { name, value, rest });
    };
    // A backslash would hide a quote; no client has a reason for one here.
    let (value, tail) = cut(quoted, b'"');
    let closed = value.len() < quoted.len() && !value.contains(&b'\\');
    let (between, rest) = cut(tail, b';');
    match closed && between.trim_ascii().is_empty() {
        true => Ok(Parameter { name, value, rest }),
        false => Err(Error::MediaType),
    }
}

/// The encoding of this name. Some clients quote it with apostrophes, which HTTP does not know as quotes.
fn known_charset(value: &[u8]) -> Result<Charset, Error> {
    let quoted = value.strip_prefix(b"'").and_then(|rest| rest.strip_suffix(b"'"));
    Charset::from_name(quoted.unwrap_or(value)).ok_or(Error::Charset)
}
