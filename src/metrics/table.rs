//! The table of metrics. A new metric is a new row of [`METRICS`].
//!
//! Names follow Prometheus's conventions: `nf_conntrack_` is the kernel's, `rctd_` the daemon's own, and what only grows ends
//! in `_total`, from which its type is told. What is in the table of connections itself, such as bytes of live flows, is no
//! counter, since it falls when a flow ends: it is left out.

use crate::stats::{Counter, Tally};

/// One metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) help: &'static str,
    pub(super) of: Of,
}

/// What a metric is made of.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// A number that was asked for once for all of the text.
    Gauge(Gauge),
    /// The kernel's counter of this number (`CTA_STATS_*`), of all CPUs together.
    Kernel(u8),
    /// The daemon's counter.
    Own(Counter),
    /// The daemon's counters one by one.
    Each(Tally),
    /// Microseconds of work that scans took.
    ScanTime,
    /// Flows by protocol and family, by state of TCP, by flag.
    Flows,
    States,
    Flags,
    /// Of each host its flows, bytes a second to it, bytes a second from it.
    HostFlows,
    HostReceives,
    HostTransmits,
}

/// Numbers that are asked for once for all of the text. Those of which a kernel tells nothing are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gauge {
    /// 1, with the version.
    Build,
    /// Seconds since 1970.
    Started,
    /// Microseconds.
    Cpu,
    Entries,
    EntriesLimit,
    Accounting,
    Timestamps,
    Clients,
    ClientsLimit,
    Sessions,
    SessionsLimit,
}

/// How many of these there are.
pub(super) const GAUGES: usize = Gauge::SessionsLimit as usize + 1;

const fn row(name: &'static str, of: Of, help: &'static str) -> Metric {
    Metric { name, help, of }
}

/// Every metric, in the order in which they are written.
pub(super) static METRICS: &[Metric] = &[
    row(
        "nf_conntrack_entries",
        Of::Gauge(Gauge::Entries),
        "Connections in the table of this network namespace.",
    ),
    row("nf_conntrack_entries_limit", Of::Gauge(Gauge::EntriesLimit), "Connections that the table may hold."),
    row("nf_conntrack_stat_found_total", Of::Kernel(2), "Packets of known connections, as far as counted."),
    row("nf_conntrack_stat_invalid_total", Of::Kernel(4), "Packets that can't be tracked."),
    row("nf_conntrack_stat_insert_total", Of::Kernel(8), "Connections inserted, as far as counted."),
    row(
        "nf_conntrack_stat_insert_failed_total",
        Of::Kernel(9),
        "Connections not inserted: there was the same already.",
    ),
    row("nf_conntrack_stat_drop_total", Of::Kernel(10), "Packets dropped for want of room."),
    row(
        "nf_conntrack_stat_early_drop_total",
        Of::Kernel(11),
        "Connections dropped to make room in a full table.",
    ),
    row("nf_conntrack_stat_error_total", Of::Kernel(12), "Packets with errors."),
    row(
        "nf_conntrack_stat_search_restart_total",
        Of::Kernel(13),
        "Searches begun anew as the table was resized.",
    ),
    row(
        "nf_conntrack_stat_clash_resolve_total",
        Of::Kernel(14),
        "Clashes of two packets of one new connection, solved.",
    ),
    row(
        "nf_conntrack_stat_chaintoolong_total",
        Of::Kernel(15),
        "Connections not inserted: the hash chain was too long.",
    ),
    row(
        "nf_conntrack_accounting_enabled",
        Of::Gauge(Gauge::Accounting),
        "Whether new connections get counters.",
    ),
    row(
        "nf_conntrack_timestamps_enabled",
        Of::Gauge(Gauge::Timestamps),
        "Whether new connections get a start time.",
    ),
    row("nf_conntrack_flows", Of::Flows, "Connections by protocol and family."),
    row("nf_conntrack_tcp_flows", Of::States, "TCP connections by state, without those offloaded."),
    row("nf_conntrack_flows_flagged", Of::Flags, "Connections by flag."),
    row("rctd_host_flows", Of::HostFlows, "Connections by host of --metrics-hosts."),
    row("rctd_host_receive_bytes_per_second", Of::HostReceives, "Rate of what goes to the host."),
    row("rctd_host_transmit_bytes_per_second", Of::HostTransmits, "Rate of what comes from the host."),
    row("rctd_build_info", Of::Gauge(Gauge::Build), "The version."),
    row("process_start_time_seconds", Of::Gauge(Gauge::Started), "When rctd was started, since 1970."),
    row("process_cpu_seconds_total", Of::Gauge(Gauge::Cpu), "Processor time of rctd."),
    row("rctd_calls_total", Of::Each(Tally::Calls), "Calls by procedure, each of a multicall."),
    row("rctd_faults_total", Of::Each(Tally::Faults), "Calls answered with a fault, by its code."),
    row("rctd_http_errors_total", Of::Each(Tally::HttpErrors), "Requests refused by HTTP, by status."),
    row("rctd_clients", Of::Gauge(Gauge::Clients), "Connections of clients now."),
    row("rctd_clients_limit", Of::Gauge(Gauge::ClientsLimit), "Connections of clients at a time."),
    row("rctd_sessions", Of::Gauge(Gauge::Sessions), "Sessions now."),
    row("rctd_sessions_limit", Of::Gauge(Gauge::SessionsLimit), "Sessions at a time."),
    row("rctd_clients_accepted_total", Of::Own(Counter::Accepted), "Connections of clients taken in."),
    row("rctd_clients_refused_total", Of::Own(Counter::NoSlot), "Connections refused for want of a slot."),
    row("rctd_deadlines_exceeded_total", Of::Own(Counter::Deadlines), "Clients cut off for being too slow."),
    row(
        "rctd_logins_refused_total",
        Of::Own(Counter::LoginsRefused),
        "Logins with a wrong name or password.",
    ),
    row(
        "rctd_descriptors_exhausted_total",
        Of::Own(Counter::NoDescriptor),
        "Times without a descriptor for a client.",
    ),
    row("rctd_table_scans_total", Of::Own(Counter::Scans), "Scans of the kernel's table."),
    row("rctd_table_scan_errors_total", Of::Own(Counter::ScanErrors), "Scans that ended in an error."),
    row("rctd_table_scan_seconds_total", Of::ScanTime, "Time that scans have worked."),
    row("rctd_table_entries_read_total", Of::Own(Counter::Entries), "Entries read in scans."),
    row("rctd_netlink_overruns_total", Of::Own(Counter::NetlinkOverruns), "Scans that the kernel cut short."),
    row("rctd_connections_killed_total", Of::Own(Counter::Killed), "Connections killed."),
    row(
        "rctd_accounting_resets_total",
        Of::Own(Counter::AccountingResets),
        "Counters of flows that another program zeroed.",
    ),
];
