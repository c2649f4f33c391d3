//! A seccomp filter that makes a kernel error out of every long netlink request: what a test needs to see a fault 5.
use std::io;

/// The shortest datagram that is refused: a request for a whole dump has 20 bytes, a delete with an IPv6 tuple 100 and more.
const SHORTEST: u32 = 90;

/// From now on, and in what this process executes, `sendto(fd, buffer, length >= 90, flags == 0, …)` is EPERM.
/// Sockets of std send with MSG_NOSIGNAL, so that replies to clients pass. Only system calls: fit for `pre_exec`.
pub fn long_datagrams() -> io::Result<()> {
    let data = |offset: usize| load(offset as u32);
    let arg = |nth: usize| 16 + 8 * nth; // struct seccomp_data of linux/seccomp.h: its arguments are 64 bits each
    let filter = [
        data(0),
        unless(libc::SYS_sendto as u32, libc::BPF_JEQ, 5),
        data(arg(2)),
        unless(SHORTEST, libc::BPF_JGE, 3),
        data(arg(3)),
        unless(0, libc::BPF_JEQ, 1),
        ret(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        ret(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: no pointers but one to a program that outlives the call and that the kernel copies.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn load(offset: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

/// Skips that many instructions when the comparison with `k` is false.
fn unless(k: u32, comparison: u32, skip: u8) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_JMP | comparison | libc::BPF_K) as u16, jt: 0, jf: skip, k }
}

fn ret(k: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k }
}
