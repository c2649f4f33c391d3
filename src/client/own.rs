//! The connection that the command is typed over, which a kill by filter spares.

use crate::conntrack::flow::Tuple;
use crate::sys::{self, file};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;

/// Bytes of a process's environment that are looked at; those of a login are a few KiB.
const ENVIRONMENT_BYTES: usize = 64 * 1024;

/// Processes that are looked at, upwards: a shell, sudo, another shell and sshd are four.
const ANCESTORS: usize = 32;

/// The reply direction of the ssh connection that the command is typed over, if it is.
///
/// sshd and dropbear name it in `SSH_CONNECTION`. sudo and su take that away, so that the environments of the processes above
/// are looked at as well.
pub(super) fn own_connection() -> Option<Tuple> {
    let own = sys::environment(c"SSH_CONNECTION").and_then(parse);
    let mut process = std::os::unix::process::parent_id();
    let mut above = core::iter::from_fn(|| {
        let this = process;
        process = parent(this).unwrap_or(0);
        (this > 1).then_some(this)
    });
    own.or_else(|| above.by_ref().take(ANCESTORS).find_map(of_process))
}

/// The connection that a process's environment names.
fn of_process(process: u32) -> Option<Tuple> {
    let environment = read(process, "environ", ENVIRONMENT_BYTES)?;
    let mut named =
        environment.split(|&byte| byte == 0).filter_map(|entry| entry.strip_prefix(b"SSH_CONNECTION="));
    named.find_map(|value| parse(core::str::from_utf8(value).ok()?))
}

/// The process that started this one (proc_pid_stat(5)). Its name, in brackets, may hold anything.
fn parent(process: u32) -> Option<u32> {
    let stat = read(process, "stat", 512)?;
    let text = stat.get(stat.iter().rposition(|&byte| byte == b')')? + 1..)?;
    core::str::from_utf8(text).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn read(process: u32, name: &str, most: usize) -> Option<Vec<u8>> {
    let path = format!("/proc/{process}/{name}");
    let opened = file::open(Path::new(&path), libc::O_RDONLY, 0).ok()?;
    let mut bytes = vec![0; most];
    let length = file::fill(opened.as_fd(), &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// Reads "client port server port".
fn parse(text: &str) -> Option<Tuple> {
    let mut words = text.split_ascii_whitespace();
    let mut end = || -> Option<SocketAddr> {
        // An address of one link has that behind it.
        let address: IpAddr = words.next()?.split('%').next()?.parse().ok()?;
        Some(SocketAddr::new(address, words.next()?.parse().ok()?))
    };
    let (client, server) = (end()?, end()?);
    Some(Tuple::tcp(server, client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_read() {
        let tcp = |src: &str, dst: &str| Some(Tuple::tcp(src.parse().unwrap(), dst.parse().unwrap()));
        assert_eq!(parse("192.0.2.9 50000 192.0.2.1 22"), tcp("192.0.2.1:22", "192.0.2.9:50000"));
        assert_eq!(
            parse("::ffff:192.0.2.9 50000 ::ffff:192.0.2.1 22"),
            tcp("192.0.2.1:22", "192.0.2.9:50000")
        );
        assert_eq!(parse("fe80::1%eth0 50000 fe80::2%eth0 22"), tcp("[fe80::2]:22", "[fe80::1]:50000"));
        for text in ["", "192.0.2.9", "192.0.2.9 50000 192.0.2.1", "a 1 b 2", "192.0.2.9 70000 192.0.2.1 22"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn processes_have_parents() {
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
        assert_eq!(parent(0), None);
    }
}
