//! `change`: sets the mark or the timeout of one flow.

use super::Job;
use super::wanted::{Outcome, Wanted};
use crate::auth::{Who, audit};
use crate::conntrack::target::{TARGET, Target};
use crate::out::Full;
use crate::query::page::Candidate;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::{Offered, Source, Wait, Work};
use crate::rpc::{Ask, Shared, World};
use crate::syntax::Writer;

/// A change of the flow with a given id.
pub(crate) struct Changing {
    id: u32,
    who: Who,
    wanted: Wanted,
    /// The first flow that has the id, and how many have it.
    target: Option<Target>,
    found: u32,
}

/// Reads the parameters.
pub(crate) fn change(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let field = Wanted::required_field(args)?;
    let id = args.required("connection_id", "a connection id")?;
    let value = Wanted::required_value(args)?;
    args.end("session_id, field_name, connection_id and field_value")?;
    let wanted = Wanted::read(&field, &value)?;
    let id = args::word32(&id, "connection_id")?;
    Ok(Job::Change(Changing { id, who: ask.who()?, wanted, target: None, found: 0 }))
}

impl Work for Changing {
    fn waits_for(&self) -> Wait {
        Wait::Scan(Source::Kernel)
    }

    fn needs(&self) -> u32 {
        TARGET
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, _: &mut Shared) -> Result<(), Fault> {
        let flow = offered.entry.flow();
        let target = Target::of(flow).filter(|target| target.id() == self.id);
        // The kernel may give an entry twice in one dump.
        if target.is_some() && target != self.target {
            self.found += 1;
            self.target = self.target.or(target);
        }
        Ok(())
    }

    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        let target = self.target.ok_or_else(|| no_connection(self.id))?;
        if self.found > 1 {
            let text = format_args!(
                "{} connections share this id (ids are 32-bit hashes), so which one is meant can't be told; nothing was changed",
                self.found
            );
            return Err(Fault::new(Code::NoConnection, text));
        }
        match self.wanted.apply(&target, &|_, _| true, world.kernel, shared)? {
            Outcome::Gone => return Err(no_connection(self.id)),
            Outcome::Changed(after) => self.wanted.tell_longest(&after),
            Outcome::Ended => {}
        }
        audit::changed(&self.who, self.id, format_args!("{}", self.wanted));
        Ok(Wait::Nothing)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.boolean(true)
    }
}

fn no_connection(id: u32) -> Fault {
    Fault::new(Code::NoConnection, format_args!("there is no connection with the id {id} (any more)"))
}
