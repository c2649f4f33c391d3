//! Filters as text and in words: against the same as Structs, every kind of term, every error with its place.
use super::flows::{context, table};
use super::random::Random;
use super::wishes::{Want, Wish, all_fields, greatest, kind, quantity, wanted, written};
use crate::conntrack::flow::Flow;
use crate::limits::{ALTERNATIVES, CONDITIONS, FILTER_TEXT_BYTES};
use crate::query::field::{FieldId, FieldKind};
use crate::query::filter::{Filter, Input};
use heapless::String as Sentence;

fn parsed(text: &str) -> Filter {
    let mut filter = Filter::new();
    filter.add_text(text).unwrap_or_else(|e| panic!("{text}: {}", e.sentence(text)));
    filter
}

fn in_words(filter: &Filter) -> String {
    let mut words = Sentence::<2000>::new();
    filter.explain(&mut words);
    words.as_str().to_owned()
}

/// A filter from values as a Struct has them.
fn from_struct(members: &[(&str, &[&str])]) -> Filter {
    let mut filter = Filter::new();
    for (name, elements) in members {
        filter.condition(FieldId::named(name).expect("a field")).expect("room");
        elements.iter().for_each(|text| filter.or(Input::Text(text)).expect("a value"));
        filter.close().expect("a value");
    }
    filter
}

const ALIASES: [(&str, &str); 16] = [
    ("src", "orig_src"),
    ("dst", "orig_dst"),
    ("sport", "orig_port_src"),
    ("dport", "orig_port_dst"),
    ("rsrc", "repl_src"),
    ("rdst", "repl_dst"),
    ("rsport", "repl_port_src"),
    ("rdport", "repl_port_dst"),
    ("proto", "orig_l4proto"),
    ("family", "orig_l3proto"),
    ("state", "tcp_state"),
    ("is", "status"),
    ("up", "orig_rate"),
    ("down", "repl_rate"),
    ("user", "username"),
    ("uid", "user_id"),
];

/// A condition with one element as a term of a text.
fn term(wish: &Wish, random: &mut Random) -> String {
    let element = &wish.elements[0];
    let alias = ALIASES.iter().find(|a| a.1 == wish.name).filter(|_| random.one_in(2));
    let name = alias.map_or(wish.name, |alias| alias.0);
    let (negation, op) = match (element.negated, random.below(4)) {
        (true, 0) => ("", "!="),
        (true, n) => (["!", "-", "not "][n - 1], random.pick(&[":", "="])),
        (false, 0) => (random.pick(&["!", "-"]), "!="),
        (false, _) => ("", random.pick(&[":", "="])),
    };
    if let ([Want::Numbers(low, high)], ":" | "=") = (&element.wants[..], op) {
        let bound = match (*low, *high) {
            (low, high) if high == greatest(wish.name) && low > 0 && random.one_in(2) => {
                format!(">{}", quantity(low - 1, random))
            }
            (low, high) if high == greatest(wish.name) => format!(">={}", quantity(low, random)),
            (0, high) if random.one_in(2) => format!("<{}", quantity(high + 1, random)),
            (0, high) => format!("<={}", quantity(high, random)),
            _ => String::new(),
        };
        if !bound.is_empty() {
            return format!("{negation}{name}{bound}");
        }
    }
    let values: Vec<String> = element.wants.iter().map(|want| written(wish.name, want, random)).collect();
    let quoted = values.iter().map(|v| if random.one_in(4) { format!("\"{v}\"") } else { v.clone() });
    format!("{negation}{name}{op}{}", quoted.collect::<Vec<_>>().join(","))
}

#[test]
fn a_text_matches_what_it_says() {
    let (flows, mut random, context) = (table(51, 100), Random::new(51), context());
    let (mut hits, mut misses) = (0, 0);
    for _ in 0..3000 {
        let some = random.pick(&flows);
        let wishes: Vec<Wish> = (0..1 + random.below(4))
            .map(|_| {
                let mut wish = Wish::random(random.pick(&all_fields()), &some, &mut random);
                wish.elements.truncate(1);
                wish
            })
            .collect();
        let terms: Vec<String> = wishes.iter().map(|wish| term(wish, &mut random)).collect();
        let text = terms.join(random.pick(&[" ", "  ", "\t", "\n "]));
        let filter = parsed(&text);
        for flow in &flows {
            let matches = filter.matches(flow, &context);
            assert_eq!(matches, wanted(&wishes, flow), "{text} {wishes:?} {flow:?}");
            if matches { hits += 1 } else { misses += 1 }
        }
    }
    assert!(hits > 20_000 && misses > 20_000, "{hits} and {misses}: a test of nothing");
}

/// Each text, and the same as a Struct has it.
#[test]
fn texts_and_the_structs_that_they_are() {
    type Members<'a> = &'a [(&'a str, &'a [&'a str])];
    let cases: &[(&str, Members)] = &[
        ("", &[]),
        (" \t\r\n ", &[]),
        ("192.168.1.5 !port:53,123", &[("host", &["192.168.1.5"]), ("port", &["!53,123"])]),
        (
            "src:192.168.1.0/24 !src:192.168.1.15 dport:443",
            &[
                ("orig_src", &["192.168.1.0/24"]),
                ("orig_src", &["!192.168.1.15"]),
                ("orig_port_dst", &["443"]),
            ],
        ),
        ("192.168.1.5:443", &[("host", &["192.168.1.5"]), ("port", &["443"])]),
        ("192.168.1.5:https", &[("host", &["192.168.1.5"]), ("port", &["443"])]),
        ("[2001:db8::1]:443", &[("host", &["2001:db8::1"]), ("port", &["443"])]),
        ("[2001:db8::1]", &[("host", &["2001:db8::1"])]),
        (
            "tcp state:syn_sent is:unreplied",
            &[("orig_l4proto", &["6"]), ("tcp_state", &["1"]), ("status", &["0/2"])],
        ),
        ("is:nat !is:offloaded", &[("status", &["!0/0x30"]), ("status", &["0/0xc000"])]),
        ("dport:80,443,8000-8100", &[("orig_port_dst", &["80", "443", "8000-8100"])]),
        ("bytes:1M-10M timeout>=60", &[("bytes", &["1000000-10000000"]), ("timeout", &["60-"])]),
        ("orig_counter_bytes>1Gi", &[("orig_counter_bytes", &["1073741825-"])]),
        ("bytes<1k packets<=1Ki", &[("bytes", &["0-999"]), ("packets", &["0-1024"])]),
        ("bytes>=2G !bytes>3Mi", &[("bytes", &["2000000000-"]), ("bytes", &["!3145729-"])]),
        ("timeout:100000-", &[("timeout", &["100000-4294967295"])]),
        ("mark:0x100/0x3f00", &[("mark", &["0x100/0x3f00"])]),
        ("mark=1,2/3", &[("mark", &["1", "2/3"])]),
        ("src:10.0.0.5-10.0.0.9", &[("orig_src", &["10.0.0.5-10.0.0.9"])]),
        ("family:4", &[("orig_l3proto", &["2"])]),
        ("family:6,ipv4", &[("orig_l3proto", &["10", "2"])]),
        ("orig_l3proto:4", &[("orig_l3proto", &["4"])]),
        ("proto:icmp6,gre,esp,41", &[("orig_l4proto", &["58", "47", "50", "41"])]),
        ("helper:ftp,sip", &[("helper", &["ftp", "sip"])]),
        ("helper:\"a, \u{e4} !b\" user:\"\"", &[("helper", &["a, \u{e4} !b"]), ("username", &[""])]),
        ("helper!=ftp", &[("helper", &["!ftp"])]),
        ("!helper!=ftp", &[("helper", &["ftp"])]),
        ("not dport=443", &[("orig_port_dst", &["!443"])]),
        ("not  \t udp", &[("orig_l4proto", &["!17"])]),
        ("-port:53", &[("port", &["!53"])]),
        ("-53", &[("port", &["!53"])]),
        ("443", &[("port", &["443"])]),
        ("0x50", &[("port", &["80"])]),
        ("8000-8100", &[("port", &["8000-8100"])]),
        ("60000-", &[("port", &["60000-65535"])]),
        ("10.0.0.0/8", &[("host", &["10.0.0.0/8"])]),
        ("!10.0.0.5-10.0.0.9", &[("host", &["!10.0.0.5-10.0.0.9"])]),
        ("fe80::1", &[("host", &["fe80::1"])]),
        ("-fe80::/10", &[("host", &["!fe80::/10"])]),
        ("UDP", &[("orig_l4proto", &["17"])]),
        ("ESTABLISHED", &[("tcp_state", &["3"])]),
        ("!assured", &[("status", &["!4/4"])]),
        ("hardware", &[("status", &["0x8000/0x8000"])]),
        ("https", &[("port", &["443"])]),
        ("!dns", &[("port", &["!53"])]),
        ("id:7 zone:1 use:2", &[("id", &["7"]), ("zone", &["1"]), ("use", &["2"])]),
        ("rsrc:10.0.0.1 rdport:1", &[("repl_src", &["10.0.0.1"]), ("repl_port_dst", &["1"])]),
    ];
    let (flows, context) = (table(52, 300), context());
    for (text, members) in cases {
        let (a, b) = (parsed(text), from_struct(members));
        for flow in &flows {
            assert_eq!(a.matches(flow, &context), b.matches(flow, &context), "{text} {members:?} {flow:?}");
        }
        assert_eq!(a.needs(), b.needs(), "{text}");
        assert_eq!(a.is_empty(), members.is_empty(), "{text}");
    }
}

/// Of each field, by its name and by its alias, the same.
#[test]
fn every_field_has_its_name_in_a_text() {
    let value = |name: &str| match kind(name) {
        FieldKind::Ipv6 => "2001:db8::1",
        FieldKind::Ipv4 | FieldKind::Ip => "10.0.0.1",
        FieldKind::End => "[2001:db8::1]:80",
        FieldKind::Word => "both",
        FieldKind::Text | FieldKind::Part => "ftp",
        _ => "1",
    };
    for name in all_fields() {
        let expected = in_words(&from_struct(&[(name, &[value(name)])]));
        assert_eq!(in_words(&parsed(&format!("{name}:{}", value(name)))), expected);
        for (alias, _) in ALIASES.iter().filter(|alias| alias.1 == name) {
            assert_eq!(in_words(&parsed(&format!("{alias}:{}", value(name)))), expected, "{alias}");
        }
    }
}

/// "Not this address and this port" is the complement of "this address and this port", on any side.
#[test]
fn an_endpoint_is_an_address_and_a_port() {
    let context = context();
    let mut seen = [0; 4];
    for port in ["443", "1024", "22"] {
        for host in ["10.0.0.1", "10.0.1.4"] {
            let both = parsed(&format!("{host}:{port}"));
            let negated = parsed(&format!("tcp !{host}:{port} 10.0.0.0/16"));
            let (with_host, with_port) = (parsed(host), parsed(port));
            let rest = parsed("tcp 10.0.0.0/16");
            for flow in table(53, 300) {
                let matches = |filter: &Filter| filter.matches(&flow, &context);
                let expected = matches(&with_host) && matches(&with_port);
                assert_eq!(matches(&both), expected, "{flow:?}");
                assert_eq!(matches(&negated), !expected && matches(&rest), "{flow:?}");
                seen[usize::from(matches(&with_host)) * 2 + usize::from(matches(&with_port))] += 1;
            }
        }
    }
    assert!(seen.iter().all(|&n| n > 20), "{seen:?}");
}

/// What is wrong, where, and how the sentence begins.
const WRONG: &[(&str, usize, usize, &str)] = &[
    ("prot:tcp", 0, 4, "unknown field prot at 0: did you mean proto?"),
    ("tcp !Src:10.0.0.1", 5, 3, "unknown field Src at 5: did you mean src?"),
    ("orig_prt_dst=5", 0, 12, "unknown field orig_prt_dst at 0: did you mean orig_port_dst?"),
    ("colour:red", 0, 6, "unknown field colour at 0; the fields are src dst sport dport"),
    ("raet5:5", 0, 5, "unknown field raet5 at 0; the fields are"),
    ("printer", 0, 7, "printer at 0 is no address, network, port, protocol, state, service or flag"),
    (
        "!htps",
        1,
        4,
        "htps at 1 is no address, network, port, protocol, state, service or flag: did you mean https?",
    ),
    ("tcp, udp", 0, 4, "tcp, at 0: a list needs a field before it, as in port:80,443"),
    ("!!tcp", 1, 4, "!tcp at 1 is no address"),
    ("not !tcp", 4, 4, "!tcp at 4 is no address"),
    ("10.0.0.300", 0, 10, "10.0.0.300 at 0 is no address"),
    ("10.0.0.0/33", 0, 11, "10.0.0.0/33 at 0 is no address"),
    ("10.0.0.9-10.0.0.1", 0, 17, "10.0.0.9-10.0.0.1 at 0 is no address"),
    ("2001:db8::x", 0, 11, "2001:db8::x at 0 is no address"),
    ("[10.0.0.1]:80", 0, 13, "[10.0.0.1]:80 at 0 is no address"),
    ("[::1]80", 0, 7, "[::1]80 at 0 is no address"),
    ("[::1", 0, 4, "[::1 at 0 is no address"),
    ("80/tcp", 0, 6, "80/tcp at 0 is no address"),
    ("10.0.0.1:", 0, 9, "10.0.0.1: at 0 is not an integer from 0 to 65535"),
    ("10.0.0.1:99999", 0, 14, "10.0.0.1:99999 at 0 is not an integer from 0 to 65535"),
    ("70000", 0, 5, "70000 at 0 is not an integer from 0 to 65535"),
    ("5-4", 0, 3, "5-4 at 0 is not an integer"),
    (":80", 0, 3, ":80 at 0 is no address"),
    (
        "dport:80,x",
        9,
        1,
        "x at 9 is not an integer from 0 to 65535 or a range such as \"1024-2048\", or one of ftp, ssh,",
    ),
    (
        "proto:tpc",
        6,
        3,
        "tpc at 6 is not an integer from 0 to 255 or a range such as \"1-17\", or one of TCP, UDP,",
    ),
    ("is:asured", 3, 6, "asured at 3 is not an unsigned 32-bit integer, a range, or value/mask"),
    ("state:\"x y\"", 6, 5, "\"x y\" at 6 is not an integer from 0 to 255"),
    ("src:10.0.0.1,::g", 13, 3, "::g at 13 is not an address, a network"),
    ("mark:3/2", 5, 3, "3/2 at 5 has bits outside its mask, so nothing could match"),
    ("dport:", 6, 0, "a value is missing at 6"),
    ("dport:80,", 9, 0, "a value is missing at 9"),
    ("dport:80, 443", 9, 0, "a value is missing at 9"),
    ("dport: 80", 6, 0, "a value is missing at 6"),
    ("dport:!80", 6, 1, "the ! at 6 stands before a value; put it before the field, as in !port:80,443"),
    ("helper:ftp,!sip", 11, 1, "the ! at 11 stands before a value"),
    ("tcp !", 4, 1, "nothing follows the negation at 4"),
    ("- tcp", 0, 1, "nothing follows the negation at 0"),
    ("not", 0, 3, "nothing follows the negation at 0"),
    ("tcp not ", 4, 4, "nothing follows the negation at 4"),
    ("helper:\"a b", 7, 4, "the quoted text at 7 has no end"),
    ("helper:\"a\"b", 10, 1, "a space or a comma is missing at 10, behind the quoted text"),
    ("src>10.0.0.1", 0, 3, "src at 0 is no number; only numbers are compared with < and >"),
    ("!user<=x", 1, 4, "user at 1 is no number"),
    ("bytes>1,2", 7, 1, "the comma at 7: < and > take one number"),
    ("bytes>x", 6, 1, "x at 6 is not an unsigned integer"),
    ("dport>65536", 6, 5, "65536 at 6 is not an integer from 0 to 65535"),
    ("dport>65535", 6, 5, "no value of the field is beyond 65535 at 6"),
    ("bytes<0", 6, 1, "no value of the field is beyond 0 at 6"),
    ("bytes>18446744073709551615", 6, 20, "no value of the field is beyond 18446744073709551615 at 6"),
    ("nat:source", 4, 6, "source at 4 is not one of src, dst, both"),
    ("nat:1", 4, 1, "1 at 4 is not one of src, dst, both"),
    ("nat_src:10.0.0.1:", 8, 9, "10.0.0.1: at 8 is not an address and a port"),
    ("nat_src:10.0.0.1:+1", 8, 11, "10.0.0.1:+1 at 8 is not an address and a port"),
    ("nat_dst:[::1]53", 8, 7, "[::1]53 at 8 is not an address and a port"),
    ("bytes><1", 6, 2, "<1 at 6 is not an unsigned integer"),
    ("\u{e4}:1", 0, 4, "\u{e4}:1 at 0 is no address"),
    ("name:\"\"", 5, 2, "\"\" at 5 is not a part of a host's name, a string that is not empty"),
    ("name>x", 0, 4, "name at 0 is no number"),
];

#[test]
fn what_is_wrong_and_where() {
    for &(text, at, len, begins) in WRONG {
        let error = Filter::new().add_text(text).expect_err(text);
        let sentence = error.sentence(text).to_string();
        assert_eq!(error.range(), at..at + len, "{text}: {sentence}");
        assert!(sentence.starts_with(begins), "{text}: {sentence}");
    }
}

/// A long word is shown with an ellipsis, a list of all fields names each that is there.
#[test]
fn sentences_of_errors_are_short_and_complete() {
    let text = "\u{e4}".repeat(200);
    let sentence = Filter::new().add_text(&text).expect_err("a word").sentence(&text).to_string();
    assert!(sentence.starts_with(&format!("{}… at 0 is no", "\u{e4}".repeat(40))), "{sentence}");
    let text = "colour:1";
    let sentence = Filter::new().add_text(text).expect_err("no field").sentence(text).to_string();
    let names: Vec<&str> = sentence.split(' ').collect();
    for name in all_fields().into_iter().chain(ALIASES.iter().map(|a| a.0)) {
        assert!(names.contains(&name), "{name} in {sentence}");
    }
}

#[test]
fn capacities_of_a_text() {
    let repeated = |term: &str, n: usize| vec![term; n].join(" ");
    let filter = parsed(&repeated("80", CONDITIONS));
    assert!(!filter.is_empty());
    for (text, at) in [
        (repeated("80", CONDITIONS + 1), CONDITIONS * 3),
        (repeated("use:1", CONDITIONS + 1), CONDITIONS * 6),
        (format!("port:{}", vec!["1"; ALTERNATIVES + 1].join(",")), 5 + ALTERNATIVES * 2),
        (format!("{} 1.2.3.4:5", repeated("80", CONDITIONS - 1)), (CONDITIONS - 1) * 3),
    ] {
        let error = Filter::new().add_text(&text).expect_err(&text);
        let sentence = error.sentence(&text).to_string();
        assert_eq!(error.range().start, at, "{text}: {sentence}");
        assert!(
            sentence.contains("more than there is room for: at most 24 terms and 64 values"),
            "{sentence}"
        );
    }
    parsed(&format!("port:{}", vec!["1"; ALTERNATIVES].join(",")));
    let longest = format!("helper:{}", "x".repeat(FILTER_TEXT_BYTES - 7));
    parsed(&longest);
    let longer = format!("{longest}x");
    let error = Filter::new().add_text(&longer).expect_err("too long");
    assert_eq!(error.sentence(&longer).to_string(), "the filter is longer than 512 bytes");
    assert_eq!(error.range(), 0..0);
    assert_eq!(Filter::new().add_text(&" ".repeat(FILTER_TEXT_BYTES)).err().map(|e| e.range()), None);
}

#[test]
fn filters_in_words() {
    for (text, words) in [
        ("", "every connection"),
        (
            "tcp src:192.168.1.0/24 dport:443 !src:192.168.1.15",
            "TCP, from 192.168.1.0/24, to port 443, not from 192.168.1.15",
        ),
        ("dst:10.0.0.1,10.0.0.5-10.0.0.9", "to 10.0.0.1 or 10.0.0.5-10.0.0.9"),
        ("!dst:10.0.0.1,::/0", "neither to 10.0.0.1 nor ::/0"),
        (
            "sport:1024- rsport<2 rdport!=7",
            "from port 1024 or more, answered from port 0-1, not answered to port 7",
        ),
        ("rsrc:10.0.0.1 rdst:::1", "answered from 10.0.0.1, answered to ::1"),
        ("proto:udp,icmp6,253", "UDP or ICMPv6 or orig_l4proto 253"),
        ("!proto:udp,tcp", "neither UDP nor TCP"),
        ("!proto:253,tcp", "neither orig_l4proto 253 nor TCP"),
        ("repl_l4proto:tcp,udp", "repl_l4proto TCP or UDP"),
        ("family:4 repl_l3proto:10", "IPv4, IPv6"),
        ("state:syn_sent,close,12", "SYN_SENT or CLOSE or tcp_state 12"),
        ("nat:src,both !nat_dst:10.1.0.9:80", "nat src or both, not nat_dst 10.1.0.9 port 80"),
        ("nat_src:[2001:db8::1]:53,10.0.0.0/8", "nat_src 2001:db8::1 port 53 or 10.0.0.0/8"),
        ("unreplied !assured is:nat,snat", "unreplied, not assured, nat or snat"),
        ("status:0x30/0x30,4/4,5", "status 0x30/0x30 or assured or status 0x5"),
        ("mark:0x100/0x3f00,7,1-2", "mark 0x100/0x3f00 or 0x7 or 1-2"),
        ("bytes>1M timeout:60 zone:0-5", "bytes 1000001 or more, timeout 60, zone 0-5"),
        ("https", "port 443"),
        ("10.0.0.1:80", "host 10.0.0.1, port 80"),
        ("udp !10.0.0.1:80 99", "UDP, not both host 10.0.0.1 and port 80, port 99"),
        ("helper:ftp,\"a b\" !user:\u{e4}", "helper \"ftp\" or \"a b\", not username \"\u{e4}\""),
        ("helper:\"!a\",a\"b", "helper \"!a\" or \"a\\u{22}b\""),
        ("id:5", "id 5"),
        ("name:print,\"a b\" !name:x", "name with \"print\" or \"a b\", not name with \"x\""),
        ("!orig_src_name:x", "not orig_src_name \"x\""),
    ] {
        assert_eq!(in_words(&parsed(text)), words, "{text}");
    }
    for (elements, words) in [
        (&["!1", "2"][..], "not port 1 or port 2"),
        (&["1", "!2,3"][..], "port 1 or neither port 2 nor 3"),
        (&["1", "!2", "3,4"][..], "port 1 or not port 2 or port 3 or 4"),
        (&["!1,2", "!3,4"][..], "neither port 1 nor 2 or neither port 3 nor 4"),
    ] {
        assert_eq!(in_words(&from_struct(&[("port", elements)])), words, "{elements:?}");
    }
    let hostile = in_words(&from_struct(&[("helper", &["\u{1b}[2Ja\u{9b}\n"])]));
    assert_eq!(hostile, "helper \"\\u{1b}[2Ja\\u{9b}\\u{a}\"");
    let forged = in_words(&from_struct(&[("helper", &["a\", from 192.0.2.1 or \\"])]));
    assert_eq!(forged, "helper \"a\\u{22}, from 192.0.2.1 or \\u{5c}\"");
}

/// A sentence that does not fit ends in "…" and is the beginning of the whole; one that fits is whole.
#[test]
fn words_are_cut_visibly() {
    let filter = parsed("helper:\u{e4}\u{e4}\u{e4} tcp");
    let whole = "helper \"\u{e4}\u{e4}\u{e4}\", TCP";
    fn cut<const N: usize>(filter: &Filter, whole: &str) -> usize {
        let mut words = Sentence::<N>::try_from(&"old"[..N.min(3)]).expect("room");
        filter.explain(&mut words);
        let beginning = words.strip_suffix('…');
        assert!(words == whole || N < 3 || beginning.is_some_and(|b| whole.starts_with(b)), "{N}: {words}");
        assert!(N >= 3 || words.is_empty(), "{N}: {words}");
        words.len()
    }
    assert_eq!(cut::<0>(&filter, whole), 0);
    assert_eq!(cut::<2>(&filter, whole), 0);
    assert_eq!(cut::<3>(&filter, whole), 3);
    assert_eq!(cut::<4>(&filter, whole), 4);
    assert_eq!(cut::<12>(&filter, whole), 11, "no half a letter");
    assert_eq!(cut::<13>(&filter, whole), 13);
    assert_eq!(cut::<22>(&filter, whole), 22);
    assert_eq!(cut::<23>(&filter, whole), whole.len());
}

/// What a flow is tested with says nothing of others.
#[test]
fn a_flow_without_anything() {
    let (nothing, context) = (Flow::default(), context());
    assert!(!parsed("bytes>=0").matches(&nothing, &context));
    assert!(parsed("!bytes>=0 !tcp -10.0.0.1:80").matches(&nothing, &context));
}
