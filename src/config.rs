//! What the daemon was told to do, checked.

use crate::address::ShownEnd;
use crate::auth::{Backend, Peer};
use crate::http::Policy;
#[cfg(feature = "metrics")]
use crate::limits::METRICS_NETS;
use crate::limits::{IGNORED_NETS, LAN_NETS, LISTENERS, RATE_FLOWS};
use crate::log::Level;
use crate::query::net::Net;
use crate::syntax::WideInts;
use crate::sys::file::Shown;
use core::fmt;
use heapless::Vec;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Reads `ADDR:PORT`, `[ADDR]:PORT` or `unix:PATH`.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => {}
            Some(path) => return Ok(Listen::Unix(PathBuf::from(path))),
            None => match text.parse() {
                Ok(address) => return Ok(Listen::Tcp(address)),
                Err(_) if is_named(text) => {
                    return Err(format!(
                        "--listen takes an address of this machine, such as 127.0.0.1:8000, and \"{text}\" is a name: \
                         what it stands for could change"
                    ));
                }
                Err(_) => {}
            },
        }
        Err(format!(
            "--listen takes ADDRESS:PORT, such as 127.0.0.1:8000 or [::1]:8000, or unix:PATH, not \"{text}\""
        ))
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Listen::Tcp(address) => Some(address.port()),
            Listen::Unix(_) => None,
        }
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Listen::Tcp(address) => Peer::new(address.ip()).is_local(),
            Listen::Unix(_) => true,
        }
    }
}

/// Whether this is a host's name and a port.
fn is_named(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse::<u16>().is_ok()
            && host.contains(|c: char| c.is_ascii_alphabetic())
            && host.chars().all(letter)
    })
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => ShownEnd(address).fmt(f),
            Listen::Unix(path) => write!(f, "unix:{}", Shown(path)),
        }
    }
}

/// A file with names of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it has leases, of dnsmasq's form or odhcpd's, rather than the form of /etc/hosts.
    pub is_leases: bool,
}

/// All that the command line decides. [`crate::cli`] fills it in and names the options.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; never empty.
    pub listen: Vec<Listen, LISTENERS>,
    /// Who may log in.
    pub auth: Backend,
    /// Listens beyond loopback although anybody may log in.
    pub insecure_no_auth: bool,
    /// Which names requests may be addressed to.
    pub policy: Policy,
    /// Seconds that a session lasts without a call.
    pub session_timeout_s: u32,
    /// What integers beyond 32 signed bits become.
    pub wide_ints: WideInts,
    /// Flows from or to these are hidden.
    pub ignored: Vec<Net, IGNORED_NETS>,
    /// The networks that are inside, in which a flow has its local end.
    pub lan: Vec<Net, LAN_NETS>,
    /// Whether TCP connections in TIME_WAIT are hidden.
    pub hide_time_wait: bool,
    /// Which bits of the mark are a user's number; 0 for none.
    pub uid_mask: u32,
    /// Where users' names are.
    pub passwd_file: PathBuf,
    /// Where names of hosts are; the first file that names an address counts.
    pub name_files: std::vec::Vec<NameFile>,
    /// Whether the kernel is made to keep counters.
    pub enable_accounting: bool,
    /// Whether the kernel is made to keep start times.
    pub enable_timestamps: bool,
    /// Flows that a snapshot must hold.
    pub snapshot_flows: u32,
    /// Flows whose rates are known at a time.
    pub rate_flows: u32,
    /// The metrics; whether there are any is the policy's.
    #[cfg(feature = "metrics")]
    pub metrics: Metrics,
    /// The user to become once the sockets are open.
    pub user: Option<String>,
    /// What is logged.
    pub log_level: Level,
    /// Whether the kernel is asked to filter; off only to compare.
    pub kernel_filter: bool,
}

/// What of the metrics is served, and to whom (`--metrics`).
#[cfg(feature = "metrics")]
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Flows are counted by protocol, state and flag as well.
    pub table: bool,
    /// The network whose hosts are told apart.
    pub hosts: Option<Net>,
    /// Who may read them; without any the machine itself.
    pub allow: Vec<Net, METRICS_NETS>,
}

impl Default for Config {
    /// What counts where the command line says nothing, but that [`Config::listen`], [`Config::policy`] and [`Config::lan`] are empty.
    fn default() -> Self {
        Config {
            listen: Vec::new(),
            auth: Backend::None,
            insecure_no_auth: false,
            policy: Policy::new(""),
            session_timeout_s: 10,
            wide_ints: WideInts::Double,
            ignored: Vec::new(),
            lan: Vec::new(),
            hide_time_wait: false,
            uid_mask: 0,
            passwd_file: PathBuf::from("/etc/passwd"),
            name_files: std::vec::Vec::new(),
            enable_accounting: false,
            enable_timestamps: false,
            snapshot_flows: 16_384,
            rate_flows: RATE_FLOWS,
            #[cfg(feature = "metrics")]
            metrics: Metrics::default(),
            user: None,
            log_level: Level::Info,
            kernel_filter: true,
        }
    }
}

impl Config {
    /// Checks what no single option can tell.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn check(&self) -> Result<(), String> {
        if !self.policy.forwarded().is_empty() && !self.listen.iter().any(Listen::is_local) {
            return Err("--forwarded is for a proxy on this machine, which can only connect to a unix socket or a loopback \
                        address: give --listen unix:PATH or --listen 127.0.0.1:8000"
                .to_owned());
        }
        let open = matches!(self.auth, Backend::None) && !self.insecure_no_auth;
        match self.listen.iter().find(|l| open && !l.is_local()) {
            None => Ok(()),
            Some(listen) => Err(format!(
                "--listen {listen} can be reached from other machines, and anybody could log in: \
                 give --auth file:PATH, or --insecure-no-auth if that is meant"
            )),
        }
    }
}
