//! A filter in words, so that users see what it matches before they kill that.

use super::value::{Takes, Test, wanted_text};
use super::{Alternative, Condition, Filter, takes_of};
use crate::cut::Cut;
use crate::query::field::{Field, FieldKind};
use crate::query::part::KernelPart;
use crate::query::words::Words;
use core::fmt::{self, Write};
use heapless::string::StringView;

impl Filter {
    /// Puts the filter in words into `out`, as "TCP, from 192.168.1.0/24, to port 443, not from 192.168.1.15". What does
    /// not fit is cut, and then the text ends in "…".
    pub fn explain(&self, out: &mut StringView) {
        out.clear();
        let mut cut = Cut(out);
        // The writer fails where it has cut, which ends the sentence.
        let _ = self.write_words(&mut cut);
    }

    fn write_words(&self, out: &mut Cut<'_>) -> fmt::Result {
        if self.is_empty() {
            return out.write_str("every connection");
        }
        let mut before = "";
        for condition in &self.conditions {
            out.write_str(before)?;
            if condition.not_both {
                out.write_str("not both ")?;
            }
            self.write_condition(condition, out)?;
            before = if condition.not_both { " and " } else { ", " };
        }
        Ok(())
    }

    fn write_condition(&self, condition: &Condition, out: &mut Cut<'_>) -> fmt::Result {
        let field = condition.field.field();
        let takes = takes_of(condition.field);
        let wanted = self.wanted(condition);
        for (at, value) in wanted.iter().enumerate() {
            let first = at == 0;
            let list = wanted.get(at + 1).is_some_and(|next| next.joins);
            let names = name_is_enough(field) && takes.name(&value.test).is_some();
            out.write_str(match (first, value) {
                (true, Alternative { negated: false, .. }) => "",
                (_, Alternative { negated: true, joins: true, .. }) => " nor ",
                (false, Alternative { negated: false, .. }) => " or ",
                (true, _) if list => "neither ",
                (true, _) => "not ",
                (false, _) if list => " or neither ",
                (false, _) => " or not ",
            })?;
            // Within a list the field is not said again, unless a word said it.
            if !names && (!value.joins || name_is_enough(field)) {
                out.write_str(phrase(field))?;
                out.write_char(' ')?;
            }
            self.write_value(field, &takes, &value.test, out)?;
        }
        Ok(())
    }

    fn write_value(&self, field: &Field, takes: &Takes, test: &Test, out: &mut Cut<'_>) -> fmt::Result {
        // A port's service may be another one than its number is known for.
        if let Some(name) = takes.name(test).filter(|_| takes.words != Words::Service) {
            return out.write_str(name);
        }
        match *test {
            Test::Range(low, high) if low == high && field.kind == FieldKind::Bits => write_bits(low, out),
            Test::Range(low, high) => {
                write!(out, "{low}")?;
                match high {
                    _ if low == high => Ok(()),
                    _ if high == takes.max() => out.write_str(" or more"),
                    _ => write!(out, "-{high}"),
                }
            }
            Test::Masked(bits, mask) => {
                write_bits(bits.into(), out)?;
                out.write_char('/')?;
                write_bits(mask.into(), out)
            }
            Test::AnyBit(mask) => {
                out.write_str("any of ")?;
                write_bits(mask.into(), out)
            }
            Test::Net(net) => write!(out, "{net}"),
            Test::End(net, port) => write!(out, "{net} port {port}"),
            Test::Text { start, len } | Test::Part { start, len } => {
                let text = wanted_text(&self.text, start, len).unwrap_or(&[]);
                write_quoted(core::str::from_utf8(text).unwrap_or(""), out)
            }
        }
    }
}

/// Writes bits of a mark or a status.
#[inline(never)]
fn write_bits(bits: u64, out: &mut Cut<'_>) -> fmt::Result {
    write!(out, "{bits:#x}")
}

/// Writes a text in quotes. A character that would move a terminal's cursor, or look like the end of the text in a log, is
/// written as its number.
fn write_quoted(text: &str, out: &mut Cut<'_>) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        if c.is_control() || matches!(c, '"' | '\\') {
            write!(out, "\\u{{{:x}}}", u32::from(c))?;
        } else {
            out.write_char(c)?;
        }
    }
    out.write_char('"')
}

/// Whether a word for a value of the field says by itself what field it is of.
fn name_is_enough(field: &Field) -> bool {
    !matches!(field.words, Words::None | Words::Service | Words::Nat) && field.kernel != KernelPart::ReplProto
}

/// What stands before a value of the field.
fn phrase(field: &Field) -> &'static str {
    match field.kernel {
        KernelPart::OrigSrc => "from",
        KernelPart::OrigDst => "to",
        KernelPart::ReplSrc => "answered from",
        KernelPart::ReplDst => "answered to",
        KernelPart::OrigSrcPort => "from port",
        KernelPart::OrigDstPort => "to port",
        KernelPart::ReplSrcPort => "answered from port",
        KernelPart::ReplDstPort => "answered to port",
        _ if field.kind == FieldKind::Part => "name with",
        _ => field.name,
    }
}
