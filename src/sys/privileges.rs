//! Giving up what the daemon does not need: `--user`, CAP_NET_ADMIN alone, no_new_privs, no core dump.
//!
//! The order matters and is capabilities(7)'s: the bounding set needs CAP_SETPCAP, so it goes while there is root;
//! PR_SET_KEEPCAPS keeps the permitted set over the change of user; that change empties the effective set, so capset
//! comes after it; and what was done is read back, since a half-dropped daemon is worse than one that does not start.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::accounts::{self, ACCOUNTS};
use super::{Capabilities, capabilities, file, prctl, set_capabilities, set_ids};

/// The number of CAP_NET_ADMIN in linux/capability.h: what ctnetlink asks of one who reads or changes the table.
pub const CAP_NET_ADMIN: u32 = 12;
/// CAP_NET_ADMIN as a bit of a capability set.
pub const NET_ADMIN: u64 = 1 << CAP_NET_ADMIN;

/// A step on the way.
#[derive(Clone, Copy)]
enum Step {
    /// prctl(2) with these arguments.
    Prctl(libc::c_int, libc::c_ulong),
    LimitBoundingSet,
    /// Become this user, with this group and no other.
    SetIds(u32, u32),
    SetCapabilities(Capabilities),
    ClearAmbientSet,
}

/// The sentence for the person who started the daemon on why a step could not be taken.
fn cant(what: &str, error: &io::Error) -> String {
    format!("can't {what}: {error}")
}

/// Takes these steps in their order, up to the first that fails; each with what it does, as in "can't ...".
fn take(steps: &[(&'static str, Step)]) -> Result<(), String> {
    for &(what, step) in steps {
        let taken = match step {
            Step::Prctl(operation, argument) => prctl(operation, argument, 0),
            Step::LimitBoundingSet => limit_bounding_set(),
            Step::SetIds(uid, gid) => set_ids(uid, gid),
            Step::SetCapabilities(sets) => set_capabilities(sets),
            Step::ClearAmbientSet => clear_ambient_set(),
        };
        taken.map_err(|error| cant(what, &error))?;
    }
    Ok(())
}

/// The capabilities as they are.
fn read_capabilities() -> Result<Capabilities, String> {
    capabilities().map_err(|error| cant("read the capabilities", &error))
}

/// Forbids core dumps and tracing by the same user (both could show password hashes and session ids), gaining privileges
/// from set-user-id programs, and handing capabilities on to a program that is started. Needs no privilege itself; call it whether or not there is a `--user`.
///
/// # Errors
/// A sentence with what prctl(2) gives; `EINVAL` for no_new_privs on a kernel before 3.5.
pub fn harden() -> Result<(), String> {
    take(&[
        ("switch core dumps off", Step::Prctl(libc::PR_SET_DUMPABLE, 0)),
        ("set no_new_privs", Step::Prctl(libc::PR_SET_NO_NEW_PRIVS, 1)),
        ("clear ambient capabilities", Step::ClearAmbientSet),
    ])
}

/// Becomes `user` (a name in /etc/passwd, with that account's group and no other), keeps CAP_NET_ADMIN alone in
/// the permitted, effective and bounding sets, empties the inheritable and ambient ones, and [hardens](harden).
///
/// Call it once, after sockets and files that need root are open, and before any thread is started: capabilities
/// and the bounding set are a thread's own. A file only root can read can't be reread afterwards.
///
/// # Errors
/// A sentence: on an account that is not there or is root itself, a process that is not root or lacks CAP_NET_ADMIN, and what the
/// system calls give. After any error leave the program: part of the way may be done.
pub fn drop_privileges(user: &str) -> Result<(), String> {
    let (uid, gid) = account(user)?;
    if uid == 0 {
        return Err(format!("\"{user}\" is root itself: name an account without privileges"));
    }
    if read_capabilities()?.permitted & NET_ADMIN == 0 {
        return Err("CAP_NET_ADMIN is missing: start rctd as root or give it this capability".to_owned());
    }
    let kept = Capabilities { effective: NET_ADMIN, permitted: NET_ADMIN, inheritable: 0 };
    take(&[
        ("limit the bounding set (this takes root)", Step::LimitBoundingSet),
        ("keep capabilities over a change of user", Step::Prctl(libc::PR_SET_KEEPCAPS, 1)),
        ("change the user (start rctd as root, or leave --user out)", Step::SetIds(uid, gid)),
        ("drop all capabilities but CAP_NET_ADMIN", Step::SetCapabilities(kept)),
        ("forget about keeping capabilities", Step::Prctl(libc::PR_SET_KEEPCAPS, 0)),
    ])?;
    harden()?;
    if read_capabilities()? != kept || super::effective_uid() != uid {
        return Err("the kernel kept privileges that were to be dropped".to_owned());
    }
    Ok(())
}

/// The user and group id of `user`, a name in /etc/passwd. The first good line with it counts, as for the C library.
///
/// # Errors
/// A sentence when the file can't be read or has no such user.
pub fn account(user: &str) -> Result<(u32, u32), String> {
    let mut found = None;
    let read = file::open(Path::new(ACCOUNTS), libc::O_RDONLY, 0).and_then(|accounts| {
        file::lines(accounts.as_fd(), &mut |line| {
            let account = accounts::read(line).ok().flatten().filter(|account| account.name == user);
            found = account.map(|account| (account.uid, account.gid));
            found.is_none()
        })
    });
    read.map_err(|error| format!("can't read {ACCOUNTS}: {error}"))?;
    found.ok_or_else(|| format!("there is no user \"{user}\" in {ACCOUNTS}: create it or name another"))
}

/// Takes every capability but CAP_NET_ADMIN out of the bounding set. The kernel says where its list ends: `EINVAL`.
fn limit_bounding_set() -> io::Result<()> {
    // 64 is what the kernel's own type has room for.
    for capability in 0..64 {
        if prctl(libc::PR_CAPBSET_READ, capability, 0).is_err() {
            break;
        }
        if capability != libc::c_ulong::from(CAP_NET_ADMIN) {
            prctl(libc::PR_CAPBSET_DROP, capability, 0)?;
        }
    }
    Ok(())
}

/// Empties the ambient set. Kernels before 4.3 have none and say `EINVAL`, which is as good.
fn clear_ambient_set() -> io::Result<()> {
    match prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong, 0) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        cleared => cleared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_account_is_refused_before_anything_is_dropped() {
        let before = capabilities().expect("capget works");
        for (user, part) in [("no such user", "there is no user"), ("root", "root itself")] {
            let error = drop_privileges(user).expect_err(user);
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(capabilities().expect("capget works"), before);
    }
}
