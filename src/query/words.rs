//! Words that stand for numbers in filters, and which word is the nearest to one that does not exist.
//!
//! Protocols are those of IANA's list that routers track, states those of linux/netfilter/nf_conntrack_tcp.h and
//! nf_conntrack_sctp.h as conntrack(8) writes them, flags bits of `enum ip_conntrack_status`, services ports of
//! services(5).

use core::fmt;

/// A word and the number that it stands for.
pub(crate) type Word = (&'static str, u32);

/// Which words a field takes in place of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// None.
    None,
    /// Address families.
    Family,
    /// Protocols above IP.
    Protocol,
    /// States of TCP connections.
    TcpState,
    /// States of SCTP associations.
    SctpState,
    /// Flags of the status.
    Status,
    /// Services, by their port.
    Service,
    /// What was translated.
    Nat,
}

/// In the number of a word of [`Words::Status`]: none of its flags is set, rather than any.
pub(crate) const UNSET: u32 = 1 << 31;

const FAMILIES: &[Word] = &[("IPv4", 2), ("IPv6", 10)];

const PROTOCOLS: &[Word] = &[
    ("TCP", 6),
    ("UDP", 17),
    ("ICMP", 1),
    ("ICMPv6", 58),
    ("icmp6", 58),
    ("GRE", 47),
    ("SCTP", 132),
    ("DCCP", 33),
    ("UDPLite", 136),
    ("ESP", 50),
    ("AH", 51),
    ("IGMP", 2),
    ("IPIP", 4),
];

const TCP_STATES: &[Word] = &[
    ("NONE", 0),
    ("SYN_SENT", 1),
    ("SYN_RECV", 2),
    ("ESTABLISHED", 3),
    ("FIN_WAIT", 4),
    ("CLOSE_WAIT", 5),
    ("LAST_ACK", 6),
    ("TIME_WAIT", 7),
    ("CLOSE", 8),
    ("SYN_SENT2", 9),
];

const SCTP_STATES: &[Word] = &[
    ("NONE", 0),
    ("CLOSED", 1),
    ("COOKIE_WAIT", 2),
    ("COOKIE_ECHOED", 3),
    ("ESTABLISHED", 4),
    ("SHUTDOWN_SENT", 5),
    ("SHUTDOWN_RECD", 6),
    ("SHUTDOWN_ACK_SENT", 7),
    ("HEARTBEAT_SENT", 8),
    ("HEARTBEAT_ACKED", 9),
];

const FLAGS: &[Word] = &[
    ("replied", 1 << 1),
    ("unreplied", UNSET | 1 << 1),
    ("assured", 1 << 2),
    ("nat", 1 << 4 | 1 << 5),
    ("snat", 1 << 4),
    ("dnat", 1 << 5),
    ("offloaded", 1 << 14 | 1 << 15),
    ("hardware", 1 << 15),
    ("fixed", 1 << 10),
    ("expected", 1 << 0),
];

const SERVICES: &[Word] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("dns", 53),
    ("http", 80),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("snmp", 161),
    ("https", 443),
    ("smb", 445),
    ("imaps", 993),
    ("pop3s", 995),
    ("rdp", 3389),
    ("sip", 5060),
    ("mdns", 5353),
];

const TRANSLATIONS: &[Word] = &[("src", 1), ("dst", 2), ("both", 3)];

impl Words {
    /// The words, the preferred one of several for a number first.
    pub(crate) fn list(self) -> &'static [Word] {
        match self {
            Words::None => &[],
            Words::Family => FAMILIES,
            Words::Protocol => PROTOCOLS,
            Words::TcpState => TCP_STATES,
            Words::SctpState => SCTP_STATES,
            Words::Status => FLAGS,
            Words::Service => SERVICES,
            Words::Nat => TRANSLATIONS,
        }
    }

    /// The number that a word stands for, in any case.
    pub(crate) fn number(self, word: &str) -> Option<u32> {
        self.list().iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|w| w.1)
    }

    /// The word for a number.
    pub(crate) fn name(self, number: u32) -> Option<&'static str> {
        self.list().iter().find(|w| w.1 == number).map(|w| w.0)
    }
}

/// Bytes of the longest word that a neighbour is looked for.
const LONGEST: usize = 24;

/// Looks for the candidate nearest to what was typed, if it is so near that a slip of the pen explains the difference: one
/// letter that is another, too much or missing for each three letters typed. Of several equally near ones it is the first.
pub(crate) struct Nearest<'a> {
    typed: &'a str,
    /// The nearest so far, and its distance.
    best: Option<(usize, &'static str)>,
}

impl<'a> Nearest<'a> {
    /// Nothing is offered yet.
    pub(crate) fn to(typed: &'a str) -> Self {
        Nearest { typed, best: None }
    }

    /// Takes a candidate into account.
    #[inline(never)]
    pub(crate) fn offer(&mut self, candidate: &'static str) {
        let most = (self.typed.len() / 3).max(1);
        let distance = distance(self.typed.as_bytes(), candidate.as_bytes()).filter(|&d| d <= most);
        if let Some(distance) = distance.filter(|&d| self.best.is_none_or(|(least, _)| d < least)) {
            self.best = Some((distance, candidate));
        }
    }

    /// The nearest one.
    pub(crate) fn found(self) -> Option<&'static str> {
        self.best.map(|best| best.1)
    }
}

/// The nearest of these candidates, as [`Nearest`] has it.
pub(crate) fn nearest(
    typed: &str,
    candidates: &mut dyn Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let mut nearest = Nearest::to(typed);
    for candidate in candidates {
        nearest.offer(candidate);
    }
    nearest.found()
}

/// The letters to change, insert or leave out to make one text of the other (Levenshtein), whatever their case. `None`
/// where `a` is longer than [`LONGEST`].
fn distance(a: &[u8], b: &[u8]) -> Option<usize> {
    // costs[i] is the distance of the first i bytes of a from the bytes of b seen so far.
    let mut costs: [usize; LONGEST + 1] = core::array::from_fn(|at| at);
    let costs = costs.get_mut(..=a.len())?;
    for (row, &b) in b.iter().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        let (first, rest) = costs.split_first_mut()?;
        *first = left;
        for (cost, a) in rest.iter_mut().zip(a) {
            let changed = diagonal + usize::from(!a.eq_ignore_ascii_case(&b));
            diagonal = *cost;
            left = changed.min(left + 1).min(diagonal + 1);
            *cost = left;
        }
    }
    costs.last().copied()
}

/// Ends a sentence about a word that does not exist with the one that is meant, if one is.
pub(crate) fn did_you_mean(f: &mut fmt::Formatter<'_>, meant: Option<&str>) -> fmt::Result {
    meant.map_or(Ok(()), |meant| write!(f, ": did you mean {meant}?"))
}

/// Ends a sentence about a field that does not exist with the one that is meant or, where none is, with all there are.
pub(crate) fn suggest(
    f: &mut fmt::Formatter<'_>,
    meant: Option<&str>,
    all: &mut dyn Iterator<Item = &'static str>,
) -> fmt::Result {
    if meant.is_some() {
        return did_you_mean(f, meant);
    }
    f.write_str("; the fields are")?;
    for name in all {
        write!(f, " {name}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("proto", "proto", 0),
            ("PROTO", "proto", 0),
            ("prot", "proto", 1),
            ("prto", "port", 2),
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), Some(expected), "{a} {b}");
        }
        assert_eq!(distance(&[b'x'; LONGEST], b"x"), Some(LONGEST - 1));
        assert_eq!(distance(&[b'x'; LONGEST + 1], b"x"), None);
    }

    #[test]
    fn the_nearest_is_near() {
        let near = |typed| nearest(typed, &mut ["port", "proto", "orig_port_dst", "id"].into_iter());
        assert_eq!(near("prot"), Some("proto"));
        assert_eq!(near("PORTS"), Some("port"));
        assert_eq!(near("orig_prot_dst"), Some("orig_port_dst"));
        assert_eq!(near("ix"), Some("id"));
        assert_eq!(near("xx"), None);
        assert_eq!(near("pxrtx"), None, "two of five letters are too many");
        assert_eq!(near(""), None);
        assert_eq!(nearest("cat", &mut ["hat", "bat"].into_iter()), Some("hat"), "the first of equals");
    }

    /// Each word is found in any case, and the number of each has a word, which stands for that number again.
    #[test]
    fn words_are_found_both_ways() {
        let all = [
            Words::Family,
            Words::Protocol,
            Words::TcpState,
            Words::SctpState,
            Words::Status,
            Words::Service,
            Words::Nat,
        ];
        for words in all {
            for &(name, number) in words.list() {
                assert_eq!(words.number(&name.to_ascii_uppercase()), Some(number), "{name}");
                assert_eq!(words.number(&name.to_ascii_lowercase()), Some(number), "{name}");
                let back = words.name(number).expect("a word");
                assert_eq!(words.number(back), Some(number), "{name}");
            }
            assert_eq!((words.number("x"), words.number(""), words.name(77_777)), (None, None, None));
        }
        assert!(Words::None.list().is_empty());
        assert_eq!(Words::Protocol.name(58), Some("ICMPv6"));
        assert_eq!(Words::Service.name(53), Some("domain"));
    }
}
