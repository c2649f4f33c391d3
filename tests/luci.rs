//! luci-app-rctd: its access-control list and wrapper against what a browser may send, its pages in Debian's chromium before a
//! stand-in of LuCI and a real daemon, and its files by the rules of LuCI's feed.
#![cfg(feature = "shell")]
mod common;
mod luci {
    pub mod support;
}
use common::browser::{browser, modules, script};
use common::daemon::Daemon;
use common::flows::{Flow, L4};
use common::inserter::Inserter;
use common::json::{self, Json};
use common::namespace::{Namespace, in_namespace};
use common::traffic::Stream;
use common::{has_program, skip, traffic};
use luci::support::{Stand, acl, allowed, app, join, root};
use std::net::{IpAddr, Ipv6Addr};
use std::process::Command;

/// What a word of a browser may look like: options, patterns, what a shell would act upon, ends of lines, none of these.
const WORDS: &[&str] = &[
    "--connect=unix:/tmp/x",
    "--connect",
    "--help",
    "-h",
    "--",
    "-",
    "$(id)",
    "`id`",
    "; id",
    "| id",
    "&& id",
    ">/tmp/x",
    "a\nb",
    "*",
    "?",
    "[a-z]",
    "\\",
    "\"",
    "'",
    "~",
    "$HOME",
    "%s%n",
    "=",
    "src:10.0.0.0/8 !port:53",
    "é→",
    " ",
    "a  b",
    "#",
    "fields=id",
];

const READ: &[&str] = &["view", "summary", "explain", "stats", "log"];
const WRITE: &[&str] = &["kill", "kill_matching", "change", "passwd", "prepare", "grant"];

#[test]
fn every_pattern_is_a_method_of_the_wrapper_and_no_more() {
    let mut seen = Vec::new();
    for group in ["read", "write"] {
        for (pattern, rights) in acl(group) {
            if rights != ["exec"] {
                assert_eq!(
                    (group, pattern.as_str(), rights[0].as_str()),
                    ("write", "/var/run/rctd-luci/password", "write")
                );
                continue;
            }
            let method = pattern.strip_prefix("/usr/libexec/rctd-luci ").expect("the wrapper and a word");
            let word = method.strip_suffix(" *").unwrap_or(method);
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "fixed words only: {pattern}");
            seen.push((group, word.to_owned()));
        }
    }
    let mut wanted: Vec<_> = READ.iter().map(|word| ("read", (*word).to_owned())).collect();
    wanted.extend(WRITE.iter().map(|word| ("write", (*word).to_owned())));
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[test]
fn a_login_that_may_only_read_runs_no_method_that_writes() {
    // However the words are parted: the list sees them joined, the wrapper sees them apart.
    for method in READ.iter().chain(WRITE) {
        for word in WORDS {
            let line = join(&["/usr/libexec/rctd-luci", method, word]);
            let fixed = ["stats", "log", "grant", "prepare"].contains(method);
            assert_eq!(allowed(&["read"], &line), READ.contains(method) && !fixed, "{line:?}");
            assert_eq!(allowed(&["read", "write"], &line), !fixed, "{line:?}");
        }
    }
    for line in [
        "/usr/libexec/rctd-luci",
        "/usr/libexec/rctd-luci ",
        "/usr/libexec/rctd-luci view",
        "/usr/libexec/rctd-luci viewx 1",
        "/usr/libexec/rctd-luci stats --help",
        "/usr/libexec/rctd-luci  kill 1",
        "/usr/libexec/../libexec/rctd-luci view x",
        "/usr/sbin/rctd call -- kill 1",
        "/bin/sh -c id",
        "rctd-luci view x",
        "/usr/libexec/rctd-luci\nview x",
        "",
    ] {
        assert!(!allowed(&["read", "write"], line), "{line:?}");
    }
}

/// The wrapper, with a program in the daemon's place that tells what it was given.
fn told(shell: &[&str], words: &[&str]) -> (String, i32) {
    let stand = Stand::new();
    stand.rctd("for word in \"$@\"; do printf '<%s>' \"$word\"; done\n");
    let output = stand.run(shell, words);
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code().expect("a code"))
}

/// The shells that a wrapper is run by here: Debian's, and busybox's, which a router has.
fn shells() -> Vec<Vec<&'static str>> {
    let busybox = has_program("busybox");
    if !busybox {
        skip("busybox is not installed");
    }
    [vec!["/bin/sh"], vec!["busybox", "sh"]].into_iter().filter(|shell| busybox || shell.len() == 1).collect()
}

#[test]
fn a_word_of_the_browser_is_a_word_of_the_daemon() {
    for shell in shells() {
        for word in WORDS {
            for method in ["view", "summary", "explain", "kill", "kill_matching", "change"] {
                let wanted =
                    format!("<call><--connect><unix:/var/run/rctd/rctd.sock><--><{method}><{word}><x y>");
                assert_eq!(told(&shell, &[method, word, "x y"]), (wanted, 0), "{shell:?} {method} {word:?}");
            }
        }
    }
}

#[test]
fn what_is_no_method_is_refused_by_the_wrapper_too() {
    for shell in shells() {
        let fails: &[&[&str]] = &[
            &[],
            &[""],
            &["--help"],
            &["view kill"],
            &["view\nkill"],
            &["VIEW"],
            &["*"],
            &["vie?"],
            &["login"],
            &["set_autorefresh"],
            &["system.multicall"],
            &["stats", "--help"],
            &["log", "x"],
            &["grant", "x"],
            &["prepare", "x"],
            &["$(kill)"],
            &["passwd", "a", "b"],
            &["passwd", "--delete"],
            &["passwd", "a b"],
            &["passwd", "a\nroot"],
            &["passwd", "../a"],
            &["passwd", "luci"],
            &["passwd"],
            &["passwd", "admin"],
        ];
        for words in fails {
            let (said, code) = told(&shell, words);
            assert_eq!(code, 2, "{shell:?} {words:?}: {said}");
            let Json::Text(_) = json::parse(said.trim()).expect("JSON").get("failed").clone() else {
                panic!("{said}")
            };
        }
    }
}

#[test]
fn a_failure_is_json_whatever_was_said() {
    for shell in shells() {
        let stand = Stand::new();
        stand.rctd("printf '%b' 'rctd: fault 3: a \"b\" \\\\ c\\td\\ne\\001 \\303\\251' >&2; exit 3\n");
        let output = stand.run(&shell, &["view", "x"]);
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let told = json::parse(said.trim()).unwrap_or_else(|wrong| panic!("{wrong}: {said}"));
        assert_eq!(
            told.get("failed"),
            &Json::Text("rctd: fault 3: a \"b\" \\ c d e é".to_owned()),
            "{shell:?}"
        );
        assert_eq!(told.get("exit"), &Json::Number("3".to_owned()));
    }
}

#[test]
fn passwords_go_to_the_file_of_the_configuration_alone() {
    for shell in shells() {
        let stand = Stand::new();
        stand.real();
        for (auth, fine) in [
            ("file:@/users", true),
            ("none", true),
            ("file:@/users", true),
            ("file:/etc/shadow", false),
            ("file:@/../shadow", false),
            ("file:@/a/b", false),
            ("file:@/.x", false),
            ("file:@/", false),
            ("file:@/luci.secret", false),
            ("shadow", false),
            ("program:/bin/true", false),
            ("file:@/x y", false),
        ] {
            stand.uci("rctd.main.auth", &auth.replace('@', &stand.path("etc")));
            assert!(stand.run(&shell, &["prepare"]).status.success());
            std::fs::write(stand.path("run/password"), "s3cret <&>").expect("a file");
            let output = stand.run(&shell, &["passwd", "admin"]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(said.trim() == "true", fine, "{auth}: {said}");
            assert!(!std::path::Path::new(&stand.path("run/password")).exists(), "it is not left behind");
        }
        let users = std::fs::read_to_string(stand.path("etc/users")).expect("the users");
        assert!(
            users.starts_with("admin:$") && users.lines().count() == 1 && !users.contains("s3cret"),
            "{users}"
        );
        assert!(
            std::fs::read_to_string(stand.path("etc/passwd")).expect("those of none").starts_with("admin:$")
        );
        assert_eq!(
            std::fs::read_to_string(stand.path("reloads")).expect("reloads").lines().count(),
            2,
            "for each new file"
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(stand.path("run")).expect("a folder").permissions(),
        );
        assert_eq!(mode & 0o7777, 0o700);
    }
}

#[test]
fn luci_is_let_in_where_the_daemon_asks_for_a_password() {
    in_namespace(|_| {
        let stand = Stand::new();
        stand.real();
        let auth = format!("file:{}", stand.path("etc/users"));
        stand.uci("rctd.main.auth", &auth);
        let place = format!("unix:{}", stand.path("rctd.sock"));
        stand.uci("rctd.main.listen", &format!("127.0.0.1:0 {place} unix:/other"));
        common::passwords::set_password(std::path::Path::new(&stand.path("etc/users")), "admin", "pass");
        let _daemon = Daemon::start_on(&[&place], &["--auth", &auth]);
        let said = |words: &[&str]| String::from_utf8(stand.run(&["/bin/sh"], words).stdout).expect("UTF-8");
        assert!(said(&["stats"]).contains("fault -32602"), "{}", said(&["stats"]));
        assert_eq!(said(&["grant"]), "true\n");
        assert!(said(&["stats"]).starts_with("{\"count\":0"), "{}", said(&["stats"]));
        let secret = std::fs::metadata(stand.path("etc/luci.secret")).expect("the secret");
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&secret.permissions()) & 0o7777, 0o600);
        assert!(!std::path::Path::new(&stand.path("run/secret")).exists());
        // Where there is no password file to compare it with, it is not given away.
        stand.uci("rctd.main.auth", "shadow");
        stand.rctd("printf '%s' \"$*\"\n");
        assert!(!said(&["stats"]).contains("--user"), "{}", said(&["stats"]));
    });
}

/// Runs `test` with a stand where connections are tracked and counted and there is a browser.
fn in_a_browser(test: impl FnOnce(&Namespace, &Stand) + Send) {
    if !browser() {
        return;
    }
    in_namespace(|ns| match traffic::track(ns) {
        Ok(()) => {
            let stand = Stand::new();
            stand.real();
            stand.uci("rctd.main.listen", &format!("unix:{}", stand.path("rctd.sock")));
            test(ns, &stand);
        }
        Err(reason) => skip(&reason),
    });
}

fn socket(stand: &Stand) -> String {
    format!("unix:{}", stand.path("rctd.sock"))
}

/// Connections that the script looks for, by network: 10.1 is filtered, 10.2 and 10.3 are killed, 10.4 is changed, 10.5 has
/// hostile names, 10.7 is translated. All last long, so that none ends by itself.
fn table() -> Vec<Flow> {
    let far = [198, 51, 100, 1];
    let mut flows = Vec::new();
    for n in 0..40_u16 {
        let name_server = [192, 0, 2, if n < 20 { 53 } else { 54 }];
        flows.push(Flow::udp([10, 1, 0, (n % 4) as u8], 5000 + n, name_server, 53));
    }
    flows.extend((0..3).map(|n| Flow::tcp([10, 2, 0, 1], 6000 + n, far, 443)));
    flows.extend((0..12).map(|n| Flow::tcp([10, 3, 0, (n % 3) as u8], 7000 + n, far, 8080)));
    flows.push(Flow::tcp([10, 4, 0, 1], 9000, far, 443));
    let mut translated = Flow::tcp([10, 7, 0, 1], 9200, far, 443);
    translated.reply.dst = IpAddr::from([203, 0, 113, 9]);
    flows.push(translated);
    flows.extend((0..2).map(|n| Flow::tcp([10, 5, 0, 1], 9100 + n, far, 443)));
    flows.extend(
        (0..60).map(|n| Flow {
            timeout: 90_050 + u32::from(n),
            ..Flow::tcp([10, 6, 0, 1], 20_000 + n, far, 22)
        }),
    );
    flows
}

#[test]
fn the_page_of_connections() {
    in_a_browser(|ns, stand| {
        Inserter::new(ns).insert(&table());
        let busy = Stream::start(200_000);
        let _daemon = Daemon::start_on(&[&socket(stand)], &[]);
        script("luci", "connections.js", &[stand.wrapper(), stand.path("run"), busy.port.to_string()]);
    });
}

#[test]
fn a_daemon_that_is_stopped_and_started() {
    in_a_browser(|ns, stand| {
        Inserter::new(ns).insert(&table());
        script("luci", "stopped.js", &[stand.wrapper(), stand.path("run"), socket(stand)]);
    });
}

#[test]
fn a_daemon_that_asks_for_a_password() {
    in_a_browser(|ns, stand| {
        Inserter::new(ns).insert(&table());
        let auth = format!("file:{}", stand.path("etc/users"));
        stand.uci("rctd.main.auth", &auth);
        common::passwords::set_password(std::path::Path::new(&stand.path("etc/users")), "admin", "pass");
        let _daemon = Daemon::start_on(&[&socket(stand)], &["--auth", &auth]);
        script("luci", "login.js", &[stand.wrapper(), stand.path("run")]);
    });
}

#[test]
fn the_page_of_the_configuration() {
    in_a_browser(|_, stand| {
        let init =
            std::fs::read_to_string(root().join("openwrt/rctd/files/rctd.init")).expect("the init script");
        let body = init
            .split("uci_load_validate rctd rctd")
            .nth(1)
            .expect("its options")
            .split("\n}")
            .next()
            .expect("their end");
        let options: Vec<&str> =
            body.split('\'').skip(1).step_by(2).map(|one| one.split(':').next().expect("a name")).collect();
        assert!(options.len() > 10, "{options:?}");
        stand.log("rctd: error: <img src=x onerror=alert(1)> is no address");
        std::fs::create_dir_all(stand.path("run")).expect("a folder");
        script(
            "luci",
            "config.js",
            &[stand.wrapper(), stand.path("run"), options.join(","), stand.path("etc/passwd"), socket(stand)],
        );
    });
}

/// As many as routers take by default. Those that end last, the first page of the script, have all that a row can have, as
/// long as it can be: addresses, names, translations and marks.
#[test]
fn a_table_of_65536() {
    const MANY: u32 = 65_536;
    in_a_browser(|ns, stand| {
        let far = Ipv6Addr::new(0x2001, 0xdb8, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 0xffff, 0x1010);
        let translated = Ipv6Addr::new(0x2001, 0xdb8, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 0xffff, 0x2020);
        let near = |n: u32| {
            Ipv6Addr::new(0xfdaa, 0xaaaa, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 0x1000 | (n >> 16) as u16, n as u16)
        };
        let long = MANY - 100..MANY;
        let flows: Vec<Flow> = (0..MANY)
            .map(|n| {
                let ports = L4::Ports(10_000 + (n % 50_000) as u16, 44_444);
                let mut flow = Flow { timeout: 400_000 + n, ..Flow::new(6, near(n), far, ports) };
                if long.contains(&n) {
                    (flow.reply.src, flow.reply.dst, flow.mark) =
                        (translated.into(), translated.into(), u32::MAX);
                }
                flow
            })
            .collect();
        let mut inserter = Inserter::new(ns);
        inserter.insert(&flows);
        let names =
            long.map(|n| format!("{} {n:0>64}\n", near(n))).chain([format!("{far} {:0>64}\n", "far")]);
        std::fs::write(stand.path("hosts"), names.collect::<String>()).expect("names");
        let daemon = Daemon::start_on(&[&socket(stand)], &["--hosts", &stand.path("hosts")]);
        script("luci", "large.js", &[stand.wrapper(), stand.path("run")]);
        drop(daemon);
        inserter.flush();
    });
}

fn text(path: &str) -> String {
    let path = app().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_package_by_the_rules_of_its_feed() {
    for name in
        ["root/usr/share/luci/menu.d/luci-app-rctd.json", "root/usr/share/rpcd/acl.d/luci-app-rctd.json"]
    {
        let text = text(name);
        // A name that comes twice is no JSON to this reader.
        json::parse(&text).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        assert!(
            text.ends_with("}\n")
                && text.lines().all(|line| line == line.trim_end() && !line.starts_with("  ")),
            "{name}: tabs"
        );
        for view in text.lines().filter_map(|line| line.trim().strip_prefix("\"path\": \"")) {
            let file = format!("htdocs/luci-static/resources/view/{}.js", view.trim_end_matches(['"', ',']));
            assert!(app().join(&file).is_file(), "{name}: {file}");
        }
    }
    let checked = Command::new(root().join("tests/luci/check_package")).arg(app()).output().expect("python3");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    if has_program("shellcheck") {
        let checked = Command::new("shellcheck")
            .arg(app().join("root/usr/libexec/rctd-luci"))
            .output()
            .expect("shellcheck");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    } else {
        skip("shellcheck is not installed");
    }
}

#[test]
fn the_scripts_by_the_rules_of_eslint() {
    if !has_program("node") || !modules().join("eslint").is_dir() {
        return skip("eslint is not installed: .ci/run install");
    }
    let mut lint = Command::new("node");
    lint.arg(modules().join("eslint/bin/eslint.js")).arg("--no-config-lookup").arg("--config");
    lint.arg(root().join("tests/luci/eslint.config.cjs")).arg("--max-warnings=0").arg("--no-ignore");
    lint.arg("openwrt/luci-app-rctd/htdocs").current_dir(root()).env("NODE_PATH", modules());
    let output = lint.output().expect("eslint");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
