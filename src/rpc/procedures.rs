//! The table of procedures, one short function each: reads its parameters, and either knows the answer or says what it
//! must wait for.

use super::args::{self, Args};
use super::fault::{Code, Fault};
use super::task::{Answer, Job, Source, Stage, Task, Wanted};
use super::{Engine, World};
use crate::auth::{Peer, Verdict, printable};
use crate::limits::{ARGUMENT_BYTES, BLOCK_ROWS};
use crate::query::page::Page;
use crate::stats::Counter;
use crate::sys::since_ms;
use std::time::Instant;

/// One procedure.
pub struct Procedure {
    /// Its name.
    pub name: &'static str,
    /// Its signatures: the type of the result, then those of the parameters.
    pub signatures: &'static [&'static [&'static str]],
    /// What it does, for people.
    pub help: &'static str,
    /// Reads the parameters and begins.
    pub run: fn(&mut Engine, usize, &mut Args<'_>, &mut World<'_>) -> Result<Stage, Fault>,
}

/// Every procedure.
pub static PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "login",
        signatures: &[&["string", "string", "string"], &["string"]],
        help: "login(username, password) -> session id. Without authentication any arguments do, also none.",
        run: login,
    },
    Procedure {
        name: "logout",
        signatures: &[&["boolean", "string"]],
        help: "logout(session_id) -> True. Ends the session.",
        run: logout,
    },
    Procedure {
        name: "view",
        signatures: &[
            &["struct", "string", "struct", "string", "string", "int", "int", "struct"],
            &["struct", "string", "struct", "string", "string", "int", "int"],
            &["struct", "string", "struct", "string", "string", "int"],
            &["struct", "string", "struct", "string", "string"],
            &["struct", "string", "struct", "string"],
            &["struct", "string", "struct"],
            &["struct", "string"],
        ],
        help: "view(session_id, filters={}, order_by=\"\", order_dir=\"ASC\", start=0, length=all, options={}) -> Struct \
               with table, total, count, autorefresh. A length below 0 is all. options: fields, an Array of names.",
        run: view,
    },
    Procedure {
        name: "kill",
        signatures: &[&["int", "string", "array"], &["int", "string", "string"], &["int", "string", "int"]],
        help: "kill(session_id, connection_ids) -> how many were deleted. An id that is gone is not an error.",
        run: kill,
    },
    Procedure {
        name: "kill_matching",
        signatures: &[&["int", "string", "struct"]],
        help: "kill_matching(session_id, filters) -> how many were deleted. Takes no empty filter.",
        run: kill_matching,
    },
    Procedure {
        name: "change",
        signatures: &[
            &["boolean", "string", "string", "string", "int"],
            &["boolean", "string", "string", "int", "int"],
            &["boolean", "string", "string", "string", "string"],
        ],
        help: "change(session_id, field_name, connection_id, field_value) -> True. field_name is mark (also \"value/mask\") \
               or timeout (seconds; traffic no longer renews it).",
        run: change,
    },
    Procedure {
        name: "refresh",
        signatures: &[&["boolean", "string"]],
        help: "refresh(session_id) -> True. With autorefresh off: takes the snapshot anew.",
        run: refresh,
    },
    Procedure {
        name: "set_autorefresh",
        signatures: &[&["boolean", "string", "int"], &["boolean", "string", "boolean"]],
        help: "set_autorefresh(session_id, refresh) -> True. 0: views answer from a snapshot taken now; 1: from the kernel.",
        run: set_autorefresh,
    },
    Procedure {
        name: "stats",
        signatures: &[&["struct", "string"]],
        help: "stats(session_id) -> Struct of the kernel's and the daemon's counters.",
        run: stats,
    },
    Procedure {
        name: "system.listMethods",
        signatures: &[&["array"]],
        help: "system.listMethods() -> the names of all procedures.",
        run: |_, _, args, _| {
            args.end("no parameters")?;
            Ok(Stage::Answering(Answer::Methods))
        },
    },
    Procedure {
        name: "system.methodSignature",
        signatures: &[&["array", "string"]],
        help: "system.methodSignature(name) -> Array of signatures: the type of the result, then those of the parameters.",
        run: |_, _, args, _| about(args).map(|at| Stage::Answering(Answer::Signature(at))),
    },
    Procedure {
        name: "system.methodHelp",
        signatures: &[&["string", "string"]],
        help: "system.methodHelp(name) -> what the procedure does.",
        run: |_, _, args, _| about(args).map(|at| Stage::Answering(Answer::Help(at))),
    },
    Procedure {
        name: "system.multicall",
        signatures: &[&["array", "array"]],
        help: "system.multicall(calls) -> Array of results. Each call is a Struct of methodName and params; each result is an \
               Array of one value, or a fault Struct.",
        run: |_, _, _, _| {
            Err(Fault::new(Code::Parameters, format_args!("system.multicall can't call itself")))
        },
    },
];

/// Finds a procedure by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Procedure> {
    PROCEDURES.iter().find(|p| p.name == name)
}

/// The place of the procedure that the one parameter names.
fn about(args: &mut Args<'_>) -> Result<usize, Fault> {
    let name = args.required("name", "a procedure's name")?;
    args.end("the name of a procedure")?;
    let mut buf = [0; ARGUMENT_BYTES];
    let name = args::string(&name, "name", &mut buf)?;
    PROCEDURES
        .iter()
        .position(|p| p.name == name)
        .ok_or_else(|| Fault::new(Code::NoProcedure, format_args!("there is no procedure \"{name}\"")))
}

fn login(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    let peer = engine.peer(slot);
    let mut login = crate::auth::Login::anybody();
    if engine.store.needs_password() {
        crate::auth::refresh(&mut engine.store, &mut engine.sessions, crate::auth::Look::Now, world.now_ms);
        let (mut user_buf, mut password_buf) = ([0; ARGUMENT_BYTES], [0; ARGUMENT_BYTES]);
        let user = args.required("username", "a string")?;
        let password = args.required("password", "a string")?;
        args.end("username and password")?;
        let user = args::credential(&user, "username", &mut user_buf)?;
        let password = args::credential(&password, "password", &mut password_buf)?;
        match engine.throttle.check(peer, world.now_ms) {
            Verdict::Go => {}
            Verdict::Wait(wait_ms) => return Ok(Stage::Asleep(world.now_ms + wait_ms)),
            Verdict::Refuse => {
                let text = format_args!("too many wrong logins from this address; try again in a minute");
                return Err(Fault::new(Code::Busy, text));
            }
        }
        login = engine.verify(peer, user, password, world.now_ms)?;
    }
    let mut random = [0; 16];
    (engine.random)(&mut random)
        .map_err(|e| Fault::new(Code::Internal, format_args!("the kernel's random source failed: {e}")))?;
    let id = engine.sessions.open(login, peer, random, world.now_ms).map_err(|_| {
        Fault::new(
            Code::Busy,
            format_args!("all sessions, or this address's share of them, are in use; log out or try again"),
        )
    })?;
    Ok(Stage::Answering(Answer::Session(id)))
}

fn logout(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let id = session_id(args, &mut buf)?;
    args.end("session_id")?;
    let peer = engine.peer(slot);
    engine.sessions.close(id.as_bytes(), peer, world.now_ms).map_err(|_| no_session())?;
    Ok(Stage::Answering(Answer::Bool(true)))
}

fn view(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    let snapshot = engine.snapshot_at_ms.is_some();
    let task = engine.task(slot)?;
    args::filter(args.optional(), &mut task.filter)?;
    let (by, direction) = (args.optional(), args.optional());
    let order = args::order(by, direction)?;
    let start = args::integer(args.optional(), "start", 0)?;
    let start = u64::try_from(start).map_err(|_| Fault::parameter("start", "an integer from 0 on"))?;
    let length = args::integer(args.optional(), "length", -1)?;
    task.fields = args::fields(args.optional())?;
    args.end("session_id, filters, order_by, order_dir, start, length and options")?;
    let page = Page::new(order, start, u64::try_from(length).ok());
    let long = order.is_none() && page.wants() > BLOCK_ROWS;
    task.stream = (start, u64::try_from(length).unwrap_or(u64::MAX), 0);
    (task.job, task.of_snapshot, task.ahead, task.from) = (Job::View, snapshot, false, 0);
    task.page = Some(page);
    Ok(match (snapshot, long) {
        (true, _) => Stage::Waiting(Source::Snapshot),
        (false, true) => Stage::WaitingForStream,
        (false, false) => Stage::Waiting(Source::Kernel),
    })
}

fn kill(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    let task = engine.task(slot)?;
    let ids = args.required("connection_ids", "an Array of connection ids, or a single one")?;
    args.end("session_id and connection_ids")?;
    args::ids(&ids, &mut task.ids)?;
    if task.ids.is_empty() {
        return Ok(Stage::Answering(Answer::Int(0)));
    }
    task.job = Job::Kill;
    Ok(Stage::Waiting(Source::Kernel))
}

fn kill_matching(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    let task = engine.task(slot)?;
    let filters = args.required("filters", "a Struct of field name to wanted value")?;
    args.end("session_id and filters")?;
    args::filter(Some(filters), &mut task.filter)?;
    if task.filter.is_empty() {
        let text = format_args!(
            "parameter filters is empty, which would kill every connection; name at least one field"
        );
        return Err(Fault::new(Code::Parameters, text));
    }
    task.job = Job::KillMatching;
    Ok(Stage::Waiting(Source::Kernel))
}

fn change(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    let mut buf = [0; ARGUMENT_BYTES];
    let takes = "\"mark\" or \"timeout\"";
    let field = args.required("field_name", takes)?;
    let id = args.required("connection_id", "a connection id")?;
    let value = args.required("field_value", "an unsigned 32-bit integer")?;
    args.end("session_id, field_name, connection_id and field_value")?;
    let wanted = match args::string(&field, "field_name", &mut buf)? {
        "mark" => {
            let (value, mask) = args::mark(&value, "field_value")?;
            Wanted::Mark { value, mask }
        }
        "timeout" => Wanted::Timeout(args::word32(&value, "field_value")?),
        other => {
            let text = format_args!("parameter field_name takes {takes}, not \"{other}\"");
            return Err(Fault::new(Code::Field, text));
        }
    };
    let task = engine.task(slot)?;
    task.ids.clear();
    let room = task.ids.push(args::word32(&id, "connection_id")?);
    room.map_err(|_| Fault::new(Code::Internal, format_args!("no room for an id")))?;
    task.job = Job::Change(wanted);
    Ok(Stage::Waiting(Source::Kernel))
}

fn refresh(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    args.end("session_id")?;
    if engine.snapshot_at_ms.is_none() {
        return Ok(Stage::Answering(Answer::Bool(true)));
    }
    engine.take_snapshot(slot, true, world)
}

fn set_autorefresh(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    let refresh = args.required("refresh", "0 or 1")?;
    args.end("session_id and refresh")?;
    if !args::flag(&refresh, "refresh")? {
        return engine.take_snapshot(slot, false, world);
    }
    engine.drop_snapshot();
    Ok(Stage::Answering(Answer::Bool(true)))
}

fn stats(
    engine: &mut Engine,
    slot: usize,
    args: &mut Args<'_>,
    world: &mut World<'_>,
) -> Result<Stage, Fault> {
    engine.check_session(slot, args, world)?;
    args.end("session_id")?;
    engine.stats.kernel = world.kernel.cpu_stats()?;
    engine.stats.table = world.kernel.count()?;
    Ok(Stage::Answering(Answer::Stats))
}

/// Reads the session id, the first parameter of nearly every procedure.
fn session_id<'b>(args: &mut Args<'_>, buf: &'b mut [u8; ARGUMENT_BYTES]) -> Result<&'b str, Fault> {
    let id = args.required("session_id", "the string that login returned")?;
    let id = id
        .as_scalar_text()
        .ok_or_else(|| Fault::parameter("session_id", "the string that login returned"))?;
    // What is too long for the buffer is no session's id.
    id.copy_to(buf).map_err(|_| no_session())
}

fn no_session() -> Fault {
    Fault::new(Code::Session, format_args!("the session is unknown or has expired: call login first"))
}

impl Engine {
    fn peer(&self, slot: usize) -> Peer {
        self.tasks.get(slot).and_then(|t| t.peer).unwrap_or(Peer::Unix)
    }

    fn task(&mut self, slot: usize) -> Result<&mut Task, Fault> {
        let lost = || Fault::new(Code::Internal, format_args!("the client has no slot"));
        let task = self.tasks.get_mut(slot).ok_or_else(lost)?;
        (task.killed, task.refused, task.found, task.failure) = (0, (0, None), (0, None), None);
        Ok(task)
    }

    /// Renews the session that the first parameter names.
    fn check_session(&mut self, slot: usize, args: &mut Args<'_>, world: &World<'_>) -> Result<(), Fault> {
        let mut buf = [0; ARGUMENT_BYTES];
        let id = session_id(args, &mut buf)?;
        let peer = self.peer(slot);
        self.sessions.touch(id.as_bytes(), peer, world.now_ms).map_err(|_| no_session())?;
        Ok(())
    }

    /// Compares the password, counts what comes of it, and says no with one sentence whatever was wrong.
    fn verify(
        &mut self,
        peer: Peer,
        user: &[u8],
        password: &[u8],
        now_ms: u64,
    ) -> Result<crate::auth::Login, Fault> {
        let began = Instant::now();
        let check = self.store.begin(peer, user, password, now_ms);
        let cost_ms = since_ms(began);
        self.throttle.hashed(cost_ms, now_ms);
        if let crate::auth::Check::Right(login) = check {
            self.throttle.succeeded(peer, now_ms);
            return Ok(login);
        }
        self.stats.add(Counter::LoginsRefused);
        let report = self.throttle.failed(peer, now_ms);
        if report.log {
            let user = printable(user);
            let more = report.untold;
            crate::log::warn(format_args!(
                "wrong login as \"{user}\" from {peer}, {more} more since the last such line"
            ));
        }
        Err(Fault::new(Code::Login, format_args!("wrong user name or password")))
    }
}
