//! Password files, and logging in with what is in them.
use super::client::{Client, Fault};
use super::daemon::{Daemon, program};
use super::xml::Value;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs `rctd passwd` with the password on its standard input.
pub fn set_password(file: &Path, user: &str, password: &str) {
    let mut command = Command::new(program());
    command.arg("passwd").arg(file).arg(user).arg("--stdin").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("rctd to run");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("it to read");
    assert!(child.wait().expect("its end").success());
}

/// Replaces the file at once, as `rctd passwd` and careful editors do.
pub fn replace(file: &Path, text: &str, mode: u32) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("a new file");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode)).expect("its mode");
    std::fs::rename(&new, file).expect("it to take the place");
}

pub fn login(daemon: &Daemon, user: &str, password: &str) -> Result<Value, Fault> {
    Client::new(daemon.address()).call("login", &[user.into(), password.into()])
}

/// A login that works, even if it is held back or must be tried again for wrong ones before it. Its session.
#[track_caller]
pub fn gets_in(daemon: &Daemon, user: &str, password: &str) -> String {
    let began = Instant::now();
    loop {
        match login(daemon, user, password) {
            Ok(session) => {
                assert_eq!(session.str().len(), 32);
                return session.str().to_owned();
            }
            Err(fault) => {
                assert!(fault.code == 6 && began.elapsed() < Duration::from_secs(20), "{user}: {fault:?}")
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A wrong login, asked as often as it is refused for being too soon.
#[track_caller]
pub fn stays_out(daemon: &Daemon, user: &str, password: &str) {
    let began = Instant::now();
    loop {
        let fault = login(daemon, user, password).expect_err("somebody got in");
        if fault.code == 1 {
            return assert_eq!(fault.text, "wrong user name or password", "the same whatever was wrong");
        }
        assert!(fault.code == 6 && began.elapsed() < Duration::from_secs(20), "{user}: {fault:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
