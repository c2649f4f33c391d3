//! The daemon's start: everything that a configuration names is opened, privileges are given up, and what is missing is said
//! in a sentence.

use super::Server;
use super::dumps::{OpenLink, SharedScan, Streams, open_netlink};
use super::input::LargeBuffers;
use super::linger::Linger;
use super::listen::{self, Listener};
use super::passwd::PasswdFile;
use super::room::Room;
use super::slots::Slots;
use crate::auth::Store;
use crate::config::Config;
use crate::conntrack::kernel::Kernel;
use crate::conntrack::refusal::{EMPTY_TABLE, explain_netlink, explain_refusal};
use crate::conntrack::socket::Control;
use crate::log;
use crate::name_files::NameFiles;
use crate::query::rates::Meter;
use crate::rpc::{Engine, Settings, System};
use crate::sys::{self, Signals, file, privileges};
use mio::{Poll, Registry, Token};
use std::path::PathBuf;
use std::time::Instant;

impl Server {
    /// Opens all that the configuration names.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to do.
    pub fn open(config: Config) -> Result<Box<Self>, String> {
        Self::open_with(config, open_netlink)
    }

    /// The same with links to another kernel.
    ///
    /// # Errors
    /// As [`Server::open`].
    pub fn open_with(config: Config, open_link: OpenLink) -> Result<Box<Self>, String> {
        let signals = Signals::open().map_err(|e| format!("can't watch for signals: {e}"))?;
        let link = || open_link().map_err(|error| explain_netlink(&error));
        let mut control = Control::new(link()?);
        let scan = SharedScan::new(link()?);
        let entries = check_table(&mut control)?;
        let poll = Poll::new().map_err(|e| format!("can't open an epoll instance: {e}"))?;
        let owner = match &config.user {
            Some(user) => Some(privileges::account(user)?),
            None => None,
        };
        let listeners = listeners(&config, owner, poll.registry())?;
        let most = listen::most_clients()?;
        enable(config.enable_accounting, &KEPT[0]);
        enable(config.enable_timestamps, &KEPT[1]);
        let mut passwd = PasswdFile::new(config.passwd_file.clone(), config.uid_mask != 0);
        let mut engine = engine(&config)?;
        passwd.check(0, &mut engine.shared.context.users);
        match &config.user {
            Some(user) => privileges::drop_privileges(user)?,
            None => privileges::harden()?,
        }
        engine.shared.store.check_access()?;
        tell_start(&engine.shared.store, config.user.as_deref());
        // Only now that privileges are gone, so that what this user may not read is told at the start.
        let mut names = NameFiles::new(&config.name_files);
        names.check(0, &mut engine.shared.context.names);
        for (listener, _) in &listeners {
            log::info(format_args!("listening on {}", listener.address()));
        }
        tell_unkept();
        explain_empty(entries);
        Ok(Box::new(Server {
            poll,
            began: Instant::now(),
            listeners,
            paused_until_ms: None,
            slots: Slots::new(most.clients),
            room: Room::new(most.waiting),
            linger: Linger::new(most.lingering, super::FIRST_LINGER),
            large: LargeBuffers::default(),
            engine,
            control,
            scan,
            streams: Streams::new(open_link),
            signals,
            policy: config.policy,
            #[cfg(feature = "metrics")]
            metrics: config.metrics,
            passwd,
            names,
            stop_at_ms: None,
        }))
    }
}

/// Opens all that is listened on, for the loop to watch; unix sockets get this owner.
fn listeners(
    config: &Config,
    owner: Option<(u32, u32)>,
    registry: &Registry,
) -> Result<Vec<(Listener, bool)>, String> {
    let mut listeners = Vec::new();
    for (at, listen) in config.listen.iter().enumerate() {
        let mut listener = Listener::open(listen, owner)?;
        let registered = listener.register(registry, Token(at));
        registered.map_err(|e| format!("can't watch {listen}: {e}"))?;
        listeners.push((listener, true));
    }
    Ok(listeners)
}

/// On the heap: as a part of the server its 26 KB would be moved from stack to stack, and a frame beyond 32 KB takes three
/// instructions for each access on MIPS.
#[inline(never)]
fn engine(config: &Config) -> Result<Box<Engine>, String> {
    let settings = Settings {
        wide: config.wide_ints,
        snapshot_flows: config.snapshot_flows as usize,
        kernel_filter: config.kernel_filter,
        kernel_release: sys::kernel_release(),
    };
    let sessions = crate::auth::Sessions::new(config.session_timeout_s);
    let system = System { random: |bits| sys::random(bits), switch, clocks };
    let store = Store::open(config.auth.clone())?;
    store.warnings().iter().for_each(|w| log::warn(format_args!("{w}")));
    let mut engine = Box::new(Engine::new(settings, sessions, store, system));
    #[cfg(feature = "metrics")]
    if config.metrics.table {
        engine.shared.table_counts =
            Some(Box::new(crate::metrics::flows::TableCounts::new(config.metrics.hosts)));
    }
    engine.shared.context.rates = Meter::new(config.rate_flows as usize);
    engine.shared.context.uid_mask = config.uid_mask;
    engine.shared.context.ignored = config.ignored.clone();
    engine.shared.context.lan = config.lan.clone();
    engine.shared.context.hide_time_wait = config.hide_time_wait;
    Ok(engine)
}

/// Asks for the table's size: whoever may not do that may read nothing.
fn check_table(control: &mut Control) -> Result<u32, String> {
    control.count().map(|count| count.entries).map_err(explain_refusal)
}

/// The first line of the log: what runs here, and who may use it.
fn tell_start(store: &Store, user: Option<&str>) {
    let version = env!("CARGO_PKG_VERSION");
    let (becomes, user) = user.map_or(("", ""), |user| ("; it runs as ", user));
    log::info(format_args!("rctd {version} starts: logins are {store}{becomes}{user}"));
}

/// Seconds since 1970, and microseconds that the process has computed.
fn clocks() -> (u64, Option<u64>) {
    (sys::since_1970_s(), sys::cpu_us())
}

/// What the kernel keeps of connections only if a switch is on, that switch's name in `net.netfilter`, and the option that
/// turns it on.
const KEPT: [(&str, &str, &str); 2] = [
    ("counters", "nf_conntrack_acct", "--enable-accounting"),
    ("start times", "nf_conntrack_timestamp", "--enable-timestamps"),
];

/// Whether the switch with this name in `net.netfilter` is on.
fn switch(name: &str) -> Option<bool> {
    file::switch(&switch_path(name))
}

fn switch_path(name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/sys/net/netfilter/{name}"))
}

/// Turns a switch on, if that is `wanted` and it is off. The daemon goes on without what it can't have.
fn enable(wanted: bool, (what, name, _): &(&str, &str, &str)) {
    match switch(name).filter(|_| wanted) {
        None if wanted => log::warn(format_args!(
            "can't make the kernel keep {what} of connections: it has no net.netfilter.{name}"
        )),
        Some(false) => match file::put(&switch_path(name), b"1") {
            Ok(()) => log::info(format_args!(
                "the kernel now keeps {what} of connections (net.netfilter.{name}=1): only those that are new from now on have them"
            )),
            Err(error) => log::warn(format_args!(
                "can't make the kernel keep {what} of connections, net.netfilter.{name} can't be written: {error}"
            )),
        },
        _ => {}
    }
}

/// Fields that are empty in every view have their reason here.
fn tell_unkept() {
    for (what, name, option) in KEPT {
        if switch(name) == Some(false) {
            log::info(format_args!(
                "the kernel keeps no {what} of connections: it does of new ones with {option}, or after sysctl -w net.netfilter.{name}=1"
            ));
        }
    }
}

/// A newcomer must not take an empty table for a fault. Only who starts it by hand is told: on a router that has just been
/// switched on the table is empty because nobody has said anything yet.
fn explain_empty(entries: u32) {
    if entries == 0 && sys::is_terminal(file::STDERR) {
        log::info(format_args!("{EMPTY_TABLE}"));
    }
}
