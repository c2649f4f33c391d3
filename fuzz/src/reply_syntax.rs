//! Values written as XML-RPC and as JSON, through a small buffer: both are well-formed, and both say the same.

use super::json::{self, Json};
use super::xml;
use rctd::out::{Full, Out};
use rctd::syntax::{Document, Style, Syntax, WideInts, Writer};

/// Values that a document of this target has at most.
const VALUES: usize = 200;
/// Bytes of the output's buffer: a piece of this target is shorter.
const BUFFER_BYTES: usize = 1024;

/// A value as `data` describes it.
enum Value {
    Int(i64),
    Uint(u64),
    Bool(bool),
    Id(u32),
    Address([u8; 16], bool),
    Text(Vec<u8>),
    Array(Vec<Value>),
    Struct(Vec<Value>),
    Fault(i32, String),
}

/// Names of members; a struct has the first few of them.
const NAMES: [&str; 5] = ["id", "orig_ipv4_src", "table", "total", "x9"];

/// Writes what `data` describes, in both syntaxes.
pub fn run(data: &[u8]) {
    let mut input = Input { data, values: VALUES };
    let wide = [WideInts::Double, WideInts::I8, WideInts::String][input.byte() as usize % 3];
    let as_fault = input.byte() & 7 == 0;
    let value = if as_fault { Value::Fault(-32700, input.text()) } else { input.value(6) };
    let [xml, json] = [Syntax::Xml, Syntax::Json].map(|syntax| {
        let pieces = |sent: &mut Sent| match &value {
            Value::Fault(code, text) if as_fault => sent.piece(&|w| w.fault(*code, text)),
            _ => {
                sent.piece(&|w| w.reply_open());
                sent.value(&value);
                sent.piece(&|w| w.reply_close());
            }
        };
        let mut sent = Sent::new(Style { syntax, wide }, 0);
        pieces(&mut sent);
        let text = sent.finish();
        // However the buffer is cut, the bytes are the same.
        let mut again = Sent::new(Style { syntax, wide }, super::hash(data) as usize % BUFFER_BYTES);
        pieces(&mut again);
        assert_eq!(again.finish(), text);
        String::from_utf8(text).expect("UTF-8")
    });
    let from_xml = match xml::response(&xml).unwrap_or_else(|e| panic!("{e}: {xml}")) {
        Ok(value) if !as_fault => value,
        Err(value) if as_fault => value,
        _ => panic!("a fault for a value, or a value for a fault: {xml}"),
    };
    let from_json = json::parse(&json).unwrap_or_else(|e| panic!("{e}: {json}"));
    same(&value, &from_xml, &from_json);
}

/// What was written so far, and the buffer that it goes through.
struct Sent {
    document: Document,
    buffer: Vec<u8>,
    filled: usize,
    sent: Vec<u8>,
}

impl Sent {
    /// The first buffer has `begun` bytes less.
    fn new(style: Style, begun: usize) -> Sent {
        let buffer = vec![0; BUFFER_BYTES - begun];
        Sent { document: Document::new(style), buffer, filled: 0, sent: Vec::new() }
    }

    fn piece(&mut self, write: &dyn Fn(&mut Writer<'_>) -> Result<(), Full>) {
        let mut out = Out::at(&mut self.buffer, self.filled);
        if self.document.piece(&mut out, write).is_ok() {
            self.filled = out.len();
            return;
        }
        assert_eq!(out.len(), self.filled, "a part of a piece was written");
        self.sent.extend_from_slice(out.as_bytes());
        self.buffer.resize(BUFFER_BYTES, 0);
        let mut out = Out::new(&mut self.buffer);
        self.document.piece(&mut out, write).expect("a piece that fits the whole buffer");
        self.filled = out.len();
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Int(number) => self.piece(&|w| w.int(*number)),
            Value::Uint(number) => self.piece(&|w| w.uint(*number)),
            Value::Bool(yes) => self.piece(&|w| w.boolean(*yes)),
            Value::Id(id) => self.piece(&|w| w.id(*id)),
            Value::Address(address, v4) => self.piece(&|w| w.address(address, *v4)),
            Value::Text(text) => self.piece(&|w| w.string(text)),
            Value::Fault(code, text) => self.piece(&|w| w.fault_struct(*code, text)),
            Value::Array(values) => {
                self.piece(&|w| w.array_open());
                values.iter().for_each(|value| self.value(value));
                self.piece(&|w| w.array_close());
            }
            Value::Struct(values) => {
                self.piece(&|w| w.struct_open());
                for (name, value) in NAMES.into_iter().zip(values) {
                    self.piece(&|w| w.member(name));
                    self.value(value);
                    self.piece(&|w| w.member_close());
                }
                self.piece(&|w| w.struct_close());
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.sent.extend_from_slice(&self.buffer[..self.filled]);
        self.sent
    }
}

/// Reads the description of a value.
struct Input<'a> {
    data: &'a [u8],
    values: usize,
}

impl Input<'_> {
    /// The next byte; zeros behind the last.
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.data.split_first().unwrap_or((&0, &[]));
        self.data = rest;
        *first
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    fn text(&mut self) -> String {
        let count = usize::from(self.byte() % 64).min(self.data.len());
        let (text, rest) = self.data.split_at(count);
        self.data = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn items(&mut self, most: usize, depth: usize) -> Vec<Value> {
        let count = usize::from(self.byte()) % (most + 1);
        (0..count).map(|_| self.value(depth - 1)).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        self.values = self.values.saturating_sub(1);
        match self.byte() % 10 {
            8 if depth > 0 && self.values > 0 => Value::Array(self.items(20, depth)),
            9 if depth > 0 && self.values > 0 => Value::Struct(self.items(NAMES.len(), depth)),
            0 => Value::Bool(self.byte() & 1 == 1),
            // Fewer bits, so that small numbers come as well.
            1 => Value::Int(i64::from_be_bytes(self.bytes()) >> (self.byte() % 64)),
            2 => Value::Uint(u64::from_be_bytes(self.bytes()) >> (self.byte() % 64)),
            3 => Value::Id(u32::from_be_bytes(self.bytes())),
            4 => Value::Address(self.bytes(), false),
            5 => Value::Address(
                [0; 12].iter().copied().chain(self.bytes::<4>()).collect::<Vec<_>>().try_into().expect("16"),
                true,
            ),
            6 => Value::Fault(i32::from_be_bytes(self.bytes()), self.text()),
            _ => {
                let count = usize::from(self.byte() % 64).min(self.data.len());
                let (text, rest) = self.data.split_at(count);
                self.data = rest;
                Value::Text(text.to_vec())
            }
        }
    }
}

/// Compares what was to be written with what two readers found.
fn same(value: &Value, from_xml: &xml::Value, from_json: &Json) {
    match (value, from_xml, from_json) {
        (Value::Int(number), _, Json::Number(text)) => {
            is_number(&number.to_string(), *number as f64, from_xml, text)
        }
        (Value::Uint(number), _, Json::Number(text)) => {
            is_number(&number.to_string(), *number as f64, from_xml, text)
        }
        (Value::Bool(yes), xml::Value::Bool(a), Json::Bool(b)) => assert!(a == yes && b == yes),
        (Value::Id(id), xml::Value::Str(a), Json::Text(b)) => assert!(*a == id.to_string() && a == b),
        (Value::Address(address, v4), xml::Value::Str(a), Json::Text(b)) => {
            let [.., w, x, y, z] = *address;
            let text = match v4 {
                true => std::net::Ipv4Addr::new(w, x, y, z).to_string(),
                false => std::net::Ipv6Addr::from(*address).to_string(),
            };
            assert!(*a == text && *b == text, "{text} {a} {b}");
        }
        (Value::Text(bytes), xml::Value::Str(a), Json::Text(b)) => {
            is_text(&String::from_utf8_lossy(bytes), a, b)
        }
        (Value::Array(values), xml::Value::Array(a), Json::Array(b)) => {
            assert!(a.len() == values.len() && b.len() == values.len());
            values.iter().zip(a).zip(b).for_each(|((value, a), b)| same(value, a, b));
        }
        (Value::Struct(values), xml::Value::Struct(a), Json::Object(b)) => {
            assert!(a.len() == values.len() && b.len() == values.len());
            NAMES
                .into_iter()
                .zip(values)
                .for_each(|(name, value)| same(value, &a[name], from_json.get(name)));
        }
        (Value::Fault(code, text), xml::Value::Struct(a), Json::Object(b)) => {
            assert!(a.len() == 2 && b.len() == 2);
            same(&Value::Int((*code).into()), &a["faultCode"], from_json.get("faultCode"));
            same(&Value::Text(text.clone().into_bytes()), &a["faultString"], from_json.get("faultString"));
        }
        _ => panic!("{from_xml:?} and {from_json:?} are not of one kind, or not of the one that was written"),
    }
}

/// JSON has every digit; XML-RPC has them too but where a number goes out as a double.
fn is_number(digits: &str, rounded: f64, from_xml: &xml::Value, from_json: &str) {
    assert_eq!(from_json, digits);
    match from_xml {
        xml::Value::Int(number) | xml::Value::I8(number) => assert_eq!(number.to_string(), digits),
        xml::Value::Str(text) => assert_eq!(text, digits),
        xml::Value::Double(number) => assert_eq!(*number, rounded),
        _ => panic!("{from_xml:?} is no number"),
    }
}

/// JSON has every character; what XML 1.0 can't carry became U+FFFD there.
fn is_text(text: &str, from_xml: &str, from_json: &str) {
    assert_eq!(from_json, text);
    let carried = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let expected: String = text.chars().map(|c| if carried(c) { c } else { '\u{fffd}' }).collect();
    assert_eq!(from_xml, expected);
}
