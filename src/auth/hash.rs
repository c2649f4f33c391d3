//! Password hashes: the kinds a password file may hold, checking a password against one, and making a new one.
//!
//! | text | kind | where it comes from |
//! |---|---|---|
//! | 40 hex digits | SHA-1 | pyctd; no salt, and fast to guess: renew it |
//! | `{SHA}` and base64 | SHA-1 | `htpasswd -s`; the same |
//! | `$5$[rounds=N$]salt$digest` | SHA-256-crypt | `mkpasswd -m sha-256`, `openssl passwd -5`, /etc/shadow |
//! | `$6$[rounds=N$]salt$digest` | SHA-512-crypt | `rctd passwd`, `mkpasswd -m sha-512`, `openssl passwd -6`, /etc/shadow |
//!
//! The last two are Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512", computed by the sha-crypt crate. bcrypt
//! (`$2y$`) is left out: at the lowest cost that is recommended (10) it would, by estimate, stop a small router's only
//! thread for more than a second, and it would bring a cipher that nothing else here needs.
//!
//! Nothing here panics on any input, allocates, or leaves a comparison early.

use std::fmt;

use base64ct::{Base64ShaCrypt, Encoding};
use heapless::{String, Vec};
use sha_crypt::Params;

use crate::base64;
use crate::limits::{HASH_ROUNDS, HASH_TEXT_BYTES, PASSWORD_BYTES};

/// Rounds where a hash names none, as the specification has it.
const DEFAULT_ROUNDS: u32 = 5000;
/// The fewest rounds the specification allows.
const MIN_ROUNDS: u32 = 1000;
/// The most characters of salt the specification uses.
const SALT_BYTES: usize = 16;

/// A hash as text.
pub type HashText = String<HASH_TEXT_BYTES>;

/// How a hash is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// One SHA-1 over the password alone: legacy.
    Sha1,
    /// `$5$`.
    Sha256Crypt,
    /// `$6$`.
    Sha512Crypt,
}

/// Why a hash can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is longer than [`HASH_TEXT_BYTES`].
    Long,
    /// A kind that is known but not supported, by its name.
    Unsupported(&'static str),
    /// Nothing that is known.
    Unknown,
    /// The right beginning, but salt or digest are not as they should be.
    Malformed,
    /// Fewer than 1000 or more than [`HASH_ROUNDS`] rounds, or no number.
    Rounds,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Long => write!(f, "the hash is longer than {HASH_TEXT_BYTES} bytes"),
            Unusable::Unsupported(name) => {
                write!(f, "{name} hashes are not supported")
            }
            Unusable::Unknown => f.write_str("the hash is none of $6$, $5$, {SHA} or 40 hex digits"),
            Unusable::Malformed => f.write_str("the hash was cut or changed"),
            Unusable::Rounds => {
                write!(f, "the hash must have {MIN_ROUNDS} to {HASH_ROUNDS} rounds")
            }
        }
    }
}

/// A parsed hash: what checking a password needs, in binary.
#[derive(Clone, Debug)]
pub struct Hash {
    algorithm: Algorithm,
    /// 0 for SHA-1.
    rounds: u32,
    salt: Vec<u8, SALT_BYTES>,
    /// SHA-1 uses the first 20 bytes, SHA-256-crypt 32; the rest are 0. Those of SHA-crypt are in the
    /// order of the text, which is not the digest's (see `transposed`).
    digest: [u8; 64],
}

impl Hash {
    /// Reads a hash as a password file or /etc/shadow has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Hash, Unusable> {
        if text.len() > HASH_TEXT_BYTES {
            return Err(Unusable::Long);
        }
        if let Some(rest) = text.strip_prefix(b"$6$") {
            return parse_crypt(Algorithm::Sha512Crypt, rest);
        }
        if let Some(rest) = text.strip_prefix(b"$5$") {
            return parse_crypt(Algorithm::Sha256Crypt, rest);
        }
        if let Some(rest) = text.strip_prefix(b"{SHA}") {
            return parse_sha1(rest, decode_base64);
        }
        if text.len() == 40 && text.iter().all(u8::is_ascii_hexdigit) {
            return parse_sha1(text, decode_hex);
        }
        Err(unsupported(text))
    }

    /// True if `password` is the one the hash was made from. An empty password never is, nor one longer than
    /// [`PASSWORD_BYTES`].
    pub fn verify(&self, password: &[u8]) -> bool {
        let mut computed = [0; 64];
        if password.is_empty() || password.len() > PASSWORD_BYTES {
            return false;
        }
        compute(self.algorithm, self.rounds, &self.salt, password, &mut computed);
        same(&computed, &self.digest)
    }

    /// How it is computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What tells it from another hash: no two of different salts or passwords have the same, but by a chance of 1 in 2^64.
    pub(super) fn version(&self) -> &[u8; 64] {
        &self.digest
    }

    /// How many rounds it takes; 0 for SHA-1.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }
}

/// Computes a hash of this kind and number of rounds for nothing but the time it takes: fewer than 1000 rounds, which
/// SHA-crypt does not have, take none.
pub fn burn(algorithm: Algorithm, rounds: u32, password: &[u8]) {
    let mut computed = [0; 64];
    if !password.is_empty() && password.len() <= PASSWORD_BYTES {
        compute(algorithm, rounds, b"rctd.no.such.usr", password, &mut computed);
    }
    std::hint::black_box(&computed);
}

/// Makes a `$6$` hash with the usual 5000 rounds. `random` are 16 bytes from the kernel's random source: six bits of
/// each become a character of salt.
pub fn make(password: &[u8], random: &[u8; SALT_BYTES]) -> HashText {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let salt = random.map(|byte| ALPHABET.get(usize::from(byte & 63)).copied().unwrap_or(b'.'));
    let mut digest = [0; 64];
    compute(Algorithm::Sha512Crypt, DEFAULT_ROUNDS, &salt, password, &mut digest);
    let mut encoded = [0; 86];
    let encoded = Base64ShaCrypt::encode(&digest, &mut encoded).unwrap_or_default();
    let mut text = HashText::new();
    // 3 + 16 + 1 + 86 bytes always fit.
    let _ = fmt::write(
        &mut text,
        format_args!("$6${}${encoded}", std::str::from_utf8(&salt).unwrap_or_default()),
    );
    text
}

/// True if both are the same, in a time that does not depend on where they differ.
pub fn same<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    // Keeps the optimiser from turning the fold into a loop that ends early.
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
std::thread_local! {
    /// The rounds that were computed, for tests of what an attempt costs: time itself is no measure on a busy machine.
    pub(super) static ROUNDS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Computes a hash's digest, in the order of its text, into the front of `out`.
fn compute(algorithm: Algorithm, rounds: u32, salt: &[u8], password: &[u8], out: &mut [u8; 64]) {
    #[cfg(test)]
    ROUNDS.set(ROUNDS.get() + u64::from(rounds));
    match (algorithm, Params::new(rounds)) {
        (Algorithm::Sha1, _) => {
            let digest = sha1_smol::Sha1::from(password).digest().bytes();
            out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        }
        (Algorithm::Sha256Crypt, Ok(params)) => {
            let digest = sha_crypt::sha256_crypt(password, salt, params);
            transposed(&digest, 21, out);
        }
        (Algorithm::Sha512Crypt, Ok(params)) => {
            let digest = sha_crypt::sha512_crypt(password, salt, params);
            transposed(&digest, 22, out);
        }
        // `parse` lets no such number of rounds in, and `burn` documents it.
        (_, Err(_)) => {}
    }
}

/// Puts a digest into the order its text has (step 22 of the specification): groups of three bytes, one of each third of the
/// digest, each group `step` bytes behind the one before, and the last byte of a group first; then the one or two bytes that
/// are left, as they are.
fn transposed(digest: &[u8], step: usize, out: &mut [u8; 64]) {
    let third = digest.len() / 3;
    let in_groups = 3 * third;
    for (at, place) in out.iter_mut().take(digest.len()).enumerate() {
        let from = if at < in_groups { (at / 3 * step + (2 - at % 3) * third) % in_groups } else { at };
        *place = digest.get(from).copied().unwrap_or_default();
    }
}

/// Reads what follows `$5$` or `$6$`: `[rounds=N$]salt$digest`.
fn parse_crypt(algorithm: Algorithm, text: &[u8]) -> Result<Hash, Unusable> {
    let mut fields = text.split(|&byte| byte == b'$');
    let mut field = fields.next().ok_or(Unusable::Malformed)?;
    let mut rounds = DEFAULT_ROUNDS;
    if let Some(number) = field.strip_prefix(b"rounds=") {
        rounds = parse_rounds(number).ok_or(Unusable::Rounds)?;
        field = fields.next().ok_or(Unusable::Malformed)?;
    }
    let salt = Vec::from_slice(field).map_err(|_| Unusable::Malformed)?;
    let encoded = fields.next().ok_or(Unusable::Malformed)?;
    let bytes = if algorithm == Algorithm::Sha256Crypt { 32 } else { 64 };
    let mut digest = [0; 64];
    let decoded = Base64ShaCrypt::decode(encoded, &mut digest).map_err(|_| Unusable::Malformed)?;
    if decoded.len() != bytes || fields.next().is_some() || !salt.iter().all(u8::is_ascii_graphic) {
        return Err(Unusable::Malformed);
    }
    Ok(Hash { algorithm, rounds, salt, digest })
}

/// A number of rounds in the limits, as crypt(5) writes it: digits, no leading 0.
fn parse_rounds(text: &[u8]) -> Option<u32> {
    if !text.iter().all(u8::is_ascii_digit) || text.first() == Some(&b'0') {
        return None;
    }
    let rounds = std::str::from_utf8(text).ok()?.parse().ok()?;
    (MIN_ROUNDS..=HASH_ROUNDS).contains(&rounds).then_some(rounds)
}

/// Reads a SHA-1 hash with the decoder of its notation.
fn parse_sha1(text: &[u8], decode: fn(&[u8], &mut [u8]) -> bool) -> Result<Hash, Unusable> {
    let mut digest = [0; 64];
    let (front, _) = digest.split_at_mut(20);
    if !decode(text, front) {
        return Err(Unusable::Malformed);
    }
    Ok(Hash { algorithm: Algorithm::Sha1, rounds: 0, salt: Vec::new(), digest })
}

/// Decodes hex digits in either case into `out`; false where they are not exactly as many as it takes.
fn decode_hex(text: &[u8], out: &mut [u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks_exact(2);
    text.len() == out.len() * 2
        && pairs.zip(out).all(|(pair, slot)| match pair {
            [high, low] => digit(*high).zip(digit(*low)).map(|(high, low)| *slot = high << 4 | low).is_some(),
            _ => false,
        })
}

/// Decodes the 20 bytes of a digest: 27 digits, the last with two bits to spare, which are 0, and one of padding.
fn decode_base64(text: &[u8], out: &mut [u8]) -> bool {
    let digits = text.strip_suffix(b"=").unwrap_or_default();
    let last = digits.last().and_then(|&digit| base64::sextet(digit));
    let sextets = digits.iter().map_while(|&digit| base64::sextet(digit));
    digits.len() == 27 && last.is_some_and(|six| six & 3 == 0) && base64::join(sextets, out) == Some(20)
}

/// Names the kind of a hash that can't be used, by its beginning as crypt(5) lists them.
fn unsupported(text: &[u8]) -> Unusable {
    const KINDS: [(&[u8], &str); 8] = [
        (b"$1$", "MD5-crypt ($1$)"),
        (b"$apr1$", "Apache's MD5 ($apr1$)"),
        (b"$2", "bcrypt ($2y$)"),
        (b"$y$", "yescrypt ($y$)"),
        (b"$gy$", "gost-yescrypt ($gy$)"),
        (b"$7$", "scrypt ($7$)"),
        (b"$md5", "SunMD5 ($md5)"),
        (b"$sha1", "SHA-1-crypt ($sha1)"),
    ];
    let known = KINDS.iter().find(|(prefix, _)| text.starts_with(prefix));
    known.map_or(Unusable::Unknown, |&(_, name)| Unusable::Unsupported(name))
}
