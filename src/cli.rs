//! The command line: the only user of pico-args. What is not understood is an error, never ignored.

use crate::auth::Backend;
use crate::auth::file::check_name;
use crate::config::{Config, Listen};
use crate::http::Policy;
use crate::limits::{IGNORED_NETS, LISTENERS, MOST_SNAPSHOT_FLOWS};
use crate::log::Level;
use crate::query::filter::unsigned;
use crate::query::net::Net;
use crate::sys;
use crate::xmlrpc::encode::WideInts;
use heapless::Vec;
use pico_args::Arguments;
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
rctd serves the netfilter connection-tracking table over XML-RPC.

Usage: rctd [OPTIONS]
       rctd passwd FILE USER [--stdin] [--delete]

Options:
  -l, --listen ADDR:PORT|unix:PATH  where to listen; repeatable
                                    [default: 127.0.0.1:8000]
      --auth none|file:PATH|shadow[:PATH]
                                    who may log in [default: none]
      --allow-user USER             with --auth shadow, who may log in;
                                    repeatable [default: root]
      --insecure-no-auth            listen beyond loopback although anybody may
                                    log in
      --allow-host NAME             a further name accepted in Host; repeatable
      --session-timeout SECONDS     how long a session lasts without a call,
                                    1-86400 [default: 10]
      --wide-ints double|i8|string  what integers beyond 32 signed bits become
                                    [default: double]
      --ignore NETWORK              hide flows from or to ADDR or ADDR/BITS;
                                    repeatable
      --hide-time-wait              hide TCP connections in TIME_WAIT
      --uid-mask MASK               which bits of the mark are a user's number,
                                    decimal or 0x hex
      --passwd-file PATH            where users' names are
                                    [default: /etc/passwd]
      --snapshot-flows N            connections that a snapshot holds,
                                    1-1048576 [default: 16384]
      --user USER                   become USER once the sockets are open and
                                    keep CAP_NET_ADMIN alone
      --log-level error|warn|info|debug
                                    what goes to stderr [default: info]
  -V, --version                     print the version
  -h, --help                        print this

rctd passwd sets USER's password in FILE, asking for it twice, or reading it
from standard input with --stdin; with --delete it removes USER.
";

/// What to do.
#[derive(Debug)]
pub enum Command {
    /// Serve.
    Run(Box<Config>),
    /// Print this text and stop.
    Print(String),
    /// Change a password file.
    Passwd {
        /// The file.
        file: PathBuf,
        /// The user.
        user: String,
        /// Read the password from standard input.
        stdin: bool,
        /// Remove the user.
        delete: bool,
    },
}

/// Reads the arguments, without the program's name.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub fn parse(args: std::vec::Vec<OsString>) -> Result<Command, String> {
    let mut args = Arguments::from_vec(args);
    if args.contains(["-h", "--help"]) {
        return Ok(Command::Print(HELP.to_owned()));
    }
    if args.contains(["-V", "--version"]) {
        return Ok(Command::Print(format!("rctd {}\n", env!("CARGO_PKG_VERSION"))));
    }
    match args.subcommand().map_err(|e| e.to_string())?.as_deref() {
        None => run(args).map(|config| Command::Run(Box::new(config))),
        Some("passwd") => passwd(args),
        Some(other) => Err(format!("there is no command \"{other}\"; there is only \"passwd\"")),
    }
}

fn passwd(mut args: Arguments) -> Result<Command, String> {
    let usage = |_| "usage: rctd passwd FILE USER [--stdin] [--delete]".to_owned();
    let (stdin, delete) = (args.contains("--stdin"), args.contains("--delete"));
    let file: PathBuf = args.free_from_os_str(path).map_err(usage)?;
    let user: String = args.free_from_str().map_err(usage)?;
    no_rest(args)?;
    Ok(Command::Passwd { file, user, stdin, delete })
}

fn run(mut args: Arguments) -> Result<Config, String> {
    let config = Config {
        listen: listen(&mut args)?,
        auth: auth(&mut args)?,
        insecure_no_auth: args.contains("--insecure-no-auth"),
        policy: policy(&mut args)?,
        session_timeout_s: number(&mut args, "--session-timeout", 1..=86_400, 10)?,
        wide_ints: choice(&mut args, "--wide-ints", "double, i8 or string", |v| match v {
            "double" => Some(WideInts::Double),
            "i8" => Some(WideInts::I8),
            "string" => Some(WideInts::String),
            _ => None,
        })?
        .unwrap_or(WideInts::Double),
        ignored: ignored(&mut args)?,
        hide_time_wait: args.contains("--hide-time-wait"),
        uid_mask: choice(
            &mut args,
            "--uid-mask",
            "an unsigned 32-bit number that is not 0, decimal or 0x hex",
            |v| unsigned(v).and_then(|m| u32::try_from(m).ok()).filter(|&m| m != 0),
        )?
        .unwrap_or(0),
        passwd_file: args
            .opt_value_from_os_str("--passwd-file", path)
            .map_err(sentence)?
            .unwrap_or_else(|| PathBuf::from("/etc/passwd")),
        snapshot_flows: number(&mut args, "--snapshot-flows", 1..=MOST_SNAPSHOT_FLOWS, 16_384)? as usize,
        user: args.opt_value_from_str("--user").map_err(sentence)?,
        log_level: choice(&mut args, "--log-level", "error, warn, info or debug", Level::named)?
            .unwrap_or(Level::Info),
        kernel_filter: !args.contains("--no-kernel-filter"),
    };
    no_rest(args)?;
    config.check()?;
    Ok(config)
}

fn listen(args: &mut Arguments) -> Result<Vec<Listen, LISTENERS>, String> {
    let mut listen = Vec::new();
    for text in values(args, ["-l", "--listen"])? {
        let one = Listen::parse(&text).ok_or_else(|| {
            format!(
                "--listen takes ADDRESS:PORT, such as 127.0.0.1:8000 or [::1]:8000, or unix:PATH, not \"{text}\""
            )
        })?;
        listen.push(one).map_err(|_| format!("--listen can be given at most {LISTENERS} times"))?;
    }
    if listen.is_empty() {
        let default = Listen::Tcp(([127, 0, 0, 1], 8000).into());
        // An empty list has room for one.
        let _ = listen.push(default);
    }
    Ok(listen)
}

fn auth(args: &mut Arguments) -> Result<Backend, String> {
    let text: Option<String> = args.opt_value_from_str("--auth").map_err(sentence)?;
    let users = values(args, ["--allow-user", "--allow-user"])?;
    let text = text.as_deref().unwrap_or("none");
    if let Some(rest) = text.strip_prefix("shadow") {
        let path = match rest.strip_prefix(':') {
            _ if rest.is_empty() => "/etc/shadow",
            Some(path) if !path.is_empty() => path,
            _ => return Err(auth_takes(text)),
        };
        let users = if users.is_empty() { vec!["root".to_owned()] } else { users };
        let named = |user: &String| {
            check_name(user.as_bytes())
                .map_err(|_| format!("--allow-user takes a user's name, not \"{user}\""))
        };
        let users = users.iter().map(named).collect::<Result<_, _>>()?;
        return Ok(Backend::Shadow(PathBuf::from(path), users));
    }
    if !users.is_empty() {
        return Err("--allow-user goes with --auth shadow; a password file lists its users itself".to_owned());
    }
    match text.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(Backend::File(PathBuf::from(path))),
        None if text == "none" => Ok(Backend::None),
        _ => Err(auth_takes(text)),
    }
}

fn auth_takes(text: &str) -> String {
    format!("--auth takes none, file:PATH or shadow[:PATH], not \"{text}\"")
}

fn policy(args: &mut Arguments) -> Result<Policy, String> {
    let mut buf = [0; 65];
    let own = sys::hostname(&mut buf).ok().and_then(|name| core::str::from_utf8(name).ok());
    let mut policy = Policy::new(own.unwrap_or(""));
    for name in values(args, ["--allow-host", "--allow-host"])? {
        policy.allow(&name).map_err(|e| format!("--allow-host {name}: {e}"))?;
    }
    Ok(policy)
}

fn ignored(args: &mut Arguments) -> Result<Vec<Net, IGNORED_NETS>, String> {
    let mut nets = Vec::new();
    for text in values(args, ["--ignore", "--ignore"])? {
        let net = Net::parse(&text)
            .ok_or_else(|| format!("--ignore takes an address or ADDRESS/BITS, not \"{text}\""))?;
        nets.push(net).map_err(|_| format!("--ignore can be given at most {IGNORED_NETS} times"))?;
    }
    Ok(nets)
}

fn values(args: &mut Arguments, names: [&'static str; 2]) -> Result<std::vec::Vec<String>, String> {
    let [short, long] = names;
    let values = if short == long { args.values_from_str(long) } else { args.values_from_str([short, long]) };
    values.map_err(sentence)
}

fn number(
    args: &mut Arguments,
    name: &'static str,
    range: core::ops::RangeInclusive<u32>,
    default: u32,
) -> Result<u32, String> {
    let takes = format!("a number from {} to {}", range.start(), range.end());
    let read = |text: &str| text.parse().ok().filter(|n| range.contains(n));
    choice(args, name, &takes, read).map(|n| n.unwrap_or(default))
}

fn choice<T>(
    args: &mut Arguments,
    name: &'static str,
    takes: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let text: Option<String> = args.opt_value_from_str(name).map_err(sentence)?;
    match text {
        None => Ok(None),
        Some(text) => match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("{name} takes {takes}, not \"{text}\"")),
        },
    }
}

fn path(text: &std::ffi::OsStr) -> Result<PathBuf, &'static str> {
    Ok(PathBuf::from(text))
}

fn sentence(error: pico_args::Error) -> String {
    error.to_string()
}

/// Every argument must have been understood; one given twice is not.
fn no_rest(args: Arguments) -> Result<(), String> {
    match args.finish().first() {
        None => Ok(()),
        Some(rest) => Err(format!(
            "there is no option \"{}\", or it was given twice; rctd --help lists them",
            rest.to_string_lossy()
        )),
    }
}
