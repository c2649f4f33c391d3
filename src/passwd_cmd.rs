//! `rctd passwd FILE USER`: sets, adds or deletes one user of a password file.
//!
//! The new text goes to a temporary file beside the old one, which is then renamed over it: after a crash at any point
//! there is the old file or the new one, whole. All other lines stay as they were, byte for byte. Of two runs at the
//! same time the last one wins, as with passwd files elsewhere. This is not the daemon, so it may allocate.

use core::fmt;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::auth::file::{Users, check_name, without_mark};
use crate::auth::hash;
use crate::limits::{PASSWORD_BYTES, PASSWORD_FILE_BYTES};
use crate::sys::{
    self,
    file::{self, Shown, Status},
    terminal::Prompt,
};

/// Links followed from one file to the next, as the kernel limits them too.
const MAX_LINKS: usize = 40;

/// Does what the command line asks: sets the password of `user` in `file`, which is made where there is none, or with
/// `delete` takes the user out. The password comes from the terminal, asked for twice, or with `stdin` from one line of
/// the standard input. Returns a sentence on what was done.
///
/// # Errors
/// A sentence for the user. The file is then as it was.
pub fn run(file: &Path, user: &str, stdin: bool, delete: bool) -> Result<String, String> {
    change(file, user, stdin, delete).map_err(String::from)
}

/// Why nothing was changed: a sentence, which goes up in two registers.
type Refusal = Box<str>;

#[cold]
#[inline(never)]
fn refusal(text: fmt::Arguments<'_>) -> Refusal {
    text.to_string().into()
}

/// What is wrong with a file.
#[cold]
#[inline(never)]
fn about(path: &Path, problem: fmt::Arguments<'_>) -> Refusal {
    refusal(format_args!("{}: {problem}", Shown(path)))
}

fn change(file: &Path, user: &str, stdin: bool, delete: bool) -> Result<String, Refusal> {
    check_order(file, user)?;
    check_name(user.as_bytes())
        .map_err(|problem| refusal(format_args!("the user \"{}\": {problem}", escaped(user))))?;
    // The program ends with this command, which takes nothing apart.
    let target: &Path = Box::leak(follow_links(file.to_owned())?.into_boxed_path());
    let old = read_old(target)?.map(|old| &*Box::leak(Box::new(old)));
    if old.is_none() {
        // Said before a password is asked for.
        file::stat(&directory_of(target)).map_err(|error| explain_write(target, &error))?;
    }
    let text = old.map_or(&[][..], |old| without_mark(&old.text));
    let explain = |problem: fmt::Arguments<'_>| about(target, problem);
    let rest = remove(text, user).ok_or_else(|| {
        explain(format_args!("the user \"{user}\" is on more than one line: delete all but one by hand"))
    })?;
    let rest: &[u8] = rest.leak();
    let rest_has_all = rest.len() == text.len();
    if delete && rest_has_all {
        return Err(explain(format_args!("there is no user \"{user}\"")));
    }
    // What the daemon would refuse is not built upon. The user's own line may be bad, since it goes; and it is said
    // before a password is asked for.
    let check = |text: &[u8]| match Users::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(format_args!("{error}"))),
    };
    check(rest)?;
    let new: &[u8] = if delete {
        rest
    } else {
        let password = if stdin { from_stdin()? } else { from_terminal(user)? };
        let mut random = [0; 16];
        sys::random(&mut random)
            .map_err(|error| refusal(format_args!("no random bytes for the salt: {error}")))?;
        put(text, user, &hash::make(&password, &random)).leak()
    };
    if new.len() >= PASSWORD_FILE_BYTES {
        return Err(explain(format_args!(
            "it would be too large: {} bytes are the most",
            PASSWORD_FILE_BYTES - 1
        )));
    }
    check(new)?;
    replace(target, new, old).map_err(|error| explain_write(target, &error))?;
    sync_directory(target).map_err(|error| {
        refusal(format_args!("{} was changed, but may be the old one after a crash: {error}", Shown(target)))
    })?;
    let done = match (delete, rest_has_all) {
        (true, _) => "was removed from",
        (false, true) => "was added to",
        (false, false) => "has a new password in",
    };
    Ok(format!("\"{user}\" {done} {}", Shown(target)))
}

/// Who gives the user first and the file then would get a password file by the user's name.
fn check_order(file: &Path, user: &str) -> Result<(), Refusal> {
    let is_file = |path: &Path| file::stat(path).is_ok_and(|status| status.is(libc::S_IFREG));
    if !is_file(file) && (user.contains('/') || is_file(Path::new(user))) {
        let (file, user) = (Shown(file), escaped(user));
        let order = "the file comes first and the user after it: rctd passwd";
        return Err(refusal(format_args!("{order} {user} {file}")));
    }
    Ok(())
}

/// Why the file could not be written, and what to do.
fn explain_write(path: &Path, error: &io::Error) -> Refusal {
    let directory = match split(path).0 {
        [] => ".".into(),
        directory => String::from_utf8_lossy(directory),
    };
    match error.kind() {
        io::ErrorKind::NotFound => {
            let directory = directory.trim_end_matches('/');
            refusal(format_args!(
                "there is no directory {directory} for the file: make it with \"mkdir -p {directory}\""
            ))
        }
        _ => refusal(format_args!("can't write {}: {error}", Shown(path))),
    }
}

/// The name with anything but printable ASCII as `\u{...}`, since it may go to a terminal.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            ' '..='~' => text.push(c),
            _ => text.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    text
}

/// A file as it was before.
struct Old {
    text: Vec<u8>,
    status: Status,
}

/// The directory that a path names, with the `/` at its end, and the name in it.
fn split(path: &Path) -> (&[u8], &[u8]) {
    let path = path.as_os_str().as_bytes();
    let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    path.split_at(name)
}

#[inline(never)]
fn joined(directory: &[u8], name: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&[directory, name].concat()))
}

/// The directory of a file.
fn directory_of(path: &Path) -> PathBuf {
    joined(split(path).0, b".")
}

/// Where a chain of symbolic links ends, be there a file or not: that file, not the link, is to be replaced.
fn follow_links(mut path: PathBuf) -> Result<PathBuf, Refusal> {
    for _ in 0..MAX_LINKS {
        let Ok(link) = file::read_link(&path) else {
            return Ok(path);
        };
        check_link(&path)?;
        // A relative link counts from its own directory; an absolute one replaces all of the path.
        let directory = if link.starts_with(b"/") { &[][..] } else { split(&path).0 };
        path = joined(directory, &link);
    }
    Err(about(&path, format_args!("too many symbolic links")))
}

/// Root does not follow a link that somebody else may have laid: it would let them choose which of root's files is replaced.
fn check_link(link: &Path) -> Result<(), Refusal> {
    let safe =
        file::stat(&directory_of(link)).is_ok_and(|status| status.uid == 0 && status.mode & 0o022 == 0);
    if safe || sys::effective_uid() != 0 {
        return Ok(());
    }
    let link = Shown(link);
    Err(refusal(format_args!(
        "{link} is a link in a directory that others than root can write: name the file that it leads to"
    )))
}

/// Reads the file, if there is one.
fn read_old(path: &Path) -> Result<Option<Old>, Refusal> {
    let explain = |error: io::Error| refusal(format_args!("can't read {}: {error}", Shown(path)));
    // All links were followed: one that is there now was laid in between.
    let (file, status) = match file::open_ordinary(path, libc::O_NOFOLLOW) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(explain(error)),
    };
    let mut text = vec![0; PASSWORD_FILE_BYTES];
    let length = file::fill(file.as_fd(), &mut text).map_err(explain)?;
    if length == PASSWORD_FILE_BYTES {
        return Err(refusal(format_args!(
            "{} is too large: {} bytes are the most",
            Shown(path),
            PASSWORD_FILE_BYTES - 1
        )));
    }
    text.truncate(length);
    Ok(Some(Old { text, status }))
}

/// True if this line is the user's. A name can't start with `#`, so a comment is nobody's.
fn is_of(line: &[u8], user: &str) -> bool {
    line.strip_prefix(user.as_bytes()).is_some_and(|rest| rest.first() == Some(&b':'))
}

/// The text with the user's line replaced, or with one more at its end.
fn put(text: &[u8], user: &str, hash: &str) -> Vec<u8> {
    let own = format!("{user}:{hash}\n");
    let mut new = Vec::with_capacity(text.len() + own.len() + 1);
    let mut found = false;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if is_of(line, user) {
            found = true;
            new.extend_from_slice(own.as_bytes());
        } else {
            new.extend_from_slice(line);
        }
    }
    if !found {
        if new.last().is_some_and(|&byte| byte != b'\n') {
            new.push(b'\n');
        }
        new.extend_from_slice(own.as_bytes());
    }
    new
}

/// The text without the user's line. `None` where there are two of them: which one is meant can't be told.
fn remove(text: &[u8], user: &str) -> Option<Vec<u8>> {
    let (mut rest, mut found) = (Vec::with_capacity(text.len()), 0);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if is_of(line, user) {
            found += 1;
        } else {
            rest.extend_from_slice(line);
        }
    }
    (found < 2).then_some(rest)
}

/// Puts `text` in the place of the file: written beside it, flushed to the disk, and then renamed, with the old one's
/// owner and mode, or 0600.
fn replace(path: &Path, text: &[u8], old: Option<&Old>) -> io::Result<()> {
    let (directory, name) = split(path);
    let (temporary, file) = create_beside(directory, name)?;
    let written = write_all(file, text, old).and_then(|()| file::rename(&temporary, path));
    if let Err(error) = written {
        // What is left over does no harm: it is never read, and the next run takes another name.
        let _ = file::remove(&temporary);
        return Err(error);
    }
    Ok(())
}

/// Flushes the file's directory to the disk: only then its new name is there.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = file::open(&directory_of(path), libc::O_RDONLY, 0)?;
    file::sync(directory.as_fd())
}

/// Makes a new, empty file with a random name in `directory`, readable by nobody else. With O_EXCL a file, or a link that
/// someone laid there, is never written to.
fn create_beside(directory: &[u8], name: &[u8]) -> io::Result<(PathBuf, OwnedFd)> {
    let mut random = [0; 8];
    sys::random(&mut random)?;
    let end = format!(".{:016x}", u64::from_ne_bytes(random));
    let temporary = joined(directory, &[b".", name, end.as_bytes()].concat());
    let file = file::open(&temporary, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o600)?;
    Ok((temporary, file))
}

/// Writes the new file's text and gives it the old one's owner and mode. The owner goes first: changing it can take
/// bits off the mode (chown(2)).
fn write_all(file: OwnedFd, text: &[u8], old: Option<&Old>) -> io::Result<()> {
    file::write_all(file.as_fd(), text)?;
    if let Some(Old { status: old, .. }) = old {
        let new = file::fstat(file.as_fd())?;
        if (new.uid, new.gid) != (old.uid, old.gid) {
            file::fchown(file.as_fd(), old.uid, old.gid)?;
        }
        file::fchmod(file.as_fd(), old.mode & 0o7777)?;
    }
    file::sync(file.as_fd())
}

/// Reads one line of the standard input, or all of it where it has no line end.
fn from_stdin() -> Result<Vec<u8>, Refusal> {
    let mut line = Vec::new();
    let mut byte = [0];
    // One byte and one line end more than may be, so that a longer one shows.
    for _ in 0..PASSWORD_BYTES + 2 {
        let got = file::read(file::STDIN, &mut byte)
            .map_err(|error| refusal(format_args!("can't read the password: {error}")))?;
        if got == 0 || byte == *b"\n" {
            break;
        }
        line.extend_from_slice(&byte);
    }
    check_password(&line)?;
    Ok(line)
}

/// Asks for the password twice.
fn from_terminal(user: &str) -> Result<Vec<u8>, Refusal> {
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted => unchanged("interrupted"),
        io::ErrorKind::UnexpectedEof => unchanged("no password"),
        _ => refusal(format_args!(
            "can't ask for the password (use --stdin where there is no terminal): {error}"
        )),
    };
    let mut prompt = Prompt::open().map_err(explain)?;
    let mut ask = |question: &str| {
        let mut answer = vec![0; PASSWORD_BYTES + 1];
        let length = prompt.ask(question, &mut answer).map_err(explain)?;
        answer.truncate(length);
        Ok::<_, Refusal>(answer)
    };
    let first = ask(&format!("New password for {user}: "))?;
    check_password(&first)?;
    if ask("The same again: ")? != first {
        return Err(unchanged("the two passwords differ"));
    }
    Ok(first)
}

/// Refuses what could never be used to log in.
fn check_password(password: &[u8]) -> Result<(), Refusal> {
    if password.is_empty() {
        return Err(unchanged("an empty password is refused"));
    }
    if password.len() > PASSWORD_BYTES {
        return Err(refusal(format_args!(
            "a password has {PASSWORD_BYTES} bytes at most: nothing was changed"
        )));
    }
    // XML, and most programs that ask for passwords, could not carry these.
    if password.iter().any(u8::is_ascii_control) {
        return Err(unchanged("a password has no control characters"));
    }
    Ok(())
}

fn unchanged(why: &str) -> Refusal {
    refusal(format_args!("{why}: nothing was changed"))
}
