//! Whom a session belongs to, and how the log names them.

use std::fmt;

use super::Peer;
use super::log::printable;
use crate::limits::USER_NAME_BYTES;
use heapless::Vec;

/// A user's name; any bytes but `:` and control characters.
pub type Name = Vec<u8, USER_NAME_BYTES>;

/// Bytes of a stored hash that tell it from another one of the same user's.
const VERSION_BYTES: usize = 8;

/// What marks the end of a name that was cut.
const CUT: &[u8] = b"...";

/// A login that was right: the user, and which of the user's passwords it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    user: Name,
    version: [u8; VERSION_BYTES],
}

impl Login {
    /// Somebody, where no name is asked for.
    pub const fn anybody() -> Login {
        Login { user: Name::new(), version: [0; VERSION_BYTES] }
    }

    /// A user of a password file, with the first bytes of the digest that is stored there: another password has others.
    pub(super) fn of(user: &Name, digest: &[u8; 64]) -> Login {
        let mut version = [0; VERSION_BYTES];
        version.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        Login { user: user.clone(), version }
    }

    /// A user that a program knows. A name for which there is no room is cut and ends in `...`: here it is only for the log.
    pub(super) fn named(user: &[u8]) -> Login {
        let mut name = Name::new();
        if name.extend_from_slice(user).is_err() {
            // One of these always fits.
            name.extend(user.iter().take(USER_NAME_BYTES - CUT.len()).chain(CUT).copied());
        }
        Login { user: name, ..Login::anybody() }
    }
}

/// Who asks for something: a user, if names are asked for, and the address they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The session's login.
    pub login: Login,
    /// Where its calls come from.
    pub peer: Peer,
}

impl fmt::Display for Who {
    /// `"ann" from 192.0.2.7`, or `somebody from 192.0.2.7` where no name is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.login.user.as_slice() {
            [] => write!(f, "somebody from {}", self.peer),
            user => write!(f, "\"{}\" from {}", printable(user), self.peer),
        }
    }
}
