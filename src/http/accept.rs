//! Which of the two types that a reply may have the client would rather have.

use super::list::elements;
use crate::bytes::cut;

/// A weight of an `Accept` field in thousandths, from 0 to 1000 (RFC 9110, section 12.4.2).
type Weight = u16;

/// What the `Accept` fields of one head say of `application/json` and `text/xml` (RFC 9110, section 12.5.1).
#[derive(Default)]
pub(super) struct Accept {
    /// JSON counts only where it is named, so that `*/*` means XML-RPC's own type.
    json: Option<Weight>,
    /// The weight of XML as `text/xml`, `text/*` and `*/*` give it: the first of these that is there counts.
    xml: [Option<Weight>; 3],
}

impl Accept {
    /// Takes one field's value into account. A media range that can't be read, or has a weight that can't, counts as 0:
    /// the reply is then XML, which every client of this protocol can read.
    pub(super) fn take(&mut self, value: &[u8]) {
        for element in elements(value) {
            let (range, parameters) = cut(element, b';');
            let range = range.trim_ascii();
            let is = |known: &[u8]| range.eq_ignore_ascii_case(known);
            let [named, kind, any] = &mut self.xml;
            let place = if is(b"application/json") {
                &mut self.json
            } else if is(b"text/xml") {
                named
            } else if is(b"text/*") {
                kind
            } else if is(b"*/*") {
                any
            } else {
                continue;
            };
            *place = (*place).max(Some(weight(parameters).unwrap_or(0)));
        }
    }

    /// Whether the client takes JSON and does not like XML better.
    pub(super) fn prefers_json(&self) -> bool {
        let xml = self.xml.iter().flatten().next().copied().unwrap_or(0);
        self.json.is_some_and(|json| json > 0 && json >= xml)
    }
}

/// The weight among the parameters of a media range; 1 if there is none.
fn weight(parameters: &[u8]) -> Option<Weight> {
    for parameter in parameters.split(|&b| b == b';') {
        let (name, value) = cut(parameter, b'=');
        if name.trim_ascii().eq_ignore_ascii_case(b"q") {
            return quality(value.trim_ascii());
        }
    }
    Some(1000)
}

/// Reads `0` or `1` with at most three decimal places; None if it is neither, or above 1.
fn quality(text: &[u8]) -> Option<Weight> {
    let (&whole, rest) = text.split_first()?;
    let places = rest.strip_prefix(b".").unwrap_or(rest);
    if !matches!(whole, b'0' | b'1') || places.len() > 3 || (!rest.is_empty() && places.len() == rest.len()) {
        return None;
    }
    let mut value = Weight::from(whole - b'0');
    for at in 0..3 {
        let digit = places.get(at).copied().unwrap_or(b'0');
        value = value * 10 + Weight::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(fields: &[&str]) -> bool {
        let mut accept = Accept::default();
        fields.iter().for_each(|value| accept.take(value.as_bytes()));
        accept.prefers_json()
    }

    #[test]
    fn json_is_for_who_names_it_and_likes_xml_no_better() {
        for fields in [
            &["application/json"][..],
            &["Application/JSON"],
            &["application/json, text/plain, */*"],
            &["text/xml, application/json"],
            &["text/xml", "application/json"],
            &["application/json;q=0.5, text/xml;q=0.5"],
            &["application/json ; charset=utf-8 ; Q=0.5 , text/xml ; q=0.499"],
            &["application/json;q=0.001"],
            &["application/json;q=0.8, text/xml;q=0.7, */*"],
            &["application/json;q=0.8, text/*;q=0.7, */*"],
            &["application/json;q=1.000, */*;q=1.0"],
            &["application/json;q=0.2, application/json;q=0.9, */*;q=0.8"],
            &[",, application/json ,"],
            &["application/json, text/xml;q=2"],
        ] {
            assert!(json(fields), "{fields:?}");
        }
        for fields in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/xml"],
            &["application/*"],
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            &["application/json;q=0"],
            &["application/json;q=0.000"],
            &["application/json;q=0.5, text/xml"],
            &["application/json;q=0.5, */*"],
            &["application/json;q=0.5", "text/*;q=0.6"],
            &["application/json;q=0.5, text/xml;q=0.4, text/xml;q=0.6"],
            &["application/json-rpc"],
            &["application/jsonx, xapplication/json"],
            &["application/json;q="],
            &["application/json;q=1.1"],
            &["application/json;q=1.001"],
            &["application/json;q=2"],
            &["application/json;q=.5"],
            &["application/json;q=0.1234"],
            &["application/json;q=0.x"],
            &["application/json;q=05"],
            &["application/json;q=-0"],
            &["application/json;q=0x5"],
        ] {
            assert!(!json(fields), "{fields:?}");
        }
    }
}
