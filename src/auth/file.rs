//! The password file and /etc/shadow, from bytes into a table of fixed size.
//!
//! Pure: no file is opened here. One bad line makes the whole file bad: to skip it would lock a user out, or leave
//! one in, without a word.

use std::fmt;

use heapless::Vec;

use super::Login;
use super::hash::{self, Algorithm, Hash, Unusable};
pub use super::login::Name;
use crate::limits::{USER_NAME_BYTES, USERS};

/// What is wrong with a line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No `:` between name and hash.
    NoColon,
    /// The name is empty, has a control character or a blank at an end, or starts with `#`.
    Name,
    /// The name is longer than [`USER_NAME_BYTES`].
    LongName,
    /// The name was on an earlier line.
    Twice,
    /// There is no hash.
    NoHash,
    /// The hash can't be used.
    Hash(Unusable),
    /// The hash of one of the system's accounts can't be used.
    Account(Unusable),
    /// There are more than [`USERS`] users.
    Full,
}

/// What is wrong with a file, and where. As text a sentence: `line 3: ...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoColon => f.write_str("it is not user:hash"),
            Problem::Name => {
                f.write_str("a user's name needs a character, no ':', no control character, no '#' in front, no blank at an end")
            }
            Problem::LongName => write!(f, "the user's name is longer than {USER_NAME_BYTES} bytes"),
            Problem::Twice => f.write_str("the user is on an earlier line as well"),
            Problem::NoHash => f.write_str("the hash is missing: nobody gets in without a password"),
            Problem::Hash(unusable) => write!(f, "{unusable}: set the password anew with \"rctd passwd\""),
            Problem::Account(unusable) => write!(
                f,
                "{unusable}: set the account's password anew, with \"passwd -a sha512\" (busybox) or \"chpasswd -c SHA512\""
            ),
            Problem::Full => write!(f, "there are more than {USERS} users"),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// Who may log in, and with which password.
#[derive(Clone, Debug)]
pub struct Users {
    entries: Vec<(Name, Hash), USERS>,
    /// The most expensive hash: what every attempt costs, whoever it names.
    algorithm: Algorithm,
    rounds: u32,
}

impl Users {
    /// No user at all.
    pub const fn new() -> Users {
        Users { entries: Vec::new(), algorithm: Algorithm::Sha1, rounds: 0 }
    }

    /// Reads a password file: `user:hash` a line, `#` comments, empty lines. White space at the end of a line, as an
    /// editor elsewhere leaves it, does not count.
    ///
    /// # Errors
    /// The first bad line.
    pub fn parse(text: &[u8]) -> Result<Users, FileError> {
        let mut users = Users::new();
        for (line, entry) in lines(text) {
            let at = |problem| FileError { line, problem };
            let (name, hash) = entry.map_err(at)?;
            users.add(name, hash).map_err(at)?;
        }
        Ok(users)
    }

    /// Reads a shadow(5) file: of each line name and hash, and only those of the `allowed` names. An account without a
    /// password, or with one that is locked (`!`, `*`), is left out. Dates of expiry are not looked at.
    ///
    /// # Errors
    /// The first bad line of an allowed user. Lines of others are never an error.
    pub fn parse_shadow(text: &[u8], allowed: &[Name]) -> Result<Users, FileError> {
        let mut users = Users::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let mut fields = line.split(|&byte| byte == b':');
            let (Some(name), Some(hash)) = (fields.next(), fields.next()) else {
                continue;
            };
            let locked = matches!(hash.first(), None | Some(b'!' | b'*'));
            if !locked && allowed.iter().any(|allowed| allowed == name) {
                users.add(name, hash).map_err(|problem| {
                    let problem = if let Problem::Hash(u) = problem { Problem::Account(u) } else { problem };
                    FileError { line: index + 1, problem }
                })?;
            }
        }
        Ok(users)
    }

    /// Adds a user after all checks.
    fn add(&mut self, name: &[u8], hash: &[u8]) -> Result<(), Problem> {
        let name = check_name(name)?;
        if hash.is_empty() {
            return Err(Problem::NoHash);
        }
        let hash = Hash::parse(hash).map_err(Problem::Hash)?;
        if self.contains(&name) {
            return Err(Problem::Twice);
        }
        // On a par, SHA-512-crypt: it takes longer.
        if (hash.rounds(), hash.algorithm() == Algorithm::Sha512Crypt)
            > (self.rounds, self.algorithm == Algorithm::Sha512Crypt)
        {
            (self.algorithm, self.rounds) = (hash.algorithm(), hash.rounds());
        }
        self.entries.push((name, hash)).map_err(|_| Problem::Full)
    }

    /// The login, if `user` is there and `password` is theirs.
    ///
    /// What it costs does not tell whether the user exists: an unknown one has as many rounds computed as the file's
    /// most expensive hash, and one with fewer rounds has the rest computed as well. That is exact where all hashes
    /// are of one kind; in a mixed file a round of `$5$` and one of `$6$` differ a little.
    pub fn verify(&self, user: &[u8], password: &[u8]) -> Option<Login> {
        // No early end: where in the file a user is should not show either.
        let mut found = None;
        for (name, hash) in &self.entries {
            if name == user {
                found = Some((name, hash));
            }
        }
        let right = found.is_some_and(|(_, hash)| hash.verify(password));
        let done = found.map_or(0, |(_, hash)| hash.rounds());
        hash::burn(self.algorithm, self.rounds.saturating_sub(done), password);
        found.filter(|_| right).map(|(name, hash)| Login::of(name, hash.version()))
    }

    /// True if the user of a login is there and has the same hash as then.
    pub(super) fn knows(&self, login: &Login) -> bool {
        self.entries.iter().any(|(name, hash)| Login::of(name, hash.version()) == *login)
    }

    /// True if there is such a user.
    pub fn contains(&self, user: &[u8]) -> bool {
        self.entries.iter().any(|(name, _)| name == user)
    }

    /// The users whose hash is an unsalted SHA-1, to be named in a warning.
    pub fn legacy(&self) -> impl Iterator<Item = &Name> {
        self.entries.iter().filter(|(_, hash)| hash.algorithm() == Algorithm::Sha1).map(|(name, _)| name)
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if nobody can log in.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Default for Users {
    fn default() -> Users {
        Users::new()
    }
}

/// A line that names a user: name and hash as they are there.
type Entry<'a> = Result<(&'a [u8], &'a [u8]), Problem>;

/// What an editor may put in front of UTF-8: no part of the first name.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text without a byte order mark in front.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The lines of a password file that name a user, with their numbers from 1.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Entry<'_>)> {
    without_mark(text).split(|&byte| byte == b'\n').enumerate().filter_map(|(index, line)| {
        let line = line.trim_ascii_end();
        if matches!(line.trim_ascii_start().first(), None | Some(b'#')) {
            return None;
        }
        let cut = line.iter().position(|&byte| byte == b':').map(|colon| line.split_at(colon));
        let entry = cut.and_then(|(name, rest)| Some((name, rest.split_first()?.1)));
        Some((index + 1, entry.ok_or(Problem::NoColon)))
    })
}

/// A name as a password file can hold it.
///
/// # Errors
/// `Name` or `LongName`.
pub fn check_name(name: &[u8]) -> Result<Name, Problem> {
    let bad = |&byte: &u8| byte == b':' || byte.is_ascii_control();
    if name.is_empty() || name.first() == Some(&b'#') || name.trim_ascii() != name || name.iter().any(bad) {
        return Err(Problem::Name);
    }
    Name::from_slice(name).map_err(|_| Problem::LongName)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_user_takes_as_long_as_a_wrong_password() {
        let digest = ".".repeat(86);
        let file = format!(
            "slow:$6$rounds=9000$salt${digest}\nusual:$6$salt${digest}\nold:{}\n",
            "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4"
        );
        let users = Users::parse(file.as_bytes()).expect("a good file");
        for user in ["slow", "usual", "old", "nobody", ""] {
            for (password, rounds) in [("wrong", 9000), ("secret", 9000), ("", 0)] {
                let before = hash::ROUNDS.get();
                let right = users.verify(user.as_bytes(), password.as_bytes());
                assert_eq!(right.is_some(), (user, password) == ("old", "secret"), "{user:?} {password:?}");
                assert_eq!(hash::ROUNDS.get() - before, rounds, "{user:?} {password:?}");
            }
        }
    }
}
