//! Files and descriptors by the system calls themselves, one function each and none generic: `std::fs` brings buffers,
//! builders and a copy of itself for each type, which is flash on a router. Paths come from the command line.
use super::{check, sentence};
use std::fmt::{self, Write};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The standard input.
pub const STDIN: BorrowedFd<'static> = standard(0);
/// The standard output.
pub const STDOUT: BorrowedFd<'static> = standard(1);
/// Where the log goes.
pub const STDERR: BorrowedFd<'static> = standard(2);

const fn standard(number: libc::c_int) -> BorrowedFd<'static> {
    // SAFETY: std opens all three at the start of a program that was given fewer, and nothing here closes them.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// What stat(2) says about a file, as far as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Type and permissions.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// What identifies this version of a file.
    pub stamp: Stamp,
}

/// What identifies one version of a file: a new one differs in at least one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    /// The inode's number.
    pub inode: u64,
    /// Bytes.
    pub(crate) size: u64,
    modified: (i64, i64),
    /// Changes with owner and mode too, so that a file refused for its mode is looked at again.
    changed: (i64, i64),
}

impl Stamp {
    /// The file itself, whatever its version.
    pub(crate) fn device_and_inode(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

impl Status {
    /// Whether it is of this type, one of `S_IFMT`'s.
    #[must_use]
    pub fn is(&self, kind: libc::mode_t) -> bool {
        self.mode & libc::S_IFMT == kind
    }
}

/// A path in a sentence: what of it is not UTF-8 is replaced. (`Path::display` does the same in four times the code.)
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_os_str().as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// The path as C has it, with a NUL at its end. (`CString::new` would be half a kilobyte more.)
///
/// # Errors
/// `EINVAL` for a path with a NUL in it.
pub(super) fn c_path(path: &Path) -> io::Result<CPath> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(CPath([bytes, b"\0"].concat()))
}

pub(super) struct CPath(Vec<u8>);

impl CPath {
    pub(super) fn as_ptr(&self) -> *const libc::c_char {
        self.0.as_ptr().cast()
    }
}

/// Calls the system with a path, and gives what it returns.
fn with_path(
    path: &Path,
    call: &mut dyn FnMut(*const libc::c_char) -> libc::c_int,
) -> io::Result<libc::c_int> {
    check(call(c_path(path)?.as_ptr()))
}

/// The result of a call that fills a `stat`, whose numbers have other widths on other machines.
#[allow(clippy::unnecessary_cast)]
fn status(call: &mut dyn FnMut(*mut libc::stat) -> io::Result<libc::c_int>) -> io::Result<Status> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    call(stat.as_mut_ptr())?;
    // SAFETY: all-zero bytes are a valid `stat`, and the call only put other numbers there.
    let stat = unsafe { stat.assume_init() };
    Ok(Status {
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        stamp: Stamp {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        },
    })
}

/// stat(2).
///
/// # Errors
/// `ENOENT` and others of stat(2).
pub fn stat(path: &Path) -> io::Result<Status> {
    // SAFETY: both pointers are to live memory; the path ends in NUL.
    status(&mut |to| with_path(path, &mut |path| unsafe { libc::stat(path, to) }))
}

/// Whether this process may run the file (access(2), by its real ids, which are all that it has).
///
/// # Errors
/// `EACCES` if it may not, and others of access(2).
pub(crate) fn check_executable(path: &Path) -> io::Result<()> {
    // SAFETY: the path is live and ends in NUL.
    with_path(path, &mut |path| unsafe { libc::access(path, libc::X_OK) }).map(drop)
}

/// lstat(2): of a symbolic link itself.
///
/// # Errors
/// Those of lstat(2).
pub fn lstat(path: &Path) -> io::Result<Status> {
    // SAFETY: as in `stat`.
    status(&mut |to| with_path(path, &mut |path| unsafe { libc::lstat(path, to) }))
}

/// fstat(2).
///
/// # Errors
/// Those of fstat(2).
pub fn fstat(fd: BorrowedFd<'_>) -> io::Result<Status> {
    // SAFETY: the pointer is to live memory.
    status(&mut |to| check(unsafe { libc::fstat(fd.as_raw_fd(), to) }))
}

/// Opens a file, close-on-exec, with more `flags` of open(2); one that `O_CREAT` makes gets `mode`.
///
/// # Errors
/// Those of open(2) but `EINTR`.
pub fn open(path: &Path, flags: libc::c_int, mode: u32) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: the path is live and ends in NUL.
        match with_path(path, &mut |path| unsafe { libc::open(path, flags | libc::O_CLOEXEC, mode) }) {
            // SAFETY: open just made this descriptor, and nothing else owns it.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether a switch of the kernel's is on: the sysctl with this path below /proc/sys. `None` for a kernel that has no such.
pub(crate) fn switch(path: &Path) -> Option<bool> {
    let mut value = [0];
    let file = open(path, libc::O_RDONLY, 0).ok()?;
    let length = read(file.as_fd(), &mut value).ok()?;
    (length == 1).then_some(value != *b"0")
}

/// Writes all of `bytes` to the beginning of a file that is there: a switch of the kernel's.
///
/// # Errors
/// Those of [`open`] and [`write_all`].
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = open(path, libc::O_WRONLY, 0)?;
    write_all(file.as_fd(), bytes)
}

/// Opens an ordinary file for reading, with more `flags` of open(2), and says what it is. Nothing else is waited for: opening a
/// FIFO would wait for somebody to write to it.
///
/// # Errors
/// Those of [`open`], and a sentence for what is not an ordinary file.
pub(crate) fn open_ordinary(path: &Path, flags: libc::c_int) -> io::Result<(OwnedFd, Status)> {
    let file = open(path, libc::O_RDONLY | libc::O_NONBLOCK | flags, 0)?;
    let status = fstat(file.as_fd())?;
    check_ordinary(&status)?;
    Ok((file, status))
}

/// Fails for what is not an ordinary file.
///
/// # Errors
/// A sentence.
pub(crate) fn check_ordinary(status: &Status) -> io::Result<()> {
    if status.is(libc::S_IFREG) { Ok(()) } else { Err(sentence("it is not an ordinary file".to_owned())) }
}

/// Makes a call that reads or writes, again while it is interrupted; how many bytes that were.
pub(super) fn again(call: &mut dyn FnMut() -> libc::ssize_t) -> io::Result<usize> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Reads what there is, at most a bufferful; 0 is the end.
///
/// # Errors
/// Those of read(2) but `EINTR`.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of one live, exclusively borrowed slice.
    again(&mut || unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Reads until the end of the file or of the buffer; how many bytes that were.
///
/// # Errors
/// Those of [`read`].
pub fn fill(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match read(fd, rest)? {
            0 => break,
            got => length += got,
        }
    }
    Ok(length)
}

/// Bytes of a line that [`lines`] keeps: far more than the numbers and names at the front of an account's take.
const LINE_BYTES: usize = 512;

/// Calls `each` with each line of a file, without its end, until it returns false. Of a line of more than 512 bytes it
/// gets the front.
///
/// # Errors
/// Those of [`read`].
pub fn lines(file: BorrowedFd<'_>, each: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
    let (mut buffer, mut line, mut length) = ([0; 512], [0; LINE_BYTES], 0);
    loop {
        let got = read(file, &mut buffer)?;
        for &byte in buffer.get(..got).unwrap_or_default() {
            if byte != b'\n' {
                if let Some(place) = line.get_mut(length) {
                    (*place, length) = (byte, length + 1);
                }
            } else if !each(line.get(..length).unwrap_or_default()) {
                return Ok(());
            } else {
                length = 0;
            }
        }
        if got == 0 {
            if length > 0 {
                each(line.get(..length).unwrap_or_default());
            }
            return Ok(());
        }
    }
}

/// Whether something can be written without waiting (poll(2)); so it is too where writing gives an error.
pub(crate) fn is_writable(fd: BorrowedFd<'_>) -> bool {
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: the entry is live, exclusively borrowed and one.
    unsafe { libc::poll(&raw mut entry, 1, 0) == 1 }
}

/// Writes what goes, and returns how much that was.
///
/// # Errors
/// Those of write(2) but `EINTR`.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of one live slice.
    again(&mut || unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// The same to a socket, without a signal where nobody is there to read it.
///
/// # Errors
/// Those of send(2) but `EINTR`.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (fd, flags) = (socket.as_raw_fd(), libc::MSG_NOSIGNAL);
    // SAFETY: pointer and length are those of one live slice.
    again(&mut || unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Writes all of `bytes`.
///
/// # Errors
/// Those of write(2) but `EINTR`.
pub fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            sent => bytes = bytes.get(sent..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// unlink(2).
///
/// # Errors
/// Those of unlink(2).
pub fn remove(path: &Path) -> io::Result<()> {
    // SAFETY: the path is live and ends in NUL.
    with_path(path, &mut |path| unsafe { libc::unlink(path) }).map(drop)
}

/// rename(2).
///
/// # Errors
/// Those of rename(2).
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let to = c_path(to)?;
    // SAFETY: both paths are live and end in NUL.
    with_path(from, &mut |from| unsafe { libc::rename(from, to.as_ptr()) }).map(drop)
}

/// Where a symbolic link leads; at most `PATH_MAX` bytes.
///
/// # Errors
/// `EINVAL` for what is none, and others of readlink(2).
pub fn read_link(path: &Path) -> io::Result<Vec<u8>> {
    let mut target = vec![0; libc::PATH_MAX as usize];
    // At most `PATH_MAX`, which fits.
    let length = with_path(path, &mut |path| {
        // SAFETY: the path ends in NUL; pointer and length are those of one live, exclusively borrowed buffer.
        unsafe { libc::readlink(path, target.as_mut_ptr().cast(), target.len()) as libc::c_int }
    })?;
    target.truncate(usize::try_from(length).unwrap_or_default());
    Ok(target)
}

/// lchown(2): of a symbolic link itself.
///
/// # Errors
/// Those of lchown(2).
pub fn lchown(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: the path is live and ends in NUL.
    with_path(path, &mut |path| unsafe { libc::lchown(path, uid, gid) }).map(drop)
}

/// fchown(2).
///
/// # Errors
/// Those of fchown(2).
pub fn fchown(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: plain numbers, here and below.
    check(unsafe { libc::fchown(fd.as_raw_fd(), uid, gid) }).map(drop)
}

/// fchmod(2).
///
/// # Errors
/// Those of fchmod(2).
pub fn fchmod(fd: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    // SAFETY: plain numbers. `mode_t` is 32 bits wide on every Linux.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode as libc::mode_t) }).map(drop)
}

/// fsync(2).
///
/// # Errors
/// Those of fsync(2).
pub fn sync(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a plain number.
    check(unsafe { libc::fsync(fd.as_raw_fd()) }).map(drop)
}
