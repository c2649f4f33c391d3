//! Login sessions: 128 random bits, a fixed table, and a share of it for each network.
//!
//! Pure: random bytes and the clock, in milliseconds from any start, are arguments.
//!
//! A session is only known to the address that opened it, whatever the port, and ends with the user's password. Shares are
//! those of [`Quota`]: a login beyond its network's share takes the place of that network's session which was unused longest;
//! where all places are taken, that of whoever holds most. So nobody is locked out, be it by many logins without a logout,
//! and a session that is in use is the last of its network to go.

use crate::limits::{SESSIONS, SESSIONS_PER_ADDRESS};
use crate::out::hex_digit;
use crate::quota::{Holding, Holdings, Quota, Verdict, Worth};

use super::hash::same;
use super::{Login, Peer, Who};

/// Who may hold how many sessions.
const QUOTA: Quota = Quota::new(SESSIONS, SESSIONS_PER_ADDRESS);

/// No place for another session; try again later. There always is one where a network's share is one session at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// There is no such session, or it expired, or it is another address's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// A session that was alive: its place in the table, and which of those that were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    place: u8,
    serial: u32,
}

/// One place in the table.
#[derive(Clone, Debug)]
struct Session {
    id: [u8; 16],
    who: Who,
    /// When it was last used; `None` where it was never used, or closed.
    used_ms: Option<u64>,
    /// How many sessions were here before.
    serial: u32,
}

/// The sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    slots: [Session; SESSIONS],
    timeout_ms: u64,
}

// A handle is one byte.
const _: () = assert!(SESSIONS <= 256 && SESSIONS > SESSIONS_PER_ADDRESS);

impl Sessions {
    /// No sessions; each will end after `timeout_s` seconds without a call.
    pub const fn new(timeout_s: u32) -> Sessions {
        const EMPTY: Session = Session {
            id: [0; 16],
            who: Who { login: Login::anybody(), peer: Peer::Unix },
            used_ms: None,
            serial: 0,
        };
        Sessions { slots: [EMPTY; SESSIONS], timeout_ms: timeout_s as u64 * 1000 }
    }

    /// Opens a session for a login from `peer` and returns its id, 32 lower-case hex digits. `random` is fresh from the kernel's
    /// random source. Where there is no place, another session ends.
    ///
    /// # Errors
    /// [`Busy`], if this peer may have none at all.
    pub fn open(
        &mut self,
        login: Login,
        peer: Peer,
        random: [u8; 16],
        now_ms: u64,
    ) -> Result<[u8; 32], Busy> {
        let timeout_ms = self.timeout_ms;
        let mut holdings = Holdings::default();
        for (key, slot) in self.slots.iter().enumerate().filter(|(_, slot)| alive(slot, timeout_ms, now_ms)) {
            let useless_ms = now_ms.saturating_sub(slot.used_ms.unwrap_or(0));
            holdings.add(Holding { key, peer: slot.who.peer, worth: Worth::Stalled, useless_ms });
        }
        let slot = match QUOTA.decide(&holdings, peer) {
            Verdict::Evict(place) => self.slots.get_mut(place),
            // Never used or closed ones first (`None` is the least), then the one that expired longest ago.
            Verdict::Free => {
                let mut free: Option<&mut Session> = None;
                for slot in self.slots.iter_mut().filter(|slot| !alive(slot, timeout_ms, now_ms)) {
                    if free.as_ref().is_none_or(|free| slot.used_ms < free.used_ms) {
                        free = Some(slot);
                    }
                }
                free
            }
            Verdict::Wait => None,
        };
        let slot = slot.ok_or(Busy)?;
        let serial = slot.serial.wrapping_add(1);
        *slot = Session { id: random, who: Who { login, peer }, used_ms: Some(now_ms), serial };
        Ok(to_hex(&random))
    }

    /// Finds the session with this id and renews it.
    ///
    /// All places are compared whole, so the time taken says nothing about how much of an id was right.
    ///
    /// # Errors
    /// [`Unknown`], also for a session that is another peer's.
    pub fn touch(&mut self, id: &[u8], peer: Peer, now_ms: u64) -> Result<Handle, Unknown> {
        let (place, slot) = self.find(id, peer, now_ms)?;
        slot.used_ms = Some(now_ms);
        Ok(Handle { place, serial: slot.serial })
    }

    /// Renews a session that a call has been made with, when its reply goes on or ends, however long that took. One that was
    /// closed meanwhile, or whose place another got, stays gone.
    pub fn renew(&mut self, handle: Handle, now_ms: u64) {
        let slot = self.slots.get_mut(usize::from(handle.place));
        if let Some(slot) = slot.filter(|slot| slot.serial == handle.serial && slot.used_ms.is_some()) {
            slot.used_ms = Some(now_ms);
        }
    }

    /// Whose session it is; `None` once it was closed.
    #[must_use]
    pub fn who(&self, handle: Handle) -> Option<&Who> {
        let slot = self.slots.get(usize::from(handle.place))?;
        (slot.serial == handle.serial && slot.used_ms.is_some()).then_some(&slot.who)
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self, now_ms: u64) -> usize {
        self.slots.iter().filter(|slot| alive(slot, self.timeout_ms, now_ms)).count()
    }

    /// Ends the sessions of those whom `stays` does not want any more, and returns how many that were.
    pub fn keep(&mut self, stays: &dyn Fn(&Login) -> bool, now_ms: u64) -> usize {
        let timeout_ms = self.timeout_ms;
        let open = self.slots.iter_mut().filter(|slot| alive(slot, timeout_ms, now_ms));
        let ended = open.filter(|session| !stays(&session.who.login));
        ended.map(|session| session.used_ms = None).count()
    }

    /// Ends the session with this id.
    ///
    /// # Errors
    /// As [`touch`](Sessions::touch).
    pub fn close(&mut self, id: &[u8], peer: Peer, now_ms: u64) -> Result<(), Unknown> {
        let (_, slot) = self.find(id, peer, now_ms)?;
        slot.used_ms = None;
        Ok(())
    }

    fn find(&mut self, id: &[u8], peer: Peer, now_ms: u64) -> Result<(u8, &mut Session), Unknown> {
        let id = from_hex(id).ok_or(Unknown)?;
        let mut found = None;
        for (index, slot) in (0..).zip(&mut self.slots) {
            // `&`, not `&&`: the comparison is made in any case.
            if same(&slot.id, &id) & (slot.who.peer == peer) & alive(slot, self.timeout_ms, now_ms) {
                found = Some((index, slot));
            }
        }
        found.ok_or(Unknown)
    }
}

/// True if the session in this place has not ended.
#[inline(never)]
fn alive(slot: &Session, timeout_ms: u64, now_ms: u64) -> bool {
    slot.used_ms.is_some_and(|used| now_ms.saturating_sub(used) < timeout_ms)
}

/// Lower-case hex digits.
fn to_hex(bytes: &[u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(*byte)]);
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
    for (slot, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        // The two have no bit in common, so that `^` would do as well: no test can tell.
        *slot = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}
