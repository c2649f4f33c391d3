//! Why the table can't be read, for people: what is missing and what to do.

use super::socket::OpError;
use std::io;

/// What a table without entries mostly means.
pub(crate) const EMPTY_TABLE: &str = "the table is empty: the kernel tracks connections only where a firewall rule asks for \
    it, for instance: nft 'add table inet track; add chain inet track in { type filter hook input priority 0; }; add rule \
    inet track in ct state new accept'";

/// Why the table can't be read, and what to do.
#[must_use]
pub(crate) fn explain_refusal(error: OpError) -> String {
    match error.errno {
        libc::EPERM | libc::EACCES => {
            "can't read the connection-tracking table: that takes the capability CAP_NET_ADMIN; \
             start rctd as root, or give it this capability"
                .to_owned()
        }
        libc::EINVAL | libc::EOPNOTSUPP | libc::ECONNREFUSED => format!(
            "can't read the connection-tracking table ({error}): the kernel lacks ctnetlink; \
             load the module nf_conntrack_netlink (on OpenWrt: install kmod-nf-conntrack-netlink)"
        ),
        _ => format!("can't read the connection-tracking table: {error}"),
    }
}

/// Why there is no link to the kernel's netfilter, and what to do.
#[must_use]
pub(crate) fn explain_netlink(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPROTONOSUPPORT) => {
            "the kernel has no netfilter netlink: load the module nf_conntrack_netlink \
             (on OpenWrt: install kmod-nf-conntrack-netlink)"
                .to_owned()
        }
        _ => format!("can't open a netlink socket: {error}"),
    }
}
