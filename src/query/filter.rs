//! What must match: a conjunction of conditions on fields, in fixed memory.
//!
//! A condition has one or more elements, any of which will do. An element is one value or a list, any of which will do,
//! or the complement of such: all flows that it does not match, those without the field included. A value is an
//! equality, a range (`"1024-2048"`, `"1024-"`, `"10.0.0.5-10.0.0.9"`), bits under a mask (`"0x100/0xff00"`), a network
//! (`"192.0.2.0/24"`), a word (`"tcp"`) or a text.
//!
//! | file | subject |
//! |---|---|
//! | `value` | one wanted value |
//! | [`text`] | filters as text, as people type them |
//! | `explain` | filters in words |
//! | `kernel` | what the kernel can judge |

mod explain;
mod kernel;
pub mod text;
mod value;

pub(crate) use value::{masked, unsigned, word};

use super::context::Context;
use super::field::{FieldId, FieldKind, RATES};
use super::net::cut;
use crate::conntrack::flow::Flow;
use crate::limits::{ALTERNATIVES, ALTERNATIVES_A_FIELD, CONDITIONS, FILTER_TEXT_BYTES};
use core::fmt;
use heapless::Vec;
use value::{Takes, Test};

/// A wanted value as a client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

/// Why a filter can't be had.
// The enum takes a whole word, so that a result which holds it is copied word by word.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// The value is none that the field takes: [`takes`] says what would be.
    BadValue,
    /// A bit of the value is outside its mask, so that nothing could match.
    OutsideMask,
    /// No wanted value at all: an empty Array.
    Empty,
    /// More wanted values for one field than [`ALTERNATIVES_A_FIELD`].
    TooManyForField,
    /// More than [`CONDITIONS`] fields, [`ALTERNATIVES`] values or [`FILTER_TEXT_BYTES`] of text.
    TooLarge,
}

/// What a filter on `field` takes, as a part of a sentence.
#[must_use]
pub(crate) fn takes(field: FieldId) -> impl fmt::Display {
    takes_of(field)
}

fn takes_of(field: FieldId) -> Takes {
    let field = field.field();
    Takes { kind: field.kind, words: field.words, versions: false }
}

/// One wanted value. Those of an element stand one behind the other.
#[derive(Clone, Copy, Debug)]
struct Alternative {
    /// The element wants none of its values rather than any.
    negated: bool,
    /// It belongs to the element of the value before.
    joins: bool,
    test: Test,
}

#[derive(Clone, Copy, Debug)]
struct Condition {
    field: FieldId,
    /// The first of its alternatives, and how many there are.
    first: u8,
    count: u8,
    elements: u8,
    /// It and the next condition must not both be met, in place of each being met.
    not_both: bool,
}

/// Conditions that a flow must meet, all of them. The empty filter matches every flow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    conditions: Vec<Condition, CONDITIONS>,
    alternatives: Vec<Alternative, ALTERNATIVES>,
    text: Vec<u8, FILTER_TEXT_BYTES>,
    needs: u32,
    /// Whether the next value belongs to the element of the last one.
    joins: bool,
}

impl Filter {
    /// A filter that matches every flow.
    #[must_use]
    pub const fn new() -> Self {
        Filter { conditions: Vec::new(), alternatives: Vec::new(), text: Vec::new(), needs: 0, joins: false }
    }

    /// Whether it matches every flow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The attributes that a flow must be read with to be judged.
    #[must_use]
    pub fn needs(&self) -> u32 {
        self.needs
    }

    /// Adds a condition on `field`; [`Filter::or`] then adds its elements. Conditions on one field all count.
    ///
    /// # Errors
    /// [`FilterError::TooLarge`].
    pub fn condition(&mut self, field: FieldId) -> Result<(), FilterError> {
        let first = self.alternatives.len() as u8;
        self.needs |= field.field().needs;
        let condition = Condition { field, first, count: 0, elements: 0, not_both: false };
        self.conditions.push(condition).map_err(|_| FilterError::TooLarge)
    }

    /// Adds an element to the condition that was added last: a flow that meets any of them meets the condition.
    ///
    /// An element is a number, or a text: one value or, where the field is no text, several with commas between them, any
    /// of which will do; and a `!` in front makes it its complement, which flows without the field meet as well.
    ///
    /// # Errors
    /// [`FilterError`], when a value can't be read or there is no room. The filter is then of no use.
    pub fn or(&mut self, input: Input<'_>) -> Result<(), FilterError> {
        let field = self.conditions.last().ok_or(FilterError::Empty)?.field;
        let takes = takes_of(field);
        self.element()?;
        let Input::Text(text) = input else {
            return self.value(takes.read(input)?, false);
        };
        let (negated, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        if takes.kind.is_text() {
            let test = self.keep(takes.kind, text)?;
            return self.value(test, negated);
        }
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (value, behind) =
                cut(text, b',').map_or((text, None), |(value, behind)| (value, Some(behind)));
            self.value(takes.read(Input::Text(value))?, negated)?;
            rest = behind;
        }
        Ok(())
    }

    /// Adds a condition on `field` and begins an element.
    fn begin(&mut self, field: FieldId) -> Result<(), FilterError> {
        self.condition(field)?;
        self.element()
    }

    /// Makes the condition that was added last and the one that comes next such that not both may be met.
    fn not_both(&mut self) {
        if let Some(condition) = self.conditions.last_mut() {
            condition.not_both = true;
        }
    }

    /// Begins an element of the condition that was added last.
    fn element(&mut self) -> Result<(), FilterError> {
        let condition = self.conditions.last_mut().ok_or(FilterError::Empty)?;
        if usize::from(condition.elements) == ALTERNATIVES_A_FIELD {
            return Err(FilterError::TooManyForField);
        }
        condition.elements += 1;
        self.joins = false;
        Ok(())
    }

    /// Adds a value to the element that was begun last.
    fn value(&mut self, test: Test, negated: bool) -> Result<(), FilterError> {
        let condition = self.conditions.last_mut().ok_or(FilterError::Empty)?;
        let alternative = Alternative { negated, joins: self.joins, test };
        self.alternatives.push(alternative).map_err(|_| FilterError::TooLarge)?;
        condition.count += 1;
        self.joins = true;
        Ok(())
    }

    /// Checks that the condition that was added last has a wanted value.
    ///
    /// # Errors
    /// [`FilterError::Empty`].
    pub fn close(&self) -> Result<(), FilterError> {
        match self.conditions.last() {
            Some(condition) if condition.count == 0 => Err(FilterError::Empty),
            _ => Ok(()),
        }
    }

    /// Keeps a wanted text of a field of this kind. Every name has an empty part: who gives one has left something out.
    fn keep(&mut self, kind: FieldKind, text: &str) -> Result<Test, FilterError> {
        let (start, len) = (self.text.len() as u16, text.len() as u16);
        self.text.extend_from_slice(text.as_bytes()).map_err(|_| FilterError::TooLarge)?;
        match kind {
            FieldKind::Part if len == 0 => Err(FilterError::BadValue),
            FieldKind::Part => Ok(Test::Part { start, len }),
            _ => Ok(Test::Text { start, len }),
        }
    }

    /// Whether the flow, read with at least [`Filter::needs`], meets every condition.
    #[must_use]
    #[inline]
    pub fn matches(&self, flow: &Flow, context: &Context) -> bool {
        let mut conditions = self.conditions.iter();
        while let Some(condition) = conditions.next() {
            let met = self.meets(condition, flow, context);
            let met = if condition.not_both {
                let other = conditions.next();
                !(met && other.is_some_and(|other| self.meets(other, flow, context)))
            } else {
                met
            };
            if !met {
                return false;
            }
        }
        true
    }

    /// Whether the flow is one to be shown or acted upon: it is not hidden, and meets every condition. It must have been read
    /// with [`Filter::needs`] and [`Context::needs`].
    #[must_use]
    #[inline]
    pub fn admits(&self, flow: &Flow, context: &Context) -> bool {
        !context.hides(flow) && self.matches(flow, context)
    }

    /// As [`Filter::admits`], for what is not done by guess: where the filter asks for rates, a flow whose rate is not known is
    /// none. A view's negation holds for it, but here it could be a fast flow that is taken for a slow one.
    #[must_use]
    pub(crate) fn means(&self, flow: &Flow, context: &Context) -> bool {
        let is_unknown = self.needs() & RATES != 0 && flow.rates.is_none();
        !is_unknown && self.admits(flow, context)
    }

    /// Whether the flow meets an element of the condition.
    fn meets(&self, condition: &Condition, flow: &Flow, context: &Context) -> bool {
        let values = condition.field.field().values(flow, context);
        // The element is negated, and none of its values has been found so far.
        let mut none_found = false;
        for wanted in self.wanted(condition) {
            if !wanted.joins {
                if none_found {
                    return true;
                }
                none_found = wanted.negated;
            }
            if values.iter().flatten().any(|&value| wanted.test.passes(value, &self.text)) {
                if !wanted.negated {
                    return true;
                }
                none_found = false;
            }
        }
        none_found
    }

    fn wanted(&self, condition: &Condition) -> &[Alternative] {
        let first = usize::from(condition.first);
        let range = first..first + usize::from(condition.count);
        self.alternatives.get(range).unwrap_or(&[])
    }
}
