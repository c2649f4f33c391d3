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
/// Parameters of one call.
pub const PARAMS: usize = 16;
/// Bytes of a procedure's name.
pub const METHOD_NAME_BYTES: usize = 64;
