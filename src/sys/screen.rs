//! The whole screen of a terminal for a while: keys one by one, and the terminal as it was afterwards, whatever ends it.
#![forbid(unsafe_code)]

use super::{
    Signal, Signals, TerminalSettings, file, restore_on_crash, set_terminal, terminal_settings,
    terminal_size, wait_either_for,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Takes a screen apart from what was written before, and hides the cursor. What is too long for a line goes on none: a name may
/// have characters that are two columns wide.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
/// Gives all of it back.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The terminal of this process, until it is dropped. Signals that would end the process are taken as a descriptor, so that
/// the settings are restored by the ordinary drop; crashes restore them too.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: OwnedFd,
    before: TerminalSettings,
    signals: Signals,
}

/// What a wait has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// So many bytes of keys.
    Keys(usize),
    /// The terminal may have another size.
    Resized,
    /// The time is over.
    Over,
    /// Somebody asks for the end, or the terminal is gone.
    Ended,
}

impl Screen {
    /// Opens /dev/tty and takes its screen.
    ///
    /// # Errors
    /// `ENXIO` where the process has no terminal, and what termios(3) gives.
    pub(crate) fn open() -> io::Result<Screen> {
        let terminal = file::open(Path::new("/dev/tty"), libc::O_RDWR, 0)?;
        let before = terminal_settings(terminal.as_fd())?;
        let mut raw = before;
        raw.c_lflag &= !(libc::ECHO | libc::ICANON | libc::ISIG | libc::IEXTEN);
        raw.c_iflag &= !(libc::IXON | libc::ICRNL | libc::INLCR | libc::ISTRIP);
        for (key, count) in [(libc::VMIN, 1), (libc::VTIME, 0)] {
            if let Some(slot) = raw.c_cc.get_mut(key) {
                *slot = count;
            }
        }
        let ends = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGWINCH, libc::SIGTSTP];
        let signals = Signals::of(&ends)?;
        restore_on_crash(terminal.as_fd(), &before, LEAVE);
        set_terminal(terminal.as_fd(), &raw)?;
        let screen = Screen { terminal, before, signals };
        screen.draw(ENTER)?;
        Ok(screen)
    }

    /// Columns and rows; 80 and 24 for a terminal that does not know.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (columns, rows) = terminal_size(self.terminal.as_fd()).unwrap_or((80, 24));
        (columns.into(), rows.into())
    }

    /// Writes to it.
    ///
    /// # Errors
    /// Those of write(2), where the terminal is gone.
    pub(crate) fn draw(&self, bytes: &[u8]) -> io::Result<()> {
        file::write_all(self.terminal.as_fd(), bytes)
    }

    /// Waits for keys, which are read into `keys`, or for something else, so many milliseconds at most.
    ///
    /// # Errors
    /// Those of poll(2).
    pub(crate) fn wait(&self, most_ms: u64, keys: &mut [u8]) -> io::Result<Event> {
        let most_ms = libc::c_int::try_from(most_ms).unwrap_or(libc::c_int::MAX);
        let (typed, signalled) = wait_either_for(self.terminal.as_fd(), self.signals.as_fd(), most_ms)?;
        if signalled {
            return Ok(match self.signals.read_signal()? {
                None => Event::Over,
                Some(Signal::Resize) => Event::Resized,
                Some(_) => Event::Ended,
            });
        }
        if !typed {
            return Ok(Event::Over);
        }
        match file::read(self.terminal.as_fd(), keys) {
            Ok(0) | Err(_) => Ok(Event::Ended),
            Ok(length) => Ok(Event::Keys(length)),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to restore.
        let _ = self.draw(LEAVE);
        let _ = set_terminal(self.terminal.as_fd(), &self.before);
    }
}
