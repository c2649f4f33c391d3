//! What can go wrong between a kernel and its reader, applied to one answer.

use super::kernel::{F_DUMP_INTR, NLMSG_OVERRUN, Received, message, verdict};

/// A datagram longer than every buffer of the daemon.
const TOO_LONG: usize = 100_000;

/// What becomes of one answer. `at` counts its datagrams from 0; beyond the last it changes nothing.
#[derive(Clone, Debug)]
pub enum Twist {
    /// The send fails.
    SendFails(i32),
    /// The receive fails instead of giving the datagram, and so the rest is lost.
    RecvFails { at: usize, errno: i32 },
    /// The receive is interrupted, so many times, and then goes on.
    Interrupted { at: usize, times: usize },
    /// The kernel says no, and does nothing.
    Refuse(i32),
    /// The kernel says no in the middle.
    RefuseAt { at: usize, errno: i32 },
    /// The table changed under the dump.
    DumpIntr { at: usize },
    /// The kernel ran out of room for messages.
    Overrun { at: usize },
    /// The datagram is longer than the buffer it is read into.
    TooLong { at: usize },
    /// The datagram ends after so many bytes.
    Cut { at: usize, bytes: usize },
    /// The datagram answers another request.
    WrongSequence { at: usize },
    /// Something else comes in the datagram's place.
    Garbage { at: usize, bytes: Vec<u8> },
    /// Something else comes before the datagram.
    Insert { at: usize, bytes: Vec<u8> },
    /// From there on nothing comes.
    Silence { at: usize },
    /// From there on nothing comes until [`super::kernel::go_on`].
    Hold { at: usize },
    /// Every message comes in a datagram of its own.
    Split,
    /// Another connection took the tuple over before the request came: for requests that have a tuple.
    TakeOver,
}

impl Twist {
    /// The answer as it then is.
    pub fn apply(self, mut answer: Vec<Received>, sequence: u32) -> Vec<Received> {
        match self {
            // The kernel sees to these.
            Twist::SendFails(_) | Twist::Refuse(_) | Twist::TakeOver | Twist::Hold { .. } => {}
            Twist::RecvFails { at, errno } => {
                answer.truncate(at);
                answer.push(Err(errno));
            }
            Twist::Interrupted { at, times } => {
                let at = at.min(answer.len());
                answer.splice(at..at, std::iter::repeat_n(Err(libc::EINTR), times));
            }
            Twist::RefuseAt { at, errno } => {
                answer.truncate(at);
                answer.push(Ok(verdict(errno, sequence)));
            }
            Twist::Overrun { at } => set(&mut answer, at, message(NLMSG_OVERRUN, 0, sequence, &[])),
            Twist::Garbage { at, bytes } => set(&mut answer, at, bytes),
            Twist::Insert { at, bytes } => answer.insert(at.min(answer.len()), Ok(bytes)),
            Twist::Silence { at } => answer.truncate(at),
            Twist::Split => answer = answer.into_iter().flat_map(split).collect(),
            Twist::TooLong { at } => edit(&mut answer, at, |bytes| bytes.resize(TOO_LONG, 0)),
            Twist::Cut { at, bytes: end } => edit(&mut answer, at, |bytes| bytes.truncate(end)),
            Twist::DumpIntr { at } => edit(&mut answer, at, |bytes| each_header(bytes, set_interrupted)),
            Twist::WrongSequence { at } => {
                edit(&mut answer, at, |bytes| each_header(bytes, |header| header[8] ^= 0x55));
            }
        }
        answer
    }
}

fn set(answer: &mut [Received], at: usize, bytes: Vec<u8>) {
    if let Some(slot) = answer.get_mut(at) {
        *slot = Ok(bytes);
    }
}

fn edit(answer: &mut [Received], at: usize, change: impl FnOnce(&mut Vec<u8>)) {
    if let Some(Ok(bytes)) = answer.get_mut(at) {
        change(bytes);
    }
}

/// The bytes of each message of a datagram.
fn each_header(mut bytes: &mut [u8], mut change: impl FnMut(&mut [u8])) {
    while bytes.len() >= 16 {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        change(bytes);
        bytes = bytes.get_mut(length.next_multiple_of(4)..).unwrap_or_default();
    }
}

fn split(datagram: Received) -> Vec<Received> {
    let Ok(mut bytes) = datagram else { return vec![datagram] };
    let mut parts = Vec::new();
    while bytes.len() >= 16 {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let rest = bytes.split_off(length.next_multiple_of(4).min(bytes.len()));
        parts.push(Ok(std::mem::replace(&mut bytes, rest)));
    }
    parts
}

fn set_interrupted(header: &mut [u8]) {
    let flags = u16::from_ne_bytes([header[6], header[7]]) | F_DUMP_INTR;
    header[6..8].copy_from_slice(&flags.to_ne_bytes());
}
