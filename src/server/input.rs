//! A client's input buffer: small and its own, or, for a large body, one of a few that all share.

use crate::http::BUFFER_BYTES;
use crate::limits::{INPUT_BYTES, LARGE_BODIES};

/// The large buffers. Each is allocated when it is first needed, and kept.
#[derive(Debug, Default)]
pub struct LargeBuffers {
    free: Vec<Box<[u8]>>,
    made: usize,
}

impl LargeBuffers {
    fn take(&mut self) -> Option<Box<[u8]>> {
        if let Some(buffer) = self.free.pop() {
            return Some(buffer);
        }
        (self.made < LARGE_BODIES).then(|| {
            self.made += 1;
            vec![0; BUFFER_BYTES].into_boxed_slice()
        })
    }

    fn give(&mut self, buffer: Box<[u8]>) {
        self.free.push(buffer);
    }
}

/// Bytes that have come in and are not yet used up: they are at the front of [`Input::buffer`], and, after
/// [`Input::set_body`], those of a next request at its end.
#[derive(Debug)]
pub struct Input {
    small: Box<[u8]>,
    large: Option<Box<[u8]>>,
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
        self.large.as_deref_mut().unwrap_or(&mut self.small)
    }

    /// Bytes in use at its front.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// The bytes in use at its front.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let buffer = self.large.as_deref().unwrap_or(&self.small);
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

    /// Exchanges the small buffer for a large one with the same bytes. False if none is free.
    pub fn enlarge(&mut self, buffers: &mut LargeBuffers) -> bool {
        if self.large.is_some() {
            return true;
        }
        let Some(mut large) = buffers.take() else {
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
        self.large = Some(large);
        true
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
        if let Some(large) = self.large.take() {
            if let (Some(to), Some(from)) = (self.small.get_mut(..behind), large.get(..behind)) {
                to.copy_from_slice(from);
            }
            buffers.give(large);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self, buffers: &mut LargeBuffers) {
        (self.filled, self.behind) = (0, 0);
        if let Some(large) = self.large.take() {
            buffers.give(large);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelined_bytes_survive_a_body_that_grows_and_moves() {
        let mut buffers = LargeBuffers::default();
        let mut input = Input::default();
        input.room()[..10].copy_from_slice(b"bodynextre");
        input.set_filled(10);
        input.set_body(4, 4);
        input.body_room()[4..8].copy_from_slice(b"more");
        assert!(input.enlarge(&mut buffers));
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
        let mut inputs: Vec<Input> = (0..=LARGE_BODIES).map(|_| Input::default()).collect();
        let got = inputs.iter_mut().filter_map(|i| i.enlarge(&mut buffers).then_some(())).count();
        assert_eq!(got, LARGE_BODIES);
        inputs[0].clear(&mut buffers);
        assert!(inputs[LARGE_BODIES].enlarge(&mut buffers));
    }
}
