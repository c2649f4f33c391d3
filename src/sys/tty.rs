//! Terminals by the system calls themselves: their settings, their size, and what a crash leaves of them.

use super::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A terminal's settings (termios(3)).
pub(crate) type TerminalSettings = libc::termios;

/// Reads a terminal's settings; `ENOTTY` where `fd` is none.
pub(crate) fn terminal_settings(fd: BorrowedFd<'_>) -> io::Result<TerminalSettings> {
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the pointer is to live memory of the right type, initialised by a call that succeeds.
    unsafe {
        check(libc::tcgetattr(fd.as_raw_fd(), settings.as_mut_ptr()))?;
        Ok(settings.assume_init())
    }
}

/// Whether this is a terminal.
pub(crate) fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    terminal_settings(fd).is_ok()
}

/// Columns and rows of a terminal (tty_ioctl(4)). `None` where `fd` is none, or one that does not know.
#[cfg(feature = "shell")]
pub(crate) fn terminal_size(fd: BorrowedFd<'_>) -> Option<(u16, u16)> {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: the pointer is to live memory of the type that this request fills, in which all-zero bytes are valid.
    let size = unsafe {
        check(libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr())).ok()?;
        size.assume_init()
    };
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// Changes a terminal's settings, after what was written has gone out; input not yet read is dropped (`TCSAFLUSH`).
pub(crate) fn set_terminal(fd: BorrowedFd<'_>, settings: &TerminalSettings) -> io::Result<()> {
    // SAFETY: the pointer is to live, initialised memory that the call only reads.
    check(unsafe { libc::tcsetattr(fd.as_raw_fd(), libc::TCSAFLUSH, settings) }).map(drop)
}

/// Drops what was typed into a terminal and not yet read (tcflush(3)); elsewhere nothing.
#[cfg(feature = "shell")]
pub(crate) fn drop_typed(fd: BorrowedFd<'_>) {
    // SAFETY: plain numbers. What is no terminal has nothing that was typed.
    let _ = unsafe { libc::tcflush(fd.as_raw_fd(), libc::TCIFLUSH) };
}

/// A terminal that is restored should the program crash: its descriptor, its settings, and what is written to it first.
#[cfg(feature = "shell")]
static RESTORED: std::sync::OnceLock<(libc::c_int, TerminalSettings, &[u8])> = std::sync::OnceLock::new();

/// Lets a crash, be it an abort after a panic or a trap, restore a terminal before it ends the program. Once a program.
#[cfg(feature = "shell")]
pub(crate) fn restore_on_crash(fd: BorrowedFd<'_>, settings: &TerminalSettings, farewell: &'static [u8]) {
    extern "C" fn restore(signal: libc::c_int) {
        // Async-signal-safe calls alone (signal-safety(7)); the default action is in place again and ends the program.
        if let Some((fd, settings, farewell)) = RESTORED.get() {
            // SAFETY: pointers and lengths are those of memory that lives as long as the program.
            unsafe {
                libc::write(*fd, farewell.as_ptr().cast(), farewell.len());
                libc::tcsetattr(*fd, libc::TCSANOW, settings);
            }
        }
        // SAFETY: a plain number.
        unsafe { libc::raise(signal) };
    }
    if RESTORED.set((fd.as_raw_fd(), *settings, farewell)).is_err() {
        return;
    }
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    let handler: extern "C" fn(libc::c_int) = restore;
    // SAFETY: all-zero bytes are a valid `sigaction`: no flags, and an empty mask. The handler takes what its flags promise.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = handler as usize;
        (*action.as_mut_ptr()).sa_flags = libc::SA_RESETHAND | libc::SA_NODEFER;
        for signal in [libc::SIGABRT, libc::SIGILL, libc::SIGTRAP, libc::SIGBUS, libc::SIGSEGV, libc::SIGFPE]
        {
            libc::sigaction(signal, action.as_ptr(), std::ptr::null_mut());
        }
    }
}
