//! The flows that a filter names, for what is done with all of them at once.

use crate::conntrack::flow::{Flow, Tuple};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::uapi::{CTA_TUPLE_REPLY, bit};
use crate::limits::EXPLANATION_BYTES;
use crate::query::context::Context;
use crate::query::filter::Filter;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::xmlrpc::Value;
use heapless::String;

/// The flows that match a filter with at least one condition.
pub(crate) struct Matching {
    filter: Filter,
    /// The reply direction of a connection that is spared: the one that the call came by.
    spared: Option<Tuple>,
}

impl Matching {
    /// The parameter `filters`.
    ///
    /// # Errors
    /// A fault, when it is missing.
    pub(super) fn required<'a>(args: &mut Args<'a>) -> Result<Value<'a>, Fault> {
        args.required("filters", "a Struct of field name to wanted value")
    }

    /// The flows that match `filters`, but for the connection `spared`; `what` would be done with them.
    ///
    /// # Errors
    /// A fault, when the filters can't be read, and when they have no condition.
    pub(super) fn read(filters: Value<'_>, what: &str, spared: Option<Tuple>) -> Result<Self, Fault> {
        let filter = args::filter(Some(filters))?;
        if filter.is_empty() {
            let text = format_args!(
                "parameter filters is empty, which would {what} every connection; name at least one field"
            );
            return Err(Fault::new(Code::Parameters, text));
        }
        Ok(Matching { filter, spared })
    }

    /// The attributes that [`Matching::is_one`] needs, beside those of the context.
    pub(super) fn needs(&self) -> u32 {
        let spared = if self.spared.is_some() { bit(CTA_TUPLE_REPLY) } else { 0 };
        self.filter.needs() | spared
    }

    /// The dumps that hold all of them.
    pub(super) fn kernel_plan(&self) -> KernelPlan {
        self.filter.kernel_plan()
    }

    /// Whether the flow is one of them.
    pub(super) fn is_one(&self, flow: &Flow, context: &Context) -> bool {
        let is_spared = self.spared.is_some_and(|reply| flow.is_answered_by(&reply));
        self.filter.means(flow, context) && !is_spared
    }

    /// The filter in words.
    pub(super) fn words(&self) -> String<EXPLANATION_BYTES> {
        let mut words = String::new();
        self.filter.explain(&mut words);
        words
    }
}
