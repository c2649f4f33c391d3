//! Every capacity of the program: its name, unit, reason and cost in memory.
//!
//! Memory is a constant: each buffer, table and pool below is of a fixed size, allocated at the start or when a slot is
//! first used, and never grows. [`MOST_BYTES`] is the sum and is checked when the program is compiled. Memory that no client
//! ever needed is never touched, so what a router really spends is mostly far less; `docs/PERFORMANCE.md` has measured
//! figures. Two things come on top: the snapshot, while autorefresh is off ([`SNAPSHOT_FLOW_BYTES`] for each of
//! `--snapshot-flows`), and the rates, while somebody asks for them ([`RATE_FLOW_BYTES`] for each of `--rate-flows`).
//!
//! Unit tests use tiny values for the pools, so that every "full" path is walked in them.

// ---- Clients -----------------------------------------------------------------------------------------------------

/// Clients served at a time; one more waits in the waiting room. A browser opens up to six connections, a script one.
pub const CLIENTS: usize = if cfg!(test) { 4 } else { 32 };
/// Client slots that one network may hold. The machine itself, its own addresses and unix sockets together, may hold three
/// quarters, and an eighth is kept for it, since a proxy there stands for many clients. The same holds for all that is shared
/// out by a quota.
pub const CLIENTS_PER_ADDRESS: usize = CLIENTS / 2;
/// The share of the machine itself.
pub const CLIENTS_LOCAL: usize = CLIENTS - CLIENTS / 4;
/// Holders of one resource that are compared when one of them must give way: as many as there are sessions, the most of all.
pub const HOLDINGS: usize = 64;
/// Newcomers that wait for a slot at a time, unread: a descriptor and 48 bytes each.
pub const WAITING_ROOM: usize = if cfg!(test) { 8 } else { 64 };
/// Newcomers of one network that wait for a slot at a time. The share can be large, since the last to come of the network with
/// most newcomers makes room for others.
pub const WAITING_PER_ADDRESS: usize = WAITING_ROOM - WAITING_ROOM / 4;
/// Connections at a time that linger: nothing more is answered on them, but the client may still send. A descriptor and 48
/// bytes each.
pub const LINGERING: usize = if cfg!(test) { 4 } else { 32 };
/// Addresses and paths listened on.
pub const LISTENERS: usize = 8;
/// Connections accepted between other events.
pub const ACCEPTS_A_TURN: usize = 16;

/// Bytes of one client's own input buffer; it holds the head, or a body up to this size. One each.
pub const INPUT_BYTES: usize = 8 * 1024;
/// Bytes of one client's output buffer; a reply is written through it piece by piece. One each. The largest piece, a row
/// with every field and two of the longest labels, is below 5 KiB.
pub const OUTPUT_BYTES: usize = 8 * 1024;
/// Bytes of one client's call in the making: its filter, its page, the ids to kill. One each; a test holds the type to it.
pub const TASK_BYTES: usize = 6 * 1024;

/// Bytes of one request body, after chunks are joined. A longer one is 413. It holds the most ids that one `kill` takes, whatever the client.
pub const BODY_BYTES: usize = 64 * 1024;
/// Request bodies at a time that are larger than a client's own input buffer. One more waits, unread.
pub const LARGE_BODIES: usize = 4;

// ---- Times, in milliseconds --------------------------------------------------------------------------------------

/// The time in which a request's head must be complete, from its first byte.
pub const HEAD_MS: u64 = 10_000;
/// The time in which a request's body must be complete, from the end of its head.
pub const BODY_MS: u64 = 20_000;
/// The time in which a client must take one full output buffer.
pub const WRITE_MS: u64 = 20_000;
/// The longest pause between two requests on one connection.
pub const IDLE_MS: u64 = 60_000;
/// The longest that a call waits for a scan, or for a dump of its own, before it is told that the daemon is busy.
pub const WAIT_MS: u64 = 30_000;
/// The time after which an idle client, or one that takes nothing of its reply, makes room for one that waits.
pub const YIELD_MS: u64 = 1_000;
/// The sum of the times that a client was waited for, after which it makes room for one whose network holds at least two
/// fewer.
pub const SPENT_MS: u64 = 250;
/// The sum of the times that a client was waited for, after which it counts as one that takes nothing.
pub const STALLED_MS: u64 = 10_000;
/// The time for which a call is served whoever waits; after that it makes room for a client whose network holds at least two
/// fewer.
pub const SERVED_MS: u64 = 5_000;
/// The longest that a newcomer waits for a slot before it is told that the daemon is busy.
pub const ROOM_MS: u64 = 8_000;
/// The time in which the daemon finishes what is being answered when it is told to stop.
pub const STOP_MS: u64 = 5_000;
/// The pause before another try when no client could be taken in, or when nobody gave way to one that waits.
pub const PAUSE_MS: u64 = 100;
/// The time in which a client can read its last reply and close. What it sends meanwhile is thrown away: a close with unread
/// bytes is a reset, which can take the reply from it.
pub const LINGER_MS: u64 = 5_000;
/// Bytes of one such client that are thrown away in one turn.
pub const LINGER_BYTES: usize = 64 * 1024;
/// The longest that the kernel may leave a dump without its next part. It answers at once or not at all: the deadline is there
/// so that a part which got lost ends as a fault, and the next dump can start.
pub const KERNEL_MS: u64 = 2_000;

// ---- HTTP --------------------------------------------------------------------------------------------------------

/// Bytes of one request head (request line and header fields). A longer one is 431. Part of the input buffer.
pub const HEAD_BYTES: usize = 4096;
/// Header fields in one request head. More are 431. Costs stack only, while a head is parsed.
pub const HEAD_FIELDS: usize = 48;
/// Bytes that the size lines and line ends of one chunked body may add up to. A body sent in one-byte chunks
/// needs 5 for each; more is somebody who wants to keep the decoder busy, and is 413.
pub const CHUNK_FRAMING_BYTES: usize = 8 * BODY_BYTES;
/// Bytes of one chunk's extensions (RFC 9112 section 7.1.1), which nobody here reads. More are 400.
pub const CHUNK_EXTENSION_BYTES: usize = 256;
/// Bytes of a host name, as long as DNS allows (RFC 1035 section 2.3.4).
pub const HOST_NAME_BYTES: usize = 253;
/// Bytes of the name of the field given with --forwarded.
pub const FIELD_NAME_BYTES: usize = 64;
/// Further names accepted in `Host`, one for each --allow-host. Costs about 2 KiB.
pub const ALLOW_HOSTS: usize = 8;

// ---- XML-RPC -----------------------------------------------------------------------------------------------------

/// Arrays and structs inside one another in a call. Deeper is a fault.
pub const NESTING: usize = 8;
/// Attributes of one element of a call. XML-RPC has none; encoders put in a namespace or two.
pub const ATTRIBUTES: usize = 8;
/// Parameters of one call.
pub const PARAMS: usize = 16;
/// Bytes of a procedure's name.
pub const METHOD_NAME_BYTES: usize = 64;
/// Bytes of a text argument: a filter's value, a user name, a password. Stack only.
pub const ARGUMENT_BYTES: usize = 256;
/// Bytes of a filter in words. Part of the task.
pub const EXPLANATION_BYTES: usize = 1024;
/// Ids in one call of `kill`: as many as a body holds however a client writes them (PHP's encoder takes 61 bytes for one).
/// Part of the task.
pub const KILL_IDS: usize = 1000;
/// Bytes of a fault's sentence; the longest lists all fields. Allocated while a fault lasts.
pub const FAULT_BYTES: usize = 1024;

// ---- The kernel --------------------------------------------------------------------------------------------------

/// Bytes of one request to the kernel. The longest, an update of an IPv6 entry, is below 160. Stack only.
pub const REQUEST_BYTES: usize = 320;
/// Bytes of the stack buffer for the answer to a short request: the kernel sends at most a page, or 8 KiB where pages are
/// larger.
pub const ANSWER_BYTES: usize = 8 * 1024;
/// Bytes of the buffer that the shared dump is read through. The kernel fills at most 32 KiB a call; a smaller buffer costs
/// speed, a larger one gains none.
pub const DUMP_BYTES: usize = 32 * 1024;
/// Dumps of single clients at a time, beside the one that is shared. One more waits.
pub const STREAMS: usize = 4;
/// Bytes of each such dump's buffer: 50 entries, which make 15 output buffers.
pub const STREAM_BYTES: usize = 16 * 1024;
/// Different texts (helper names, security contexts) that entries may carry at a time.
pub const LABELS: usize = if cfg!(test) { 4 } else { 64 };
/// Bytes of one such text. A helper's name has at most 15; a security context is about 40.
pub const LABEL_BYTES: usize = 120;

// ---- Queries -----------------------------------------------------------------------------------------------------

/// Fields that one filter may name. As all of a filter, part of the task.
pub const CONDITIONS: usize = 24;
/// Wanted values of one field: the elements of an Array.
pub const ALTERNATIVES_A_FIELD: usize = 16;
/// Wanted values of a whole filter.
pub const ALTERNATIVES: usize = 64;
/// Bytes of all texts in a filter.
pub const FILTER_TEXT_BYTES: usize = 512;
/// Networks given with `--ignore`.
pub const IGNORED_NETS: usize = 16;
/// Rows in one block: what is leased to queries at a time.
pub const BLOCK_ROWS: usize = if cfg!(test) { 4 } else { 64 };
/// Blocks of rows in all: one for every client, and half as many again for queries that want more.
pub const ROW_BLOCKS: usize = if cfg!(test) { 8 } else { 48 };
/// Blocks that one query may lease: a page of up to 1,024 rows in one pass, or so many samples for a deeper one.
pub const QUERY_BLOCKS: usize = if cfg!(test) { 4 } else { 16 };
/// Blocks without which a deep or long page does not begin: with one alone it would read the table dozens of times. It waits
/// until queries that need only a few dumps have given theirs back.
pub const ENOUGH_BLOCKS: usize = 2;
/// Bytes of one row, on 64 bits; a test holds the type to it.
pub const ROW_BYTES: usize = 256;
/// Groups of a summary that have room in one row's place.
pub const ROW_GROUPS: usize = 4;
/// Groups of one summary, in the most blocks that one query may lease: it costs no memory of its own. More are counted by
/// Space-Saving, and the result says so.
pub const GROUPS: usize = QUERY_BLOCKS * BLOCK_ROWS * ROW_GROUPS;
/// Networks given with `--lan`.
pub const LAN_NETS: usize = 16;
/// Users of the passwd file that get names.
pub const PASSWD_USERS: usize = if cfg!(test) { 8 } else { 128 };
/// Bytes of such a name (useradd(8) allows 32).
pub const PASSWD_NAME_BYTES: usize = 32;
/// Addresses that get names from `--hosts` and `--leases`: more than a home or an office has devices. 20 bytes each, which are
/// allocated when the first name is read.
pub const HOST_NAMES: usize = if cfg!(test) { 8 } else { 512 };
/// Bytes of one such name. A label of a DNS name, which is what a device calls itself, has at most 63 (RFC 1035, section 2.3.4).
pub const ONE_NAME_BYTES: usize = 64;
/// Bytes of all such names: 24 for each, which is more than they mostly have.
pub const ALL_NAMES_BYTES: usize = HOST_NAMES * 24;
/// Files of `--hosts` and of `--leases`, each.
pub const NAME_FILES: usize = 4;
/// Bytes of such a file. Nobody is served while it is read, and this takes a slow router some ten milliseconds. A larger one, as a
/// list of blocked hosts is, is not read.
pub const NAME_FILE_BYTES: u64 = 256 * 1024;

/// Flows whose rates are known at a time, unless `--rate-flows` says otherwise: 448 KiB, while somebody asks for rates.
pub const RATE_FLOWS: u32 = 16_384;
/// The largest `--rate-flows`: 28 MiB.
pub const MOST_RATE_FLOWS: u32 = 1 << 20;
/// Bytes of memory for each of them.
pub const RATE_FLOW_BYTES: usize = 28;
/// Milliseconds between the two readings that a call takes which depends on rates when none are known.
pub const RATE_MS: u64 = 1_000;
/// Milliseconds after which a reading of counters is too old to tell a rate.
pub const RATE_OLD_MS: u64 = 10_000;
/// Milliseconds for which rates stay as they are while a call reads the table more than once. Half of the above: the reading that
/// renews them still finds them good.
pub const RATE_HELD_MS: u64 = RATE_OLD_MS / 2;
/// Milliseconds without anybody asking for rates after which their memory is given back.
pub const RATE_GIVEN_BACK_MS: u64 = 60_000;

/// Hosts that the metrics tell apart; the others are one. Twice 40 bytes each, with `--metrics=table`, and once more in the
/// task: so many series for each of three metrics are what a Prometheus is asked to bear of one router.
pub const METRICS_HOSTS: usize = if cfg!(test) { 4 } else { 32 };
/// Milliseconds for which flows counted for the metrics are told again, before the table is read anew.
pub const METRICS_OLD_MS: u64 = 15_000;
/// Networks given with `--metrics-allow`.
pub const METRICS_NETS: usize = 8;

/// Bytes of the snapshot's arena for each flow that must fit.
pub const SNAPSHOT_FLOW_BYTES: usize = 96;
/// The largest `--snapshot-flows`: 96 MiB.
pub const MOST_SNAPSHOT_FLOWS: u32 = 1 << 20;
/// Flows of the snapshot that are looked at between other events: about a tenth of a millisecond.
pub const SNAPSHOT_SLICE_FLOWS: usize = 512;

// ---- Authentication ----------------------------------------------------------------------------------------------

/// Users that a password file may have.
pub const USERS: usize = 32;
/// Bytes of a user's name.
pub const USER_NAME_BYTES: usize = 32;
/// Bytes of a password hash as text.
pub const HASH_TEXT_BYTES: usize = 128;
/// Bytes of a password.
pub const PASSWORD_BYTES: usize = 128;
/// Rounds of a `$5$` or `$6$` hash. One with more is refused when the file is read: nobody is served while one is computed,
/// and a slow router takes about a second for so many.
pub const HASH_ROUNDS: u32 = 50_000;
/// Bytes of a password file. Stack only, while it is read.
pub const PASSWORD_FILE_BYTES: usize = 16 * 1024;
/// Programs of `--auth program` at work at a time. Each is a process, with memory of its own.
pub const PROGRAMS: usize = 4;
/// Milliseconds that such a program has to answer.
pub const PROGRAM_MS: u64 = 10_000;
/// Addresses whose failed logins are remembered.
pub const THROTTLE_ADDRESSES: usize = 64;
/// Sessions at a time.
pub const SESSIONS: usize = 64;
/// Sessions that one address may have at a time.
pub const SESSIONS_PER_ADDRESS: usize = 16;
/// Bytes of a user's name in the log, made printable.
pub const LOG_NAME_BYTES: usize = 64;

// ---- The program at the shell ------------------------------------------------------------------------------------

/// Bytes that `rctd call` has of a reply at a time; its head must fit. One, of the program that calls.
pub const REPLY_HEAD_BYTES: usize = 8 * 1024;
/// Bytes of a reply that `rctd call` keeps to tell a session or a fault: a fault of [`FAULT_BYTES`], each as `\\u001b`.
pub const FAULT_REPLY_BYTES: usize = 6 * FAULT_BYTES + 128;
/// The time in which a daemon must answer `rctd call`, and send each further part: twice what it lets a call wait.
pub const REPLY_MS: u64 = 2 * WAIT_MS;
/// Columns of a table at the shell.
pub const COLUMNS: usize = 16;
/// Bytes of the cells of one block of rows, whose widths are found together: 256 a row, of which 120 are in use as a rule. One,
/// of the program that lists.
pub const CELLS_BYTES: usize = 16 * 1024;
/// Characters that an address or a text keeps where the terminal is too narrow for all of it.
pub const CELL_LEAST: usize = 12;
/// Rows of `rctd top`: a page of one pass, more than a screen shows. Allocated while it shows them.
pub const TOP_ROWS: usize = BLOCK_ROWS * QUERY_BLOCKS / 2;
/// Bytes of keys that `rctd top` takes at once: what is pasted comes in more than one part. Stack only.
pub const TOP_KEYS_BYTES: usize = 256;

// ---- The sum -----------------------------------------------------------------------------------------------------

/// Tables that are there once: labels, passwd users, names of hosts, password file, throttle, sessions, allowed hosts, flows
/// counted for the metrics; rounded up.
const TABLES_BYTES: usize = 56 * 1024;

/// All of the above that is allocated, in the worst case: every slot, stream, large body and row in use at once.
pub const MOST_BYTES: usize = CLIENTS * (INPUT_BYTES + OUTPUT_BYTES + TASK_BYTES)
    + LARGE_BODIES * (BODY_BYTES + 512)
    + DUMP_BYTES
    + STREAMS * STREAM_BYTES
    + ROW_BLOCKS * BLOCK_ROWS * ROW_BYTES
    + TABLES_BYTES;

const _: () = assert!(MOST_BYTES <= 1_900 * 1024, "more than a router can spare");
const _: () =
    assert!(HOLDINGS >= CLIENTS && HOLDINGS >= SESSIONS && HOLDINGS >= WAITING_ROOM, "all can be compared");
const _: () = assert!(HEAD_BYTES <= INPUT_BYTES, "a head fits a client's own buffer");
const _: () = assert!(ROW_BLOCKS > CLIENTS, "every client can lease a block of rows");
