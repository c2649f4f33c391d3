//! User names by number, as a passwd file has them.

use crate::limits::{PASSWD_NAME_BYTES, PASSWD_USERS};
use heapless::{String, Vec};

/// The users of a passwd file, at most [`PASSWD_USERS`].
#[derive(Debug, Default)]
pub struct Users {
    /// In the order of their numbers.
    entries: Vec<(u32, String<PASSWD_NAME_BYTES>), PASSWD_USERS>,
}

/// Lines of a passwd file that were not taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Users beyond [`PASSWD_USERS`], or with a name longer than [`PASSWD_NAME_BYTES`].
    pub no_room: usize,
    /// Lines that are not `name:password:number:…`.
    pub malformed: usize,
}

impl Users {
    /// No users.
    #[must_use]
    pub const fn new() -> Self {
        Users { entries: Vec::new() }
    }

    /// Forgets all users.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Takes in one line of a passwd file (passwd(5)). Empty lines, comments and lines of NIS (`+`, `-`) are passed over.
    /// The first user of a number keeps it, as getpwuid(3) has it.
    pub fn add(&mut self, line: &str, left_out: &mut LeftOut) {
        if line.is_empty() || line.starts_with(['#', '+', '-']) {
            return;
        }
        let mut parts = line.split(':');
        let (name, uid) = (parts.next(), parts.nth(1).and_then(|n| n.parse().ok()));
        let (Some(name), Some(uid)) = (name.filter(|n| !n.is_empty()), uid) else {
            left_out.malformed += 1;
            return;
        };
        let Err(at) = self.entries.binary_search_by_key(&uid, |e| e.0) else {
            return;
        };
        let fits = String::try_from(name).is_ok_and(|name| self.entries.insert(at, (uid, name)).is_ok());
        left_out.no_room += usize::from(!fits);
    }

    /// The name of the user with this number.
    #[must_use]
    pub fn name(&self, uid: u32) -> Option<&str> {
        let at = self.entries.binary_search_by_key(&uid, |e| e.0).ok()?;
        self.entries.get(at).map(|e| e.1.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passwd_file() {
        let mut users = Users::new();
        let mut left = LeftOut::default();
        let file = "root:x:0:0:root:/root:/bin/sh\n\n# a comment\nnobody:*:65534:65534::/:/bin/false\ntoor:x:0:0::/:\nbroken\nalso:x:many\n+::::\nann:x:1000:1000::/home/ann:";
        file.lines().for_each(|l| users.add(l, &mut left));
        assert_eq!(users.name(0), Some("root"), "the first one keeps the number");
        assert_eq!(users.name(65534), Some("nobody"));
        assert_eq!(users.name(1000), Some("ann"));
        assert_eq!(users.name(1), None);
        assert_eq!(left, LeftOut { no_room: 0, malformed: 2 });
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut users = Users::new();
        let mut left = LeftOut::default();
        for uid in 0..PASSWD_USERS + 3 {
            users.add(&format!("u{uid}:x:{uid}:0:::"), &mut left);
        }
        users.add(&format!("{}:x:0:0:::", "n".repeat(PASSWD_NAME_BYTES + 1)), &mut left);
        assert_eq!(left.no_room, 3, "and a number that is known needs no room");
        assert!(users.name(PASSWD_USERS as u32 - 1).is_some());
    }
}
