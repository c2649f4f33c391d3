//! A password file, and one in the form of /etc/shadow: whoever is let in has a line of their own, and a file cut
//! anywhere lets in nobody else.

use rctd::auth::file::{Name, Users};
use rctd::limits::USERS;

/// Reads `data` as both kinds of file.
pub fn run(mut data: &[u8]) {
    // A byte order mark in front changes nothing, so the rest is tried without.
    while let Some(rest) = data.strip_prefix(b"\xef\xbb\xbf") {
        data = rest;
    }
    let marked = [b"\xef\xbb\xbf", data].concat();
    assert_eq!(Users::parse(&marked).map(|users| users.len()), Users::parse(data).map(|users| users.len()));
    let lines: Vec<&[u8]> = data.split(|&b| b == b'\n').collect();
    let has_line = |name: &[u8]| {
        lines.iter().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b':')))
    };
    if let Ok(users) = Users::parse(data) {
        assert!(users.len() <= USERS && users.legacy().count() <= users.len());
        let names = names(&lines);
        assert_eq!(
            names.iter().filter(|name| users.contains(name)).count(),
            users.len(),
            "a user without a line"
        );
        // Comments and the line ends of another system change nothing.
        let other = [b"# comment\n\n".as_slice(), data, b"\n  # end\n"].concat();
        assert_eq!(Users::parse(&other).map(|users| users.len()), Ok(users.len()));
        let crlf = lines.join(b"\r\n".as_slice());
        assert_eq!(Users::parse(&crlf).map(|users| users.len()), Ok(users.len()));
        assert!(!users.contains(b"") && !users.contains(b"#"));
        assert!(names.iter().filter(|name| users.contains(name)).all(|name| has_line(name)));
        cut(data, &users, &names);
    }
    let allowed: Vec<Name> =
        names(&lines).iter().step_by(2).filter_map(|n| Name::from_slice(n).ok()).collect();
    if let Ok(users) = Users::parse_shadow(data, &allowed) {
        assert!(users.len() <= allowed.len().min(USERS));
        for name in names(&lines) {
            assert!(
                !users.contains(name) || allowed.iter().any(|a| a == name),
                "somebody who is not allowed"
            );
        }
    }
}

/// What stands before the first colon of each line that is no comment; each once.
fn names<'a>(lines: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let named = lines.iter().filter_map(|line| line.split(|&b| b == b':').next());
    let mut names: Vec<&[u8]> = named.filter(|n| !n.is_empty() && !n.starts_with(b"#")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The file without its last bytes: an error, or nobody who is not in the whole file.
fn cut(data: &[u8], whole: &Users, names: &[&[u8]]) {
    let end = super::hash(data) as usize % (data.len() + 1);
    if let Ok(users) = Users::parse(&data[..end]) {
        assert!(users.len() <= whole.len());
        assert_eq!(names.iter().filter(|name| users.contains(name)).count(), users.len());
    }
}
