//! Fault codes, and the sentences that go with them. No other file knows a code.

use crate::conntrack::flow::ReadError;
use crate::conntrack::socket::OpError;
use crate::cut::Cut;
use crate::limits::{FAULT_BYTES, LABEL_BYTES, LABELS};
use crate::xmlrpc::{Class, DecodeError};
use core::fmt::{self, Write};
use heapless::String;

macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $number:literal,)+) => {
        /// What kind of fault it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])+ $variant = $number,)+ }

        impl Code {
            /// Every kind there is.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];
        }
    };
}

codes! {
    /// Not well-formed XML.
    NotWellFormed = -32700,
    /// Not a methodCall.
    NotACall = -32600,
    /// No such procedure.
    NoProcedure = -32601,
    /// Wrong parameters.
    Parameters = -32602,
    /// An internal error.
    Internal = -32603,
    /// Wrong user name or password.
    Login = 1,
    /// The session is unknown or expired.
    Session = 2,
    /// Unknown field.
    Field = 3,
    /// No such connection.
    NoConnection = 4,
    /// The kernel refused.
    Kernel = 5,
    /// All sessions, dumps or slots are taken.
    Busy = 6,
    /// The snapshot does not fit its memory.
    Snapshot = 7,
}

impl Code {
    /// The number in the protocol.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// A fault: its code and a sentence that says what was wrong and what would be right. It is on the heap: faults are rare, and
/// a result that may carry one stays as small as a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<Told>);

/// What a [`Fault`] tells the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The code.
    pub code: Code,
    /// The sentence.
    pub text: String<FAULT_BYTES>,
}

impl core::ops::Deref for Fault {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl Fault {
    /// A fault with a sentence, which ends in "…" if it is longer than [`FAULT_BYTES`].
    #[must_use]
    pub fn new(code: Code, sentence: fmt::Arguments<'_>) -> Self {
        let mut told = Box::new(Told { code, text: String::new() });
        // The writer fails where it has cut, which ends the sentence.
        let _ = Cut(&mut told.text).write_fmt(sentence);
        Fault(told)
    }

    /// The fault for a parameter that is not what it should be: `takes` says what would be.
    #[must_use]
    pub fn parameter(name: &str, takes: &str) -> Self {
        Fault::new(Code::Parameters, format_args!("parameter {name} takes {takes}"))
    }

    /// The fault for a request to the kernel that failed.
    #[must_use]
    pub fn kernel(error: OpError) -> Self {
        let hint = match error.errno {
            libc::EPERM => " (rctd has lost the right CAP_NET_ADMIN)",
            libc::ENOBUFS | libc::EINTR => " (try again)",
            _ => "",
        };
        Fault::new(Code::Kernel, format_args!("{} {error}{hint}", error.cause()))
    }
}

impl From<OpError> for Fault {
    fn from(error: OpError) -> Self {
        Fault::kernel(error)
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Malformed => Fault::new(
                Code::Kernel,
                format_args!("dump: EIO: the kernel sent an entry that can't be read"),
            ),
            ReadError::Labels => Fault::new(
                Code::Internal,
                format_args!(
                    "the table has more than {LABELS} different helper names and security contexts, or one longer \
                     than {LABEL_BYTES} bytes, which is all that rctd has room for"
                ),
            ),
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        let code = match error.class {
            Class::NotWellFormed => Code::NotWellFormed,
            Class::NotACall => Code::NotACall,
            Class::BadValue => Code::Parameters,
        };
        Fault::new(code, format_args!("{} (byte {})", error.what, error.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_room_cuts_a_sentence() {
        let fault = |word: &str| Fault::new(Code::Parameters, format_args!("{word} at 7: {word}"));
        assert_eq!(fault("name…").text.as_str(), "name… at 7: name…");
        let most = "x".repeat(FAULT_BYTES - " at 7: ".len() - 3);
        assert_eq!(fault(&most).text.as_str(), format!("{most} at 7: …"));
        assert_eq!(fault(&format!("{most}xxx")).text.as_str(), format!("{most}xxx at …"));
    }
}
