//! Filters as text, as people type them: `src:192.168.1.0/24 !dport:80,443 tcp bytes>1M`.
//!
//! ```text
//! filter = term *( WS term )                          all must match
//! term   = [ "!" | "-" | "not" WS ] ( field op list | word )
//! op     = ":" | "=" | "!=" | ">" | ">=" | "<" | "<="
//! list   = value *( "," value )                       any of them
//! value  = number[k|M|G|Ki|Mi|Gi] | a-b | a- | address | address-address | net/len | bits/mask | name | "quoted text"
//! word   = address | net | address-address | addr:port | [v6]:port | port | a-b | protocol | state | service | flag
//! ```
//!
//! The text is read once from left to right, in place. What can't be read is an error with its place, its reason and
//! what would be right, never a search for something else: a misread filter could kill.

mod error;

use error::Reason;
pub use error::TextError;

use super::value::{Takes, Test, endpoint, quantity};
use super::{Filter, FilterError, Input, takes_of};
use crate::limits::FILTER_TEXT_BYTES;
use crate::query::field::{ANY_HOST, ANY_PORT, FIELDS, FieldId};
use crate::query::net::{Net, cut};
use crate::query::words::{Nearest, nearest};
use core::ops::Range;

/// Short names of fields.
const ALIASES: &[(&str, &str)] = &[
    ("src", "orig_src"),
    ("dst", "orig_dst"),
    ("sport", "orig_port_src"),
    ("dport", "orig_port_dst"),
    ("rsrc", "repl_src"),
    ("rdst", "repl_dst"),
    ("rsport", "repl_port_src"),
    ("rdport", "repl_port_dst"),
    ("proto", "orig_l4proto"),
    (FAMILY, "orig_l3proto"),
    ("state", "tcp_state"),
    ("is", "status"),
    ("up", "orig_rate"),
    ("down", "repl_rate"),
    ("user", "username"),
    ("uid", "user_id"),
];

/// The alias under which IP versions stand for address families.
const FAMILY: &str = "family";

/// The fields that a word alone may be of; it is of the first that knows it.
const WORD_FIELDS: [FieldId; 5] = [
    FieldId::always("orig_l4proto"),
    FieldId::always("tcp_state"),
    FieldId::always("sctp_state"),
    FieldId::always("status"),
    ANY_PORT,
];

impl Filter {
    /// Adds the conditions that `text` says. A text without any adds none.
    ///
    /// # Errors
    /// [`TextError`]: what could not be read, where, and why. The filter is then of no use.
    pub fn add_text(&mut self, text: &str) -> Result<(), TextError> {
        if text.len() > FILTER_TEXT_BYTES {
            return Err(TextError::new(0, 0, Reason::TooLong));
        }
        let mut reader = Reader { text, at: 0, read: 0..0, filter: self };
        while reader.skip_space() {
            reader.term().map_err(|reason| TextError::new(reader.read.start, reader.read.len(), reason))?;
        }
        Ok(())
    }
}

/// How a field's values are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Is,
    IsNot,
    Over,
    Least,
    Under,
    Most,
}

/// What an operator looks like; of two that begin alike the longer one stands first.
const OPS: &[(&str, Op)] = &[
    (":", Op::Is),
    ("=", Op::Is),
    ("!=", Op::IsNot),
    (">=", Op::Least),
    (">", Op::Over),
    ("<=", Op::Most),
    ("<", Op::Under),
];

struct Reader<'a, 'f> {
    text: &'a str,
    at: usize,
    /// The bytes of the part that is being read: where it is wrong, they are.
    read: Range<usize>,
    filter: &'f mut Filter,
}

impl<'a> Reader<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Goes to the next byte that is no space; false at the end.
    fn skip_space(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.at < self.text.len()
    }

    /// What comes before the next space or other byte that `ends`.
    fn until(&self, ends: fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|b| b.is_ascii_whitespace() || ends(b));
        end.and_then(|end| rest.get(..end)).unwrap_or(rest)
    }

    fn term(&mut self) -> Result<(), Reason> {
        let start = self.at;
        let negated = self.negation();
        let word = self.until(|_| false);
        if word.is_empty() {
            self.read = start..self.at;
            return Err(Reason::NothingNegated);
        }
        // An IPv6 address may look like a field with its value: "fe80::1".
        if Net::parse_range(word).is_none() {
            let name = word.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let (name, behind) = word.split_at_checked(name).unwrap_or((word, ""));
            let op = OPS.iter().find(|(sign, _)| behind.starts_with(sign));
            let letter = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
            if let Some(&(sign, op)) = op.filter(|_| letter) {
                return self.field(negated, name, sign, op);
            }
        }
        self.word(negated, word)
    }

    /// Takes a negation, if one is next.
    fn negation(&mut self) -> bool {
        if let Some(b'!' | b'-') = self.rest().as_bytes().first() {
            self.at += 1;
            return true;
        }
        let not = self.until(|_| false) == "not";
        if not {
            self.at += 3;
            self.skip_space();
        }
        not
    }

    /// Reads a term of a field, an operator and values.
    fn field(&mut self, negated: bool, name: &str, sign: &str, op: Op) -> Result<(), Reason> {
        self.read = self.at..self.at + name.len();
        let unknown = || Reason::UnknownField(nearest(name, &mut known_names()));
        let field = field_named(name).ok_or_else(unknown)?;
        let takes = Takes { versions: name == FAMILY, ..takes_of(field) };
        let ordered = !matches!(op, Op::Is | Op::IsNot);
        if ordered && !takes.is_number() {
            return Err(Reason::NoOrder);
        }
        let wrong = |e| Reason::Value(e, field);
        self.filter.begin(field).map_err(wrong)?;
        self.at += name.len() + sign.len();
        let negated = negated != (op == Op::IsNot);
        loop {
            let at = self.at;
            let value = self.one_value()?;
            self.read = at..self.at;
            let test = match takes.kind {
                kind if kind.is_text() => self.filter.keep(kind, value).map_err(wrong)?,
                _ if ordered => bound(field, op, value)?,
                _ => takes.read(Input::Text(value)).map_err(wrong)?,
            };
            self.filter.value(test, negated).map_err(wrong)?;
            if !self.rest().starts_with(',') {
                return Ok(());
            }
            if ordered {
                self.read = self.at..self.at + 1;
                return Err(Reason::OneBound);
            }
            self.at += 1;
        }
    }

    /// Takes one value; in quotes it may hold any byte but a quote.
    fn one_value(&mut self) -> Result<&'a str, Reason> {
        let start = self.at;
        let Some(quoted) = self.rest().strip_prefix('"') else {
            let value = self.until(|b| b == b',');
            self.at += value.len();
            let first = value.bytes().next();
            self.read = start..start + usize::from(first.is_some());
            return match first {
                None => Err(Reason::NoValue),
                // Of a text it would be taken for a part.
                Some(b'!') => Err(Reason::MisplacedNegation),
                Some(_) => Ok(value),
            };
        };
        let Some((value, _)) = cut(quoted, b'"') else {
            self.read = start..self.text.len();
            return Err(Reason::OpenQuote);
        };
        self.at += value.len() + 2;
        let behind = self.until(|b| b == b',');
        self.read = self.at..self.at + behind.len();
        if behind.is_empty() { Ok(value) } else { Err(Reason::BehindQuote) }
    }

    /// Reads a term that is a word alone.
    fn word(&mut self, negated: bool, word: &str) -> Result<(), Reason> {
        let start = self.at;
        self.at += word.len();
        self.read = start..self.at;
        match endpoint(word) {
            Some((host, None)) => self.add(ANY_HOST, Ok(Test::Net(host)), negated),
            Some((host, Some(port))) => {
                // Both must be met or, negated, not both.
                self.add(ANY_HOST, Ok(Test::Net(host)), false)?;
                if negated {
                    self.filter.not_both();
                }
                self.add(ANY_PORT, takes_of(ANY_PORT).read(Input::Text(port)), false)
            }
            None => {
                let field = plain(word)?;
                self.add(field, takes_of(field).read(Input::Text(word)), negated)
            }
        }
    }

    /// Adds a condition with one value.
    fn add(&mut self, field: FieldId, test: Result<Test, FilterError>, negated: bool) -> Result<(), Reason> {
        let added = test.and_then(|test| {
            self.filter.begin(field)?;
            self.filter.value(test, negated)
        });
        added.map_err(|e| Reason::Value(e, field))
    }
}

/// The range of numbers that are beyond `value`.
fn bound(field: FieldId, op: Op, value: &str) -> Result<Test, Reason> {
    let max = takes_of(field).max();
    let number = quantity(value).filter(|&n| n <= max);
    let number = number.ok_or(Reason::Value(FilterError::BadValue, field))?;
    let (low, high) = match op {
        Op::Over => (number.checked_add(1), Some(max)),
        Op::Under => (Some(0), number.checked_sub(1)),
        Op::Most => (Some(0), Some(number)),
        Op::Least | Op::Is | Op::IsNot => (Some(number), Some(max)),
    };
    match (low, high) {
        (Some(low), Some(high)) if low <= high => Ok(Test::Range(low, high)),
        _ => Err(Reason::NothingBeyond),
    }
}

/// The field of a word without one.
fn plain(word: &str) -> Result<FieldId, Reason> {
    if cut(word, b',').is_some() {
        return Err(Reason::BareList);
    }
    let number = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if number && word.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return Ok(ANY_PORT);
    }
    let knows = WORD_FIELDS.into_iter().find(|&field| takes_of(field).words.number(word).is_some());
    knows.ok_or_else(|| Reason::UnknownWord(nearest_word(word)))
}

/// The word that is nearest to one that no field knows.
fn nearest_word(word: &str) -> Option<&'static str> {
    let mut nearest = Nearest::to(word);
    for field in WORD_FIELDS {
        for (known, _) in takes_of(field).words.list() {
            nearest.offer(known);
        }
    }
    nearest.found()
}

/// The field of a name or an alias.
pub(crate) fn field_named(name: &str) -> Option<FieldId> {
    let alias = ALIASES.iter().find(|alias| alias.0 == name);
    FieldId::named(alias.map_or(name, |alias| alias.1))
}

/// Every name that a field may have in a text.
pub(crate) fn known_names() -> impl Iterator<Item = &'static str> {
    let aliases = ALIASES.iter().map(|alias| alias.0);
    aliases.chain(FIELDS.iter().map(|field| field.name))
}
