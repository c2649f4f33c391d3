//! The connection that the command is typed over, which a kill by filter spares.

use super::text::number;
use crate::bytes::cut;
use crate::conntrack::flow::Tuple;
use crate::sys::{self, file};
use std::net::SocketAddr;
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
    let own = sys::environment(c"SSH_CONNECTION").and_then(|text| parse(text.as_bytes()));
    let (mut found, mut process) = (own, std::os::unix::process::parent_id());
    for _ in 0..ANCESTORS {
        if found.is_some() || process <= 1 {
            break;
        }
        found = of_process(process);
        process = parent(process).unwrap_or(0);
    }
    found
}

/// The connection that a process's environment names.
fn of_process(process: u32) -> Option<Tuple> {
    let environment = read(process, "environ", ENVIRONMENT_BYTES)?;
    let mut rest = environment.as_slice();
    while !rest.is_empty() {
        let (entry, behind) = cut(rest, 0);
        if let Some(tuple) = entry.strip_prefix(b"SSH_CONNECTION=").and_then(parse) {
            return Some(tuple);
        }
        rest = behind;
    }
    None
}

/// The process that started this one (proc_pid_stat(5)). Its name, in brackets, may hold anything.
fn parent(process: u32) -> Option<u32> {
    let stat = read(process, "stat", 512)?;
    // ") S 1 ": the state stands between.
    let (_, rest) = cut(stat.get(stat.iter().rposition(|&byte| byte == b')')?..)?, b' ');
    let (_, rest) = cut(rest, b' ');
    u32::try_from(number(cut(rest, b' ').0, 10)?).ok()
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
fn parse(text: &[u8]) -> Option<Tuple> {
    let (client, rest) = end(text)?;
    let (server, _) = end(rest)?;
    Some(Tuple::tcp(server, client))
}

/// Reads an address and a port, and gives what stands behind them.
fn end(text: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (address, rest) = cut(text, b' ');
    let (port, rest) = cut(rest, b' ');
    // An address of one link has that behind it.
    let address = core::str::from_utf8(cut(address, b'%').0).ok()?;
    let port = u16::try_from(number(port, 10)?).ok()?;
    Some((SocketAddr::new(address.parse().ok()?, port), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_read() {
        let tcp = |src: &str, dst: &str| Some(Tuple::tcp(src.parse().unwrap(), dst.parse().unwrap()));
        assert_eq!(parse(b"192.0.2.9 50000 192.0.2.1 22"), tcp("192.0.2.1:22", "192.0.2.9:50000"));
        assert_eq!(
            parse(b"::ffff:192.0.2.9 50000 ::ffff:192.0.2.1 22"),
            tcp("192.0.2.1:22", "192.0.2.9:50000")
        );
        assert_eq!(parse(b"fe80::1%eth0 50000 fe80::2%eth0 22"), tcp("[fe80::2]:22", "[fe80::1]:50000"));
        for text in ["", "192.0.2.9", "192.0.2.9 50000 192.0.2.1", "a 1 b 2", "192.0.2.9 70000 192.0.2.1 22"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn processes_have_parents() {
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
        assert_eq!(parent(0), None);
    }
}
