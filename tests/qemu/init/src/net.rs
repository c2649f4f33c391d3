//! Brings a network interface up, as ifconfig does: see netdevice(7).
use std::io;
use std::mem;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Gives the interface an address and a mask, if any, and sets it up.
pub fn up(name: &str, address: Option<(Ipv4Addr, Ipv4Addr)>) -> io::Result<()> {
    let explain = |error: io::Error| io::Error::other(format!("interface {name}: {error}"));
    // SAFETY: no memory is involved.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(explain(io::Error::last_os_error()));
    }
    // SAFETY: the descriptor was just made, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    if let Some((address, mask)) = address {
        let mut request = request(name);
        request.ifr_ifru.ifru_addr = socket_address(address);
        ioctl(&socket, libc::SIOCSIFADDR, &mut request).map_err(explain)?;
        request.ifr_ifru.ifru_netmask = socket_address(mask);
        ioctl(&socket, libc::SIOCSIFNETMASK, &mut request).map_err(explain)?;
    }
    let mut request = request(name);
    ioctl(&socket, libc::SIOCGIFFLAGS, &mut request).map_err(explain)?;
    // SAFETY: SIOCGIFFLAGS has filled in this member of the union.
    unsafe { request.ifr_ifru.ifru_flags |= (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short };
    ioctl(&socket, libc::SIOCSIFFLAGS, &mut request).map_err(explain)
}

/// A request with the interface's name, cut to what the kernel has room for.
fn request(name: &str) -> libc::ifreq {
    // SAFETY: `ifreq` is plain data, for which zeroes are a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

/// An IPv4 address as the kernel takes it in an `ifreq`.
fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from(address).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: both are plain data of the same 16 bytes, which is what the family says they are.
    unsafe { mem::transmute(address) }
}

fn ioctl(socket: &OwnedFd, number: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: each of the numbers used here reads or writes one `ifreq`, and that is what it gets.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), number as _, request as *mut libc::ifreq) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
