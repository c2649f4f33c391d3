//! The layers of the program, held by reading what each file of `src/` names of the others: uses point down only, the parts
//! of a module go round in no circle, and each library has one owner.
mod source;

use source::{Source, is_word, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules of the program from the top down, and what each may use. What is used stands further down.
const LAYERS: &[(&str, &str)] = &[
    ("main", "cli client config log passwd_cmd server sys"),
    ("cli", "client config web passwd_cmd auth query http xmlrpc syntax charset limits log sys"),
    ("passwd_cmd", "auth limits log sys"),
    (
        "server",
        "config name_files rpc http auth peer quota query xmlrpc syntax conntrack metrics stats address out charset limits log sys",
    ),
    ("client", "config name_files rpc query syntax conntrack address bytes out cut charset limits log sys"),
    ("name_files", "config query limits log sys"),
    ("config", "address auth peer query http xmlrpc syntax limits log sys"),
    ("web", "http"),
    ("rpc", "cut auth peer quota query xmlrpc syntax conntrack metrics stats address out limits log sys"),
    ("metrics", "stats query http conntrack address out limits"),
    ("stats", "conntrack"),
    ("auth", "peer quota base64 out limits log sys"),
    ("quota", "peer limits"),
    ("peer", "address"),
    ("query", "cut conntrack address limits"),
    ("http", "bytes charset out limits"),
    ("xmlrpc", "syntax base64 address out charset limits"),
    ("syntax", "address out charset limits"),
    ("conntrack", "log out limits"),
    ("log", "sys"),
    ("address", "out"),
    ("base64", ""),
    ("bytes", ""),
    ("charset", ""),
    ("out", ""),
    ("cut", ""),
    ("limits", ""),
    ("sys", ""),
];

/// The libraries, and the one place in `src/` that knows each.
const OWNERS: &[(&str, &str)] = &[
    ("base64ct", "src/auth/ src/base64.rs"),
    ("heapless", "src/"),
    ("httparse", "src/http/"),
    // Numbers such as errnos are everybody's, system calls are not: see `only_sys_calls_the_system`.
    ("libc", "src/"),
    ("mio", "src/server/"),
    ("netlink_packet_core", "src/conntrack/"),
    ("netlink_packet_netfilter", "src/conntrack/"),
    ("netlink_sys", "src/conntrack/"),
    ("pico_args", "src/cli.rs src/cli/"),
    ("sha1_smol", "src/auth/"),
    ("sha_crypt", "src/auth/"),
    ("xmlparser", "src/xmlrpc/"),
];

/// A module's path: `[]` is the crate's root, `["query", "field"]` is in `src/query/field.rs`.
type Module = Vec<String>;

/// What a file names.
struct Use {
    file: String,
    line: usize,
    /// The module that has it.
    by: Module,
    /// As far as it is written: `["crate", "query", "field", "Kind"]`.
    path: Vec<String>,
}

impl Use {
    fn place(&self) -> String {
        format!("{}:{}: `{}`", self.file, self.line, self.path.join("::"))
    }
}

/// The program: its modules, and what they name.
struct Program {
    modules: BTreeSet<Module>,
    uses: Vec<Use>,
    /// What a module has from another and gives on, be it to its own parts alone: the name, and where it comes from.
    given_on: BTreeMap<(Module, String), Module>,
}

impl Program {
    fn new(sources: &[Source]) -> Program {
        let modules = sources.iter().map(|source| module_of(&source.file)).collect();
        let uses = sources.iter().flat_map(uses).collect();
        let mut program = Program { modules, uses, given_on: BTreeMap::new() };
        for source in sources.iter() {
            let by = module_of(&source.file);
            let trees = statements(&source.code).into_iter().map(|(start, end)| &source.code[start..end]);
            for (_, path) in trees.flat_map(|text| tree(text, 0)) {
                let (Some(to), Some(name)) = (program.module(&by, &path), path.last()) else { continue };
                program.given_on.insert((by.clone(), name.clone()), to);
            }
        }
        program
    }

    /// The module in which what `by` names with this path is. `None` if it is in another crate, or no module's.
    fn module(&self, by: &Module, path: &[String]) -> Option<Module> {
        let first = path.first()?.as_str();
        let child = |parent: &Module, name: &str| {
            let child: Module = parent.iter().cloned().chain([name.to_owned()]).collect();
            self.modules.contains(&child).then_some(child)
        };
        let mut rest = path.iter().skip(1).peekable();
        let mut at = match first {
            "crate" | "rctd" => Module::new(),
            "self" => by.clone(),
            "super" => parent(by)?,
            name => child(by, name)?,
        };
        while rest.next_if(|segment| *segment == "super").is_some() {
            at = parent(&at)?;
        }
        while let Some(inner) = rest.peek().and_then(|segment| child(&at, segment)) {
            at = inner;
            rest.next();
        }
        let name = rest.next().cloned().unwrap_or_default();
        Some(self.given_on.get(&(at.clone(), name)).cloned().unwrap_or(at))
    }

    /// Uses of other modules, each with the one in which what is used is.
    fn resolved(&self) -> impl Iterator<Item = (&Use, Module)> {
        self.uses.iter().filter_map(|found| Some((found, self.module(&found.by, &found.path)?)))
    }
}

fn parent(module: &Module) -> Option<Module> {
    module.split_last().map(|(_, parent)| parent.to_vec())
}

/// `src/query/field.rs` is query::field, `src/query/mod.rs` is query. `main.rs`, a crate of its own, is taken for a module.
fn module_of(file: &str) -> Module {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let names = path.split('/').filter(|name| !["lib", "mod"].contains(name));
    names.map(str::to_owned).collect()
}

/// Everything that a file names by a path.
fn uses(source: &Source) -> Vec<Use> {
    let by = module_of(&source.file);
    let named =
        |at: usize, path| Use { file: source.file.clone(), line: source.line(at), by: by.clone(), path };
    let mut code = source.code.clone().into_bytes();
    let mut found = Vec::new();
    for (start, end) in statements(&source.code) {
        found.extend(tree(&source.code[start..end], start).into_iter().map(|(at, path)| named(at, path)));
        code[start..end].fill(b' ');
    }
    let code = String::from_utf8(code).expect("blanks in place of whole statements");
    found.extend(paths(&code).into_iter().map(|(at, path)| named(at, path)));
    found
}

/// Where the trees of `use` statements begin and end.
fn statements(code: &str) -> Vec<(usize, usize)> {
    let begins = source::words(code, "use").map(|at| at + 3);
    begins.map(|at| (at, at + code[at..].find(';').unwrap_or_default())).collect()
}

/// The paths of a `use` tree, such as ` a::{b, c::{self, d as e}}`, and where each ends.
fn tree(text: &str, start: usize) -> Vec<(usize, Vec<String>)> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let mut path: Vec<String> = Vec::new();
    let (mut at, mut renamed) = (0, false);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'{' => open.push(path.len()),
            b',' | b'}' => {
                let depth = open.last().copied().unwrap_or_default();
                if path.len() > depth {
                    found.push((start + at, path.clone()));
                }
                // Behind a closing brace the group's own prefix is used up as well.
                path.truncate(depth);
                renamed = false;
                if bytes[at] == b'}' {
                    open.pop();
                    path.truncate(open.last().copied().unwrap_or_default());
                }
            }
            byte if is_word(byte) => {
                let length = bytes[at..].iter().take_while(|&&byte| is_word(byte)).count();
                match &text[at..at + length] {
                    "as" => renamed = true,
                    "self" if !path.is_empty() => found.push((start + at, path.clone())),
                    _ if renamed => (),
                    word => path.push(word.to_owned()),
                }
                at += length - 1;
            }
            _ => (),
        }
        at += 1;
    }
    if !path.is_empty() {
        found.push((start + text.trim_end().len(), path));
    }
    found
}

/// Paths of at least two segments in code, and where each begins.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let bytes = code.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let (begin, mut path) = (at, Vec::new());
        loop {
            let length = bytes[at..].iter().take_while(|&&byte| is_word(byte)).count();
            path.push(code[at..at + length].to_owned());
            at += length;
            let goes_on =
                code[at..].starts_with("::") && bytes.get(at + 2).is_some_and(|&byte| is_word(byte));
            if !goes_on {
                break;
            }
            at += 2;
        }
        // Behind a `::` of its own it is a part of a longer path, such as `<T as A>::b::c`.
        if path.len() > 1 && !code[..begin].ends_with("::") {
            found.push((begin, path));
        }
    }
    found
}

/// What is wrong with the layers, a sentence for each use.
fn wrong_layers(program: &Program) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    for (found, to) in program.resolved() {
        let (Some(by), Some(to)) = (found.by.first(), to.first()) else { continue };
        let row = LAYERS.iter().find(|(module, _)| module == by);
        match row {
            _ if by == to => {}
            None => {
                wrong.insert(format!("module {by} has no row in the table of layers (tests/layers.rs)"));
            }
            Some((_, may)) if may.split(' ').any(|module| module == to) => {}
            Some((_, may)) => {
                let may = if may.is_empty() { "nothing" } else { may };
                wrong.insert(format!("{}: {by} may not use {to}, only: {may}", found.place()));
            }
        }
    }
    wrong.into_iter().collect()
}

/// The circles among the parts of each module: its files, and its folders taken as one each. What a part names of the
/// module around it, or that one of its parts, is none: they are one subject.
fn circles(program: &Program) -> Vec<String> {
    let mut edges: BTreeMap<Module, BTreeMap<(String, String), &Use>> = BTreeMap::new();
    for (found, to) in program.resolved() {
        let common = found.by.iter().zip(&to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (found.by.get(common), to.get(common)) {
            let folder = edges.entry(to[..common].to_vec()).or_default();
            folder.entry((a.clone(), b.clone())).or_insert(found);
        }
    }
    let circles = edges.iter().filter_map(|(folder, edges)| {
        let circles = components(edges.keys());
        let sentences = circles.iter().map(|circle| {
            let inside = edges.iter().filter(|((a, b), _)| circle.contains(a) && circle.contains(b));
            let uses: Vec<String> =
                inside.map(|((a, b), found)| format!("  {a} uses {b}: {}", found.place())).collect();
            let names: Vec<&str> = circle.iter().map(String::as_str).collect();
            let of = if folder.is_empty() { "the crate".to_owned() } else { folder.join("::") };
            format!("{} of {of} use each other in a circle:\n{}", names.join(", "), uses.join("\n"))
        });
        (!circles.is_empty()).then(|| sentences.collect::<Vec<_>>().join("\n"))
    });
    circles.collect()
}

/// The strongly connected components of more than one part: each part with those that it reaches and is reached by.
fn components<'a>(edges: impl Iterator<Item = &'a (String, String)> + Clone) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &str| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(at) = next.pop() {
            let steps = edges.clone().filter(|(a, b)| *a == at && !reached.contains(b));
            let steps: Vec<String> = steps.map(|(_, b)| b.clone()).collect();
            reached.extend(steps.iter().cloned());
            next.extend(steps);
        }
        reached
    };
    let all: BTreeSet<String> = edges.clone().map(|(a, _)| a.clone()).collect();
    let reaches: BTreeMap<&String, BTreeSet<String>> = all.iter().map(|part| (part, reached(part))).collect();
    let round = all.iter().filter(|part| reaches[part].contains(*part));
    let component = |part: &String| {
        let mates =
            reaches[part].iter().filter(|mate| reaches.get(mate).is_some_and(|back| back.contains(part)));
        mates.cloned().collect()
    };
    round.map(component).collect()
}

/// Uses of libraries outside the place that owns them.
fn wrong_owners(program: &Program) -> Vec<String> {
    let mut wrong = Vec::new();
    for found in &program.uses {
        let owner =
            OWNERS.iter().find(|(library, _)| found.path.first().is_some_and(|first| first == library));
        let Some((library, places)) = owner else { continue };
        if !places.split(' ').any(|place| found.file.starts_with(place)) {
            wrong.push(format!("{}: only {places} may use {library}", found.place()));
        }
        // A system call, or a type of one, rather than a number.
        let is_number =
            |name: &String| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let is_call = *library == "libc" && !found.path.get(1).is_some_and(is_number);
        if is_call && !found.file.starts_with("src/sys") {
            wrong.push(format!(
                "{}: only src/sys calls the system, others have libc's numbers",
                found.place()
            ));
        }
    }
    wrong
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn uses_point_down() {
    assert_none(&wrong_layers(&Program::new(&sources())));
}

#[test]
fn parts_of_a_module_go_round_in_no_circle() {
    assert_none(&circles(&Program::new(&sources())));
}

#[test]
fn each_library_has_one_owner() {
    assert_none(&wrong_owners(&Program::new(&sources())));
}

/// The table itself points down, has each module of the program, and each library of Cargo.toml has an owner.
#[test]
fn the_tables_are_right() {
    for (row, (module, may)) in LAYERS.iter().enumerate() {
        for used in may.split(' ').filter(|used| !used.is_empty()) {
            let below = LAYERS[row + 1..].iter().any(|(module, _)| *module == used);
            assert!(below, "{module} may use {used}, which stands in no row below it");
        }
    }
    let program = Program::new(&sources());
    for module in program.modules.iter().filter(|module| module.len() == 1) {
        let known = LAYERS.iter().any(|(known, _)| *known == module[0]);
        assert!(known, "module {} has no row in the table of layers (tests/layers.rs)", module[0]);
    }
    let cargo = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let cargo = std::fs::read_to_string(cargo).expect("Cargo.toml");
    let (_, dependencies) = cargo.split_once("\n[dependencies]\n").expect("dependencies");
    let lines = dependencies.lines().take_while(|line| !line.starts_with('['));
    let libraries: BTreeSet<String> =
        lines.filter_map(|line| line.split_once(" =")).map(|(name, _)| name.replace('-', "_")).collect();
    let owned: BTreeSet<String> = OWNERS.iter().map(|(library, _)| library.to_string()).collect();
    assert_eq!(owned, libraries, "libraries with an owner (left), and those of Cargo.toml (right)");
    for library in &owned {
        let used = program.uses.iter().any(|found| found.path.first() == Some(library));
        assert!(used, "nothing in src/ uses {library}: Cargo.toml need not have it");
    }
}

/// A program of these files.
fn program(files: &[(&str, &str)]) -> Program {
    Program::new(&files.iter().map(|(file, text)| Source::new(file, text)).collect::<Vec<_>>())
}

/// The checks above see what they look for, however it is written, and nothing else.
#[test]
fn what_is_wrong_is_found() {
    let good = [
        (
            "src/lib.rs",
            "pub mod http;\npub mod out;\npub mod limits;\npub mod xmlrpc;\npub mod rpc;\npub mod server;",
        ),
        ("src/out.rs", "pub struct Out;"),
        ("src/limits.rs", "pub const MOST: usize = 1;"),
        (
            "src/http/mod.rs",
            "pub mod body;\npub mod head;\npub use head::{Head, self};\nuse body::Body;\nfn f() -> Body {}",
        ),
        (
            "src/http/head.rs",
            "use crate::{limits::{self, MOST}, out::Out as Output};\nuse super::f;\npub struct Head(Output);",
        ),
        (
            "src/http/body.rs",
            "// use crate::xmlrpc::Value;\nuse super::Head;\nconst TEXT: &str = \"crate::rpc::Engine\";\npub struct Body;",
        ),
        ("src/xmlrpc/mod.rs", "pub mod value;"),
        (
            "src/xmlrpc/value.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::http::Head;\n}\npub struct Value;",
        ),
        (
            "src/rpc/mod.rs",
            "use crate::xmlrpc::value::Value;\nuse libc::{EPERM, ENOENT};\nfn f() { g(libc::EIO) }",
        ),
        ("src/server/mod.rs", "use crate::rpc::f;\nuse mio::{Poll, unix::SourceFd};"),
    ];
    let clean = program(&good);
    assert_none(&[wrong_layers(&clean), circles(&clean), wrong_owners(&clean)].concat());
    // Each of these is wrong in one way: what is reported, and where.
    for (file, text, place, says) in [
        ("src/http/mod.rs", "\nuse crate::xmlrpc::value;", "src/http/mod.rs:2:", "http may not use xmlrpc"),
        (
            "src/http/mod.rs",
            "use crate::{\n    limits::MOST,\n    xmlrpc::value::{Value},\n};",
            "src/http/mod.rs:3:",
            "http may not use xmlrpc",
        ),
        (
            "src/http/head.rs",
            "fn f() {\n    crate::rpc::f();\n}",
            "src/http/head.rs:2:",
            "http may not use rpc",
        ),
        (
            "src/http/head.rs",
            "fn f(x: super::super::rpc::X) {}",
            "src/http/head.rs:1:",
            "http may not use rpc",
        ),
        ("src/out.rs", "use crate::limits;", "src/out.rs:1:", "only: nothing"),
        ("src/page.rs", "use crate::out::Out;", "page", "has no row"),
        (
            "src/http/head.rs",
            "pub struct Head(super::body::Body);",
            "src/http/body.rs:2:",
            "body, head of http use each other",
        ),
        (
            "src/http/head.rs",
            "use super::Body;\npub struct Head;",
            "src/http/head.rs:1:",
            "body, head of http use each other",
        ),
        (
            "src/http/head.rs",
            "use xmlparser::Token;",
            "src/http/head.rs:1:",
            "only src/xmlrpc/ may use xmlparser",
        ),
        (
            "src/rpc/mod.rs",
            "fn f() {\n    mio::Poll::new()\n}",
            "src/rpc/mod.rs:2:",
            "only src/server/ may use mio",
        ),
        ("src/rpc/mod.rs", "fn f() { libc::getpid() }", "src/rpc/mod.rs:1:", "only src/sys calls"),
        (
            "src/rpc/mod.rs",
            "use libc::{EPERM, stat};",
            "src/rpc/mod.rs:1: `libc::stat`",
            "only src/sys calls",
        ),
    ] {
        let mut files: Vec<(&str, &str)> = good.into_iter().filter(|(known, _)| *known != file).collect();
        files.push((file, text));
        let program = program(&files);
        let wrong = [wrong_layers(&program), circles(&program), wrong_owners(&program)].concat();
        assert_eq!(wrong.len(), 1, "{file} {text}: {wrong:?}");
        assert!(wrong[0].contains(place) && wrong[0].contains(says), "{file} {text}: {wrong:?}");
    }
}
