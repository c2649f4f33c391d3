//! The accounts of a passwd(5) file. Static programs have no name service, and a router has no other source.
#![forbid(unsafe_code)]

/// Where names of accounts become numbers.
pub(crate) const ACCOUNTS: &str = "/etc/passwd";

/// What is read of a line of passwd(5): `name:password:uid:gid:...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account<'a> {
    /// Never empty.
    pub(crate) name: &'a str,
    /// The user's number.
    pub(crate) uid: u32,
    /// The number of the user's group.
    pub(crate) gid: u32,
}

/// Reads one line, without its end. `Ok(None)` is a line that names nobody: an empty one, a comment, one of NIS (`+`, `-`).
///
/// # Errors
/// The line is none of passwd(5)'s.
pub(crate) fn read(line: &[u8]) -> Result<Option<Account<'_>>, Malformed> {
    if matches!(line.first(), None | Some(b'#' | b'+' | b'-')) {
        return Ok(None);
    }
    // A line may be cut where its text is long, in the middle of a character; what is read stands in front of that.
    let mut fields = line.split(|&byte| byte == b':').map(|field| std::str::from_utf8(field).ok());
    let mut next = || fields.next().flatten().ok_or(Malformed);
    let (name, _password) = (next()?, next()?);
    let number = |digits: &str| digits.parse().map_err(|_| Malformed);
    let (uid, gid) = (number(next()?)?, number(next()?)?);
    if name.is_empty() { Err(Malformed) } else { Ok(Some(Account { name, uid, gid })) }
}

/// A line that is not passwd(5)'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_accounts() {
        let is = |name, uid, gid| Ok(Some(Account { name, uid, gid }));
        for (line, expected) in [
            (&b"root:x:0:0:root:/root:/bin/sh"[..], is("root", 0, 0)),
            (b"nobody:*:65534:65533::/:/bin/false", is("nobody", 65534, 65533)),
            (b"ann::1000:100", is("ann", 1000, 100)),
            (b"j\xc3\xb6rg:x:1:2:\xc3", is("jörg", 1, 2)),
            (b"", Ok(None)),
            (b"# a comment", Ok(None)),
            (b"+::::::", Ok(None)),
            (b"-ann", Ok(None)),
            (b"cut:x:7", Err(Malformed)),
            (b"many:x:one:2::/:", Err(Malformed)),
            (b"many:x:1:two::/:", Err(Malformed)),
            (b"large:x:4294967296:2::/:", Err(Malformed)),
            (b":x:1:2::/:", Err(Malformed)),
            (b"\xff:x:1:2::/:", Err(Malformed)),
            (b"name", Err(Malformed)),
        ] {
            assert_eq!(read(line), expected, "{:?}", String::from_utf8_lossy(line));
        }
    }
}
