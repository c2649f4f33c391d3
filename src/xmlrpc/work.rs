//! Counts what decoding looks at, so that a test can show that its work is linear. Only in tests.

use core::cell::Cell;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Adds the bytes of one token.
pub(super) fn add(bytes: usize) {
    BYTES.with(|sum| sum.set(sum.get() + bytes));
}

/// Bytes of tokens that `run` looked at.
fn count(run: impl FnOnce()) -> usize {
    BYTES.with(|sum| sum.set(0));
    run();
    BYTES.with(Cell::get)
}

mod tests {
    use super::count;
    use crate::limits::{BODY_BYTES, NESTING, PARAMS};
    use crate::xmlrpc::{Call, Value, parse_call};

    /// Pulls everything out of a value, each value of each level once.
    fn walk(value: &Value<'_>) {
        value.as_array().into_iter().flatten().for_each(|value| walk(&value));
        value.as_struct().into_iter().flatten().for_each(|(_, value)| walk(&value));
    }

    fn call(value: &str) -> String {
        format!(
            "<methodCall><methodName>a</methodName><params><param><value>{value}</value></param></params></methodCall>"
        )
    }

    /// Bodies of nearly the greatest size, each of what a linear walk might stumble over.
    fn bodies() -> Vec<String> {
        let fill = |unit: &str, open: &str, close: &str| {
            let times = (BODY_BYTES - 600) / unit.len();
            call(&format!("{open}{}{close}", unit.repeat(times)))
        };
        let array = "<array><data><value>";
        let close = "</value></data></array>";
        let (deep, deep_end) = (array.repeat(NESTING - 1), close.repeat(NESTING - 1));
        vec![
            fill("a", "", ""),
            fill("&amp;", "", ""),
            fill("]] ", "", ""),
            fill("<!---->", "", ""),
            fill("<![CDATA[]]>", "<string>", "</string>"),
            fill("<?a ?>", "<string>", "</string>"),
            fill(" ", "", "<int>1</int>"),
            fill("0", "<int>", "</int>"),
            fill("<value/>", &format!("{deep}<array><data>"), &format!("</data></array>{deep_end}")),
            fill("a", &deep, &deep_end),
            fill("<member><name/><value/></member>", "<struct>", "</struct>"),
            fill("<value><array><data/></array></value>", "<array><data>", "</data></array>"),
        ]
    }

    #[test]
    fn checking_looks_at_each_byte_once_and_pulling_once_for_each_level() {
        for body in bodies() {
            assert!(body.len() <= BODY_BYTES && body.len() > BODY_BYTES - 900);
            let mut parsed = None;
            let checked = count(|| parsed = parse_call(&body).ok());
            let call = parsed.unwrap_or_else(|| panic!("{:.200}", body));
            assert!(checked <= body.len() && checked > body.len() * 9 / 10, "{checked} {:.200}", body);
            let pulled = count(|| call.params.iter().for_each(|value| walk(&value)));
            assert!(pulled <= body.len() * (NESTING + 1), "{pulled} {:.200}", body);
        }
    }

    #[test]
    fn a_call_of_a_multicall_costs_its_own_size() {
        let entry = "<value><struct><member><name>methodName</name><value>a</value></member><member><name>params</name>\
                     <value><array><data><value>1</value></data></array></value></member></struct></value>";
        let times = (BODY_BYTES - 600) / entry.len();
        let body = call(&format!("<array><data>{}</data></array>", entry.repeat(times)));
        let call = parse_call(&body).unwrap_or_else(|e| panic!("{e:?}"));
        let entries: Vec<_> = call.params.get(0).and_then(|v| v.as_array()).into_iter().flatten().collect();
        assert_eq!(entries.len(), times);
        for value in &entries {
            let again = count(|| assert_eq!(Call::from_entry(value).map(|c| c.params.len()), Ok(1)));
            assert!(again <= 2 * entry.len(), "{again}");
        }
        assert!(times > PARAMS);
    }

    #[test]
    fn deep_nesting_is_refused_at_the_limit() {
        let deep = "<array><data><value>".repeat(BODY_BYTES / 20 - 20);
        let work = count(|| assert!(parse_call(&call(&deep)).is_err()));
        assert!(work < 400, "{work}");
    }
}
