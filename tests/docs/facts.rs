//! The tables of the documentation against the program: each procedure, field, fault, status, limit and option is there,
//! and none that is not.
use crate::blocks::{programs, read};
use rctd::http;
use rctd::limits;
use rctd::query::field::{FIELDS, Scope};
use rctd::query::filter::Filter;
use rctd::rpc::fault::Code;
use rctd::rpc::procedures::PROCEDURES;
use std::collections::{BTreeMap, BTreeSet};

/// The part of docs/API.md under a heading, up to the next one of its rank.
fn section(title: &str) -> String {
    let api = read("docs/API.md");
    let heading = format!("\n## {title}\n");
    let (_, after) = api.split_once(&heading).unwrap_or_else(|| panic!("docs/API.md has no section {title}"));
    after.split("\n## ").next().unwrap_or_default().to_owned()
}

/// The cells of a text's tables, a row each, without the bars.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("|-")).map(cells).collect()
}

/// What stands between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_procedure_is_described_and_shown() {
    let procedures = section("Procedures");
    let described: BTreeSet<&str> = procedures.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let known: BTreeSet<&str> = PROCEDURES.iter().map(|procedure| procedure.name).collect();
    assert_eq!(described, known, "described (left) and known (right)");
    for (language, call) in [("python", "rctd.NAME("), ("php", "(\"NAME\"")] {
        let text: String = programs("docs/API.md", language).into_iter().map(|block| block.text).collect();
        for name in &known {
            // Python's library has an object of its own for this one.
            let call = match (*name, language) {
                ("system.multicall", "python") => "xmlrpc.client.MultiCall(rctd)".to_owned(),
                _ => call.replace("NAME", name),
            };
            assert!(text.contains(&call), "no example in {language} has {call}");
        }
    }
}

#[test]
fn every_field_is_described() {
    let fields = section("Fields");
    let tables = fields.split("\n### ").next().unwrap_or_default();
    let mut described = BTreeMap::new();
    for row in rows(tables) {
        for name in names(&row[0]) {
            let scope = match row.last().map(String::as_str) {
                Some("no") => Scope::Filter,
                Some("yes") => Scope::Sort,
                _ => Scope::Row,
            };
            described.insert(name.to_owned(), scope);
        }
    }
    let known: BTreeMap<String, Scope> = FIELDS.iter().map(|f| (f.name.to_owned(), f.scope)).collect();
    assert_eq!(described, known, "described (left) and known (right)");
}

/// The texts of the table of filter texts say something, each, and every short name that is listed is one.
#[test]
fn filter_texts_are_understood() {
    let text = section("Filter text");
    let read = |text: &str| {
        let mut filter = Filter::new();
        filter.add_text(text).unwrap_or_else(|error| panic!("{}", error.sentence(text)));
        assert!(!filter.is_empty(), "{text}");
    };
    let shown: Vec<String> =
        rows(&text).iter().flat_map(|row| names(&row[0]).map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(shown.len() > 20, "only {shown:?}");
    shown.iter().for_each(|text| read(text));
    let (_, fields) = text.split_once("**Fields**").expect("the short names");
    let short: Vec<&str> = names(fields.split("\n- ").next().unwrap_or_default()).collect();
    assert!(short.len() > 12, "only {short:?}");
    for name in short {
        // A value that a field of this name takes, whichever it is.
        let value = if matches!(name, "src" | "dst" | "rsrc" | "rdst") { "192.0.2.1" } else { "6" };
        let value = if name == "is" { "0x2" } else { value };
        read(&format!("{name}:{value}"));
    }
}

#[test]
fn every_fault_and_status_is_described() {
    let codes: BTreeSet<i32> =
        rows(&section("Faults")).iter().filter_map(|row| row[0].parse().ok()).collect();
    let known = Code::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(codes, known, "described (left) and known (right)");
    let described: BTreeSet<u16> =
        rows(&section("HTTP errors")).iter().filter_map(|row| row[0].parse().ok()).collect();
    let known = http::Error::ALL.iter().map(|error| error.status().code()).collect();
    assert_eq!(described, known, "described (left) and known (right)");
}

/// Every limit that README and API name has the value they give: the first number in the row's second cell.
#[test]
fn limits_are_what_the_tables_say() {
    let known = known_limits();
    for (file, text, least) in [("docs/API.md", section("Limits"), 25), ("README.md", read("README.md"), 15)]
    {
        let mut compared = 0;
        for row in rows(&text).iter().filter(|row| row.len() > 1) {
            let Some(name) = names(&row[0]).find(|name| is_constant(name)) else { continue };
            let said = row[1].split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse().ok());
            let value = known.get(name).copied();
            assert!(value.is_some(), "{file}: {name} is not in the list below");
            assert_eq!(said, value, "{file}: {name}");
            compared += 1;
        }
        assert!(compared >= least, "{file}: only {compared} limits are compared");
    }
}

fn is_constant(name: &str) -> bool {
    name.len() > 3 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// Names and values of limits.
macro_rules! limits {
    ($($name:ident,)+) => {
        BTreeMap::from([$((stringify!($name), u64::try_from(limits::$name).expect("a limit")),)+])
    };
}

/// The limits that the tables may name.
fn known_limits() -> BTreeMap<&'static str, u64> {
    limits![
        ALTERNATIVES,
        ALTERNATIVES_A_FIELD,
        ARGUMENT_BYTES,
        ATTRIBUTES,
        BLOCK_ROWS,
        BODY_BYTES,
        BODY_MS,
        CLIENTS,
        CLIENTS_LOCAL,
        CLIENTS_PER_ADDRESS,
        CONDITIONS,
        DUMP_BYTES,
        FILTER_TEXT_BYTES,
        GROUPS,
        HASH_ROUNDS,
        HEAD_BYTES,
        HEAD_FIELDS,
        HEAD_MS,
        HOST_NAMES,
        IDLE_MS,
        IGNORED_NETS,
        INPUT_BYTES,
        KILL_IDS,
        LABELS,
        LAN_NETS,
        LARGE_BODIES,
        WAITING_ROOM,
        ROOM_MS,
        LISTENERS,
        METHOD_NAME_BYTES,
        METRICS_HOSTS,
        METRICS_NETS,
        MOST_BYTES,
        MOST_RATE_FLOWS,
        MOST_SNAPSHOT_FLOWS,
        NAME_FILES,
        NAME_FILE_BYTES,
        NESTING,
        ONE_NAME_BYTES,
        OUTPUT_BYTES,
        PARAMS,
        PASSWD_USERS,
        PASSWORD_BYTES,
        QUERY_BLOCKS,
        RATE_FLOW_BYTES,
        ROW_BLOCKS,
        SESSIONS,
        SESSIONS_PER_ADDRESS,
        SNAPSHOT_FLOW_BYTES,
        STREAMS,
        STREAM_BYTES,
        USERS,
        WAIT_MS,
        WRITE_MS,
    ]
}

#[test]
fn the_readme_has_every_option() {
    let readme = read("README.md");
    let said: BTreeSet<String> =
        rows(&readme).iter().flat_map(|row| names(&row[0]).map(str::to_owned).collect::<Vec<_>>()).collect();
    let options = rctd::cli::HELP.lines().filter_map(|line| {
        let line = line
            .trim_start()
            .trim_start_matches("-l, ")
            .trim_start_matches("-V, ")
            .trim_start_matches("-h, ");
        line.starts_with("--").then(|| line.split(' ').next().unwrap_or_default())
    });
    for option in options {
        let there = said.iter().any(|said| said.split([' ', ',']).any(|word| word == option));
        assert!(there, "no table of README.md has {option}");
    }
}
