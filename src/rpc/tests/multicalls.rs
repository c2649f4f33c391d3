//! Several calls in one, and every reply through outputs of awkward sizes.
use super::rig::{Rig, array, ids, int, members, text};
use super::views::SIZES;
use crate::query::tests::flows::table;

fn entry(method: &str, params: &[String]) -> String {
    members(&[("methodName", text(method)), ("params", array(params))])
}

fn multicall(calls: &[String]) -> String {
    let calls = array(calls);
    format!(
        "<methodCall><methodName>system.multicall</methodName><params><param>{calls}</param></params></methodCall>"
    )
}

#[test]
fn results_come_in_order_with_faults_in_place() {
    let mut flows = table(97, 40);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.id, flow.mark) = (Some(at as u32 + 1), Some(0));
    }
    for size in SIZES {
        let mut rig = Rig::new(flows.clone());
        let session = text(&rig.session);
        let with = |params: &[String]| [core::slice::from_ref(&session), params].concat();
        let page = |order: &str| with(&[members(&[]), text(order), text("ASC"), int(0), int(-1)]);
        let body = multicall(&[
            entry("kill", &with(&[array(&[int(1), int(2)])])),
            entry("view", &page("id")),
            entry("nonsense", &[]),
            entry("view", &page("")),
            entry("view", &with(&[members(&[("nonsense", int(1))])])),
            entry("system.multicall", &[array(&[])]),
            text("no struct"),
            entry("change", &with(&[text("mark"), text("3"), int(5)])),
            entry("view", &with(&[members(&[("mark", int(5))])])),
            entry("system.listMethods", &[]),
            entry("logout", &with(&[])),
            entry("view", &page("id")),
        ]);
        let reply = rig.run(0, &body, size).expect("whole");
        let expected: Vec<u32> = (3..=40).chain(3..=40).chain([3]).collect();
        assert_eq!(ids(&reply), expected, "{size} bytes");
        let codes: Vec<&str> = reply
            .split("<name>faultCode</name>")
            .skip(1)
            .map(|r| super::rig::between(r, "<int>", "<"))
            .collect();
        assert_eq!(codes[..3], ["-32601", "3", "-32602"], "{size} bytes");
        assert_eq!((codes.len(), codes[4]), (5, "2"), "no struct, and a session that was logged out");
        assert!(!reply.contains("<fault>"), "faults of single calls are structs");
        assert!(reply.ends_with("</methodResponse>") || reply.trim_end().ends_with("</methodResponse>"));
        assert_eq!(reply.matches("<methodResponse>").count(), 1);
        assert!(rig.engine.shared.pool.is_idle());
    }
}

#[test]
fn an_empty_multicall_is_an_empty_array() {
    let mut rig = Rig::new(vec![]);
    let reply = rig.run(0, &multicall(&[]), 4096).expect("whole");
    assert!(reply.contains("<data></data>"), "{reply}");
}

/// Whatever the procedure, the size of the output changes nothing in the reply.
#[test]
fn every_reply_is_the_same_whatever_the_output() {
    for (method, params) in [
        ("stats", vec![]),
        ("view", vec![]),
        ("view", vec![members(&[]), text("start"), text("D"), int(7), int(33)]),
        ("kill", vec![text("0")]),
        ("refresh", vec![]),
        ("set_autorefresh", vec![int(1)]),
        ("change", vec![text("mark"), text("0"), int(1)]),
        ("nonsense", vec![]),
    ] {
        let reply = |size: usize| {
            let mut rig = Rig::new(table(98, 64));
            let body = rig.body(method, &params);
            rig.run(0, &body, size).expect("whole")
        };
        let whole = reply(1 << 20);
        for size in SIZES {
            assert_eq!(reply(size), whole, "{method} through {size} bytes");
        }
    }
    for method in ["system.listMethods", "system.methodHelp", "system.methodSignature"] {
        let about = if method == "system.listMethods" {
            String::new()
        } else {
            format!("<param>{}</param>", text("view"))
        };
        let body =
            format!("<methodCall><methodName>{method}</methodName><params>{about}</params></methodCall>");
        let mut rig = Rig::new(vec![]);
        let whole = rig.run(0, &body, 1 << 20).expect("whole");
        assert!(!whole.contains("<fault>"), "{whole}");
        for size in SIZES {
            assert_eq!(rig.run(0, &body, size).expect("whole"), whole);
        }
    }
}
