//! Which `Host` and `Origin` a request may carry: the guard against foreign web pages.
//!
//! A page from elsewhere can make its reader's browser send requests into the LAN. Two fields, which no page can
//! forge, give it away: `Origin` names the page's own site, and after DNS rebinding (a name of the attacker's
//! that suddenly resolves to the router) `Host` still has that name. So a name must be one that no foreigner can
//! own: an address, `localhost`, the machine's own under a private suffix, or one the administrator named.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::{String, Vec};

use super::error::Error;
use super::file::{File, NO_PAGE};
use crate::limits::{ALLOW_HOSTS, FIELD_NAME_BYTES, HOST_NAME_BYTES};

/// Suffixes that no public registry gives away: OpenWrt's default, mDNS (RFC 6762), ICANN's private one, and
/// RFC 8375's for homes.
const PRIVATE_SUFFIXES: [&str; 4] = [".lan", ".local", ".internal", ".home.arpa"];

/// How a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// TCP: anybody, browsers too. `Host` and `Origin` are checked.
    Tcp,
    /// A unix socket: a proxy, which checks `Host` itself, maybe under https. Only `Origin` is checked.
    Unix,
}

/// Why a name is not taken into the [`Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Not a host name: letters, digits, `.`, `-`, `_`, 253 at most, no port.
    Malformed,
    /// There are [`ALLOW_HOSTS`] names already.
    Full,
}

impl core::fmt::Display for NameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            NameError::Malformed => {
                "not a host name: it should be letters, digits, dots and hyphens, without a port"
            }
            NameError::Full => "too many host names: 8 can be given",
        })
    }
}

impl core::error::Error for NameError {}

/// What there is beside the calls, to be read with GET. The server, which knows what is built into the program, says it.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// A page and what it needs. What is at `/` comes first.
    pub files: &'static [File],
    /// Whether there is `/metrics`.
    pub metrics: bool,
}

impl Default for Site {
    fn default() -> Self {
        Site { files: NO_PAGE, metrics: false }
    }
}

/// The names by which this machine may be addressed, and what there is at it.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The machine's host name as it is; empty if it has none that could be a host name.
    own: String<HOST_NAME_BYTES>,
    allowed: Vec<String<HOST_NAME_BYTES>, ALLOW_HOSTS>,
    /// The field in which a proxy names its client; empty if none is believed.
    forwarded: String<FIELD_NAME_BYTES>,
    /// What there is to read.
    pub site: Site,
}

impl Policy {
    /// A policy for the machine of this name (as `uname -n` has it). A name that can't be a host's, such as
    /// `(none)`, counts as none.
    pub fn new(own: &str) -> Policy {
        let own = own.strip_suffix('.').unwrap_or(own);
        let own = if is_name(own) { own } else { "" };
        Policy {
            // `is_name` has bounded it, so it always fits.
            own: String::try_from(own).unwrap_or_default(),
            allowed: Vec::new(),
            forwarded: String::new(),
            site: Site::default(),
        }
    }

    /// Names the field in which a proxy names its client (--forwarded).
    ///
    /// # Errors
    /// [`NameError`], if no field has such a name; the policy is then as before.
    pub fn set_forwarded(&mut self, name: &str) -> Result<(), NameError> {
        let ok =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let name = String::try_from(name).map_err(|_| NameError::Malformed)?;
        if !ok {
            return Err(NameError::Malformed);
        }
        self.forwarded = name;
        Ok(())
    }

    /// The field in which a proxy names its client; empty if none is believed.
    #[must_use]
    pub fn forwarded(&self) -> &str {
        &self.forwarded
    }

    /// Accepts one more name (--allow-host).
    ///
    /// # Errors
    /// [`NameError`]; the policy is then as before.
    pub fn allow(&mut self, name: &str) -> Result<(), NameError> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if !is_name(name) {
            return Err(NameError::Malformed);
        }
        let name = String::try_from(name).map_err(|_| NameError::Malformed)?;
        self.allowed.push(name).map_err(|_| NameError::Full)
    }

    /// Judges a request by the host it was addressed to and by its `Origin`.
    pub(super) fn check(
        &self,
        via: Via,
        host: Option<&Authority<'_>>,
        origin: Option<&[u8]>,
    ) -> Result<(), Error> {
        // A request without a Host is one of HTTP/1.0, which no browser speaks.
        let refused = host.is_some_and(|host| !self.accepts(host));
        if via == Via::Tcp && refused {
            return Err(Error::HostRefused);
        }
        let Some(origin) = origin else { return Ok(()) };
        match (host, Origin::parse(origin)) {
            (Some(host), Some(origin)) if origin.is_of(via, host) => Ok(()),
            _ => Err(Error::OriginRefused),
        }
    }

    /// Whether this host is one of this machine's.
    fn accepts(&self, host: &Authority<'_>) -> bool {
        match host.host {
            Host::Address(_) => true,
            Host::Name(name) => {
                name.eq_ignore_ascii_case("localhost")
                    || self.is_own(name)
                    || self.allowed.iter().any(|n| n.eq_ignore_ascii_case(name))
            }
        }
    }

    /// Whether this is the machine's own name: in full, or its first label bare or under a private suffix.
    /// A machine without a name has none: neither `name` nor any label of it is ever empty.
    fn is_own(&self, name: &str) -> bool {
        let bare = self.own.split('.').next().unwrap_or_default();
        let under = PRIVATE_SUFFIXES.iter().find_map(|suffix| strip_suffix_ignore_case(name, suffix));
        name.eq_ignore_ascii_case(&self.own) || under.unwrap_or(name).eq_ignore_ascii_case(bare)
    }
}

/// `name` without `suffix`, whatever the case.
fn strip_suffix_ignore_case<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let (front, back) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    back.eq_ignore_ascii_case(suffix).then_some(front)
}

/// Whether this is written like a host name (RFC 1123 section 2.1, and the underscore that some LANs use),
/// without a trailing dot.
fn is_name(name: &str) -> bool {
    name.len() <= HOST_NAME_BYTES
        && name.split('.').all(|label| !label.is_empty())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A host as a URI names it.
#[derive(Clone, Copy)]
enum Host<'a> {
    /// Never empty, without its trailing dot, in the case it was sent in.
    Name(&'a str),
    Address(IpAddr),
}

/// Host and port, of `Host`, of an absolute target or of an `Origin` (RFC 3986 section 3.2).
#[derive(Clone, Copy)]
pub(super) struct Authority<'a> {
    host: Host<'a>,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port`. None if it is none of these: also with user
    /// information, a list, or an IPv6 zone, none of which a client sends.
    pub(super) fn parse(text: &'a [u8]) -> Option<Authority<'a>> {
        let text = core::str::from_utf8(text).ok()?;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (Host::Address(address.into()), port)
            }
            None => {
                let (name, port) = text.split_at_checked(text.find(':').unwrap_or(text.len()))?;
                (host(name)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            // RFC 3986 allows a colon with no port behind it.
            Some("") => None,
            // `parse` alone would take a sign as well.
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(Authority { host, port })
    }
}

/// A name or an IPv4 address; the name's trailing dot (the DNS root) is taken off.
fn host(text: &str) -> Option<Host<'_>> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Some(Host::Address(address.into()));
    }
    is_name(name).then_some(Host::Name(name))
}

/// An `Origin` (RFC 6454 section 7) of http or https; `null` and other schemes are none.
struct Origin<'a> {
    https: bool,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    fn parse(text: &'a [u8]) -> Option<Origin<'a>> {
        let (scheme, rest) = text.split_at_checked(text.iter().position(|&b| b == b':')?)?;
        let https = scheme.eq_ignore_ascii_case(b"https");
        if !https && !scheme.eq_ignore_ascii_case(b"http") {
            return None;
        }
        let authority = Authority::parse(rest.strip_prefix(b"://")?)?;
        Some(Origin { https, authority })
    }

    /// Whether a page of this origin came from this very host and port. Over TCP it must be http, as nothing
    /// else is served there; behind a proxy it may be https. A scheme's own port may be left out.
    fn is_of(&self, via: Via, host: &Authority<'_>) -> bool {
        let scheme_port = if self.https { 443 } else { 80 };
        let same_host = match (self.authority.host, host.host) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::Address(a), Host::Address(b)) => a == b,
            _ => false,
        };
        let port = |a: &Authority<'_>| a.port.unwrap_or(scheme_port);
        (via == Via::Unix || !self.https) && same_host && port(&self.authority) == port(host)
    }
}
