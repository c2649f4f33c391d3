//! The system calls for which std has no safe wrapper, or only one that is large: with `clock`, [`mod@file`], `spawn` and
//! `tty` the only place of the crate with `unsafe` in it.
//!
//! The crate rustix would do for most of these, without `unsafe` here. All of them, in a program by themselves, are 6.5 KB of
//! x86-64 code as they are, 7.4 KB with rustix, and 9.5 KB with what it is on MIPS, a layer over libc; and signalfd, the mask of
//! signals and posix_spawn would stay.
//!
//! Each function is a thin shim: it passes borrowed memory of the right size, turns -1 into `io::Error` and decides
//! nothing. What to call in which order is in [`privileges`] and [`terminal`], which are safe code.
#![allow(unsafe_code)]

pub(crate) mod accounts;
mod clock;
pub mod file;
pub(crate) mod file_watch;
pub mod privileges;
#[cfg(feature = "shell")]
pub(crate) mod screen;
pub(crate) mod spawn;
pub mod terminal;
mod tty;

pub(crate) use clock::since_1970_s;
#[cfg(feature = "shell")]
pub(crate) use clock::sleep;
pub use clock::{cpu_us, since_ms};
use file::again;
pub(crate) use tty::{TerminalSettings, is_terminal, set_terminal, terminal_settings};
#[cfg(feature = "shell")]
pub(crate) use tty::{drop_typed, restore_on_crash, terminal_size};

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Turns the -1 of a system call into the error it left in `errno`.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// What is wrong, in a sentence of ours.
struct Sentence(String);

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Sentence {}

/// An error that is a sentence of ours. (One that std makes of a string can also quote it, for which it brings a table of all
/// characters: four kilobytes.)
pub(crate) fn sentence(text: String) -> io::Error {
    io::Error::other(Sentence(text))
}

/// Fills `out` from the kernel's random source (getrandom(2)).
///
/// Blocks only before the source was first seeded, early at boot, which is what a session id needs: an id made
/// earlier could be guessed.
///
/// # Errors
/// `ENOSYS` on a kernel before 3.17.
pub fn random(out: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // SAFETY: pointer and length are those of one live, exclusively borrowed slice.
        filled += again(&mut || unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) })?;
    }
    Ok(())
}

/// Writes the machine's host name to `out` and returns the part that holds it, without the final NUL.
///
/// # Errors
/// `ENAMETOOLONG` where `out` is too small; 64 bytes hold any name Linux can have (`__NEW_UTS_LEN`) but the NUL,
/// so pass 65.
pub fn hostname(out: &mut [u8]) -> io::Result<&[u8]> {
    // SAFETY: pointer and length are those of one live, exclusively borrowed slice.
    check(unsafe { libc::gethostname(out.as_mut_ptr().cast(), out.len()) })?;
    match out.iter().position(|&byte| byte == 0) {
        Some(end) => Ok(out.split_at(end).0),
        // POSIX lets a name that was cut go without its NUL.
        None => Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG)),
    }
}

/// The kernel's version, major and minor; (0, 0) if it says nothing that can be read (uname(2)).
pub fn kernel_release() -> (u32, u32) {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the pointer is to live memory of the type that the call fills.
    if unsafe { libc::uname(name.as_mut_ptr()) } == -1 {
        return (0, 0);
    }
    // SAFETY: all-zero bytes are a valid `utsname`, and the call only puts other bytes there.
    let name = unsafe { name.assume_init() };
    let (mut numbers, mut at) = ([0_u32; 2], 0);
    for byte in name.release.map(|byte| byte as u8) {
        let Some(number) = numbers.get_mut(at) else { break };
        match byte {
            b'0'..=b'9' => *number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0')),
            _ => at += 1,
        }
    }
    let [major, minor] = numbers;
    (major, minor)
}

/// A variable of the environment, if it is UTF-8 (getenv(3)). Nothing here changes the environment, so it stays as it is. (std's
/// way there has a lock and copies, in a kilobyte.)
pub(crate) fn environment(name: &CStr) -> Option<&'static str> {
    // SAFETY: the name ends in NUL. What is found ends in NUL too, and lives as long as the program, since nobody changes it.
    let value = unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() {
            return None;
        }
        CStr::from_ptr(value)
    };
    value.to_str().ok()
}

/// Sets the mask of permissions that new files do not get, and returns the one before. Never fails (umask(2)).
pub fn umask(mask: u32) -> u32 {
    // SAFETY: takes and returns a plain number. `mode_t` is 32 bits wide on every Linux.
    unsafe { libc::umask(mask as libc::mode_t) as u32 }
}

/// The effective user id of the process.
pub fn effective_uid() -> u32 {
    // SAFETY: no arguments, no failure.
    unsafe { libc::geteuid() }
}

/// How many descriptors this process may have open (`RLIMIT_NOFILE`, the soft limit). `None` if that can't be told.
pub fn descriptor_limit() -> Option<usize> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: the pointer is to live memory of the right type, initialised by a call that succeeds.
    let limit = unsafe {
        check(libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr())).ok()?;
        limit.assume_init()
    };
    usize::try_from(limit.rlim_cur).ok()
}

/// A signal that asks something of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: finish and leave.
    Terminate,
    /// SIGINT: the same, from a terminal.
    Interrupt,
    /// SIGHUP: read the password file again.
    HangUp,
    /// SIGCHLD: a program that was started has ended.
    Child,
    /// SIGWINCH: the terminal has another size.
    Resize,
}

/// Signals as a file descriptor (signalfd(2)) that is readable while one is pending.
///
/// Non-blocking and close-on-exec, so it can be registered with mio through its raw descriptor. The signals are blocked
/// while it lives and for good after: unblocking them again would let one that is still pending kill the process.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// SIGTERM, SIGINT, SIGHUP and SIGCHLD.
    ///
    /// # Errors
    /// Those of [`Signals::of`].
    pub fn open() -> io::Result<Signals> {
        Signals::of(&[libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD])
    }

    /// Blocks these signals in this thread, and in those it starts later, and opens the descriptor.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM` as signalfd(2) has them.
    pub(crate) fn of(signals: &[libc::c_int]) -> io::Result<Signals> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset initialises the whole set; sigaddset and the rest get it only after that. With valid
        // signal numbers neither fails. A null old mask means it is not wanted.
        let (blocked, fd) = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
            (blocked, libc::signalfd(-1, set.as_ptr(), libc::SFD_NONBLOCK | libc::SFD_CLOEXEC))
        };
        // pthread_sigmask returns its error instead of setting errno.
        if blocked != 0 {
            return Err(io::Error::from_raw_os_error(blocked));
        }
        let fd = check(fd)?;
        // SAFETY: signalfd just made this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Signals { fd })
    }

    /// Takes one pending signal, or `None` when there is none. Call until `None`: mio reports an edge only once.
    ///
    /// # Errors
    /// What read(2) gives beyond `EAGAIN` and `EINTR`, neither of which is an error here.
    pub fn read_signal(&self) -> io::Result<Option<Signal>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is `size` bytes, live and exclusively borrowed.
        match again(&mut || unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) }) {
            Ok(got) if got == size => {}
            Ok(_) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        // SAFETY: a read of the full size has initialised all of it; any bit pattern is a valid value.
        let number = unsafe { info.assume_init() }.ssi_signo;
        Ok(match i32::try_from(number) {
            Ok(libc::SIGTERM) => Some(Signal::Terminate),
            Ok(libc::SIGINT | libc::SIGQUIT) => Some(Signal::Interrupt),
            Ok(libc::SIGHUP) => Some(Signal::HangUp),
            Ok(libc::SIGCHLD) => Some(Signal::Child),
            Ok(libc::SIGWINCH) => Some(Signal::Resize),
            _ => None,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.fd.as_raw_fd()
    }
}

/// Waits, as long as it takes, until one of two descriptors can be read (or is closed); says which.
///
/// # Errors
/// What poll(2) gives beyond `EINTR`.
pub fn wait_either(first: BorrowedFd<'_>, second: BorrowedFd<'_>) -> io::Result<(bool, bool)> {
    wait_either_for(first, second, -1)
}

/// The same for so many milliseconds at most; neither, when they are over.
///
/// # Errors
/// As of [`wait_either`].
pub(crate) fn wait_either_for(
    first: BorrowedFd<'_>,
    second: BorrowedFd<'_>,
    most_ms: libc::c_int,
) -> io::Result<(bool, bool)> {
    let entry = |fd: BorrowedFd<'_>| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut entries = [entry(first), entry(second)];
    loop {
        // SAFETY: the array is live, exclusively borrowed and two entries long.
        match check(unsafe { libc::poll(entries.as_mut_ptr(), 2, most_ms) }) {
            Ok(_) => {
                let [first, second] = entries.map(|entry| entry.revents != 0);
                return Ok((first, second));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// prctl(2) with two arguments; the rest are 0, as most of its operations demand.
pub(crate) fn prctl(operation: libc::c_int, first: libc::c_ulong, second: libc::c_ulong) -> io::Result<()> {
    let none: libc::c_ulong = 0;
    // SAFETY: only called with operations whose arguments are plain numbers, never pointers (see `privileges`).
    check(unsafe { libc::prctl(operation, first, second, none, none) }).map(drop)
}

/// Capability sets of this thread, as bits: bit N is the capability N of linux/capability.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What the kernel checks.
    pub effective: u64,
    /// What may be made effective.
    pub permitted: u64,
    /// What a program started with execve(2) may keep.
    pub inheritable: u64,
}

/// `_LINUX_CAPABILITY_VERSION_3`: 64 bits in two words of each set.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct` of linux/capability.h, which libc has no type for.
#[repr(C)]
struct CapHeader {
    version: u32,
    /// 0 is the calling thread.
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct`; version 3 passes two, the low words first.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Reads the capability sets of this thread (capget(2)).
///
/// # Errors
/// `EINVAL` on a kernel before 2.6.26, which knows no version 3.
pub fn capabilities() -> io::Result<Capabilities> {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: the kernel writes at most the header and two data structs of version 3; both outlive the call and are
    // laid out as linux/capability.h has them.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    let [low, high] = data;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok(Capabilities {
        effective: join(low.effective, high.effective),
        permitted: join(low.permitted, high.permitted),
        inheritable: join(low.inheritable, high.inheritable),
    })
}

/// Sets the capability sets of this thread (capset(2)).
///
/// # Errors
/// `EPERM` where a set would gain what it may not.
pub fn set_capabilities(sets: Capabilities) -> io::Result<()> {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    // The casts keep the 32 bits each word has room for.
    let word = |shift: u32| CapData {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let data = [word(0), word(32)];
    // SAFETY: as in `capabilities`; the data is only read.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives up all supplementary groups, then takes `gid` and `uid` as real, effective and saved ids.
///
/// # Errors
/// `EPERM` without CAP_SETGID and CAP_SETUID. A failure half way leaves the groups changed: leave the program then.
///
/// The kernel's own calls, which are for one thread, since there is no other: the C library's stop all others meanwhile, for
/// which they bring three kilobytes.
pub(crate) fn set_ids(uid: u32, gid: u32) -> io::Result<()> {
    // The calls of these names take ids of 16 bits on machines that have the others as well.
    #[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
    use libc::{SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID};
    #[cfg(any(target_arch = "arm", target_arch = "x86"))]
    use libc::{SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID};
    let none: *const libc::gid_t = std::ptr::null();
    // SAFETY: an empty list may be a null pointer; the others take plain numbers, no wider than a register. The groups go
    // first, since nothing may change them once the user id is no longer 0.
    unsafe {
        check(libc::syscall(SETGROUPS, 0, none) as libc::c_int)?;
        check(libc::syscall(SETRESGID, gid, gid, gid) as libc::c_int)?;
        check(libc::syscall(SETRESUID, uid, uid, uid) as libc::c_int).map(drop)
    }
}
