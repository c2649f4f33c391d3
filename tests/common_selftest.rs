//! The tests' own tools checked against each other, so that a mistake in them does not pass for one of the daemon.
#![allow(unsafe_code)] // One bare system call, to see a filter of system calls at work.
mod common;
use common::flows::{self, flows};
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::{churn::Churn, dump::dump, model, row, skip, table_size, traffic, witness, xml};
use std::collections::BTreeMap;

/// What was inserted is what both readers see: tuples, marks, zones, states, timeouts.
#[test]
fn readers_agree_about_an_inserted_table() {
    in_namespace(|ns| {
        let flows = flows(1, table_size());
        Inserter::new(ns).insert(&flows);
        let read = dump();
        assert_eq!(read.len(), flows.len(), "as many as were inserted");
        let (seen, reader) = witness::read();
        assert_eq!(seen.len(), flows.len(), "{reader} shows as many");
        let seen = witness::by_tuple(seen);
        for mut row in read {
            let witness =
                seen.get(&row::tuple(&row)).unwrap_or_else(|| panic!("{reader} does not show {row:?}"));
            let status = row::int(&row, "status").expect("a status") as u32;
            assert_eq!(status & flows::IPS_SEEN_REPLY != 0, witness.seen_reply, "{row:?}");
            assert_eq!(status & flows::IPS_ASSURED != 0, witness.assured, "{row:?}");
            row.remove("status");
            if !witness.row.contains_key("id") {
                row.remove("id");
            }
            assert_eq!(row::differences(&row, &witness.row, 10), [""; 0], "{row:?}");
        }
    });
}

/// The generator reaches every protocol, both families, translation, zones and marks of all sizes.
#[test]
fn generated_tables_are_mixed_and_repeatable() {
    let made = flows(7, 2000);
    let count = |what: &dyn Fn(&flows::Flow) -> bool| made.iter().filter(|flow| what(flow)).count();
    for proto in [1, 6, 17, 33, 47, 50, 58, 132, 136] {
        assert!(count(&|flow| flow.orig.proto == proto) > 5, "protocol {proto} is rare");
    }
    assert!(count(&|flow| flow.orig.src.is_ipv6()) > 400);
    assert!(count(&|flow| flow.reply != flow.orig.inverse()) > 200);
    assert!(count(&|flow| flow.zone != 0) > 100);
    assert!(count(&|flow| flow.mark > i32::MAX as u32) > 100);
    let again = flows(7, 2000);
    assert!(made.iter().zip(&again).all(|(a, b)| a.orig == b.orig && a.mark == b.mark), "another table");
}

#[test]
fn errors_deletes_and_flushes_are_reported() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        let flows = flows(2, 250);
        inserter.insert(&flows);
        assert_eq!(inserter.try_insert(&flows), vec![libc::EEXIST; 250]);
        assert_eq!(inserter.delete(&flows[..100]), vec![0; 100]);
        assert_eq!(inserter.delete(&flows[..100]), vec![libc::ENOENT; 100]);
        assert_eq!(dump().len(), 150);
        inserter.flush();
        assert_eq!(dump().len(), 0);
    });
}

#[test]
fn churn_leaves_the_rest_alone() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(3, 300));
        let churn = Churn::start(ns);
        churn.wait_for(3);
        drop(churn);
        assert_eq!(dump().len(), 300);
    });
}

/// Real connections have counters and a start, and both readers give the same numbers.
#[test]
fn real_connections_are_counted() {
    in_namespace(|ns| {
        if let Err(reason) = traffic::track(ns) {
            return skip(&reason);
        }
        let _open = traffic::talk(3).expect("traffic over loopback");
        traffic::ping(77).expect("an echo from the kernel");
        let rows = dump();
        assert_eq!(rows.len(), 13, "3 TCP and 3 UDP over each family, and an echo: {rows:#?}");
        let (seen, reader) = witness::read();
        let seen = witness::by_tuple(seen);
        for row in &rows {
            let witness = &seen.get(&row::tuple(row)).unwrap_or_else(|| panic!("{reader} lacks {row:?}")).row;
            for field in ["orig_counter_bytes", "repl_counter_packets"] {
                assert!(row::int(row, field) > Some(0), "{field} of {row:?}");
                assert_eq!(row.get(field), witness.get(field), "{field} of {row:?}");
            }
            assert!(row::int(row, "start") > Some(1_600_000_000), "no start: {row:?}");
        }
        assert_eq!(rows.iter().filter(|row| row::int(row, "icmp_id") == Some(77)).count(), 1);
    });
}

/// A thread under the seccomp filter can't send long datagrams without flags, and can do all else.
#[test]
#[cfg(target_arch = "x86_64")]
fn long_datagrams_are_refused() {
    use std::os::fd::AsRawFd;
    let refused = std::thread::spawn(|| {
        common::refuse::long_datagrams().expect("a seccomp filter");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(socket.local_addr().expect("its address")).expect("itself");
        [(89, 0), (90, 0), (90, libc::MSG_NOSIGNAL)].map(|(length, flags)| {
            let bytes = vec![0u8; length];
            // SAFETY: bytes is valid for its length, and the descriptor is open.
            let sent = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), length, flags) };
            (sent < 0).then(|| std::io::Error::last_os_error().raw_os_error())
        })
    });
    assert_eq!(refused.join().expect("the thread"), [None, Some(Some(libc::EPERM)), None]);
}

/// The model on a table small enough to check by eye.
#[test]
fn the_model_does_as_the_contract_says() {
    let row = |id: &str, more: &[(&str, row::Val)]| {
        let mut row: row::Row = more.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        row.insert("id".into(), id.into());
        row
    };
    let rows = [
        row("10", &[("orig_ipv4_src", "192.0.2.9".into()), ("mark", 5.into()), ("orig_port_dst", 80.into())]),
        row("9", &[("orig_ipv4_src", "192.0.2.10".into()), ("mark", 5.into())]),
        row("8", &[("orig_ipv6_src", "::1".into()), ("mark", 3_000_000_000.into())]),
        row("7", &[("orig_ipv6_src", "2001:db8::1".into()), ("mark", 0.into())]),
    ];
    let ids = |rows: Vec<row::Row>| rows.iter().map(row::id).collect::<Vec<_>>();
    let by = |field, descending| ids(model::sorted(rows.to_vec(), field, descending));
    assert_eq!(by("mark", false), [7, 9, 10, 8]);
    assert_eq!(by("mark", true), [8, 9, 10, 7]);
    assert_eq!(by("orig_src", false), [8, 10, 9, 7], "IPv4 lies between ::1 and 2001:db8::1");
    assert_eq!(by("orig_ipv4_src", true), [9, 10, 7, 8], "those without it come last");
    assert_eq!(by("id", false), [7, 8, 9, 10], "numbers, although written as strings");
    let filter = |field: &str, value: xml::Value| {
        ids(model::filtered(&rows, &xml::Value::Struct(BTreeMap::from([(field.to_owned(), value)]))))
    };
    assert_eq!(filter("orig_src", "192.0.2.8/31".into()), [10]);
    assert_eq!(filter("orig_src", "!192.0.2.8/31".into()), [9, 8, 7]);
    assert_eq!(filter("host", "::/0".into()), [8, 7]);
    assert_eq!(filter("orig_ipv4_src", xml::Value::Int(-1_073_741_302)), [9]);
    assert_eq!(filter("mark", "0x4/0x4".into()), [10, 9]);
    assert_eq!(filter("mark", xml::Value::Int(-1_294_967_296)), [8]);
    assert_eq!(filter("mark", xml::strings(["0", "3-6"])), [10, 9, 7]);
    assert_eq!(filter("port", "!443".into()), [10, 9, 8, 7], "a row without ports has not this one");
    assert_eq!(filter("mark", "0,3-6".into()), [10, 9, 7]);
    assert_eq!(filter("mark", "!0,3-6".into()), [8]);
    assert_eq!(model::page(&rows, (1, 2)).len(), 2);
    assert_eq!(model::page(&rows, (4, 5)).len(), 0);
    assert_eq!(model::page(&rows, (3, -1)).len(), 1);
}
