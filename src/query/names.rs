//! Names of hosts by their address, as files of DHCP leases and hosts files have them. Nobody else is asked: a name server is
//! not, ever.
//!
//! Devices choose their names themselves, so a name is any text: what could do harm in a terminal is taken out here, and what
//! means something to XML or JSON is escaped where it is written.

pub(crate) mod lines;

use crate::conntrack::flow::{Address, carried};
use crate::limits::{ALL_NAMES_BYTES, HOST_NAMES, ONE_NAME_BYTES};
use core::net::IpAddr;

/// The names of at most [`HOST_NAMES`] addresses, [`ALL_NAMES_BYTES`] in all.
#[derive(Debug, Default)]
pub(crate) struct HostNames {
    /// In the order of their addresses.
    entries: Vec<Entry>,
    /// The names, one behind the other.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: Address,
    /// Where in the text its name begins, and how many bytes that has.
    at: u16,
    len: u8,
}

const _: () = assert!(ALL_NAMES_BYTES <= u16::MAX as usize && ONE_NAME_BYTES <= u8::MAX as usize);

/// Why an address gets no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// There is no room for another name.
    NoRoom,
    /// The name is longer than [`ONE_NAME_BYTES`].
    TooLong,
}

impl HostNames {
    /// Forgets all names, keeps the room.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.text.clear();
    }

    /// Gives a host a name. The first name of an address stays. The unspecified address is nobody's (lists of blocked hosts have
    /// it in each line), and gets none.
    ///
    /// # Errors
    /// [`Unnamed`]; what is there stays.
    pub(crate) fn add(&mut self, address: IpAddr, name: &[u8]) -> Result<(), Unnamed> {
        let (address, _) = carried(address);
        let (mut clean, found) = ([0; ONE_NAME_BYTES], self.find(&address));
        let name = printable(name, &mut clean).ok_or(Unnamed::TooLong)?;
        let Err(place) = found else {
            return Ok(());
        };
        if address == carried(IpAddr::from([0; 4])).0 || address == [0; 16] {
            return Ok(());
        }
        if self.entries.len() == HOST_NAMES || self.text.len() + name.len() > ALL_NAMES_BYTES {
            return Err(Unnamed::NoRoom);
        }
        if self.entries.capacity() == 0 {
            // The one allocation of each.
            self.entries.reserve_exact(HOST_NAMES);
            self.text.reserve_exact(ALL_NAMES_BYTES);
        }
        let entry = Entry { address, at: self.text.len() as u16, len: name.len() as u8 };
        self.entries.insert(place, entry);
        self.text.extend_from_slice(name);
        Ok(())
    }

    /// The name of the host with this address, in the form in which flows carry it. It is UTF-8 without control characters.
    pub(crate) fn name(&self, address: &Address) -> Option<&[u8]> {
        let entry = self.entries.get(self.find(address).ok()?)?;
        let at = usize::from(entry.at);
        self.text.get(at..at + usize::from(entry.len))
    }

    #[inline(never)]
    fn find(&self, address: &Address) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.address.cmp(address))
    }
}

/// The name as it is shown, in every syntax and on every terminal: U+FFFD stands for what is not UTF-8, for control characters,
/// and for what turns the direction of writing, which would change places with what stands beside the name. `None` if that is
/// too long for the buffer.
fn printable<'a>(name: &[u8], buffer: &'a mut [u8; ONE_NAME_BYTES]) -> Option<&'a [u8]> {
    let mut len = 0;
    let mut put = |c: char| {
        let end = len + c.len_utf8();
        c.encode_utf8(buffer.get_mut(len..end)?);
        len = end;
        Some(())
    };
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            put(if c.is_control() || turns_text(c) { char::REPLACEMENT_CHARACTER } else { c })?;
        }
        if !chunk.invalid().is_empty() {
            put(char::REPLACEMENT_CHARACTER)?;
        }
    }
    buffer.get(..len)
}

/// Whether the character changes the direction of the text around it (Unicode's Bidi_Control), or ends its line.
pub(crate) fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn name<'a>(names: &'a HostNames, address: &str) -> Option<&'a str> {
        names.name(&carried(ip(address)).0).map(|name| core::str::from_utf8(name).expect("UTF-8"))
    }

    #[test]
    fn the_first_name_of_an_address_stays() {
        let mut names = HostNames::default();
        for (address, text) in
            [("192.0.2.9", "nine"), ("::1", "localhost"), ("192.0.2.1", "one"), ("192.0.2.9", "other")]
        {
            assert_eq!(names.add(ip(address), text.as_bytes()), Ok(()));
        }
        assert_eq!(name(&names, "192.0.2.9"), Some("nine"));
        assert_eq!(name(&names, "192.0.2.1"), Some("one"));
        assert_eq!(name(&names, "::1"), Some("localhost"));
        assert_eq!(name(&names, "192.0.2.2"), None);
        names.clear();
        assert_eq!(name(&names, "::1"), None);
    }

    #[test]
    fn nobody_has_the_unspecified_address() {
        let mut names = HostNames::default();
        for address in ["0.0.0.0", "::"] {
            assert_eq!(names.add(ip(address), b"ads.example.org"), Ok(()));
            assert_eq!(name(&names, address), None);
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut names = HostNames::default();
        let nth = |nth: usize| IpAddr::from([10, 0, 0, nth as u8]);
        for n in 0..HOST_NAMES {
            assert_eq!(names.add(nth(n), b"x"), Ok(()));
        }
        let room = (names.entries.capacity(), names.text.capacity());
        assert_eq!(names.add(nth(HOST_NAMES), b"x"), Err(Unnamed::NoRoom));
        assert_eq!(names.add(nth(0), b"x"), Ok(()), "an address that is known needs no room");
        names.clear();
        let long = [b'n'; ONE_NAME_BYTES];
        let fit = ALL_NAMES_BYTES / ONE_NAME_BYTES;
        for n in 0..fit {
            assert_eq!(names.add(nth(n), &long), Ok(()));
        }
        assert_eq!(names.add(nth(fit), &long), Err(Unnamed::NoRoom), "the bytes are all taken");
        assert_eq!(names.add(nth(fit), b""), Ok(()), "one of no byte has room");
        names.clear();
        assert_eq!(names.add(nth(0), &[b'n'; ONE_NAME_BYTES + 1]), Err(Unnamed::TooLong));
        assert_eq!((names.entries.capacity(), names.text.capacity()), room, "nothing has grown");
    }

    #[test]
    fn a_name_is_made_printable() {
        for (raw, shown) in [
            (&b"<img onerror=\"x\">&"[..], "<img onerror=\"x\">&"),
            ("j\u{f6}rgs-pc".as_bytes(), "j\u{f6}rgs-pc"),
            (b"a\x1b[2Jb\r\n\0c\x7f", "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c\u{fffd}"),
            ("\u{85}\u{9b}".as_bytes(), "\u{fffd}\u{fffd}"),
            (b"\xff\xc3", "\u{fffd}\u{fffd}"),
            ("\u{202e}cp\u{2066}\u{200f}\u{2028}".as_bytes(), "\u{fffd}cp\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{633}\u{644}\u{200c}\u{645}".as_bytes(), "\u{633}\u{644}\u{200c}\u{645}"),
        ] {
            let mut names = HostNames::default();
            assert_eq!(names.add(ip("10.0.0.1"), raw), Ok(()));
            assert_eq!(name(&names, "10.0.0.1"), Some(shown), "{raw:?}");
        }
        let mut names = HostNames::default();
        assert_eq!(
            names.add(ip("10.0.0.1"), &[1; 22]),
            Err(Unnamed::TooLong),
            "what stands for a byte has three"
        );
    }
}
