//! Bodies in other encodings become UTF-8 in place, or an error.

use rctd::charset::{Charset, Error, to_utf8};
use rctd::xmlrpc::Class;
use rctd::xmlrpc::DecodeError;

/// Converts `body` in a buffer with `spare` bytes behind it.
fn convert(body: &[u8], spare: usize, declared: Charset) -> Result<Vec<u8>, Error> {
    let mut buf = body.to_vec();
    buf.resize(body.len() + spare, 0);
    to_utf8(&mut buf, body.len(), declared).map(|len| buf[..len].to_vec())
}

#[test]
fn what_becomes_of_a_body() {
    use Charset::{Latin1, Unspecified, UsAscii, Utf8};
    for (body, declared, expected) in [
        (b"".as_slice(), Unspecified, Ok("")),
        (b"<a/>", Unspecified, Ok("<a/>")),
        ("<a>\u{fc}\u{20ac}</a>".as_bytes(), Unspecified, Ok("<a>ü€</a>")),
        (b"\xef\xbb\xbf<a/>", Unspecified, Ok("<a/>")),
        (b"\xef\xbb\xbf", Utf8, Ok("")),
        // The mark says more than the field.
        (b"\xef\xbb\xbf\xc3\xbc", Latin1, Ok("ü")),
        (b"\xef\xbb\xbf\xfc", Latin1, Err(Error::NotUtf8(0))),
        (b"a\xfcz", Latin1, Ok("aüz")),
        (b"a\xfcz", Utf8, Err(Error::NotUtf8(1))),
        (b"a\xfcz", UsAscii, Err(Error::NotAscii(1))),
        (b"az", UsAscii, Ok("az")),
        (b"a\xfcz", Unspecified, Err(Error::NotUtf8(1))),
        (b"<a>\xe2\x82", Unspecified, Err(Error::NotUtf8(3))),
        (
            b"<?xml version='1.0' encoding='ISO-8859-1'?>\xfc",
            Unspecified,
            Ok("<?xml version='1.0' encoding='ISO-8859-1'?>ü"),
        ),
        (
            b"<?xml version=\"1.0\"\tencoding = \"iso-8859-1\" ?>\xfc",
            Unspecified,
            Ok("<?xml version=\"1.0\"\tencoding = \"iso-8859-1\" ?>ü"),
        ),
        (b"<?xml version='1.0' encoding='Us-Ascii'?>\xfc", Unspecified, Err(Error::NotAscii(41))),
        (b"<?xml version='1.0' encoding='uTF-8'?>\xfc", Unspecified, Err(Error::NotUtf8(38))),
        // The field says more than the declaration.
        (
            "<?xml version='1.0' encoding='iso-8859-1'?>ü".as_bytes(),
            Utf8,
            Ok("<?xml version='1.0' encoding='iso-8859-1'?>ü"),
        ),
        (b"<?xml version='1.0' encoding='koi8-r'?>", Unspecified, Err(Error::Unknown)),
        (b"<?xml version='1.0' encoding='koi8-r'?>", Utf8, Ok("<?xml version='1.0' encoding='koi8-r'?>")),
        (b"<?xml version='1.0' encoding='UTF-16'?>", Unspecified, Err(Error::Unknown)),
        (b"<?xml version='1.0' encoding='", Unspecified, Err(Error::Unknown)),
        (b"<?xml version='1.0' encoding", Unspecified, Ok("<?xml version='1.0' encoding")),
        (
            b"<?xml version='1.0'?><a encoding='koi8-r'/>",
            Unspecified,
            Ok("<?xml version='1.0'?><a encoding='koi8-r'/>"),
        ),
        (b"<?xml-style encoding='koi8-r'?>", Unspecified, Ok("<?xml-style encoding='koi8-r'?>")),
        (b"\xff\xfe<\0a\0", Unspecified, Err(Error::Utf16)),
        (b"\xfe\xff\0<\0a", Utf8, Err(Error::Utf16)),
        (b"<\0a\0/\0>\0", Latin1, Err(Error::Utf16)),
        // Marks alone, with no zero byte in sight.
        (b"\xff\xfe\x3c\x22\x61\x22", Latin1, Err(Error::Utf16)),
        (b"\xfe\xff\x22\x3c", Latin1, Err(Error::Utf16)),
        (b"\0\0\0<", Unspecified, Err(Error::Utf16)),
        (b"\0\0\xfe\xff", Unspecified, Err(Error::Utf16)),
    ] {
        let converted = convert(body, 9, declared);
        assert_eq!(
            converted,
            expected.map(|text| text.as_bytes().to_vec()),
            "{} {declared:?}",
            body.escape_ascii()
        );
    }
}

#[test]
fn latin1_grows_up_to_the_buffer_and_not_beyond() {
    let all: Vec<u8> = (1..=255).collect();
    let expected: String = all.iter().map(|&b| char::from(b)).collect();
    for spare in 0..140 {
        let converted = convert(&all, spare, Charset::Latin1);
        assert_eq!(
            converted,
            if spare >= 128 { Ok(expected.clone().into_bytes()) } else { Err(Error::TooLarge) },
            "{spare}"
        );
    }
    // A length beyond the buffer means all of it.
    assert_eq!(to_utf8(&mut [b'a'; 3], 9, Charset::Utf8), Ok(3));
    assert_eq!(to_utf8(&mut [], 0, Charset::Latin1), Ok(0));
}

#[test]
fn every_cut_is_an_answer() {
    let body = "\u{feff}<?xml version='1.0' encoding='utf-8'?><a>ü€\u{10348}</a>".as_bytes();
    for declared in [Charset::Utf8, Charset::UsAscii, Charset::Latin1, Charset::Unspecified] {
        for end in 0..=body.len() {
            if let Ok(text) = convert(&body[..end], end, declared) {
                assert!(str::from_utf8(&text).is_ok(), "{end} {declared:?}");
            }
        }
    }
}

#[test]
fn names_and_sentences() {
    for (name, charset) in [
        ("UTF-8", Some(Charset::Utf8)),
        ("utf8", Some(Charset::Utf8)),
        ("Us-ASCII", Some(Charset::UsAscii)),
        ("iso-8859-1", Some(Charset::Latin1)),
        ("LATIN1", Some(Charset::Latin1)),
        ("", None),
        ("utf-8 ", None),
        ("iso-8859-15", None),
        ("windows-1252", None),
    ] {
        assert_eq!(Charset::from_name(name.as_bytes()), charset, "{name}");
    }
    let error = DecodeError::from(Error::NotAscii(7));
    assert_eq!((error.class, error.at), (Class::NotWellFormed, 7));
    assert!(Error::TooLarge.what().contains("too large") && Error::Utf16.what().contains("UTF-16"));
}
