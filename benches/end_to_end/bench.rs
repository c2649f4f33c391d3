//! What every part of the benchmark works with: the table, the daemon, the floor.
use crate::client::{Caller, Reply};
use crate::common::daemon::Daemon;
use crate::common::xml::Value;
use crate::support::drain::Drain;
use rctd::conntrack::request::KernelFilter;
use rctd::query::field::FieldId;
use rctd::query::filter::{Filter, Input};
use std::path::Path;

/// Rows of a page, as a page on a screen has them.
pub const PAGE: i64 = 50;

/// A daemon with one client that is logged in, and a bare reader beside it.
pub struct Bench {
    pub daemon: Daemon,
    pub caller: Caller,
    pub session: String,
    pub drain: Drain,
}

/// One condition of a filter: a field, and its value as a client gives it.
pub type Conditions = [(&'static str, &'static str)];

impl Bench {
    /// Starts `program` in the calling thread's namespace.
    pub fn start(program: &Path, listen: &[&str]) -> Bench {
        // What listens beyond loopback does so in a namespace.
        let options = ["--session-timeout", "86400", "--insecure-no-auth"];
        let daemon = Daemon::start_program(program, listen, &options);
        let mut caller = Caller::connect(daemon.address());
        let session = caller.login();
        Bench { daemon, caller, session, drain: Drain::new() }
    }

    /// The request for a page, of this client or of another one.
    pub fn page(&self, conditions: &Conditions, order: &str, start: i64, length: i64) -> Vec<u8> {
        let filters = conditions.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        let filters = Value::Struct(filters.collect());
        let session = Value::from(self.session.as_str());
        let params = [session, filters, order.into(), "ASC".into(), start.into(), length.into()];
        self.caller.request("view", &params)
    }

    /// The request for the first groups of a summary.
    pub fn summary(&self, group_by: &str, length: i64) -> Vec<u8> {
        let session = Value::from(self.session.as_str());
        let none = Value::Struct(Default::default());
        let params = [session, group_by.into(), none, "".into(), "".into(), 0.into(), length.into()];
        self.caller.request("summary", &params)
    }

    pub fn send(&mut self, request: &[u8]) -> Reply {
        self.caller.send(request)
    }

    /// Reads the table through the bare reader.
    pub fn drain(&mut self, filter: &KernelFilter) {
        self.drain.run(filter);
    }

    /// Dumps that the daemon has begun so far.
    pub fn scans(&mut self) -> u64 {
        let session = Value::from(self.session.as_str());
        self.caller.call("stats", &[session]).number("scans")
    }

    /// Processor time that the daemon takes for `work`, in milliseconds.
    pub fn cpu_of(&mut self, work: impl FnOnce(&mut Bench)) -> f64 {
        let before = cpu_ms(self.daemon.id());
        work(self);
        cpu_ms(self.daemon.id()) - before
    }

    /// The largest resident memory that the daemon ever had, in KiB: VmHWM of proc(5).
    pub fn peak_kib(&self) -> f64 {
        peak_kib(self.daemon.id())
    }
}

/// Processor time that a process has taken so far, in milliseconds: fields 14 and 15 of /proc/PID/stat, in ticks of
/// 10 ms. Unlike the time on the clock it hardly changes when others use the machine as well.
pub fn cpu_ms(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process's times");
    let (_, after_name) = stat.rsplit_once(')').expect("its name in parentheses");
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().expect("a number of ticks") * 10.0).sum()
}

/// The largest resident memory that a process ever had, in KiB.
pub fn peak_kib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line VmHWM");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number of KiB")
}

/// What of these conditions the kernel is asked to judge: the daemon's own translation.
pub fn kernel_filter(conditions: &Conditions) -> KernelFilter {
    let mut filter = Filter::new();
    for (name, value) in conditions {
        filter.condition(FieldId::named(name).expect("a field")).expect("room for a condition");
        filter.or(Input::Text(value)).expect("a value that the field takes");
    }
    filter.kernel()
}
