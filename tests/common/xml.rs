//! XML-RPC values, written and read the plain way: a tree, no limits.
use std::collections::BTreeMap;

/// A value of XML-RPC, of both directions.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `<int>`
    Int(i64),
    /// `<i8>`
    I8(i64),
    Double(f64),
    Bool(bool),
    Str(String),
    Nil,
    Array(Vec<Value>),
    Struct(BTreeMap<String, Value>),
    /// XML as it stands, to send what an encoder would not.
    Raw(&'static str),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Str(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        if i32::try_from(number).is_ok() { Value::Int(number) } else { Value::I8(number) }
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Value {
        Value::Array(values)
    }
}

/// A struct of these members.
pub fn members<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Struct(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// An array of strings.
pub fn strings<T: ToString>(all: impl IntoIterator<Item = T>) -> Value {
    Value::Array(all.into_iter().map(|one| Value::Str(one.to_string())).collect())
}

impl Value {
    /// The member of a struct; a test that asks for one which is not there fails.
    #[track_caller]
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Value::Struct(members) => {
                members.get(name).unwrap_or_else(|| panic!("no member {name} in {self:?}"))
            }
            _ => panic!("no struct with {name}: {self:?}"),
        }
    }

    #[track_caller]
    pub fn array(&self) -> &[Value] {
        match self {
            Value::Array(values) => values,
            _ => panic!("no array: {self:?}"),
        }
    }

    #[track_caller]
    pub fn str(&self) -> &str {
        match self {
            Value::Str(text) => text,
            _ => panic!("no string: {self:?}"),
        }
    }

    /// A whole number, whichever type it came as.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(number) | Value::I8(number) => *number,
            Value::Double(number) if number.fract() == 0.0 => *number as i64,
            _ => panic!("no whole number: {self:?}"),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

fn write(out: &mut String, value: &Value) {
    out.push_str("<value>");
    match value {
        Value::Int(number) => out.push_str(&format!("<int>{number}</int>")),
        Value::I8(number) => out.push_str(&format!("<i8>{number}</i8>")),
        Value::Double(number) => out.push_str(&format!("<double>{number}</double>")),
        Value::Bool(yes) => out.push_str(&format!("<boolean>{}</boolean>", u8::from(*yes))),
        Value::Str(text) => out.push_str(&format!("<string>{}</string>", escape(text))),
        Value::Nil => out.push_str("<nil/>"),
        Value::Raw(xml) => out.push_str(xml),
        Value::Array(values) => {
            out.push_str("<array><data>");
            values.iter().for_each(|value| write(out, value));
            out.push_str("</data></array>");
        }
        Value::Struct(members) => {
            out.push_str("<struct>");
            for (name, value) in members {
                out.push_str(&format!("<member><name>{}</name>", escape(name)));
                write(out, value);
                out.push_str("</member>");
            }
            out.push_str("</struct>");
        }
    }
    out.push_str("</value>");
}

/// The document that calls a procedure.
pub fn call(method: &str, params: &[Value]) -> String {
    let mut out =
        format!("<?xml version=\"1.0\"?>\n<methodCall><methodName>{}</methodName><params>", escape(method));
    for param in params {
        out.push_str("<param>");
        write(&mut out, param);
        out.push_str("</param>");
    }
    out + "</params></methodCall>\n"
}

/// What a document answers: a value, or the struct of a fault. Anything but a well-formed answer is an `Err`.
pub fn response(document: &str) -> Result<Result<Value, Value>, String> {
    let mut reader = Reader { rest: document.trim_start() };
    if reader.rest.starts_with("<?xml") {
        let end = reader.rest.find("?>").ok_or("an XML declaration without end")?;
        reader.rest = &reader.rest[end + 2..];
    }
    reader.open("methodResponse")?;
    let answer = if reader.tries("fault") {
        let fault = reader.value()?;
        reader.close("fault")?;
        Err(fault)
    } else {
        reader.open("params")?;
        reader.open("param")?;
        let value = reader.value()?;
        reader.close("param")?;
        reader.close("params")?;
        Ok(value)
    };
    reader.close("methodResponse")?;
    match reader.rest.trim() {
        "" => Ok(answer),
        more => Err(format!("more after the document's end: {more}")),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Takes this tag if it is next.
    fn eats(&mut self, tag: &str) -> bool {
        let rest = self.rest.trim_start();
        let next = rest.strip_prefix(tag);
        self.rest = next.unwrap_or(self.rest);
        next.is_some()
    }

    fn tries(&mut self, name: &str) -> bool {
        self.eats(&format!("<{name}>"))
    }

    fn open(&mut self, name: &str) -> Result<(), String> {
        if self.tries(name) { Ok(()) } else { Err(self.wrong(&format!("<{name}>"))) }
    }

    fn close(&mut self, name: &str) -> Result<(), String> {
        if self.eats(&format!("</{name}>")) { Ok(()) } else { Err(self.wrong(&format!("</{name}>"))) }
    }

    fn wrong(&self, wanted: &str) -> String {
        let here: String = self.rest.chars().take(60).collect();
        format!("{wanted} was expected at {here:?}")
    }

    /// Text up to the next tag, entities resolved.
    fn text(&mut self) -> Result<String, String> {
        let end = self.rest.find('<').ok_or("text without end")?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let mut parts = text.split('&');
        let mut out = parts.next().unwrap_or("").to_owned();
        for part in parts {
            let (entity, rest) = part.split_once(';').ok_or("a bare &")?;
            out.push(entity_char(entity).ok_or(format!("unknown entity {entity}"))?);
            out.push_str(rest);
        }
        Ok(out)
    }

    fn value(&mut self) -> Result<Value, String> {
        self.open("value")?;
        let value = self.typed()?;
        self.close("value")?;
        Ok(value)
    }

    fn typed(&mut self) -> Result<Value, String> {
        if self.eats("<nil/>") {
            return Ok(Value::Nil);
        }
        for name in ["int", "i4", "i8", "double", "boolean", "string", "array", "struct"] {
            if self.tries(name) {
                let value = match name {
                    "array" => self.array()?,
                    "struct" => self.structure()?,
                    _ => scalar(name, self.text()?)?,
                };
                self.close(name)?;
                return Ok(value);
            }
        }
        if self.eats("<string/>") {
            return Ok(Value::Str(String::new()));
        }
        self.text().map(Value::Str)
    }

    fn array(&mut self) -> Result<Value, String> {
        self.open("data")?;
        let mut values = Vec::new();
        while !self.eats("</data>") {
            values.push(self.value()?);
        }
        Ok(Value::Array(values))
    }

    fn structure(&mut self) -> Result<Value, String> {
        let mut members = BTreeMap::new();
        while self.tries("member") {
            self.open("name")?;
            let name = self.text()?;
            self.close("name")?;
            let value = self.value()?;
            self.close("member")?;
            if members.insert(name.clone(), value).is_some() {
                return Err(format!("two members {name}"));
            }
        }
        Ok(Value::Struct(members))
    }
}

fn entity_char(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let code = entity.strip_prefix('#')?;
            let number = match code.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(number)
        }
    }
}

/// An `<int>` beyond 32 signed bits is what some clients can't read: here it is an error.
fn scalar(name: &str, text: String) -> Result<Value, String> {
    let wrong = || format!("{text:?} is no {name}");
    match name {
        "int" | "i4" => text.parse::<i32>().map(|n| Value::Int(n.into())).map_err(|_| wrong()),
        "i8" => text.parse().map(Value::I8).map_err(|_| wrong()),
        "double" => text.parse().map(Value::Double).map_err(|_| wrong()),
        "boolean" if text == "0" || text == "1" => Ok(Value::Bool(text == "1")),
        "boolean" => Err(wrong()),
        _ => Ok(Value::Str(text)),
    }
}
