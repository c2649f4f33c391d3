//! The command line. What is not understood is an error, never ignored.

mod line;
#[cfg(feature = "shell")]
mod shell;

use crate::auth::Backend;
use crate::auth::file::check_name;
use crate::config::{Config, Listen, NameFile};
use crate::http::Policy;
use crate::limits::{LAN_NETS, LISTENERS, MOST_RATE_FLOWS, MOST_SNAPSHOT_FLOWS, NAME_FILES};
use crate::log::Level;
use crate::query::filter::unsigned;
use crate::query::net::Net;
use crate::syntax::WideInts;
use crate::sys;
use heapless::Vec;
use line::{DAEMON, Line, PASSWD, too_often};
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

/// What `--help` prints, with the options of what is built in.
macro_rules! help {
    ($metrics:literal) => {
        concat!(
            "\
rctd serves the netfilter connection-tracking table over XML-RPC.

Usage: rctd [OPTIONS]
       rctd passwd FILE USER [--stdin] [--delete]

Options:
  -l, --listen ADDR:PORT|unix:PATH  where to listen; repeatable
                                    [default: 127.0.0.1:8000]
      --auth none|file:PATH|shadow[:PATH]|program:PATH
                                    who may log in [default: none]
      --allow-user USER             with --auth shadow, who may log in;
                                    repeatable [default: root]
      --insecure-no-auth            listen beyond loopback although anybody may
                                    log in
      --allow-host NAME             a further name accepted in Host; repeatable
      --forwarded FIELD             the field in which a proxy on this machine
                                    names its client: X-Forwarded-For
      --session-timeout SECONDS     how long a session lasts without a call,
                                    1-86400 [default: 10]
      --wide-ints double|i8|string  what integers beyond 32 signed bits become
                                    [default: double]
      --ignore NETWORK              hide connections from or to ADDR or
                                    ADDR/BITS; repeatable
      --lan NETWORK                 what is inside, for summaries by local or
                                    remote, ADDR or ADDR/BITS; repeatable
                                    [default: private, unique-local and
                                    link-local addresses]
      --hide-time-wait              hide TCP connections in TIME_WAIT
      --uid-mask MASK               which bits of the mark are a user's number,
                                    decimal or 0x hex
      --passwd-file PATH            where users' names are
                                    [default: /etc/passwd]
      --hosts FILE                  where names of hosts are, as in /etc/hosts;
                                    repeatable
      --leases FILE                 where names of hosts are, in leases of dnsmasq
                                    or odhcpd; repeatable
      --enable-accounting           make the kernel count bytes of new connections
      --enable-timestamps           make the kernel keep their start times
      --snapshot-flows N            connections that a snapshot holds,
                                    1-1048576 [default: 16384]
      --rate-flows N                connections whose rates are known at a time,
                                    1-1048576 [default: 16384]
",
            $metrics,
            "      --user USER                   become USER once the sockets are open and
                                    keep CAP_NET_ADMIN alone
      --log-level error|warn|info|debug
                                    what goes to stderr [default: info]
  -V, --version                     print the version
  -h, --help                        print this

rctd passwd sets USER's password in FILE, asking for it twice, or reading it
from standard input with --stdin; with --delete it removes USER.
"
        )
    };
}

/// What `--help` prints.
#[cfg(not(feature = "metrics"))]
pub const HELP: &str = help!("");
/// What `--help` prints.
#[cfg(feature = "metrics")]
pub const HELP: &str = help!(
    "      --metrics[=table]             serve GET /metrics, for Prometheus, without a
                                    login; with =table also connections by
                                    protocol, state and flag, for which the
                                    table is read
      --metrics-allow NETWORK       who may read them; repeatable [default: this
                                    machine itself]
      --metrics-hosts NETWORK       with --metrics=table, connections and rates of
                                    up to 32 of its hosts
"
);

/// What `--help` adds where the program can do these.
#[cfg(feature = "shell")]
const SHELL_HELP: &str = shell::COMMANDS;
#[cfg(not(feature = "shell"))]
const SHELL_HELP: &str = "";

/// What is inside where --lan says nothing: private addresses (RFC 1918), unique-local ones (RFC 4193) and those of a link (RFC
/// 3927, RFC 4291).
const LAN: &[&str] =
    &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

/// The options for files with names of hosts, and whether these have leases.
const NAME_OPTIONS: [(&str, bool); 2] = [("--hosts", false), ("--leases", true)];

/// What to do.
#[derive(Debug)]
pub enum Command {
    /// Serve.
    Run(Box<Config>),
    /// Print these texts and stop.
    Print(&'static [&'static str]),
    /// What the program does at the shell.
    #[cfg(feature = "shell")]
    Shell(crate::client::Command),
    /// Change a password file.
    Passwd {
        /// The file.
        file: &'static Path,
        /// The user.
        user: &'static str,
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
    let mut texts = std::vec::Vec::new();
    // They are there as long as the program.
    for arg in args.leak() {
        texts.push(arg.to_str().ok_or("an argument is not UTF-8")?);
    }
    let args: &'static [&'static str] = texts.leak();
    let is_given =
        |names: [&str; 2]| args.iter().take_while(|arg| **arg != "--").any(|arg| names.contains(arg));
    let is_help = is_given(["-h", "--help"]);
    let name = args.first().copied().filter(|first| !first.starts_with('-'));
    #[cfg(feature = "shell")]
    if let Some(command) = name.and_then(shell::command) {
        return shell::parse(command, args.get(1..).unwrap_or_default(), is_help);
    }
    match name {
        Some(name) if name != "passwd" => {
            Err(format!("there is no command \"{name}\"; rctd --help lists those there are"))
        }
        _ if is_help => Ok(Command::Print(&[HELP, SHELL_HELP])),
        _ if is_given(["-V", "--version"]) => Ok(Command::Print(&["rctd ", env!("CARGO_PKG_VERSION"), "\n"])),
        Some(_) => passwd(Line::read(PASSWD, "passwd", args.get(1..).unwrap_or_default())?),
        None => run(Line::read(DAEMON, "", args)?).map(Command::Run),
    }
}

fn passwd(line: &mut Line) -> Result<Command, String> {
    const USAGE: &str = "usage: rctd passwd FILE USER [--stdin] [--delete]";
    let (stdin, delete) = (line.flag("--stdin"), line.flag("--delete"));
    let mut rest = line.rest();
    let (Some(file), Some(user)) = (rest.next(), rest.next()) else {
        return Err(USAGE.to_owned());
    };
    match rest.next() {
        None => Ok(Command::Passwd { file: Path::new(file), user, stdin, delete }),
        Some(option) if option.starts_with("--") && option.len() > 2 => {
            Err(format!("rctd passwd has no option {option}; {USAGE}"))
        }
        // It may be the password, which others can read on a command line as it is: it is not shown once more.
        Some(_) => Err(format!(
            "there is an argument too many; the password is not one: it is asked for, or read from standard input with \
             --stdin; {USAGE}"
        )),
    }
}

fn run(line: &mut Line) -> Result<Box<Config>, String> {
    // It is taken apart nowhere: what is wrong ends the program.
    let mut config = ManuallyDrop::new(Box::new(Config::default()));
    options(line, &mut config)?;
    line.words()?;
    config.check()?;
    Ok(ManuallyDrop::into_inner(config))
}

fn options(line: &mut Line, config: &mut Config) -> Result<(), String> {
    listen(line, &mut config.listen)?;
    config.auth = auth(line)?;
    config.insecure_no_auth = line.flag("--insecure-no-auth");
    policy(line, &mut config.policy)?;
    line.number("--session-timeout", 86_400, &mut config.session_timeout_s)?;
    line.choice("--wide-ints", format_args!("double, i8 or string"), &mut |v| {
        config.wide_ints = match v {
            "double" => WideInts::Double,
            "i8" => WideInts::I8,
            "string" => WideInts::String,
            _ => return false,
        };
        true
    })?;
    line.networks("--ignore", &mut config.ignored)?;
    lan(line, &mut config.lan)?;
    config.hide_time_wait = line.flag("--hide-time-wait");
    line.choice(
        "--uid-mask",
        format_args!("an unsigned 32-bit number that is not 0, decimal or 0x hex"),
        &mut |v| {
            config.uid_mask = unsigned(v).and_then(|m| u32::try_from(m).ok()).unwrap_or(0);
            config.uid_mask != 0
        },
    )?;
    if let Some(path) = line.value("--passwd-file") {
        config.passwd_file = PathBuf::from(path);
    }
    for (name, is_leases) in NAME_OPTIONS {
        names(line, name, is_leases, &mut config.name_files)?;
    }
    config.enable_accounting = line.flag("--enable-accounting");
    config.enable_timestamps = line.flag("--enable-timestamps");
    line.number("--snapshot-flows", MOST_SNAPSHOT_FLOWS, &mut config.snapshot_flows)?;
    line.number("--rate-flows", MOST_RATE_FLOWS, &mut config.rate_flows)?;
    #[cfg(feature = "metrics")]
    metrics(line, config)?;
    config.user = line.value("--user").map(str::to_owned);
    line.choice("--log-level", format_args!("error, warn, info or debug"), &mut |v| {
        Level::named(v).map(|level| config.log_level = level).is_some()
    })?;
    config.kernel_filter = !line.flag("--no-kernel-filter");
    Ok(())
}

fn listen(line: &mut Line, listen: &mut Vec<Listen, LISTENERS>) -> Result<(), String> {
    while let Some(text) = line.value("--listen") {
        let one = Listen::parse(text)?;
        // Port 0 is another port each time.
        let name = one.to_string();
        if one.port() != Some(0) && listen.iter().any(|other| other.to_string() == name) {
            return Err(format!("--listen {name} is given twice: once is enough"));
        }
        listen.push(one).map_err(|_| too_often("--listen", LISTENERS))?;
    }
    if listen.is_empty() {
        let default = Listen::Tcp(([127, 0, 0, 1], 8000).into());
        // An empty list has room for one.
        let _ = listen.push(default);
    }
    Ok(())
}

fn auth(line: &mut Line) -> Result<Backend, String> {
    let text = line.value("--auth").unwrap_or("none");
    let mut users = std::vec::Vec::new();
    while let Some(user) = line.value("--allow-user") {
        let name = check_name(user.as_bytes());
        users.push(name.map_err(|_| format!("--allow-user takes a user's name, not \"{user}\""))?);
    }
    if let Some(rest) = text.strip_prefix("shadow") {
        let path = match rest.strip_prefix(':') {
            _ if rest.is_empty() => "/etc/shadow",
            Some(path) if !path.is_empty() => path,
            _ => return Err(auth_takes(text)),
        };
        if let (true, Ok(root)) = (users.is_empty(), check_name(b"root")) {
            users.push(root);
        }
        return Ok(Backend::Shadow(PathBuf::from(path), users));
    }
    if !users.is_empty() {
        return Err("--allow-user goes with --auth shadow; a password file lists its users itself, and a program knows them".to_owned());
    }
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Backend::File(PathBuf::from(path))),
        Some(("program", path)) if !path.is_empty() => Ok(Backend::Program(PathBuf::from(path))),
        None if text == "none" => Ok(Backend::None),
        _ => Err(auth_takes(text)),
    }
}

fn auth_takes(text: &str) -> String {
    format!("--auth takes none, file:PATH, shadow[:PATH] or program:PATH, not \"{text}\"")
}

fn policy(line: &mut Line, policy: &mut Policy) -> Result<(), String> {
    let mut buf = [0; 65];
    let own = sys::hostname(&mut buf).ok().and_then(|name| core::str::from_utf8(name).ok());
    *policy = Policy::new(own.unwrap_or(""));
    #[cfg(feature = "web")]
    {
        policy.site.files = crate::web::FILES;
    }
    while let Some(name) = line.value("--allow-host") {
        policy.allow(name).map_err(|e| format!("--allow-host {name}: {e}"))?;
    }
    if let Some(name) = line.value("--forwarded") {
        let takes = "--forwarded takes the name of a header field, such as X-Forwarded-For";
        policy.set_forwarded(name).map_err(|_| format!("{takes}, not \"{name}\""))?;
    }
    Ok(())
}

/// What is inside.
fn lan(line: &mut Line, nets: &mut Vec<Net, LAN_NETS>) -> Result<(), String> {
    line.networks("--lan", nets)?;
    if nets.is_empty() {
        *nets = LAN.iter().filter_map(|net| Net::parse(net)).collect();
    }
    Ok(())
}

#[cfg(feature = "metrics")]
fn metrics(line: &mut Line, config: &mut Config) -> Result<(), String> {
    // Alone it takes no value, so only what has "=" is left to be one.
    let is_alone = line.flag("--metrics");
    let metrics = &mut config.metrics;
    line.choice("--metrics", format_args!("nothing, or =table"), &mut |text| {
        metrics.table = text == "table";
        metrics.table && !is_alone
    })?;
    line.networks("--metrics-allow", &mut metrics.allow)?;
    if let Some(hosts) = line.network("--metrics-hosts")? {
        metrics.hosts = Some(hosts);
        if !metrics.table {
            return Err("--metrics-hosts goes with --metrics=table".to_owned());
        }
    }
    config.policy.site.metrics = is_alone || metrics.table;
    if !metrics.allow.is_empty() && !config.policy.site.metrics {
        return Err("--metrics-allow goes with --metrics".to_owned());
    }
    Ok(())
}

/// Adds the files that an option names, which may be given several times.
#[inline(never)]
fn names(
    line: &mut Line,
    name: &'static str,
    is_leases: bool,
    files: &mut std::vec::Vec<NameFile>,
) -> Result<(), String> {
    let before = files.len();
    while let Some(path) = line.value(name) {
        if files.len() == before + NAME_FILES {
            return Err(too_often(name, NAME_FILES));
        }
        files.push(NameFile { path: PathBuf::from(path), is_leases });
    }
    Ok(())
}
