//! A terminal of the test's own: a program runs in it, keys are typed, and a terminal emulator says what is on the screen.
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long something may take to show up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program in a terminal. Dropped, it is killed.
pub struct Terminal {
    child: Child,
    master: Option<File>,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

/// Settings of a terminal, as far as programs change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    input: u32,
    output: u32,
    local: u32,
}

impl Settings {
    /// Whether what is typed is shown, and read a line at a time.
    pub fn echoes(&self) -> bool {
        let both = libc::ECHO | libc::ICANON;
        self.local & both == both
    }
}

impl Terminal {
    /// Starts a command in a terminal of this size.
    pub fn start(mut command: Command, (rows, columns): (u16, u16)) -> Terminal {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: both descriptors and the size are live; no name and no settings are asked for.
        let done =
            unsafe { libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), &size) };
        assert_eq!(done, 0, "no terminal: {}", io::Error::last_os_error());
        // SAFETY: both were just opened, and nobody else owns them.
        let (master, slave) = unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        // SAFETY: a flag of a descriptor of ours; a program that inherited it would keep the terminal open.
        unsafe { libc::fcntl(master.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        let end = || slave.try_clone().expect("another descriptor");
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: system calls alone between fork and exec: a session of its own, whose terminal this is.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                match libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 {
                    true => Ok(()),
                    false => Err(io::Error::last_os_error()),
                }
            })
        };
        let child = command.spawn().expect("the program to run");
        // The command still holds copies of the terminal's other end.
        drop((command, slave));
        let (screen, raw) = (
            Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(columns), 0))),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (mut source, shown, kept) =
            (File::from(master.try_clone().expect("another")), screen.clone(), raw.clone());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The terminal of a program that has ended gives an error.
            while let Some(got) = source.read(&mut buffer).ok().filter(|got| *got > 0) {
                shown.lock().expect("the screen").process(&buffer[..got]);
                kept.lock().expect("the bytes").extend_from_slice(&buffer[..got]);
            }
        });
        Terminal { child, master: Some(master.into()), screen, raw, reader: Some(reader) }
    }

    /// Types these keys.
    pub fn keys(&mut self, keys: &str) {
        let master = self.master.as_mut().expect("an open terminal");
        master.write_all(keys.as_bytes()).expect("the keys to be taken");
    }

    /// Lines of the screen, without the spaces at their ends.
    pub fn lines(&self) -> Vec<String> {
        let screen = self.screen.lock().expect("the screen");
        let columns = screen.screen().size().1;
        screen.screen().rows(0, columns.get()).map(|line| line.trim_end().to_owned()).collect()
    }

    /// The lines that are shown inverted, without the spaces at their ends.
    pub fn inverted(&self) -> Vec<String> {
        let lines = self.lines();
        let screen = self.screen.lock().expect("the screen");
        let is_inverted = |row: usize| screen.screen().cell(row as u16, 0).is_some_and(vt100::Cell::inverse);
        lines.iter().enumerate().filter(|(row, _)| is_inverted(*row)).map(|(_, line)| line.clone()).collect()
    }

    /// Waits until the screen is as `is_so` says.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let lines = self.lines();
            if is_so(&lines) {
                return lines;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} does not come:\n{}", lines.join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until this text is on the screen.
    #[track_caller]
    pub fn shows(&self, text: &str) -> Vec<String> {
        self.until(text, |lines| lines.iter().any(|line| line.contains(text)))
    }

    /// Waits until this text is on the screen no more.
    #[track_caller]
    pub fn shows_no(&self, text: &str) -> Vec<String> {
        self.until(&format!("a screen without {text}"), |lines| !lines.iter().any(|line| line.contains(text)))
    }

    /// Whether the screen is the one that programs such as this one have for themselves.
    pub fn is_alternate(&self) -> bool {
        self.screen.lock().expect("the screen").screen().alternate_screen()
    }

    pub fn hides_cursor(&self) -> bool {
        self.screen.lock().expect("the screen").screen().hide_cursor()
    }

    /// All bytes that have come.
    pub fn raw(&self) -> Vec<u8> {
        self.raw.lock().expect("the bytes").clone()
    }

    pub fn resize(&self, (rows, columns): (u16, u16)) {
        self.screen.lock().expect("the screen").screen_mut().set_size(some(rows), some(columns));
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let master = self.master.as_ref().expect("an open terminal");
        // SAFETY: the size is live, and what this request reads.
        assert_eq!(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &size) }, 0);
    }

    /// The terminal's settings.
    pub fn settings(&self) -> Settings {
        let master = self.master.as_ref().expect("an open terminal");
        // SAFETY: all zeros is a valid termios, which the call fills.
        let termios = unsafe {
            let mut termios: libc::termios = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(master.as_raw_fd(), &mut termios), 0);
            termios
        };
        Settings { input: termios.c_iflag, output: termios.c_oflag, local: termios.c_lflag }
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: no pointers; the child is ours and not waited for yet.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Takes the terminal away, as a window that is closed does.
    pub fn close(&mut self) {
        self.signal(libc::SIGHUP);
        self.master = None;
    }

    /// Waits for the program's end.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                // What it has written last is read before anybody looks.
                if self.master.is_some() {
                    std::thread::sleep(Duration::from_millis(50));
                }
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.lines().join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a terminal has lines and columns")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.master = None;
        // With both ends closed the reader comes to its end.
        let _ = self.reader.take().map(std::thread::JoinHandle::join);
    }
}
