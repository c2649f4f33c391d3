//! Every capacity of the program: its name, unit, reason and cost in memory.

/// Bytes of one HTTP request head (request line and header fields). A longer one is 431.
pub const HEAD_BYTES: usize = 4096;
/// Header fields in one request head. More are 431. Costs stack only, while a head is parsed.
pub const HEAD_FIELDS: usize = 48;
/// Bytes of one client's own input buffer; it holds the head, or a body up to this size.
pub const INPUT_BYTES: usize = 8 * 1024;
/// Bytes of one request body, after chunks are joined. A longer one is 413.
pub const BODY_BYTES: usize = 64 * 1024;
/// Bytes of one client's output buffer; a reply is written through it piece by piece.
pub const OUTPUT_BYTES: usize = 8 * 1024;
/// Arrays and structs inside one another in a call. Deeper is a fault.
pub const NESTING: usize = 8;
/// Attributes of one XML element of a call; clients send none, or a namespace. More are a fault. Costs stack only.
pub const ATTRIBUTES: usize = 8;
/// Parameters of one call.
pub const PARAMS: usize = 16;
/// Bytes of a procedure's name.
pub const METHOD_NAME_BYTES: usize = 64;
/// Bytes of one request to the kernel. The longest, an update of an IPv6 entry, is below 160.
pub const REQUEST_BYTES: usize = 320;
/// Bytes of the buffer that dumps are read through. The kernel fills at most 32 KiB a call; a smaller buffer costs speed.
pub const DUMP_BYTES: usize = 32 * 1024;
/// Different texts (helper names, security contexts) that entries may carry at a time.
pub const LABELS: usize = 64;
/// Bytes of one such text. A helper's name has at most 15; a security context is about 40.
pub const LABEL_BYTES: usize = 120;
/// Users of the passwd file that get names.
pub const PASSWD_USERS: usize = 128;
/// Bytes of such a name (useradd(8) allows 32).
pub const PASSWD_NAME_BYTES: usize = 32;
/// Networks given with `--ignore`.
pub const IGNORED_NETS: usize = 16;
/// Fields that one filter may name.
pub const CONDITIONS: usize = 24;
/// Wanted values of one field: the elements of an Array.
pub const ALTERNATIVES_A_FIELD: usize = 16;
/// Wanted values of a whole filter.
pub const ALTERNATIVES: usize = 64;
/// Bytes of all texts in a filter.
pub const FILTER_TEXT_BYTES: usize = 512;
/// Rows in one block: what is leased to queries at a time.
pub const BLOCK_ROWS: usize = 64;
/// Blocks of rows in all.
pub const ROW_BLOCKS: usize = 48;
/// Blocks that one query may lease: its page, or its pivots.
pub const QUERY_BLOCKS: usize = 16;
/// Clients served at a time. One more waits in the kernel's queue.
pub const CLIENTS: usize = 32;
/// Bytes of the snapshot's arena for each flow that must fit.
pub const SNAPSHOT_FLOW_BYTES: usize = 96;
/// Bytes that the size lines and line ends of one chunked body may add up to. A body sent in one-byte chunks
/// needs 5 for each; more is somebody who wants to keep the decoder busy, and is 413.
pub const CHUNK_FRAMING_BYTES: usize = 8 * BODY_BYTES;
/// Bytes of one chunk's extensions (RFC 9112 section 7.1.1), which nobody here reads. More are 400.
pub const CHUNK_EXTENSION_BYTES: usize = 256;
/// Bytes of a host name, as long as DNS allows (RFC 1035 section 2.3.4).
pub const HOST_NAME_BYTES: usize = 253;
/// Further names accepted in `Host`, one for each --allow-host. Costs about 2 KiB.
pub const ALLOW_HOSTS: usize = 8;
/// Users in the password file, or named with `--allow-user`. Each costs about 136 bytes. More is an error at load.
pub const USERS: usize = 32;
/// Bytes of a user's name, as useradd(8) has it.
pub const USER_NAME_BYTES: usize = 32;
/// Bytes of a password hash as text: `$6$rounds=200000$`, 16 of salt, `$` and 86 of digest are 120.
pub const HASH_TEXT_BYTES: usize = 128;
/// Bytes of a password. SHA-crypt's time grows with it, so it needs an end; a longer one is wrong at once.
pub const PASSWORD_BYTES: usize = 128;
/// Rounds of a SHA-crypt hash (`rounds=`). Computing one stops the only thread: 5,000, the usual number, take a
/// millisecond on a PC and, by estimate, a tenth of a second on a small router; this limit forty times that.
pub const HASH_ROUNDS: u32 = 200_000;
/// Bytes of a password file, comments and all. On the stack, only while it is read.
pub const PASSWORD_FILE_BYTES: usize = 16 * 1024;
/// Addresses with failed logins that are remembered at once. Each costs 56 bytes.
pub const THROTTLE_ADDRESSES: usize = 64;
/// Sessions that live at once. Each costs 56 bytes.
pub const SESSIONS: usize = 64;
/// Sessions that one address (IPv6: one /64 network) may hold.
pub const SESSIONS_PER_ADDRESS: usize = 16;
/// Bytes of a name from the network in a log line, escapes included.
pub const LOG_NAME_BYTES: usize = 64;
/// Bytes of the stack buffer for the answer to a short request: at most one page of the kernel's, but 8 KiB.
pub const ANSWER_BYTES: usize = 8 * 1024;
/// Ids in one call of `kill`.
pub const KILL_IDS: usize = 2048;
/// Bytes of a fault's sentence.
pub const FAULT_BYTES: usize = 320;
/// Bytes of a text argument: a filter's value, a user name, a password.
pub const ARGUMENT_BYTES: usize = 256;
/// Flows of the snapshot that are looked at between other events: about a tenth of a millisecond.
pub const SNAPSHOT_SLICE_FLOWS: usize = 512;
/// Addresses and paths listened on.
pub const LISTENERS: usize = 8;
/// The largest `--snapshot-flows`: 96 MiB.
pub const MOST_SNAPSHOT_FLOWS: u32 = 1 << 20;
/// Dumps of single clients at a time, beside the one that is shared. One more waits.
pub const STREAMS: usize = 4;
/// Bytes of each such dump's buffer.
pub const STREAM_BYTES: usize = 16 * 1024;
/// Request bodies at a time that are larger than a client's own input buffer. One more waits, unread.
pub const LARGE_BODIES: usize = 4;
/// Client slots that one address may hold while others want some.
pub const CLIENTS_PER_ADDRESS: usize = 16;
/// The same for this machine's own addresses and unix sockets, behind which a proxy may stand for many.
pub const CLIENTS_LOCAL: usize = 24;
/// Connections accepted between other events.
pub const ACCEPTS_A_TURN: usize = 16;
/// Milliseconds that a request's head may take from its first byte.
pub const HEAD_MS: u64 = 10_000;
/// Milliseconds that a request's body may take.
pub const BODY_MS: u64 = 20_000;
/// Milliseconds that a client may take to read one full output buffer.
pub const WRITE_MS: u64 = 20_000;
/// Milliseconds between two requests on one connection.
pub const IDLE_MS: u64 = 60_000;
/// Milliseconds that a call may wait for memory or for a dump before it is told that the daemon is busy.
pub const WAIT_MS: u64 = 30_000;
/// Milliseconds after which a slow or idle client makes room for one that waits for a slot.
pub const YIELD_MS: u64 = 1_000;
/// Milliseconds that the daemon may take to finish what is being answered when it is told to stop.
pub const STOP_MS: u64 = 5_000;
/// Milliseconds before another try when no client could be taken in.
pub const PAUSE_MS: u64 = 100;
/// Bytes still read and thrown away from a client that was refused, so that it gets to see why.
pub const DRAIN_BYTES: usize = 64 * 1024;
/// Milliseconds for that.
pub const DRAIN_MS: u64 = 1_000;
/// Milliseconds that the kernel may leave a dump without its next part. It answers at once or not at all; this is so that
/// a part which got lost ends as a fault, and the next dump can start.
pub const KERNEL_MS: u64 = 2_000;
