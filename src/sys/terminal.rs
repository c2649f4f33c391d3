//! Asking for a password on a terminal: no echo, and the terminal as it was afterwards, also after Ctrl-C.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::{Signal, Signals, TerminalSettings, file, set_terminal, terminal_settings, wait_either};

/// The terminal of this process with its echo off, until it is dropped.
///
/// Signals that would end the process in between are taken as a descriptor, so that reading stops with
/// `Interrupted` and the settings are restored by the ordinary drop: no handler, no longjmp. Ctrl-\ and Ctrl-Z do nothing
/// while it lives.
#[derive(Debug)]
pub struct Prompt {
    terminal: OwnedFd,
    before: TerminalSettings,
    signals: Signals,
}

impl Prompt {
    /// Opens /dev/tty and switches its echo off.
    ///
    /// # Errors
    /// `ENXIO` where the process has no terminal, and what termios(3) gives.
    pub fn open() -> io::Result<Prompt> {
        let terminal = file::open(Path::new("/dev/tty"), libc::O_RDWR, 0)?;
        let before = terminal_settings(terminal.as_fd())?;
        let mut quiet = before;
        quiet.c_lflag &= !(libc::ECHO | libc::ECHOE | libc::ECHOK | libc::ECHONL);
        quiet.c_lflag |= libc::ICANON | libc::ISIG;
        for key in [libc::VQUIT, libc::VSUSP] {
            if let Some(slot) = quiet.c_cc.get_mut(key) {
                *slot = libc::_POSIX_VDISABLE;
            }
        }
        let signals = Signals::open()?;
        set_terminal(terminal.as_fd(), &quiet)?;
        Ok(Prompt { terminal, before, signals })
    }

    /// Writes `question` and reads one line, without its end, to `answer`; returns its bytes. More than `answer` holds
    /// is read and dropped, and the return value then says more than `answer` has.
    ///
    /// # Errors
    /// `Interrupted` after Ctrl-C or another request to end; `UnexpectedEof` when the terminal is gone or Ctrl-D is all
    /// there was.
    pub fn ask(&mut self, question: &str, answer: &mut [u8]) -> io::Result<usize> {
        file::write_all(self.terminal.as_fd(), question.as_bytes())?;
        let result = self.read_line(answer);
        // The user's own line end was not echoed either.
        file::write_all(self.terminal.as_fd(), b"\n")?;
        result
    }

    /// Reads to the end of a line, a byte at a time: nothing of the next answer may be taken.
    fn read_line(&mut self, answer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        loop {
            let (readable, signalled) = wait_either(self.terminal.as_fd(), self.signals.as_fd())?;
            if signalled && self.signals.read_signal()?.is_some_and(|signal| signal != Signal::Child) {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            if !readable {
                continue;
            }
            let mut byte = [0];
            if file::read(self.terminal.as_fd(), &mut byte)? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let [byte] = byte;
            if byte == b'\n' {
                return Ok(length);
            }
            if let Some(slot) = answer.get_mut(length) {
                *slot = byte;
            }
            length += 1;
        }
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        // A terminal that is gone has no settings to restore.
        let _ = set_terminal(self.terminal.as_fd(), &self.before);
    }
}
