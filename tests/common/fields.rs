//! Asking for fields, and what comes back.
use super::client::{Client, Fault, View};
use super::row::{Row, Val, id};
use super::xml::{Value, members, strings};
use std::collections::BTreeMap;

/// No filters.
pub fn none() -> Value {
    Value::Struct(BTreeMap::new())
}

/// The ids of a page, asked for without the other fields.
#[track_caller]
pub fn page_ids(
    client: &mut Client,
    filters: &Value,
    order: &str,
    direction: &str,
    page: (i64, i64),
) -> (i64, Vec<u32>) {
    let options = members([("fields", strings(["id"]))]);
    let params = [filters.clone(), order.into(), direction.into(), page.0.into(), page.1.into(), options];
    let answer = client.ask("view", &params);
    let answer =
        answer.unwrap_or_else(|fault| panic!("view({filters:?}, {order}, {direction}, {page:?}): {fault:?}"));
    let rows = answer.get("table").array().iter().map(super::client::row);
    (answer.get("total").int(), rows.map(|row| id(&row)).collect())
}

pub fn ids(rows: &[Row]) -> Vec<u32> {
    rows.iter().map(id).collect()
}

/// Rows without what only the daemon knows: for comparisons with the kernel's own view.
pub fn without_rates(view: &View) -> Vec<Row> {
    let strip = |row: &Row| {
        let mut row = row.clone();
        row.retain(|name, _| !name.ends_with("_rate"));
        row
    };
    view.table.iter().map(strip).collect()
}

/// A field's value as a client would send it back: integers as such, the rest as strings.
pub fn as_sent(value: &Val) -> Value {
    match value {
        Val::Int(number) => Value::from(i64::try_from(*number).expect("a number that XML-RPC can carry")),
        Val::Str(text) => text.as_str().into(),
    }
}

/// Fails unless this is the fault, and its text says what it is about.
#[track_caller]
pub fn expect_fault<T: std::fmt::Debug>(answer: Result<T, Fault>, code: i64, mentions: &str) {
    let fault = answer.expect_err("a fault");
    assert_eq!(fault.code, code, "{fault:?}");
    assert!(fault.text.contains(mentions), "the text should mention {mentions:?}: {:?}", fault.text);
    assert!(fault.text.len() > 10, "a fault is a sentence: {:?}", fault.text);
}
