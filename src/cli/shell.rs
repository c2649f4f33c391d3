//! The command lines of what the program does at the shell, each with a help of its own.
//!
//! Options come in any order and before two dashes; what stands behind these is never an option. So a script that puts them
//! before what others have given it can't be made to do something else.

use super::Command;
use super::line::{CALL, KILL, LIST, Line, SUMMARY, TOP};
use crate::client::call::{self, Password};
use crate::client::groups::group_by;
use crate::client::{self, Known};
use crate::client::{kill, list, summary, top};
use crate::limits::TOP_ROWS;
use crate::query::filter::unsigned;
use crate::query::summary::By;
use std::path::Path;

/// What `rctd --help` says of these commands, a line each.
pub(super) const COMMANDS: &str = "
At the shell, each with a --help of its own:
  rctd list [FILTER...]             list connections: filtered, sorted, as JSON
  rctd summary --by GROUP [FILTER]  add them up by host, network, service, state
  rctd top [FILTER...]              the busiest, drawn anew every second
  rctd kill FILTER...               end those that match, after asking
  rctd call METHOD [ARGUMENT...]    call a procedure of a daemon; prints JSON
";

const LIST_HELP: &str = "\
rctd list lists the connections that the kernel keeps track of.

Usage: rctd list [OPTIONS] [--] [FILTER...]

A FILTER is a word (an address, network, port, protocol, state, service or flag)
or FIELD:VALUE; all must match: tcp src:192.168.1.0/24 dport:80,443 'bytes>1M'.
\"not\" before one takes what does not match, as does a ! where the shell leaves
it alone. docs/API.md has all fields.

Options:
  -s, --sort FIELD                  sort by FIELD: by bytes, packets or rate the
                                    largest first, otherwise the smallest
  -r, --reverse                     the other way round
  -n, --limit N                     N connections at most
      --start N                     pass over the first N
  -o, --fields A,B,...              these columns: proto, state, source,
                                    destination, ends, or any field
      --hosts FILE, --leases FILE   where names of hosts are; repeatable
      --json                        an object of JSON a line, with the fields of
                                    --fields, or all but rates
      --bytes                       exact numbers, without units; rates in bytes
                                    a second
      --no-header                   no line of headings
  -h, --help                        print this

What is not known is \"-\", and no cell has a space in it. A rate takes two
readings, a second apart. On a terminal lines are cut at its width, and a last
line tells how many connections there are.
";

const SUMMARY_HELP: &str = "\
rctd summary puts connections together in groups, and adds up what they carry.

Usage: rctd summary --by GROUP [OPTIONS] [--] [FILTER...]

A GROUP is local or remote (the ends inside and outside of --lan), orig_src,
orig_dst or repl_src, each also by network as orig_src/24; service, orig_l4proto,
tcp_state, zone or mark. Filters are those of rctd list.

Options:
      --by GROUP                    what they are put together by
      --lan NETWORK                 what is inside; repeatable
                                    [default: private and link-local networks]
      --hosts FILE, --leases FILE   where names of hosts are; repeatable
  -s, --sort ORDER                  by connections, bytes, packets or rate, the
                                    largest first, or by key
                                    [default: connections]
  -r, --reverse                     the other way round
  -n, --limit N                     N groups at most
      --start N                     pass over the first N
      --json                        an object of JSON a line
      --bytes                       exact numbers, without units; rates in bytes
                                    a second
      --no-header                   no line of headings
  -h, --help                        print this

Rates are shown where they are sorted or filtered by: they take two readings, a
second apart.
";

const TOP_HELP: &str = "\
rctd top shows the busiest connections, and draws them anew every second.

Usage: rctd top [OPTIONS] [--] [FILTER...]

Filters are those of rctd list. Keys: / types another filter, s sorts by the
next column and S in the other direction, g goes on to local hosts, remote hosts
and services, the arrows select a row, k kills what is selected after asking,
the space bar pauses, ? explains all keys, q quits.

Options:
  -d, --delay SECONDS               draw every SECONDS, 1-3600 [default: 1]
      --lan NETWORK                 what is inside; repeatable
                                    [default: private and link-local networks]
      --hosts FILE, --leases FILE   where names of hosts are; repeatable
      --batch                       print tables, in place of a screen
  -n, --times N                     with --batch: N tables [default: no end]
      --limit N                     with --batch: N rows each [default: 20]
  -h, --help                        print this
";

const KILL_HELP: &str = "\
rctd kill ends connections: it deletes their entries from the kernel's table.

Usage: rctd kill [OPTIONS] [--] FILTER...
       rctd kill [OPTIONS] --id ID...

Filters are those of rctd list, and one is needed. First it says how many
connections match, and what the filter was taken for; then it asks. The ssh
connection that the command is typed over is left out, unless its id is given.

Options:
      --id                          the words are ids of connections, as
                                    rctd list -o id shows them
      --yes                         don't ask; needed where there is no terminal
      --hosts FILE, --leases FILE   where names of hosts are; repeatable
  -h, --help                        print this

It ends with 0 when all of them are gone, 1 when the kernel kept some, and 2
after a wrong command line.
";

const CALL_HELP: &str = "\
rctd call logs in to a daemon, calls one procedure, logs out, and prints what
the procedure returns as JSON.

Usage: rctd call [OPTIONS] [--] METHOD [ARGUMENT...]

Each ARGUMENT is sent as a string, in which form procedures take numbers,
filters and lists of ids as well; the session comes before them by itself.
A last ARGUMENT fields=A,B,... asks view for these fields alone.
\"rctd call system.listMethods\" lists the procedures. What stands behind two
dashes is never an option: a script puts them before what others gave it.

Options:
      --connect unix:PATH|http://ADDRESS:PORT
                                    where the daemon listens
                                    [default: http://127.0.0.1:8000]
      --user NAME                   log in as NAME; the password is asked for on
                                    the terminal
      --password-file FILE          it is the first line of FILE
      --password-stdin              it is the first line of the standard input
  -h, --help                        print this

It ends with 0 when the call is done, 1 when it could not be made, 2 after a
wrong command line, and 3 when the daemon answers with a fault.
";

/// A command: whose its options are, its name and its help.
type Row = (u8, &'static str, [&'static str; 1]);

static ROWS: [Row; 5] = [
    (LIST, "list", [LIST_HELP]),
    (SUMMARY, "summary", [SUMMARY_HELP]),
    (TOP, "top", [TOP_HELP]),
    (KILL, "kill", [KILL_HELP]),
    (CALL, "call", [CALL_HELP]),
];

/// The command of this name.
pub(super) fn command(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.1 == name)
}

/// Reads the arguments behind the command's name.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub(super) fn parse(row: &'static Row, args: &[&'static str], is_help: bool) -> Result<Command, String> {
    let (of, name, help) = row;
    if is_help {
        return Ok(Command::Print(help));
    }
    let line = Line::read(*of, name, args)?;
    Ok(Command::Shell(match *of {
        LIST => client::Command::List(list(line)?),
        SUMMARY => client::Command::Summary(summary(line)?),
        TOP => client::Command::Top(top(line)?),
        KILL => client::Command::Kill(kill(line)?),
        _ => client::Command::Call(call(line)?),
    }))
}

/// What is known of the network.
fn known(line: &mut Line, known: &mut Known) -> Result<(), String> {
    for (name, is_leases) in super::NAME_OPTIONS {
        super::names(line, name, is_leases, &mut known.names)?;
    }
    // The commands that do not tell what is inside have no option for it.
    super::lan(line, &mut known.lan)
}

/// The words as one filter.
fn filter(line: &Line) -> Result<String, String> {
    Ok(line.words()?.join(" "))
}

/// What is wrong with what an option takes.
fn about(option: &str, wrong: String) -> String {
    [option, ": ", &wrong].concat()
}

fn list(line: &mut Line) -> Result<&'static list::Options, String> {
    let options = Box::leak(Box::<list::Options>::default());
    if let Some(name) = line.value("--sort") {
        options.set_sort(name).map_err(|wrong| about("--sort", wrong))?;
    }
    if let Some(names) = line.value("--fields") {
        options.set_columns(names).map_err(|wrong| about("--fields", wrong))?;
    }
    shown(line, options)?;
    Ok(options)
}

/// What list and summary have in common.
fn shown(line: &mut Line, options: &mut list::Options) -> Result<(), String> {
    options.limit = line.count("--limit")?;
    options.start = line.count("--start")?.unwrap_or(0);
    options.reverse = line.flag("--reverse");
    options.json = line.flag("--json");
    options.exact = line.flag("--bytes");
    options.no_header = line.flag("--no-header");
    known(line, &mut options.known)?;
    options.filter = filter(line)?;
    Ok(())
}

fn summary(line: &mut Line) -> Result<&'static summary::Options, String> {
    let by = line.value("--by").ok_or("rctd summary takes --by GROUP, for instance --by local")?;
    let by = group_by(by).map_err(|wrong| about("--by", wrong))?;
    let options = summary::Options { by, sort: By::Connections, list: list::Options::default() };
    let options = Box::leak(Box::new(options));
    if let Some(name) = line.value("--sort") {
        options.set_sort(name).map_err(|wrong| about("--sort", wrong))?;
    }
    shown(line, &mut options.list)?;
    Ok(options)
}

fn top(line: &mut Line) -> Result<&'static top::Options, String> {
    let options = Box::leak(Box::<top::Options>::default());
    options.delay_s = line.count("--delay")?.unwrap_or(1);
    if !(1..=3600).contains(&options.delay_s) {
        return Err("--delay takes seconds from 1 to 3600: a rate takes a second".to_owned());
    }
    options.times = line.count("--times")?;
    let limit = line.count("--limit")?.unwrap_or(20);
    options.batch = line.flag("--batch");
    known(line, &mut options.known)?;
    if options.times.is_some() && !options.batch {
        return Err("--times goes with --batch".to_owned());
    }
    if !(1..=TOP_ROWS as u64).contains(&limit) {
        return Err(format!("--limit takes a number from 1 to {TOP_ROWS}"));
    }
    options.limit = limit as usize;
    options.filter = filter(line)?;
    Ok(options)
}

fn kill(line: &mut Line) -> Result<&'static kill::Options, String> {
    let options = Box::leak(Box::<kill::Options>::default());
    options.yes = line.flag("--yes");
    let by_id = line.flag("--id");
    known(line, &mut options.known)?;
    if !by_id {
        options.filter = filter(line)?;
        return Ok(options);
    }
    for word in line.words()? {
        let id = unsigned(word).and_then(|id| u32::try_from(id).ok());
        options.ids.push(
            id.ok_or_else(|| format!("--id takes ids of connections, which are numbers, not \"{word}\""))?,
        );
    }
    if options.ids.is_empty() { Err("--id takes ids of connections".to_owned()) } else { Ok(options) }
}

fn call(line: &mut Line) -> Result<&'static call::Options, String> {
    let place = line.value("--connect").unwrap_or(call::DEFAULT_PLACE);
    let place = call::Place::parse(place).ok_or_else(|| {
        format!("--connect takes unix:PATH or http://ADDRESS:PORT, where ADDRESS is a number or localhost, not \"{place}\"")
    })?;
    let user = line.value("--user");
    let file = line.value("--password-file");
    let password = match (file, line.flag("--password-stdin")) {
        (None, false) => None,
        (Some(file), false) => Some(Password::File(Path::new(file))),
        (None, true) => Some(Password::Stdin),
        (Some(_), true) => {
            return Err("--password-file and --password-stdin: one of them is enough".to_owned());
        }
    };
    let user = match (user, password) {
        (None, Some(_)) => return Err("a password goes with --user NAME".to_owned()),
        (user, password) => user.map(|name| (name, password.unwrap_or(Password::Ask))),
    };
    let (method, arguments) = line
        .words()?
        .split_first()
        .ok_or("rctd call takes a procedure: rctd call [OPTIONS] [--] METHOD [ARGUMENT...]")?;
    Ok(Box::leak(Box::new(call::Options { place, user, method, arguments })))
}
