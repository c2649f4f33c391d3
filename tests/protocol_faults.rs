//! Every row of the table of faults, over real sockets, and that the daemon serves on after each.
mod common;
use common::client::{Client, Fault};
use common::daemon::Daemon;
use common::fields::{expect_fault, none};
use common::flows::{Flow, L4, UDP};
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::raw::{exchange, post};
use common::xml::{Value, members, response, strings};
use std::os::unix::fs::PermissionsExt;

/// The fault that this document is answered with.
#[track_caller]
fn fault_of(daemon: &Daemon, document: &str) -> Fault {
    let (reply, _) = exchange(daemon.address(), &post(daemon.address(), document, ""));
    assert_eq!(reply.status, 200, "a fault is a reply of status 200: {document}");
    let fault = response(&reply.text()).expect("a document").expect_err("a fault");
    Fault { code: fault.get("faultCode").int(), text: fault.get("faultString").str().to_owned() }
}

const HEAD: &str = "<methodCall><methodName>login</methodName><params>";
const TAIL: &str = "</params></methodCall>";

fn with_param(xml: &str) -> String {
    format!("{HEAD}<param><value>{xml}</value></param>{TAIL}")
}

#[test]
fn what_is_not_well_formed() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let documents = [
            "".to_owned(),
            " ".to_owned(),
            "hello".to_owned(),
            "<".to_owned(),
            "<methodCall>".to_owned(),
            "<methodCall><methodName>login</methodName></methodcall>".to_owned(),
            "<methodCall><methodName>login</methodCall></methodName>".to_owned(),
            "<methodCall><methodName>login</methodName></methodCall><x>".to_owned(),
            with_param("<string>a &unknown; b</string>"),
            with_param("<string>a & b</string>"),
            with_param("<string>&#0;</string>"),
            with_param("<int>1</i4>"),
            format!("<!DOCTYPE methodCall [<!ENTITY a \"b\">]>{}", with_param("<string>&a;</string>")),
            format!("<!DOCTYPE methodCall>{}", with_param("<int>1</int>")),
        ];
        for document in &documents {
            let fault = fault_of(&daemon, document);
            assert_eq!(fault.code, -32700, "{document:?}: {fault:?}");
            assert!(fault.text.len() > 10, "{fault:?}");
        }
        // A call that is cut at any byte is no call.
        let whole = with_param("<string>a&amp;b</string>");
        for end in 1..whole.len() {
            assert_eq!(fault_of(&daemon, &whole[..end]).code, -32700, "{}", &whole[..end]);
        }
        daemon.still_serves();
    });
}

#[test]
fn what_is_no_call() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for document in [
            "<html></html>",
            "<methodResponse><params></params></methodResponse>",
            "<methodCall></methodCall>",
            "<methodCall/>",
            "<methodCall><params></params></methodCall>",
            "<methodCall><methodName></methodName></methodCall>",
            "<methodCall><methodName>login</methodName><params><value>1</value></params></methodCall>",
            "<methodCall><methodName>login</methodName><fault></fault></methodCall>",
        ] {
            let fault = fault_of(&daemon, document);
            assert_eq!(fault.code, -32600, "{document}: {fault:?}");
        }
        daemon.still_serves();
    });
}

/// Values that can't be read are faults of the parameters or of the call, never a guess.
#[test]
fn values_that_are_none() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let deep = |levels: usize| {
            "<array><data><value>".repeat(levels) + "1" + &"</value></data></array>".repeat(levels)
        };
        for xml in [
            "<int>one</int>".to_owned(),
            "<int></int>".to_owned(),
            "<int>4294967296</int>".to_owned(),
            "<i8>9223372036854775808</i8>".to_owned(),
            "<boolean>2</boolean>".to_owned(),
            "<double>much</double>".to_owned(),
            "<unknown>1</unknown>".to_owned(),
            "<struct><member><name>a</name></member></struct>".to_owned(),
            "<array><value>1</value></array>".to_owned(),
            deep(rctd::limits::NESTING + 1),
            deep(1000),
        ] {
            let fault = fault_of(&daemon, &with_param(&xml));
            assert!([-32700, -32600, -32602].contains(&fault.code), "{fault:?} for {xml:.60}");
        }
        let many =
            format!("{HEAD}{}{TAIL}", "<param><value>1</value></param>".repeat(rctd::limits::PARAMS + 1));
        assert!([-32600, -32602].contains(&fault_of(&daemon, &many).code));
        daemon.still_serves();
    });
}

#[test]
fn no_such_procedure() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        for name in ["logon", "View", "system.nothing", "x", &"v".repeat(rctd::limits::METHOD_NAME_BYTES)] {
            expect_fault(client.call(name, &[]), -32601, name.trim());
        }
        let long = "v".repeat(rctd::limits::METHOD_NAME_BYTES + 1);
        assert!(client.call(&long, &[]).is_err_and(|fault| [-32601, -32600].contains(&fault.code)));
        daemon.still_serves();
    });
}

#[test]
fn wrong_parameters_are_named() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&[Flow::tcp([192, 168, 0, 1], 1, [192, 0, 2, 1], 80)]);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let view: [(&[Value], &str); 13] = [
            (&["mark".into()], "filters"),
            (&[Value::Int(1)], "filters"),
            (&[Value::Array(vec![none(), Value::Int(1)])], "filters"),
            (&[none(), Value::Int(1)], "order_by"),
            (&[none(), none()], "order_by"),
            (&[none(), "".into(), "up".into()], "order_dir"),
            (&[none(), "".into(), Value::Int(1)], "order_dir"),
            (&[none(), "".into(), "ASC".into(), "first".into()], "start"),
            (&[none(), "".into(), "ASC".into(), Value::Int(-1)], "start"),
            (&[none(), "".into(), "ASC".into(), Value::Int(0), "all".into()], "length"),
            (&[none(), "".into(), "ASC".into(), Value::Int(0), Value::Double(1.5)], "length"),
            (&[none(), "".into(), "ASC".into(), Value::Int(0), Value::Int(1), Value::Int(1)], "options"),
            (
                &[
                    none(),
                    "".into(),
                    "ASC".into(),
                    Value::Int(0),
                    Value::Int(1),
                    members([("fields", Value::Int(1))]),
                ],
                "fields",
            ),
        ];
        for (params, name) in view {
            expect_fault(client.ask("view", params), -32602, name);
        }
        let too_many: Vec<Value> =
            [none(), "".into(), "ASC".into(), 0.into(), 1.into(), none(), 1.into()].into();
        expect_fault(client.ask("view", &too_many), -32602, "parameters");
        let colour = members([("colour", "red".into())]);
        let options = [none(), "".into(), "ASC".into(), 0.into(), 1.into(), colour];
        expect_fault(client.ask("view", &options), -32602, "options");
        for method in
            ["view", "kill", "change", "refresh", "set_autorefresh", "logout", "kill_matching", "summary"]
        {
            expect_fault(client.call(method, &[]), -32602, "session_id");
        }
        daemon.still_serves();
    });
}

/// A filter that can't be read is a fault that names the field.
#[test]
fn filters_that_are_none() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let sixteen: Vec<u32> = (0..16).collect();
        let seventeen: Vec<u32> = (0..17).collect();
        let good = client.try_view(&members([("mark", strings(&sixteen))]), "", "ASC", (0, -1));
        assert!(good.is_ok(), "16 elements are allowed: {good:?}");
        let wrong: [(&str, Value); 32] = [
            ("mark", strings(&seventeen)),
            ("mark", Value::Array(vec![])),
            ("mark", "one".into()),
            ("mark", "".into()),
            ("mark", "!".into()),
            ("mark", "4294967296".into()),
            ("mark", "1/2/3".into()),
            ("mark", "1-2-3".into()),
            ("mark", "-1".into()),
            ("mark", Value::Nil),
            ("mark", none()),
            ("mark", Value::Double(1.5)),
            ("mark", Value::Array(vec![Value::Array(vec![])])),
            ("orig_port_dst", "65536".into()),
            ("orig_port_dst", "no-such-service".into()),
            ("port", "2048-1024".into()),
            ("orig_l4proto", "256".into()),
            ("orig_ipv4_src", "192.0.2".into()),
            ("orig_ipv4_src", "192.0.2.256".into()),
            ("orig_ipv4_src", "192.0.2.0/33".into()),
            ("orig_ipv4_src", "192.0.2.0/".into()),
            ("orig_ipv4_src", "2001:db8::1".into()),
            ("orig_ipv4_src", "example.org".into()),
            ("orig_ipv6_src", "192.0.2.1".into()),
            ("orig_ipv6_src", "2001:db8::/129".into()),
            ("orig_ipv6_src", "2001:db8::1::2".into()),
            ("host", "".into()),
            ("host", Value::Array(vec!["192.0.2.1".into(), "x".into()])),
            ("id", "abc".into()),
            ("timeout", "1s".into()),
            ("helper", Value::Int(21)),
            ("bytes", "1x".into()),
        ];
        for (field, value) in wrong {
            let answer = client.try_view(&members([(field, value.clone())]), "", "ASC", (0, -1));
            assert!(answer.is_err(), "{field}: {value:?} is taken");
            expect_fault(answer, -32602, field);
        }
        daemon.still_serves();
    });
}

/// The fault of a filter says what its field takes: each field of the table, in the words of its kind and no other's.
#[test]
fn filters_say_what_each_field_takes() {
    let kinds: [(&str, &[&str], &str); 12] = [
        (
            "from 0 to 255 ",
            &[],
            "orig_l3proto orig_l4proto repl_l3proto repl_l4proto icmp_type icmp_code tcp_state sctp_state",
        ),
        (
            "from 0 to 65535 ",
            &[],
            "orig_port_src orig_port_dst repl_port_src repl_port_dst icmp_id gre_key_src gre_key_dst \
             zone orig_zone repl_zone port",
        ),
        ("unsigned 32-bit integer ", &["mask"], "id use timeout start user_id orig_rate repl_rate"),
        (
            "an unsigned integer ",
            &["32-bit", "mask"],
            "orig_counter_packets orig_counter_bytes repl_counter_packets repl_counter_bytes bytes packets rate",
        ),
        ("value/mask", &["65535"], "mark status"),
        ("an IPv4 address", &["IPv6", "::"], "orig_ipv4_src orig_ipv4_dst repl_ipv4_src repl_ipv4_dst"),
        ("an IPv6 address", &["IPv4", "192."], "orig_ipv6_src orig_ipv6_dst repl_ipv6_src repl_ipv6_dst"),
        ("an address", &["IPv6"], "orig_src orig_dst repl_src repl_dst host"),
        ("an address and a port", &["integer", "one of"], "nat_src nat_dst"),
        ("takes one of src, dst, both", &["integer", "address", "a string"], "nat"),
        (
            "takes a string",
            &["integer", "address"],
            "helper secctx username orig_src_name orig_dst_name repl_src_name",
        ),
        ("takes a part of a host's name, a string", &["integer", "address"], "name"),
    ];
    in_namespace(|_| {
        let daemon = Daemon::start(&["--uid-mask", "0xffff"]);
        let mut client = daemon.client();
        let mut judged = Vec::new();
        for (takes, others, names) in kinds {
            for name in names.split_whitespace() {
                // A number is no text, and this text is neither a number nor an address.
                let wrong: Value = if takes.ends_with("string") { Value::Int(1) } else { "?".into() };
                let answer = client.try_view(&members([(name, wrong)]), "", "ASC", (0, -1));
                let fault = answer.expect_err(name);
                assert_eq!(fault.code, -32602, "{fault:?}");
                let says = fault.text.contains(name) && fault.text.contains(takes);
                assert!(says && !others.iter().any(|other| fault.text.contains(other)), "{fault:?}");
                judged.push(name);
            }
        }
        let known: Vec<&str> = rctd::query::field::FIELDS.iter().map(|field| field.name).collect();
        let missing: Vec<&&str> = known.iter().filter(|name| !judged.contains(name)).collect();
        assert!(missing.is_empty(), "fields that no line of this test names: {missing:?}");
    });
}

#[test]
fn a_wrong_password() {
    in_namespace(|_| {
        let folder = Folder::new();
        let file = folder.path().join("passwords");
        // SHA-1 of "secret", as pyctd kept it.
        std::fs::write(&file, "# users\nadmin:e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4\n")
            .expect("a password file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        let daemon = Daemon::start(&["--auth", &format!("file:{}", file.display())]);
        let mut client = Client::new(daemon.address());
        expect_fault(client.call("login", &["admin".into(), "gu3ss-w0rd".into()]), 1, "password");
        expect_fault(client.call("login", &["nobody".into(), "secret".into()]), 1, "password");
        expect_fault(client.call("view", &["0".repeat(32).into()]), 2, "login");
        // Held back for a second after two failures, but not refused.
        let session = client.call("login", &["admin".into(), "secret".into()]).expect("the right password");
        assert!(client.call("view", &[session]).is_ok());
        assert!(
            !daemon.log().contains("secret") && !daemon.log().contains("gu3ss-w0rd"),
            "a password is in the log"
        );
    });
}

#[test]
fn a_session_that_is_none() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let good = client.session.clone();
        assert!(
            good.len() == 32 && good.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{good}"
        );
        let wrong = [
            "",
            "0",
            &"0".repeat(32),
            &good[1..],
            &format!("{good}0"),
            &good.to_uppercase().replace(char::is_numeric, "A"),
        ];
        for session in wrong {
            expect_fault(client.call("view", &[session.into()]), 2, "login");
            expect_fault(client.call("refresh", &[session.into()]), 2, "login");
        }
        assert!(client.call("refresh", &[good.as_str().into()]).is_ok());
        assert_eq!(client.call("logout", &[good.as_str().into()]), Ok(Value::Bool(true)));
        expect_fault(client.call("refresh", &[good.as_str().into()]), 2, "login");
        daemon.still_serves();
    });
}

#[test]
fn an_unknown_field() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        for name in ["marc", "Mark", "orig_ip_src", "mark ", "", &"m".repeat(200)] {
            let answer = client.try_view(&members([(name, "1".into())]), "", "ASC", (0, -1));
            expect_fault(answer, 3, &name[..name.len().min(20)]);
        }
        expect_fault(client.try_view(&none(), "marc", "ASC", (0, -1)), 3, "marc");
        // A filter's own fields are none to sort by.
        let answer = client.try_view(&none(), "host", "ASC", (0, -1)).expect_err("host is no order");
        assert!([3, -32602].contains(&answer.code) && answer.text.contains("host"), "{answer:?}");
        daemon.still_serves();
    });
}

#[test]
fn no_such_connection() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        expect_fault(client.change("mark", 12_345, 1), 4, "12345");
        daemon.still_serves();
    });
}

/// The kernel refuses what is longer than a request for a dump: the tests see to that with a seccomp filter.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_kernel_refuses() {
    in_namespace(|ns| {
        let src: std::net::Ipv6Addr = "fd00::1".parse().expect("an address");
        let dst: std::net::Ipv6Addr = "2001:db8::1".parse().expect("an address");
        Inserter::new(ns).insert(&[Flow::new(UDP, src, dst, L4::Ports(1, 2))]);
        let daemon = Daemon::start_unable_to_write();
        let mut client = daemon.client();
        let view = client.all();
        assert_eq!(view.total, 1, "reading is allowed");
        let id = common::row::id(&view.table[0]);
        expect_fault(client.kill(strings([id])), 5, "EPERM");
        expect_fault(client.change("mark", id, 1), 5, "EPERM");
        assert_eq!(client.all().total, 1);
        daemon.still_serves();
    });
}

/// A login always finds a place: that of the same address's session which was unused longest, never of one that is in use.
#[test]
fn a_login_too_many_ends_what_was_unused_longest() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--session-timeout", "600"]);
        let mut client = Client::new(daemon.address());
        let login = |client: &mut Client| client.call("login", &[]).expect("a session");
        let (unused, used) = (login(&mut client), login(&mut client));
        for _ in 0..2 * rctd::limits::SESSIONS {
            login(&mut client);
            assert!(
                client.call("refresh", std::slice::from_ref(&used)).is_ok(),
                "a session that is in use ended"
            );
        }
        expect_fault(client.call("refresh", &[unused]), 2, "session");
        daemon.still_serves();
    });
}

/// Multicall: each answer in an Array of one, each fault a Struct, and the order kept.
#[test]
fn many_calls_in_one() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let session: Value = client.session.as_str().into();
        let call = |name: &str, params: Vec<Value>| {
            members([("methodName", name.into()), ("params", params.into())])
        };
        let calls = vec![
            call("refresh", vec![session.clone()]),
            call("nothing", vec![]),
            call("refresh", vec!["0".into()]),
            call("set_autorefresh", vec![session, Value::Int(1)]),
        ];
        let answers = client.call("system.multicall", &[Value::Array(calls)]).expect("answers");
        let answers = answers.array();
        assert_eq!(answers.len(), 4);
        assert_eq!(answers[0], Value::Array(vec![Value::Bool(true)]));
        assert_eq!(answers[1].get("faultCode").int(), -32601);
        assert_eq!(answers[2].get("faultCode").int(), 2);
        assert_eq!(answers[3], Value::Array(vec![Value::Bool(true)]));
        let again = call("system.multicall", vec![Value::Array(vec![])]);
        let answers = client.call("system.multicall", &[Value::Array(vec![again])]).expect("answers");
        assert!(answers.array()[0].get("faultCode").int() < 0, "calls inside calls inside calls");
        daemon.still_serves();
    });
}

/// The daemon lists, describes and explains each of its procedures.
#[test]
fn introspection() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let names = client.call("system.listMethods", &[]).expect("names");
        let names: Vec<&str> = names.array().iter().map(Value::str).collect();
        for name in
            ["login", "view", "kill", "change", "refresh", "set_autorefresh", "logout", "system.multicall"]
        {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        for name in names {
            let help = client.call("system.methodHelp", &[name.into()]).expect("help");
            assert!(help.str().len() > 10, "{name}: {help:?}");
            let signatures = client.call("system.methodSignature", &[name.into()]).expect("signatures");
            for signature in signatures.array() {
                assert!(!signature.array().is_empty(), "{name}: a signature begins with what is returned");
            }
        }
        expect_fault(client.call("system.methodHelp", &["nothing".into()]), -32601, "nothing");
    });
}
