//! Names of users by their number.

use crate::limits::{PASSWD_NAME_BYTES, PASSWD_USERS};
use heapless::{String, Vec};

/// The names of at most [`PASSWD_USERS`] users.
#[derive(Debug, Default)]
pub(crate) struct UserNames {
    /// In the order of their numbers.
    entries: Vec<(u32, String<PASSWD_NAME_BYTES>), PASSWD_USERS>,
}

/// There is no room for this name: [`PASSWD_USERS`] are there, or it is longer than [`PASSWD_NAME_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl UserNames {
    /// Forgets all names.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Gives the user with this number a name. The first name of a number stays, as getpwuid(3) has it.
    ///
    /// # Errors
    /// [`NoRoom`]; what is there stays.
    pub(crate) fn add(&mut self, uid: u32, name: &str) -> Result<(), NoRoom> {
        let Err(at) = self.entries.binary_search_by_key(&uid, |entry| entry.0) else {
            return Ok(());
        };
        let name = String::try_from(name).map_err(|_| NoRoom)?;
        self.entries.insert(at, (uid, name)).map_err(|_| NoRoom)
    }

    /// The name of the user with this number.
    pub(crate) fn name(&self, uid: u32) -> Option<&str> {
        let at = self.entries.binary_search_by_key(&uid, |entry| entry.0).ok()?;
        self.entries.get(at).map(|entry| entry.1.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_stays() {
        let mut names = UserNames::default();
        for (uid, name) in [(0, "root"), (65534, "nobody"), (0, "toor"), (1000, "ann")] {
            assert_eq!(names.add(uid, name), Ok(()));
        }
        let found = [0, 65534, 1000, 1].map(|uid| names.name(uid));
        assert_eq!(found, [Some("root"), Some("nobody"), Some("ann"), None]);
        names.clear();
        assert_eq!(names.name(0), None);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut names = UserNames::default();
        let all = 0..PASSWD_USERS as u32;
        assert!(all.clone().all(|uid| names.add(uid, &format!("u{uid}")).is_ok()));
        assert_eq!(names.add(all.end, "one more"), Err(NoRoom));
        assert_eq!(names.add(0, "root"), Ok(()), "a number that is known needs no room");
        assert!(names.name(all.end - 1).is_some());
        let mut names = UserNames::default();
        assert_eq!(names.add(1, &"n".repeat(PASSWD_NAME_BYTES + 1)), Err(NoRoom));
        assert_eq!(names.add(1, &"n".repeat(PASSWD_NAME_BYTES)), Ok(()));
    }
}
