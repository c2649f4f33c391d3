//! Limits on guessing, login sessions, and names in the log: pure, so time is whatever the test says.

use std::net::{IpAddr, Ipv4Addr};

use rctd::auth::file::Users;
use rctd::auth::{Admission, Login, Peer, Report, Sessions, Throttle, Unknown, printable};
use rctd::limits::{LOG_NAME_BYTES, SESSIONS, SESSIONS_PER_ADDRESS, THROTTLE_ADDRESSES};

fn ip(text: &str) -> Peer {
    Peer::new(text.parse::<IpAddr>().expect("an address"))
}

/// The n-th of many IPv4 addresses.
fn nth(n: usize) -> Peer {
    Peer::new(Ipv4Addr::from(0x0a00_0000 + u32::try_from(n).expect("small")).into())
}

#[test]
fn peers_count_by_network_but_differ_by_address() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("::ffff:192.0.2.1", "192.0.2.1", true),
        ("2001:db8::1", "2001:db8::ffff:2", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("::1", "::2", false),
    ] {
        assert_eq!(ip(one).network() == ip(other).network(), same, "{one} {other}");
    }
    assert_ne!(ip("2001:db8::1"), ip("2001:db8::2"));
    for (peer, local) in [
        (Peer::Unix, true),
        (ip("127.0.0.1"), true),
        (ip("127.9.9.9"), true),
        (ip("::1"), true),
        (ip("::ffff:127.0.0.1"), true),
        (ip("10.0.0.1"), false),
        (ip("::2"), false),
    ] {
        assert_eq!(peer.is_local(), local, "{peer:?}");
    }
}

#[test]
fn each_failure_doubles_the_delay() {
    let mut throttle = Throttle::new();
    let (peer, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
    let mut now = 5;
    for delay in [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000] {
        assert_eq!(throttle.check(peer, now), Admission::Go);
        throttle.failed(peer, now);
        assert_eq!(throttle.check(other, now), Admission::Go, "another address is held back");
        let expected = if delay <= 2000 { Admission::Wait(delay) } else { Admission::Refuse };
        assert_eq!(throttle.check(peer, now), expected);
        assert_eq!(throttle.check(peer, now + delay - 1), Admission::Wait(1));
        if delay > 2000 {
            assert_eq!(throttle.check(peer, now + delay - 2001), Admission::Refuse);
            assert_eq!(throttle.check(peer, now + delay - 2000), Admission::Wait(2000));
        }
        now += delay;
    }
    // Forgotten after ten minutes without a failure, not a millisecond sooner.
    let last = now - 32_000;
    for (at, delay) in [(last + 599_999, Admission::Refuse), (last + 599_999 + 600_000, Admission::Wait(500))]
    {
        throttle.failed(peer, at);
        assert_eq!(throttle.check(peer, at), delay);
    }
}

#[test]
fn a_right_password_forgives_three_failures_and_no_more() {
    for (failures, forgiven) in [(1, true), (3, true), (4, false)] {
        let mut throttle = Throttle::new();
        for _ in 0..failures {
            throttle.failed(ip("::1"), 0);
        }
        throttle.succeeded(ip("::1"), 1);
        assert_eq!(throttle.check(ip("::1"), 1) == Admission::Go, forgiven, "{failures}");
    }
}

#[test]
fn no_address_pushes_out_another() {
    let mut throttle = Throttle::new();
    let guesser = nth(0);
    for _ in 0..7 {
        throttle.failed(guesser, 0);
    }
    // Any number of failures from one other network, and one each from as many as fit.
    for n in 0..1000 {
        throttle.failed(ip(&format!("2001:db8::{n:x}")), 0);
    }
    for n in 1..THROTTLE_ADDRESSES - 1 {
        throttle.failed(nth(n), 0);
    }
    assert_eq!(throttle.check(guesser, 29_999), Admission::Refuse);
    // The table is full, and all are held back: newcomers share one record, which never refuses.
    let (new, newer) = (ip("192.0.2.1"), ip("192.0.2.2"));
    assert_eq!(throttle.check(new, 0), Admission::Go);
    for expected in [500, 1000, 2000, 2000, 2000] {
        throttle.failed(new, 0);
        assert_eq!(throttle.check(newer, 0), Admission::Wait(expected));
    }
    assert_eq!(throttle.check(guesser, 0), Admission::Refuse);
    // Once one is no longer held back, newcomers take those with a single failure, not the guesser's.
    for n in 0..THROTTLE_ADDRESSES - 2 {
        assert_eq!(throttle.check(newer, 40_000), Admission::Go);
        throttle.failed(nth(2000 + n), 40_000);
        assert!(matches!(throttle.check(nth(2000 + n), 40_000), Admission::Wait(500)));
    }
    throttle.failed(guesser, 40_000);
    assert_eq!(throttle.check(guesser, 40_000 + 29_999), Admission::Refuse, "its 7 failures were forgotten");
}

/// Two addresses that take turns: the record of one, which is not being held back just now, is not given to the other while
/// there are free ones. Each would find its failures forgotten whenever it is its turn.
#[test]
fn addresses_that_take_turns_forget_nothing() {
    let mut throttle = Throttle::new();
    let (one, other) = (nth(1), nth(2));
    let mut now = 0;
    for delay in [500, 1000, 2000, 4000, 8000, 16_000, 32_000] {
        for peer in [one, other] {
            assert_eq!(throttle.check(peer, now), Admission::Go, "after {delay}");
            throttle.failed(peer, now);
            assert_eq!(throttle.check(peer, now + delay - 1), Admission::Wait(1));
            now += delay;
        }
    }
    // Nor is one with more failures taken before one with fewer, or the one that failed last before an older one.
    let mut throttle = Throttle::new();
    for n in 0..THROTTLE_ADDRESSES {
        throttle.failed(nth(n), n as u64);
    }
    throttle.failed(nth(0), 1000);
    for n in 0..THROTTLE_ADDRESSES {
        throttle.failed(nth(100 + n), 10_000);
        // The oldest with a single failure goes first, number 0 with its two last.
        let kept = (0..THROTTLE_ADDRESSES).filter(|&old| {
            let mut copy = throttle.clone();
            copy.failed(nth(old), 20_000);
            copy.check(nth(old), 20_500) != Admission::Go
        });
        let expected = (n + 2..THROTTLE_ADDRESSES).chain((n < THROTTLE_ADDRESSES - 1).then_some(0));
        let sorted = |mut all: Vec<usize>| {
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(kept.collect()), sorted(expected.collect()), "{n}");
    }
}

/// What addresses without a record did to one another counts only while there is no record to be had.
#[test]
fn the_shared_record_counts_only_while_the_table_is_full() {
    let mut throttle = Throttle::new();
    for n in 0..THROTTLE_ADDRESSES {
        throttle.failed(nth(n), 0);
    }
    for _ in 0..3 {
        throttle.failed(nth(1000), 499);
    }
    let newcomer = nth(1001);
    assert_eq!(throttle.check(newcomer, 499), Admission::Wait(2000));
    assert_eq!(throttle.check(newcomer, 500), Admission::Go);
}

#[test]
fn hashing_gets_a_quarter_of_the_time() {
    for cost in [0, 1, 10, 100, 130, 999] {
        let mut throttle = Throttle::new();
        let (mut now, mut spent, mut hashes) = (0, 0, 0);
        while now < 600_000 {
            // Another address each time, as a flood would.
            match throttle.check(nth(hashes), now) {
                Admission::Go => {
                    now += cost;
                    throttle.hashed(cost, now);
                    (spent, hashes) = (spent + cost.max(10), hashes + 1);
                }
                Admission::Wait(wait) => {
                    assert!((1..=2000).contains(&wait));
                    assert!(
                        !matches!(throttle.check(nth(0), now + wait - 1), Admission::Go),
                        "it waited too long"
                    );
                    now += wait;
                }
                Admission::Refuse => panic!("refused for what others did"),
            }
        }
        let allowed = 1000 + now / 4 + cost.max(10);
        assert!(spent <= allowed && spent + 2000 > allowed, "cost {cost}: {spent} of {allowed}");
    }
    // Even one monstrous hash is only paid back, and then it goes on.
    let mut throttle = Throttle::new();
    throttle.hashed(u64::MAX, 0);
    assert_eq!(throttle.check(Peer::Unix, 0), Admission::Wait(2000));
    let mut throttle = Throttle::new();
    throttle.hashed(5000, 5000);
    assert_eq!(throttle.check(Peer::Unix, 5000), Admission::Wait(2000));
    assert_eq!(throttle.check(Peer::Unix, 5000 + 16_000), Admission::Wait(1));
    assert_eq!(throttle.check(Peer::Unix, 5000 + 16_001), Admission::Go);
}

#[test]
fn a_burst_is_logged_once() {
    let mut throttle = Throttle::new();
    let peer = ip("192.0.2.1");
    assert_eq!(throttle.failed(peer, 1000), Report { log: true, untold: 0 });
    for n in 0..20 {
        assert_eq!(throttle.failed(peer, 1001 + n), Report { log: false, untold: 0 });
    }
    assert_eq!(throttle.failed(peer, 60_999), Report { log: false, untold: 0 });
    assert_eq!(throttle.failed(peer, 61_000), Report { log: true, untold: 21 });
    assert_eq!(throttle.failed(peer, 121_000), Report { log: true, untold: 0 });
    // Many addresses do not make many lines: ten at once, then one in six seconds.
    for start in [0, 10_000_000] {
        let mut throttle = Throttle::new();
        let lines = |throttle: &mut Throttle, from: usize, now| {
            (from..from + 500).filter(|&n| throttle.failed(nth(n), now).log).count()
        };
        assert_eq!(lines(&mut throttle, 0, start), 10, "at {start}");
        assert_eq!(lines(&mut throttle, 1000, start + 5_999), 0, "at {start}");
        assert_eq!(lines(&mut throttle, 2000, start + 66_000), if start == 0 { 1 } else { 10 });
        assert_eq!(lines(&mut throttle, 3000, start + 10_000_000), 10);
    }
}

#[test]
fn clocks_at_their_ends_do_no_harm() {
    let mut throttle = Throttle::new();
    let mut sessions = Sessions::new(86_400);
    for now in [u64::MAX, 0, u64::MAX - 1, 1] {
        throttle.failed(Peer::Unix, now);
        throttle.check(Peer::Unix, now);
        throttle.hashed(u64::MAX, now);
        throttle.succeeded(Peer::Unix, now);
        let id = sessions.open(Login::anybody(), Peer::Unix, [1; 16], now).expect("a place");
        assert!(sessions.touch(&id, Peer::Unix, now).is_ok());
        sessions.close(&id, Peer::Unix, now).expect("alive");
    }
}

#[test]
fn a_session_lives_while_it_is_used_and_not_longer() {
    let mut sessions = Sessions::new(10);
    let id = sessions.open(Login::anybody(), Peer::Unix, [0xa5; 16], 100).expect("a place");
    assert_eq!(&id, b"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
    let mut now = 100;
    for step in [0, 9_999, 9_999, 1] {
        now += step;
        assert!(sessions.touch(&id, Peer::Unix, now).is_ok(), "at {now}");
    }
    assert_eq!(sessions.touch(&id, Peer::Unix, now + 10_000), Err(Unknown));
    let other = sessions.open(Login::anybody(), Peer::Unix, [1; 16], now).expect("a place");
    assert_eq!(sessions.close(&other, Peer::Unix, now), Ok(()));
    assert_eq!(sessions.close(&other, Peer::Unix, now), Err(Unknown));
    assert_eq!(sessions.touch(&other, Peer::Unix, now), Err(Unknown));
}

#[test]
fn an_id_is_good_only_whole_and_from_its_own_address() {
    let mut sessions = Sessions::new(10);
    let random = [0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0a, 0xff];
    let peer = ip("2001:db8::1");
    let id = sessions.open(Login::anybody(), peer, random, 0).expect("a place");
    assert_eq!(&id, b"deadbeef000102030405060708090aff");
    assert!(sessions.touch(&id, peer, 0).is_ok());
    for cut in 0..id.len() {
        assert_eq!(sessions.touch(&id[..cut], peer, 0), Err(Unknown));
    }
    for index in 0..id.len() {
        for byte in [b'0', b'7', b'f', b'F', b'g', b'/', b':', b'`', 0, 0xff] {
            let mut changed = id;
            changed[index] = byte;
            assert_eq!(sessions.touch(&changed, peer, 0).is_ok(), changed == id, "{byte} at {index}");
        }
    }
    let longer = [&id[..], b"0"].concat();
    assert_eq!(sessions.touch(&longer, peer, 0), Err(Unknown));
    assert_eq!(sessions.touch(&id.to_ascii_uppercase(), peer, 0), Err(Unknown));
    // Another address of the same network is another address.
    for other in [ip("2001:db8::2"), ip("192.0.2.1"), ip("::1"), Peer::Unix] {
        assert_eq!(sessions.touch(&id, other, 0), Err(Unknown));
        assert_eq!(sessions.close(&id, other, 0), Err(Unknown));
    }
    // A place that was never used has an id of zeros: it must not be one.
    assert_eq!(sessions.touch(&[b'0'; 32], Peer::Unix, 0), Err(Unknown));
}

/// Opens a session with an id that no other has.
fn open(sessions: &mut Sessions, peer: Peer, now: u64) -> [u8; 32] {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut random = [0; 16];
    random[..4].copy_from_slice(&next.to_be_bytes());
    sessions.open(Login::anybody(), peer, random, now).expect("a place")
}

#[test]
fn those_who_are_not_kept_lose_all_their_sessions_and_nobody_else_any() {
    let hash = "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4";
    let users = Users::parse(format!("ann:{hash}\nbob:{hash}\n").as_bytes()).expect("a good file");
    let login = |user: &str| users.verify(user.as_bytes(), b"secret").expect("the right password");
    let mut sessions = Sessions::new(10);
    let mut open =
        |login: Login, id: u8, now_ms| sessions.open(login, Peer::Unix, [id; 16], now_ms).expect("a place");
    let expired = open(login("bob"), 1, 0);
    let ids = [("ann", 2), ("bob", 3), ("bob", 4)].map(|(user, id)| open(login(user), id, 5_000));
    // What had expired by then did not end now.
    assert_eq!(sessions.keep(&|login_then| *login_then != login("bob"), 10_000), 2);
    let alive = ids.map(|id| sessions.touch(&id, Peer::Unix, 10_000).is_ok());
    assert_eq!(alive, [true, false, false]);
    assert!(sessions.touch(&expired, Peer::Unix, 10_000).is_err());
    assert_eq!(sessions.keep(&|_| true, 10_000), 0);
    assert!(sessions.touch(&ids[0], Peer::Unix, 10_000).is_ok());
}

/// How many sessions are alive: as many as end when nobody is wanted any more.
fn alive(sessions: &Sessions, now_ms: u64) -> usize {
    sessions.clone().keep(&|_| false, now_ms)
}

#[test]
fn a_login_beyond_the_share_ends_what_was_unused_longest_of_its_own() {
    let mut sessions = Sessions::new(10);
    let other = open(&mut sessions, ip("192.0.2.9"), 0);
    let nth = |n: usize| ip(&format!("2001:db8::{n:x}"));
    let mine: Vec<[u8; 32]> =
        (0..SESSIONS_PER_ADDRESS).map(|n| open(&mut sessions, nth(n), n as u64)).collect();
    assert!(sessions.touch(&mine[0], nth(0), 100).is_ok());
    let more = open(&mut sessions, nth(0xaaaa), 101);
    assert_eq!(alive(&sessions, 101), SESSIONS_PER_ADDRESS + 1, "it is one network");
    assert_eq!(sessions.touch(&mine[1], nth(1), 102), Err(Unknown), "unused longest");
    for (n, id) in mine.iter().enumerate().filter(|(n, _)| *n != 1) {
        assert!(sessions.touch(id, nth(n), 102).is_ok(), "{n}");
    }
    assert!(sessions.touch(&more, nth(0xaaaa), 102).is_ok());
    assert!(sessions.touch(&other, ip("192.0.2.9"), 102).is_ok());
}

#[test]
fn where_all_is_taken_whoever_holds_most_gives_way() {
    let mut sessions = Sessions::new(10);
    let admin = open(&mut sessions, ip("192.0.2.200"), 0);
    // Addresses without end take what there is but for what is kept for the machine itself.
    for n in 0..200usize {
        open(&mut sessions, ip(&format!("192.0.2.{}", n % 5)), 1 + n as u64);
    }
    let remote = alive(&sessions, 300);
    assert!((SESSIONS / 2..SESSIONS).contains(&remote), "{remote} of {SESSIONS}");
    for (n, peer) in [Peer::Unix, ip("127.0.0.1"), ip("127.0.0.2"), ip("::1")].into_iter().enumerate() {
        open(&mut sessions, peer, 301);
        assert_eq!(alive(&sessions, 301), remote + n + 1, "{peer} takes nobody's place");
    }
    // A network of which there is none yet gets in, at the cost of one of those that hold most, and so does a second.
    for n in [100, 101, 100] {
        open(&mut sessions, ip(&format!("192.0.2.{n}")), 302);
        assert!(sessions.touch(&admin, ip("192.0.2.200"), 302).is_ok(), "it holds only one");
    }
    // The machine itself gets as much as any, and more than is kept for it.
    let local: Vec<[u8; 32]> = (0..SESSIONS).map(|_| open(&mut sessions, Peer::Unix, 303)).collect();
    let lives = local.iter().filter(|&id| sessions.touch(id, Peer::Unix, 303).is_ok());
    let lives = lives.count();
    assert!((SESSIONS / 8 + 1..SESSIONS / 2).contains(&lives), "{lives} of {SESSIONS}");
    assert!(sessions.touch(local.last().expect("one"), Peer::Unix, 303).is_ok());
    assert!(sessions.touch(&admin, ip("192.0.2.200"), 303).is_ok());
}

/// A page with a login of its own, sixty times in ten seconds, and nobody who logs out.
#[test]
fn a_front_end_that_never_logs_out_is_served() {
    let mut sessions = Sessions::new(10);
    for n in 0..600u64 {
        let now = n * 166;
        let id = open(&mut sessions, ip("192.0.2.1"), now);
        assert!(sessions.touch(&id, ip("192.0.2.1"), now + 160).is_ok(), "page {n}");
    }
}

#[test]
fn a_long_reply_does_not_outlive_its_session() {
    let mut sessions = Sessions::new(10);
    let peer = ip("192.0.2.1");
    let id = open(&mut sessions, peer, 0);
    let handle = sessions.touch(&id, peer, 5_000).expect("alive");
    // It took half a minute, and time begins anew at its end.
    sessions.renew(handle, 35_000);
    assert!(sessions.touch(&id, peer, 44_999).is_ok());
    // One that was closed, or whose place another got, is not called back.
    let handle = sessions.touch(&id, peer, 45_000).expect("alive");
    sessions.close(&id, peer, 45_001).expect("alive");
    sessions.renew(handle, 45_002);
    assert_eq!(sessions.touch(&id, peer, 45_003), Err(Unknown));
    let others: Vec<[u8; 32]> = (0..SESSIONS).map(|_| open(&mut sessions, Peer::Unix, 45_004)).collect();
    sessions.renew(handle, 54_000);
    for id in others {
        assert_eq!(sessions.touch(&id, Peer::Unix, 55_004), Err(Unknown), "another's is not renewed");
    }
}

#[test]
fn names_in_the_log_can_forge_nothing() {
    for (name, expected) in [
        (&b"admin"[..], "admin"),
        (b"", ""),
        (b"two words", "two words"),
        (b"a\nrctd: info: all is well", "a\\x0arctd: info: all is well"),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"\"quoted\" 'too' \\", "\\x22quoted\\x22 \\x27too\\x27 \\x5c"),
        ("é".as_bytes(), "\\xc3\\xa9"),
        (b"\x00\x7f\xff", "\\x00\\x7f\\xff"),
    ] {
        assert_eq!(printable(name).as_str(), expected);
    }
    for byte in 0..=255u8 {
        for length in 0..200 {
            let name = vec![byte; length];
            let text = printable(&name);
            assert!(text.len() <= LOG_NAME_BYTES);
            assert!(text.bytes().all(|byte| (b' '..0x7f).contains(&byte)));
            let size = if text.starts_with('\\') { 4 } else { 1 };
            let whole = length * size <= LOG_NAME_BYTES - 3;
            assert!(!whole || text.len() == length * size, "{byte} {length}");
            assert!(whole || text.ends_with("..."), "{byte} {length}");
        }
    }
    assert_eq!(printable(&[b'x'; LOG_NAME_BYTES - 3]).as_str(), "x".repeat(LOG_NAME_BYTES - 3));
    assert_eq!(printable(&[b'x'; LOG_NAME_BYTES - 2]).as_str(), "x".repeat(LOG_NAME_BYTES - 3) + "...");
}
