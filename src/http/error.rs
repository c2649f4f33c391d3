//! Everything that can be wrong with a request: its status, and a sentence for people.

/// A reply's status (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// A reply to a call, be it a fault, or to a GET.
    Ok = 200,
    /// The client has the file already.
    NotModified = 304,
    /// Not HTTP, or HTTP that could be read in two ways.
    BadRequest = 400,
    /// A foreign web page might have sent it, or it is not for this client.
    Forbidden = 403,
    /// No such path.
    NotFound = 404,
    /// A method that is not for this path.
    MethodNotAllowed = 405,
    /// The request took too long to arrive.
    RequestTimeout = 408,
    /// A POST that doesn't say where its body ends.
    LengthRequired = 411,
    /// A body over the limit.
    ContentTooLarge = 413,
    /// A body that is not plain XML.
    UnsupportedMediaType = 415,
    /// An `Expect` other than `100-continue`.
    ExpectationFailed = 417,
    /// A head over its limits.
    HeaderFieldsTooLarge = 431,
    /// The daemon's own fault.
    InternalServerError = 500,
    /// All slots are taken.
    ServiceUnavailable = 503,
    /// HTTP, but neither 1.0 nor 1.1.
    VersionNotSupported = 505,
}

impl Status {
    /// Those of errors.
    pub const ERRORS: &[Status] = &[
        Status::BadRequest,
        Status::Forbidden,
        Status::NotFound,
        Status::MethodNotAllowed,
        Status::RequestTimeout,
        Status::LengthRequired,
        Status::ContentTooLarge,
        Status::UnsupportedMediaType,
        Status::ExpectationFailed,
        Status::HeaderFieldsTooLarge,
        Status::InternalServerError,
        Status::ServiceUnavailable,
        Status::VersionNotSupported,
    ];

    /// The code, 200 to 505.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The code with its phrase, as the status line has them.
    pub fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::NotModified => "304 Not Modified",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::LengthRequired => "411 Length Required",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::UnsupportedMediaType => "415 Unsupported Media Type",
            Status::ExpectationFailed => "417 Expectation Failed",
            Status::HeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Status::InternalServerError => "500 Internal Server Error",
            Status::ServiceUnavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// The table of errors: what each means, its status, its sentence. A new one is a new row, and can't be
/// without any of them.
macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident, $status:ident, $text:literal;)+) => {
        /// Why a request is refused. The connection is closed after each of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Error {
            $($(#[$doc])* $name,)+
        }

        impl Error {
            /// All of them, for tests and documentation.
            pub const ALL: &'static [Error] = &[$(Error::$name,)+];

            /// The reply's status.
            pub fn status(self) -> Status {
                match self {
                    $(Error::$name => Status::$status,)+
                }
            }

            /// One sentence that says what was wrong and what would be right.
            pub fn text(self) -> &'static str {
                match self {
                    $(Error::$name => $text,)+
                }
            }
        }
    };
}

errors! {
    /// A request line that is not method, target and version with one space between.
    RequestLine, BadRequest, "The request line is not HTTP: it should read like POST /RPC2 HTTP/1.1.";
    /// A header field that is not `name: value`: also a folded one, or a space before the colon.
    FieldSyntax, BadRequest,
        "A header field is malformed: each is one line, name, colon, value, with no space before the colon.";
    /// A control character, or a carriage return without its line feed.
    ControlByte, BadRequest,
        "The head holds a control character or a bare carriage return: it should be plain text with CRLF line ends.";
    /// No `Host` in HTTP/1.1.
    HostMissing, BadRequest, "There is no Host field, which HTTP/1.1 requires.";
    /// More than one `Host`.
    HostTwice, BadRequest, "There is more than one Host field: send one.";
    /// A `Host`, or a target's host, that is no host with an optional port.
    HostSyntax, BadRequest,
        "The host is malformed: it should be a name or an address, with a port if need be.";
    /// More than one `Content-Length`, be they equal.
    LengthTwice, BadRequest, "There is more than one Content-Length: send one.";
    /// A `Content-Length` that is not plain decimal digits, or not below 2^64.
    LengthSyntax, BadRequest,
        "The Content-Length is not a number: it should be decimal digits and nothing else.";
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthAndChunked, BadRequest, "There are both Content-Length and Transfer-Encoding: send one of them.";
    /// A `Transfer-Encoding` other than exactly `chunked`, or one in HTTP/1.0.
    TransferCoding, BadRequest,
        "The Transfer-Encoding is not understood: only chunked is, and only in HTTP/1.1.";
    /// More than one `Content-Type`.
    MediaTwice, BadRequest, "There is more than one Content-Type: send one.";
    /// A chunk's size line, or the line end behind its data, is wrong.
    ChunkSyntax, BadRequest,
        "A chunk is malformed: it should be its size in hex, CRLF, that many bytes, CRLF.";
    /// A trailer field that is not `name: value`.
    TrailerSyntax, BadRequest, "A trailer field is malformed: each is one line, name, colon, value.";
    /// A `Host` that is not this machine's: maybe DNS rebinding.
    HostRefused, Forbidden,
        "The Host is not this machine's: use its address, localhost or its own name, or start rctd with --allow-host NAME.";
    /// An `Origin` that is not this server's own: another site's page sent it.
    OriginRefused, Forbidden,
        "The Origin is not this server's own: calls from another site's pages are refused.";
    /// A path other than `/`, `/RPC2` and those of [`super::Site`].
    Path, NotFound, "There is nothing at this path: calls go to /RPC2 or /, without a query.";
    /// A method other than POST for `/RPC2`.
    Method, MethodNotAllowed,
        "This address takes XML-RPC calls: send a POST with an XML body, no other method.";
    /// A method other than POST, GET and HEAD for `/`.
    RootMethod, MethodNotAllowed,
        "This address takes XML-RPC calls by POST and says what it is to a GET: send one of these.";
    /// A method other than GET and HEAD for what can only be read.
    ReadMethod, MethodNotAllowed,
        "What is at this address is read by GET: send one of these, or a HEAD. Calls go to /RPC2.";
    /// `/metrics` for a client of no network that `--metrics-allow` names.
    MetricsRefused, Forbidden,
        "The metrics are not for this address: start rctd with --metrics-allow NETWORK to let it read them.";
    /// The kernel did not tell what the metrics are made of; the caller says so.
    MetricsFailed, ServiceUnavailable,
        "The kernel's table can't be read for now: rctd's log says why. Try again in a second.";
    /// A GET or HEAD with a body.
    GetBody, BadRequest, "A GET or HEAD has a body, which means nothing here: leave it out, or send a POST.";
    /// A POST with neither `Content-Length` nor chunks.
    LengthMissing, LengthRequired,
        "The body's length is unknown: send Content-Length, or Transfer-Encoding: chunked.";
    /// A body over [`crate::limits::BODY_BYTES`].
    BodyTooLarge, ContentTooLarge, "The body is too long: a call may have 65536 bytes.";
    /// Over [`crate::limits::CHUNK_FRAMING_BYTES`] spent on the chunks' own lines.
    ChunkOverhead, ContentTooLarge,
        "The chunks are too many and too small: send larger ones, or Content-Length.";
    /// A `Content-Type` other than XML, or none in what a browser may have sent.
    MediaType, UnsupportedMediaType, "The body is not said to be XML: send Content-Type: text/xml.";
    /// A `charset` that is not known here.
    Charset, UnsupportedMediaType, "The charset is not understood: send utf-8, us-ascii or iso-8859-1.";
    /// A `Content-Encoding` other than `identity`.
    ContentCoding, UnsupportedMediaType,
        "The body is compressed or otherwise encoded: send it plain, without Content-Encoding.";
    /// An `Expect` other than `100-continue`.
    Expectation, ExpectationFailed, "The Expect field is not understood: only 100-continue is.";
    /// A head over [`crate::limits::HEAD_BYTES`].
    HeadTooLong, HeaderFieldsTooLarge, "The head is too long: it may have 4096 bytes.";
    /// Over [`crate::limits::HEAD_FIELDS`] fields in the head.
    HeadFields, HeaderFieldsTooLarge, "The head has too many fields: it may have 48.";
    /// Trailers over [`crate::limits::HEAD_BYTES`].
    TrailerTooLong, HeaderFieldsTooLarge, "The trailers are too long: they may have 4096 bytes.";
    /// A version other than 1.0 and 1.1.
    Version, VersionNotSupported, "This HTTP version is not spoken here: use HTTP/1.1 or HTTP/1.0.";
    /// The request did not arrive in time; the caller's clock says so.
    TooSlow, RequestTimeout, "The request did not arrive in time: send it in one go.";
    /// All slots are taken; the caller says so.
    Busy, ServiceUnavailable, "All connections are taken: try again in a second.";
    /// Something went wrong in the daemon itself.
    Internal, InternalServerError, "Something went wrong in rctd itself: see its log.";
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}
