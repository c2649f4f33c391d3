//! Response heads, refusals, and chunks.

use super::error::{Error, Status};
use super::file::File;
use super::media::Media;
use super::request::{Head, Version};
use crate::out::{Full, Out, hex_digit};

/// The interim reply a client waits for before it sends its body (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Ends a chunked body, with no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Bytes that a chunk has beside its data.
pub const CHUNK_OVERHEAD: usize = PREFIX_BYTES + SUFFIX.len();

/// Four hex digits and CRLF: of fixed width, since it is written when the data behind it is.
const PREFIX_BYTES: usize = 6;
const SUFFIX: &[u8] = b"\r\n";
/// Bytes of data that four hex digits can tell.
const CHUNK_DATA_BYTES: usize = 0xffff;

/// What a reply to a call is: it is of the moment.
const NO_STORE: &[u8] = b"no-store";

/// How a reply's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// After so many bytes.
    Length(usize),
    /// After [`LAST_CHUNK`].
    Chunked,
    /// When the connection is closed.
    UntilClose,
}

impl ReplyBody {
    /// For a body whose length is not known when it begins: chunks for HTTP/1.1 clients, until close for 1.0.
    pub fn streamed(version: Version) -> ReplyBody {
        match version {
            Version::V11 => ReplyBody::Chunked,
            Version::V10 => ReplyBody::UntilClose,
        }
    }
}

/// Writes a reply's head. The version is ours, 1.1, whatever the client's (RFC 9110 section 2.5). With
/// [`ReplyBody::UntilClose`] the connection is announced to close, wanted or not.
///
/// # Errors
/// [`Full`], and then `out` is as before.
pub fn head(
    out: &mut Out<'_>,
    status: Status,
    media: Media,
    version: Version,
    keep_alive: bool,
    body: ReplyBody,
) -> Result<(), Full> {
    out.atomically(|out| {
        put_common(out, status, media, NO_STORE)?;
        match body {
            ReplyBody::Length(length) => put_length(out, length)?,
            ReplyBody::Chunked => out.put(b"Transfer-Encoding: chunked\r\n")?,
            ReplyBody::UntilClose => {}
        }
        put_end(out, version, keep_alive && body != ReplyBody::UntilClose)
    })
}

/// Writes the head of the reply to a request for `file`. The bytes that follow it: none if the method was HEAD, or if the
/// client has them.
///
/// # Errors
/// [`Full`], and then `out` is as before.
pub fn file_head(out: &mut Out<'_>, file: &File, request: &Head) -> Result<&'static [u8], Full> {
    let status = if request.unchanged { Status::NotModified } else { Status::Ok };
    out.atomically(|out| {
        // A newer program has other files: a client asks each time whether its own are still those.
        put_common(out, status, file.media, b"no-cache")?;
        file.put_tag(out)?;
        if file.gzip {
            out.put(b"Content-Encoding: gzip\r\n")?;
        }
        // The reply that a client has the file has no body, and says no length (RFC 9110 section 8.6).
        if status == Status::Ok {
            put_length(out, file.bytes.len())?;
        }
        put_end(out, request.version, request.keep_alive)
    })?;
    Ok(if request.head_only || request.unchanged { &[] } else { file.bytes })
}

/// The last fields of a head, and its end.
fn put_end(out: &mut Out<'_>, version: Version, keep_alive: bool) -> Result<(), Full> {
    match (keep_alive, version) {
        (false, _) => out.put(b"Connection: close\r\n")?,
        (true, Version::V10) => out.put(b"Connection: keep-alive\r\n")?,
        // HTTP/1.1 keeps the connection without being told.
        (true, Version::V11) => {}
    }
    out.put(b"\r\n")
}

/// Writes a whole reply that refuses a request, in words. The connection is to be closed after it; what still
/// comes in should be read and dropped for a moment, lest the client get a reset before it reads this.
///
/// `request` is what has come of it, from its begin: the reply to a `HEAD` carries no body (RFC 9110 section 9.3.2).
///
/// # Errors
/// [`Full`], and then `out` is as before.
pub fn error(out: &mut Out<'_>, error: Error, request: &[u8]) -> Result<(), Full> {
    let text = error.text().as_bytes();
    out.atomically(|out| {
        put_common(out, error.status(), Media::Text, NO_STORE)?;
        match error {
            Error::Method => out.put(b"Allow: POST\r\n")?,
            Error::RootMethod => out.put(b"Allow: GET, HEAD, POST\r\n")?,
            Error::ReadMethod => out.put(b"Allow: GET, HEAD\r\n")?,
            Error::Busy | Error::MetricsFailed => out.put(b"Retry-After: 1\r\n")?,
            _ => {}
        }
        put_length(out, text.len() + 1)?;
        out.put(b"Connection: close\r\n\r\n")?;
        // Empty lines may come before it.
        if request.trim_ascii_start().starts_with(b"HEAD ") {
            return Ok(());
        }
        out.put(text)?;
        out.put(b"\n")
    })
}

/// The status line, and the fields that every reply has: it is what it says that it is, and how long it may be kept.
fn put_common(out: &mut Out<'_>, status: Status, media: Media, cache: &[u8]) -> Result<(), Full> {
    out.put(b"HTTP/1.1 ")?;
    out.put(status.line().as_bytes())?;
    out.put(b"\r\nContent-Type: ")?;
    out.put(media.fields())?;
    out.put(b"\r\nCache-Control: ")?;
    out.put(cache)?;
    out.put(b"\r\nX-Content-Type-Options: nosniff\r\n")
}

/// Where in the free part of a buffer the next chunk's data goes; empty if there is no room for any.
/// [`chunk_seal`] makes a chunk of what was written there.
pub fn chunk_data(free: &mut [u8]) -> &mut [u8] {
    let end = free.len().saturating_sub(SUFFIX.len());
    let end = end.min(PREFIX_BYTES + CHUNK_DATA_BYTES);
    free.get_mut(PREFIX_BYTES..end).unwrap_or_default()
}

/// Makes a chunk of the first `data_len` bytes of [`chunk_data`]: gives the bytes of `free` it takes, framing
/// and all. No data makes no chunk (an empty one would end the body), nor does more than fits there.
pub fn chunk_seal(free: &mut [u8], data_len: usize) -> usize {
    if data_len == 0 || data_len > chunk_data(free).len() {
        return 0;
    }
    let mut prefix = *b"0000\r\n";
    let mut left = data_len;
    for place in prefix.iter_mut().take(4).rev() {
        *place = hex_digit(left as u8);
        left /= 16;
    }
    let end = PREFIX_BYTES + data_len;
    if let Some(place) = free.get_mut(..PREFIX_BYTES) {
        place.copy_from_slice(&prefix);
    }
    if let Some(place) = free.get_mut(end..end + SUFFIX.len()) {
        place.copy_from_slice(SUFFIX);
    }
    data_len + CHUNK_OVERHEAD
}

fn put_length(out: &mut Out<'_>, length: usize) -> Result<(), Full> {
    out.put(b"Content-Length: ")?;
    out.put_u64(length as u64)?;
    out.put(b"\r\n")
}
