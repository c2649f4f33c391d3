//! Other programs: started with nothing of ours but what they are handed, and never waited for.

use super::check;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// Where a program finds others: all that there is in its environment.
const ENVIRONMENT: &CStr = c"PATH=/usr/sbin:/usr/bin:/sbin:/bin";
/// The descriptor that a program gets its input on.
const INPUT: libc::c_int = 3;

/// The two ends of a pipe: to read from, and to write to.
///
/// # Errors
/// `EMFILE`, `ENFILE` as pipe2(2) has them.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the array is live and has room for two descriptors, which nothing else owns once the call has made them.
    unsafe {
        check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK))?;
        let [read, write] = ends.map(|fd| OwnedFd::from_raw_fd(fd));
        Ok((read, write))
    }
}

/// Forbids core dumps of programs that are started: there may be a password in one.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // prlimit(2) of this process does as setrlimit(2), for which the C library brings what stops all threads meanwhile.
    // SAFETY: the pointer is to live memory that the call only reads; what was is not wanted.
    check(unsafe { libc::prlimit(0, libc::RLIMIT_CORE, &raw const none, std::ptr::null_mut()) }).map(drop)
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// A program that was started, in a session and process group of its own.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
}

impl Child {
    /// Starts `program` with one argument, `input` as descriptor 3, /dev/null as the first three, no other descriptor of
    /// ours, no terminal, every signal as usual, and only `PATH` in its environment.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES` and others of execve(2) and fork(2); `EINVAL` for a path with a NUL in it.
    pub(crate) fn start(program: &Path, argument: &CStr, input: BorrowedFd<'_>) -> io::Result<Child> {
        let path = super::file::c_path(program)?;
        let arguments = [path.as_ptr(), argument.as_ptr(), std::ptr::null()];
        let environment = [ENVIRONMENT.as_ptr(), std::ptr::null()];
        let mut pid = 0;
        with_actions(input, &mut |actions, attributes| {
            // SAFETY: all pointers are to live memory: the path and the texts end in NUL, both lists in a null pointer. The
            // call does not write through the lists, though C's type for them would let it.
            unsafe {
                libc::posix_spawn(
                    &raw mut pid,
                    path.as_ptr(),
                    actions,
                    attributes,
                    arguments.as_ptr().cast(),
                    environment.as_ptr().cast(),
                )
            }
        })?;
        Ok(Child { pid })
    }

    /// How it has ended, or `None` while it has not. Once it has, all that it left behind in its process group is ended too.
    ///
    /// # Errors
    /// `ECHILD` where it is no child of ours any more.
    pub(crate) fn ended(&self) -> io::Result<Option<End>> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // The first look leaves it unreaped, so that its number is nobody else's while its group is ended.
        // SAFETY: the pointer is to live memory of the type that the call fills; all-zero bytes are a valid value, whose
        // si_pid stays 0 where nothing has ended.
        let ended = unsafe {
            check(libc::waitid(libc::P_PID, self.pid as libc::id_t, info.as_mut_ptr(), how))?;
            info.assume_init().si_pid() != 0
        };
        if !ended {
            return Ok(None);
        }
        self.kill();
        let mut status = 0;
        // SAFETY: the pointer is to a live number.
        check(unsafe { libc::waitpid(self.pid, &raw mut status, 0) })?;
        Ok(Some(if libc::WIFEXITED(status) {
            End::Status(libc::WEXITSTATUS(status))
        } else {
            End::Signal(libc::WTERMSIG(status))
        }))
    }

    /// Ends it, and all of its process group, at once. Call [`ended`](Child::ended) until it is.
    pub(crate) fn kill(&self) {
        // SAFETY: plain numbers. The process was not waited for, so the number is its own; it leads the group of that number.
        // Who has ended already can't be killed, which is as good.
        unsafe { libc::kill(-self.pid, libc::SIGKILL) };
    }
}

/// What is to be called with prepared actions and attributes.
type Spawn<'a> =
    &'a mut dyn FnMut(*const libc::posix_spawn_file_actions_t, *const libc::posix_spawnattr_t) -> libc::c_int;

/// Prepares what happens between fork and exec, and calls `spawn` with it.
fn with_actions(input: BorrowedFd<'_>, spawn: Spawn<'_>) -> io::Result<()> {
    let mut actions = MaybeUninit::uninit();
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the pointers are to live memory. Each object is initialised before anything else gets it, and destroyed after
    // the last use.
    unsafe {
        result(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
        let initialised = result(libc::posix_spawnattr_init(attributes.as_mut_ptr()));
        let spawned = initialised.and_then(|()| {
            let (actions, attributes) = (actions.assume_init_mut(), attributes.assume_init_mut());
            let spawned = add_descriptors(actions, input)
                .and_then(|()| set_signals(attributes))
                .and_then(|()| result(spawn(actions, attributes)));
            libc::posix_spawnattr_destroy(attributes);
            spawned
        });
        libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
        spawned
    }
}

/// The program gets these descriptors: all others are closed by exec.
fn add_descriptors(actions: &mut libc::posix_spawn_file_actions_t, input: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the object is an initialised one, the path ends in NUL, the rest are plain numbers; here and below.
    // The input goes first, since its own number may be one of those that are opened after it.
    result(unsafe { libc::posix_spawn_file_actions_adddup2(actions, input.as_raw_fd(), INPUT) })?;
    for standard in 0..INPUT {
        let (null, flags) = (c"/dev/null".as_ptr(), libc::O_RDWR);
        // SAFETY: as above.
        result(unsafe { libc::posix_spawn_file_actions_addopen(actions, standard, null, flags, 0) })?;
    }
    Ok(())
}

/// The program leads a session of its own, without a terminal, and gets signals as if nobody had changed anything.
#[allow(clippy::unnecessary_cast)] // The constants have other types in other C libraries.
fn set_signals(attributes: &mut libc::posix_spawnattr_t) -> io::Result<()> {
    let flags = libc::POSIX_SPAWN_SETSIGMASK as i32
        | libc::POSIX_SPAWN_SETSIGDEF as i32
        | libc::POSIX_SPAWN_SETSID as i32;
    let mut signals = MaybeUninit::uninit();
    // SAFETY: the object is an initialised one; the set is initialised by sigemptyset, and the others get it after that.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        result(libc::posix_spawnattr_setsigmask(attributes, signals.as_ptr()))?;
        // Rust's start-up ignores it, and what is ignored stays so.
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
        result(libc::posix_spawnattr_setsigdefault(attributes, signals.as_ptr()))?;
        result(libc::posix_spawnattr_setflags(attributes, flags as _))
    }
}

/// These calls return their error instead of setting errno.
fn result(error: libc::c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}
