//! Captured bytes with something wrong: cut, lengths that lie, attributes nobody knows, bytes changed.
use super::tree::{self, Attr, Value};
use super::{datagrams, entries, messages, read};
use rctd::conntrack::attr::Malformed;
use rctd::conntrack::flow::{ALL, Flow, ReadError};
use rctd::conntrack::label::Labels;
use rctd::conntrack::message::Datagram;
use rctd::conntrack::uapi::*;

fn decoded(datagram: &[u8]) -> Vec<Flow> {
    let (mut flows, mut labels) = (vec![], Labels::new());
    messages(datagram, |m| flows.extend(Flow::read(m, ALL, &mut labels)));
    flows
}

#[test]
fn flows_before_a_cut_are_unchanged_and_none_comes_after() {
    for datagram in datagrams("full") {
        let whole = decoded(&datagram);
        for cut in 0..datagram.len() {
            let bytes = &datagram[..cut];
            let flows = decoded(bytes);
            assert_eq!(flows, whole[..flows.len()], "cut at {cut}");
            let mut items = Datagram::new(bytes, super::order::SEQUENCE);
            let end = std::iter::from_fn(|| items.pull().transpose()).last();
            let mut at = 0;
            while at < cut {
                at += u32::from_ne_bytes(datagram[at..at + 4].try_into().expect("four")) as usize;
            }
            assert_eq!(matches!(end, Some(Err(Malformed))), at != cut, "cut at {cut}: {end:?}");
        }
    }
}

/// Whether every field of `part` is missing or as in `whole`.
fn is_part(part: &Flow, whole: &Flow) -> bool {
    fn fits<T: PartialEq>(part: &Option<T>, whole: &Option<T>) -> bool {
        part.is_none() || part == whole
    }
    fits(&part.orig, &whole.orig)
        && fits(&part.repl, &whole.repl)
        && fits(&part.orig_counters, &whole.orig_counters)
        && fits(&part.repl_counters, &whole.repl_counters)
        && fits(&part.start_ns, &whole.start_ns)
        && fits(&part.id, &whole.id)
        && fits(&part.status, &whole.status)
        && fits(&part.timeout, &whole.timeout)
        && fits(&part.mark, &whole.mark)
        && fits(&part.uses, &whole.uses)
        && fits(&part.zone, &whole.zone)
        && fits(&part.tcp_state, &whole.tcp_state)
        && fits(&part.sctp_state, &whole.sctp_state)
        && fits(&part.helper, &whole.helper)
}

#[test]
fn an_entry_cut_anywhere_is_an_error_or_has_fewer_fields() {
    for entry in entries("full") {
        let whole = read(&entry, ALL).expect("sound");
        let starts: Vec<usize> = tree::parse(&entry).iter().map(|a| a.at).collect();
        for cut in 0..entry.len() {
            let result = read(&entry[..cut], ALL);
            // Fewer than four bytes are padding, so a cut within a header is as one before it.
            let between = starts.iter().any(|&s| s <= cut && cut < s + 4);
            match result {
                Ok(flow) => assert!(is_part(&flow, &whole), "cut at {cut}"),
                Err(error) => assert_eq!(error, ReadError::Malformed, "cut at {cut}"),
            }
            assert!(result.is_ok() || !between, "cut at {cut}: {result:?}");
        }
    }
}

/// The numbers whose size is fixed, at the top level.
const NUMBERS: [u16; 6] = [CTA_STATUS, CTA_TIMEOUT, CTA_MARK, CTA_USE, CTA_ID, CTA_ZONE];

#[test]
fn no_attribute_gets_away_with_a_wrong_length() {
    for entry in entries("full") {
        let attrs = tree::parse(&entry);
        for attr in tree::all(&attrs) {
            let len = u16::from_ne_bytes([entry[attr.at], entry[attr.at + 1]]);
            for wrong in
                [0, 1, 2, 3, 4, len - 1, len + 1, len + 4, 0x7fff, 0xffff].into_iter().filter(|&w| w != len)
            {
                let mut bytes = entry.clone();
                bytes[attr.at..attr.at + 2].copy_from_slice(&wrong.to_ne_bytes());
                let result = read(&bytes, ALL);
                let runs_over = usize::from(wrong) > entry.len() - attr.at;
                // What is inside an attribute that rctd does not read is not looked into.
                let looked_into =
                    attr.path.len() == 1 || bit(attr.path[0]) & ALL != 0 && !is_ignored(&attr.path);
                let wrong_number = attr.path.len() == 1 && NUMBERS.contains(&attr.kind);
                if looked_into && (wrong < 4 || runs_over) || wrong_number {
                    assert_eq!(result, Err(ReadError::Malformed), "{:?} with length {wrong}", attr.path);
                }
                // What comes before it is not touched by it.
                let id = read(&bytes[..attr.at.min(bytes.len())], bit(CTA_ID));
                assert!(attr.path.len() > 1 || id.is_ok());
            }
        }
    }
}

/// SCTP's and DCCP's states are not read.
fn is_ignored(path: &[u16]) -> bool {
    path[0] == CTA_PROTOINFO && path.len() > 2 && path[1] != CTA_PROTOINFO_TCP
}

#[test]
fn damage_in_one_attribute_leaves_the_others_readable() {
    for entry in entries("full") {
        let whole = read(&entry, ALL).expect("sound");
        let mut attrs = tree::parse(&entry);
        for attr in attrs.iter_mut().filter(|a| matches!(a.value, Value::Nested(_))) {
            attr.value = Value::Bytes(vec![0xff; 9]);
        }
        let bytes = tree::emit(&attrs);
        assert_eq!(read(&bytes, ALL), Err(ReadError::Malformed));
        let numbers = NUMBERS.iter().fold(0, |bits, &n| bits | bit(n));
        let flow = read(&bytes, numbers).expect("no need to look into the damaged ones");
        assert_eq!((flow.id, flow.mark, flow.zone), (whole.id, whole.mark, whole.zone));
    }
}

#[test]
fn unknown_attributes_are_passed_over_on_every_level() {
    const NLA_F_NESTED: u16 = 0x8000;
    let unknown: Vec<Attr> = [27, 31, 32, 33, 63, 64, 0x1fff, 0x3fff, 30 | NLA_F_NESTED]
        .into_iter()
        .flat_map(|kind| [&[][..], &[0xff; 1], &[0xff; 5], &[0; 64]].map(|value| tree::leaf(kind, value)))
        .collect();
    for entry in entries("full") {
        let whole = read(&entry, ALL);
        for attr in &unknown {
            let bytes = tree::emit(&tree::interleave(&tree::parse(&entry), attr));
            assert_eq!(read(&bytes, ALL), whole, "with {attr:?}");
        }
    }
}

/// Old kernels do not set NLA_F_NESTED, and NLA_F_NET_BYTEORDER says nothing new.
#[test]
fn flag_bits_of_a_type_do_not_matter() {
    fn flag(attrs: &mut [Attr], flags: u16) {
        for attr in attrs {
            attr.flags = flags;
            if let Value::Nested(inner) = &mut attr.value {
                flag(inner, flags);
            }
        }
    }
    for entry in entries("full") {
        let whole = read(&entry, ALL);
        for flags in [0, 0x4000, 0x8000, 0xc000] {
            let mut attrs = tree::parse(&entry);
            flag(&mut attrs, flags);
            assert_eq!(read(&tree::emit(&attrs), ALL), whole);
        }
    }
}

/// No byte of a datagram, whatever it is changed to, makes more flows than there are messages, or the reader stop.
#[test]
fn any_byte_may_be_anything() {
    for datagram in datagrams("full") {
        // The message that ends the dump can become an entry, an empty one.
        let count = decoded(&datagram).len().max(1);
        let mut bytes = datagram.clone();
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, !datagram[at]] {
                bytes[at] = value;
                assert!(decoded(&bytes).len() <= count, "byte {at} as {value}");
            }
            bytes[at] = datagram[at];
        }
    }
}
