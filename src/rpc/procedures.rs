//! The table of procedures: name, signatures, help, and what reads the parameters and makes the job.
//!
//! A new procedure is a new row here and, where no job of [`super::jobs`] does it, a new file there.

use super::Ask;
use super::args::{self, Args};
use super::fault::{Code, Fault};
use super::jobs::answer::Answer;
use super::jobs::{
    Job, answer, change, change_matching, explain, kill, kill_matching, login, stats, summary, take_snapshot,
    view,
};
use crate::limits::ARGUMENT_BYTES;
use crate::out::Full;
use crate::stats::TALLY_KINDS;
use crate::syntax::Writer;
use Type::{Array, Boolean, Int, String, Struct};

/// The type of a parameter or a result.
#[derive(Clone, Copy)]
pub enum Type {
    /// An `<array>`.
    Array,
    /// A `<boolean>`.
    Boolean,
    /// An `<int>`.
    Int,
    /// A `<string>`.
    String,
    /// A `<struct>`.
    Struct,
}

impl Type {
    /// XML-RPC's name for it.
    fn name(self) -> &'static str {
        match self {
            Array => "array",
            Boolean => "boolean",
            Int => "int",
            String => "string",
            Struct => "struct",
        }
    }
}

/// One procedure.
pub struct Procedure {
    /// Its name.
    pub name: &'static str,
    /// Its signatures: the type of the result, then those of the parameters.
    pub signatures: &'static [&'static [Type]],
    /// What it does, for people.
    pub help: &'static str,
    /// Reads the parameters and begins.
    pub(super) run: fn(&mut Args<'_>, &mut Ask<'_, '_>) -> Result<Job, Fault>,
}

/// Every procedure.
pub static PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "login",
        signatures: &[&[String, String, String], &[String]],
        help: "login(username, password) -> session id. Without authentication any arguments do, also none.",
        run: login::login,
    },
    Procedure {
        name: "logout",
        signatures: &[&[Boolean, String]],
        help: "logout(session_id) -> True. Ends the session.",
        run: answer::logout,
    },
    Procedure {
        name: "view",
        signatures: &[
            &[Struct, String, Struct, String, String, Int, Int, Struct],
            &[Struct, String, Struct, String, String, Int, Int],
            &[Struct, String, Struct, String, String, Int],
            &[Struct, String, Struct, String, String],
            &[Struct, String, Struct, String],
            &[Struct, String, Struct],
            &[Struct, String],
        ],
        help: "view(session_id, filters={}, order_by=\"\", order_dir=\"ASC\", start=0, length=all, options={}) -> Struct \
               with table, total, count, autorefresh. A length below 0 is all. options: fields, an Array of names.",
        run: view::view,
    },
    Procedure {
        name: "summary",
        signatures: &[
            &[Struct, String, String, Struct, String, String, Int, Int],
            &[Struct, String, String, Struct, String, String, Int],
            &[Struct, String, String, Struct, String, String],
            &[Struct, String, String, Struct, String],
            &[Struct, String, String, Struct],
            &[Struct, String, String],
        ],
        help: "summary(session_id, group_by, filters={}, order_by=\"connections\", order_dir=\"DESC\", start=0, length=all) -> \
               Struct with table, total, matched, exact, count, autorefresh. group_by: orig_src, orig_dst, repl_src, local, \
               remote (each also with a prefix, as orig_src/24), service, orig_l4proto, tcp_state, zone, mark or username. \
               order_by: connections, bytes, packets, rate or key.",
        run: summary::summary,
    },
    Procedure {
        name: "kill",
        signatures: &[&[Int, String, Array], &[Int, String, String], &[Int, String, Int]],
        help: "kill(session_id, connection_ids) -> how many were deleted. An id that is gone is not an error.",
        run: kill::kill,
    },
    Procedure {
        name: "kill_matching",
        signatures: &[&[Int, String, Struct], &[Int, String, Array], &[Int, String, String]],
        help: "kill_matching(session_id, filters) -> how many were deleted. Takes no empty filter.",
        run: kill_matching::kill_matching,
    },
    Procedure {
        name: "change",
        signatures: &[
            &[Boolean, String, String, String, Int],
            &[Boolean, String, String, Int, Int],
            &[Boolean, String, String, String, String],
        ],
        help: "change(session_id, field_name, connection_id, field_value) -> True. field_name is mark (also \"value/mask\") \
               or timeout (seconds; traffic no longer renews it).",
        run: change::change,
    },
    Procedure {
        name: "change_matching",
        signatures: &[
            &[Int, String, String, Struct, Int],
            &[Int, String, String, Struct, String],
            &[Int, String, String, Array, Int],
            &[Int, String, String, Array, String],
            &[Int, String, String, String, Int],
            &[Int, String, String, String, String],
        ],
        help: "change_matching(session_id, field_name, filters, field_value) -> how many were changed. As change, for all that \
               match. Takes no empty filter.",
        run: change_matching::change_matching,
    },
    Procedure {
        name: "refresh",
        signatures: &[&[Boolean, String]],
        help: "refresh(session_id) -> True. With autorefresh off: takes the snapshot anew.",
        run: take_snapshot::refresh,
    },
    Procedure {
        name: "set_autorefresh",
        signatures: &[&[Boolean, String, Int], &[Boolean, String, Boolean]],
        help: "set_autorefresh(session_id, refresh) -> True. 0: views answer from a snapshot taken now; 1: from the kernel.",
        run: take_snapshot::set_autorefresh,
    },
    Procedure {
        name: "stats",
        signatures: &[&[Struct, String]],
        help: "stats(session_id) -> Struct of the kernel's and the daemon's counters.",
        run: stats::stats,
    },
    Procedure {
        name: "explain",
        signatures: &[&[String, Struct], &[String, Array], &[String, String]],
        help: "explain(filters) -> the filter in words, or the fault that it has. Takes no session.",
        run: explain::explain,
    },
    Procedure {
        name: "system.listMethods",
        signatures: &[&[Array]],
        help: "system.listMethods() -> the names of all procedures.",
        run: list_methods,
    },
    Procedure {
        name: "system.methodSignature",
        signatures: &[&[Array, String]],
        help: "system.methodSignature(name) -> Array of signatures: the type of the result, then those of the parameters.",
        run: method_signature,
    },
    Procedure {
        name: "system.methodHelp",
        signatures: &[&[String, String]],
        help: "system.methodHelp(name) -> what the procedure does.",
        run: method_help,
    },
    Procedure {
        name: "system.multicall",
        signatures: &[&[Array, Array]],
        help: "system.multicall(calls) -> Array of results. Each call is a Struct of methodName and params; each result is an \
               Array of one value, or a fault Struct.",
        // The task makes the calls of a multicall: here comes only one that stands inside another.
        run: |_, _| Err(Fault::new(Code::Parameters, format_args!("system.multicall can't call itself"))),
    },
];

/// Finds a procedure by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Procedure> {
    PROCEDURES.iter().find(|p| p.name == name)
}

const _: () = assert!(PROCEDURES.len() < TALLY_KINDS && Code::ALL.len() < TALLY_KINDS, "each is counted");

/// The name of the procedure in this place.
#[cfg(feature = "metrics")]
pub(super) fn name(at: usize) -> Option<&'static str> {
    PROCEDURES.get(at).map(|procedure| procedure.name)
}

/// The place of one of [`PROCEDURES`] among them.
pub(super) fn place(procedure: &Procedure) -> usize {
    PROCEDURES.iter().position(|p| p.name == procedure.name).unwrap_or(PROCEDURES.len())
}

fn list_methods(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    args.end("no parameters")?;
    Ok(Job::Answer(Answer::Put(put_names, 0)))
}

fn put_names(writer: &mut Writer<'_>, _: usize) -> Result<(), Full> {
    writer.array_open()?;
    PROCEDURES.iter().try_for_each(|p| writer.string(p.name.as_bytes()))?;
    writer.array_close()
}

fn method_signature(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    about(args).map(|(at, _)| Job::Answer(Answer::Put(put_signatures, at)))
}

fn put_signatures(writer: &mut Writer<'_>, at: usize) -> Result<(), Full> {
    writer.array_open()?;
    for signature in PROCEDURES.get(at).map_or(&[][..], |p| p.signatures) {
        writer.array_open()?;
        signature.iter().try_for_each(|kind| writer.string(kind.name().as_bytes()))?;
        writer.array_close()?;
    }
    writer.array_close()
}

fn method_help(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    about(args).map(|(_, procedure)| Job::Answer(Answer::Text(procedure.help)))
}

/// The procedure that the one parameter names, and its place in the table.
fn about(args: &mut Args<'_>) -> Result<(usize, &'static Procedure), Fault> {
    let name = args.required("name", "a procedure's name")?;
    args.end("the name of a procedure")?;
    let mut buf = [0; ARGUMENT_BYTES];
    let name = args::string(&name, "name", &mut buf)?;
    PROCEDURES
        .iter()
        .enumerate()
        .find(|(_, p)| p.name == name)
        .ok_or_else(|| Fault::new(Code::NoProcedure, format_args!("there is no procedure \"{name}\"")))
}
