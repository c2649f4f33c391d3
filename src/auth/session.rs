//! Login sessions: 128 random bits, a fixed table, and nobody's place taken by another.
//!
//! Pure: random bytes and the clock, in milliseconds from any start, are arguments.
//!
//! A session is only known to the address that opened it, whatever the port, and ends with the user's password. When all places are taken by sessions that
//! are alive, a newcomer is told to try again. One remote address (IPv6: one /64 network) holds at most
//! [`SESSIONS_PER_ADDRESS`]. The machine itself (loopback and unix sockets, counted together) holds more, since a proxy
//! there stands for all its clients, but not all: the share of one remote address is always left for the others.

use crate::limits::{SESSIONS, SESSIONS_PER_ADDRESS};

use super::hash::same;
use super::{Login, Peer, Who};

/// Sessions that loopback and unix sockets may hold together.
const SESSIONS_LOCAL: usize = SESSIONS - SESSIONS_PER_ADDRESS;

/// No place for another session; try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// There is no such session, or it expired, or it is another address's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// One place in the table, empty or not.
#[derive(Clone, Debug)]
struct Session {
    id: [u8; 16],
    who: Who,
    /// When it was last used; `None` where it was never used, or closed.
    used_ms: Option<u64>,
}

/// The sessions.
#[derive(Debug)]
pub struct Sessions {
    places: [Session; SESSIONS],
    timeout_ms: u64,
}

const _: () = assert!(SESSIONS > SESSIONS_PER_ADDRESS);

impl Sessions {
    /// No sessions; each will end after `timeout_s` seconds without a call.
    pub const fn new(timeout_s: u32) -> Sessions {
        const EMPTY: Session =
            Session { id: [0; 16], who: Who { login: Login::anybody(), peer: Peer::Unix }, used_ms: None };
        Sessions { places: [EMPTY; SESSIONS], timeout_ms: timeout_s as u64 * 1000 }
    }

    /// Opens a session for a login from `peer` and returns its id, 32 lower-case hex digits. `random` is fresh from the kernel's
    /// random source.
    ///
    /// # Errors
    /// [`Busy`] where all places, or all of this peer's share, are taken by sessions that are alive.
    pub fn open(
        &mut self,
        login: Login,
        peer: Peer,
        random: [u8; 16],
        now_ms: u64,
    ) -> Result<[u8; 32], Busy> {
        let share = if peer.is_local() { SESSIONS_LOCAL } else { SESSIONS_PER_ADDRESS };
        let timeout_ms = self.timeout_ms;
        let held = self
            .places
            .iter()
            .filter(|place| alive(place, timeout_ms, now_ms) && place.who.peer.sharers() == peer.sharers())
            .count();
        if held >= share {
            return Err(Busy);
        }
        // Never used or closed ones first (`None` is the least), then the one that expired longest ago.
        let free = self.places.iter_mut().filter(|place| !alive(place, timeout_ms, now_ms));
        let place = free.min_by_key(|place| place.used_ms).ok_or(Busy)?;
        *place = Session { id: random, who: Who { login, peer }, used_ms: Some(now_ms) };
        Ok(to_hex(&random))
    }

    /// Finds the session with this id, renews it, and says whose it is.
    ///
    /// All places are compared whole, so the time taken says nothing about how much of an id was right.
    ///
    /// # Errors
    /// [`Unknown`], also for a session that is another peer's.
    pub fn touch(&mut self, id: &[u8], peer: Peer, now_ms: u64) -> Result<&Who, Unknown> {
        let session = self.find(id, peer, now_ms)?;
        session.used_ms = Some(now_ms);
        Ok(&session.who)
    }

    /// Ends the session with this id.
    ///
    /// # Errors
    /// As [`touch`](Sessions::touch).
    pub fn close(&mut self, id: &[u8], peer: Peer, now_ms: u64) -> Result<(), Unknown> {
        self.find(id, peer, now_ms)?.used_ms = None;
        Ok(())
    }

    /// Ends the sessions of those whom `stays` does not want any more, and returns how many that were.
    pub fn keep(&mut self, stays: &dyn Fn(&Login) -> bool, now_ms: u64) -> usize {
        let timeout_ms = self.timeout_ms;
        let open = self.places.iter_mut().filter(|place| alive(place, timeout_ms, now_ms));
        let ended = open.filter(|session| !stays(&session.who.login));
        ended.map(|session| session.used_ms = None).count()
    }

    fn find(&mut self, id: &[u8], peer: Peer, now_ms: u64) -> Result<&mut Session, Unknown> {
        let id = from_hex(id).ok_or(Unknown)?;
        let mut found = None;
        for place in &mut self.places {
            // `&`, not `&&`: the comparison is made in any case.
            if same(&place.id, &id) & (place.who.peer == peer) & alive(place, self.timeout_ms, now_ms) {
                found = Some(place);
            }
        }
        found.ok_or(Unknown)
    }
}

/// True if the session in this place has not ended.
fn alive(place: &Session, timeout_ms: u64, now_ms: u64) -> bool {
    place.used_ms.is_some_and(|used| now_ms.saturating_sub(used) < timeout_ms)
}

/// Lower-case hex digits.
fn to_hex(bytes: &[u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    let digit = |value: u8| {
        if value < 10 { b'0' + value } else { b'a' + value - 10 }
    };
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

/// The bytes of exactly 32 lower-case hex digits.
fn from_hex(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        // The two have no bit in common, so that `^` would do as well: no test can tell.
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}
