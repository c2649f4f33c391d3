//! The sorts of values that XML-RPC has.

/// What sort of value it is, whatever the client's name for the type.
// The enum takes a whole word, so that a struct which holds it is copied word by word.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// `i4`, `int`, `i8`, and Apache's `i1` and `i2`.
    Int,
    /// `boolean`.
    Boolean,
    /// `string`, or text without a type.
    String,
    /// `double`.
    Double,
    /// `base64`.
    Base64,
    /// `dateTime.iso8601`; its text is not looked into.
    DateTime,
    /// `array`.
    Array,
    /// `struct`.
    Struct,
    /// `nil`.
    Nil,
}

/// The names of types, without a prefix.
const NAMES: [(&str, ValueKind); 13] = [
    ("int", ValueKind::Int),
    ("i4", ValueKind::Int),
    ("i8", ValueKind::Int),
    ("i1", ValueKind::Int),
    ("i2", ValueKind::Int),
    ("boolean", ValueKind::Boolean),
    ("string", ValueKind::String),
    ("double", ValueKind::Double),
    ("base64", ValueKind::Base64),
    ("dateTime.iso8601", ValueKind::DateTime),
    ("array", ValueKind::Array),
    ("struct", ValueKind::Struct),
    ("nil", ValueKind::Nil),
];

impl ValueKind {
    /// The kind that a type's name means, without a prefix.
    pub(super) fn of(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}
