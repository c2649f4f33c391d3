//! SHA-1 (FIPS 180-4), for old password hashes: nothing else here may rest on it.
//!
//! A library's has its eighty rounds written out, for speed that nobody needs here: ten times this in a router's program.

/// The state that the first block begins with (section 5.3.1).
const FIRST: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// Bytes of a block, and of it those that the message's length takes at the end of the last one.
const BLOCK_BYTES: usize = 64;
const LENGTH_BYTES: usize = 8;

/// The digest of a message.
pub(super) fn digest(message: &[u8]) -> [u8; 20] {
    let mut state = FIRST;
    let blocks = message.chunks_exact(BLOCK_BYTES);
    // What is left of the message, a bit, and as many zeros as it takes until the length ends a block (section 5.1.1).
    let rest = blocks.remainder();
    let mut end = [0; 2 * BLOCK_BYTES];
    let (front, behind) = end.split_at_mut(rest.len());
    front.copy_from_slice(rest);
    if let Some(place) = behind.first_mut() {
        *place = 0x80;
    }
    let length = if rest.len() + 1 + LENGTH_BYTES > BLOCK_BYTES { 2 * BLOCK_BYTES } else { BLOCK_BYTES };
    let end = end.split_at_mut(length).0;
    let bits = (message.len() as u64).wrapping_mul(8);
    end.split_at_mut(length - LENGTH_BYTES).1.copy_from_slice(&bits.to_be_bytes());
    for block in blocks.chain(end.chunks_exact(BLOCK_BYTES)) {
        take(&mut state, block);
    }
    let mut digest = [0; 20];
    digest.chunks_exact_mut(4).zip(state).for_each(|(to, word)| to.copy_from_slice(&word.to_be_bytes()));
    digest
}

/// Takes a block into the state (section 6.1.2).
fn take(state: &mut [u32; 5], block: &[u8]) {
    // The words of the next sixteen rounds.
    let mut words = [0_u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for round in 0..80 {
        let (mixed, constant) = match round {
            0..20 => (b & c | !b & d, 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let sum = [mixed, constant, words[0], e].into_iter().fold(a.rotate_left(5), u32::wrapping_add);
        (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
        let next = (words[0] ^ words[2] ^ words[8] ^ words[13]).rotate_left(1);
        words.copy_within(1.., 0);
        words[15] = next;
    }
    for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_digest_of_the_standard_and_of_a_library() {
        let hex = |bytes: [u8; 20]| bytes.map(|byte| format!("{byte:02x}")).concat();
        for (message, expected) in [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            ),
        ] {
            assert_eq!(hex(digest(message.as_bytes())), expected, "{message}");
        }
        let message: Vec<u8> = (0..=255).cycle().take(1000).map(|byte: u8| byte.wrapping_mul(167)).collect();
        for length in 0..message.len() {
            let message = &message[..length];
            assert_eq!(digest(message), sha1_smol::Sha1::from(message).digest().bytes(), "{length} bytes");
        }
    }
}
