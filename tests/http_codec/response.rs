//! Replies: their bytes, and buffers that are too small by each number of bytes.

use rctd::http::{
    CHUNK_OVERHEAD, Error, File, Framing, Head, INDEX, LAST_CHUNK, Media, NO_PAGE, ReplyBody, Status,
    Version, chunk_data, chunk_seal, error, file_head, head,
};
use rctd::out::{Full, Out};

use crate::accepted;
use crate::body::feed;

/// What a writer writes; and that with any smaller buffer it is Full and leaves what was there.
fn written(write: impl Fn(&mut Out<'_>) -> Result<(), Full>) -> String {
    let mut buf = [0; 2048];
    let mut out = Out::new(&mut buf);
    assert_eq!(write(&mut out), Ok(()));
    let text = String::from_utf8(out.as_bytes().to_vec()).expect("text");
    for size in 0..text.len() {
        let mut buf = vec![0; size + 3];
        let mut out = Out::new(&mut buf);
        out.put(b"abc").expect("room");
        assert_eq!(write(&mut out), Err(Full), "{size} of {}", text.len());
        assert_eq!(out.as_bytes(), b"abc");
    }
    let mut exact = vec![0; text.len()];
    assert_eq!(write(&mut Out::new(&mut exact)), Ok(()));
    text
}

#[test]
fn heads() {
    let common = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
    let (v10, v11) = (Version::V10, Version::V11);
    for (version, keep_alive, body, rest) in [
        (v11, true, ReplyBody::Length(0), "Content-Length: 0\r\n"),
        (v11, true, ReplyBody::Length(65536), "Content-Length: 65536\r\n"),
        (v11, false, ReplyBody::Length(7), "Content-Length: 7\r\nConnection: close\r\n"),
        (v10, true, ReplyBody::Length(7), "Content-Length: 7\r\nConnection: keep-alive\r\n"),
        (v10, false, ReplyBody::Length(7), "Content-Length: 7\r\nConnection: close\r\n"),
        (v11, true, ReplyBody::Chunked, "Transfer-Encoding: chunked\r\n"),
        (v11, false, ReplyBody::Chunked, "Transfer-Encoding: chunked\r\nConnection: close\r\n"),
        (v10, true, ReplyBody::UntilClose, "Connection: close\r\n"),
        (v11, true, ReplyBody::UntilClose, "Connection: close\r\n"),
    ] {
        let text = written(|out| head(out, Status::Ok, Media::Xml, version, keep_alive, body));
        assert_eq!(text, format!("{common}{rest}\r\n"));
    }
    for (media, fields) in [
        (Media::Json, "application/json"),
        (Media::Html, "text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'"),
        (Media::Text, "text/plain; charset=utf-8"),
        (Media::Metrics, "text/plain; version=0.0.4; charset=utf-8"),
    ] {
        let text = written(|out| head(out, Status::NotFound, media, v11, true, ReplyBody::Chunked));
        let status = common.replace("200 OK", "404 Not Found").replace("text/xml", fields);
        assert_eq!(text, format!("{status}Transfer-Encoding: chunked\r\n\r\n"));
    }
    assert_eq!(ReplyBody::streamed(v11), ReplyBody::Chunked);
    assert_eq!(ReplyBody::streamed(v10), ReplyBody::UntilClose);
}

#[test]
fn refusals() {
    for (&reason, request) in
        Error::ALL.iter().flat_map(|e| ["GET /", "HEAD / HTTP/1.1", "", "\r\nHEAD /x"].map(|r| (e, r)))
    {
        let text = written(|out| error(out, reason, request.as_bytes()));
        let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
        let lines: Vec<&str> = head.split("\r\n").collect();
        assert_eq!(lines[0], format!("HTTP/1.1 {}", reason.status().line()));
        let length = format!("Content-Length: {}", reason.text().len() + 1);
        assert!(lines.contains(&length.as_str()), "{reason:?}");
        assert!(lines.contains(&"Connection: close"), "{reason:?}");
        assert!(lines.contains(&"Content-Type: text/plain; charset=utf-8"), "{reason:?}");
        let code = reason.status().code();
        let allow = head.split("\r\n").find_map(|line| line.strip_prefix("Allow: "));
        let methods = [
            (Error::Method, "POST"),
            (Error::RootMethod, "GET, HEAD, POST"),
            (Error::ReadMethod, "GET, HEAD"),
        ];
        assert_eq!(
            allow,
            methods.iter().find(|(e, _)| *e == reason).map(|(_, methods)| *methods),
            "{reason:?}"
        );
        assert_eq!(allow.is_some(), code == 405, "{reason:?}");
        assert_eq!(lines.contains(&"Retry-After: 1"), code == 503, "{reason:?}");
        let whole = format!("{}\n", reason.text());
        assert_eq!(body, if request.contains("HEAD") { "" } else { &whole }, "{reason:?} {request:?}");
    }
}

#[test]
fn the_page() {
    let page = std::str::from_utf8(INDEX).expect("text");
    let requests = [("GET", "1.1", ""), ("HEAD", "1.1", "Connection: close\r\n"), ("GET", "1.0", "")];
    for (method, version, fields) in requests {
        let request = format!("{method} / HTTP/{version}\r\nHost: localhost\r\n{fields}\r\n");
        let parsed = accepted(request.as_bytes());
        let head = written(|out| file_head(out, &NO_PAGE[0], &parsed).map(drop));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", page.len())), "{head}");
        assert_eq!(head.contains("\r\nConnection: close"), !(method == "GET" && version == "1.1"), "{head}");
        let body = file_head(&mut Out::new(&mut [0; 512]), &NO_PAGE[0], &parsed).expect("room");
        assert_eq!(body, if method == "HEAD" { b"" } else { INDEX });
    }
}

/// A file's head says what it is and which version; who has that gets a head alone, without a length.
#[test]
fn files() {
    static SCRIPT: File = File::new("/page.js", Media::Script, true, b"not really gzip");
    let request = accepted(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = written(|out| file_head(out, &SCRIPT, &request).map(drop));
    let common = "Content-Type: text/javascript; charset=utf-8\r\nCache-Control: no-cache\r\n\
                  X-Content-Type-Options: nosniff\r\nETag: \"f6d233ccbca0d1bf\"\r\nContent-Encoding: gzip\r\n";
    assert_eq!(head, format!("HTTP/1.1 200 OK\r\n{common}Content-Length: 15\r\n\r\n"));
    for head_only in [false, true] {
        let request = Head { unchanged: true, head_only, ..request };
        let head = written(|out| file_head(out, &SCRIPT, &request).map(drop));
        assert_eq!(head, format!("HTTP/1.1 304 Not Modified\r\n{common}\r\n"));
        assert_eq!(file_head(&mut Out::new(&mut [0; 512]), &SCRIPT, &request), Ok([].as_slice()));
    }
    let page = File::new("/", Media::Page, false, b"");
    let head = written(|out| file_head(out, &page, &request).map(drop));
    assert!(!head.contains("gzip") && head.contains("\r\nContent-Length: 0\r\n"), "{head}");
    let policy =
        head.lines().find_map(|line| line.strip_prefix("Content-Security-Policy: ")).expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn chunks() {
    // Of each size: sealed by one half of the codec, joined by the other.
    for size in [1, 2, 15, 16, 255, 256, 4095, 4096, 0xfffe, 0xffff] {
        let mut free = vec![0; size + CHUNK_OVERHEAD];
        let data = chunk_data(&mut free);
        assert_eq!(data.len(), size);
        data.fill(b'x');
        assert_eq!(chunk_seal(&mut free, size), size + CHUNK_OVERHEAD);
        free.extend(LAST_CHUNK);
        let joined = feed(Framing::Chunked, &free, &[free.len()], 1 << 17);
        assert!(joined == Ok(Some((vec![b'x'; size], free.len()))), "{size}");
    }
    let mut free = *b"................";
    chunk_data(&mut free)[..3].copy_from_slice(b"abc");
    assert_eq!(chunk_seal(&mut free, 3), 11);
    assert_eq!(&free, b"0003\r\nabc\r\n.....");
}

#[test]
fn chunks_without_room() {
    for size in 0..=CHUNK_OVERHEAD {
        assert!(chunk_data(&mut vec![0; size]).is_empty(), "{size}");
    }
    // An empty chunk would end the body, and one longer than its room is a mistake: neither is written.
    let mut free = [b'.'; 20];
    assert_eq!(chunk_seal(&mut free, 0), 0);
    assert_eq!(chunk_seal(&mut free, 20 - CHUNK_OVERHEAD + 1), 0);
    assert_eq!(free, [b'.'; 20]);
    assert_eq!(chunk_seal(&mut [], 1), 0);
    // Four digits tell no more than this, however large the buffer is.
    let mut large = vec![0; 0x20000];
    assert_eq!(chunk_data(&mut large).len(), 0xffff);
    assert_eq!(chunk_seal(&mut large, 0x10000), 0);
}

#[test]
fn numbers() {
    for number in [0, 1, 9, 10, 99, 100, 4294967295, 4294967296, u64::MAX] {
        let text = written(|out| out.put_u64(number));
        assert_eq!(text, number.to_string());
    }
}

#[test]
fn a_cursor_s_bounds() {
    let mut buf = *b"0123456789";
    let mut out = Out::at(&mut buf, 4);
    assert_eq!((out.len(), out.remaining(), out.is_empty()), (4, 6, false));
    assert_eq!(out.put(b"abcdefg"), Err(Full));
    assert_eq!(out.put(b"abcdef"), Ok(()));
    assert_eq!(out.remaining(), 0);
    assert_eq!(out.put(b""), Ok(()));
    out.truncate(11);
    assert_eq!(out.as_bytes(), b"0123abcdef");
    out.truncate(5);
    assert_eq!(out.as_bytes(), b"0123a");
    assert_eq!(Out::at(&mut buf, 99).len(), 10);
    assert!(Out::new(&mut []).is_empty());
}
