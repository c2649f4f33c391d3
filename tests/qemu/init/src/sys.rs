//! The system calls that std has no function for.
use std::ffi::CString;
use std::io;

/// Mounts a file system that has no device.
pub fn mount(kind: &str, at: &str) -> io::Result<()> {
    let (kind_c, at_c) = (CString::new(kind)?, CString::new(at)?);
    // SAFETY: both are strings ending in NUL that live through the call, and no data is passed.
    let result = unsafe { libc::mount(kind_c.as_ptr(), at_c.as_ptr(), kind_c.as_ptr(), 0, std::ptr::null()) };
    match io::Error::last_os_error() {
        _ if result == 0 => Ok(()),
        // The kernel mounts /dev itself where it is configured to.
        error if error.raw_os_error() == Some(libc::EBUSY) => Ok(()),
        error => Err(io::Error::other(format!("can't mount {kind} on {at}: {error}"))),
    }
}

/// Sends a signal to one process of ours, which has not been waited for yet.
pub fn kill(pid: u32, signal: libc::c_int) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

/// Kills a process group.
pub fn kill_group(pid: u32) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(-(pid as libc::pid_t), libc::SIGKILL) };
}

/// Switches the machine off.
pub fn power_off() -> ! {
    // SAFETY: no memory is involved; what is written was written to the console, which sync has nothing to do with.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    // Process 1 must not return: the kernel would panic, and the harness show that instead of the error.
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
