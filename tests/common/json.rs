//! JSON read the plain way, and strictly: RFC 8259 and nothing beside it.

/// A value. Numbers keep their text, so that nothing is rounded; members their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The member of an object; a test that asks for one which is not there fails.
    #[track_caller]
    pub fn get(&self, name: &str) -> &Json {
        let Json::Object(members) = self else { panic!("no object with {name}: {self:?}") };
        let found = members.iter().find(|(member, _)| member == name);
        &found.unwrap_or_else(|| panic!("no member {name} in {self:?}")).1
    }
}

/// The value that is all of `text`. Anything that RFC 8259 does not have, and a name that comes twice, is an `Err`.
pub fn parse(text: &str) -> Result<Json, String> {
    let mut reader = Reader { rest: text };
    let value = reader.value()?;
    reader.space();
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.wrong("the end")) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, wanted: &str) -> String {
        let here: String = self.rest.chars().take(60).collect();
        format!("{wanted} was expected at {here:?}")
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// Takes `token` if it is next, behind white space.
    fn eats(&mut self, token: &str) -> bool {
        self.space();
        let next = self.rest.strip_prefix(token);
        self.rest = next.unwrap_or(self.rest);
        next.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eats(token) { Ok(()) } else { Err(self.wrong(token)) }
    }

    fn value(&mut self) -> Result<Json, String> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
        {
            if self.eats(word) {
                return Ok(value);
            }
        }
        match self.rest.chars().next() {
            Some('"') => self.string().map(Json::Text),
            Some('[') => self.array(),
            Some('{') => self.object(),
            _ => self.number(),
        }
    }

    fn array(&mut self) -> Result<Json, String> {
        self.expect("[")?;
        let mut values = Vec::new();
        if self.eats("]") {
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.value()?);
            if self.eats("]") {
                return Ok(Json::Array(values));
            }
            self.expect(",")?;
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        self.expect("{")?;
        let mut members: Vec<(String, Json)> = Vec::new();
        if self.eats("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.expect(":")?;
            let value = self.value()?;
            if members.iter().any(|(known, _)| *known == name) {
                return Err(format!("two members {name}"));
            }
            members.push((name, value));
            if self.eats("}") {
                return Ok(Json::Object(members));
            }
            self.expect(",")?;
        }
    }

    fn digits(&mut self) -> Result<(), String> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let some = rest.len() < self.rest.len();
        self.rest = rest;
        if some { Ok(()) } else { Err(self.wrong("a digit")) }
    }

    fn number(&mut self) -> Result<Json, String> {
        let text = self.rest;
        self.rest = self.rest.strip_prefix('-').unwrap_or(self.rest);
        // A zero stands alone before the point.
        match self.rest.strip_prefix('0') {
            Some(rest) => self.rest = rest,
            None => self.digits()?,
        }
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            self.digits()?;
        }
        if let Some(rest) = self.rest.strip_prefix(['e', 'E']) {
            self.rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            self.digits()?;
        }
        Ok(Json::Number(text[..text.len() - self.rest.len()].to_owned()))
    }

    fn string(&mut self) -> Result<String, String> {
        let mut chars = self.rest.strip_prefix('"').ok_or_else(|| self.wrong("a string"))?.chars();
        let mut units: Vec<u16> = Vec::new();
        loop {
            match chars.next().ok_or("a string without end")? {
                '"' => break,
                '\\' => units.push(escape(&mut chars)?),
                c @ ..' ' => return Err(format!("a bare control character {c:?} in a string")),
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
        self.rest = chars.as_str();
        String::from_utf16(&units).map_err(|_| "half of a surrogate pair".to_owned())
    }
}

/// What stands behind a backslash: a unit of UTF-16.
fn escape(chars: &mut std::str::Chars<'_>) -> Result<u16, String> {
    let c = chars.next().ok_or("a string without end")?;
    Ok(match c {
        '"' | '\\' | '/' => c as u16,
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'u' => {
            let digits = chars.as_str().get(..4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
            let unit = u16::from_str_radix(digits.ok_or("an escape without four hex digits")?, 16);
            chars.nth(3);
            unit.map_err(|e| e.to_string())?
        }
        _ => return Err(format!("no escape: \\{c}")),
    })
}
