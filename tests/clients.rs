//! Independent XML-RPC libraries in seven languages against the daemon: each logs in, pages, filters, kills and changes,
//! checks what it is told, and the kernel's table is checked after it. The programs are in `tests/clients/`.
mod common;
use common::daemon::Daemon;
use common::dump::dump;
use common::flows::Flow;
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::raw::Address;
use common::{has_program, row, skip};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A client of about 40 calls is done in a second; interpreters start slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn python_xmlrpc_client() {
    script("python3", &["-c", "import xmlrpc.client"], "client.py");
}

#[test]
fn php_xmlrpc_extension() {
    script("php", &["-r", "exit(extension_loaded('xmlrpc') ? 0 : 1);"], "client.php");
}

#[test]
fn perl_rpc_xml() {
    script("perl", &["-MRPC::XML::Client", "-e", "1"], "client.pl");
}

#[test]
fn ruby_xmlrpc() {
    script("ruby", &["-e", "require 'xmlrpc/client'"], "client.rb");
}

/// A library that reads a reply only by its Content-Length.
#[test]
fn tcl_xmlrpc() {
    // Its interpreter takes no program on the command line.
    let folder = Folder::new();
    let probe = folder.path().join("probe.tcl");
    std::fs::write(&probe, "package require xmlrpc\n").expect("a script");
    script("tclsh", &[&probe.display().to_string()], "client.tcl");
}

/// A library that sends no Content-Type. `.ci/run install` puts it where it is looked for.
#[test]
fn javascript_davexmlrpc() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/javascript/node_modules");
    let mut command = Command::new("node");
    command.env("NODE_PATH", &modules);
    run_script(command, &["-e", "require('davexmlrpc')"], "client.js");
}

#[test]
fn c_xmlrpc_core() {
    if !has_program("gcc") {
        return skip("gcc is not installed");
    }
    let folder = Folder::new();
    let program = folder.path().join("client");
    let mut compile = Command::new("gcc");
    compile.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source("client.c"));
    let compiled = compile.args(["-lxmlrpc", "-lxmlrpc_util"]).output().expect("gcc to run");
    let said = String::from_utf8_lossy(&compiled.stderr);
    if said.contains("xmlrpc-c/base.h: No such file") {
        return skip("libxmlrpc-core-c3-dev is not installed");
    }
    assert!(compiled.status.success(), "client.c does not compile: {said}");
    let_it_work(Command::new(program));
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Runs a script, if its interpreter is there and has the library, which `probe` makes it tell.
fn script(interpreter: &str, probe: &[&str], name: &str) {
    run_script(Command::new(interpreter), probe, name);
}

/// The same with an interpreter that has been told something already.
fn run_script(mut command: Command, probe: &[&str], name: &str) {
    let interpreter = command.get_program().to_string_lossy().into_owned();
    if !has_program(&interpreter) {
        return skip(&format!("{interpreter} is not installed"));
    }
    let mut probing = Command::new(&interpreter);
    probing.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let probed = probing.args(probe).stdin(Stdio::null()).stderr(Stdio::null()).status();
    if !probed.is_ok_and(|status| status.success()) {
        return skip(&format!("{interpreter} is without its XML-RPC library"));
    }
    command.arg(source(name));
    let_it_work(command);
}

/// 200 TCP connections from ports 1000 on and 50 UDP ones from 2000 on, as the clients know them.
fn table() -> Vec<Flow> {
    let tcp = (0..200).map(|n: u16| Flow {
        timeout: 100_000 + 100 * u32::from(n),
        mark: u32::from(n % 4),
        ..Flow::tcp([10, 0, 0, (n % 10) as u8], 1000 + n, [192, 0, 2, 1], 443)
    });
    let udp = (0..50).map(|n: u16| Flow {
        timeout: 50_000 + 100 * u32::from(n),
        mark: 3_000_000_000,
        ..Flow::udp([10, 0, 1, 1], 2000 + n, [192, 0, 2, 53], 53)
    });
    tcp.chain(udp).collect()
}

fn let_it_work(mut command: Command) {
    in_namespace(move |ns| {
        Inserter::new(ns).insert(&table());
        let daemon = Daemon::start(&[]);
        let Address::Tcp(address) = daemon.address() else { panic!("TCP") };
        command.args([address.ip().to_string(), address.port().to_string()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let in_time = wait(&mut child);
        let output = child.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(in_time, "{command:?} hangs: {said}");
        assert!(output.status.success() && said.contains("fine"), "{command:?}: {said}");
        check_what_it_did();
    });
}

/// Waits for its end, or kills it.
fn wait(child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if child.try_wait().expect("its state").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("to be killed");
    false
}

/// Three are gone, one has another mark, one another timeout, and the rest is what it was.
fn check_what_it_did() {
    let by_port: BTreeMap<u64, _> =
        dump().into_iter().map(|row| (row::int(&row, "orig_port_src").expect("a port"), row)).collect();
    let left: Vec<u64> = by_port.keys().copied().collect();
    let expected: Vec<u64> = (1003..1200).chain(2000..2050).collect();
    assert_eq!(left, expected, "by their ports");
    for (port, row) in by_port {
        let mark = match port {
            1003 => 3_000_000_001,
            1000..2000 => port % 4,
            _ => 3_000_000_000,
        };
        assert_eq!(row::int(&row, "mark"), Some(mark), "port {port}");
        let timeout = row::int(&row, "timeout").expect("a timeout");
        assert_eq!((4900..=5000).contains(&timeout), port == 1004, "port {port} has {timeout} seconds");
    }
}
