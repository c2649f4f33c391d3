//! A client's input buffer: small and its own, or, for a large body, one of a few that all share.

use crate::auth::Peer;
use crate::http::BUFFER_BYTES;
use crate::limits::{INPUT_BYTES, LARGE_BODIES};
use crate::quota::{Holding, Holdings, Quota, Verdict, Worth};
use heapless::Vec;

/// Who may hold how many large buffers.
pub(super) const QUOTA: Quota = Quota::new(LARGE_BODIES, LARGE_BODIES / 2);

/// The large buffers. Each is allocated when it is first needed, and kept.
#[derive(Debug, Default)]
pub struct LargeBuffers {
    free: Vec<Box<[u8]>, LARGE_BODIES>,
    /// Whose requests are in the others.
    holders: Vec<Peer, LARGE_BODIES>,
}

impl LargeBuffers {
    /// One for the peer, if one is free and its network's share is not used up.
    fn take(&mut self, peer: Peer) -> Option<Box<[u8]>> {
        let mut holdings = Holdings::default();
        for &holder in &self.holders {
            holdings.add(Holding { key: 0, peer: holder, worth: Worth::Busy, useless_ms: 0 });
        }
        if QUOTA.decide(&holdings, peer) != Verdict::Free {
            return None;
        }
        self.holders.push(peer.sharers()).ok()?;
        Some(self.free.pop().unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice()))
    }

    fn give(&mut self, buffer: Box<[u8]>, peer: Peer) {
        let sharers = peer.sharers();
        if let Some(at) = self.holders.iter().position(|&holder| holder == sharers) {
            self.holders.swap_remove(at);
        }
        // There is room for as many as there are.
        let _ = self.free.push(buffer);
    }
}

/// Bytes that have come in and are not yet used up: they are at the front of [`Input::buffer`], and, after
/// [`Input::set_body`], those of a next request at its end.
#[derive(Debug)]
pub struct Input {
    small: Box<[u8]>,
    /// A large one, and whose it is.
    large: Option<(Box<[u8]>, Peer)>,
    /// Bytes in use at the front.
    filled: usize,
    /// Bytes of a next request at the end, while a body is at the front.
    behind: usize,
}

impl Default for Input {
    fn default() -> Self {
        Input { small: vec![0; INPUT_BYTES].into_boxed_slice(), large: None, filled: 0, behind: 0 }
    }
}

impl Input {
    /// The buffer.
    pub fn buffer(&mut self) -> &mut [u8] {
        self.large.as_mut().map_or(&mut self.small, |(large, _)| large)
    }

    /// Bytes in use at its front.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// The bytes in use at its front.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let buffer = self.large.as_ref().map_or(&self.small, |(large, _)| large);
        buffer.get(..self.filled).unwrap_or(&[])
    }

    /// Where the next bytes go.
    pub fn room(&mut self) -> &mut [u8] {
        let filled = self.filled;
        self.buffer().get_mut(filled..).unwrap_or_default()
    }

    /// `filled` bytes at the front are in use now.
    pub fn set_filled(&mut self, filled: usize) {
        self.filled = filled;
    }

    /// Drops the first `count` bytes.
    pub fn drop_front(&mut self, count: usize) {
        let (count, filled) = (count.min(self.filled), self.filled);
        self.buffer().copy_within(count..filled, 0);
        self.filled -= count;
    }

    /// The body is the first `body_len` bytes; what is in use behind `consumed` belongs to the next request and moves
    /// to the end, so that there is room behind the body.
    pub fn set_body(&mut self, body_len: usize, consumed: usize) {
        let filled = self.filled;
        let behind = filled.saturating_sub(consumed);
        let buffer = self.buffer();
        let to = buffer.len() - behind;
        buffer.copy_within(filled - behind..filled, to);
        (self.filled, self.behind) = (body_len, behind);
    }

    /// The body and the room behind it.
    pub fn body_room(&mut self) -> &mut [u8] {
        let behind = self.behind;
        let buffer = self.buffer();
        let end = buffer.len() - behind;
        buffer.get_mut(..end).unwrap_or_default()
    }

    /// Exchanges the small buffer for a large one with the same bytes. False if none is free, or `peer` has its share.
    pub fn enlarge(&mut self, buffers: &mut LargeBuffers, peer: Peer) -> bool {
        if self.large.is_some() {
            return true;
        }
        let Some(mut large) = buffers.take(peer) else {
            return false;
        };
        let (filled, behind) = (self.filled, self.behind);
        let (old, new) = (self.small.len(), large.len());
        if let (Some(to), Some(from)) = (large.get_mut(..filled), self.small.get(..filled)) {
            to.copy_from_slice(from);
        }
        if let (Some(to), Some(from)) = (large.get_mut(new - behind..), self.small.get(old - behind..)) {
            to.copy_from_slice(from);
        }
        self.large = Some((large, peer));
        true
    }

    /// Whether it is a large one that the next request needs as well, since so much of it has come already.
    #[must_use]
    pub fn keeps_large(&self) -> bool {
        self.is_large() && self.behind > self.small.len()
    }

    /// Who was given the large one. That need not be who makes the next request, behind a proxy.
    #[must_use]
    pub(super) fn holder(&self) -> Option<Peer> {
        self.large.as_ref().map(|(_, peer)| *peer)
    }

    /// Whether it is a large one.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.large.is_some()
    }

    /// Forgets the body; the next request's bytes move to the front, into the small buffer if they fit.
    pub fn next_request(&mut self, buffers: &mut LargeBuffers) {
        let behind = self.behind;
        let buffer = self.buffer();
        let from = buffer.len() - behind;
        buffer.copy_within(from.., 0);
        (self.filled, self.behind) = (behind, 0);
        if behind > self.small.len() {
            return;
        }
        if let Some((large, peer)) = self.large.take() {
            if let (Some(to), Some(from)) = (self.small.get_mut(..behind), large.get(..behind)) {
                to.copy_from_slice(from);
            }
            buffers.give(large, peer);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self, buffers: &mut LargeBuffers) {
        (self.filled, self.behind) = (0, 0);
        if let Some((large, peer)) = self.large.take() {
            buffers.give(large, peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn host(n: u8) -> Peer {
        Peer::new(IpAddr::from([192, 0, 2, n]))
    }

    #[test]
    fn pipelined_bytes_survive_a_body_that_grows_and_moves() {
        let mut buffers = LargeBuffers::default();
        let mut input = Input::default();
        input.room()[..10].copy_from_slice(b"bodynextre");
        input.set_filled(10);
        input.set_body(4, 4);
        input.body_room()[4..8].copy_from_slice(b"more");
        assert!(input.enlarge(&mut buffers, host(1)));
        assert_eq!(input.bytes(), b"body");
        input.next_request(&mut buffers);
        assert!(!input.is_large());
        assert_eq!(input.bytes(), b"nextre");
        input.drop_front(4);
        assert_eq!(input.bytes(), b"re");
    }

    #[test]
    fn large_buffers_run_out_and_come_back() {
        let mut buffers = LargeBuffers::default();
        // One is kept for the machine itself.
        let mut inputs: std::vec::Vec<Input> = (0..LARGE_BODIES).map(|_| Input::default()).collect();
        for (at, input) in inputs.iter_mut().enumerate() {
            assert_eq!(input.enlarge(&mut buffers, host(at as u8)), at < LARGE_BODIES - 1);
        }
        assert!(Input::default().enlarge(&mut buffers, Peer::Unix));
        inputs[0].clear(&mut buffers);
        assert!(inputs[LARGE_BODIES - 1].enlarge(&mut buffers, host(9)));
    }

    #[test]
    fn nobody_holds_all_large_buffers() {
        let share = |peers: &[Peer], other: Peer| {
            let mut buffers = LargeBuffers::default();
            let mut inputs: std::vec::Vec<Input> = (0..LARGE_BODIES).map(|_| Input::default()).collect();
            let with = inputs.iter_mut().zip(peers.iter().cycle());
            let got = with.filter_map(|(i, &peer)| i.enlarge(&mut buffers, peer).then_some(())).count();
            assert!(Input::default().enlarge(&mut buffers, other), "another's turn");
            inputs[0].clear(&mut buffers);
            assert!(inputs[LARGE_BODIES - 1].enlarge(&mut buffers, peers[0]), "it comes back");
            got
        };
        assert_eq!(share(&[host(1)], host(2)), LARGE_BODIES / 2);
        // The machine itself has one share, whatever the address.
        let local = ["127.0.0.1", "127.0.0.2", "::1"].map(|address| Peer::new(address.parse().unwrap()));
        assert_eq!(share(&[Peer::Unix, local[0], local[1], local[2]], host(2)), LARGE_BODIES - 1);
    }
}
