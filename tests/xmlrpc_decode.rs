//! What is a call and what is not: tables of documents.

use rctd::limits::PARAMS;
use rctd::xmlrpc::{Call, Class, DecodeError, Text, TooLong, Value, ValueKind, parse_call};

fn document(value: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><methodCall><methodName>m</methodName><params><param>{value}</param></params></methodCall>"
    )
}

/// One value's meaning in a notation of the test's own.
fn show(value: &Value<'_>) -> String {
    let quoted = |text: Text<'_>| format!("{:?}", text.chars().collect::<String>());
    match value.kind() {
        ValueKind::Int => value.as_int().map(|v| v.to_string()),
        ValueKind::Boolean => value.as_bool().map(|v| v.to_string()),
        ValueKind::String => value.as_text().map(quoted),
        ValueKind::Double => value.as_double().map(|v| format!("{v:?}")),
        ValueKind::Base64 => {
            let mut space = vec![0; value.range().len()];
            value.copy_base64(&mut space).map(|bytes| format!("b{:?}", bytes.unwrap_or_default()))
        }
        ValueKind::DateTime => value.as_scalar_text().map(|t| format!("t{}", quoted(t))),
        ValueKind::Array => {
            value.as_array().map(|a| format!("[{}]", a.map(|v| show(&v)).collect::<Vec<_>>().join(" ")))
        }
        ValueKind::Struct => value.as_struct().map(|s| {
            let members = s.map(|(name, v)| format!("{}:{}", quoted(name), show(&v)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
        }),
        ValueKind::Nil => Some("nil".to_string()),
    }
    .unwrap_or_else(|| panic!("{value:?} is not of its own kind"))
}

fn parse_value(value: &str) -> Result<String, DecodeError> {
    let body = document(value);
    parse_call(&body).map(|call| call.params.iter().map(|v| show(&v)).collect::<Vec<_>>().join(" "))
}

#[test]
fn values_that_are_right() {
    for (xml, meaning) in [
        ("<value/>", "\"\""),
        ("<value></value>", "\"\""),
        ("<value > a b\n</value >", "\" a b\\n\""),
        ("<value>  </value>", "\"  \""),
        ("<value><!-- c --></value>", "\"\""),
        ("<value>a<!-- <int> -->b<?p i?><![CDATA[<c>]]>&amp;&#x20AC;</value>", "\"ab<c>&€\""),
        ("<value><string/></value>", "\"\""),
        ("<value><string></string></value>", "\"\""),
        ("<value>\n <string> x\r\ny </string>\n</value>", "\" x\\ny \""),
        ("<value><!-- a --> <?p?> <int>1</int> <!-- b --></value>", "1"),
        ("<value><i4>-2147483648</i4></value>", "-2147483648"),
        ("<value><int>4294967295</int></value>", "4294967295"),
        ("<value><int>\n +007 </int></value>", "7"),
        ("<value><int><!-- odd -->&#49;<![CDATA[2]]></int></value>", "12"),
        ("<value><i8>9223372036854775807</i8></value>", "9223372036854775807"),
        ("<value><ex:i8 xmlns:ex='x'>-9223372036854775808</ex:i8></value>", "-9223372036854775808"),
        ("<value><ex:i1>-128</ex:i1></value>", "-128"),
        ("<value><ex:i2>32767</ex:i2></value>", "32767"),
        ("<value><boolean>1</boolean></value>", "true"),
        ("<value><boolean> 0\n</boolean></value>", "false"),
        ("<value><boolean>true</boolean></value>", "true"),
        ("<value><boolean> false </boolean></value>", "false"),
        ("<value><double>3000000000.000000</double></value>", "Whole(3000000000)"),
        ("<value><double>-.5</double></value>", "Other"),
        ("<value><double>+1e3</double></value>", "Whole(1000)"),
        ("<value><double>5.</double></value>", "Whole(5)"),
        ("<value><double>1.5E-3</double></value>", "Other"),
        ("<value><double>-15.0e+1</double></value>", "Whole(-150)"),
        ("<value><double>1500E-2</double></value>", "Whole(15)"),
        ("<value><double>1500E-3</double></value>", "Other"),
        ("<value><double>0.0025e4</double></value>", "Whole(25)"),
        ("<value><double>0e9999999999</double></value>", "Whole(0)"),
        ("<value><double>-0.000</double></value>", "Whole(0)"),
        ("<value><double>9007199254740992</double></value>", "Whole(9007199254740992)"),
        ("<value><double>-9007199254740992.0</double></value>", "Whole(-9007199254740992)"),
        ("<value><double>9007199254740993</double></value>", "Other"),
        ("<value><double>1e15</double></value>", "Whole(1000000000000000)"),
        ("<value><double>1e16</double></value>", "Other"),
        ("<value><double>1e308</double></value>", "Other"),
        ("<value><double>0.001e311</double></value>", "Other"),
        ("<value><double>1e-99999999999</double></value>", "Other"),
        ("<value><base64>cMO8\r\n</base64></value>", "b[112, 195, 188]"),
        ("<value><base64>AA==</base64></value>", "b[0]"),
        ("<value><base64>/+A</base64></value>", "b[255, 224]"),
        ("<value><base64/></value>", "b[]"),
        ("<value><dateTime.iso8601>19980717T14:08:55</dateTime.iso8601></value>", "t\"19980717T14:08:55\""),
        ("<value><nil/></value>", "nil"),
        ("<value><ex:nil> </ex:nil></value>", "nil"),
        ("<value><array><data/></array></value>", "[]"),
        (
            "<value><array> <data> <value/> <!-- x --><value><int>1</int></value></data> </array></value>",
            "[\"\" 1]",
        ),
        ("<value><struct/></value>", "{}"),
        (
            "<value><struct> <member> <name>a&amp;b</name> <value>1</value> </member>\
             <member><name/><value><struct><member><name>x</name><value><nil/></value></member></struct></value></member>\
             <member><name>a&amp;b</name><value><array><data><value>y</value></data></array></value></member></struct></value>",
            "{\"a&b\":\"1\" \"\":{\"x\":nil} \"a&b\":[\"y\"]}",
        ),
    ] {
        assert_eq!(parse_value(xml).as_deref(), Ok(meaning), "{xml}");
    }
}

#[test]
fn values_that_are_wrong() {
    for (xml, what) in [
        ("<value><int/></value>", "decimal digits"),
        ("<value><int>1 2</int></value>", "decimal digits"),
        ("<value><int>-</int></value>", "decimal digits"),
        ("<value><int>0x10</int></value>", "decimal digits"),
        ("<value><int>1.0</int></value>", "decimal digits"),
        ("<value><i4>4294967296</i4></value>", "-2147483648 to 4294967295"),
        ("<value><i4>-2147483649</i4></value>", "-2147483648 to 4294967295"),
        ("<value><i4>99999999999999999999999</i4></value>", "-2147483648 to 4294967295"),
        ("<value><i8>9223372036854775808</i8></value>", "9223372036854775807"),
        ("<value><i8>-9223372036854775809</i8></value>", "9223372036854775807"),
        ("<value><i1>128</i1></value>", "-128 to 127"),
        ("<value><i2>-32769</i2></value>", "-32768 to 32767"),
        ("<value><boolean>True</boolean></value>", "0 or 1"),
        ("<value><boolean>yes</boolean></value>", "0 or 1"),
        ("<value><boolean/></value>", "0 or 1"),
        ("<value><boolean>01</boolean></value>", "0 or 1"),
        ("<value><double/></value>", "decimal"),
        ("<value><double>nan</double></value>", "decimal"),
        ("<value><double>inf</double></value>", "decimal"),
        ("<value><double>1e999</double></value>", "range"),
        ("<value><double>1e309</double></value>", "range"),
        ("<value><double>1e99999999999</double></value>", "range"),
        ("<value><double>1e</double></value>", "decimal"),
        ("<value><double>1e+</double></value>", "decimal"),
        ("<value><double>e1</double></value>", "decimal"),
        ("<value><double>1e1e1</double></value>", "decimal"),
        ("<value><double>1.2.3</double></value>", "decimal"),
        ("<value><double>+-1</double></value>", "decimal"),
        ("<value><double>--1</double></value>", "decimal"),
        ("<value><double>1,5</double></value>", "decimal"),
        ("<value><double>.</double></value>", "decimal"),
        ("<value><base64>AA-A</base64></value>", "base64 is"),
        ("<value><base64>A</base64></value>", "base64 is"),
        ("<value><base64>A=AA</base64></value>", "base64 is"),
        ("<value><base64>AA===</base64></value>", "base64 is"),
        ("<value><nil>0</nil></value>", "nil holds nothing"),
        ("<value>a<int>1</int></value>", "write < as &lt;"),
        ("<value><int>1</int>a</value>", "nothing beside it"),
        ("<value><int>1</int><int>1</int></value>", "nothing beside it"),
        ("<value><string>a<b/></string></value>", "write < as &lt;"),
        ("<value><Int>1</Int></value>", "not a type"),
        ("<value><ey:i8>1</ey:i8></value>", "not a type"),
        ("<value><value/></value>", "not a type"),
        ("<value><array/></value>", "exactly one data"),
        ("<value><array><data/><data/></array></value>", "exactly one data"),
        ("<value><array><value/></array></value>", "exactly one data"),
        ("<value><array><data>1</data></array></value>", "only values"),
        ("<value><array><data><int>1</int></data></array></value>", "only values"),
        ("<value><array><data><![CDATA[ ]]></data></array></value>", "only values"),
        ("<value><![CDATA[]]><int>1</int></value>", "write < as &lt;"),
        ("<value><int>1</int><![CDATA[]]></value>", "nothing beside it"),
        ("<value><struct><value/></struct></value>", "only members"),
        ("<value><struct>x</struct></value>", "only members"),
        ("<value><struct><member/></struct></value>", "one name and then one value"),
        ("<value><struct><member><name>a</name></member></struct></value>", "one name and then one value"),
        (
            "<value><struct><member><value/><name>a</name></member></struct></value>",
            "one name and then one value",
        ),
        (
            "<value><struct><member><name/><value/><value/></member></struct></value>",
            "one name and then one value",
        ),
        ("<value><struct><member><name><b/></name><value/></member></struct></value>", "write < as &lt;"),
        ("", "one value"),
        ("<value/><value/>", "one value"),
        ("x", "one value"),
    ] {
        let error = parse_value(xml).err().unwrap_or_else(|| panic!("{xml} is accepted"));
        assert_eq!(error.class, Class::BadValue, "{xml}: {error:?}");
        assert!(error.what.contains(what), "{xml}: {error:?}");
    }
}

#[test]
fn documents_that_are_not_well_formed() {
    for (xml, what) in [
        ("", "no element"),
        ("  \n", "no element"),
        ("<!-- x -->", "no element"),
        ("hello", "can't stand here"),
        ("<methodCall></methodcall>", "innermost first"),
        ("<methodCall><methodName>m</methodCall></methodName>", "innermost first"),
        ("<methodCall><methodName>m</methodName><params></methodCall>", "innermost first"),
        ("<methodCall><methodName>m</methodName></methodCall><methodCall/>", "can't stand here"),
        ("<methodCall><methodName>m</methodName></methodCall>x", "can't stand here"),
        ("<methodCall><methodName>m</methodName></methodCall></methodCall>", "can't stand here"),
        ("<methodCall a='1' a='2'><methodName>m</methodName></methodCall>", "given twice"),
        ("<methodCall a = '1' b='' a='2'><methodName>m</methodName></methodCall>", "given twice"),
        ("<methodCall a='&x;'><methodName>m</methodName></methodCall>", "known reference"),
        ("<methodCall a='<'><methodName>m</methodName></methodCall>", "attribute is malformed"),
        ("<methodCall a=1><methodName>m</methodName></methodCall>", "attribute is malformed"),
        ("<methodCall a><methodName>m</methodName></methodCall>", "attribute is malformed"),
        ("<:methodCall></:methodCall>", "colon"),
        ("<methodCall><methodName>&nbsp;</methodName></methodCall>", "known reference"),
        ("<methodCall><methodName>a & b</methodName></methodCall>", "known reference"),
        ("<methodCall><methodName>&#0;</methodName></methodCall>", "known reference"),
        ("<methodCall><methodName>&#xD800;</methodName></methodCall>", "known reference"),
        ("<methodCall><methodName>a]]>b</methodName></methodCall>", "]]&gt;"),
        ("<methodCall><methodName>\u{1}</methodName></methodCall>", "can't carry"),
        ("<methodCall><methodName>\0</methodName></methodCall>", "can't carry"),
        ("<methodCall><methodName>\u{ffff}</methodName></methodCall>", "can't carry"),
        ("<methodCall><!-- a -- b --></methodCall>", "comment is malformed"),
        ("<methodCall><![CDATA[ ]]</methodCall>", "CDATA section is malformed"),
        ("<methodCall><?p?!></methodCall>", "processing instruction"),
        ("<methodCall><?p\"x?></methodCall>", "processing instruction"),
        ("<methodCall><?XML x?></methodCall>", "very start"),
        (" <?xml version='1.0'?><methodCall/>", "can't stand here"),
        (" <?xml\tversion='1.0'?><methodCall/>", "very start"),
        ("<?xml?><methodCall/>", "very start"),
        ("<?xml version='1.'?><methodCall/>", "declaration is malformed"),
        ("<?xml version='2.0'?><methodCall/>", "declaration is malformed"),
        ("<?xml version='1.0' encoding='-'?><methodCall/>", "declaration is malformed"),
        ("<!DOCTYPE methodCall><methodCall/>", "DOCTYPE is refused"),
        ("<!DOCTYPE", "DOCTYPE is refused"),
        (
            "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]>\
             <methodCall><methodName>&c;</methodName></methodCall>",
            "DOCTYPE is refused",
        ),
        ("<!-- x --><!DOCTYPE m SYSTEM 'file:///etc/passwd'><methodCall/>", "DOCTYPE is refused"),
        ("<methodCall><!DOCTYPE m></methodCall>", "can't stand here"),
    ] {
        let error = parse_call(xml).err().unwrap_or_else(|| panic!("{xml} is accepted"));
        assert_eq!(error.class, Class::NotWellFormed, "{xml}: {error:?}");
        assert!(error.what.contains(what), "{xml}: {error:?}");
        assert!(error.at <= xml.len(), "{xml}: {error:?}");
    }
}

#[test]
fn documents_that_are_no_call() {
    for (xml, what) in [
        ("<methodResponse/>", "root element"),
        ("<html><body>", "root element"),
        ("<methodCall/>", "one methodName"),
        ("<methodCall>x</methodCall>", "one methodName"),
        ("<methodCall><params/></methodCall>", "one methodName"),
        ("<methodCall><methodName>m</methodName><params/><params/></methodCall>", "one methodName"),
        ("<methodCall><methodName>m</methodName><methodName>m</methodName></methodCall>", "one methodName"),
        ("<methodCall><methodName>m</methodName>x</methodCall>", "one methodName"),
        ("<methodCall><methodName/></methodCall>", "letters, digits"),
        ("<methodCall><methodName> </methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName>a b</methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName>a&amp;b</methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName>ä</methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName><![CDATA[]]></methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName>a<![CDATA[b]]></methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName><![CDATA[a]]><![CDATA[b]]></methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName><![CDATA[a&amp;b]]></methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName><!-- a -->b</methodName></methodCall>", "letters, digits"),
        ("<methodCall><methodName>m</methodName><params><value/></params></methodCall>", "only param"),
        ("<methodCall><methodName>m</methodName><params>x</params></methodCall>", "only param"),
    ] {
        let error = parse_call(xml).err().unwrap_or_else(|| panic!("{xml} is accepted"));
        assert_eq!(error.class, Class::NotACall, "{xml}: {error:?}");
        assert!(error.what.contains(what), "{xml}: {error:?}");
    }
}

#[test]
fn calls_in_unusual_clothes() {
    for (xml, method, params) in [
        ("<methodCall><methodName>m</methodName></methodCall>", "m", 0),
        ("<methodCall><methodName>m</methodName><params/></methodCall>", "m", 0),
        ("<methodCall><methodName><![CDATA[login]]></methodName></methodCall>", "login", 0),
        ("<methodCall><methodName>\n <![CDATA[ CDATA\t]]>\n</methodName></methodCall>", "CDATA", 0),
        (
            "<methodCall><methodName>\n system.a/b:C_9\t</methodName><params> </params></methodCall>\r\n",
            "system.a/b:C_9",
            0,
        ),
        ("\u{feff}<methodCall><methodName>m</methodName></methodCall>", "m", 0),
        (
            "<?xml\tversion='1.0'\nencoding='utf-8'?><methodCall><methodName>m</methodName></methodCall>",
            "m",
            0,
        ),
        (
            "<?xml version='1.1' standalone='yes' ?>\n<!-- a --><?p?><methodCall><methodName>m</methodName></methodCall><!-- b --><?p?>",
            "m",
            0,
        ),
        (
            "<methodCall xmlns:ex=\"http://ws.apache.org/xmlrpc/namespaces/extensions\" a='&lt;>'><methodName >m</methodName ><params>\
             <param><value><ex:i8>5</ex:i8></value></param> <param> <value>x</value> </param></params></methodCall>",
            "m",
            2,
        ),
    ] {
        let call = parse_call(xml).unwrap_or_else(|e| panic!("{xml}: {e:?}"));
        assert_eq!(
            (call.method, call.params.len(), call.params.is_empty()),
            (method, params, params == 0),
            "{xml}"
        );
        assert_eq!(call.params.iter().count(), params, "{xml}");
        assert!(call.params.get(params).is_none());
    }
}

/// Line and column of a byte, both from 1: lines end in LF, columns are characters.
fn line_column(body: &str, at: usize) -> (usize, usize) {
    let before = &body[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[test]
fn errors_say_where() {
    for (body, place) in [
        ("<methodCall>\n <methodName>m</methodName>\n <params>\n<param><value><int>ü</int>", (4, 20)),
        ("<methodCall>\n<methodName>ü&x;", (2, 14)),
        ("<methodCall>\n<methodName>\u{1}", (2, 13)),
        ("<methodCall>\n</methodCal>", (2, 1)),
        ("\n<!DOCTYPE x>", (2, 1)),
        ("<methodCall a='1'\n b=2>", (2, 4)),
        ("<methodCall a='1'\n a='2'>", (2, 2)),
        ("<methodCall a='1'\n b='&x;'>", (2, 5)),
        ("<?xml version='1.0'?>\n <!DOCTYPE", (2, 2)),
        ("<?xml version='1.0'?>\n<methodCall abc\n!='1'>", (3, 1)),
        ("<?xml version='1.0'\n standalone='maybe'?>", (2, 14)),
        ("<?xml version='1.0'?>\n<methodCall><![CDATX[", (2, 13)),
        ("<?xml version='1.0'?>\n<methodCall></methodCall !>", (2, 26)),
    ] {
        let error = parse_call(body).err().unwrap_or_else(|| panic!("{body} is accepted"));
        assert_eq!(line_column(body, error.at), place, "{body}: {error:?}");
    }
}

#[test]
fn accessors_of_another_kind_give_nothing() {
    let all = "<value><array><data><value><int>1</int></value><value><boolean>1</boolean></value><value>1</value><value><double>1</double></value>\
               <value><base64/></value><value><nil/></value><value><struct/></value><value><dateTime.iso8601/></value></data></array></value>";
    let body = document(all);
    let array =
        parse_call(&body).ok().and_then(|call| call.params.get(0)).unwrap_or_else(|| panic!("no value"));
    for value in array.as_array().into_iter().flatten().chain([array]) {
        let kind = value.kind();
        assert_eq!(value.as_int().is_some(), kind == ValueKind::Int);
        assert_eq!(value.as_bool().is_some(), kind == ValueKind::Boolean);
        assert_eq!(value.as_text().is_some(), kind == ValueKind::String);
        assert_eq!(value.as_double().is_some(), kind == ValueKind::Double);
        assert_eq!(value.copy_base64(&mut []).is_some(), kind == ValueKind::Base64);
        assert_eq!(value.as_array().is_some(), kind == ValueKind::Array);
        assert_eq!(value.as_struct().is_some(), kind == ValueKind::Struct);
        let scalar = !matches!(kind, ValueKind::Array | ValueKind::Struct | ValueKind::Nil);
        assert_eq!(value.as_scalar_text().is_some(), scalar);
    }
}

#[test]
fn copies_fit_or_say_so() {
    let body = document(
        "<value><array><data><value><base64>AAECAw==</base64></value><value>a&#8364;b</value></data></array></value>",
    );
    let call = parse_call(&body).unwrap_or_else(|e| panic!("{e:?}"));
    let values: Vec<_> = call.params.get(0).and_then(|v| v.as_array()).into_iter().flatten().collect();
    let [bytes, text] = values.as_slice() else { panic!("{values:?}") };
    assert_eq!((&body[bytes.range()], &body[text.range()]), ("AAECAw==", "a&#8364;b"));
    for size in 0..8 {
        let mut space = vec![0; size];
        let expected: Result<&[u8], _> = if size >= 4 { Ok(&[0, 1, 2, 3]) } else { Err(TooLong) };
        assert_eq!(bytes.copy_base64(&mut space), Some(expected));
        let copied = text.as_text().map(|t| t.copy_to(&mut space).map(str::to_string));
        assert_eq!(copied, Some(if size >= 5 { Ok("a€b".to_string()) } else { Err(TooLong) }));
    }
    assert_eq!(text.as_text().map(|t| (t.raw(), &body[t.range()])), Some(("a&#8364;b", "a&#8364;b")));
}

#[test]
fn a_text_may_come_as_base64() {
    let copied = |xml: &str, size: usize| {
        let body = document(xml);
        let value =
            parse_call(&body).ok().and_then(|call| call.params.get(0)).unwrap_or_else(|| panic!("{xml}"));
        value.copy_text(&mut vec![0; size]).map(|text| text.map(str::to_owned))
    };
    for (xml, meaning) in [
        ("<value>a&#8364;b</value>", "a€b"),
        ("<value><string/></value>", ""),
        ("<value><base64>YeKCrGI=</base64></value>", "a€b"),
        ("<value><base64>\n YeKC\n rGI </base64></value>", "a€b"),
        ("<value><base64/></value>", ""),
    ] {
        for size in 0..=meaning.len() {
            let expected = if size == meaning.len() { Ok(meaning.to_owned()) } else { Err(TooLong) };
            assert_eq!(copied(xml, size), Some(expected), "{xml} in {size}");
        }
    }
    // Bytes that are no text, and values that are none.
    for xml in
        ["<base64>/w==</base64>", "<base64>YeKC</base64>", "<int>1</int>", "<array><data/></array>", "<nil/>"]
    {
        assert_eq!(copied(&format!("<value>{xml}</value>"), 9), None, "{xml}");
    }
}

#[test]
fn multicall_entries() {
    let name = "<member><name>methodName</name><value>m</value></member>";
    let params = |count: usize| {
        format!(
            "<member><name>params</name><value><array><data>{}</data></array></value></member>",
            "<value/>".repeat(count)
        )
    };
    let entry = |members: &str| {
        let body = document(&format!(
            "<value><array><data><value><struct>{members}</struct></value></data></array></value>"
        ));
        let call = parse_call(&body).unwrap_or_else(|e| panic!("{e:?}"));
        let entry = call.params.get(0).and_then(|v| v.as_array()).and_then(|mut a| a.next());
        let entry = entry.unwrap_or_else(|| panic!("no entry"));
        Call::from_entry(&entry)
            .map(|c| (c.method.to_string(), c.params.iter().count(), c.params.len()))
            .map_err(|e| e.class)
    };
    assert_eq!(entry(&format!("{name}{}", params(2))), Ok(("m".into(), 2, 2)));
    assert_eq!(entry(&format!("{}{name}", params(PARAMS))), Ok(("m".into(), PARAMS, PARAMS)));
    for wrong in [
        String::new(),
        name.to_string(),
        params(0),
        format!("{name}{name}{}", params(0)),
        format!("{name}{}{}", params(0), params(0)),
        format!("{name}{}<member><name>x</name><value/></member>", params(0)),
        format!("{}<member><name>methodName</name><value><int>1</int></value></member>", params(0)),
        format!("{}<member><name>method</name><value>m</value></member>", params(0)),
        format!("{name}<member><name>args</name><value><array><data/></array></value></member>"),
        format!("{name}<member><name>params</name><value/></member>"),
        format!("{name}{}", params(PARAMS + 1)),
    ] {
        assert_eq!(entry(&wrong), Err(Class::BadValue), "{wrong}");
    }
    let bad = format!("<member><name>methodName</name><value>a b</value></member>{}", params(0));
    assert_eq!(entry(&bad), Err(Class::NotACall));
}
